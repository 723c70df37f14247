//! What must hold for any record and any history of edits.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};

use leadloop_mapping::merge::Side;
use leadloop_mapping::rule::{Way, Wins};
use leadloop_mapping::{
    Agreed, FieldKind, FieldSchema, Ground, Mapping, Merged, ObjectSchema, Purpose, Record, Rule, Sides,
    Value, compile,
};
use proptest::prelude::*;
use serde_json::json;

fn rules(json: serde_json::Value) -> Vec<Rule> {
    serde_json::from_value(json).unwrap()
}

fn mapping(rules: &[Rule]) -> Mapping {
    let pool = ObjectSchema::new("pool")
        .field("name", FieldSchema::of(FieldKind::Text))
        .field("phone", FieldSchema::of(FieldKind::Phone))
        .field("seen", FieldSchema::of(FieldKind::Time))
        .field("day", FieldSchema::of(FieldKind::Date))
        .field("tags", FieldSchema::of(FieldKind::Picklists))
        .field("size", FieldSchema::of(FieldKind::Int))
        .field("vip", FieldSchema::of(FieldKind::Bool))
        .field("industry", FieldSchema::of(FieldKind::Picklist).options(["制造业", "汽车", "医药"]))
        .field("note", FieldSchema::of(FieldKind::Text));
    let crm = ObjectSchema::new("lead")
        .field("last", FieldSchema::of(FieldKind::Text))
        .field("first", FieldSchema::of(FieldKind::Text))
        .field("mobile", FieldSchema::of(FieldKind::Phone))
        .field("seen", FieldSchema::of(FieldKind::Text))
        .field("seenMs", FieldSchema::of(FieldKind::Int))
        .field("day", FieldSchema::of(FieldKind::Text))
        .field("tags", FieldSchema::of(FieldKind::Text))
        .field("size", FieldSchema::of(FieldKind::Text))
        .field("vip", FieldSchema::of(FieldKind::Text))
        .field("industry", FieldSchema::of(FieldKind::Picklist).options([1_i64, 2, 3]))
        .field("note", FieldSchema::of(FieldKind::Text).max(8));
    let none = BTreeSet::new();
    compile(rules, Ground { pool: &pool, crm: &crm, zone: "Asia/Shanghai", filled: &none }).unwrap()
}

/// Every step that can be undone.
fn both_ways() -> Vec<Rule> {
    rules(json!([
        { "pool": "name", "crm": ["last", "first"], "way": "both", "steps": ["name_parts"] },
        { "pool": "phone", "crm": "mobile", "way": "both", "steps": ["cn_mobile"] },
        { "pool": "seen", "crm": "seen", "way": "both", "steps": [{ "time": { "format": "%d.%m.%Y %H:%M:%S", "zone": "Europe/Berlin" } }] },
        { "pool": "day", "crm": "day", "way": "both", "steps": [{ "date": "%Y/%m/%d" }] },
        { "pool": "tags", "crm": "tags", "way": "both", "steps": [{ "join": "|" }] },
        { "pool": "size", "crm": "size", "way": "both", "steps": ["number"] },
        { "pool": "vip", "crm": "vip", "way": "both", "choose": { "true": "Y", "false": "N" } },
        { "pool": "industry", "crm": "industry", "way": "both", "choose": { "制造业": 1, "汽车": 2, "医药": 3 } },
    ]))
}

prop_compose! {
    fn person()(
        name in prop_oneof!["[一-龥]{1,4}", "[A-Z][a-z]{1,8}( (van|de|al) )?( [A-Z][a-z]{1,8})?", "[A-Z][a-z]{1,6} [A-Z][a-z]{1,6}"],
        mobile in "1[3-9][0-9]{9}",
        // Not within an hour that a clock shows twice.
        seconds in (0_i64..2_000_000_000).prop_map(|seconds| seconds - seconds % 86_400 + 43_200 + seconds % 30_000),
        day in 0_i64..20_000,
        tags in prop::collection::btree_set("[a-z重点]{1,5}", 0..4),
        size in any::<i32>(), vip in any::<bool>(),
        industry in prop::sample::select(vec!["制造业", "汽车", "医药"]),
        blanks in prop::collection::btree_set(0_usize..8, 0..4),
    ) -> Record {
        let at = |seconds: i64| jiff::Timestamp::from_second(seconds).unwrap();
        let mut record = Record::new()
            .with("name", name.split_whitespace().collect::<Vec<_>>().join(" "))
            .with("phone", format!("+86{mobile}"))
            .with("seen", at(seconds).to_string())
            .with("day", at(day * 86_400).to_string().get(..10).unwrap().to_owned())
            .with("size", i64::from(size))
            .with("vip", vip)
            .with("industry", industry);
        record.set("tags", Value::Text(String::new()));
        record.0.insert("tags".into(), Value::List(tags.into_iter().map(Value::from).collect()));
        let names: Vec<String> = record.0.keys().cloned().collect();
        for blank in blanks {
            record.0.insert(names[blank].clone(), Value::Null);
        }
        record
    }
}

