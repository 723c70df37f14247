//! HTTP as plain data: what was pushed to us, what we ask, what was answered. No client, no server.

use leadloop_sync_core::time::{Micros, Timestamp};

/// A method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are HTTP's own")]
pub enum Method {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

/// What a source sent us: one request, or one file that was handed in.
#[derive(Clone, Debug, PartialEq)]
pub struct Push {
    /// `GET` or `POST`; files come as `POST`.
    pub method: Method,
    /// What stands behind `/in/NAME`, without the query; empty mostly.
    pub path: String,
    /// The raw query string, without `?`.
    pub query: String,
    /// Headers, names in lower case, bounded in number and size.
    pub headers: Vec<(String, String)>,
    /// The raw body.
    pub body: Vec<u8>,
    /// When it arrived.
    pub at: Timestamp,
    /// The sender's address, where known.
    pub peer: Option<String>,
}

impl Push {
    /// The first header of that name (lower case).
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }
}

/// A body to send.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// Nothing.
    Empty,
    /// JSON.
    Json(serde_json::Value),
    /// A form, urlencoded.
    Form(Vec<(String, String)>),
    /// Bytes of that content type.
    Bytes(String, Vec<u8>),
    /// A mail: the URL names the mail server (`smtps://host`, `smtp://host`), what comes back is its code and words as a
    /// JSON body (`{"code": 250, "message": "…"}`) under the code as status.
    Mail(Box<Mail>),
    /// A statement for a database, whose address the login puts in. What comes back is JSON under a status as HTTP would have it:
    /// `{"columns": […], "rows": [[…]], "cut": false, "changed": 0}`, else `{"error": {"code": "no_table", "message": "…"}}`.
    Sql(Box<Sql>),
}

/// A statement for a database.
#[derive(Clone, Debug, PartialEq)]
pub struct Sql {
    /// The statement, in the words of its engine. Identifiers are quoted; values stand in `values`.
    pub text: String,
    /// What is bound to its places, in their order: texts, whole numbers, yes or no, nothing.
    pub values: Vec<serde_json::Value>,
    /// Whether it writes; else it runs in a transaction that cannot, and only then brings rows.
    pub writes: bool,
}

/// A mail to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// Its `Message-ID`, without the angle brackets.
    pub id: String,
    /// Who it is from.
    pub from: String,
    /// To whom.
    pub to: String,
    /// The subject.
    pub subject: String,
    /// The plain text.
    pub text: String,
    /// The same as HTML.
    pub html: Option<String>,
    /// Files: name, content type, content.
    pub files: Vec<(String, String, Vec<u8>)>,
}

/// What we ask another system. The shell adds the token the manifest describes.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// Path from the link's base URL, or a whole URL.
    pub url: String,
    /// Query pairs.
    pub query: Vec<(String, String)>,
    /// Headers.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Body,
    /// Whether repeating it does no harm whatever became of it (reads, upserts by a unique mark).
    pub repeatable: bool,
}

impl Request {
    /// A GET of `url`.
    #[must_use]
    pub fn get(url: impl Into<String>) -> Self {
        Self {
            method: Method::Get,
            url: url.into(),
            query: vec![],
            headers: vec![],
            body: Body::Empty,
            repeatable: true,
        }
    }

    /// A request with a JSON body that must not be repeated unasked.
    #[must_use]
    pub fn json(method: Method, url: impl Into<String>, body: serde_json::Value) -> Self {
        Self {
            method,
            url: url.into(),
            query: vec![],
            headers: vec![],
            body: Body::Json(body),
            repeatable: false,
        }
    }

    /// A statement; `writes` says whether it does, and then it must not be repeated unasked.
    #[must_use]
    pub fn sql(text: impl Into<String>, values: Vec<serde_json::Value>, writes: bool) -> Self {
        let sql = Sql { text: text.into(), values, writes };
        Self { method: Method::Post, body: Body::Sql(Box::new(sql)), repeatable: !writes, ..Self::get("/") }
    }

