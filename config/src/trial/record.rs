//! A test written from a past decision: its record holds its whole input. Only what the rules of today read is written,
//! and nobody is named: made-up values take the place of personal ones, unless the caller asks for the real ones.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use jiff::tz::TimeZone;
use leadloop_mapping::expr::Expr;
use leadloop_sync_core::facts;
use leadloop_sync_core::handoff::{Action, DecisionRecord};
use leadloop_sync_core::policy::{Brings, Policy};
use leadloop_sync_core::routing::Dealings;
use leadloop_sync_core::time::Timestamp;
use serde_json::Value as Json;

/// How a test is to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// Its name; else one made of day and rule.
    pub name: Option<String>,
    /// With real names, numbers and addresses.
    pub real: bool,
    /// The lead was an MQL before: for decisions that its last touch alone does not explain.
    pub was_mql: bool,
}

/// Fields that tell who somebody is, with what stands for them.
const MADE_UP: [(&str, &str); 13] = [
    ("name", "示例联系人"),
    ("first_name", "示例"),
    ("last_name", "联系人"),
    ("phone", "13912340001"),
    ("phone_raw", "139-1234-0001"),
    ("phone_ext", "1"),
    ("other_phones", "13912340002"),
    ("email", "lead@shili.example"),
    ("email_raw", "lead@shili.example"),
    ("wechat", "shili"),
    ("address", "示例路 1 号"),
    ("postal_code", "000000"),
    ("requirement", "示例需求"),
];
/// Made-up companies: one, the same as a CRM may spell it, and one that is only similar.
const COMPANY: [&str; 3] = ["上海示例机器人有限公司", "上海示例机器人", "示例机器人"];
/// Facts of the decision that are how the lead stood.
const STOOD: [&str; 8] = [
    "days_in_stage",
    "days_since_first_touch",
    "touches",
    "recycled",
    "tags",
    "track",
    "feedback",
    "campaign",
];

/// The test as TOML.
#[must_use]
pub fn record(policy: &Policy, decision: &DecisionRecord, wish: &Wish) -> String {
    let reads = reads(policy);
    let writer = Writer { policy, decision, wish, reads: &reads };
    let mut text = format!("[[test]]\nname = {}\n", quoted(&writer.name()));
    let lines = [
        ("lead", writer.lead()),
        ("now", writer.now()),
        ("before", writer.before()),
        ("score", writer.scores()),
        ("crm", writer.crm()),
        ("people", writer.people()),
        ("counters", writer.counters()),
        ("expect", writer.expect()),
    ];
    for (key, value) in lines {
        if !value.is_empty() {
            // Writing into a text cannot fail.
            let _ = writeln!(text, "{key} = {value}");
        }
    }
    text
}

/// Every name the rules of today read: nothing else of a person is written.
#[must_use]
fn reads(policy: &Policy) -> BTreeSet<String> {
    let mql = policy.mql.iter().flat_map(|mql| mql.also.iter().chain([&mql.when]).chain(&mql.leave));
    let rules = policy.transfer.iter().map(|rule| &rule.when);
    let exprs: Vec<&Expr> = mql.chain(rules).collect();
    let routes = policy.routes.values().map(|route| route.by.clone());
    exprs.into_iter().flat_map(|expr| expr.reads().iter().cloned()).chain(routes).collect()
}

struct Writer<'a> {
    policy: &'a Policy,
    decision: &'a DecisionRecord,
    wish: &'a Wish,
    reads: &'a BTreeSet<String>,
}

/// `key = value` pairs as an inline table; empty where there are none.
fn table(pairs: &[(String, String)]) -> String {
    if pairs.is_empty() {
        return String::new();
    }
    let pairs: Vec<String> = pairs.iter().map(|(key, value)| format!("{} = {value}", bare(key))).collect();
    format!("{{ {} }}", pairs.join(", "))
}

