//! Mapping and three-way merge of a lead with 25 fields, per second and core, beside serde code written by hand for the same
//! fields. Both begin with the same three JSON texts (the pool's fields, the CRM's record, what was last agreed) and end with
//! the text of the least update. The goal is 35 % of the hand-written code.
//!
//! `cargo bench -p leadloop-mapping`

#![expect(
    clippy::expect_used,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a bench times and prints, and stops where it cannot go on"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::hint::black_box;
use std::time::{Duration, Instant};

use leadloop_mapping::merge::{Agreed, Pair, Sides};
use leadloop_mapping::transform::phone;
use leadloop_mapping::{FieldKind, FieldSchema, Ground, Mapping, ObjectSchema, Record, Rule, Value, compile};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

/// What the product should reach of the hand-written code.
const GOAL: f64 = 0.35;
/// Leads of one round.
const LEADS: u32 = 2_000;
/// Rounds; the middle one counts.
const ROUNDS: usize = 15;

/// Fields of text that go over as they are: (pool, CRM).
const PLAIN: [(&str, &str); 17] = [
    ("title", "title"),
    ("company", "companyName"),
    ("province", "province"),
    ("city", "city"),
    ("address", "address"),
    ("department", "dept"),
    ("website", "website"),
    ("product", "product"),
    ("campaign", "campaign"),
    ("channel", "channel"),
    ("source", "source"),
    ("wechat", "wechat"),
    ("qq", "qq"),
    ("remark", "remark"),
    ("language", "lang"),
    ("budget_year", "budgetYear"),
    ("event", "event"),
];

fn rules() -> Vec<Rule> {
    let text = r#"
rules = [
  { pool = "name", crm = "name", way = "both", wins = "newest", steps = ["trim"] },
  { pool = "phone", crm = "mobile", way = "both", wins = "crm", steps = ["cn_mobile"] },
  { pool = "email", crm = "email", way = "both", wins = "newest", steps = ["trim", "lower"] },
  { pool = "industry", crm = "industryId", choose = { "制造业" = 1, "汽车" = 2, "医药" = 3 }, otherwise = 9 },
  { pool = "requirement", crm = "comment", max = 200 },
  { pool = "employees", crm = "size", steps = ["number"] },
  { pool = "scale", crm = "scale", choose = { "大" = "L", "中" = "M", "小" = "S" }, otherwise = "S" },
  { pool = "greeting", crm = "greeting", steps = ["collapse"] },
]
"#;
    #[derive(Deserialize)]
    struct Rules {
        rules: Vec<Rule>,
    }
    let mut rules = toml::from_str::<Rules>(text).expect("the rules are right").rules;
    rules.extend(PLAIN.map(|(pool, crm)| {
        let way = leadloop_mapping::rule::Way::Both;
        let wins = Some(leadloop_mapping::rule::Wins::Newest);
        Rule { pool: pool.into(), crm: crm.into(), way, wins, ..Rule::default() }
    }));
    rules
}

fn mapping() -> Mapping {
    let rules = rules();
    let mut pool = ObjectSchema::new("pool");
    for rule in &rules {
        for field in rule.pool.list() {
            pool = pool.field(field.as_str(), FieldSchema::of(FieldKind::Text));
        }
    }
    let (crm, filled) = (ObjectSchema::new("lead").open(), BTreeSet::new());
    let ground = Ground { pool: &pool, crm: &crm, zone: "Asia/Shanghai", filled: &filled };
    compile(&rules, ground).expect("the rules fit")
}

/// One lead as both begin with it.
struct Texts {
    pool: String,
    crm: String,
    agreed: String,
}