    /// Adds a query pair.
    #[must_use]
    pub fn with_query(mut self, name: &str, value: impl Into<String>) -> Self {
        self.query.push((name.to_owned(), value.into()));
        self
    }

    /// Says that repeating does no harm.
    #[must_use]
    pub fn repeatable(mut self) -> Self {
        self.repeatable = true;
        self
    }
}

/// What came back. Transport failures are the shell's: they never reach a connector.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, bounded by the shell.
    pub body: Vec<u8>,
}

impl Answer {
    /// An answer with a body of that content type: what sources get back.
    #[must_use]
    pub fn with_body(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            headers: vec![("content-type".to_owned(), content_type.to_owned())],
            body: body.into(),
        }
    }

    /// The first header of that name (lower case).
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// The body as JSON, where it is.
    #[must_use]
    pub fn json(&self) -> Option<serde_json::Value> {
        serde_json::from_slice(&self.body).ok()
    }

    /// How long the system asks to wait (RFC 9110 §10.2.3): `Retry-After` in seconds (a fraction, which some send, is
    /// rounded up) or as a time, counted from the answer's own `Date`, else from `now`. At most a day; a time that has
    /// passed is no wait; what cannot be read says nothing.
    #[must_use]
    pub fn retry_after(&self, now: Option<Timestamp>) -> Option<Micros> {
        let text = self.header("retry-after")?.trim();
        if let Ok(seconds) = text.parse::<f64>() {
            return wait(seconds);
        }
        let until = http_date(text)?;
        let from = self.header("date").and_then(|date| http_date(date.trim())).or(now)?;
        Some(Micros((until - from).0.clamp(0, LONGEST_WAIT.0)))
    }
}

impl Answer {
    /// What the answering system's clock shows, by its `Date`.
    #[must_use]
    pub fn date(&self) -> Option<Timestamp> {
        http_date(self.header("date")?.trim())
    }
}

/// The longest wait a system can ask for.
const LONGEST_WAIT: Micros = Micros::days(1);

/// Seconds as a wait; nothing for what is no length of time.
pub(crate) fn wait(seconds: f64) -> Option<Micros> {
    #[expect(clippy::cast_possible_truncation, reason = "the value was clamped to a day")]
    (seconds >= 0.0).then(|| Micros::seconds(seconds.ceil().min(86_400.0) as i64))
}

/// One of the three forms of an HTTP time.
fn http_date(text: &str) -> Option<Timestamp> {
    let time = httpdate::parse_http_date(text).ok()?;
    let since = time.duration_since(std::time::UNIX_EPOCH).ok()?;
    i64::try_from(since.as_micros()).ok().map(Timestamp)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_read_in_all_its_forms() {
        let date = "Wed, 21 Oct 2026 07:28:00 GMT";
        for (given, seconds) in [
            ("120", Some(120)),
            ("0", Some(0)),
            ("1.5", Some(2)),
            ("9999999999", Some(86_400)),
            ("Wed, 21 Oct 2026 07:30:00 GMT", Some(120)),
            ("Wednesday, 21-Oct-26 07:30:00 GMT", Some(120)),
            ("Wed Oct 21 07:30:00 2026", Some(120)),
            ("Wed, 21 Oct 2026 07:00:00 GMT", Some(0)),
            ("-5", None),
            ("abc", None),
            ("NaN", None),
            ("", None),
        ] {
            let mut answer = Answer::with_body(429, "application/json", "{}");
            answer.headers.push(("retry-after".into(), given.into()));
            let now = http_date(date);
            assert!(now.is_some());
            assert_eq!(answer.retry_after(now), seconds.map(Micros::seconds), "{given} from our clock");
            answer.headers.push(("date".into(), date.into()));
            assert_eq!(
                answer.retry_after(None),
                seconds.map(Micros::seconds),
                "{given} from the answer's clock"
            );
        }
    }
}
