//! What proves the sender of a webhook.

use leadloop_connector_api::canary::Canary;
use leadloop_connector_api::settings::{Problem, ProblemKind, Settings};
use leadloop_connector_api::signature::{
    Algorithm, Encoding, TOLERANCE, encode, hmac, hmac_fits, is_recent, rotated, secret_fits,
    standard_webhooks, webhook_key,
};
use leadloop_connector_api::{Link, Push, Refusal};
use secrecy::SecretString;

/// What of the settings does not go together.
pub(super) fn check(settings: &Settings) -> Vec<Problem> {
    let kind = settings.text("signature").unwrap_or_default();
    let mut problems = Vec::new();
    let mut needs = |name: &str, there: bool| {
        if !there {
            problems.push(
                Problem::new(
                    "signature",
                    ProblemKind::Contradiction,
                    format!("`signature = \"{kind}\"` needs `{name}`"),
                )
                .with_help(if name == "secret" {
                    "secret = { env = \"…\" }".to_owned()
                } else {
                    format!("{name} = \"…\"")
                }),
            );
        }
    };
    let signed = settings.text("signed").unwrap_or_default();
    if kind != "none" {
        needs("secret", settings.secrets.contains_key("secret"));
    }
    if matches!(kind, "hmac" | "header") {
        needs("header", settings.text("header").is_some());
    }
    if kind == "hmac" && signed.contains("{timestamp}") {
        needs("timestamp_header", settings.text("timestamp_header").is_some());
    }
    if kind == "hmac" && signed.contains("{id}") {
        needs("id_header", settings.text("id_header").is_some());
    }
    if kind == "none" && settings.secrets.contains_key("secret") {
        problems.push(Problem::new(
            "signature",
            ProblemKind::Contradiction,
            "`signature = \"none\"` looks at no secret, but one is set",
        ));
    }
    if kind == "hmac" && !signed.contains("{body}") && !signed.contains("{bare_body}") {
        problems.push(Problem::new("signed", ProblemKind::NotAllowed, "what is signed has to hold {body}"));
    }
    problems
}

/// Checks the sender; gives the event id where the signature carries one.
pub(super) fn check_push<'a>(link: &Link, push: &'a Push) -> Result<Option<&'a str>, Refusal> {
    let kind = link.text("signature").unwrap_or("standard_webhooks");
    if kind == "none" {
        return Ok(link.text("id_header").and_then(|name| header(push, name)));
    }
    let secret = link.secret("secret").ok_or_else(|| {
        Refusal::Unsigned("this source has no secret set, so nobody can prove to be its sender".to_owned())
    })?;
    let tolerance = link.seconds("tolerance").unwrap_or(TOLERANCE);
    match kind {
        "standard_webhooks" => standard_webhooks(push, secret, tolerance)
            .map(Some)
            .map_err(|forged| Refusal::Unsigned(forged.to_string())),
        "header" => {
            let name = link.text("header").unwrap_or_default();
            let given = header(push, name).and_then(|value| strip_prefix(link, value));
            shared_secret(link, push, given, secret, &format!("the header `{name}`"))
        }
        "query" => {
            let name = link.text("parameter").unwrap_or("secret");
            let given = url::form_urlencoded::parse(push.query.as_bytes()).find(|(found, _)| found == name);
            let given = given.map(|(_, value)| value);
            shared_secret(link, push, given.as_deref(), secret, &format!("the query parameter `{name}`"))
        }
        _ => signed(link, push, secret),
    }
}

fn header<'a>(push: &'a Push, name: &str) -> Option<&'a str> {
    push.header(&name.to_ascii_lowercase())
}

fn strip_prefix<'a>(link: &Link, value: &'a str) -> Option<&'a str> {
    match link.text("prefix") {
        Some(prefix) => value.trim().strip_prefix(prefix),
        None => Some(value.trim()),
    }
}

fn shared_secret<'a>(
    link: &Link,
    push: &'a Push,
    given: Option<&str>,
    secret: &SecretString,
    place: &str,
) -> Result<Option<&'a str>, Refusal> {
    let given = given.ok_or_else(|| Refusal::Unsigned(format!("{place} is missing")))?;
    if rotated(secret).any(|key| secret_fits(given, &SecretString::from(key.to_owned()))) {
        Ok(link.text("id_header").and_then(|name| header(push, name)))
    } else {
        Err(Refusal::Unsigned(format!("{place} does not hold the secret of this source")))
    }
}

