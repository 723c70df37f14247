//! The cases of `tests/cases/*.toml`: what is given, what is done, what comes out. Readable without Rust; see
//! `tests/cases/README.md`.
#![expect(clippy::panic, reason = "a test that cannot go on fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use leadloop_mapping::merge::{Evidence, Pair, Side, Verdict};
use leadloop_mapping::{
    Agreed, Applied, Ground, MapProblem, Mapping, Note, ObjectSchema, Purpose, Record, Rule, Sides, Value,
    compile,
};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// Fields of the pool and of the CRM for all cases of the file.
    #[serde(default)]
    pool: BTreeMap<String, leadloop_mapping::FieldSchema>,
    #[serde(default)]
    crm: BTreeMap<String, leadloop_mapping::FieldSchema>,
    case: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    given: Given,
    when: String,
    then: Then,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    rules: Vec<Rule>,
    #[serde(default)]
    pool: Record,
    #[serde(default)]
    crm: Record,
    /// CRM field = [what the pool said, what the CRM held]
    #[serde(default)]
    agreed: BTreeMap<String, (Value, Value)>,
    #[serde(default)]
    pool_times: BTreeMap<String, i64>,
    #[serde(default)]
    crm_times: BTreeMap<String, i64>,
    crm_modified: Option<i64>,
    #[serde(default)]
    resolved: BTreeMap<String, Side>,
    #[serde(default)]
    filled: BTreeSet<String>,
    #[serde(default)]
    before: Record,
    #[serde(default)]
    written: Record,
}

#[derive(Deserialize, Debug, PartialEq, Default)]
#[serde(deny_unknown_fields, default)]
struct Then {
    record: Option<BTreeMap<String, Shown>>,
    to_crm: Option<BTreeMap<String, Shown>>,
    to_pool: Option<BTreeMap<String, Shown>>,
    refusals: Vec<String>,
    notes: Vec<String>,
    conflicts: Vec<String>,
    problems: Vec<String>,
    verdicts: Option<Vec<String>>,
}

/// TOML has no null: `"∅"` stands for it.
#[derive(Deserialize, Debug, Clone)]
#[serde(transparent)]
struct Shown(Value);

impl PartialEq for Shown {
    fn eq(&self, other: &Self) -> bool {
        let null = |value: &Value| if *value == Value::from("∅") { Value::Null } else { value.clone() };
        null(&self.0) == null(&other.0)
    }
}

fn shown(record: &Record) -> Option<BTreeMap<String, Shown>> {
    Some(record.0.iter().map(|(name, value)| (name.clone(), Shown(value.clone()))).collect())
}

/// `"∅"` in what is given is null too.
fn nulls(record: &Record) -> Record {
    let null = |value: &Value| if *value == Value::from("∅") { Value::Null } else { value.clone() };
    Record(record.0.iter().map(|(name, value)| (name.clone(), null(value))).collect())
}

fn refusals(refusals: &[leadloop_mapping::Refusal]) -> Vec<String> {
    refusals.iter().map(|refusal| format!("{}: {}", refusal.name, refusal.why.words().en)).collect()
}

fn notes(notes: &[(usize, Note)]) -> Vec<String> {
    let cut = |(rule, note): &(usize, Note)| match note {
        Note::Cut { from, to } => format!("{rule}: cut from {from} to {} {}", to.most, to.unit.as_str()),
    };
    notes.iter().map(cut).collect()
}

fn applied(applied: &Applied) -> Then {
    Then {
        record: shown(&applied.record),
        refusals: refusals(&applied.refusals),
        notes: notes(&applied.notes),
        ..Then::default()
    }
}

fn problem(problem: &MapProblem) -> String {
    let part = format!("{:?}", problem.part).to_lowercase();
    let suggestion = problem.suggestion.as_deref().map(|text| format!(" → {text}")).unwrap_or_default();
    format!("{} [{part}] {}{suggestion}", problem.name, problem.kind.name())
}

