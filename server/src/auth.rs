//! Tokens: fetched, kept and injected as the manifest describes, so that no connector knows how.

use std::collections::BTreeMap;
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};

use leadloop_connector_api::answers::{at, by_rule};
use leadloop_connector_api::manifest::{AnswerRule, Auth, Meaning};
use leadloop_connector_api::{Answer, Body, Link, Method, Request};
use leadloop_mapping::Value;
use leadloop_sync_core::time::{Micros, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Mutex;

use crate::clock::Clock;
use crate::wire::{Wire, WireError};

/// A token is renewed this long before it ends.
const RENEW_BEFORE: Micros = Micros::seconds(30);
/// How long a token without a stated end is kept.
const UNSTATED: Micros = Micros::minutes(30);
/// A login may take this long.
const LOGIN_WITHIN: Duration = Duration::from_secs(20);
/// A login whose wire broke is tried so often again, after this wait, then twice as long, and so on.
const MORE_ATTEMPTS: usize = 3;
/// See [`MORE_ATTEMPTS`].
const FIRST_WAIT: Duration = Duration::from_millis(100);

/// What kept us from a token.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// The system refused the credentials.
    #[error("login refused with status {status}: {detail}")]
    Refused {
        /// Its status.
        status: u16,
        /// Its words.
        detail: String,
    },
    /// It could not be reached, or answered something else.
    #[error("login failed: {0}")]
    Failed(String),
    /// A name in the manifest's form is neither a setting nor a secret.
    #[error("the setting `{0}` is missing")]
    Missing(String),
}

impl From<WireError> for AuthError {
    fn from(error: WireError) -> Self {
        AuthError::Failed(error.detail)
    }
}

struct Token {
    value: SecretString,
    until: Timestamp,
}

/// The login of one link.
pub struct Login {
    auth: Option<Auth>,
    rules: Vec<AnswerRule>,
    base: String,
    token: Mutex<Option<Token>>,
}

impl Login {
    /// The login of a link at `base`; `rules` are the manifest's, for systems that refuse with 200.
    #[must_use]
    pub fn new(auth: Option<Auth>, rules: Vec<AnswerRule>, base: String) -> Self {
        Self { auth, rules, base, token: Mutex::new(None) }
    }

    /// Puts what proves who we are into `request`.
    ///
    /// # Errors
    /// When no token could be had.
    pub async fn inject(
        &self,
        request: &mut Request,
        link: &Link,
        wire: &dyn Wire,
        clock: &dyn Clock,
    ) -> Result<(), AuthError> {
        match &self.auth {
            None => Ok(()),
            Some(Auth::Header { header, form }) => {
                request.headers.push((header.clone(), fill(form, link, None)?));
                Ok(())
            }
            Some(Auth::Basic { user, password }) => {
                if link.secret(password).is_none() && !link.settings.contains_key(user) {
                    return Ok(());
                }
                request.headers.push(("authorization".to_owned(), basic_of(user, password, link)?));
                Ok(())
            }
            Some(Auth::Database { url, file }) => {
                request.url = match link.settings.get(file) {
                    Some(path) => {
                        format!("sqlite:{}", path.to_display().replace('%', "%25").replace('?', "%3F"))
                    }
                    None => named(url, link)?,
                };
                Ok(())
            }
            Some(Auth::Token { header, form, query, .. }) => {
                let token = self.token(link, wire, clock).await?;
                if let (Some(header), Some(form)) = (header, form) {
                    request.headers.push((header.clone(), fill(form, link, Some(&token))?));
                }
                if let Some(query) = query {
                    request.query.push((query.clone(), token.expose_secret().to_owned()));
                }
                Ok(())
            }
        }
    }

    /// Whether an answer says that the token is no good (any more), and another can be bought.
    #[must_use]
    pub fn is_over(&self, answer: &Answer) -> bool {
        if !matches!(self.auth, Some(Auth::Token { .. })) {
            return false;
        }
        match by_rule(&self.rules, answer.status, answer.json().as_ref()) {
            Some(meaning) => meaning == Meaning::Unauthorized,
            None => answer.status == 401,
        }
    }