fn signed<'a>(link: &Link, push: &'a Push, secret: &SecretString) -> Result<Option<&'a str>, Refusal> {
    let unsigned = |detail: String| Err(Refusal::Unsigned(detail));
    let name = link.text("header").unwrap_or_default();
    let Some(given) = header(push, name) else {
        return unsigned(format!(
            "the header `{name}` is missing: the sender does not sign, or signs in another way"
        ));
    };
    let Some(given) = strip_prefix(link, given) else {
        return unsigned(format!(
            "the header `{name}` does not start with {:?}",
            link.text("prefix").unwrap_or_default()
        ));
    };
    let part = |setting: &str| link.text(setting).and_then(|name| header(push, name)).unwrap_or_default();
    let (time, id) = (part("timestamp_header"), part("id_header"));
    let template = link.text("signed").unwrap_or("{body}");
    if template.contains("{timestamp}") {
        let tolerance = link.seconds("tolerance").unwrap_or(TOLERANCE);
        is_recent(time, push.at, tolerance).map_err(|forged| Refusal::Unsigned(forged.to_string()))?;
    }
    let bare: Vec<u8> = push.body.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let parts = signed_parts(template, time, id, (&push.body, &bare));
    let (algorithm, encoding) = written(link);
    if rotated(secret).any(|key| hmac_fits(algorithm, encoding, key.as_bytes(), &parts, given)) {
        Ok(Some(id).filter(|id| !id.is_empty()))
    } else {
        unsigned(
            "the signature does not fit the body: the secret differs, or the body was changed on the way"
                .to_owned(),
        )
    }
}

/// Signs a push as its sender would.
pub(super) fn sign(link: &Link, canary: &Canary, mut push: Push) -> Push {
    let kind = link.text("signature").unwrap_or("standard_webhooks");
    let secret = link.secret("secret").and_then(|secret| rotated(secret).next()).unwrap_or_default();
    let named = |setting: &str| link.text(setting).map(str::to_ascii_lowercase);
    let time = canary.at.0.div_euclid(1_000_000).to_string();
    if let Some(name) = named("id_header") {
        push.headers.push((name, canary.id.clone()));
    }
    let prefix = link.text("prefix").unwrap_or_default();
    match kind {
        "none" => {}
        "standard_webhooks" => {
            let parts = [canary.id.as_bytes(), b".", time.as_bytes(), b".", &push.body];
            let key = webhook_key(secret).unwrap_or_default();
            let signature = encode(Encoding::Base64, &hmac(Algorithm::Sha256, &key, &parts));
            push.headers.push(("webhook-id".to_owned(), canary.id.clone()));
            push.headers.push(("webhook-timestamp".to_owned(), time));
            push.headers.push(("webhook-signature".to_owned(), format!("v1,{signature}")));
        }
        "header" => push.headers.extend(named("header").map(|name| (name, format!("{prefix}{secret}")))),
        "query" => {
            let mut pairs = url::form_urlencoded::Serializer::new(String::new());
            pairs.append_pair(link.text("parameter").unwrap_or("secret"), secret);
            push.query = pairs.finish();
        }
        _ => {
            let template = link.text("signed").unwrap_or("{body}");
            let bare: Vec<u8> =
                push.body.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
            let id = if link.text("id_header").is_some() { canary.id.as_str() } else { "" };
            let parts = signed_parts(template, &time, id, (&push.body, &bare));
            let (algorithm, encoding) = written(link);
            let signature = encode(encoding, &hmac(algorithm, secret.as_bytes(), &parts));
            push.headers.extend(named("timestamp_header").map(|name| (name, time.clone())));
            push.headers.extend(named("header").map(|name| (name, format!("{prefix}{signature}"))));
        }
    }
    push
}

/// By which hash and in which form a signature is written.
fn written(link: &Link) -> (Algorithm, Encoding) {
    let algorithm = if link.text("algorithm") == Some("sha1") { Algorithm::Sha1 } else { Algorithm::Sha256 };
    let encoding = if link.text("written_as") == Some("base64") { Encoding::Base64 } else { Encoding::Hex };
    (algorithm, encoding)
}

/// The bytes that are signed: the template with its places filled in.
fn signed_parts<'a>(
    template: &'a str,
    time: &'a str,
    id: &'a str,
    (body, bare): (&'a [u8], &'a [u8]),
) -> Vec<&'a [u8]> {
    let mut parts: Vec<&[u8]> = Vec::new();
    let mut rest = template;
    while let Some(at) = rest.find('{') {
        let (before, from) = rest.split_at(at);
        parts.push(before.as_bytes());
        let places: [(&str, &[u8]); 4] = [
            ("{body}", body),
            ("{bare_body}", bare),
            ("{timestamp}", time.as_bytes()),
            ("{id}", id.as_bytes()),
        ];
        match places.iter().find(|(name, _)| from.starts_with(name)) {
            Some((name, bytes)) => {
                parts.push(bytes);
                rest = from.strip_prefix(name).unwrap_or_default();
            }
            None => {
                parts.push(b"{");
                rest = from.strip_prefix('{').unwrap_or_default();
            }
        }
    }
    parts.push(rest.as_bytes());
    parts
}