/// Blank in any dress is null.
fn plain(record: &Record) -> Record {
    Record(
        record
            .0
            .iter()
            .map(|(name, value)| (name.clone(), if value.is_blank() { Value::Null } else { value.clone() }))
            .collect(),
    )
}

// ── A made world: a pool, a CRM that writes things its own way, and edits on both sides ──

const POLICIES: [Wins; 5] = [Wins::Crm, Wins::Pool, Wins::Newest, Wins::CrmUnlessBlank, Wins::Ask];
const FIELDS: usize = 5;

#[derive(Debug, Clone)]
enum Event {
    Pool(usize, Option<u16>),
    Crm(usize, Option<u16>),
    /// The CRM's record is read and merged. `lost`: what is sent does not arrive; `unseen`: it arrives, we do not learn it.
    Sync {
        lost: bool,
        unseen: bool,
    },
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let value = prop::option::weighted(0.85, 0_u16..6);
    let event = prop_oneof![
        (0..FIELDS, value.clone()).prop_map(|(field, value)| Event::Pool(field, value)),
        (0..FIELDS, value).prop_map(|(field, value)| Event::Crm(field, value)),
        (prop::bool::weighted(0.2), prop::bool::weighted(0.2))
            .prop_map(|(lost, unseen)| Event::Sync { lost, unseen }),
    ];
    prop::collection::vec(event, 0..40)
}

struct World {
    mapping: Mapping,
    pool: Record,
    crm: Record,
    pool_times: BTreeMap<String, i64>,
    crm_times: BTreeMap<String, i64>,
    agreed: Agreed,
    resolved: BTreeMap<String, Side>,
    now: i64,
    written: BTreeSet<String>,
}

impl World {
    fn new() -> Self {
        let rules: Vec<Rule> = POLICIES
            .iter()
            .enumerate()
            .map(|(at, wins)| Rule {
                pool: format!("f{at}").as_str().into(),
                crm: format!("c{at}").as_str().into(),
                way: Way::Both,
                wins: Some(*wins),
                ..Rule::default()
            })
            .collect();
        let open = |name: &str| {
            (0..FIELDS).fold(ObjectSchema::new(name), |object, at| {
                let prefix = if name == "pool" { "f" } else { "c" };
                object.field(format!("{prefix}{at}"), FieldSchema::of(FieldKind::Text))
            })
        };
        let (pool, crm, none) = (open("pool"), open("lead"), BTreeSet::new());
        let mapping = compile(&rules, Ground { pool: &pool, crm: &crm, zone: "UTC", filled: &none }).unwrap();
        let blank = |prefix: &str| (0..FIELDS).map(|at| (format!("{prefix}{at}"), Value::Null)).collect();
        Self {
            mapping,
            pool: blank("f"),
            crm: blank("c"),
            pool_times: BTreeMap::new(),
            crm_times: BTreeMap::new(),
            agreed: Agreed::default(),
            resolved: BTreeMap::new(),
            now: 0,
            written: BTreeSet::new(),
        }
    }

    fn edit(&mut self, side: Side, field: usize, value: Option<u16>) {
        self.now += 1;
        let value = value.map_or(Value::Null, |number| {
            // Each edit writes something new: the same value again would be no edit.
            let text = format!("v{number} {}", self.now);
            self.written.insert(text.clone());
            Value::from(text)
        });
        let (record, times, name) = match side {
            Side::Pool => (&mut self.pool, &mut self.pool_times, format!("f{field}")),
            Side::Crm => (&mut self.crm, &mut self.crm_times, format!("c{field}")),
        };
        record.0.insert(name.clone(), value);
        times.insert(name, self.now);
    }

    fn merge(&self) -> Merged {
        self.mapping.merge(&Sides {
            pool: &self.pool,
            pool_times: &self.pool_times,
            crm: &self.crm,
            crm_times: &self.crm_times,
            crm_modified: None,
            agreed: &self.agreed,
            resolved: &self.resolved,
        })
    }

