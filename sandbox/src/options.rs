//! What can be set before the start (`Options`) and also while it runs (`Tuning`).

use crate::faults::FaultSpec;
use serde::{Deserialize, Serialize};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

/// How a sandbox starts. Everything has a default; `Options::default()` is a strict CRM without limits, lag or faults
/// on a free port of the loopback address.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Address to listen on; port 0 takes a free one. Other than loopback needs `admin_key`.
    pub listen: SocketAddr,
    /// Client id that `/oauth/token` accepts.
    pub client_id: String,
    /// Client secret that `/oauth/token` accepts.
    pub client_secret: String,
    /// Key demanded from admin calls (`X-Admin-Key`) and, as password, from the page.
    pub admin_key: Option<String>,
    /// Seed of faults and played salespeople.
    pub seed: u64,
    /// File that keeps all records over a restart (JSON lines, appended before the answer).
    pub file: Option<PathBuf>,
    /// JSON file of records (as for `POST /admin/seed`) to start a new store with. When it names users, the six of
    /// the manual are not hired. A store restored from `file` is not seeded again.
    pub seed_file: Option<PathBuf>,
    /// How far the sandbox's clock is ahead of the machine's, in seconds (may be negative).
    pub clock_skew_secs: i64,
    /// Precision of `modified_at`.
    pub modified_precision: Precision,
    /// Salespeople to start with; empty: the six of the manual.
    pub users: Vec<NewUser>,
    /// Webhooks registered from the start.
    pub webhooks: Vec<NewWebhook>,
    /// Where the MA pushes to.
    pub ma_target: Option<Target>,
    /// JSON lines of MA contacts, pushed at the start.
    pub ma_file: Option<PathBuf>,
    /// Faults active from the start.
    pub faults: Vec<FaultSpec>,
    /// What can be changed while it runs.
    pub tuning: Tuning,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            client_id: "sandbox".to_owned(),
            client_secret: "sandbox-secret".to_owned(),
            admin_key: None,
            seed: 7,
            file: None,
            seed_file: None,
            clock_skew_secs: 0,
            modified_precision: Precision::default(),
            users: Vec::new(),
            webhooks: Vec::new(),
            ma_target: None,
            ma_file: None,
            faults: Vec::new(),
            tuning: Tuning::default(),
        }
    }
}

/// Precision of `modified_at`; below microseconds several records share a value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Precision {
    /// Microseconds: unique for every write.
    #[default]
    Us,
    /// Milliseconds.
    Ms,
    /// Seconds.
    S,
}

impl Precision {
    /// The step in microseconds.
    pub(crate) const fn micros(self) -> i64 {
        match self {
            Self::Us => 1,
            Self::Ms => 1_000,
            Self::S => 1_000_000,
        }
    }
}

/// A salesperson to start with.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NewUser {
    /// Shown name.
    pub name: String,
    /// Login name; others name it as their manager.
    pub login: String,
    /// Region, as the routing tables of the admin call it.
    pub region: Option<String>,
    /// Login of the manager.
    pub manager: Option<String>,
    /// `active` (default), `on_leave` or `left`.
    pub state: Option<String>,
}

/// A webhook to be told of changes.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NewWebhook {
    /// `http://` or `https://` address.
    pub url: String,
    /// Standard Webhooks secret (`whsec_…`); made when empty.
    pub secret: Option<String>,
    /// Objects to tell of; empty: all of the CRM.
    pub objects: Vec<String>,
    /// Put the whole record into the body.
    pub with_record: bool,
}

/// Where to push, and with which secret to sign.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// `http://` or `https://` address.
    pub url: String,
    /// Standard Webhooks secret (`whsec_…`).
    pub secret: String,
}

/// What can be changed while the sandbox runs (`PATCH /admin/tuning`).
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tuning {
    /// Request windows.
    pub limits: Limits,
    /// Sliding or fixed windows.
    pub windows: WindowKind,
    /// Status of a used-up daily quota: 403 or 429.
    pub quota_status: u16,
    /// How much later a written value is found by search.
    pub search_lag_ms: u32,
    /// How much later a change appears in lists.
    pub list_lag_ms: u32,
    /// The duplicate rule on leads.
    pub duplicate_rule: DuplicateRule,
    /// The mark field.
    pub mark: MarkMode,
    /// Life of a token.
    pub token_ttl_secs: u32,
    /// Further required fields, as `leads.company`.
    pub required: Vec<String>,
    /// Fields that are neither described nor may be written, as `leads.company`: as if an admin had taken them away.
    pub hidden: Vec<String>,
    /// A lead needs a phone or an e-mail.
    pub lead_needs_phone_or_email: bool,
    /// Whose writes cause webhooks (`api`, `sales`, `admin`); empty: everybody's.
    pub webhook_modified_by: Vec<String>,
    /// The sales robot that works by itself.
    pub robot: Robot,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            windows: WindowKind::default(),
            quota_status: 403,
            search_lag_ms: 0,
            list_lag_ms: 0,
            duplicate_rule: DuplicateRule::default(),
            mark: MarkMode::default(),
            token_ttl_secs: 3600,
            required: Vec::new(),
            hidden: Vec::new(),
            lead_needs_phone_or_email: true,
            webhook_modified_by: Vec::new(),
            robot: Robot::default(),
        }
    }
}

