//! A system described as data: what it speaks, its limits, login, objects, roles and how its answers are read.
//!
//! Each connector's `manifest.toml` is read once into a [`Manifest`]. The shell (token, limits, timeouts), the config
//! check (settings, fields) and the core (roles) read it; no code of theirs knows a vendor.

use std::collections::BTreeMap;

use leadloop_mapping::Value;
use leadloop_sync_core::mirror::Roles;
use serde::{Deserialize, Serialize};

/// A text in both languages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Words {
    /// English.
    pub en: String,
    /// Chinese.
    pub zh: String,
}

/// What a system is to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SystemKind {
    /// Leads and behaviour come from it.
    Source,
    /// A CRM.
    Crm,
    /// A marketing automation.
    Ma,
    /// A notice channel.
    Notify,
    /// Company data.
    Enrich,
}

/// A system, described.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The connector's name.
    pub name: String,
    /// Its title.
    pub title: Words,
    /// What it can be used as.
    pub kinds: Vec<SystemKind>,
    /// Operations it speaks: `check`, `describe`, `prepare`, `find`, `create`, `update`, `changes`, `tell`, `notify`.
    #[serde(default)]
    pub speaks: Vec<String>,
    /// Whether it listens to pushes.
    #[serde(default)]
    pub hears: bool,
    /// Operations that are safe to send twice.
    #[serde(default)]
    pub repeatable: Vec<String>,
    /// Most operations of one kind in one exchange, by kind; 1 where not named.
    #[serde(default)]
    pub batch: BTreeMap<String, u32>,
    /// Kinds of operations whose batch the system takes whole or not at all, and says so with a success status: where one
    /// record is refused, the shell finds out which by halving. A batch that is refused with a 4xx is halved anyway.
    #[serde(default)]
    pub atomic: Vec<String>,
    /// How it is reached.
    #[serde(default)]
    pub http: Option<Http>,
    /// How we log in.
    #[serde(default)]
    pub auth: Option<Auth>,
    /// Its limits; the config may only go below.
    #[serde(default)]
    pub limit: Vec<Limit>,
    /// Where its answers tell how much of a window is used, by everybody who shares the account.
    #[serde(default)]
    pub quota: Vec<Quota>,
    /// What an admin sets.
    #[serde(default)]
    pub setting: Vec<Setting>,
    /// Its objects.
    #[serde(default)]
    pub object: Vec<Object>,
    /// When a record can be found by our mark.
    #[serde(default)]
    pub find_by_mark: Option<FindByMark>,
    /// For sources: incoming name → pool field, after what the config says and before the well-known names.
    #[serde(default)]
    pub fields: BTreeMap<String, String>,
    /// For sources that can be read: their lists.
    #[serde(default)]
    pub lists: Vec<String>,
    /// Settings that reading needs, beyond those that must always be set.
    #[serde(default)]
    pub lists_need: Vec<String>,
    /// For sources of events: those the config's `keep` does not want are counted and told by visit.
    #[serde(default)]
    pub counts: bool,
    /// For sources of events: which are kept one by one where the config does not say.
    #[serde(default)]
    pub keep: Option<String>,
    /// For sources: the touch kind when nobody says otherwise.
    #[serde(default)]
    pub touch: Option<String>,
    /// How answers are read before code sees them; the first that fits wins.
    #[serde(default)]
    pub answer: Vec<AnswerRule>,
    /// What a JSON answer says where it worked, for systems that refuse with a success status: a 2xx that says
    /// anything else there is refused content, one that says nothing there is broken.
    #[serde(default)]
    pub success: Option<AnswerBody>,
    /// Where an error's parts stand in a JSON answer.
    #[serde(default)]
    pub errors: Option<Errors>,
    /// For notice channels: how people are reached through it.
    #[serde(default)]
    pub notify: Option<Reach>,
    /// The setting under which our mark is unique there even where `find_by_mark.unique` says no.
    #[serde(default)]
    pub mark_unique_when: Option<SettingIs>,
}

