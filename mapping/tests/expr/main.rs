//! Expressions: what is accepted, what is refused and where, what they give.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::string_slice,
    reason = "helpers of tests fail by panicking"
)]

mod filters;
mod properties;

use leadloop_mapping::Value;
use leadloop_mapping::expr::{
    EvalErrorKind, Expected, Expr, ExprProblem, ExprProblemKind as Kind, Facts, Schema, Type, check, explain,
};
use serde_json::json;

const STAGES: [&str; 9] =
    ["raw", "marketing", "with_sales", "accepted", "opportunity", "won", "lost", "resting", "closed"];

fn schema() -> Schema {
    let owner = Type::picklist(["active", "on_leave", "left", "none"]);
    Schema::builder()
        .field("lead.name", Type::text().nullable())
        .field("lead.title", Type::text().nullable())
        .field("lead.phone", Type::text().nullable())
        .field("lead.email", Type::text().nullable())
        .field("lead.requirement", Type::text().nullable())
        .field("lead.stage", Type::picklist(STAGES))
        .field("lead.tags", Type::list(Type::text()))
        .field("lead.days_since_first_touch", Type::at_least(0))
        .field("lead.days_since_last_touch", Type::at_least(0))
        .field("lead.客户类型", Type::picklist(["新客户", "老客户"]).nullable())
        .field("company.industry", Type::text().nullable())
        .field("company.employees", Type::at_least(0).nullable())
        .field("score.fit", Type::between(-100, 100))
        .field("score.interest", Type::between(0, 100))
        .field("touch.kind", Type::picklist(["form_submitted", "web_event", "live_attended"]))
        .field("touch.source", Type::text())
        .field("touch.event", Type::text())
        .open("touch")
        .field("crm.person.found", Type::bool())
        .field("crm.person.open_opportunity", Type::bool().nullable())
        .field("crm.person.idle_days", Type::at_least(0).nullable())
        .field("crm.person.owner.state", owner.clone().nullable())
        .present_when("crm.person", "crm.person.found")
        .field(
            "crm.person.deals",
            Type::list(Type::object([("open", Type::bool()), ("amount", Type::number())])),
        )
        .field("crm.company.found", Type::bool())
        .field("crm.company.maybe", Type::bool())
        .field("crm.company.owner.state", owner.nullable())
        .build()
}

fn facts() -> Facts {
    Facts::from_json(&json!({
        "lead": {
            "name": "测试甲", "title": "采购总监", "phone": "+8613912345678", "email": "jia@beispiel.example",
            "stage": "raw", "tags": ["重点", "vip"], "days_since_first_touch": 8, "days_since_last_touch": 91,
            "客户类型": "新客户",
        },
        "company": { "industry": "制造业", "employees": 250 },
        "score": { "fit": 55, "interest": 31 },
        "touch": { "kind": "web_event", "event": "PricingViewed", "source": "website", "minutes": 45.5, "utm_source": "baidu" },
        "crm": { "person": { "found": false, "deals": [{ "open": true, "amount": 5 }, { "open": false, "amount": 7.5 }] },
                 "company": { "found": true, "maybe": false, "owner": { "state": "active" } } },
    }))
}

fn problems(text: &str) -> Vec<ExprProblem> {
    check(text, &schema(), Expected::Bool)
}

#[track_caller]
fn holds(text: &str) -> bool {
    match Expr::compile(text, &schema(), Expected::Bool) {
        Ok(expr) => expr.eval_bool(&facts()).unwrap(),
        Err(problems) => panic!("{text}: {problems:#?}"),
    }
}

/// One problem of the given kind at the given part of the text; its suggestion where one is named.
#[track_caller]
fn refused(text: &str, kind: Kind, at: &str, suggestion: Option<&str>) {
    let found = problems(text);
    let seen: Vec<_> = found.iter().map(|p| (p.kind.name(), &text[p.range.clone()], &p.message.en)).collect();
    assert_eq!(found.len(), 1, "{text}: {seen:?}");
    assert_eq!((found[0].kind, &text[found[0].range.clone()]), (kind, at), "{text}: {seen:?}");
    if let Some(suggestion) = suggestion {
        assert_eq!(found[0].suggestion.as_deref(), Some(suggestion), "{text}: {seen:?}");
    }
    assert!(!found[0].message.en.is_empty() && !found[0].message.zh.is_ascii(), "{text}");
}

