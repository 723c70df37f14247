//! Carries one mail to its server: the part of the wire that speaks SMTP. What comes back is the server's code and words as
//! a small JSON answer, so that a mail connector reads it like any other.

use std::time::Duration;

use base64::Engine as _;
use leadloop_connector_api::{Answer, Mail, Request};
use lettre::message::header::ContentType;
use lettre::message::{Attachment, MultiPart, SinglePart};
use lettre::transport::smtp::authentication::Credentials;
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use serde_json::json;

use crate::wire::WireError;

type Transport = AsyncSmtpTransport<Tokio1Executor>;

/// Sends a mail and waits at most `timeout`.
pub(crate) async fn send(request: &Request, mail: &Mail, timeout: Duration) -> Result<Answer, WireError> {
    let not_sent = |detail: String| WireError { sent: false, detail };
    let message = match message(mail) {
        Ok(message) => message,
        // No server needs to be asked about an address that is none.
        Err(detail) => return Ok(answer(553, &detail)),
    };
    let transport = transport(request, timeout).map_err(not_sent)?;
    match tokio::time::timeout(timeout, transport.send(message)).await {
        Err(_) => Err(WireError { sent: true, detail: "the mail server did not answer in time".to_owned() }),
        Ok(Ok(response)) => {
            let words: Vec<&str> = response.message().collect();
            Ok(answer(response.code().into(), &words.join(" ")))
        }
        Ok(Err(error)) => match error.status() {
            Some(code) => Ok(answer(code.into(), &chain(&error))),
            None => {
                let detail = chain(&error);
                let sent = !(detail.starts_with("Connection error") || error.is_tls() || error.is_client());
                Err(WireError { sent, detail })
            }
        },
    }
}

/// The server's code as status, code and words as body.
fn answer(code: u16, words: &str) -> Answer {
    let words: String = words.chars().take(500).collect();
    Answer::with_body(code, "application/json", json!({ "code": code, "message": words }).to_string())
}

fn message(mail: &Mail) -> Result<Message, String> {
    let builder = Message::builder()
        .from(
            mail.from
                .parse()
                .map_err(|error| format!("the sender `{}` is no address: {error}", mail.from))?,
        )
        .to(mail.to.parse().map_err(|error| format!("the receiver is no address: {error}"))?)
        .subject(mail.subject.clone())
        .message_id(Some(format!("<{}>", mail.id)));
    let text = SinglePart::plain(mail.text.clone());
    let body = match &mail.html {
        Some(html) => MultiPart::alternative().singlepart(text).singlepart(SinglePart::html(html.clone())),
        None => MultiPart::mixed().singlepart(text),
    };
    let whole = mail.files.iter().fold(MultiPart::mixed().multipart(body), |whole, (name, kind, content)| {
        let kind = ContentType::parse(kind).unwrap_or(ContentType::TEXT_PLAIN);
        whole.singlepart(Attachment::new(name.clone()).body(content.clone(), kind))
    });
    builder.multipart(whole).map_err(|error| error.to_string())
}

/// The way to the server that the request's URL names. In the clear only on this machine.
fn transport(request: &Request, timeout: Duration) -> Result<Transport, String> {
    let url = url::Url::parse(&request.url).map_err(|error| format!("the mail server's address: {error}"))?;
    let host = url.host_str().ok_or("the mail server's address names no host")?;
    let builder = match url.scheme() {
        "smtps" => Transport::relay(host).map_err(|error| chain(&error))?,
        "smtp" if is_here(host) => Transport::builder_dangerous(host),
        "smtp" => Transport::starttls_relay(host).map_err(|error| chain(&error))?,
        other => return Err(format!("`{other}` is no way to send mail")),
    };
    let builder = match url.port() {
        Some(port) => builder.port(port),
        None => builder,
    };
    let builder = match credentials(request) {
        Some(credentials) => builder.credentials(credentials),
        None => builder,
    };
    Ok(builder.timeout(Some(timeout)).build())
}

fn is_here(host: &str) -> bool {
    matches!(host, "localhost" | "127.0.0.1" | "[::1]")
}

/// User and password, as the login put them into the request.
fn credentials(request: &Request) -> Option<Credentials> {
    let header = request.headers.iter().find(|(name, _)| name == "authorization")?;
    let pair = base64::engine::general_purpose::STANDARD.decode(header.1.strip_prefix("Basic ")?).ok()?;
    let pair = String::from_utf8(pair).ok()?;
    let (user, password) = pair.split_once(':')?;
    Some(Credentials::new(user.to_owned(), password.to_owned()))
}

/// The whole chain of causes in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}
