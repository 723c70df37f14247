//! The pool itself: fields of its own (`[[field]]`), who may fill a field (`[fill]`), its parts (`[[pool]]`), what a person
//! must have allowed (`[consent]`), where numbers were given out.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use leadloop_mapping::expr::Expected;
use leadloop_mapping::schema::FieldKind;
use leadloop_sync_core::facts;
use leadloop_sync_core::ids::{PersonKey, SourceName};
use leadloop_sync_core::intake::MOST_TEXT;
use leadloop_sync_core::normal::prefix::Prefixes;
use leadloop_sync_core::policy::{ConsentPolicy, Filler, Holds, OwnField, PoolPart, PoolRules};

use super::Context;
use super::fields::{declared_fields, is_known};
use super::files::Form;
use super::get::Get;
use super::names::{Names, Thing, with_names};
use super::rows::{bad_row, delimiter, line_at};
use super::schema::Schemas;
use crate::problem::{Problem, Span, Words};
use crate::text::{At, Table};

/// Words of `[fill]` that name no source: the place of the number, everybody else, and whole kinds of sources.
const FILLERS: [&str; 6] = ["mobile prefix", "area code", "others", "form", "file", "crm"];
/// Names of sources.
const FILLER: Thing = Thing { en: "source", zh: "来源", home: "[[source]], [[ma]], [[crm]] or [[enrich]]" };
/// Connectors that read files.
const FILES: [&str; 2] = ["table_file", "sql_table"];
/// Fields that the place of a number can fill.
const DERIVED: [&str; 2] = ["province", "city"];

/// The rules of the pool.
pub fn pool(ctx: &mut Context<'_>, schemas: &Schemas, names: &Names) -> PoolRules {
    let prefixes = prefixes(ctx);
    PoolRules {
        fields: fields(ctx),
        fill: fill(ctx, names, prefixes.is_empty()),
        pools: parts(ctx, schemas, names),
        prefixes: Arc::new(prefixes),
    }
}

/// `[consent]`.
pub fn consent(ctx: &mut Context<'_>) -> ConsentPolicy {
    let table = ctx.one("consent").map(|at| at.value).unwrap_or_default();
    let given = |purpose: &str| table.text(purpose).map(|word| word == "given");
    let others = facts::PURPOSES.iter().filter(|purpose| **purpose != "transfer");
    ConsentPolicy {
        transfer_must_be_given: given("transfer").unwrap_or(true),
        others: others.filter_map(|purpose| Some(((*purpose).to_owned(), given(purpose)?))).collect(),
    }
}

/// The fields that the config declares, whether or not everything about them is right.
pub fn own_fields(ctx: &Context<'_>) -> BTreeMap<String, OwnField> {
    let tables = ctx.sections.get("field").map(Vec::as_slice).unwrap_or_default();
    let read = |at: &At<Table>| {
        let name = at.value.text("name")?;
        let holds = match at.value.text("type").unwrap_or("text") {
            "integer" => Holds::Integer,
            "number" => Holds::Number,
            "bool" => Holds::Bool,
            "date" => Holds::Date,
            "choice" => Holds::Choice(at.value.texts("values")),
            _ => Holds::Text,
        };
        let label = at.value.table("label");
        let word = |language: &str| label.and_then(|label| label.text(language)).unwrap_or(name).to_owned();
        let max = at.value.int("max").and_then(|max| usize::try_from(max).ok()).unwrap_or(MOST_TEXT);
        Some((name.to_owned(), OwnField { holds, label: (word("zh"), word("en")), max }))
    };
    tables.iter().filter_map(read).collect()
}

/// What a field of its own is to a mapping.
#[must_use]
pub fn kind_of(field: &OwnField) -> FieldKind {
    match field.holds {
        Holds::Text => FieldKind::Text,
        Holds::Integer => FieldKind::Int,
        Holds::Number => FieldKind::Real,
        Holds::Bool => FieldKind::Bool,
        Holds::Date => FieldKind::Date,
        Holds::Choice(_) => FieldKind::Picklist,
    }
}