    /// Forgets the token: the next request logs in anew.
    pub async fn forget(&self) {
        *self.token.lock().await = None;
    }

    /// One login at a time: others wait for it and use its token.
    async fn token(
        &self,
        link: &Link,
        wire: &dyn Wire,
        clock: &dyn Clock,
    ) -> Result<SecretString, AuthError> {
        let mut kept = self.token.lock().await;
        if let Some(token) = kept.as_ref().filter(|token| token.until > clock.now()) {
            return Ok(token.value.clone());
        }
        let Some(Auth::Token { url, body, get, json, template, basic, value, pair, expires, .. }) =
            &self.auth
        else {
            return Err(AuthError::Failed("no token is described".to_owned()));
        };
        let fields: BTreeMap<String, String> = body
            .iter()
            .map(|(name, form)| Ok((name.clone(), fill(form, link, None)?)))
            .collect::<Result<_, AuthError>>()?;
        let mut request = asking(absolute(&self.base, &fill(url, link, None)?), fields, *get, *json);
        if let Some(template) = template {
            request.body = Body::Json(filled(template, link)?);
        }
        if *basic {
            let login = basic_of("client_id", "client_secret", link)?;
            request.headers.push(("authorization".to_owned(), login));
        }
        // Logging in twice does no harm, and everything else waits for it: a broken wire is tried again at once.
        let attempts = ExponentialBuilder::default()
            .with_min_delay(FIRST_WAIT)
            .with_max_times(MORE_ATTEMPTS)
            .with_jitter()
            .with_jitter_seed(clock.moment().throw());
        let answer = (|| wire.send(&request, LOGIN_WITHIN)).retry(attempts).await?;
        let parsed = answer.json().unwrap_or_default();
        refused(&self.rules, answer.status, &parsed)?;
        let token = at(&parsed, value)
            .and_then(|v| v.as_str())
            .ok_or_else(|| AuthError::Failed(format!("the answer has no `{value}`")))?;
        let paired = pair.as_deref().map(|form| coded(form, link, &parsed)).transpose()?;
        let token = paired.as_deref().unwrap_or(token);
        let lasts = expires
            .as_deref()
            .and_then(|path| at(&parsed, path))
            .and_then(|v| v.as_i64().or_else(|| v.as_str().and_then(|text| text.parse().ok())))
            .map_or(UNSTATED, Micros::seconds);
        // A token that lives shorter than the margin is still good for half its life.
        let margin = RENEW_BEFORE.min(Micros(lasts.0 / 2));
        let token = SecretString::from(token.to_owned());
        *kept = Some(Token { value: token.clone(), until: clock.now() + Micros(lasts.0 - margin.0) });
        Ok(token)
    }
}

/// The request that buys a token.
fn asking(url: String, fields: BTreeMap<String, String>, get: bool, json: bool) -> Request {
    let (mut query, mut body) = (vec![], Body::Empty);
    if get {
        query = fields.into_iter().collect();
    } else if json {
        body = Body::Json(
            fields.into_iter().map(|(name, value)| (name, serde_json::Value::from(value))).collect(),
        );
    } else {
        body = Body::Form(fields.into_iter().collect());
    }
    Request {
        method: if get { Method::Get } else { Method::Post },
        url,
        query,
        headers: vec![("accept".to_owned(), "application/json".to_owned())],
        body,
        repeatable: true,
    }
}