/// How people are reached through a notice channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reach {
    /// Whether a good status with nothing behind it says that a message was taken.
    #[serde(default)]
    pub empty_is_taken: bool,
    /// The column of the people table that holds their address there (`wecom_id`, `mail`, `mobile`…); `group` for a robot
    /// in a group, `key` where the other side knows people by our own key.
    pub address: String,
}

/// A setting and the value it has to have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SettingIs {
    /// Its name.
    pub setting: String,
    /// The value, as text.
    pub is: String,
}

/// Where an error's parts stand in a JSON answer: dotted paths, numbers for places in a list.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Errors {
    /// The system's code of the error.
    pub code: Option<String>,
    /// Its words.
    pub message: Option<String>,
    /// A list with one entry per field that was refused.
    pub fields: Option<String>,
    /// Within an entry of `fields`: the field.
    pub field: Option<String>,
    /// Within an entry of `fields`: the code.
    pub field_code: Option<String>,
    /// Within an entry of `fields`: the words.
    pub field_message: Option<String>,
    /// The id of the record that stands in the way of a 409.
    pub conflict_id: Option<String>,
    /// Where no path leads to that id: the words of the message behind which it stands.
    pub conflict_after: Option<String>,
    /// Codes of a 409 that say: the record in the way carries this very mark.
    pub same_mark: Vec<String>,
    /// Seconds to wait, where the answer has them in its body.
    pub retry_after: Option<String>,
}

/// How a system is reached.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Http {
    /// The base URL; `{setting}` is filled in.
    pub base: String,
    /// How long an answer may take, seconds.
    #[serde(default = "twenty")]
    pub timeout_secs: u32,
}

fn twenty() -> u32 {
    20
}

/// How we log in. The shell fetches, keeps and injects the token.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Auth {
    /// A token bought with credentials: a form or JSON post.
    Token {
        /// Where, from the base URL.
        url: String,
        /// Fields to post (or, with `get`, to ask with); `{setting}` and `{secret}` names in braces are filled in.
        #[serde(default)]
        body: BTreeMap<String, String>,
        /// Whether the token is bought by a GET with the fields in the query.
        #[serde(default)]
        get: bool,
        /// Whether the body is JSON; else a form.
        #[serde(default)]
        json: bool,
        /// Whether the post itself carries the settings `client_id` and `client_secret` as HTTP basic.
        #[serde(default)]
        basic: bool,
        /// A JSON body instead, of any shape; names in braces are filled into its texts.
        #[serde(default)]
        template: Option<Box<serde_json::Value>>,
        /// Path of the token in the answer; numbers are places in a list.
        value: String,
        /// The token is this text in base64 instead: settings and secrets, and `{answer.PATH}` of the answer.
        #[serde(default)]
        pair: Option<String>,
        /// Path of the lifetime in seconds.
        #[serde(default)]
        expires: Option<String>,
        /// The header it is sent in.
        #[serde(default)]
        header: Option<String>,
        /// Its form, such as `Bearer {token}`.
        #[serde(default)]
        form: Option<String>,
        /// Or the query parameter it is sent in.
        #[serde(default)]
        query: Option<String>,
    },
    /// A fixed secret in a header.
    Header {
        /// The header.
        header: String,
        /// Its form, such as `Bearer {api_key}`.
        form: String,
    },
    /// User and password of HTTP basic, or of a mail server; nothing is sent where neither is set.
    Basic {
        /// Setting that holds the user.
        user: String,
        /// Secret that holds the password.
        password: String,
    },
    /// A database: its whole address, with user and password, is a secret.
    Database {
        /// Secret that holds it.
        url: String,
        /// Or the setting with the path of an SQLite file.
        file: String,
    },
}

/// One window of a system's limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limit {
    /// So many requests…
    pub requests: u32,
    /// …in so many seconds (86400: a day).
    pub per_secs: u32,
}

