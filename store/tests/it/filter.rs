//! A filter finds what the evaluator says holds, however much of it SQL could say: random leads, random conditions, both
//! engines.

use std::collections::{BTreeMap, BTreeSet};

use jiff::tz::TimeZone;
use leadloop_mapping::Value;
use leadloop_mapping::expr::{Expected, Expr};
use leadloop_store::read::pages::LeadAsk;
use leadloop_store::{Store, Wanted};
use leadloop_sync_core::because::Language;
use leadloop_sync_core::calendar::Calendar;
use leadloop_sync_core::facts::{self, Scene};
use leadloop_sync_core::ids::{PersonKey, SourceName};
use leadloop_sync_core::lead::{Consent, Fact, Lead, Owner, ScoreState, Stage};
use leadloop_sync_core::moment::Moment;
use leadloop_sync_core::policy::{
    Brings, CampaignPolicy, ConsentPolicy, HandoffPolicy, IdentityPolicy, Policy, PoolRules, Reads,
    RecyclePolicy, ScoreModel, SourcePolicy,
};
use leadloop_sync_core::time::{Micros, Timestamp};

use crate::on_both;
use crate::samples::{at, lead, put};
use crate::write_path::written;

const NOW: Timestamp = Timestamp(1_795_392_000_000_000 + 86_400_000_000 * 30);

/// A policy with one score and some fields of its own; one of them stands in front of another.
pub(crate) fn policy() -> Policy {
    let zone = TimeZone::UTC;
    let filled = ["segment", "budget", "budget.currency", "a \"quoted\" name", "company.revenue"];
    let source = SourcePolicy {
        name: SourceName::from("website"),
        brings: Brings::Touches,
        touch: "form_submitted".into(),
        channel: None,
        require: vec![],
        fields: filled.iter().map(|to| ((*to).to_owned(), (*to).to_owned())).collect(),
        fixed: vec![],
        identifiers: BTreeMap::new(),
        duplicate_within: Micros::minutes(10),
        shared_device: false,
        keep: None,
        counts: false,
        polls: None,
        consent: None,
    };
    Policy {
        config: "config-1".into(),
        zone: zone.clone(),
        language: Language::En,
        region: "CN".into(),
        calendar: Calendar::weekdays(zone),
        sources: BTreeMap::from([(source.name.clone(), source)]),
        identity: IdentityPolicy {
            order: vec![],
            limits: BTreeMap::new(),
            blocked: BTreeSet::new(),
            recycled_after: None,
        },
        consent: ConsentPolicy { transfer_must_be_given: true, ..ConsentPolicy::default() },
        pool: PoolRules::default(),
        companies: Default::default(),
        campaign: CampaignPolicy::default(),
        scores: vec![fit()],
        mql: Vec::new(),
        judging: Reads::default(),
        crms: BTreeMap::new(),
        mas: BTreeMap::new(),
        enrich: Vec::new(),
        transfer: vec![],
        people: BTreeMap::new(),
        leave: vec![],
        teams: BTreeMap::new(),
        routes: BTreeMap::new(),
        handoff: HandoffPolicy {
            link: None,
            brief: vec![],
            returned_to_public_pool: true,
            returned_status: None,
            when_accepted: false,
            link_for: leadloop_sync_core::time::Micros::days(30),
        },
        sla: vec![],
        feedback: BTreeMap::new(),
        recycle: RecyclePolicy { at_most: 3, cool_down: Micros::days(90) },
        tracks: BTreeMap::new(),

        desk: None,
        notices: leadloop_sync_core::notice::NoticePolicy::default(),
    }
}

fn fit() -> ScoreModel {
    ScoreModel {
        version: 0,
        name: "fit".into(),
        range: (0, 100),
        half_life: Some(Micros::days(14)),
        cap_per_day: None,
        add: vec![],
        touches: vec![],
        from: None,
    }
}

/// Throws of a die.
struct Dice(Moment);

impl Dice {
    fn below(&mut self, count: usize) -> usize {
        usize::try_from(self.0.throw() % u64::try_from(count).unwrap()).unwrap()
    }
    fn of<T: Clone>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())].clone()
    }
}

