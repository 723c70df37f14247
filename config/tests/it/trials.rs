//! Rule tests: they run the real road, they fail where something else comes out, and they say why.

use leadloop_config::Loaded;
use leadloop_config::trial::{self, Trial, Wish};
use leadloop_sync_core::because::Language;

use crate::ground::{Ground, rendered, tests_dir};

/// The whole config with these tests instead of its own.
fn with(tests: &str) -> String {
    let whole = std::fs::read_to_string(tests_dir().join("valid/whole.toml")).expect("it is there");
    let (rules, _) = whole.split_once("[[test]]").expect("it has tests");
    format!("{rules}{tests}")
}

fn loaded(tests: &str) -> Loaded {
    Ground::new().load_text(&with(tests))
}

fn run(tests: &str) -> (Loaded, Vec<Trial>) {
    let loaded = loaded(tests);
    assert!(loaded.problems.is_empty(), "{}", rendered(&loaded, Language::En));
    let trials = trial::run_all(loaded.rules.as_ref().expect("there are rules"));
    (loaded, trials)
}

/// One test that must pass, and one for each change of its expectation that must not.
fn passes(given: &str, expect: &str) -> Trial {
    let (_, mut trials) = run(&format!("[[test]]\nname = \"t\"\n{given}\nexpect = {expect}\n"));
    let trial = trials.pop().expect("there is one");
    assert!(trial.passed(), "{expect}: {:#?}\n{:#?}", trial.misses, trial.seen);
    trial
}

fn fails(given: &str, expect: &str) -> Trial {
    let (_, mut trials) = run(&format!("[[test]]\nname = \"t\"\n{given}\nexpect = {expect}\n"));
    let trial = trials.pop().expect("there is one");
    assert!(!trial.passed(), "{expect} should not have come out");
    trial
}

const LEAD: &str = r#"lead = { name = "王小明", phone = "13912345678", company = "上海示例机器人有限公司", source = "website", consent = "given" }"#;

#[test]
fn the_test_of_the_example_passes_by_the_real_matching() {
    let given = format!(
        "{LEAD}\ncrm = {{ company = {{ name = \"上海示例机器人\", owner = \"li.na\", owner_state = \"active\" }} }}"
    );
    let rule = "a colleague at the same company has an owner";
    let trial = passes(
        &given,
        &format!(
            r#"{{ rule = "{rule}", owner = "li.na", action = "create", object = "lead", mql = true, stage = "with_sales", handed_over = true, public_pool = false, held = false, declined = false, because = ["mql", "decided"] }}"#
        ),
    );
    assert_eq!(trial.seen.fired.iter().collect::<Vec<_>>(), [rule]);
    for expect in [
        r#"{ rule = "everyone else" }"#,
        r#"{ owner = "chen.jie" }"#,
        r#"{ action = "update" }"#,
        r#"{ object = "contact" }"#,
        r#"{ mql = false }"#,
        r#"{ stage = "raw" }"#,
        r#"{ handed_over = false }"#,
        r#"{ public_pool = true }"#,
        r#"{ held = true }"#,
        r#"{ held = "inside_sales" }"#,
        r#"{ declined = true }"#,
        r#"{ declined = "competitor" }"#,
        r#"{ score = { fit = 1 } }"#,
        r#"{ because = ["no_consent"] }"#,
        r#"{ quarantined = "LL4001" }"#,
        r#"{ track = "nurture" }"#,
        r#"{ user = "nobody" }"#,
    ] {
        fails(&given, expect);
    }
}

#[test]
fn a_failing_test_stands_at_its_expectation_and_says_why() {
    let (loaded, trials) = run(&format!(
        "[[test]]\nname = \"a wish\"\n{LEAD}\nexpect = {{ rule = \"large company\", owner = \"chen.jie\" }}\n"
    ));
    let rules = loaded.rules.as_ref().expect("there are rules");
    let problems = trial::problems(rules, &trials);
    assert_eq!(problems.len(), 1);
    let problem = &problems[0];
    assert_eq!(problem.code, "LL2060");
    let at = |span: &leadloop_config::problem::Span| {
        loaded.texts.files[span.file].1.get(span.range.clone()).unwrap_or_default().to_owned()
    };
    assert_eq!(at(&problem.span), "\"large company\"");
    assert!(problem.label.en.contains("`everyone else`"), "{problem:?}");
    let help = problem.help.as_ref().expect("it helps");
    assert!(help.en.contains("company.employees"), "{}", help.en);
    assert!(help.zh.contains("不成立"), "{}", help.zh);
    let related: Vec<String> = problem.related.iter().map(|(span, _)| at(span)).collect();
    assert_eq!(related, ["\"chen.jie\"", "\"everyone else\"", "\"large company\""]);
}

