//! The one write path: all or nothing, against old versions nothing, and only what shares a row with what is stale.

use std::collections::BTreeSet;

use leadloop_store::companies::Pairs;
use leadloop_store::{Committed, Store, StoreError, Topic, WriteLane};
use leadloop_sync_core::book::Needs;
use leadloop_sync_core::capture::Identifier;
use leadloop_sync_core::companies::{CompanyPair, CompanyVerdict};
use leadloop_sync_core::effect::{Alarm, Effect, Reaction, Suspect, Verdict};
use leadloop_sync_core::handoff::HandoffState;
use leadloop_sync_core::lead::Stage;

use crate::on_both;
use crate::samples::{
    at, because, binding, deadline, event, handoff, id, lead, phone, push, put, reaction, remote, stamp,
    touch, version,
};

pub(crate) async fn commit(store: &Store, reactions: &[Reaction]) -> Committed {
    let tx = store.begin(WriteLane::Hot).await.unwrap();
    tx.commit(&stamp("absorb"), reactions).await.unwrap()
}

pub(crate) async fn written(store: &Store, effects: Vec<Effect>) {
    let done = commit(store, &[reaction(effects)]).await;
    assert!(done.stale.is_empty(), "{done:?}");
}

fn of(leads: &[u64]) -> Needs {
    Needs { leads: leads.iter().map(|n| id(*n)).collect(), ..Needs::default() }
}

#[tokio::test]
async fn several_states_of_a_lead_in_a_batch_are_its_last() {
    on_both("last", |store| async move {
        let mut second = lead(1, 2);
        second.stage = Stage::Marketing;
        second.mql_at = Some(at(7));
        let mut third = lead(1, 3);
        third.stage = Stage::Resting;
        let batch = [
            reaction(vec![put(lead(1, 1)), Effect::Bind(binding(1, phone(1)))]),
            reaction(vec![put(second)]),
            reaction(vec![put(third.clone())]),
        ];
        assert!(commit(&store, &batch).await.stale.is_empty());
        let book = store.look(&of(&[1])).await.unwrap();
        assert_eq!(book.leads[&id(1)], third);
        assert_eq!(book.identifiers[&phone(1)], binding(1, phone(1)));
        // What it passed through on the way is not forgotten.
        let story = store.story(id(1), 10).await.unwrap().unwrap();
        let stages: BTreeSet<&str> = story.milestones.iter().map(|(stage, _)| stage.as_str()).collect();
        assert_eq!(stages, BTreeSet::from(["raw", "marketing", "resting"]));
    })
    .await;
}

#[tokio::test]
async fn an_old_version_changes_nothing_and_takes_along_only_its_company() {
    on_both("stale", |store| async move {
        written(&store, vec![put(lead(1, 1)), put(lead(2, 1)), put(lead(3, 1))]).await;
        written(&store, vec![put(lead(1, 2))]).await;
        let counter = |value: i64| Effect::SetCounter { key: "route".into(), value: value.into() };
        let batch = [
            reaction(vec![put(lead(2, 2))]),
            reaction(vec![put(lead(1, 2)), counter(1)]), // read at version 1, which is gone
            reaction(vec![put(lead(3, 2)), counter(2)]), // decided on the counter that the stale one set
        ];
        let done = commit(&store, &batch).await;
        assert_eq!(done.stale, BTreeSet::from([1, 2]));
        assert_eq!(done.rows, vec![format!("lead {}", id::<leadloop_sync_core::ids::LeadKind>(1))]);
        let book = store.look(&of(&[1, 2, 3])).await.unwrap();
        let versions: Vec<i64> = book.leads.values().map(|lead| lead.version).collect();
        assert_eq!(versions, vec![2, 2, 1]);
        let needs = Needs { counters: BTreeSet::from(["route".into()]), ..Needs::default() };
        assert!(store.look(&needs).await.unwrap().counters.is_empty());
        // A lead that is new to the decider, but not to the store.
        assert_eq!(commit(&store, &[reaction(vec![put(lead(1, 1))])]).await.stale, BTreeSet::from([0]));
    })
    .await;
}

#[tokio::test]
async fn an_identifier_goes_only_from_whom_it_was_read_with() {
    on_both("identifier", |store| async move {
        written(&store, vec![put(lead(1, 1)), put(lead(2, 1)), Effect::Bind(binding(1, phone(1)))]).await;
        // Nobody looked: taking it from its lead is stale, seeing it again is not.
        let done = commit(&store, &[reaction(vec![Effect::Bind(binding(2, phone(1)))])]).await;
        assert_eq!(done.stale, BTreeSet::from([0]));
        written(&store, vec![Effect::Bind(binding(1, phone(1)))]).await;
        // Whoever read it with its lead may give it to another.
        let needs = Needs { identifiers: BTreeSet::from([phone(1), phone(9)]), ..Needs::default() };
        let mut tx = store.begin(WriteLane::Hot).await.unwrap();
        let book = tx.load(&needs).await.unwrap();
        assert_eq!(book.lead_of(&phone(1)).unwrap().id, id(1));
        let batch = [reaction(vec![Effect::Bind(binding(2, phone(1))), Effect::Bind(binding(2, phone(9)))])];
        assert!(tx.commit(&stamp("absorb"), &batch).await.unwrap().stale.is_empty());
        let book = store.look(&needs).await.unwrap();
        assert_eq!(book.lead_of(&phone(1)).unwrap().id, id(2));

        written(&store, vec![Effect::Unbind(phone(9))]).await;
        assert!(!store.look(&needs).await.unwrap().identifiers.contains_key(&phone(9)));
    })
    .await;
}