/// A header that tells how much of a window is used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quota {
    /// Of which window of `limit`.
    pub per_secs: u32,
    /// The header, lower case.
    pub header: String,
    /// What its number means.
    pub says: QuotaSays,
    /// The header with the most that is allowed, lower case.
    #[serde(default)]
    pub most: Option<String>,
}

/// What the number in a quota header means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QuotaSays {
    /// Requests used: `25`.
    Used,
    /// Requests left: `14975`.
    Left,
    /// Both, after a name: `api-usage=25/15000`.
    UsedOfMost,
}

/// How much of a window is used, as a system says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Of the window of so many seconds.
    pub per_secs: u32,
    /// Requests used.
    pub used: Option<u64>,
    /// Requests left.
    pub left: Option<u64>,
    /// The most it allows.
    pub most: Option<u64>,
}

impl Quota {
    /// What the headers of an answer (names in any case) say; nothing where the header is missing or no number.
    #[must_use]
    pub fn usage(&self, headers: &[(String, String)]) -> Option<Usage> {
        let of = |name: &str| {
            headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
        };
        let said = of(&self.header)?;
        let most = self.most.as_deref().and_then(of).and_then(|most| most.parse().ok());
        let usage = Usage { per_secs: self.per_secs, used: None, left: None, most };
        match self.says {
            QuotaSays::Used => Some(Usage { used: Some(said.parse().ok()?), ..usage }),
            QuotaSays::Left => Some(Usage { left: Some(said.parse().ok()?), ..usage }),
            QuotaSays::UsedOfMost => {
                // Further figures, of one app, follow after a semicolon.
                let (used, most) = said.split(';').next()?.rsplit('=').next()?.split_once('/')?;
                Some(Usage { used: Some(used.parse().ok()?), most: Some(most.parse().ok()?), ..usage })
            }
        }
    }
}

/// One setting of a link.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Setting {
    /// Its name.
    pub name: String,
    /// `text` (default), `url`, `bool`, `int`, `list` (of texts), `table` (of texts; kept as `setting.key`), `duration`
    /// (`30s`, `5m`, `2h`, `1d`; kept as seconds), `name_or_number` (of a sheet, say).
    #[serde(default = "text_type", rename = "type")]
    pub kind: String,
    /// Whether it is a secret: only by reference, never shown.
    #[serde(default)]
    pub secret: bool,
    /// Whether it must be set.
    #[serde(default)]
    pub required: bool,
    /// Its value when it is not set.
    #[serde(default)]
    pub default: Option<toml::Value>,
    /// The only values allowed, where there are few.
    #[serde(default)]
    pub options: Vec<String>,
    /// What it is.
    pub label: Words,
}

fn text_type() -> String {
    "text".to_owned()
}

/// One object of a system.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Object {
    /// Its name in the product: `lead`, `contact`, `account`, `opportunity`, `activity`, `user`.
    pub name: String,
    /// Its name in the system, where different.
    #[serde(default)]
    pub remote: Option<String>,
    /// Whether its changes are polled into the mirror.
    #[serde(default)]
    pub mirrored: bool,
    /// Which field plays which role.
    #[serde(default)]
    pub roles: Roles,
    /// Its fields.
    #[serde(default)]
    pub fields: Vec<Field>,
    /// Names of fields that customers add there, with one `*` each: `x_*`, `*__c`, or `*` where any name may be.
    #[serde(default)]
    pub custom: Vec<String>,
}

impl Object {
    /// Whether the object has, or may have, a field of that name.
    #[must_use]
    pub fn may_have(&self, field: &str) -> bool {
        self.fields.is_empty()
            || self.fields.iter().any(|known| known.name == field)
            || self.custom.iter().any(|pattern| fits(pattern, field))
    }
}

