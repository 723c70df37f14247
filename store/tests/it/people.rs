//! What hangs on what: a book holds all that a decision reads, however it was asked for.

use std::collections::BTreeSet;

use leadloop_store::{Store, WriteLane};
use leadloop_sync_core::book::{Book, Needs};
use leadloop_sync_core::effect::Effect;
use leadloop_sync_core::handoff::HandoffState;
use leadloop_sync_core::ids::{HandoffId, LeadId, LinkName};
use leadloop_sync_core::lead::RemoteRef;
use leadloop_sync_core::mirror::{MirrorKey, MirrorRow};
use leadloop_sync_core::outbox::Lane;

use crate::on_both;
use crate::samples::{at, binding, delivery, handoff, id, lead, mirror_row, phone, put, remote, remote_link};
use crate::write_path::written;

fn leads(book: &Book) -> Vec<LeadId> {
    book.leads.keys().copied().collect()
}

fn handoffs(book: &Book) -> Vec<HandoffId> {
    book.handoffs.keys().copied().collect()
}

fn open(n: u64, of: u64, state: HandoffState) -> Effect {
    Effect::PutHandoff(Box::new(handoff(n, of, 1, state)))
}

/// Lead 1 was merged into 2, and 2 into 3; 4 stands alone.
async fn family(store: &Store) {
    let merged = |n, into| {
        let mut lead = lead(n, 1);
        lead.merged_into = Some(id(into));
        put(lead)
    };
    let mut effects = vec![merged(1, 2), merged(2, 3), put(lead(3, 1)), put(lead(4, 1))];
    effects.extend((1..=4).map(|n| Effect::Bind(binding(n, phone(n)))));
    written(store, effects).await;
}

#[tokio::test]
async fn a_lead_comes_with_all_it_was_merged_with() {
    on_both("merged", |store| async move {
        family(&store).await;
        let needs = [
            Needs { identifiers: BTreeSet::from([phone(1), phone(77)]), ..Needs::default() },
            Needs { leads: BTreeSet::from([id(3)]), ..Needs::default() },
            Needs { leads: BTreeSet::from([id(2)]), ..Needs::default() },
        ];
        for needs in needs {
            let book = store.look(&needs).await.unwrap();
            assert_eq!(leads(&book), vec![id(1), id(2), id(3)]);
            assert_eq!(
                book.identifiers.keys().cloned().collect::<Vec<_>>(),
                vec![phone(1), phone(2), phone(3)]
            );
            assert_eq!(book.lead_of(&phone(1)).unwrap().id, id(3));
        }
    })
    .await;
}

#[tokio::test]
async fn a_lead_brings_its_open_hand_over_and_its_last_closed_one() {
    on_both("handoffs", |store| async move {
        family(&store).await;
        written(
            &store,
            vec![
                open(10, 1, HandoffState::Returned),
                open(11, 1, HandoffState::TakenBack),
                open(12, 3, HandoffState::Accepted),
                open(13, 3, HandoffState::Superseded),
                open(14, 4, HandoffState::Parked),
            ],
        )
        .await;
        let by_phone = Needs { identifiers: BTreeSet::from([phone(2)]), ..Needs::default() };
        let book = store.look(&by_phone).await.unwrap();
        assert_eq!(handoffs(&book), vec![id(11), id(12), id(13)]);
        assert_eq!(book.handoffs[&id(12)], handoff(12, 3, 1, HandoffState::Accepted));
        assert_eq!(book.open_handoff(id(3)).unwrap().id, id(12));
        let named = Needs { handoffs: BTreeSet::from([id(10)]), ..Needs::default() };
        let book = store.look(&named).await.unwrap();
        assert_eq!(handoffs(&book), vec![id(10), id(11), id(12), id(13)]);
        assert_eq!(leads(&book), vec![id(1), id(2), id(3)]);
        // Of a company only what is open; nothing hangs on it.
        let company = Needs { companies: BTreeSet::from(["company-3".into()]), ..Needs::default() };
        let book = store.look(&company).await.unwrap();
        assert_eq!((handoffs(&book), leads(&book)), (vec![id(12)], Vec::new()));
        let load = Needs { load_of: BTreeSet::from([LinkName::from("sales")]), ..Needs::default() };
        let load = store.look(&load).await.unwrap().load;
        let count = |user: &str| load.get(&(LinkName::from("sales"), user.to_owned())).copied();
        assert_eq!((count("u0"), count("u1"), count("u2")), (Some(1), Some(1), None));
    })
    .await;
}

fn owned(object: &str, n: u64, owner: Option<&str>, account: Option<&str>) -> MirrorRow {
    let mut row = mirror_row(object, n);
    row.facts.owner = owner.map(str::to_owned);
    row.facts.account = account.map(str::to_owned);
    row
}

fn key(kind: &str, value: &str) -> MirrorKey {
    MirrorKey { link: LinkName::from("sales"), kind: kind.into(), value: value.into() }
}

fn mirrored(book: &Book) -> Vec<RemoteRef> {
    book.mirror.keys().cloned().collect()
}

