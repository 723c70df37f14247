//! One name put to a test, as SQL over the row of a lead: where a name's value stands, and what can be said of it there.
//!
//! What a name holds is defined by [`leadloop_sync_core::facts`]; here it is followed as far as SQL can. A value of a kind
//! that cannot be compared here with certainty counts as `unknown`: true where rows are looked for, false where they are
//! ruled out.

use leadloop_mapping::Value;
use leadloop_mapping::expr::{Asks, Test};
use leadloop_sync_core::facts::{COMPANY_NUMBERS, COMPANY_TEXTS, LEAD_TEXTS};

use super::clause::{Clause, Piece, pieces};
use crate::cell::Cell;
use crate::text::Engine;

/// Characters that leave a text blank.
const BLANKS: &str = "\u{9}\u{a}\u{b}\u{c}\u{d}\u{20}\u{85}\u{a0}\u{1680}\u{2000}\u{2001}\u{2002}\u{2003}\u{2004}\u{2005}\
    \u{2006}\u{2007}\u{2008}\u{2009}\u{200a}\u{2028}\u{2029}\u{202f}\u{205f}\u{3000}";
/// Whole numbers up to here are the same as floats.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Where the value of a name stands.
#[derive(Clone, Debug, PartialEq)]
enum Place {
    /// A column of text that is never empty.
    Text(&'static str),
    /// A column of text that may be empty; then the profile counts.
    MaybeText(&'static str),
    /// A column that holds a whole number.
    Number(&'static str),
    /// Whole days since the time in a column; a time to come counts as now.
    Days(&'static str),
    /// A yes or no of the document.
    YesNo(&'static str, &'static str),
    /// A text of the document, or null; then the profile counts.
    DocText(&'static str, &'static str),
    /// A field of the profile and how its facts are typed.
    Field(String, Typed),
    /// Consent for a purpose.
    Consent(String),
    /// The tags.
    Tags,
}

/// How a field of the profile becomes a fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Typed {
    /// As its words.
    Words,
    /// As a whole number.
    Whole,
    /// As it is.
    AsIs,
}

/// What the translation needs to know beside the test.
#[derive(Clone, Copy, Debug)]
pub(super) struct Around {
    pub(super) engine: Engine,
    /// Documents are sealed: of what stands in them nothing is known here.
    pub(super) sealed: bool,
    /// The time it is.
    pub(super) now: i64,
    /// What a value counts as that cannot be compared here.
    pub(super) unknown: bool,
}

/// Whether a test of this name may fail in the evaluator, instead of not holding.
pub(super) fn may_fail(asks: &Asks) -> bool {
    let plain = matches!(asks.test, Test::Is(_));
    match place(&asks.name) {
        None | Some(Place::Field(_, Typed::AsIs)) => !plain,
        Some(_) => false,
    }
}

/// The clause of a test.
pub(super) fn clause(asks: &Asks, around: Around) -> Clause {
    let Some(place) = place(&asks.name) else { return Clause::always(around.unknown) };
    let of_null = Clause::always(passes(&asks.test, asks.instead.as_ref().unwrap_or(&Value::Null)));
    let by_field = |name: &str| {
        if around.sealed {
            return Clause::always(around.unknown);
        }
        let field = name.strip_prefix("lead.").unwrap_or(name);
        profile(field, Typed::AsIs, &asks.test, of_null.clone(), around)
    };
    match place {
        Place::Text(column) => of_text(pieces![column], &asks.test),
        Place::MaybeText(column) => {
            let there = of_text(pieces![column], &asks.test);
            either(pieces![column, " IS NULL"], by_field(&asks.name), there)
        }
        Place::Number(column) => whole(pieces![column], &asks.test, around.unknown),
        Place::Days(column) => {
            let most = if around.engine == Engine::Sqlite { "max(0, (" } else { "greatest(0, (" };
            let days = pieces![most, Cell::from(around.now), " - ", column, ") / 86400000000)"];
            whole(days, &asks.test, around.unknown)
        }
        Place::YesNo(..) | Place::DocText(..) | Place::Field(..) | Place::Consent(_) | Place::Tags
            if around.sealed =>
        {
            Clause::always(around.unknown)
        }
        Place::YesNo(sqlite, postgres) => {
            let value = if around.engine == Engine::Sqlite { sqlite } else { postgres };
            let yes = Clause::always(passes(&asks.test, &Value::Bool(true)));
            let no = Clause::always(passes(&asks.test, &Value::Bool(false)));
            either(pieces![value], yes, no)
        }
        Place::DocText(sqlite, postgres) => {
            let value = if around.engine == Engine::Sqlite { sqlite } else { postgres };
            let there = of_text(pieces![value], &asks.test);
            either(pieces![value, " IS NULL"], by_field(&asks.name), there)
        }
        Place::Field(field, typed) => {
            // A name of its own kind may also stand in the profile under its whole name.
            let otherwise = match asks.name.as_str() {
                "company.name" => profile("company.name", Typed::AsIs, &asks.test, of_null, around),
                _ => of_null,
            };
            profile(&field, typed, &asks.test, otherwise, around)
        }
        Place::Consent(purpose) => consent(&purpose, &asks.test, around.engine),
        Place::Tags => tags(&asks.test, around),
    }
}

/// Where the value of a name stands; `None` where SQL cannot get at it.
fn place(name: &str) -> Option<Place> {
    Some(match name {
        "lead.stage" => Place::Text("l.stage"),
        "lead.source" => Place::Text("l.source"),
        "lead.channel" => Place::Text("l.channel"),
        "lead.campaign" => Place::MaybeText("l.campaign"),
        "lead.owner" => Place::MaybeText("COALESCE(l.owner_person, l.owner_user)"),
        "lead.feedback" => Place::DocText("(l.body ->> '$.feedback')", "(d.doc ->> 'feedback')"),
        "lead.track" => Place::DocText("(l.body ->> '$.track')", "(d.doc ->> 'track')"),
        "lead.touches" => Place::Number("l.touches"),
        "lead.days_since_first_touch" => Place::Days("l.origin_at"),
        "lead.days_since_last_touch" => Place::Days("l.last_touch_at"),
        "lead.pool" => Place::DocText("(l.body ->> '$.pool')", "(d.doc ->> 'pool')"),
        "lead.mql_of" => Place::DocText("(l.body ->> '$.mql_of')", "(d.doc ->> 'mql_of')"),
        "lead.mql" => Place::YesNo("(l.body ->> '$.mql')", "(d.doc ->> 'mql')::boolean"),
        "lead.tags" => Place::Tags,
        "lead.company" | "company.name" => Place::Field("company".to_owned(), Typed::Words),
        // Derived from other values.
        "lead.id" | "lead.known" | "lead.recycled" | "lead.days_in_stage" | "lead.first_channel"
        | "lead.email_domain" | "lead.free_mail" => return None,
        _ => return place_of_field(name),
    })
}

fn place_of_field(name: &str) -> Option<Place> {
    if let Some(purpose) = name.strip_prefix("lead.consent.") {
        return Some(Place::Consent(purpose.to_owned()));
    }
    if let Some(field) = name.strip_prefix("company.") {
        let typed = match field {
            field if COMPANY_NUMBERS.contains(&field) => Typed::Whole,
            field if COMPANY_TEXTS.contains(&field) => Typed::Words,
            _ => Typed::AsIs,
        };
        return spelled(name).map(|field| Place::Field(field, typed));
    }
    let field = name.strip_prefix("lead.")?;
    let typed = if LEAD_TEXTS.contains(&field) { Typed::Words } else { Typed::AsIs };
    spelled(field).map(|field| Place::Field(field, typed))
}

/// A field that a JSON path can name.
fn spelled(field: &str) -> Option<String> {
    (!field.contains(['"', '\\'])).then(|| field.to_owned())
}

/// `then` where the condition holds, else `otherwise`.
fn either(condition: Vec<Piece>, then: Clause, otherwise: Clause) -> Clause {
    if then == otherwise {
        return then;
    }
    let mut case = pieces!["(CASE WHEN "];
    case.extend(condition);
    case.push(Piece::Sql(" THEN "));
    case.extend(then.into_pieces());
    case.push(Piece::Sql(" ELSE "));
    case.extend(otherwise.into_pieces());
    case.push(Piece::Sql(" END)"));
    Clause::Sql(case)
}

/// Whether a known value passes a test: what the evaluator would say of it.
fn passes(test: &Test, value: &Value) -> bool {
    #[expect(clippy::cast_precision_loss, reason = "only written values come here")]
    let number = match value {
        Value::Int(number) => Some(*number as f64),
        Value::Real(number) => Some(*number),
        _ => None,
    };
    match test {
        Test::Is(wanted) => same(value, wanted),
        Test::Among(wanted) => wanted.iter().any(|wanted| same(value, wanted)),
        Test::Below(limit) => number.is_some_and(|number| number < *limit),
        Test::AtMost(limit) => number.is_some_and(|number| number <= *limit),
        Test::Above(limit) => number.is_some_and(|number| number > *limit),
        Test::AtLeast(limit) => number.is_some_and(|number| number >= *limit),
        Test::Contains(Value::Text(part)) => value.as_text().is_some_and(|text| text.contains(part)),
        Test::Contains(_) => false,
        Test::StartsWith(start) => value.as_text().is_some_and(|text| text.starts_with(start)),
        Test::EndsWith(end) => value.as_text().is_some_and(|text| text.ends_with(end)),
    }
}

fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        #[expect(clippy::cast_precision_loss, reason = "only written values come here")]
        (Value::Int(whole), Value::Real(real)) | (Value::Real(real), Value::Int(whole)) => {
            *whole as f64 == *real
        }
        _ => one == other,
    }
}

/// What a test says of a text that is there.
fn of_text(text: Vec<Piece>, test: &Test) -> Clause {
    let with = |before: &'static str, between: &'static str, cell: &str, behind: &'static str| {
        let mut sql = pieces![before];
        sql.extend(text.iter().cloned());
        sql.push(Piece::Sql(between));
        sql.push(Piece::Bind(Cell::from(cell)));
        sql.push(Piece::Sql(behind));
        sql
    };
    match test {
        Test::Is(Value::Text(wanted)) => Clause::Sql(with("(", " = ", wanted, ")")),
        Test::Among(wanted) => wanted
            .iter()
            .filter_map(Value::as_text)
            .map(|wanted| Clause::Sql(with("(", " = ", wanted, ")")))
            .fold(Clause::False, Clause::or),
        Test::Contains(Value::Text(part)) if part.is_empty() => Clause::True,
        // `replace` shortens a text that contains the part; both engines have it and take the text as it is.
        Test::Contains(Value::Text(part)) => {
            let mut sql = with("(replace(", ", ", part, ", '') <> ");
            sql.extend(text.iter().cloned());
            sql.push(Piece::Sql(")"));
            Clause::Sql(sql)
        }
        Test::StartsWith(start) if start.is_empty() => Clause::True,
        Test::StartsWith(start) => {
            let mut sql = with("(substr(", ", 1, length(", start, ")) = ");
            sql.push(Piece::Bind(Cell::from(start)));
            sql.push(Piece::Sql(")"));
            Clause::Sql(sql)
        }
        Test::EndsWith(end) if end.is_empty() => Clause::True,
        Test::EndsWith(end) => {
            // A text that is shorter than its end starts before its first character in both engines.
            let mut sql = with("(length(", ") >= length(", end, ") AND substr(");
            sql.extend(text.iter().cloned());
            sql.push(Piece::Sql(", 1 + length("));
            sql.extend(text.iter().cloned());
            sql.push(Piece::Sql(") - length("));
            sql.push(Piece::Bind(Cell::from(end)));
            sql.push(Piece::Sql(")) = "));
            sql.push(Piece::Bind(Cell::from(end)));
            sql.push(Piece::Sql(")"));
            Clause::Sql(sql)
        }
        _ => Clause::False,
    }
}