fn fields(ctx: &mut Context<'_>) -> BTreeMap<String, OwnField> {
    ctx.unique("field", "name");
    for at in ctx.many("field") {
        let Some(name) = at.value.text_at("name") else { continue };
        let plain = |part: &str| {
            part.chars().next().is_some_and(char::is_alphabetic)
                && part.chars().all(|c| c.is_alphanumeric() || c == '_')
        };
        let own = name.value.strip_prefix("company.").unwrap_or(name.value);
        if is_known(name.value) || facts::is_lead_name(own) {
            ctx.problems.push(bad_field(
                &name.span,
                (
                    format!("`{}` is a field that the pool has already", name.value),
                    "it is there without being declared",
                ),
                (format!("`{}` 是线索池已有的字段", name.value), "无需声明即可使用"),
            ));
        } else if !plain(own) {
            ctx.problems.push(bad_field(
                &name.span,
                (
                    format!("`{}` cannot be the name of a field", name.value),
                    "letters, digits and `_`; `company.` in front for a field of the company",
                ),
                (
                    format!("`{}` 不能用作字段名", name.value),
                    "只能用字母、数字和 `_`；企业字段以 `company.` 开头",
                ),
            ));
        }
        let (kind, values) = (at.value.text("type").unwrap_or("text"), at.value.texts("values"));
        let place = at.value.get("values").map_or(&name.span, |values| &values.span);
        if (kind == "choice") == values.is_empty() {
            ctx.problems.push(bad_field(
                place,
                (
                    "`values` are the values of a field of the type `choice`".to_owned(),
                    "write both, or neither",
                ),
                ("`values` 是 `choice` 类型字段的可选值".to_owned(), "两者须同时填写或都不写"),
            ));
        }
    }
    own_fields(ctx)
}

fn bad_field(span: &Span, (en, en_help): (String, &str), (zh, zh_help): (String, &str)) -> Problem {
    Problem::error("LL2111", span, Words::new(en, zh), Words::new("in this field", "此字段有误"))
        .help(en_help, zh_help)
}

/// The parts of the pool.
fn parts(ctx: &mut Context<'_>, schemas: &Schemas, names: &Names) -> Vec<PoolPart> {
    ctx.unique("pool", "name");
    let mut parts = Vec::new();
    for at in ctx.many("pool") {
        for admin in at.value.texts_at("admin") {
            ctx.person(&admin, names);
        }
        let (Some(name), Some(when)) = (at.value.text("name"), at.value.text_at("when")) else { continue };
        let Some(when) = ctx.expr(&when, &schemas.pool, Expected::Bool) else { continue };
        let admins = at.value.texts("admin").iter().map(|key| PersonKey::from(key.as_str())).collect();
        parts.push(PoolPart { name: name.to_owned(), when, admins });
    }
    parts
}

/// `[fill]`: field → who may fill it, the preferred first.
fn fill(ctx: &mut Context<'_>, names: &Names, no_prefixes: bool) -> BTreeMap<String, Vec<Filler>> {
    let table = ctx.one("fill").map(|at| at.value).unwrap_or_default();
    let declared = declared_fields(ctx);
    let mut fill = BTreeMap::new();
    for (key, _) in &table.entries {
        let field = key.value.strip_prefix("lead.").unwrap_or(&key.value);
        ctx.asked_for(&At { value: field, span: key.span.clone() }, &declared);
        let mut fillers = Vec::new();
        for word in table.texts_at(&key.value) {
            if matches!(word.value, "mobile prefix" | "area code") && !DERIVED.contains(&field) {
                ctx.problems.push(not_derived(&word, field));
            }
            if word.value == "mobile prefix" && no_prefixes {
                ctx.problems.push(without_table(&word.span));
            }
            fillers.extend(filler(ctx, &word, names));
        }
        fill.insert(field.to_owned(), fillers);
    }
    fill
}

fn filler(ctx: &mut Context<'_>, word: &At<&str>, names: &Names) -> Option<Filler> {
    match word.value {
        "mobile prefix" => return Some(Filler::MobilePrefix),
        "area code" => return Some(Filler::AreaCode),
        "others" => return Some(Filler::Others),
        _ => {}
    }
    let named = |section: &str, key: &str| -> Vec<(String, String)> {
        let tables = ctx.sections.get(section).map(Vec::as_slice).unwrap_or_default();
        let pair = |at: &At<Table>| Some((at.value.text("name")?.to_owned(), at.value.text(key)?.to_owned()));
        tables.iter().filter_map(pair).collect()
    };
    let sources = named("source", "connector");
    let of = |wanted: &dyn Fn(&str) -> bool| -> BTreeSet<SourceName> {
        let fitting = sources.iter().filter(|(_, connector)| wanted(connector));
        fitting.map(|(name, _)| SourceName::from(name.as_str())).collect()
    };
    let asked = |connector: &str| {
        // A page or form that somebody fills in: what submits a form, by its connector's own word.
        let manifest = ctx.registry.get(connector).map(|connector| connector.manifest());
        manifest.is_some_and(|manifest| manifest.touch.as_deref() == Some("form_submitted"))
            || connector == "sign_in_page"
    };
    let by_connector = of(&|connector| connector == word.value);
    let known: BTreeSet<String> = names
        .sources
        .iter()
        .chain(&names.crms)
        .cloned()
        .chain(named("enrich", "name").into_iter().map(|(name, _)| name))
        .collect();
    if known.contains(word.value) {
        return Some(Filler::Sources([SourceName::from(word.value)].into()));
    }
    match word.value {
        "form" => Some(Filler::Sources(of(&asked))),
        "file" => Some(Filler::Sources(of(&|connector| FILES.contains(&connector)))),
        "crm" => {
            Some(Filler::Sources(names.crms.iter().map(|name| SourceName::from(name.as_str())).collect()))
        }
        _ if !by_connector.is_empty() => Some(Filler::Sources(by_connector)),
        _ => {
            let known: BTreeSet<String> =
                known.into_iter().chain(FILLERS.iter().map(|word| (*word).to_owned())).collect();
            ctx.defined(FILLER, word, &known);
            None
        }
    }
}

