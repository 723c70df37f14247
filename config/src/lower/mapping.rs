//! `[[mapping]]`: rules as written become compiled mappings, checked against the pool's fields and the CRM object's own.

use std::collections::{BTreeMap, BTreeSet};

use leadloop_connector_api::manifest::{Manifest, Object};
use leadloop_mapping::compile::{Ground, MapProblem, MapProblemKind, Part};
use leadloop_mapping::rule::{Blank, Names, Rule, Unknown, Way, Wins};
use leadloop_mapping::schema::{FieldKind, Length};
use leadloop_mapping::step::{Step, StepError};
use leadloop_mapping::{FieldSchema, Mapping, ObjectSchema};
use leadloop_sync_core::lead::Stage;
use leadloop_sync_core::policy::CrmPolicy;
use serde_json::Value as Json;

use super::Context;
use super::crm::options;
use super::fields::pool_schema;
use super::get::Get;
use crate::problem::{Problem, Span, Words};
use crate::text::{At, Table, Tree};

/// The mappings of a CRM by object.
pub fn mappings(
    ctx: &mut Context<'_>,
    crm: &CrmPolicy,
    manifest: &Manifest,
    zone: &str,
) -> BTreeMap<String, Mapping> {
    let mut mappings = BTreeMap::new();
    let mut places: BTreeMap<String, Span> = BTreeMap::new();
    for at in ctx.many("mapping") {
        if at.value.text("crm") != Some(crm.link.as_str()) {
            continue;
        }
        let Some(object) = at.value.text_at("object") else { continue };
        let Some(described) = ctx.object(&object, &manifest.name, &manifest.object) else { continue };
        if let Some(first) = places.get(object.value) {
            ctx.problems.push(twice(&object, first));
            continue;
        }
        places.insert(object.value.to_owned(), object.span.clone());
        if let Some(mapping) = mapping(ctx, &at, &object, described, crm, zone) {
            mappings.insert(object.value.to_owned(), mapping);
        }
    }
    mappings
}

fn twice(object: &At<&str>, first: &Span) -> Problem {
    Problem::error(
        "LL2015",
        &object.span,
        Words::new(format!("`{}` is mapped twice", object.value), format!("`{}` 重复映射", object.value)),
        Words::new("the second one", "第二处"),
    )
    .also(first, "the first one", "第一处")
    .help("put the fields into one [[mapping]]", "请把字段写在同一个 [[mapping]] 中")
}

fn mapping(
    ctx: &mut Context<'_>,
    at: &At<Table>,
    object: &At<&str>,
    described: &Object,
    crm: &CrmPolicy,
    zone: &str,
) -> Option<Mapping> {
    let known = ctx.problems.len();
    let tables = at.value.tables("fields");
    let rules: Vec<Rule> = tables.iter().map(|table| rule(ctx, table.value)).collect();
    let mut remote = remote_schema(described);
    for field in rules.iter().flat_map(|rule| rule.crm.list()) {
        // A field that customers add there: what it takes is known once the CRM describes itself.
        if remote.get(field).is_none() && described.may_have(field) {
            remote = remote.field(field.as_str(), FieldSchema::of(FieldKind::Any));
        }
    }
    let pool = pool_schema(ctx, object.value);
    let filled = filled_otherwise(described, crm);
    let ground = Ground { pool: &pool, crm: &remote, zone, filled: &filled };
    match leadloop_mapping::compile(&rules, ground) {
        Ok(mapping) => Some(mapping).filter(|_| ctx.problems.len() == known),
        Err(problems) => {
            for problem in problems {
                let span = place_of(&problem, &tables, &object.span);
                ctx.problems.push(said(problem, &span));
            }
            None
        }
    }
}

/// A rule with its place.
pub(crate) struct Line {
    pub(crate) rule: Rule,
    pub(crate) span: Span,
}

/// The rules of a `[[mapping]]`, and what is wrong with them where the object has the fields of `remote`.
pub(crate) fn lines(
    ctx: &mut Context<'_>,
    at: &At<Table>,
    described: &Object,
    crm: &CrmPolicy,
    remote: &ObjectSchema,
) -> (Vec<Line>, Vec<(MapProblem, Span)>) {
    let object = at.value.text_at("object").map_or_else(|| at.span.clone(), |object| object.span);
    let tables = at.value.tables("fields");
    let rules: Vec<Rule> = tables.iter().map(|table| rule(ctx, table.value)).collect();
    let (pool, filled) = (pool_schema(ctx, &described.name), filled_otherwise(described, crm));
    let ground = Ground { pool: &pool, crm: remote, zone: "UTC", filled: &filled };
    let problems = leadloop_mapping::compile(&rules, ground).err().unwrap_or_default();
    let placed = problems.into_iter().map(|problem| {
        let span = place_of(&problem, &tables, &object);
        (problem, span)
    });
    let placed = placed.collect();
    let spans = tables.iter().map(|table| table.span.clone());
    (rules.into_iter().zip(spans).map(|(rule, span)| Line { rule, span }).collect(), placed)
}