/// What a test says of a whole number that is there.
fn whole(number: Vec<Piece>, test: &Test, unknown: bool) -> Clause {
    let against = |sign: &'static str, limit: i64| {
        let mut sql = pieces!["("];
        sql.extend(number.iter().cloned());
        sql.push(Piece::Sql(sign));
        sql.push(Piece::Bind(Cell::from(limit)));
        sql.push(Piece::Sql(")"));
        Clause::Sql(sql)
    };
    let is = |value: &Value| match value {
        Value::Int(wanted) => against(" = ", *wanted),
        // A part of a number is no whole number.
        _ => Clause::False,
    };
    let limit = |limit: f64, sign: fn(bool) -> &'static str, round: fn(f64) -> f64| {
        if limit.abs() >= EXACT {
            return Clause::always(unknown);
        }
        #[expect(clippy::cast_possible_truncation, reason = "it is whole and below 2^53")]
        let near = round(limit) as i64;
        against(sign(limit.fract() == 0.0), near)
    };
    match test {
        Test::Is(wanted) => is(wanted),
        Test::Among(wanted) => wanted.iter().map(is).fold(Clause::False, Clause::or),
        Test::Below(most) => limit(*most, |exact| if exact { " < " } else { " <= " }, f64::floor),
        Test::AtMost(most) => limit(*most, |_| " <= ", f64::floor),
        Test::Above(least) => limit(*least, |exact| if exact { " > " } else { " >= " }, f64::ceil),
        Test::AtLeast(least) => limit(*least, |_| " >= ", f64::ceil),
        Test::Contains(_) | Test::StartsWith(_) | Test::EndsWith(_) => Clause::False,
    }
}