/// What a login's answer says against us: by its status, or by the manifest's rules where the system says everything
/// with 200.
fn refused(rules: &[AnswerRule], status: u16, parsed: &serde_json::Value) -> Result<(), AuthError> {
    let meaning = by_rule(rules, status, Some(parsed));
    if matches!(meaning, Some(Meaning::Done)) || (meaning.is_none() && (200..300).contains(&status)) {
        return Ok(());
    }
    let words = ["error_description", "error", "errmsg", "message", "msg"];
    let detail = words.iter().find_map(|name| parsed.get(name).and_then(|v| v.as_str()));
    let detail: String = detail.unwrap_or("no reason given").chars().take(200).collect();
    let ours = match meaning {
        Some(meaning) => matches!(meaning, Meaning::Unauthorized | Meaning::Rejected),
        None => (400..500).contains(&status) && status != 429,
    };
    Err(if ours {
        AuthError::Refused { status, detail }
    } else {
        AuthError::Failed(format!("status {status}: {detail}"))
    })
}

/// A whole URL from a base and a path; a whole URL stays as it is.
#[must_use]
pub fn absolute(base: &str, path: &str) -> String {
    if path.starts_with("http://") || path.starts_with("https://") {
        path.to_owned()
    } else {
        format!("{}/{}", base.trim_end_matches('/'), path.trim_start_matches('/'))
    }
}

/// The base URL of a link: `{setting}` filled in.
///
/// # Errors
/// When a name in it is no setting.
pub fn base_url(form: &str, link: &Link) -> Result<String, AuthError> {
    fill(form, link, None)
}

/// User and password of HTTP basic, from the settings of these names.
fn basic_of(user: &str, password: &str, link: &Link) -> Result<String, AuthError> {
    use base64::Engine as _;
    let pair = format!("{}:{}", named(user, link)?, named(password, link)?);
    Ok(format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair)))
}

fn named(name: &str, link: &Link) -> Result<String, AuthError> {
    link.secret(name)
        .map(|secret| secret.expose_secret().to_owned())
        .or_else(|| link.settings.get(name).map(Value::to_display))
        .ok_or_else(|| AuthError::Missing(name.to_owned()))
}

fn fill(form: &str, link: &Link, token: Option<&SecretString>) -> Result<String, AuthError> {
    let mut filled = String::new();
    let mut rest = form;
    while let Some((before, after)) = rest.split_once('{') {
        let Some((name, behind)) = after.split_once('}') else { break };
        filled.push_str(before);
        match (name, token) {
            ("token", Some(token)) => filled.push_str(token.expose_secret()),
            _ => filled.push_str(&named(name, link)?),
        }
        rest = behind;
    }
    filled.push_str(rest);
    Ok(filled)
}

/// A JSON body with the names in its texts filled in.
fn filled(template: &serde_json::Value, link: &Link) -> Result<serde_json::Value, AuthError> {
    use serde_json::Value as Json;
    Ok(match template {
        Json::String(text) => Json::String(fill(text, link, None)?),
        Json::Array(list) => {
            Json::Array(list.iter().map(|item| filled(item, link)).collect::<Result<_, _>>()?)
        }
        Json::Object(map) => {
            let each = map.iter().map(|(name, value)| Ok((name.clone(), filled(value, link)?)));
            Json::Object(each.collect::<Result<_, AuthError>>()?)
        }
        other => other.clone(),
    })
}

/// A token made of settings and parts of the answer, in base64.
fn coded(form: &str, link: &Link, answer: &serde_json::Value) -> Result<String, AuthError> {
    use base64::Engine as _;
    let mut text = String::new();
    let mut rest = form;
    while let Some((before, after)) = rest.split_once('{') {
        let Some((name, behind)) = after.split_once('}') else { break };
        text.push_str(before);
        match name.strip_prefix("answer.") {
            Some(path) => {
                let part = at(answer, path).and_then(leadloop_connector_api::answers::text_of);
                text.push_str(&part.ok_or_else(|| AuthError::Failed(format!("the answer has no `{path}`")))?);
            }
            None => text.push_str(&named(name, link)?),
        }
        rest = behind;
    }
    text.push_str(rest);
    Ok(base64::engine::general_purpose::STANDARD.encode(text))
}