/// Every expression of the example config.
const EXAMPLES: [(&str, Expected, &str); 23] = [
    (
        r#"touch.event in ["PricingViewed", "DemoRequested", "$SignUp"] or startsWith(touch.event, "Doc")"#,
        Expected::Bool,
        "true",
    ),
    (r#"touch.utm_source == "baidu" and touch.utm_medium == "cpc""#, Expected::Bool, "false"),
    (r#"matches(lead.title ?? "", "(?i)总|经理|主管|director|head|vp")"#, Expected::Bool, "true"),
    (r#"company.industry in ["制造业", "汽车", "医药"]"#, Expected::Bool, "true"),
    ("(company.employees ?? 0) >= 200", Expected::Bool, "true"),
    (r#"endsWith(lead.email ?? "", "@competitor.example")"#, Expected::Bool, "false"),
    ("touch.minutes >= 30 ? 10 : 0", Expected::Number, "10"),
    (r#"touch.event == "PricingViewed""#, Expected::Bool, "true"),
    ("score.fit >= 40 and score.interest >= 30 and lead.phone != null", Expected::Bool, "true"),
    (
        r#"touch.kind == "form_submitted" and touch.source == "website" and score.fit > -50"#,
        Expected::Bool,
        "false",
    ),
    ("score.interest < 15", Expected::Bool, "false"),
    ("lead.requirement == null", Expected::Bool, "true"),
    (r#"lead.stage == "raw" and lead.days_since_first_touch >= 7"#, Expected::Bool, "true"),
    (r#"lead.stage in ["raw", "resting"] and lead.days_since_last_touch >= 90"#, Expected::Bool, "true"),
    (
        r#"crm.person.found and crm.person.owner.state in ["active", "on_leave"] and (crm.person.open_opportunity or crm.person.idle_days < 30)"#,
        Expected::Bool,
        "false",
    ),
    (r#"crm.company.found and crm.company.owner.state in ["active", "on_leave"]"#, Expected::Bool, "true"),
    ("crm.company.maybe", Expected::Bool, "false"),
    ("crm.person.found", Expected::Bool, "false"),
    ("(company.employees ?? 0) >= 1000", Expected::Bool, "false"),
    ("true", Expected::Bool, "true"),
    // Not in the example, but of the same kind.
    (r#"lead["客户类型"] == "新客户""#, Expected::Bool, "true"),
    (r#"some(lead.tags, # == "vip") and len(lead.name ?? "") == 3"#, Expected::Bool, "true"),
    ("sum(map(crm.person.deals, #.amount)) * 2", Expected::Number, "25"),
];

#[test]
fn the_example_config_compiles_and_decides() {
    for (text, expected, result) in EXAMPLES {
        let expr =
            Expr::compile(text, &schema(), expected).unwrap_or_else(|found| panic!("{text}: {found:#?}"));
        assert_eq!(expr.eval_value(&facts()).unwrap().to_display(), result, "{text}");
        assert_eq!((expr.text(), expr.constant().is_some()), (text, text == "true"));
    }
}

#[test]
fn names_read_and_seen_are_told() {
    let text = r#"score.fit >= 40 and (lead["客户类型"] ?? "") == "新客户" and touch.utm.term == "a""#;
    let expr = Expr::compile(text, &schema(), Expected::Bool).unwrap();
    let reads: Vec<&str> = expr.reads().iter().map(String::as_str).collect();
    assert_eq!(reads, ["lead.客户类型", "score.fit", "touch.utm.term"]);
    let seen = explain(&expr, &facts());
    assert_eq!(seen[0], ("lead.客户类型".to_owned(), Value::from("新客户")));
    assert_eq!(seen[1], ("score.fit".to_owned(), Value::Int(55)));
    assert_eq!(seen[2], ("touch.utm.term".to_owned(), Value::Null));
    assert_eq!(expr, expr.clone());
}

#[test]
fn unknown_names_are_met_with_what_was_meant() {
    refused("lead.stag == \"raw\"", Kind::UnknownName, "lead.stag", Some("lead.stage"));
    refused("lead.industry == \"汽车\"", Kind::UnknownName, "lead.industry", Some("company.industry"));
    refused("phone != null", Kind::UnknownName, "phone", Some("lead.phone"));
    refused("leads.phone != null", Kind::UnknownName, "leads.phone", Some("lead.phone"));
    refused("crm.persn.found", Kind::UnknownName, "crm.persn.found", Some("crm.person.found"));
    refused(
        "lead[\"客户類型\"] == null",
        Kind::UnknownName,
        "lead[\"客户類型\"]",
        Some("lead[\"客户类型\"]"),
    );
    refused("lead.phone.area == null", Kind::UnknownName, "lead.phone.area", None);
    refused("score.fit >= 40 and True", Kind::UnknownName, "True", Some("true"));
    refused("lower(lead.name ?? \"\") == 测试", Kind::Syntax, "测", None);
    refused("lowercase(touch.event) == \"a\"", Kind::UnknownFunction, "lowercase", Some("lower"));
    refused("startWith(touch.event, \"a\")", Kind::UnknownFunction, "startWith", Some("startsWith"));
}

#[test]
fn wrong_types_are_found_where_they_stand() {
    refused("score.fit >= \"40\"", Kind::WrongType, "score.fit >= \"40\"", None);
    refused("score.fit == \"40\"", Kind::WrongType, "score.fit == \"40\"", None);
    refused("touch.source > \"a\" and true", Kind::WrongType, "touch.source > \"a\"", None);
    refused("startsWith(score.fit, \"4\")", Kind::WrongType, "score.fit", None);
    refused("lead.tags == \"vip\"", Kind::WrongType, "lead.tags", None);
    refused("\"vip\" in touch.source", Kind::WrongType, "touch.source", None);
    refused("1 < score.fit < 5", Kind::WrongType, "1 < score.fit", None);
    refused("score.fit and true", Kind::WrongType, "score.fit", None);
    refused("not lead.stage == \"raw\"", Kind::WrongType, "not lead.stage", None);
    refused("contains(lead.tags)", Kind::WrongType, "contains(lead.tags)", None);
    refused("touch.source + 1 == \"a1\"", Kind::WrongType, "1", None);
}

#[test]
fn values_that_may_be_empty_need_a_word() {
    refused(
        "company.employees >= 200",
        Kind::MayBeEmpty,
        "company.employees",
        Some("(company.employees ?? 0)"),
    );
    refused("startsWith(lead.title, \"总\")", Kind::MayBeEmpty, "lead.title", Some("(lead.title ?? \"\")"));
    refused("crm.person.idle_days < 30", Kind::MayBeEmpty, "crm.person.idle_days", None);
    refused("crm.person.found or crm.person.idle_days < 30", Kind::MayBeEmpty, "crm.person.idle_days", None);
    refused("score.fit / score.interest > 1", Kind::MayBeEmpty, "score.fit / score.interest", None);
    assert!(problems("company.employees != null and company.employees >= 200").is_empty());
    assert!(problems("company.employees == null or company.employees >= 200").is_empty());
    assert!(problems("not (company.employees == null) and company.employees >= 200").is_empty());
    assert!(problems("lead.title == null ? false : startsWith(lead.title, \"总\")").is_empty());
    assert!(
        problems("crm.person.found and (crm.person.idle_days < 30 or crm.person.open_opportunity)")
            .is_empty()
    );
    assert!(problems("score.fit / 2 > 1").is_empty());
}

#[test]
fn comparisons_that_can_never_hold() {
    refused("lead.stage == \"Raw\"", Kind::NeverTrue, "\"Raw\"", Some("\"raw\""));
    refused("lead.stage in [\"raw\", \"restin\"]", Kind::NeverTrue, "\"restin\"", Some("\"resting\""));
    refused("(lead[\"客户类型\"] ?? \"\") == \"旧客户\"", Kind::NeverTrue, "\"旧客户\"", None);
    refused("lead.stage == null", Kind::NeverTrue, "lead.stage == null", None);
    refused("score.fit > 100", Kind::NeverTrue, "100", None);
    refused("score.interest < 0", Kind::NeverTrue, "0", None);
    refused("-1 >= score.interest", Kind::NeverTrue, "-1", None);
    refused("(company.employees ?? 0) < 0", Kind::NeverTrue, "0", None);
    refused("score.fit == 101", Kind::NeverTrue, "101", None);
    refused("lead.stage == crm.company.owner.state", Kind::NeverTrue, "lead.stage", None);
    refused("lead.stage in []", Kind::NeverTrue, "[]", None);
    assert!(problems("score.fit >= 100 and score.interest <= 0 and score.fit > -100").is_empty());
}

#[test]
fn only_conditions_are_conditions() {
    refused("score.fit", Kind::WrongResult, "score.fit", None);
    refused("touch.vip", Kind::WrongResult, "touch.vip", None);
    refused("touch.vip and true", Kind::WrongResult, "touch.vip", None);
    refused("\"yes\"", Kind::WrongResult, "\"yes\"", None);
    refused("lead.stage == ``", Kind::Forbidden, "``", None);
    refused("crm.person.open_opportunity", Kind::MayBeEmpty, "crm.person.open_opportunity", None);
    assert!(check("score.fit", &schema(), Expected::Number).is_empty());
    assert_eq!(check("touch.event", &schema(), Expected::Number)[0].kind, Kind::WrongResult);
    assert!(check("`${lead.stage}/${score.fit}`", &schema(), Expected::Text).is_empty());
}

#[test]
fn clock_dice_and_surprises_are_refused() {
    for text in [
        "date(\"2026-01-01\") > 0",
        "time(\"10:00\") > 0",
        "d(\"2026-01-01\") == null",
        "rand(10) > 5",
        "len(keys(lead)) > 0",
        "len(values(lead)) > 0",
        "year(touch.event) == 2026",
        "2 ^ 3 == 8",
        "bool(touch.event)",
        "median([1]) == 1",
        "touch.event[0:1] == \"D\"",
        "touch.event[0] == \"D\"",
        "$root.lead == null",
        "sum(map([1..1000000000], #)) > 0",
        "{ a: 1 } == null",
        "len(merge([lead, lead])) > 1",
    ] {
        let found = problems(text);
        assert!(found.iter().any(|problem| problem.kind == Kind::Forbidden), "{text}: {found:?}");
    }
    refused("d(touch.event).year() == 1", Kind::Forbidden, "d(touch.event).year()", None);
    refused("matches(touch.event, touch.source)", Kind::PatternNotLiteral, "touch.source", None);
    refused("matches(touch.event, \"a\" + \"b\")", Kind::PatternNotLiteral, "\"a\" + \"b\"", None);
    refused("matches(touch.event, \"(总\")", Kind::BadPattern, "\"(总\"", None);
    refused("matches(touch.event, \"\\w{900}{900}\")", Kind::BadPattern, "\"\\w{900}{900}\"", None);
    refused("some(lead.tags, matches(#, \"a\"))", Kind::Forbidden, "matches(#, \"a\")", None);
    refused("some(lead.tags as t, len(t) > 3)", Kind::Forbidden, "len(t)", None);
    assert!(problems("some(lead.tags, matches(touch.event, \"a\") and # == \"x\")").is_empty());
}

#[test]
fn slips_of_the_pen() {
    refused("lead.stage = \"raw\"", Kind::Syntax, "=", Some("=="));
    refused("score.fit > 1 && score.fit < 5", Kind::Syntax, "&&", Some("and"));
    refused("score.fit > 1 AND score.fit < 5", Kind::Syntax, "AND", Some("and"));
    refused("lead.phone is null", Kind::Syntax, "is", Some("=="));
    refused("lead.stage == “raw”", Kind::Syntax, "“", Some("\""));
    refused("（score.fit > 1)", Kind::Syntax, "（", Some("("));
    refused("lead.stage == \"raw", Kind::Syntax, "\"raw", None);
    refused("lead.name == \"测试", Kind::Syntax, "\"测试", None);
    refused("(score.fit > 1", Kind::Syntax, "", None);
    refused("score.fit > 1)", Kind::Syntax, ")", None);
    refused("score.fit >", Kind::Syntax, "", None);
    refused("", Kind::Syntax, "", None);
    refused("lead.", Kind::Syntax, "", None);
    refused("score.fit > 1 score.interest > 2", Kind::Syntax, "score", None);
}

#[test]
fn all_problems_of_one_expression_come_at_once() {
    let text = "lead.stag == \"raw\" and score.fit > 200 and company.employees > 3 and rand(3) == 1";
    let kinds: Vec<_> = problems(text).iter().map(|problem| problem.kind).collect();
    assert_eq!(kinds, [Kind::UnknownName, Kind::NeverTrue, Kind::MayBeEmpty, Kind::Forbidden]);
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the small stack is the point")]
fn limits_hold_before_the_parser_is_entered() {
    let long = format!("score.fit > 1 {}", "or score.fit > 1 ".repeat(300));
    assert_eq!(problems(&long)[0].kind, Kind::TooLong);
    let deep = [
        "(".repeat(2000),
        "[".repeat(40) + "1..2",
        "((((((((1..2".to_owned(),
        "not ".repeat(900),
        "a.".repeat(2000),
        "-".repeat(4000),
        "1+".repeat(400) + "1 > 0",
        "map(a,".repeat(300),
        "true?".repeat(400),
        "`${".repeat(500),
        "a[".repeat(600),
        "1 ?? ".repeat(500),
        "{a:".repeat(500),
    ];
    for text in deep {
        // A small stack: what holds here holds anywhere.
        let told = text.clone();
        let thread = std::thread::Builder::new().stack_size(1 << 20).spawn(move || problems(&text));
        assert!(!thread.unwrap().join().unwrap().is_empty(), "{told}");
    }
    let wide = vec!["lead.stage == \"raw\""; 60].join(" or ");
    assert!(problems(&wide).is_empty(), "sixty alternatives are fine");
}

#[test]
fn null_is_treated_as_documented() {
    assert!(holds("lead.requirement == null"));
    assert!(!holds("lead.requirement != null"));
    assert!(!holds("lead.requirement == \"x\""));
    assert!(holds("lead.requirement != \"x\""));
    assert!(!holds("lead.requirement in [\"x\"]"));
    assert!(holds("lead.requirement not in [\"x\"]"));
    assert!(holds("(lead.requirement ?? \"\") == \"\""));
    assert!(!holds("touch.vip == true"));
    assert!(holds("touch.nowhere.deep == null"));
    let expr = Expr::compile("touch.hours >= 3", &schema(), Expected::Bool).unwrap();
    let error = expr.eval_bool(&facts()).unwrap_err();
    assert_eq!((error.kind, error.empty), (EvalErrorKind::Empty, vec!["touch.hours".to_owned()]));
    let expr = Expr::compile("touch.utm_source >= 3", &schema(), Expected::Bool).unwrap();
    let error = expr.eval_bool(&facts()).unwrap_err();
    assert_eq!(error.kind, EvalErrorKind::Unfit);
    assert!(!error.to_string().contains("baidu"), "values stay out of messages: {error}");
    // A pattern over something empty fails like any other call, but only where it matters.
    assert!(holds("touch.utm_source == \"baidu\" or matches(touch.none, \"a\")"));
    let expr = Expr::compile("matches(touch.none, \"a\")", &schema(), Expected::Bool).unwrap();
    assert_eq!(expr.eval_bool(&facts()).unwrap_err().kind, EvalErrorKind::Empty);
}

#[test]
fn text_is_counted_in_characters_and_patterns_see_chinese() {
    assert!(holds("len(lead.name ?? \"\") == 3 and len(lead.tags) == 2"));
    assert!(holds("matches(lead.name ?? \"\", \"^测试.$\")"));
    assert!(holds("contains(lead.title ?? \"\", \"总\") and contains(lead.tags, \"重点\")"));
    assert!(holds("extract(lead.phone ?? \"\", \"^[+]86([0-9]{3})\")[1] == \"139\""));
}

#[test]
fn a_cruel_pattern_does_not_hang() {
    let expr = Expr::compile("matches(touch.event, \"^(a+)+$\")", &schema(), Expected::Bool).unwrap();
    let mut facts = Facts::new();
    facts.set("touch.event", &Value::text("a".repeat(50_000) + "!"));
    assert!(!expr.eval_bool(&facts).unwrap());
}

#[test]
fn numbers_are_exact() {
    let number = |text: &str| Expr::compile(text, &schema(), Expected::Number).unwrap();
    assert!(holds("0.1 + 0.2 == 0.3"));
    assert_eq!(number("0.1 + 0.2").eval_scaled(&facts(), 1_000_000), Ok(300_000));
    assert_eq!(number("-2.5").eval_int(&facts()), Ok(-3));
    assert_eq!(number("1 / 3").eval_scaled(&facts(), 1_000_000).ok(), Some(333_333));
    assert_eq!(number("score.fit / 2").eval_number(&facts()), Ok(27.5));
    assert!(number("9000000000000000000 * 1000").eval_int(&facts()).is_err());
    assert!(
        number("sum([70000000000000000000000000000, 70000000000000000000000000000])")
            .eval_number(&facts())
            .is_err()
    );
}

#[test]
fn facts_may_change_between_evaluations() {
    let expr =
        Expr::compile("matches(touch.event, \"^Doc\") and score.fit > 0", &schema(), Expected::Bool).unwrap();
    let mut facts = facts();
    assert!(!expr.eval_bool(&facts).unwrap());
    let touch = [("event", "DocOpened"), ("utm.term", "机器人")].into_iter().collect();
    facts.set_record("touch", &touch);
    assert!(expr.eval_bool(&facts).unwrap());
    assert_eq!(facts.get("touch.utm.term"), Value::from("机器人"));
    assert_eq!(facts.get("touch.minutes"), Value::Null, "the former touch is forgotten");
    assert!(!format!("{facts:?}").contains("测试甲"), "no personal data in debug output");
}

#[test]
fn compiled_expressions_travel_between_threads() {
    fn travels<T: Clone + Send + Sync + std::fmt::Debug>(_: &T) {}
    travels(&Expr::compile("true", &schema(), Expected::Bool).unwrap());
}

#[test]
fn the_one_condition_that_failed_is_named() {
    let near = |text: &str| {
        let expr = Expr::compile(text, &schema(), Expected::Bool).unwrap();
        expr.only_failing(&facts()).map(str::to_owned)
    };
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(near("score.fit >= 40 and score.interest >= 32"), some("score.interest >= 32"));
    assert_eq!(
        near("(score.fit >= 90 and score.interest >= 30) and lead.phone != null"),
        some("score.fit >= 90")
    );
    assert_eq!(
        near(r#"crm.company.found and (crm.company.maybe or matches(lead.title ?? "", "经理"))"#),
        some(r#"crm.company.maybe or matches(lead.title ?? "", "经理")"#)
    );
    // What cannot be decided alone fails alone; with the test before it, two fail.
    assert_eq!(near("crm.person.found and crm.person.idle_days < 30"), None);
    assert_eq!(near("score.fit >= 90 and score.interest >= 90"), None, "two are far, not near");
    assert_eq!(near("score.fit >= 90"), None, "nothing is joined");
    assert_eq!(near("score.fit >= 40 and score.interest >= 30"), None, "it holds");
}
