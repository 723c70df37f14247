//! Runs `cases/transfer/*.toml`: what the pool and the CRM know, and what must be decided. The format is explained in
//! `cases/transfer/README.md`.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use leadloop_mapping::Record;
use leadloop_sync_core::companies::{Companies, Company, CompanyVerdict};
use leadloop_sync_core::effect::{Effect, Reaction};
use leadloop_sync_core::handoff::{Action, Clocks, DecisionRecord, Handoff, HandoffState};
use leadloop_sync_core::ids::{LinkName, PersonKey};
use leadloop_sync_core::lead::{Lead, Owner, Stage};
use leadloop_sync_core::matching;
use leadloop_sync_core::moment::Moment;
use leadloop_sync_core::outbox::{FindBy, Operation, Purpose};
use leadloop_sync_core::policy::{Assign, Deed, Leave, Length, Policy, Who};
use leadloop_sync_core::routing::{Dealings, dealings_key};
use leadloop_sync_core::time::{Micros, Timestamp};
use serde::Deserialize;

use crate::support::model::Model;
use crate::support::policy::{crm, rule, standard};
use crate::support::rows;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    rules: Vec<RuleText>,
    case: Vec<Case>,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleText {
    name: String,
    when: String,
    #[serde(rename = "do")]
    does: String,
    assign: Option<String>,
    #[serde(default)]
    link_company: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    now: Option<String>,
    #[serde(default)]
    lead: BTreeMap<String, toml::Value>,
    /// Several leads, one after the other.
    #[serde(default)]
    leads: Vec<BTreeMap<String, toml::Value>>,
    #[serde(default)]
    crm: Vec<BTreeMap<String, toml::Value>>,
    #[serde(default)]
    in_flight: Vec<Flight>,
    /// What somebody said of two names.
    #[serde(default)]
    judged: Vec<JudgedText>,
    #[serde(default)]
    users: BTreeMap<String, String>,
    #[serde(default)]
    leave: Vec<LeaveText>,
    #[serde(default)]
    open: BTreeMap<String, i64>,
    #[serde(default)]
    given_today: BTreeMap<String, u32>,
    mirror_age: Option<String>,
    #[serde(default)]
    settings: Settings,
    expect: Expect,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Flight {
    company: String,
    owner: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LeaveText {
    person: String,
    from: String,
    to: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct JudgedText {
    one: String,
    other: String,
    same: bool,
}

/// A row of the admin's table of companies.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct CompanyText {
    name: String,
    also: Vec<String>,
    credit_code: Option<String>,
    domains: Vec<String>,
    parent: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Settings {
    companies: Vec<CompanyText>,
    free_mail: Vec<String>,
    consent: Option<String>,
    creates_per_hour: Option<u32>,
    sticky: Option<bool>,
    holidays: Vec<String>,
    work_days: Vec<String>,
    no_days: bool,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Expect {
    rule: Option<String>,
    #[serde(rename = "do")]
    does: Option<String>,
    owner: Option<String>,
    owners: Option<Vec<String>>,
    state: Option<String>,
    stage: Option<String>,
    reasons: Vec<String>,
    person: Option<String>,
    person_by: Option<Vec<String>>,
    company: Option<String>,
    company_by: Option<Vec<String>>,
    considered: BTreeMap<String, String>,
    /// Rules that nearly held, with the one condition that failed.
    near: BTreeMap<String, String>,
    asks: Option<Vec<String>>,
    until: Option<String>,
    alarm: Option<String>,
}

#[test]
fn every_decision_is_as_the_tables_say() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/transfer");
    let mut files: Vec<_> = std::fs::read_dir(&folder)
        .expect("the folder of the cases")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "toml"))
        .collect();
    files.sort();
    let (mut complaints, mut count) = (Vec::new(), 0);
    for path in files {
        let text = std::fs::read_to_string(&path).expect("a readable file");
        let file: File = toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        for case in &file.case {
            count += 1;
            let wrong = Outcome::of(case, &file.rules).complaints(&case.expect);
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            complaints.extend(wrong.iter().map(|wrong| format!("{name}: {}\n    {wrong}", case.name)));
        }
    }
    assert!(complaints.is_empty(), "{} of {count} cases:\n{}", complaints.len(), complaints.join("\n"));
    assert!(count >= 60, "only {count} decisions are tried");
}

/// What came out of a case.
struct Outcome {
    model: Model,
    leads: Vec<Lead>,
}

impl Outcome {
    fn of(case: &Case, rules: &[RuleText]) -> Self {
        let policy = policy_of(case, rules);
        let now = at(&policy, case.now.as_deref().unwrap_or("2026-11-23 10:00"));
        let mut model = Model::new(policy, now, 7);
        know(&mut model, case);
        let told = if case.leads.is_empty() { std::slice::from_ref(&case.lead) } else { &case.leads };
        let mut leads = Vec::new();
        for (number, fields) in told.iter().enumerate() {
            let lead = lead_of(&mut model, fields, number);
            model.qualified(&lead, None);
            leads.push(lead);
        }
        Self { model, leads }
    }

    fn handoff(&self) -> Option<&Handoff> {
        self.model.handoff(self.leads.last()?.id)
    }

    fn complaints(&self, expect: &Expect) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut check = |what: &str, expected: Option<&str>, found: String| {
            if let Some(expected) = expected.filter(|expected| *expected != found) {
                wrong.push(format!("{what}: `{found}` instead of `{expected}`"));
            }
        };
        let decision = self.model.decisions.last();
        let handoff = self.handoff();
        let text = |text: Option<&str>| text.unwrap_or("none").to_owned();
        check("rule", expect.rule.as_deref(), text(decision.and_then(|d| d.rule.as_deref())));
        check("do", expect.does.as_deref(), decision.map_or("nothing".to_owned(), |d| deed(&d.action)));
        check("owner", expect.owner.as_deref(), owner_of(handoff));
        check("state", expect.state.as_deref(), text(handoff.map(|handoff| handoff.state.as_str())));
        let stage = self.leads.last().and_then(|lead| self.model.book.leads.get(&lead.id));
        check("stage", expect.stage.as_deref(), text(stage.map(|lead| lead.stage.as_str())));
        let fact = |path: &str| {
            let found = decision.and_then(|d| path.split('.').try_fold(&d.facts, |at, name| at.get(name)));
            found.map_or("nothing".to_owned(), |json| json.as_str().map_or(json.to_string(), str::to_owned))
        };
        check("person", expect.person.as_deref(), fact("crm.person.id"));
        check("company", expect.company.as_deref(), fact("crm.company.id"));
        let by = |by: &Option<Vec<String>>| by.as_ref().map(|by| serde_json::json!(by).to_string());
        check("person_by", by(&expect.person_by).as_deref(), fact("crm.person.by"));
        check("company_by", by(&expect.company_by).as_deref(), fact("crm.company.by"));
        let until = match decision.map(|d| &d.action) {
            Some(Action::Hold { until, .. }) => wall(&self.model.policy, *until),
            _ => "no hold".to_owned(),
        };
        check("until", expect.until.as_deref(), until);
        let owners: Vec<String> =
            self.leads.iter().map(|lead| owner_of(self.model.handoff(lead.id))).collect();
        if let Some(expected) = expect.owners.as_ref().filter(|expected| **expected != owners) {
            wrong.push(format!("owners: {owners:?} instead of {expected:?}"));
        }
        self.more_complaints(expect, decision, &mut wrong);
        wrong
    }

    fn more_complaints(&self, expect: &Expect, decision: Option<&DecisionRecord>, wrong: &mut Vec<String>) {
        let said: Vec<&str> = self.model.reasons.iter().map(|reason| reason.code.as_str()).collect();
        for code in &expect.reasons {
            let (code, wanted) = code.strip_prefix('!').map_or((code.as_str(), true), |code| (code, false));
            if said.contains(&code) != wanted {
                wrong.push(format!("reason {code} (wanted: {wanted}) among {said:?}"));
            }
        }
        for (person, outcome) in &expect.considered {
            let found = decision.and_then(|d| d.considered.iter().find(|c| c.person == *person));
            if found.map(|found| found.outcome.as_str()) != Some(outcome) {
                wrong.push(format!("considered: {person} is {found:?} instead of {outcome}"));
            }
        }
        for (rule, condition) in &expect.near {
            let tried = decision.and_then(|d| d.tried.iter().find(|tried| tried.rule == *rule));
            let near = tried.and_then(|tried| tried.near.as_ref());
            if near != Some(condition) {
                wrong.push(format!("near miss of {rule}: {near:?} instead of {condition}"));
            }
        }
        let asks: Vec<String> = self
            .model
            .deliveries
            .iter()
            .filter(|delivery| delivery.purpose == Purpose::Ask)
            .map(|delivery| match &delivery.operation {
                Operation::Find { object, by: FindBy::Keys(_) } => object.clone(),
                other => format!("{other:?}"),
            })
            .collect();
        if let Some(expected) = expect.asks.as_ref().filter(|expected| **expected != asks) {
            wrong.push(format!("asks: {asks:?} instead of {expected:?}"));
        }
        if let Some(code) = &expect.alarm
            && !self.model.alarms.values().any(|alarm| alarm.code == *code)
        {
            wrong.push(format!("no alarm {code} among {:?}", self.model.alarms));
        }
    }
}