fn named<'n>(option: &'n str, names: &'n [String]) -> impl Iterator<Item = (&'n str, &'n String)> {
    names.iter().map(move |name| (option, name))
}

impl Tuning {
    /// What is wrong with these values, if anything.
    pub(crate) fn fault(&self) -> Option<String> {
        let windows = [self.limits.per_second, self.limits.per_minute];
        if windows.into_iter().flatten().any(|limit| limit > 1_000_000) {
            return Some("limits: at most 1000000 requests a window".to_owned());
        }
        if !matches!(self.quota_status, 403 | 429) {
            return Some(format!("quota_status: {} is neither 403 nor 429", self.quota_status));
        }
        for (option, name) in named("required", &self.required).chain(named("hidden", &self.hidden)) {
            let known = name.split_once('.').and_then(|(object, field)| {
                crate::schema::Kind::named(object).and_then(|kind| kind.schema().position(field))
            });
            if known.is_none() {
                return Some(format!("{option}: {name:?} is no field; write it as leads.company"));
            }
        }
        if let Some(name) =
            self.webhook_modified_by.iter().find(|n| !["api", "sales", "admin"].contains(&n.as_str()))
        {
            return Some(format!("webhook_modified_by: {name:?} is not api, sales or admin"));
        }
        None
    }
}

/// Request windows; `None` is no limit.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Requests in any second.
    pub per_second: Option<u32>,
    /// Requests in any minute.
    pub per_minute: Option<u32>,
    /// Requests at the same time.
    pub concurrent: Option<u32>,
    /// Requests in a UTC day.
    pub per_day: Option<u32>,
}

/// How a window moves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WindowKind {
    /// No interval of that length holds more than the limit.
    #[default]
    Sliding,
    /// Counted from each full second or minute.
    Fixed,
}

/// The duplicate rule on leads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DuplicateRule {
    /// Never refuses.
    Off,
    /// Sees every record at once.
    #[default]
    On,
    /// Looks through the slow search index.
    Lagging,
}

/// What the mark field is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MarkMode {
    /// One live record per mark; upsert works.
    #[default]
    Unique,
    /// An ordinary field.
    Plain,
    /// Not there until it is made.
    Absent,
}

/// The sales robot.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Robot {
    /// Works by itself.
    pub on: bool,
    /// Time between two steps on the same record.
    pub delay_ms: u32,
    /// What becomes of leads.
    pub mix: Mix,
}

impl Default for Robot {
    fn default() -> Self {
        Self { on: false, delay_ms: 2_000, mix: Mix::default() }
    }
}

/// Weights of what becomes of a lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Mix {
    /// Nothing, ever.
    pub ignore: u32,
    /// Returned with a feedback tag.
    #[serde(rename = "return")]
    pub give_back: u32,
    /// Accepted, and no more.
    pub accept: u32,
    /// Accepted, converted, still open.
    pub open: u32,
    /// Accepted, converted, won.
    pub win: u32,
    /// Accepted, converted, lost.
    pub lose: u32,
}

impl Default for Mix {
    fn default() -> Self {
        Self { ignore: 8, give_back: 27, accept: 20, open: 15, win: 18, lose: 12 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_from_json_and_typos_are_not() {
        let text = r#"{"listen": "127.0.0.1:8090", "modified_precision": "ms", "faults": [{"kind": "slow", "probability": 0.1}],
            "users": [{"name": "测试甲", "login": "jia"}], "tuning": {"limits": {"per_second": 5}, "mark": "plain",
            "robot": {"on": true, "mix": {"return": 1}}}}"#;
        let options: Options = serde_json::from_str(text).expect("good options");
        assert_eq!(options.tuning.limits.per_second, Some(5));
        assert_eq!((options.tuning.mark, options.modified_precision), (MarkMode::Plain, Precision::Ms));
        assert_eq!((options.tuning.robot.mix.give_back, options.tuning.robot.mix.win), (1, 18));
        assert_eq!(options.seed, 7);
        for typo in [
            r#"{"sead": 7}"#,
            r#"{"tuning": {"serch_lag_ms": 1}}"#,
            r#"{"faults": [{"kind": "slow", "p": 1}]}"#,
        ] {
            assert!(serde_json::from_str::<Options>(typo).is_err(), "{typo}");
        }
        let again: Options =
            serde_json::from_value(serde_json::json!(options)).expect("what is written can be read");
        assert_eq!(again.tuning.robot.mix, options.tuning.robot.mix);
    }
}