#[tokio::test]
async fn a_second_open_hand_over_is_refused_and_a_successor_is_not() {
    on_both("one_open", |store| async move {
        let open = |n, version, state| Effect::PutHandoff(Box::new(handoff(n, 1, version, state)));
        written(&store, vec![put(lead(1, 1)), open(10, 1, HandoffState::Telling)]).await;
        let tx = store.begin(WriteLane::Hot).await.unwrap();
        let second = [reaction(vec![open(11, 1, HandoffState::Asking)])];
        let refused = tx.commit(&stamp("absorb"), &second).await.unwrap_err();
        assert!(refused.blames_a_reaction(), "{refused}");
        assert_eq!(refused.code(), Some("LL1105"));
        // In one batch the old one closes and the new one opens, in whatever order they sort.
        for (old, new) in [(10, 5), (5, 20)] {
            let next = vec![open(new, 1, HandoffState::Telling), open(old, 2, HandoffState::Superseded)];
            written(&store, next).await;
        }
        let book = store.look(&of(&[1])).await.unwrap();
        assert_eq!(book.open_handoff(id(1)).unwrap().id, id(20));
    })
    .await;
}

#[tokio::test]
async fn a_commit_under_another_config_is_stale_as_a_whole() {
    on_both("config", |store| async move {
        assert_eq!(store.active_config().await.unwrap(), None);
        assert_eq!(store.activate(&version("config-1"), at(0)).await.unwrap(), 1);
        assert_eq!(store.activate(&version("config-1"), at(1)).await.unwrap(), 1);
        written(&store, vec![put(lead(1, 1))]).await;
        assert_eq!(store.activate(&version("config-2"), at(2)).await.unwrap(), 2);
        assert_eq!(store.active_config().await.unwrap(), Some(("config-2".into(), 2)));
        let tx = store.begin(WriteLane::Hot).await.unwrap();
        let stale = tx.commit(&stamp("absorb"), &[reaction(vec![put(lead(2, 1))])]).await.unwrap_err();
        assert!(matches!(stale, StoreError::Stale { .. }), "{stale}");
        assert!(store.look(&of(&[2])).await.unwrap().leads.is_empty());
    })
    .await;
}

#[tokio::test]
async fn nothing_of_a_dropped_transaction_is_seen() {
    on_both("dropped", |store| async move {
        store.keep(&[push(1, vec![event(1)])]).await.unwrap();
        let mut tx = store.begin(WriteLane::Hot).await.unwrap();
        assert_eq!(tx.claim_captures(10, &BTreeSet::new()).await.unwrap().len(), 1);
        drop(tx);
        // PostgreSQL hears of the end a moment later; until then the capture counts as held and is passed over.
        loop {
            let mut tx = store.begin(WriteLane::Hot).await.unwrap();
            let claimed = tx.claim_captures(10, &BTreeSet::new()).await.unwrap();
            tx.undo().await.unwrap();
            if claimed.len() == 1 {
                break;
            }
            tokio::task::yield_now().await;
        }
        written(&store, vec![put(lead(1, 1))]).await;
    })
    .await;
}