fn deed(action: &Action) -> String {
    match action {
        Action::Create { object, account: None, .. } => format!("create {object}"),
        Action::Create { object, account: Some(account), .. } => {
            format!("create {object} under {}", account.id)
        }
        Action::Update { remote, release: true, .. } => format!("release {}", remote.id),
        Action::Update { remote, owner: None, .. } => format!("update {}", remote.id),
        Action::Update { remote, .. } => format!("reassign {}", remote.id),
        Action::Hold { team, .. } => format!("hold for {}", team.as_deref().unwrap_or("nobody")),
        Action::Decline { .. } => "decline".to_owned(),
    }
}

fn owner_of(handoff: Option<&Handoff>) -> String {
    let Some(handoff) = handoff else { return "no hand-over".to_owned() };
    let Some(owner) = &handoff.owner else { return "public pool".to_owned() };
    owner.person.as_ref().map_or_else(|| owner.crm_user.clone(), |person| person.0.clone())
}

fn at(policy: &Policy, text: &str) -> Timestamp {
    Timestamp::parse(text, &policy.zone).unwrap_or_else(|| panic!("`{text}` is no time"))
}

fn wall(policy: &Policy, at: Timestamp) -> String {
    at.in_zone(&policy.zone).strftime("%Y-%m-%d %H:%M").to_string()
}

