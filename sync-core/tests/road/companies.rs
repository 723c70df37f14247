//! A company in doubt comes before a person, and what they say decides what waits.

use leadloop_mapping::Record;
use leadloop_sync_core::companies::{self, CompanyPair, judge, key};
use leadloop_sync_core::effect::{Effect, Reaction};
use leadloop_sync_core::handoff::{Action, HandoffState};
use leadloop_sync_core::lead::Stage;
use leadloop_sync_core::time::Timestamp;

use crate::support::model::Model;
use crate::support::policy::standard;
use crate::support::rows;

const NOW: Timestamp = Timestamp(1_795_399_200_000_000);
const OURS: &str = "示例机器人有限公司";
const THEIRS: &str = "上海示例机器人有限公司";

/// A lead whose company is only similar to an account: it is held.
fn held() -> Model {
    let mut model = Model::new(standard(), NOW, 3);
    let policy = model.policy.clone();
    let owner = policy.people["chen.jie"].crm_user[&crate::support::policy::crm()].clone();
    let account = Record::new().with("name", THEIRS).with("owner_id", owner.as_str());
    rows::mirror(&mut model.book, &policy, &rows::record("account", "A1", account, NOW), NOW);
    let fields = [("name", "测试甲"), ("phone", "13900001111"), ("company", OURS), ("province", "广东")];
    let mut lead = rows::lead(rows::lead_id(1, NOW), &fields, NOW);
    lead.stage = Stage::Marketing;
    rows::keep_lead(&mut model.book, &lead);
    model.qualified(&lead, None);
    let handoff = model.handoff(lead.id).expect("a hand-over");
    assert_eq!((handoff.state, handoff.due.is_some()), (HandoffState::Asking, true));
    model
}

fn said(model: &mut Model, one: &str, other: &str, same: bool) {
    let made = judge(&model.book, (one, other), same, "tester", model.moment.now).expect("two names");
    model.commit(made);
    model.tick();
}

/// What the last decision led to.
fn led_to(model: &Model) -> &Action {
    &model.decisions.last().expect("a decision").action
}

#[test]
fn a_doubtful_company_is_put_before_a_person() {
    let model = held();
    let pairs: Vec<&CompanyPair> = model.company_suspects.iter().collect();
    let [pair] = pairs.as_slice() else { panic!("one pair: {pairs:?}") };
    assert_eq!((pair.one.as_str(), pair.other.as_str(), pair.reason.as_str()), (OURS, THEIRS, "region_open"));
    assert_eq!(pair.remote.as_ref().map(|remote| remote.id.as_str()), Some("A1"));
}

#[test]
fn said_to_be_one_company_the_held_lead_goes_to_its_owner_at_once() {
    let mut model = held();
    said(&mut model, "示例機器人有限公司", THEIRS, true);
    let Action::Create { account: Some(account), owner: Some(owner), .. } = led_to(&model) else {
        panic!("{:?}", led_to(&model))
    };
    assert_eq!(
        (account.id.as_str(), owner.person.as_ref().map(|key| key.as_str())),
        ("A1", Some("chen.jie"))
    );
}

#[test]
fn said_to_be_two_companies_the_held_lead_goes_on_without_it() {
    let mut model = held();
    said(&mut model, THEIRS, OURS, false);
    assert!(matches!(led_to(&model), Action::Create { account: None, .. }), "{:?}", led_to(&model));
    assert_eq!(model.company_suspects.len(), 1, "nobody is asked again");
}

fn refused(model: &Model, one: &str, other: &str, same: bool) -> &'static str {
    judge(&model.book, (one, other), same, "tester", NOW).expect_err("it is refused").code
}

#[test]
fn what_is_said_hangs_together() {
    let mut model = Model::new(standard(), NOW, 3);
    let say = |model: &mut Model, one: &str, other: &str, same| {
        let made = judge(&model.book, (one, other), same, "tester", NOW).expect("it goes together");
        model.book.apply(&Reaction { effects: made.effects, ..Reaction::default() });
    };
    assert_eq!(refused(&model, "无", THEIRS, true), "LL4620");
    assert_eq!(refused(&model, "例图科技", "例圖科技有限公司", true), "LL4621");
    say(&mut model, "甲例科技", "乙例科技", true);
    say(&mut model, "丙例科技", "丁例科技", true);
    say(&mut model, "甲例科技", "戊例科技", false);
    // One company joins another with all its names.
    say(&mut model, "乙例科技", "丙例科技", true);
    let all = companies::group(&model.book.judged, "丁例科技");
    assert_eq!(all.len(), 4, "{all:?}");
    let said = |model: &Model, one: &str, other: &str| {
        companies::said(&model.book.judged, &key(one).expect("a name"), &key(other).expect("a name"))
    };
    assert_eq!(said(&model, "甲例科技有限公司", "丁例科技"), Some(true));
    assert_eq!(said(&model, "丁例科技", "戊例科技"), None);
    // It is not the company of one from which another of its names was told apart.
    assert_eq!(refused(&model, "丁例科技", "戊例科技", true), "LL4622");
    // Two names of three cannot be parted while both are the third.
    assert_eq!(refused(&model, "甲例科技", "丁例科技", false), "LL4622");
    // A verdict is taken back by its contrary.
    say(&mut model, "戊例科技", "己例科技", true);
    say(&mut model, "己例科技", "戊例科技", false);
    assert_eq!(said(&model, "戊例科技", "己例科技"), Some(false));
    let verdicts = model.book.judged.len();
    say(&mut model, "戊例科技", "己例科技", true);
    assert_eq!(model.book.judged.len(), verdicts);
    assert!(matches!(
        judge(&model.book, ("戊例科技", "己例科技"), true, "tester", NOW).expect("again").effects.as_slice(),
        [Effect::CompanyVerdict(_)]
    ));
}