fn texts(n: u32) -> Texts {
    let mut pool = json!({
        "name": format!(" 测试{n} "), "phone": format!("+86139{n:08}"), "email": format!("Ceshi{n}@Shili.example"),
        "industry": "汽车", "requirement": "想看演示，预计明年一季度实施。".repeat(4), "employees": "1,200",
        "scale": "大", "greeting": "您  好",
    });
    let mut held = json!({
        "name": format!("测试{n}"), "mobile": format!("139{n:08}"), "email": format!("ceshi{n}@shili.example"),
        "industryId": 2, "comment": "想看演示，预计明年一季度实施。".repeat(4), "size": 1200, "scale": "L", "greeting": "您 好",
    });
    for (from, to) in PLAIN {
        pool[from] = json!(format!("{from} {n}"));
        held[to] = json!(format!("{from} {n}"));
    }
    let agreed = held.clone();
    // Two fields were changed by the pool, two by sales since both last agreed.
    pool["title"] = json!("采购总监");
    pool["industry"] = json!("医药");
    held["city"] = json!("苏州");
    held["companyName"] = json!("示例机器人集团");
    Texts { pool: pool.to_string(), crm: held.to_string(), agreed: agreed.to_string() }
}

/// The product's way.
fn ours(mapping: &Mapping, texts: &Texts) -> (String, String) {
    let pool: Record = serde_json::from_str(&texts.pool).expect("a record");
    let crm: Record = serde_json::from_str(&texts.crm).expect("a record");
    let base: Record = serde_json::from_str(&texts.agreed).expect("a record");
    let pair = |value: Value| Pair { ours: value.clone(), theirs: value };
    let agreed = Agreed(base.0.into_iter().map(|(field, value)| (field, pair(value))).collect());
    let merged = mapping.merge(&Sides {
        pool: &pool,
        pool_times: &BTreeMap::new(),
        crm: &crm,
        crm_times: &BTreeMap::new(),
        crm_modified: Some(1),
        agreed: &agreed,
        resolved: &BTreeMap::new(),
    });
    let written = |record: &Record| serde_json::to_string(record).expect("it is JSON");
    (written(&merged.to_crm), written(&merged.to_pool))
}