fn policy_of(case: &Case, rules: &[RuleText]) -> Policy {
    let mut policy = standard();
    if !rules.is_empty() {
        policy.transfer = rules.iter().map(rule_of).collect();
    }
    if let Some(consent) = &case.settings.consent {
        policy.consent.transfer_must_be_given = consent == "given";
    }
    if let Some(crm) = policy.crms.get_mut(&crm()) {
        crm.creates_per_hour = case.settings.creates_per_hour;
    }
    for route in policy.routes.values_mut() {
        route.sticky = case.settings.sticky.unwrap_or(route.sticky);
    }
    let date = |text: &String| text.parse().expect("a date");
    let special = case.settings.holidays.iter().map(|day| (date(day), false));
    policy.calendar.special =
        special.chain(case.settings.work_days.iter().map(|day| (date(day), true))).collect();
    if case.settings.no_days {
        policy.calendar.days.clear();
    }
    policy.companies = companies_of(&case.settings);
    policy.leave = case
        .leave
        .iter()
        .map(|leave| Leave {
            person: PersonKey::from(leave.person.as_str()),
            from: at(&policy, &leave.from),
            to: at(&policy, &leave.to),
            deputy: None,
        })
        .collect();
    policy
}

fn companies_of(settings: &Settings) -> Arc<Companies> {
    let place = |name: &String| settings.companies.iter().position(|row| row.name == *name);
    let rows = settings.companies.iter().map(|row| Company {
        name: row.name.clone(),
        also: row.also.clone(),
        credit_code: row.credit_code.clone(),
        domains: row.domains.clone(),
        parent: row.parent.as_ref().map(|parent| place(parent).expect("a row of the parent")),
    });
    Arc::new(Companies::new(rows.collect(), settings.free_mail.iter().cloned().collect()))
}