#[tokio::test]
async fn a_mirror_row_brings_what_it_points_to_and_what_is_about_it() {
    on_both("mirror", |store| async move {
        let mut deal = owned("opportunity", 3, Some("10"), None);
        deal.facts.people = vec![remote("lead", 1)];
        let rows = [
            owned("lead", 1, Some("8"), Some("5")),
            owned("account", 5, Some("9"), None),
            owned("user", 8, None, None),
            owned("user", 9, None, None),
            owned("user", 10, None, None),
            owned("contact", 2, None, None),
            deal,
        ];
        let effects = rows.iter().map(|row| Effect::PutMirror(Box::new(row.clone()))).collect();
        written(&store, effects).await;
        // One step: the owner of the account comes only where users are asked for.
        let found = [remote("account", 5), remote("lead", 1), remote("opportunity", 3), remote("user", 8)];
        let by_key = Needs { keys: BTreeSet::from([key("phone", &phone(1).value)]), ..Needs::default() };
        let book = store.look(&by_key).await.unwrap();
        assert_eq!(mirrored(&book), found);
        assert_eq!(book.keys[&key("phone", &phone(1).value)], BTreeSet::from([remote("lead", 1)]));
        assert_eq!(book.mirror[&remote("lead", 1)], rows[0]);
        let by_id = Needs { remotes: BTreeSet::from([remote("lead", 1)]), ..Needs::default() };
        assert_eq!(mirrored(&store.look(&by_id).await.unwrap()), found);
        let bare = Needs { rows: BTreeSet::from([remote("lead", 1)]), ..Needs::default() };
        assert_eq!(mirrored(&store.look(&bare).await.unwrap()), [remote("lead", 1)]);
        let users = Needs { users_of: BTreeSet::from([LinkName::from("sales")]), ..Needs::default() };
        assert_eq!(mirrored(&store.look(&users).await.unwrap()).len(), 3);

        // A row that changes leaves its old keys; one that is deleted leaves all.
        let mut moved = rows[0].clone();
        moved.facts.phones = vec![phone(50).value];
        written(&store, vec![Effect::PutMirror(Box::new(moved.clone()))]).await;
        assert!(store.look(&by_key).await.unwrap().mirror.is_empty());
        moved.deleted = true;
        written(&store, vec![Effect::PutMirror(Box::new(moved))]).await;
        let new = Needs { keys: BTreeSet::from([key("phone", &phone(50).value)]), ..Needs::default() };
        assert!(store.look(&new).await.unwrap().keys.is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_record_of_ours_brings_its_link_and_its_lead() {
    on_both("links", |store| async move {
        family(&store).await;
        let link = remote_link(42, 1);
        let seen = Effect::MirrorSeen { link: "sales".into(), object: "lead".into(), at: at(9) };
        written(&store, vec![Effect::LinkRemote(Box::new(link.clone())), seen]).await;
        let needs = Needs {
            remotes: BTreeSet::from([remote("lead", 42)]),
            fresh: BTreeSet::from([LinkName::from("sales")]),
            ..Needs::default()
        };
        let book = store.look(&needs).await.unwrap();
        assert_eq!(book.links[&remote("lead", 42)], link);
        assert_eq!(leads(&book), vec![id(1), id(2), id(3)]);
        assert_eq!(book.fresh[&(LinkName::from("sales"), "lead".to_owned())], at(9));
    })
    .await;
}

#[tokio::test]
async fn loading_more_leaves_the_working_copy_alone() {
    on_both("more", |store| async move {
        family(&store).await;
        written(&store, vec![open(10, 4, HandoffState::Telling)]).await;
        let mut tx = store.begin(WriteLane::Hot).await.unwrap();
        tx.take_turns(&BTreeSet::from(["person/1".into(), "company/x".into()])).await.unwrap();
        let first = Needs { identifiers: BTreeSet::from([phone(4)]), ..Needs::default() };
        let mut book = tx.load(&first).await.unwrap();
        // The batch goes on: the lead changes, loses its phone, its hand-over closes.
        let mut changed = lead(4, 2);
        changed.recycled = 1;
        let effects = vec![
            put(changed.clone()),
            Effect::Unbind(phone(4)),
            Effect::PutHandoff(Box::new(handoff(10, 4, 2, HandoffState::Returned))),
        ];
        book.apply(&crate::samples::reaction(effects));
        let second = Needs {
            identifiers: BTreeSet::from([phone(1)]),
            leads: BTreeSet::from([id(4)]),
            companies: BTreeSet::from(["company-0".into()]),
            ..Needs::default()
        };
        tx.load_more(&mut book, &second).await.unwrap();
        assert_eq!(book.leads[&id(4)], changed);
        assert!(!book.identifiers.contains_key(&phone(4)));
        assert_eq!(book.handoffs[&id(10)].state, HandoffState::Returned);
        assert_eq!(leads(&book), vec![id(1), id(2), id(3), id(4)]);
        tx.undo().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn everything_of_a_person_is_one_story() {
    on_both("story", |store| async move {
        family(&store).await;
        let mut told = delivery(20, "lead/1", Lane::Hot);
        told.lead = Some(id(1));
        let effects = vec![
            open(10, 1, HandoffState::Telling),
            Effect::LinkRemote(Box::new(remote_link(42, 2))),
            Effect::Enqueue(Box::new(told)),
        ];
        written(&store, effects).await;
        let story = store.story(id(1), 10).await.unwrap().unwrap();
        assert_eq!(story.lead.id, id(3), "the survivor");
        assert_eq!(story.merged.iter().map(|lead| lead.id).collect::<Vec<_>>(), vec![id(1), id(2)]);
        assert_eq!((story.bindings.len(), story.handoffs.len(), story.links.len()), (3, 1, 1));
        assert_eq!(story.deliveries[0].delivery.id, id(20));
        assert_eq!(store.story(id(99), 10).await.unwrap(), None);
    })
    .await;
}