macro_rules! lead {
    ($($pool:ident $crm:ident $name:literal;)*) => {
        /// The pool's fields, as one would write them down.
        #[derive(Deserialize)]
        struct Pool {
            name: String, phone: String, email: String, industry: String, requirement: String,
            employees: String, scale: String, greeting: String, $($pool: String,)*
        }
        /// The CRM's.
        #[derive(Deserialize, Clone, PartialEq)]
        #[serde(rename_all = "camelCase")]
        struct Crm {
            name: String, mobile: String, email: String, industry_id: i64, comment: String, size: i64,
            scale: String, greeting: String, $(#[serde(rename = $name)] $crm: String,)*
        }
        /// What changes.
        #[derive(Serialize, Default)]
        #[serde(rename_all = "camelCase")]
        struct Update {
            #[serde(skip_serializing_if = "Option::is_none")] name: Option<String>,
            #[serde(skip_serializing_if = "Option::is_none")] mobile: Option<String>,
            #[serde(skip_serializing_if = "Option::is_none")] email: Option<String>,
            #[serde(skip_serializing_if = "Option::is_none")] industry_id: Option<i64>,
            #[serde(skip_serializing_if = "Option::is_none")] comment: Option<String>,
            #[serde(skip_serializing_if = "Option::is_none")] size: Option<i64>,
            #[serde(skip_serializing_if = "Option::is_none")] scale: Option<String>,
            #[serde(skip_serializing_if = "Option::is_none")] greeting: Option<String>,
            $(#[serde(rename = $name, skip_serializing_if = "Option::is_none")] $crm: Option<String>,)*
        }
        /// What the pool takes over.
        #[derive(Serialize, Default)]
        struct News {
            $(#[serde(skip_serializing_if = "Option::is_none")] $pool: Option<String>,)*
        }
        fn merge_plain(ours: &Crm, theirs: &Crm, base: &Crm, update: &mut Update, news: &mut News) {
            $(
                if ours.$crm != base.$crm && ours.$crm != theirs.$crm {
                    update.$crm = Some(ours.$crm.clone());
                } else if theirs.$crm != base.$crm {
                    news.$pool = Some(theirs.$crm.clone());
                }
            )*
        }
        fn plain_of(pool: &mut Pool, with: Crm) -> Crm {
            Crm { $($crm: std::mem::take(&mut pool.$pool),)* ..with }
        }
        fn no_crm() -> Crm {
            Crm {
                name: String::new(), mobile: String::new(), email: String::new(), industry_id: 0,
                comment: String::new(), size: 0, scale: String::new(), greeting: String::new(), $($crm: String::new(),)*
            }
        }
    };
}

lead! {
    title title "title"; company company_name "companyName"; province province "province"; city city "city";
    address address "address"; department dept "dept"; website website "website"; product product "product";
    campaign campaign "campaign"; channel channel "channel"; source source "source"; wechat wechat "wechat";
    qq qq "qq"; remark remark "remark"; language lang "lang"; budget_year budget_year "budgetYear"; event event "event";
}

/// What a good engineer writes for exactly these fields.
fn by_hand(texts: &Texts) -> (String, String) {
    let mut pool: Pool = serde_json::from_str(&texts.pool).expect("a lead");
    let theirs: Crm = serde_json::from_str(&texts.crm).expect("a record");
    let base: Crm = serde_json::from_str(&texts.agreed).expect("a record");
    let ours = Crm {
        name: pool.name.trim().to_owned(),
        mobile: phone::cn_mobile(&pool.phone).unwrap_or_default(),
        email: pool.email.trim().to_lowercase(),
        industry_id: match pool.industry.as_str() {
            "制造业" => 1,
            "汽车" => 2,
            "医药" => 3,
            _ => 9,
        },
        comment: pool.requirement.chars().take(200).collect(),
        size: pool.employees.replace(',', "").parse().unwrap_or_default(),
        scale: match pool.scale.as_str() {
            "大" => "L".to_owned(),
            "中" => "M".to_owned(),
            _ => "S".to_owned(),
        },
        greeting: pool.greeting.split_whitespace().collect::<Vec<_>>().join(" "),
        ..no_crm()
    };
    let ours = plain_of(&mut pool, ours);
    let (mut update, mut news) = (Update::default(), News::default());
    macro_rules! differs {
        ($($field:ident)*) => {$(
            if ours.$field != base.$field && ours.$field != theirs.$field {
                update.$field = Some(ours.$field.clone());
            }
        )*};
    }
    differs!(name mobile email industry_id comment size scale greeting);
    merge_plain(&ours, &theirs, &base, &mut update, &mut news);
    let written = |json: serde_json::Result<String>| json.expect("it is JSON");
    (written(serde_json::to_string(&update)), written(serde_json::to_string(&news)))
}

/// The middle of some rounds, for one lead.
fn time(all: &[Texts], run: impl Fn(&Texts) -> (String, String)) -> Duration {
    let mut rounds: Vec<Duration> = (0..ROUNDS)
        .map(|_| {
            let begun = Instant::now();
            for texts in all {
                black_box(run(black_box(texts)));
            }
            begun.elapsed() / LEADS
        })
        .collect();
    rounds.sort();
    rounds.get(ROUNDS / 2).copied().expect("there were rounds")
}

fn main() {
    let mapping = mapping();
    assert_eq!(mapping.len(), 25);
    let all: Vec<Texts> = (0..LEADS).map(texts).collect();
    for texts in &all {
        let parsed = |text: &str| serde_json::from_str::<Json>(text).expect("it is JSON");
        let ((to_crm, to_pool), (update, news)) = (ours(&mapping, texts), by_hand(texts));
        assert_eq!(parsed(&to_crm), parsed(&update), "both say the same to the CRM");
        assert_eq!(parsed(&to_pool), parsed(&news), "both say the same to the pool");
    }
    let (product, hand) = (time(&all, |texts| ours(&mapping, texts)), time(&all, by_hand));
    let share = hand.as_secs_f64() / product.as_secs_f64();
    let rate = |each: Duration| (1.0 / each.as_secs_f64()).round();
    println!("mapping and merge of a lead with 25 fields, per second and core");
    println!("  the product      {:>9} leads/s  ({product:?} each)", rate(product));
    println!("  written by hand  {:>9} leads/s  ({hand:?} each)", rate(hand));
    let verdict = if share >= GOAL { "reached" } else { "missed" };
    println!("  {:.0} % of it; the goal of {:.0} % is {verdict}", share * 100.0, GOAL * 100.0);
}