fn rule_of(text: &RuleText) -> leadloop_sync_core::policy::TransferRule {
    let words: Vec<&str> = text.does.split(' ').collect();
    let deed = match words.as_slice() {
        ["create", object] => Deed::Create((*object).to_owned()),
        ["update", "person"] => Deed::Update(Who::Person),
        ["update", "company"] => Deed::Update(Who::Company),
        ["hold", team] => {
            Deed::Hold { team: Some((*team).to_owned()), at_most: Length::Working(Micros::hours(4)) }
        }
        ["decline"] => Deed::Decline,
        other => panic!("`{other:?}` is no deed"),
    };
    let assign = text.assign.as_ref().map(|assign| match assign.split_once(' ') {
        Some(("route", name)) => Assign::Route(name.to_owned()),
        Some(("team", name)) => Assign::Team(name.to_owned()),
        Some(("person", name)) => Assign::Person(PersonKey::from(name)),
        Some(("owner_of", "person")) => Assign::OwnerOf(Who::Person),
        Some(("owner_of", _)) => Assign::OwnerOf(Who::Company),
        _ if assign == "public_pool" => Assign::PublicPool,
        _ if assign == "poster" => Assign::Poster,
        _ => panic!("`{assign}` is no assignment"),
    });
    let mut rule = rule(&text.name, &text.when, deed, assign);
    rule.does.link_company = text.link_company;
    rule
}

/// What the CRM, the calendar of people and the hand-overs in flight hold.
fn know(model: &mut Model, case: &Case) {
    let now = model.now();
    let policy = model.policy.clone();
    let user = |name: &str| {
        let person = policy.people.get(name);
        person.and_then(|person| person.crm_user.get(&crm())).map_or(name.to_owned(), Clone::clone)
    };
    for (name, state) in &case.users {
        let mut fields = Record::new().with("name", name.as_str()).with("state", state.as_str());
        if state == "deleted" {
            fields.set("deleted", true);
        }
        rows::mirror(&mut model.book, &policy, &rows::record("user", &user(name), fields, now), now);
    }
    for row in &case.crm {
        crm_row(model, row, &user);
    }
    for said in &case.judged {
        let verdict = CompanyVerdict {
            one: said.one.clone(),
            other: said.other.clone(),
            same: said.same,
            who: "tester".to_owned(),
            at: now,
        };
        model.book.apply(&Reaction { effects: vec![Effect::CompanyVerdict(verdict)], ..Reaction::default() });
    }
    for (number, flight) in case.in_flight.iter().enumerate() {
        let handoff = in_flight(flight, number, now, &user, &policy);
        model.book.handoffs.insert(handoff.id, handoff);
    }
    for (name, open) in &case.open {
        model.book.load.insert((crm(), user(name)), *open);
    }
    if !case.given_today.is_empty() {
        let day = now.in_zone(&policy.zone).date().to_string();
        let given = serde_json::json!({ "day": day, "by": case.given_today });
        model.book.counters.insert(format!("given/{}", crm()), given);
    }
    if let Some(age) = &case.mirror_age {
        let minutes: i64 = age.trim_end_matches('m').parse().expect("minutes");
        rows::fresh(&mut model.book, &policy, now - Micros::minutes(minutes));
    }
}