fn merged(mapping: &Mapping, given: &Given) -> Then {
    let null = |value: &Value| if *value == Value::from("∅") { Value::Null } else { value.clone() };
    let pair = |(ours, theirs): &(Value, Value)| Pair { ours: null(ours), theirs: null(theirs) };
    let mut agreed = Agreed(given.agreed.iter().map(|(field, both)| (field.clone(), pair(both))).collect());
    let (mut pool, mut crm) = (nulls(&given.pool), nulls(&given.crm));
    let first = merge(mapping, given, &pool, &crm, &agreed);
    // Whatever a merge says is carried out; then there is nothing left to do.
    pool.0.extend(first.to_pool.0.clone());
    crm.0.extend(first.to_crm.0.clone());
    agreed.update(first.settled.clone());
    agreed.update(first.pending.clone());
    let again = merge(mapping, given, &pool, &crm, &agreed);
    assert!(again.is_quiet(), "a second merge finds more to do: {again:?}");
    let conflict = |conflict: &leadloop_mapping::merge::Conflict| {
        let winner = match conflict.winner {
            Some(Side::Pool) => "pool",
            Some(Side::Crm) => "crm",
            None => "?",
        };
        let evidence = match conflict.evidence {
            Evidence::Policy => "policy",
            Evidence::FieldTime => "field time",
            Evidence::RecordTime => "record time",
            Evidence::Person => "person",
            Evidence::None => "nothing",
        };
        format!("{}: {winner} by {evidence}", conflict.field)
    };
    let verdict = |verdict: &Verdict| match verdict {
        Verdict::InStep => "in step".to_owned(),
        Verdict::Taken => "taken".to_owned(),
        Verdict::Sent => "sent".to_owned(),
        Verdict::Left => "left".to_owned(),
    };
    Then {
        to_crm: shown(&first.to_crm),
        to_pool: shown(&first.to_pool),
        refusals: refusals(&first.refusals),
        notes: notes(&first.notes),
        conflicts: first.conflicts.iter().map(conflict).collect(),
        verdicts: Some(first.verdicts.iter().map(verdict).collect()),
        ..Then::default()
    }
}

fn merge(
    mapping: &Mapping,
    given: &Given,
    pool: &Record,
    crm: &Record,
    agreed: &Agreed,
) -> leadloop_mapping::Merged {
    mapping.merge(&Sides {
        pool,
        pool_times: &given.pool_times,
        crm,
        crm_times: &given.crm_times,
        crm_modified: given.crm_modified,
        agreed,
        resolved: &given.resolved,
    })
}

fn run(file: &File, case: &Case) -> Then {
    let schema = |name: &str, fields: &BTreeMap<String, leadloop_mapping::FieldSchema>| ObjectSchema {
        name: name.to_owned(),
        fields: fields.clone(),
        open: fields.is_empty(),
    };
    let (pool, crm) = (schema("pool", &file.pool), schema("lead", &file.crm));
    let ground = Ground { pool: &pool, crm: &crm, zone: "Asia/Shanghai", filled: &case.given.filled };
    let mapping = match compile(&case.given.rules, ground) {
        Ok(mapping) => mapping,
        Err(problems) => return Then { problems: problems.iter().map(problem).collect(), ..Then::default() },
    };
    let given = &case.given;
    match case.when.as_str() {
        "create" => applied(&mapping.outward(&nulls(&given.pool), Purpose::Create)),
        "update" => applied(&mapping.outward(&nulls(&given.pool), Purpose::Update)),
        "inward" => applied(&mapping.inward(&nulls(&given.crm))),
        "merge" => merged(&mapping, given),
        "undo" => Then {
            record: shown(&mapping.undo(&nulls(&given.before), &given.written, &given.crm)),
            ..Then::default()
        },
        "patch" => {
            Then { record: shown(&mapping.patch(&given.crm, &nulls(&given.written))), ..Then::default() }
        }
        "compile" => Then::default(),
        other => panic!("{}: unknown `when`: {other}", case.name),
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "cases are read from the files beside this one")]
fn every_case_comes_out_as_written() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let (mut count, mut failed) = (0, Vec::new());
    for name in ["outward", "inward", "merge", "compile", "least_change"] {
        let path = folder.join(name).with_extension("toml");
        let text = std::fs::read_to_string(&path).unwrap();
        let file: File = toml::from_str(&text).unwrap_or_else(|error| panic!("{name}.toml: {error}"));
        for case in &file.case {
            count += 1;
            let mut found = run(&file, case);
            // What a case says nothing about is not looked at, refusals and problems excepted.
            let then = &case.then;
            for (wanted, seen) in [
                (&then.record, &mut found.record),
                (&then.to_crm, &mut found.to_crm),
                (&then.to_pool, &mut found.to_pool),
            ] {
                if wanted.is_none() {
                    *seen = None;
                }
            }
            if then.verdicts.is_none() {
                found.verdicts = None;
            }
            if found != *then {
                failed.push(format!("{name}.toml: {}\n  wanted {then:?}\n  found  {found:?}", case.name));
            }
        }
    }
    assert!(failed.is_empty(), "{} of {count} cases:\n{}", failed.len(), failed.join("\n"));
    assert!(count >= 80, "only {count} cases were found");
}