const TEXTS: [&str; 12] = [
    "上海",
    "Shanghai",
    "shanghai",
    "上海市 浦东",
    "200",
    "it's \"x\"",
    "%_\\",
    "",
    " ",
    "\u{3000}\t",
    "true",
    "😀 ok",
];

/// A value of any kind that a profile may hold, strange ones too.
fn value(dice: &mut Dice) -> Value {
    match dice.below(8) {
        0 => Value::Int(dice.of(&[-5, 0, 1, 199, 200, 201, 4_000_000_000])),
        1 => Value::Real(dice.of(&[0.5, 200.0, 199.5, -1e20, 0.1])),
        2 => Value::Bool(dice.below(2) == 0),
        3 => Value::Null,
        4 => Value::List(vec![Value::text(dice.of(&TEXTS)), Value::Int(200)]),
        _ => Value::text(dice.of(&TEXTS)),
    }
}

const FIELDS: [&str; 9] = [
    "title",
    "province",
    "company",
    "company.employees",
    "company.industry",
    "segment",
    "budget",
    "campaign",
    "company.revenue",
];

fn any_lead(n: u64, dice: &mut Dice) -> Lead {
    let mut lead = lead(n, 1);
    lead.stage = dice.of(&Stage::ALL);
    lead.profile.clear();
    for field in FIELDS {
        if dice.below(3) > 0 {
            let fact = Fact { value: value(dice), source: SourceName::from("website"), at: at(0) };
            lead.profile.insert(field.to_owned(), fact);
        }
    }
    if dice.below(8) == 0 {
        let fact = Fact { value: "CNY".into(), source: SourceName::from("website"), at: at(0) };
        lead.profile.insert("budget.currency".into(), fact);
    }
    lead.origin.campaign = (dice.below(2) == 0).then(|| dice.of(&TEXTS).to_owned());
    lead.origin.channel = dice.of(&TEXTS).to_owned();
    lead.origin.at = NOW - Micros::hours(i64::try_from(dice.below(400)).unwrap() - 30);
    lead.last_touch_at = NOW - Micros::hours(i64::try_from(dice.below(400)).unwrap() - 30);
    lead.touches = u32::try_from(dice.below(5)).unwrap();
    lead.mql = dice.below(2) == 0;
    lead.tags = (0..dice.below(3)).map(|_| dice.of(&TEXTS).to_owned()).collect();
    lead.feedback = (dice.below(3) == 0).then(|| dice.of(&["buys_in_a_year", "上海"]).to_owned());
    lead.owner = (dice.below(2) == 0).then(|| Owner {
        person: (dice.below(2) == 0).then(|| PersonKey::from("shanghai")),
        crm_user: "200".into(),
    });
    let consent = |given| Consent {
        given,
        at: at(0),
        source: SourceName::from("website"),
        text_version: None,
        assumed: false,
    };
    if dice.below(3) > 0 {
        lead.consent.insert("transfer".into(), consent(dice.below(2) == 0));
    }
    let points = i64::try_from(dice.below(120)).unwrap() * 1_000_000;
    lead.scores.insert("fit".into(), ScoreState { micro: points, as_of: at(0), ..ScoreState::default() });
    lead
}

fn literal(dice: &mut Dice) -> String {
    match dice.below(6) {
        0 => dice.of(&["200", "-5", "0.5", "199.5", "0"]).to_owned(),
        1 => dice.of(&["true", "false", "null"]).to_owned(),
        _ => quoted(dice.of(&TEXTS)),
    }
}

fn quoted(text: &str) -> String {
    if text.contains('"') { format!("'{}'", text.replace('\'', "")) } else { format!("\"{text}\"") }
}