/// Whether a name fits a pattern with at most one `*`, which stands for at least one character.
fn fits(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((before, after)) => name
            .strip_prefix(before)
            .and_then(|rest| rest.strip_suffix(after))
            .is_some_and(|rest| !rest.is_empty()),
    }
}

/// One field of an object.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// `text`, `phone`, `email`, `int`, `real`, `bool`, `time`, `date`, `picklist`, `ref`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Most characters.
    #[serde(default)]
    pub max: Option<u32>,
    /// Values of a picklist.
    #[serde(default)]
    pub options: Vec<toml::Value>,
    /// Whether a record cannot be made without it.
    #[serde(default)]
    pub required: bool,
    /// Whether we may write it.
    #[serde(default = "yes")]
    pub writable: bool,
    /// The object a `ref` points to.
    #[serde(default)]
    pub of: Option<String>,
}

fn yes() -> bool {
    true
}

/// When a record can be found by our mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FindByMark {
    /// A record written now is found after so many seconds.
    pub lag_secs: u32,
    /// "Not found" counts only when asked again after so many seconds.
    pub late_secs: u32,
    /// Whether the mark is unique there, so that a create can simply be repeated.
    #[serde(default)]
    pub unique: bool,
}

/// How an answer is read before code sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnswerRule {
    /// Status that must fit; any where not given.
    #[serde(default)]
    pub status: Option<u16>,
    /// Path into the JSON body (dotted) and the values that fit.
    #[serde(default)]
    pub body: Option<AnswerBody>,
    /// What it means.
    pub means: Meaning,
}

/// What an answer means, before its content is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Meaning {
    /// It worked; code reads the rest.
    Done,
    /// Too fast.
    Throttled,
    /// The day's quota is used up.
    Quota,
    /// Nothing was done, the same may be tried again (a locked record).
    Busy,
    /// The system is ill; it may have been applied.
    Unavailable,
    /// Credentials or permissions.
    Unauthorized,
    /// The record is there already.
    Conflict,
    /// The record is not there any more.
    Gone,
    /// The content is refused.
    Rejected,
}

/// A place in a JSON answer and the values that fit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnswerBody {
    /// Dotted path.
    pub path: String,
    /// Values, as text.
    pub any: Vec<String>,
}

impl Manifest {
    /// The object of that name.
    #[must_use]
    pub fn object(&self, name: &str) -> Option<&Object> {
        self.object.iter().find(|object| object.name == name)
    }

    /// When a record can be found by our mark on a link with these settings.
    #[must_use]
    pub fn mark_rule(&self, settings: &BTreeMap<String, Value>) -> Option<FindByMark> {
        let mut rule = self.find_by_mark?;
        if let Some(when) = &self.mark_unique_when {
            rule.unique |= settings.get(&when.setting).is_some_and(|value| value.to_display() == when.is);
        }
        Some(rule)
    }

    /// The setting of that name.
    #[must_use]
    pub fn setting_named(&self, name: &str) -> Option<&Setting> {
        self.setting.iter().find(|setting| setting.name == name)
    }

    /// Most operations of a kind in one exchange.
    #[must_use]
    pub fn batch_of(&self, kind: &str) -> u32 {
        self.batch.get(kind).copied().unwrap_or(1).max(1)
    }
}

/// Reads a `manifest.toml` that lies beside the calling module, once.
#[macro_export]
macro_rules! manifest {
    ($path:literal) => {{
        static MANIFEST: std::sync::LazyLock<$crate::manifest::Manifest> = std::sync::LazyLock::new(|| {
            #[expect(
                clippy::expect_used,
                reason = "manifests are compiled in; the conformance test reads each"
            )]
            $crate::manifest::parse(include_str!($path)).expect("the manifest beside this connector is valid")
        });
        &MANIFEST
    }};
}

/// Reads a manifest.
///
/// # Errors
/// What the TOML reader says of an unknown key or a wrong type.
pub fn parse(text: &str) -> Result<Manifest, toml::de::Error> {
    toml::from_str(text)
}