fn not_derived(word: &At<&str>, field: &str) -> Problem {
    let said = Problem::error(
        "LL2112",
        &word.span,
        Words::new(
            format!("the place of a number does not tell `{field}`"),
            format!("号码归属地无法得出 `{field}`"),
        ),
        Words::new("only province and city", "仅能得出省份与城市"),
    );
    with_names(said, field, DERIVED.into_iter())
}

fn without_table(span: &Span) -> Problem {
    Problem::warning(
        "LL2110",
        span,
        Words::new(
            "without a table of mobile prefixes only landlines tell a place",
            "没有手机号段表，只能按座机区号推断归属地",
        ),
        Words::new("no `mobile_prefixes` in [leadloop]", "[leadloop] 中没有 `mobile_prefixes`"),
    )
    .help(
        "name one: mobile_prefixes = \"mobile-prefixes.csv\" (prefix, province, city); or write \"area code\"",
        "请指定：mobile_prefixes = \"mobile-prefixes.csv\"（列 prefix, province, city）；或改写为 \"area code\"",
    )
}

/// Most problems said of the table.
const MOST_SAID: usize = 5;

/// The table of mobile prefixes; it may have half a million lines, so its cells carry no places of their own.
fn prefixes(ctx: &mut Context<'_>) -> Prefixes {
    let mut table = Prefixes::default();
    let Some(general) = ctx.one("leadloop").map(|at| at.value) else { return table };
    let Some(at) = general.text_at("mobile_prefixes") else { return table };
    let Some(file) = ctx.file(at.value, Some(&at.span), Form::Table) else { return table };
    let text = ctx.text(file).to_owned();
    let mut reader = csv::ReaderBuilder::new()
        .flexible(true)
        .trim(csv::Trim::All)
        .delimiter(delimiter(&text))
        .comment(Some(b'#'))
        .from_reader(text.as_bytes());
    let heads = reader.headers().map(|heads| heads.iter().map(str::to_lowercase).collect::<Vec<_>>());
    let column = |name: &str| heads.as_ref().ok()?.iter().position(|head| head == name);
    let (Some(prefix), Some(province)) = (column("prefix"), column("province")) else {
        let problem = bad_row(
            &line_at(file, &text, 0),
            "the first line must name the columns `prefix` and `province`",
            "首行须有列名 `prefix` 与 `province`",
        );
        ctx.problems.push(problem.also(&at.span, "the table is named here", "此表在这里引用"));
        return table;
    };
    let city = column("city");
    let mut said = 0;
    for record in reader.records() {
        let byte = match &record {
            Ok(record) => record.position().map_or(0, csv::Position::byte),
            Err(error) => error.position().map_or(0, csv::Position::byte),
        };
        let cell = |at: Option<usize>| {
            let record = record.as_ref().ok()?;
            record.get(at?).map(str::trim).filter(|cell| !cell.is_empty()).map(str::to_owned)
        };
        let place = cell(Some(province)).map(|province| (province, cell(city)));
        let taken = cell(Some(prefix)).zip(place).is_some_and(|(prefix, place)| table.add(&prefix, place));
        if !taken && said < MOST_SAID {
            said += 1;
            ctx.problems.push(bad_row(
                &line_at(file, &text, byte),
                "a line is a prefix (or a range of them), its province and its city: `1380013-1380019,广东,深圳`",
                "每行为号段（或号段范围）、省份、城市：`1380013-1380019,广东,深圳`",
            ));
        }
    }
    table.sort();
    table
}