/// One rule as written. What cannot be read was refused by the shape check, or is said here.
fn rule(ctx: &mut Context<'_>, table: &Table) -> Rule {
    let steps = match table.get("steps") {
        Some(At { value: Tree::List(list), .. }) => list.iter().filter_map(|at| step(ctx, at)).collect(),
        Some(at) => step(ctx, at).into_iter().collect(),
        None => Vec::new(),
    };
    Rule {
        pool: names(table, "pool"),
        crm: names(table, "crm"),
        way: table.text("way").and_then(Way::parse).unwrap_or_default(),
        wins: table.text("wins").and_then(Wins::parse),
        steps,
        choose: table.map("choose"),
        otherwise: table.get("otherwise").and_then(|at| at.value.to_value()),
        unknown: table.text("unknown").and_then(Unknown::parse).unwrap_or_default(),
        // A number out of range was refused by the shape check.
        max: table
            .get("max")
            .filter(|at| !matches!(at.value, Tree::Int(..=0)))
            .and_then(|at| length(ctx, at)),
        fixed: table.get("fixed").and_then(|at| at.value.to_value()),
        once: table.flag("once").unwrap_or(false),
        blank: table.text("blank").and_then(Blank::parse).unwrap_or_default(),
    }
}

fn names(table: &Table, key: &str) -> Names {
    match table.texts(key).as_slice() {
        [] => Names::None,
        [one] => Names::One(one.clone()),
        several => Names::Several(several.to_vec()),
    }
}

fn length(ctx: &mut Context<'_>, at: &At<Tree>) -> Option<Length> {
    match leadloop_mapping::step::read_length(&json(&at.value)) {
        Ok(length) => Some(length),
        Err(error) => {
            ctx.problems.push(bad_step(&at.span, &error));
            None
        }
    }
}

/// `"trim"`, or `{ truncate = 100 }`.
fn step(ctx: &mut Context<'_>, at: &At<Tree>) -> Option<Step> {
    let (read, span) = match &at.value {
        Tree::Text(name) => (Step::read(name, None), &at.span),
        Tree::Table(table) => match table.entries.as_slice() {
            [(name, args)] => (Step::read(&name.value, Some(&json(&args.value))), &name.span),
            _ => {
                ctx.problems.push(no_step(&at.span));
                return None;
            }
        },
        _ => {
            ctx.problems.push(no_step(&at.span));
            return None;
        }
    };
    match read {
        Ok(step) => Some(step),
        Err(error) => {
            ctx.problems.push(bad_step(span, &error));
            None
        }
    }
}

fn no_step(span: &Span) -> Problem {
    Problem::error(
        "LL2035",
        span,
        Words::new("this is no step", "这不是步骤"),
        Words::new("neither a word nor a word with what it takes", "既不是单词，也不是带参数的单词"),
    )
    .help(
        "write a word such as \"trim\", or a table with one word in it: { truncate = 100 }",
        "请写单词，如 \"trim\"，或只含一个单词的表：{ truncate = 100 }",
    )
}

fn bad_step(span: &Span, error: &StepError) -> Problem {
    let message = Words::new(error.message.en.clone(), error.message.zh.clone());
    let problem = Problem::error("LL2035", span, message, Words::new("this step", "此步骤"));
    match &error.suggestion {
        Some(near) => problem.help(format!("did you mean `{near}`?"), format!("是否想写 `{near}`？")),
        None => {
            let all = Step::NAMES.join(", ");
            problem.help(format!("the steps: {all}"), format!("可用步骤：{all}"))
        }
    }
}

fn json(tree: &Tree) -> Json {
    match tree {
        Tree::Text(text) | Tree::Time(text) => Json::from(text.as_str()),
        Tree::Int(number) => Json::from(*number),
        Tree::Real(number) => Json::from(*number),
        Tree::Bool(yes) => Json::from(*yes),
        Tree::List(list) => list.iter().map(|item| json(&item.value)).collect(),
        Tree::Table(table) => {
            Json::Object(table.entries.iter().map(|(key, at)| (key.value.clone(), json(&at.value))).collect())
        }
    }
}