/// A condition out of the grammar; not all of them make sense.
fn condition(dice: &mut Dice, depth: usize) -> String {
    let texts = [
        "lead.title",
        "lead.province",
        "lead.company",
        "company.name",
        "company.industry",
        "lead.segment",
        "lead.budget",
        "lead.campaign",
        "lead.channel",
        "lead.owner",
        "lead.feedback",
        "company.revenue",
        "lead.stage",
        "lead.email_domain",
        "lead.first_channel",
    ];
    let numbers = [
        "company.employees",
        "lead.touches",
        "lead.days_since_last_touch",
        "lead.days_since_first_touch",
        "score.fit",
        "lead.budget",
        "company.revenue",
        "lead.recycled",
        "lead.days_in_stage",
    ];
    if depth > 0 && dice.below(2) == 0 {
        let (one, other) = (condition(dice, depth - 1), condition(dice, depth - 1));
        return match dice.below(4) {
            0 => format!("not ({one})"),
            1 => format!("({one}) or ({other})"),
            _ => format!("({one}) and ({other})"),
        };
    }
    let all: Vec<&str> = texts.iter().chain(&numbers).copied().collect();
    match dice.below(9) {
        0 => format!(
            "{} {} {}",
            dice.of(&numbers),
            dice.of(&["<", "<=", ">", ">="]),
            dice.of(&["200", "3", "0.5", "-5"])
        ),
        1 => format!("{} in [{}, {}]", dice.of(&all), literal(dice), literal(dice)),
        2 => format!("{} not in [{}]", dice.of(&all), literal(dice)),
        3 => format!(
            "{}({}, {})",
            dice.of(&["contains", "startsWith", "endsWith"]),
            dice.of(&texts),
            quoted(dice.of(&TEXTS))
        ),
        4 => format!("contains(lead.tags, {})", quoted(dice.of(&TEXTS))),
        5 => dice
            .of(&[
                "lead.mql",
                "lead.known",
                "lead.consent.transfer == \"given\"",
                "lead.consent.transfer != \"unknown\"",
                "lead.stage in [\"raw\", \"won\"]",
                "lead.stage == \"raw\"",
                "len(lead.title) > 2",
            ])
            .to_owned(),
        6 => format!("({} ?? {}) == {}", dice.of(&texts), quoted(dice.of(&TEXTS)), quoted(dice.of(&TEXTS))),
        7 => format!("{} {} null", dice.of(&all), dice.of(&["==", "!="])),
        _ => format!("{} {} {}", dice.of(&all), dice.of(&["==", "!="]), literal(dice)),
    }
}

async fn found(store: &Store, policy: &Policy, expr: &Expr) -> (Vec<Lead>, u64) {
    let ask = LeadAsk { limit: 10_000, ..LeadAsk::default() };
    let found = store.leads_where(Wanted { ask: &ask, filter: expr, policy, now: NOW }).await.unwrap();
    assert!(!found.more);
    (found.leads, found.looked_at)
}

#[tokio::test]
async fn a_filter_finds_what_the_evaluator_says() {
    on_both("filter", |store| async move {
        let policy = policy();
        let schema = facts::filter_schema(&policy);
        let mut dice = Dice(Moment::new(NOW, 20_261_123));
        let leads: Vec<Lead> = (1..=150).map(|n| any_lead(n, &mut dice)).collect();
        let mut merged = lead(900, 1);
        merged.merged_into = Some(leads[0].id);
        let effects = leads.iter().cloned().chain([merged]).map(put).collect();
        written(&store, effects).await;
        let (mut tried, mut looked, mut fitting, mut kept) = (0_u32, 0, 0, 0_u32);
        // Of sealed leads everything is opened: fewer conditions say as much.
        let most = if store.encrypted() { 60 } else { 400 };
        while tried < most {
            let text = condition(&mut dice, 3);
            let Ok(expr) = Expr::filter(&text, &schema) else { continue };
            tried += 1;
            let holds = |lead: &&Lead| {
                let scene = Scene { lead, touch: None, policy: &policy, now: NOW };
                expr.eval_bool(&facts::of(&scene)).unwrap_or(false)
            };
            let expected: Vec<_> = leads.iter().rev().filter(holds).map(|lead| lead.id).collect();
            let (leads_found, rows) = found(&store, &policy, &expr).await;
            let ids: Vec<_> = leads_found.iter().map(|lead| lead.id).collect();
            assert_eq!(ids, expected, "{}: {text} → {expr}", store.engine());
            looked += rows;
            fitting += u64::try_from(ids.len()).unwrap();
            kept += u32::from(rows < 150);
        }
        if store.encrypted() {
            return; // what stands in sealed documents is asked of every lead
        }
        // The narrowing is worth having: most conditions do not read the whole pool.
        assert!(kept * 10 > tried * 6, "{}: only {kept} of {tried} were narrowed", store.engine());
        assert!(looked < fitting * 2, "{}: {looked} rows for {fitting}", store.engine());
    })
    .await;
}

