//! The demo as strangers run it: the whole road over real HTTP, and pool and CRM agree at the end.

use serde_json::Value;

use crate::command::leadloop;

#[test]
fn pool_and_crm_agree_at_the_end_of_the_demo() {
    let folder = leadloop_testing::temp_dir();
    let said = leadloop(folder.path(), &["demo", "--keep", "demo", "--output", "json"]);
    let end = said.any_json();
    assert_eq!(end["differences"], Value::Array(vec![]), "{}", said.err);
    assert_eq!(said.code, 0, "{}", said.err);
    let number = |value: &Value| value.as_i64().unwrap_or_else(|| panic!("{end:#}"));
    assert_eq!(number(&end["people"]), 440);
    assert!(number(&end["mql"]) > 150 && number(&end["compared"]) > 100, "{end:#}");
    assert!(number(&end["crm_records"]) > 50, "{end:#}");
    for stage in ["raw", "with_sales", "accepted", "opportunity", "won", "lost", "resting"] {
        assert!(number(&end["stages"][stage]) > 0, "nobody is {stage}: {end:#}");
    }
    let rules = end["decisions"].as_object().unwrap();
    assert!(rules.len() >= 4, "{rules:?}");
    // What it says to look at next is there.
    let examples = end["why"].as_array().unwrap();
    assert!(examples.len() >= 3, "{end:#}");
    for what in examples {
        let args = ["why", what.as_str().unwrap(), "--config", "demo/leadloop.toml", "--output", "json"];
        let story = leadloop(folder.path(), &args).json();
        assert!(!story["touches"].as_array().unwrap().is_empty(), "{story}");
        assert!(!story["reasons"].as_array().unwrap().is_empty(), "{story}");
    }
    let status =
        leadloop(folder.path(), &["status", "--config", "demo/leadloop.toml", "--output", "json"]).json();
    assert_eq!(status["captures_due"], 0, "{status}");
    let again = leadloop(folder.path(), &["demo", "--keep", "demo"]);
    assert_eq!(again.code, 1, "a demo is not played over another: {}", again.err);
}