/// The CRM's object as its connector describes it; an object without described fields takes anything.
#[must_use]
pub fn remote_schema(object: &Object) -> ObjectSchema {
    let mut schema = ObjectSchema::new(object.name.as_str());
    for field in &object.fields {
        let kind = match field.kind.as_str() {
            "list" => FieldKind::Picklists,
            other => FieldKind::parse(other).unwrap_or(FieldKind::Any),
        };
        let max = field.max.and_then(|most| usize::try_from(most).ok()).filter(|most| *most > 0);
        let described = FieldSchema {
            kind,
            max: max.map(Length::chars),
            options: options(field),
            required: field.required,
            writable: field.writable,
        };
        schema = schema.field(field.name.as_str(), described);
    }
    if object.fields.is_empty() { schema.open() } else { schema }
}

/// Fields that are filled without a rule: owner, account, status, our mark; a name is always found.
fn filled_otherwise(object: &Object, crm: &CrmPolicy) -> BTreeSet<String> {
    let roles = &object.roles;
    let mut filled: BTreeSet<String> =
        [&roles.name, &roles.owner, &roles.account].into_iter().flatten().cloned().collect();
    filled.insert(crm.mark.clone());
    let statuses = crm.status.iter().filter(|status| status.object == object.name);
    filled.extend(statuses.filter(|s| s.write.contains_key(&Stage::WithSales)).map(|s| s.field.clone()));
    filled
}

/// Where a problem of a mapping stands.
fn place_of(problem: &MapProblem, tables: &[At<&Table>], object: &Span) -> Span {
    let Some(table) = problem.rule.and_then(|rule| tables.get(rule)) else { return object.clone() };
    let of = |key: &str| table.value.get(key).map(|at| at.span.clone());
    let nth = |key: &str, place: usize| match table.value.get(key) {
        Some(At { value: Tree::List(list), .. }) => list.get(place).map(|at| at.span.clone()),
        other => other.map(|at| at.span.clone()),
    };
    let found = match &problem.part {
        Part::Rule => None,
        Part::Pool(place) => nth("pool", *place),
        Part::Crm(place) => nth("crm", *place),
        Part::Way => of("way"),
        Part::Wins => of("wins"),
        Part::Step(place) => nth("steps", *place),
        Part::Choose(key) => {
            let chosen = table.value.table("choose");
            chosen.and_then(|chosen| chosen.get(key)).map(|at| at.span.clone()).or_else(|| of("choose"))
        }
        Part::Otherwise => of("otherwise"),
        Part::Max => of("max"),
        Part::Fixed => of("fixed"),
        Part::Once => of("once"),
    };
    found.unwrap_or_else(|| table.span.clone())
}

fn said(problem: MapProblem, span: &Span) -> Problem {
    let (code, label) = match problem.kind {
        MapProblemKind::UnknownPoolField | MapProblemKind::UnknownCrmField => {
            ("LL2007", Words::new("no such field", "没有这个字段"))
        }
        MapProblemKind::ReadOnly => ("LL2032", Words::new("not writable", "不可写")),
        MapProblemKind::FilledTwice => ("LL2033", Words::new("the second one", "第二处")),
        MapProblemKind::Shape => ("LL2034", Words::new("in this rule", "此规则")),
        MapProblemKind::Step | MapProblemKind::OneWayStep => ("LL2035", Words::new("this step", "此步骤")),
        MapProblemKind::WrongType | MapProblemKind::NotAnOption | MapProblemKind::TooLong => {
            ("LL2036", Words::new("does not fit", "不匹配"))
        }
        MapProblemKind::NotCovered | MapProblemKind::Ambiguous => {
            ("LL2037", Words::new("not every value gets across", "并非所有取值都能对应"))
        }
        MapProblemKind::RequiredUnmapped => ("LL2038", Words::new("in this mapping", "此映射")),
    };
    let message = Words::new(problem.message.en.clone(), problem.message.zh.clone());
    let said = Problem::error(code, span, message, label);
    match (&problem.help, &problem.suggestion) {
        (Some(help), _) => said.help(help.en.clone(), help.zh.clone()),
        (None, Some(near)) => said.help(format!("write `{near}`"), format!("请写 `{near}`")),
        (None, None) => said
            .help("how fields are mapped: docs/guide/config.md", "字段映射写法见 docs/guide/config.zh-CN.md"),
    }
}