#[test]
fn every_way_of_a_decision_can_be_expected() {
    let similar = r#"crm = { company = { name = "示例机器人", owner = "li.na" } }"#;
    passes(
        &format!("{LEAD}\n{similar}"),
        r#"{ rule = "the company is only similar", held = "inside_sales", action = "hold", stage = "marketing", handed_over = false }"#,
    );
    let rival = r#"lead = { name = "王小明", phone = "13912345678", email = "a@competitor.example", source = "website", consent = "given" }"#;
    passes(
        &format!("{rival}\nscore = {{ fit = 0 }}"),
        r#"{ declined = "competitor", rule = "a competitor" }"#,
    );
    let follows = r#"crm = { person = { owner = "chen.jie", idle_days = 3, object = "lead" } }"#;
    passes(
        &format!("{LEAD}\n{follows}"),
        r#"{ rule = "someone follows this person", action = "update", owner = "chen.jie" }"#,
    );
    let sleeps = r#"crm = { person = { owner = "chen.jie", owner_state = "left", idle_days = 300 } }"#;
    passes(&format!("{LEAD}\n{sleeps}"), r#"{ rule = "the owner left or sleeps", action = "update" }"#);
    let busy = r#"crm = { person = { owner = "chen.jie", idle_days = 300, open_opportunity = true } }"#;
    passes(&format!("{LEAD}\n{busy}"), r#"{ rule = "someone follows this person", owner = "chen.jie" }"#);
    let running = r#"crm = { in_flight = { owner = "li.na" } }"#;
    passes(&format!("{LEAD}\n{running}"), r#"{ owner = "li.na" }"#);
}

#[test]
fn what_never_becomes_a_hand_over_says_why_not() {
    let refused = LEAD.replace("given", "refused");
    let trial = fails(&refused, r#"{ rule = "everyone else" }"#);
    assert!(trial.misses[0].why[0].en.contains("no consent"), "{:?}", trial.misses);
    passes(&refused, r#"{ handed_over = false, mql = true, because = ["no_consent"] }"#);
    let booth = r#"lead = { phone = "13912345678", source = "booth" }"#;
    let trial = fails(booth, r#"{ handed_over = true }"#);
    assert!(trial.misses[0].why[0].en.contains("it is no MQL"), "{:?}", trial.misses);
    let nobody = r#"lead = { phone = "13912345678", source = "website" }"#;
    let trial = passes(nobody, r#"{ quarantined = "LL4001" }"#);
    assert!(trial.seen.lead.is_none());
    let trial = fails(nobody, r#"{ mql = true, rule = "everyone else" }"#);
    assert!(trial.misses.iter().any(|miss| miss.why.iter().any(|why| why.en.contains("LL4001"))));
}

#[test]
fn touches_come_in_their_order_and_their_points_fade() {
    let lead = r#"lead = { name = "王小明", phone = "13912345678", title = "市场总监", "company.industry" = "制造业", employees = 500, source = "booth" }"#;
    // 20 points of 14 days ago are 10 today; 20 more today are 30: with the fit that is an MQL, handed over by its size.
    let touches = r#"touches = [{ ago = "14d" }, { touch = "event_signed_in" }]"#;
    let trial = passes(
        &format!("{lead}\n{touches}"),
        r#"{ score = { fit = 75, interest = 30 }, mql = true, rule = "everyone else" }"#,
    );
    assert_eq!(trial.seen.lead.as_ref().map(|lead| lead.touches), Some(2));
    passes(
        &format!("{lead}\ntouches = [{{ ago = \"28d\" }}, {{ }}]"),
        r#"{ score = { interest = 25 }, mql = false }"#,
    );
    let minutes = r#"touches = [{ minutes = 45 }]"#;
    passes(&format!("{lead}\n{minutes}"), r#"{ score = { interest = 30 }, mql = true }"#);
    // A later touch of a lead that sales have is news to them, not a second hand-over.
    let again = r#"touches = [{ source = "website", ago = "2d" }, { source = "website", ago = "1d" }]"#;
    passes(
        &format!("{}\n{again}", lead.replace("source", "consent = \"given\", source")),
        r#"{ because = ["new_behaviour_told"] }"#,
    );
}

#[test]
fn the_time_decides_who_is_away() {
    let given = format!("{LEAD}\ncrm = {{ person = {{ owner = \"wang.wei\", idle_days = 1 }} }}");
    let trial = passes(&given, r#"{ owner = "wang.wei", rule = "someone follows this person" }"#);
    assert_eq!(
        trial.seen.decision.as_ref().map(|d| d.facts["crm"]["person"]["owner"]["state"].clone()),
        Some("active".into())
    );
    let trial = passes(&format!("now = 2026-12-02\n{given}"), r#"{ owner = "wang.wei" }"#);
    assert_eq!(
        trial.seen.decision.as_ref().map(|d| d.facts["crm"]["person"]["owner"]["state"].clone()),
        Some("on_leave".into())
    );
}

#[test]
fn people_who_are_full_away_or_cooling_are_passed_over() {
    let lead = LEAD.replace("source", "province = \"上海\", source");
    let first = passes(&lead, r#"{ rule = "everyone else" }"#);
    let owner = first.seen.owner.clone().and_then(|(person, _)| person).expect("somebody gets it").0;
    let team = ["li.na", "wang.wei"];
    assert!(team.contains(&owner.as_str()), "{owner}");
    let other = team.into_iter().find(|name| *name != owner).expect("there are two");
    passes(
        &format!("{lead}\npeople = {{ \"{owner}\" = {{ state = \"left\" }} }}"),
        &format!(r#"{{ owner = "{other}" }}"#),
    );
    passes(
        &format!("{lead}\nbefore = {{ cooling = [\"{owner}\"] }}"),
        &format!(r#"{{ owner = "{other}" }}"#),
    );
    passes(&format!("{lead}\npeople = {{ \"li.na\" = {{ today = 15 }} }}"), r#"{ owner = "wang.wei" }"#);
    let trial =
        passes(&format!("{lead}\npeople = {{ \"li.na\" = {{ open = 60 }} }}"), r#"{ owner = "wang.wei" }"#);
    let considered = &trial.seen.decision.as_ref().expect("it was decided").considered;
    assert!(
        considered.iter().any(|one| one.person == "li.na" && one.outcome == "open_at_most"),
        "{considered:?}"
    );
    let full = r#"people = { "li.na" = { open = 60 }, "wang.wei" = { state = "left" }, "sun.hao" = { state = "left" } }"#;
    passes(&format!("{lead}\n{full}"), r#"{ public_pool = true }"#);
    fails(&format!("{lead}\n{full}"), r#"{ owner = "li.na" }"#);
}

#[test]
fn how_it_stood_before_counts() {
    passes(
        &format!("{LEAD}\nbefore = {{ returned = 3 }}"),
        r#"{ handed_over = false, because = ["loop_limit"] }"#,
    );
    passes(
        &format!("{LEAD}\nbefore = {{ stage = \"closed\" }}"),
        r#"{ handed_over = false, stage = "closed" }"#,
    );
    passes(
        &format!("{LEAD}\nbefore = {{ stage = \"resting\", days_in_stage = 40 }}"),
        r#"{ because = ["woken"], rule = "everyone else" }"#,
    );
    let quiet = r#"lead = { name = "王小明", phone = "13912345678", source = "booth" }"#;
    passes(
        &format!("{quiet}\nbefore = {{ days_since_first_touch = 8 }}"),
        r#"{ track = "nurture", mql = false }"#,
    );
    fails(&format!("{quiet}\nbefore = {{ days_since_first_touch = 5 }}"), r#"{ track = "nurture" }"#);
}

#[test]
fn rules_that_no_test_tries_are_named() {
    let (loaded, trials) =
        run(&format!("[[test]]\nname = \"t\"\n{LEAD}\nexpect = {{ rule = \"everyone else\" }}\n"));
    let rules = loaded.rules.as_ref().expect("there are rules");
    let untried = trial::untried(rules, &trials);
    assert_eq!(untried.len(), rules.policy.transfer.len() - 1);
    assert!(!untried.contains(&"everyone else"), "{untried:?}");
}

#[test]
fn a_test_needs_no_secret_and_says_the_same_every_time() {
    let text = with(&format!("[[test]]\nname = \"t\"\n{LEAD}\nexpect = {{ rule = \"everyone else\" }}\n"));
    let loaded = Ground::new().without("SECRET").load_text(&text);
    assert!(loaded.plan.is_none() && loaded.problems.iter().all(|problem| problem.code == "LL2014"));
    let rules = loaded.rules.as_ref().expect("rules need no secret");
    let (one, two) = (trial::run_all(rules), trial::run_all(rules));
    assert!(one[0].passed(), "{:?}", one[0].misses);
    assert_eq!(one[0].seen.decision, two[0].seen.decision);
    let broken = Ground::new().load_text(&text.replace("score.fit >= 40", "score.fitt >= 40"));
    assert!(broken.rules.is_none(), "broken rules are not tried");
}

/// A test written from the decision of another one, tried at once.
fn recorded(given: &str, wish: &Wish) -> (String, Trial) {
    let (loaded, trials) = run(&format!("[[test]]\nname = \"t\"\n{given}\nexpect = {{ mql = true }}\n"));
    let policy = &loaded.rules.as_ref().expect("there are rules").policy;
    let decision =
        trials[0].seen.decision.as_ref().unwrap_or_else(|| panic!("{given}: {:?}", trials[0].misses));
    let text = trial::record(policy, decision, wish);
    let (_, mut again) = run(&text);
    (text, again.pop().expect("there is one"))
}

#[test]
fn a_past_decision_becomes_a_test_that_decides_the_same() {
    let plain = Wish { name: None, real: false, was_mql: false };
    let lead = LEAD.replace("source", "province = \"上海\", requirement = \"预算三十万\", source");
    for given in [
        lead.clone(),
        format!("{lead}\ncrm = {{ company = {{ name = \"上海示例机器人\", owner = \"li.na\" }} }}"),
        format!("{lead}\ncrm = {{ company = {{ name = \"示例机器人\", owner = \"li.na\" }} }}"),
        format!("{lead}\ncrm = {{ person = {{ owner = \"chen.jie\", idle_days = 3, object = \"lead\" }} }}"),
        format!(
            "{lead}\ncrm = {{ person = {{ owner = \"chen.jie\", owner_state = \"left\", idle_days = 300 }} }}"
        ),
        format!(
            "{lead}\ncrm = {{ person = {{ user = \"somebody-else\", idle_days = 3, open_opportunity = true }} }}"
        ),
        format!("{lead}\ncrm = {{ in_flight = {{ count = 2, owner = \"wang.wei\" }} }}"),
        format!("{lead}\nnow = 2026-12-02T16:30:00\npeople = {{ \"li.na\" = {{ open = 60 }} }}"),
        format!("{lead}\nbefore = {{ returned = 1, cooling = [\"li.na\"] }}"),
        format!(
            "{lead}\npeople = {{ \"li.na\" = {{ state = \"left\" }}, \"wang.wei\" = {{ state = \"left\" }}, \"sun.hao\" = {{ state = \"left\" }} }}"
        ),
        lead.replace("name = \"王小明\"", "name = \"王小明\", email = \"wang@competitor.example\"")
            + "\nscore = { fit = 0 }",
        lead.replace("source", "employees = 1500, source"),
    ] {
        let (text, trial) = recorded(&given, &plain);
        assert!(trial.passed(), "{given}\n{text}\n{:#?}", trial.misses);
        for personal in ["王小明", "13912345678", "上海示例机器人有限公司示", "预算", "wang@"]
        {
            assert!(!text.contains(personal), "{personal} is in\n{text}");
        }
        let real = Wish { name: Some("带 \"引号\" 的名称".to_owned()), real: true, was_mql: false };
        let (text, trial) = recorded(&given, &real);
        assert!(trial.passed(), "{given}\n{text}\n{:#?}", trial.misses);
        assert_eq!(trial.name, "带 \"引号\" 的名称");
        assert!(text.contains("13912345678"), "{text}");
    }
    // A turn further on gives another owner: what was recorded holds the turn as it was.
    let turn = format!("{lead}\ncounters = {{ \"turns/east\" = '{{\"li.na\":-3,\"wang.wei\":3}}' }}");
    let (text, trial) = recorded(&turn, &plain);
    assert!(trial.passed() && text.contains("turns/east"), "{text}\n{:#?}", trial.misses);
    // A lead that would not qualify anew is recorded as one that had qualified.
    let booth = LEAD.replace("website", "booth");
    let given = format!(
        "{booth}\nbefore = {{ stage = \"marketing\", mql = true }}\nscore = {{ fit = 50, interest = 20 }}"
    );
    let (text, trial) = recorded(&given, &plain);
    assert!(!trial.passed(), "{text}");
    let (text, trial) = recorded(&given, &Wish { was_mql: true, ..plain });
    assert!(trial.passed(), "{text}\n{:#?}", trial.misses);
}
