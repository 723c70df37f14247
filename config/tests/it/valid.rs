//! Configs that are right: nothing is said of them.

use leadloop_sync_core::because::Language;

use crate::ground::{Ground, rendered, tests_dir};

#[test]
fn nothing_is_said_of_a_config_that_is_right() {
    for entry in std::fs::read_dir(tests_dir().join("valid")).expect("they are there") {
        let path = entry.expect("it can be read").path();
        let text = std::fs::read_to_string(&path).expect("it is UTF-8");
        let mut loaded = Ground::new().load_text(&text);
        loaded.try_rules();
        assert!(loaded.problems.is_empty(), "{}:\n{}", path.display(), rendered(&loaded, Language::En));
        assert!(loaded.plan.is_some());
    }
}
