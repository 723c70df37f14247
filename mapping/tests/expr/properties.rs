//! Whatever is written, the checker answers; whatever it accepts, evaluates.

use leadloop_mapping::Value;
use leadloop_mapping::expr::{Expected, Expr, Facts};
use proptest::prelude::*;

use super::{EXAMPLES, STAGES, facts, problems, schema};

fn fragments() -> impl Strategy<Value = String> {
    let words = prop::sample::select(vec![
        "lead.stage",
        "score.fit",
        "touch.x",
        "lead.tags",
        "lead[\"客户类型\"]",
        "\"raw\"",
        "\"总\"",
        "'a",
        "`${",
        "}`",
        "`",
        "1",
        "1.5e3",
        "1e",
        "..",
        ".",
        "and",
        "or",
        "not",
        "!",
        "==",
        "=",
        "!=",
        "<",
        ">=",
        "in",
        "not in",
        "??",
        "?",
        ":",
        "+",
        "-",
        "*",
        "/",
        "%",
        "^",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        ",",
        ";",
        "#",
        "$",
        "$root",
        "null",
        "true",
        "len(",
        "matches(",
        "some(",
        "map(",
        "as",
        "sum(",
        "extract(",
        "总",
        "“",
        "\t",
        "\n",
        "🙂",
    ]);
    prop::collection::vec(words, 0..24).prop_map(|words| words.join(" "))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn no_text_breaks_the_checker(text in "\\PC{0,60}") {
        for problem in problems(&text) {
            prop_assert!(text.get(problem.range.clone()).is_some(), "{:?}", problem);
        }
    }

    #[test]
    fn no_mixture_of_words_breaks_checker_or_evaluator(text in fragments(), dense in any::<bool>()) {
        let text = if dense { text.replace(' ', "") } else { text };
        match Expr::compile(&text, &schema(), Expected::Any) {
            Ok(expr) => { let _ = expr.eval_value(&facts()); let _ = expr.eval_value(&Facts::new()); }
            Err(found) => {
                prop_assert!(!found.is_empty());
                for problem in found {
                    prop_assert!(text.get(problem.range.clone()).is_some(), "{:?}", problem);
                }
            }
        }
    }

    #[test]
    fn what_the_checker_accepts_does_not_fail(
        employees in prop::option::of(0_i64..5000), fit in -100_i64..=100, title in prop::option::of("\\PC{0,12}"),
        stage in prop::sample::select(STAGES.to_vec()), found in any::<bool>(), idle in 0_i64..400,
    ) {
        let mut facts = facts();
        facts.set("company.employees", &employees.map_or(Value::Null, Value::Int));
        facts.set("score.fit", &Value::Int(fit));
        facts.set("lead.title", &title.map_or(Value::Null, Value::text));
        facts.set("lead.stage", &Value::from(stage));
        facts.set("crm.person.found", &Value::Bool(found));
        if found {
            facts.set("crm.person.idle_days", &Value::Int(idle));
            facts.set("crm.person.open_opportunity", &Value::Bool(idle % 2 == 0));
            facts.set("crm.person.owner.state", &Value::from("left"));
        }
        for (text, expected, _) in EXAMPLES {
            let expr = Expr::compile(text, &schema(), expected).unwrap();
            let (first, again) = (expr.eval_value(&facts), expr.eval_value(&facts));
            prop_assert!(first.is_ok(), "{}: {:?}", text, first);
            prop_assert_eq!(first, again);
        }
    }
}