/// A field of the profile: of each kind of JSON what can be said, `otherwise` where there is nothing.
fn profile(field: &str, typed: Typed, test: &Test, otherwise: Clause, around: Around) -> Clause {
    let unknown = Clause::always(around.unknown);
    let (kind, value) = json(field, around.engine);
    let text = match typed {
        Typed::Whole => unknown.clone(),
        // A text of blanks is no fact.
        Typed::Words | Typed::AsIs => {
            let trim = if around.engine == Engine::Sqlite { "trim(" } else { "btrim(" };
            let mut blank = pieces![trim];
            blank.extend(value.iter().cloned());
            blank.extend(pieces![", ", Cell::from(BLANKS), ") = ''"]);
            either(blank, otherwise.clone(), of_text(value.clone(), test))
        }
    };
    let number = match typed {
        Typed::Words => unknown.clone(),
        Typed::Whole | Typed::AsIs => of_number(&value, test, around),
    };
    let yes_no = |yes: bool| match typed {
        Typed::AsIs => Clause::always(passes(test, &Value::Bool(yes))),
        Typed::Words | Typed::Whole => unknown.clone(),
    };
    let mut case = pieces!["(CASE COALESCE("];
    case.extend(kind);
    case.push(Piece::Sql(", 'null')"));
    let words = match around.engine {
        Engine::Sqlite => [" WHEN 'null' THEN ", " WHEN 'text' THEN ", " WHEN 'integer' THEN "],
        Engine::Postgres => [" WHEN 'null' THEN ", " WHEN 'string' THEN ", " WHEN 'number' THEN "],
    };
    for (words, clause) in words.into_iter().zip([otherwise, text, number]) {
        case.push(Piece::Sql(words));
        case.extend(clause.into_pieces());
    }
    match around.engine {
        Engine::Sqlite => {
            for (words, yes) in [(" WHEN 'true' THEN ", true), (" WHEN 'false' THEN ", false)] {
                case.push(Piece::Sql(words));
                case.extend(yes_no(yes).into_pieces());
            }
        }
        Engine::Postgres => {
            case.push(Piece::Sql(" WHEN 'boolean' THEN "));
            let mut holds = value;
            holds.push(Piece::Sql(" = 'true'"));
            case.extend(either(holds, yes_no(true), yes_no(false)).into_pieces());
        }
    }
    case.push(Piece::Sql(" ELSE "));
    case.extend(unknown.into_pieces());
    case.push(Piece::Sql(" END)"));
    Clause::Sql(case)
}