fn bare(key: &str) -> String {
    let plain = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
    if plain { key.to_owned() } else { quoted(key) }
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// A JSON scalar or list of them as TOML; nothing for what TOML has no word for.
fn value(json: &Json) -> Option<String> {
    Some(match json {
        Json::String(text) => quoted(text),
        Json::Bool(yes) => yes.to_string(),
        Json::Number(number) => number.to_string(),
        Json::Array(items) => {
            format!("[{}]", items.iter().map(value).collect::<Option<Vec<_>>>()?.join(", "))
        }
        Json::Null | Json::Object(_) => return None,
    })
}

impl Writer<'_> {
    fn fact(&self, path: &str) -> &Json {
        path.split('.').fold(&self.decision.facts, |at, name| &at[name])
    }

    fn is_read(&self, path: &str) -> bool {
        self.reads.contains(path)
    }

    /// The time on the wall, to the second.
    fn clock(&self) -> jiff::civil::DateTime {
        let at = self.fact("read.now").as_i64().map_or(self.decision.at, Timestamp);
        let zone: &TimeZone = &self.policy.zone;
        let wall = at.in_zone(zone).datetime();
        wall.with().subsec_nanosecond(0).build().unwrap_or(wall)
    }

    fn now(&self) -> String {
        self.clock().to_string()
    }

    fn name(&self) -> String {
        self.wish.name.clone().unwrap_or_else(|| {
            let rule = self.decision.rule.as_deref().unwrap_or("no rule");
            let id = self.decision.id.uuid().simple().to_string();
            let tail: String = id.chars().skip(24).collect();
            format!("{} {rule} ({tail})", self.clock().date())
        })
    }

    /// A field of the lead: as it was, or made up.
    fn field(&self, path: &str, name: &str) -> Option<String> {
        let found = self.fact(path);
        if self.wish.real {
            return value(found);
        }
        let made_up = MADE_UP.iter().find(|(known, _)| *known == name).map(|(_, made_up)| *made_up);
        match (made_up, found) {
            (_, Json::Null) => None,
            // A rule that reads the address most likely reads its domain.
            (Some(_), Json::String(address))
                if name == "email"
                    && (self.is_read("lead.email")
                        || self.is_read("lead.email_domain")
                        || self.is_read("lead.free_mail")) =>
            {
                address.rsplit_once('@').map(|(_, domain)| quoted(&format!("lead@{domain}")))
            }
            (Some(made_up), _) => Some(quoted(made_up)),
            (None, found) => value(found),
        }
    }

    fn lead(&self) -> String {
        let mut pairs = Vec::new();
        let mut put = |key: &str, value: Option<String>| {
            if let Some(value) = value {
                pairs.push((key.to_owned(), value));
            }
        };
        for key in ["phone", "email"] {
            put(key, self.field(&format!("lead.{key}"), key));
        }
        put("name", self.required("name").then(|| self.field("lead.name", "name")).flatten());
        put("company", self.company());
        let group = |group: &str| self.fact(group).as_object().into_iter().flatten();
        for (name, _) in group("lead") {
            let known = ["phone", "email", "name", "company", "source"].contains(&name.as_str());
            let own = !facts_of_state(name);
            let path = format!("lead.{name}");
            if !known && own && (self.is_read(&path) || self.required(name)) {
                put(name, self.field(&path, name));
            }
        }
        for (name, _) in group("company").filter(|(name, _)| name.as_str() != "name") {
            let path = format!("company.{name}");
            if self.is_read(&path) || self.required(&path) {
                put(&path, value(self.fact(&path)));
            }
        }
        put("source", self.source().map(|source| quoted(&source)));
        put("consent", Some(quoted("given")));
        table(&pairs)
    }

    /// A source of today that brought it; where that is gone, any.
    fn source(&self) -> Option<String> {
        let first = self.fact("lead.source").as_str().unwrap_or_default();
        let usable = self.policy.sources.values().filter(|source| source.brings == Brings::Touches);
        let mut names = usable.map(|source| source.name.as_str());
        match self.policy.sources.get(first).filter(|source| source.brings == Brings::Touches) {
            Some(source) => Some(source.name.as_str().to_owned()),
            None => names.next().map(str::to_owned),
        }
    }

    /// Whether the source demands a field.
    fn required(&self, field: &str) -> bool {
        let source = self.source().and_then(|name| self.policy.sources.get(name.as_str()));
        source.is_some_and(|source| source.require.iter().flatten().any(|wanted| wanted == field))
    }

    fn company(&self) -> Option<String> {
        let real = self.fact("lead.company").as_str()?;
        Some(quoted(if self.wish.real { real } else { COMPANY[0] }))
    }

    fn before(&self) -> String {
        let mut pairs = Vec::new();
        if self.wish.was_mql {
            pairs.push(("stage".to_owned(), quoted("marketing")));
            pairs.push(("mql".to_owned(), "true".to_owned()));
        }
        for name in STOOD {
            let found = self.fact(&format!("lead.{name}"));
            let says_something = match found {
                Json::Number(number) => number.as_i64().is_some_and(|number| number > 0),
                Json::Array(items) => !items.is_empty(),
                Json::Null => false,
                _ => true,
            };
            if says_something && self.is_read(&format!("lead.{name}")) {
                // The touch of the test itself is counted too.
                let found = if name == "touches" {
                    (found.as_i64().unwrap_or(2) - 1).max(1).into()
                } else {
                    found.clone()
                };
                pairs.extend(value(&found).map(|value| (name.to_owned(), value)));
            }
        }
        if self.is_read("lead.channel") || self.is_read("lead.first_channel") {
            pairs.extend(value(self.fact("lead.channel")).map(|value| ("channel".to_owned(), value)));
        }
        let dealings: Dealings =
            serde_json::from_value(self.fact("read.dealings").clone()).unwrap_or_default();
        let returned = dealings.within_a_year(self.decision.at);
        if returned > 0 {
            pairs.push(("returned".to_owned(), returned.to_string()));
        }
        let cooling: Vec<String> = dealings
            .cool
            .iter()
            .filter(|(_, until)| **until > self.decision.at)
            .map(|(person, _)| quoted(person.as_str()))
            .collect();
        if !cooling.is_empty() {
            pairs.push(("cooling".to_owned(), format!("[{}]", cooling.join(", "))));
        }
        pairs.extend(dealings.prefer.map(|person| ("next_owner".to_owned(), quoted(person.as_str()))));
        table(&pairs)
    }

    fn scores(&self) -> String {
        let known = |name: &str| self.policy.scores.iter().any(|model| model.name == name);
        let scores = self.fact("score").as_object().into_iter().flatten();
        let pairs: Vec<(String, String)> = scores
            .filter(|(name, _)| known(name))
            .filter_map(|(name, points)| Some((name.clone(), points.as_i64()?.to_string())))
            .collect();
        table(&pairs)
    }

    fn crm(&self) -> String {
        let mut pairs = Vec::new();
        if self.fact("crm.person.found") == &Json::Bool(true) {
            let mut person = self.known("crm.person");
            if let Some(object @ ("lead" | "contact")) = self.fact("crm.person.object").as_str() {
                person.push(("object".to_owned(), quoted(object)));
            }
            pairs.push(("person".to_owned(), some(table(&person))));
        }
        let yes = |path: &str| self.fact(path) == &Json::Bool(true);
        let (found, maybe) = (yes("crm.company.found"), yes("crm.company.maybe"));
        let by = self.fact("crm.company.by").as_array().map(Vec::as_slice).unwrap_or_default();
        let running_only = !by.is_empty() && by.iter().all(|code| code == "in_flight");
        if (found || maybe) && !running_only {
            let real = self.fact("crm.company.name").as_str();
            let name = match (self.wish.real, found) {
                (true, _) => real.unwrap_or_default(),
                (false, true) => COMPANY[1],
                (false, false) => COMPANY[2],
            };
            let mut company = vec![("name".to_owned(), quoted(name))];
            company.append(&mut self.known("crm.company"));
            company.retain(|(key, value)| key != "name" || value != "\"\"");
            pairs.push(("company".to_owned(), some(table(&company))));
        }
        let running = self.fact("crm.in_flight.count").as_i64().unwrap_or(0);
        if running > 0 {
            let owner = self.fact("crm.in_flight.owner.person").as_str();
            let mut flight = vec![("count".to_owned(), running.to_string())];
            flight.extend(self.of_today(owner).map(|owner| ("owner".to_owned(), quoted(owner))));
            pairs.push(("in_flight".to_owned(), table(&flight)));
        }
        table(&pairs)
    }

    /// A person of today's table.
    fn of_today<'p>(&self, person: Option<&'p str>) -> Option<&'p str> {
        person.filter(|person| self.policy.people.contains_key(*person))
    }

    fn known(&self, group: &str) -> Vec<(String, String)> {
        let fact = |name: &str| self.fact(&format!("{group}.{name}"));
        let mut pairs = Vec::new();
        let mut put = |key: &str, value: String| pairs.push((key.to_owned(), value));
        let person = self.of_today(fact("owner.person").as_str());
        match (person, fact("owner.user").as_str()) {
            (Some(person), _) => put("owner", quoted(person)),
            (None, Some(user)) => put("user", quoted(user)),
            (None, None) => {}
        }
        let has_owner = fact("owner.user").is_string();
        if let Some(state) = fact("owner.state").as_str().filter(|state| has_owner && *state != "active") {
            put("owner_state", quoted(state));
        }
        if let Some(days) = fact("idle_days").as_i64().filter(|days| *days > 0) {
            put("idle_days", days.to_string());
        }
        for key in ["open_opportunity", "customer"] {
            if fact(key) == &Json::Bool(true) {
                put(key, "true".to_owned());
            }
        }
        let status_read = self.is_read(&format!("{group}.status")) || self.is_read(&format!("{group}.stage"));
        if let Some(status) = value(fact("status")).filter(|_| status_read) {
            put("status", status);
        }
        pairs
    }

    /// How those stood who were considered.
    fn people(&self) -> String {
        let mut pairs = Vec::new();
        for one in &self.decision.considered {
            if self.of_today(Some(&one.person)).is_none() || pairs.iter().any(|(name, _)| *name == one.person)
            {
                continue;
            }
            let mut stood = Vec::new();
            if one.outcome == "left" {
                stood.push(("state".to_owned(), quoted("left")));
            }
            let open = self.fact("read.open_handoffs")[&one.person].as_i64().unwrap_or(0);
            if open > 0 {
                stood.push(("open".to_owned(), open.to_string()));
            }
            if !stood.is_empty() {
                pairs.push((one.person.clone(), table(&stood)));
            }
        }
        table(&pairs)
    }

    fn counters(&self) -> String {
        let kept = self.fact("read.counters").as_object().into_iter().flatten();
        let pairs: Vec<(String, String)> = kept
            .filter(|(name, _)| !name.starts_with("fuse/"))
            .map(|(name, json)| (name.clone(), quoted(&json.to_string())))
            .collect();
        table(&pairs)
    }

    fn expect(&self) -> String {
        let mut pairs = Vec::new();
        let mut put = |key: &str, value: String| pairs.push((key.to_owned(), value));
        if let Some(rule) = &self.decision.rule {
            put("rule", quoted(rule));
        }
        match &self.decision.action {
            Action::Create { object, owner, .. } => {
                put("action", quoted("create"));
                put("object", quoted(object));
                match owner {
                    None => put("public_pool", "true".to_owned()),
                    Some(owner) => match self.of_today(owner.person.as_ref().map(|key| key.as_str())) {
                        Some(person) => put("owner", quoted(person)),
                        None => put("user", quoted(&owner.crm_user)),
                    },
                }
            }
            Action::Update { owner, release, .. } => {
                put("action", quoted("update"));
                if let Some(person) = owner
                    .as_ref()
                    .and_then(|owner| self.of_today(owner.person.as_ref().map(|key| key.as_str())))
                {
                    put("owner", quoted(person));
                }
                if *release {
                    put("public_pool", "true".to_owned());
                }
            }
            Action::Hold { team, .. } => {
                put("held", team.as_ref().map_or_else(|| "true".to_owned(), |team| quoted(team)));
            }
            Action::Decline { reason } => put("declined", quoted(reason)),
        }
        table(&pairs)
    }
}

/// An empty table is written too, where being there says something.
fn some(table: String) -> String {
    if table.is_empty() { "{ }".to_owned() } else { table }
}

/// Names of `lead.*` that are no field of the profile.
fn facts_of_state(name: &str) -> bool {
    !facts::is_pool_field(name)
        && matches!(
            name,
            "stage"
                | "days_in_stage"
                | "days_since_first_touch"
                | "days_since_last_touch"
                | "touches"
                | "mql"
                | "known"
                | "recycled"
                | "source"
                | "id"
                | "channel"
                | "first_channel"
                | "campaign"
                | "owner"
                | "feedback"
                | "track"
                | "email_domain"
                | "free_mail"
                | "consent"
        )
        || name == "tags"
}
