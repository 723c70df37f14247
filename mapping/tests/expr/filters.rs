//! Conditions that a person types to find something, and what they ask of which names.

use leadloop_mapping::Value;
use leadloop_mapping::expr::{Asks, Expected, Expr, ExprProblemKind as Kind, Facts, Outline, Test};
use serde_json::json;

use crate::schema;

fn filter(text: &str) -> Expr {
    Expr::filter(text, &schema()).unwrap_or_else(|problems| panic!("`{text}`: {problems:?}"))
}

#[test]
fn a_comparison_with_something_empty_does_not_hold() {
    let unknown = Facts::from_json(&json!({ "lead": { "stage": "won", "tags": [] }, "company": {} }));
    let large = Facts::from_json(
        &json!({ "lead": { "stage": "raw", "title": "总监" }, "company": { "employees": 500 } }),
    );
    for (text, of_unknown, of_large) in [
        ("company.employees >= 200", false, true),
        ("company.employees >= 200 or lead.stage == \"won\"", true, true),
        ("not (company.employees >= 200)", true, false),
        ("lead.stage == \"raw\" and company.employees >= 200", false, true),
        ("contains(lead.title, \"总\")", false, true),
        ("lower(lead.title) == \"总监\"", false, true),
        ("len(lead.title) == 2 and startsWith(lead.title, \"总\")", false, true),
        ("matches(lead.title, \"监$\")", false, true),
        ("lead.phone == null", true, true),
    ] {
        let expr = filter(text);
        assert_eq!(expr.eval_bool(&unknown), Ok(of_unknown), "{text} → {expr}");
        assert_eq!(expr.eval_bool(&large), Ok(of_large), "{text} → {expr}");
    }
    assert!(
        Expr::compile("company.employees >= 200", &schema(), Expected::Bool).is_err(),
        "a rule must say what counts"
    );
}

#[test]
fn a_mistake_is_told_where_it_was_typed() {
    for (text, kind, found) in [
        ("company.employees >= 200 and lead.stag == \"raw\"", Kind::UnknownName, "lead.stag"),
        ("lead.stage == \"rwa\"", Kind::NeverTrue, "\"rwa\""),
        ("company.employees >= \"200\"", Kind::WrongType, "company.employees >= \"200\""),
        ("company.employees >", Kind::Syntax, ""),
    ] {
        let problems = Expr::filter(text, &schema()).unwrap_err();
        assert_eq!(problems.len(), 1, "{text}: {problems:?}");
        assert_eq!((problems[0].kind, &text[problems[0].range.clone()]), (kind, found), "{text}");
    }
}

fn asks(name: &str, test: Test) -> Outline {
    Outline::Asks(Asks { name: name.to_owned(), instead: None, test })
}

#[test]
fn an_outline_says_what_is_asked_of_which_name() {
    let outline = |text: &str| filter(text).outline();
    let not = |outline| Outline::Not(Box::new(outline));
    let text = |text: &str| Value::text(text);
    assert_eq!(
        outline("lead.stage == \"raw\" and company.employees >= 200"),
        Outline::All(vec![
            asks("lead.stage", Test::Is(text("raw"))),
            Outline::All(vec![
                not(asks("company.employees", Test::Is(Value::Null))),
                asks("company.employees", Test::AtLeast(200.0)),
            ]),
        ])
    );
    assert_eq!(outline("-1.5 < score.fit"), asks("score.fit", Test::Above(-1.5)));
    assert_eq!(
        outline("lead.stage not in [\"won\", \"lost\"]"),
        not(asks("lead.stage", Test::Among(vec![text("won"), text("lost")])))
    );
    assert_eq!(
        outline("contains(lead.tags, \"vip\") or true"),
        Outline::Any(vec![asks("lead.tags", Test::Contains(text("vip"))), Outline::Always(true)])
    );
    let instead =
        Asks { name: "lead.title".into(), instead: Some(text("")), test: Test::EndsWith("监".into()) };
    assert_eq!(outline("endsWith(lead.title ?? \"\", \"监\")"), Outline::Asks(instead));
    for text in [
        "len(lead.tags) > 2",
        "score.fit > score.interest",
        "matches(lead.title ?? \"\", \"x\")",
        "some(lead.tags, # == \"a\")",
    ] {
        assert_eq!(outline(text), Outline::Other, "{text}");
    }
}