/// A number of the profile: whole ones are compared, others are unknown.
fn of_number(value: &[Piece], test: &Test, around: Around) -> Clause {
    let mut number = value.to_vec();
    if around.engine == Engine::Sqlite {
        return whole(number, test, around.unknown);
    }
    let mut is_whole = value.to_vec();
    is_whole.push(Piece::Sql(" ~ '^-?[0-9]{1,18}$'"));
    number.insert(0, Piece::Sql("("));
    number.push(Piece::Sql(")::bigint"));
    either(is_whole, whole(number, test, around.unknown), Clause::always(around.unknown))
}

/// The kind of a profile field's value, and the value as text (a number in SQLite).
fn json(field: &str, engine: Engine) -> (Vec<Piece>, Vec<Piece>) {
    match engine {
        Engine::Sqlite => {
            let path = || Cell::from(format!("$.profile.\"{field}\".v"));
            (pieces!["json_type(l.body, ", path(), ")"], pieces!["(l.body ->> ", path(), ")"])
        }
        Engine::Postgres => {
            let name = || Cell::from(field);
            (
                pieces!["jsonb_typeof(d.doc -> 'profile' -> ", name(), " -> 'v')"],
                pieces!["(d.doc -> 'profile' -> ", name(), " ->> 'v')"],
            )
        }
    }
}

fn consent(purpose: &str, test: &Test, engine: Engine) -> Clause {
    let value = match engine {
        Engine::Sqlite => pieces!["(l.body ->> ", Cell::from(format!("$.consent.\"{purpose}\".given")), ")"],
        Engine::Postgres => pieces!["(d.doc -> 'consent' -> ", Cell::from(purpose), " ->> 'given')::boolean"],
    };
    let word = |word: &str| Clause::always(passes(test, &word.into()));
    let mut missing = value.clone();
    missing.push(Piece::Sql(" IS NULL"));
    either(missing, word("unknown"), either(value, word("given"), word("refused")))
}

fn tags(test: &Test, around: Around) -> Clause {
    let Test::Contains(tag) = test else { return Clause::always(around.unknown) };
    let Some(tag) = tag.as_text() else { return Clause::False };
    Clause::Sql(match around.engine {
        Engine::Sqlite => {
            pieces![
                "EXISTS (SELECT 1 FROM json_each(l.body, '$.tags') t WHERE t.value = ",
                Cell::from(tag),
                ")"
            ]
        }
        Engine::Postgres => pieces!["jsonb_exists(d.doc -> 'tags', ", Cell::from(tag), ")"],
    })
}