    fn sync(&mut self, lost: bool, unseen: bool) -> Merged {
        self.now += 1;
        let merged = self.merge();
        for (name, value) in merged.to_pool.iter() {
            let from = name.replace('f', "c");
            self.pool_times.insert(name.to_owned(), self.crm_times.get(&from).copied().unwrap_or(self.now));
            self.pool.0.insert(name.to_owned(), value.clone());
        }
        self.agreed.update(merged.settled.clone());
        if !lost {
            for (name, value) in merged.to_crm.iter() {
                // The CRM keeps texts with a space behind them: it writes things its own way.
                let kept = value.as_text().map_or(Value::Null, |text| Value::text(format!("{text} ")));
                self.crm.0.insert(name.to_owned(), kept);
                self.crm_times.insert(name.to_owned(), self.now);
            }
            if !unseen {
                self.agreed.update(merged.pending.clone());
            }
        }
        merged
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn out_and_back_is_where_it_was(pool in person()) {
        let mapping = mapping(&both_ways());
        let out = mapping.outward(&pool, Purpose::Update);
        prop_assert!(out.refusals.is_empty(), "{:?}", out.refusals);
        let back = mapping.inward(&out.record);
        prop_assert!(back.refusals.is_empty(), "{:?} from {:?}", back.refusals, out.record);
        prop_assert_eq!(plain(&back.record), plain(&pool));
    }

    #[test]
    fn what_is_cut_or_folded_settles_at_once(note in "\\PC{0,20}", name in "\\PC{0,16}") {
        let mapping = mapping(&rules(json!([
            { "pool": "note", "crm": "note", "way": "both", "steps": ["half_width", "collapse"], "max": 6 },
            { "pool": "name", "crm": ["last", "first"], "way": "both", "steps": ["collapse", "name_parts"] },
        ])));
        let pool = Record::new().with("note", note).with("name", name);
        let once = mapping.outward(&pool, Purpose::Update).record;
        let mut later = pool.clone();
        later.0.extend(mapping.inward(&once).record.0);
        let twice = mapping.outward(&later, Purpose::Update).record;
        if later.text("name").is_some_and(|name| name.contains(',')) || pool.text("name").is_some_and(|name| name.contains(',')) {
            return Ok(()); // `Smith, John` comes back as `John Smith`
        }
        prop_assert_eq!(mapping.patch(&once, &twice), Record::new());
    }

    #[test]
    fn a_merge_carried_out_leaves_nothing_to_do(events in events()) {
        let mut world = World::new();
        for event in events {
            match event {
                Event::Pool(field, value) => world.edit(Side::Pool, field, value),
                Event::Crm(field, value) => world.edit(Side::Crm, field, value),
                Event::Sync { lost, unseen } => {
                    let merged = world.sync(lost, unseen);
                    if !lost && !unseen {
                        let again = world.merge();
                        prop_assert!(again.is_quiet(), "{:?}", again);
                    }
                    for value in merged.to_crm.0.values().chain(merged.to_pool.0.values()) {
                        let text = value.as_text().map(str::trim_end);
                        prop_assert!(text.is_none_or(|text| world.written.contains(text)), "nobody wrote {:?}", value);
                    }
                }
            }
        }
    }

    #[test]
    fn when_all_is_quiet_both_sides_agree(events in events()) {
        let mut world = World::new();
        for event in events {
            match event {
                Event::Pool(field, value) => world.edit(Side::Pool, field, value),
                Event::Crm(field, value) => world.edit(Side::Crm, field, value),
                Event::Sync { lost, unseen } => { world.sync(lost, unseen); }
            }
        }
        // People answer what was asked; then a few quiet rounds.
        let asked = world.merge().conflicts;
        world.resolved.extend(asked.into_iter().filter(|c| c.winner.is_none()).map(|c| (c.field, Side::Crm)));
        for _ in 0..3 {
            world.sync(false, false);
        }
        prop_assert!(world.merge().is_quiet());
        for (at, wins) in POLICIES.iter().enumerate() {
            let (pool, crm) = (world.pool.text(&format!("f{at}")), world.crm.text(&format!("c{at}")));
            prop_assert_eq!(pool, crm, "field {} ({})", at, wins.as_str());
        }
    }

    #[test]
    fn the_newest_value_survives(events in events()) {
        let mut world = World::new();
        let field = POLICIES.iter().position(|wins| *wins == Wins::Newest).unwrap();
        let mut last: Option<(Side, Value)> = None;
        for event in events {
            match event {
                Event::Pool(at, value) => {
                    world.edit(Side::Pool, at, value);
                    if at == field { last = Some((Side::Pool, world.pool.0[&format!("f{at}")].clone())); }
                }
                Event::Crm(at, value) => {
                    world.edit(Side::Crm, at, value);
                    if at == field { last = Some((Side::Crm, world.crm.0[&format!("c{at}")].clone())); }
                }
                Event::Sync { lost, .. } => { world.sync(lost, false); }
            }
        }
        for _ in 0..3 {
            world.sync(false, false);
        }
        // First contact has no base: there a value counts more than none, whenever that was.
        if let Some((side, value)) = last.filter(|(_, value)| !value.is_blank()) {
            let kept = world.pool.text(&format!("f{field}")).map(str::to_owned);
            prop_assert_eq!(kept.as_deref(), value.as_text(), "the last edit was made in {:?}", side);
        }
    }
}