/// A record of the CRM, with friendly names for owner, activity and status.
fn crm_row(model: &mut Model, row: &BTreeMap<String, toml::Value>, user: &dyn Fn(&str) -> String) {
    let now = model.now();
    let text = |name: &str| row.get(name).and_then(toml::Value::as_str);
    let (object, id) = (text("object").expect("an object"), text("id").expect("an id"));
    let mut fields = Record::new();
    let mut modified = now - Micros::days(400);
    for (name, value) in row {
        match (name.as_str(), value) {
            ("object" | "id", _) => {}
            ("owner", toml::Value::String(owner)) => fields.set("owner_id", user(owner)),
            ("idle_days", toml::Value::Integer(days)) => {
                fields.set("last_activity_at", (now - Micros::days(*days) - Micros::hours(1)).0);
            }
            ("modified_days", toml::Value::Integer(days)) => modified = now - Micros::days(*days),
            ("account", toml::Value::String(id)) => fields.set("account_id", id.as_str()),
            ("about", toml::Value::String(id)) => {
                fields.set(if id.starts_with('C') { "contact_id" } else { "lead_id" }, id.as_str());
            }
            (name, toml::Value::String(text)) => fields.set(name, text.as_str()),
            (name, toml::Value::Integer(number)) => fields.set(name, *number),
            (name, toml::Value::Boolean(yes)) => fields.set(name, *yes),
            other => panic!("{other:?} cannot stand in a CRM record"),
        }
    }
    let policy = model.policy.clone();
    rows::mirror(&mut model.book, &policy, &rows::record(object, id, fields, modified), now);
}

fn in_flight(
    flight: &Flight,
    number: usize,
    now: Timestamp,
    user: &dyn Fn(&str) -> String,
    policy: &Policy,
) -> Handoff {
    let mut moment = Moment::new(now - Micros::minutes(1), 900 + number as u64);
    let person = flight.owner.as_deref().filter(|name| policy.people.contains_key(*name));
    Handoff {
        id: moment.id(),
        version: 1,
        lead: moment.id(),
        link: LinkName::from("sales"),
        state: HandoffState::Telling,
        state_since: now,
        opened_at: now,
        decision: None,
        rule: None,
        action: None,
        owner: flight
            .owner
            .as_deref()
            .map(|name| Owner { person: person.map(PersonKey::from), crm_user: user(name) }),
        remote: None,
        company_key: matching::company_key(&flight.company),
        agreed: Record::new(),
        feedback: None,
        remark: None,
        due: None,
        clocks: Clocks::default(),
        parked: None,
        rules_tried: 0,
        by: None,
        desk: None,
    }
}

fn lead_of(model: &mut Model, fields: &BTreeMap<String, toml::Value>, number: usize) -> Lead {
    let now = model.now();
    let id = rows::lead_id(number as u64 + 1, now);
    let mut told = Vec::new();
    let mut dealings = Dealings::default();
    let (mut consent, mut stage) = ("given", Stage::Raw);
    for (name, value) in fields {
        match (name.as_str(), value) {
            ("consent", toml::Value::String(text)) => consent = text,
            ("stage", toml::Value::String(text)) => stage = Stage::parse(text).expect("a stage"),
            ("returned", toml::Value::Integer(times)) => {
                for _ in 0..*times {
                    dealings.at.push(now - Micros::days(30));
                }
            }
            ("cooling", toml::Value::String(person)) => {
                dealings.cool.insert(PersonKey::from(person.as_str()), now + Micros::days(10));
            }
            ("same_owner", toml::Value::String(person)) => {
                dealings.prefer = Some(PersonKey::from(person.as_str()));
            }
            (name, toml::Value::String(text)) => told.push((name.to_owned(), text.clone())),
            (name, other) => told.push((name.to_owned(), other.to_string())),
        }
    }
    let told: Vec<(&str, &str)> = told.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let mut lead = rows::lead(id, &told, now);
    lead.stage = stage;
    match consent {
        "given" => {}
        "missing" => lead.consent.clear(),
        _ => lead.consent.values_mut().for_each(|consent| consent.given = false),
    }
    if dealings != Dealings::default() {
        model.book.counters.insert(dealings_key(id), dealings.to_json());
    }
    rows::keep_lead(&mut model.book, &lead);
    lead
}