#[tokio::test]
async fn deadlines_are_set_moved_cleared_and_due() {
    on_both("deadlines", |store| async move {
        let mut wake = store.wakes().on(Topic::Deadlines);
        let set = |key: &str, seconds| Effect::SetDeadline(deadline(key, id(1), seconds));
        written(&store, vec![set("a", 10), set("b", 20), set("c", 30)]).await;
        wake.wait().await;
        written(&store, vec![set("a", 25), Effect::ClearDeadline("b".into())]).await;
        assert_eq!(store.next_deadline().await.unwrap(), Some(at(25)));
        let mut tx = store.begin(WriteLane::Hot).await.unwrap();
        assert_eq!(tx.due_deadlines(at(24), 10).await.unwrap(), Vec::new());
        assert_eq!(tx.due_deadlines(at(30), 1).await.unwrap(), vec![deadline("a", id(1), 25)]);
        assert_eq!(tx.due_deadlines(at(30), 10).await.unwrap().len(), 2);
        let done = [reaction(vec![Effect::ClearDeadline("a".into()), Effect::ClearDeadline("c".into())])];
        tx.commit(&stamp("tick"), &done).await.unwrap();
        assert_eq!(store.next_deadline().await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn an_alarm_stands_once_and_counts() {
    on_both("alarms", |store| async move {
        let alarm = |raised, seconds| {
            Effect::Alarm(Alarm {
                key: "quiet/website".into(),
                code: "LL3000".into(),
                detail: "no lead for two days".into(),
                raised,
                at: at(seconds),
            })
        };
        written(&store, vec![alarm(false, 0)]).await;
        assert!(store.status(at(0)).await.unwrap().alarms.is_empty());
        written(&store, vec![alarm(true, 1), alarm(true, 2)]).await;
        written(&store, vec![alarm(true, 3)]).await;
        let standing = store.status(at(0)).await.unwrap().alarms;
        assert_eq!((standing.len(), standing[0].count, standing[0].since), (1, 3, at(1)));
        written(&store, vec![alarm(false, 4)]).await;
        assert!(store.status(at(0)).await.unwrap().alarms.is_empty());
        written(&store, vec![alarm(true, 5)]).await;
        let standing = store.status(at(0)).await.unwrap().alarms;
        assert_eq!((standing[0].count, standing[0].since), (1, at(5)));
    })
    .await;
}

#[tokio::test]
async fn a_touch_a_suspect_and_a_reason_are_kept_once() {
    on_both("once", |store| async move {
        let suspect = |lead, other| {
            Effect::Suspect(Suspect {
                lead: id(lead),
                other: id(other),
                by: Identifier::new("cookie", "c1"),
                reason: "shared_device".into(),
                at: at(0),
            })
        };
        let touched = || Effect::Touch(Box::new(touch(7, 1, 3)));
        let mut first = reaction(vec![put(lead(1, 1)), touched(), suspect(2, 1)]);
        first.because = because(1, "person_new");
        commit(&store, &[first, reaction(vec![touched(), suspect(1, 2)])]).await;
        written(&store, vec![touched(), suspect(1, 2)]).await;
        let story = store.story(id(1), 10).await.unwrap().unwrap();
        assert_eq!(story.touches, vec![touch(7, 1, 3)]);
        assert_eq!(story.suspects.len(), 1);
        let open: Vec<_> =
            store.suspects(None, false, 10).await.unwrap().into_iter().map(|(suspect, _)| suspect).collect();
        assert_eq!(open, story.suspects);
        assert_eq!(store.suspects(Some((id(1), id(2))), false, 10).await.unwrap(), Vec::new());
        // Judged, it is asked no more, and a suspicion that comes again does not ask either.
        let verdict = Verdict { lead: id(2), other: id(1), same: false, who: "tester".into(), at: at(9) };
        let again = open.iter().cloned().map(Effect::Suspect);
        written(&store, again.chain([Effect::Verdict(verdict.clone())]).collect()).await;
        written(&store, open.iter().cloned().map(Effect::Suspect).collect()).await;
        assert_eq!(store.suspects(None, false, 10).await.unwrap(), Vec::new());
        let kept = Verdict { lead: id(1), other: id(2), ..verdict };
        assert_eq!(store.suspects(None, true, 10).await.unwrap(), vec![(open[0].clone(), Some(kept))]);
        assert_eq!(store.story(id(1), 5).await.unwrap().unwrap().suspects, Vec::new());
        assert_eq!(story.reasons.len(), 1);
        let reason = &story.reasons[0];
        assert_eq!((reason.verb.as_str(), reason.config.as_str(), reason.at), ("absorb", "config-1", at(0)));
        assert_eq!(reason.reasons[0].args["saw"], "a value");
    })
    .await;
}

#[tokio::test]
async fn companies_in_doubt_are_asked_about_until_somebody_judges() {
    on_both("companies", |store| async move {
        let pair = CompanyPair {
            one: "示例机器人有限公司".into(),
            other: "上海示例机器人有限公司".into(),
            reason: "region_open".into(),
            lead: Some(id(1)),
            remote: Some(remote("account", 3)),
            at: at(0),
        };
        let again = CompanyPair {
            one: "上海示例機器人".into(),
            other: "示例机器人".into(),
            lead: Some(id(2)),
            at: at(5),
            ..pair.clone()
        };
        written(&store, vec![Effect::CompanySuspect(pair.clone()), Effect::CompanySuspect(again.clone())])
            .await;
        written(&store, vec![Effect::CompanySuspect(again)]).await;
        let open = store.company_pairs(None, Pairs::Open, 10).await.unwrap();
        let [found] = open.as_slice() else { panic!("one pair: {open:?}") };
        assert_eq!((found.pair.lead, found.pair.at, &found.verdict), (pair.lead, pair.at, &None));
        assert_eq!(store.company_pairs(Some(&found.keys), Pairs::All, 10).await.unwrap(), Vec::new());
        let said = CompanyVerdict {
            one: "示例機器人有限公司".into(),
            other: "示例机器人（上海）".into(),
            same: true,
            who: "tester".into(),
            at: at(9),
        };
        written(&store, vec![Effect::CompanyVerdict(said)]).await;
        assert_eq!(store.company_pairs(None, Pairs::Open, 10).await.unwrap(), Vec::new());
        let judged = store.company_pairs(None, Pairs::Judged, 10).await.unwrap();
        assert_eq!(judged.len(), 1);
        assert_eq!(judged[0].verdict.as_ref().map(|verdict| (verdict.same, verdict.at)), Some((true, at(9))));
        assert_eq!(judged[0].pair.reason, "region_open");
    })
    .await;
}