#[tokio::test]
async fn what_sql_can_say_is_exact() {
    on_both("exact", |store| async move {
        let policy = policy();
        let schema = facts::filter_schema(&policy);
        let mut dice = Dice(Moment::new(NOW, 7));
        let mut leads: Vec<Lead> = (1..=300).map(|n| any_lead(n, &mut dice)).collect();
        for lead in &mut leads {
            let text = |fact: &Fact| matches!(fact.value, Value::Text(_) | Value::Int(_));
            lead.profile.retain(|_, fact| text(fact));
        }
        written(&store, leads.iter().cloned().map(put).collect()).await;
        for text in [
            r#"lead.stage == "raw""#,
            r#"lead.stage in ["raw", "won"] and lead.touches > 2"#,
            r#"lead.stage == "raw" and lead.mql and not contains(lead.tags, "上海")"#,
            r#"lead.segment == "上海" or lead.feedback == "上海""#,
            r#"lead.days_since_last_touch < 3 and lead.consent.transfer == "given""#,
            r#"startsWith(lead.channel, "上海") and lead.owner != null"#,
        ] {
            let expr = Expr::filter(text, &schema).unwrap();
            let (leads, rows) = found(&store, &policy, &expr).await;
            if store.encrypted() {
                assert!(rows >= u64::try_from(leads.len()).unwrap(), "{text}");
                continue;
            }
            assert_eq!(rows, u64::try_from(leads.len()).unwrap(), "{}: {text}", store.engine());
            assert!(rows > 0 && rows < 300, "{text}: {rows}");
        }
    })
    .await;
}

#[tokio::test]
async fn pages_follow_each_other_and_flags_go_with_the_filter() {
    on_both("filter_pages", |store| async move {
        let policy = policy();
        let expr =
            Expr::filter("score.fit >= 0 and lead.touches == 1", &facts::filter_schema(&policy)).unwrap();
        written(&store, (1..=1200).map(|n| put(lead(n, 1))).collect()).await;
        let mut ask = LeadAsk { limit: 450, source: Some("website".into()), ..LeadAsk::default() };
        let mut seen = BTreeSet::new();
        for (count, more) in [(450, true), (450, true), (300, false)] {
            let page = store
                .leads_where(Wanted { ask: &ask, filter: &expr, policy: &policy, now: NOW })
                .await
                .unwrap();
            assert_eq!((page.leads.len(), page.more), (count, more));
            ask.after = page.leads.last().map(|lead| lead.id);
            seen.extend(page.leads.iter().map(|lead| lead.id));
        }
        assert_eq!(seen.len(), 1200);
        let none = LeadAsk { limit: 9, source: Some("fair".into()), ..LeadAsk::default() };
        let page =
            store.leads_where(Wanted { ask: &none, filter: &expr, policy: &policy, now: NOW }).await.unwrap();
        assert_eq!(page.leads.len(), 0);
        let text = LeadAsk { limit: 9, text: Some("科技 77 公司".into()), ..LeadAsk::default() };
        let page =
            store.leads_where(Wanted { ask: &text, filter: &expr, policy: &policy, now: NOW }).await.unwrap();
        assert_eq!(page.leads.iter().map(|lead| lead.id).collect::<Vec<_>>(), vec![crate::samples::id(77)]);
        let wrong = Expr::compile("lead.mql", &facts::filter_schema(&policy), Expected::Bool).unwrap();
        let page = store
            .leads_where(Wanted { ask: &none, filter: &wrong, policy: &policy, now: NOW })
            .await
            .unwrap();
        assert_eq!((page.leads.len(), page.more), (0, false));
    })
    .await;
}
