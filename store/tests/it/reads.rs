//! What people ask: found by anything at hand, counted right, listed page by page.

use leadloop_store::read::find::{FoundBy, Question};
use leadloop_store::read::funnel::{FunnelBy, FunnelRow, FunnelSpan};
use leadloop_store::read::pages::LeadAsk;
use leadloop_store::read::sources::Span;
use leadloop_store::read::story::Story;
use leadloop_store::{PushState, Store};
use leadloop_sync_core::because::Because;
use leadloop_sync_core::capture::{CaptureEnd, Identifier};
use leadloop_sync_core::effect::{Effect, Feedback};
use leadloop_sync_core::handoff::{Action, DecisionRecord, HandoffState};
use leadloop_sync_core::ids::{LeadId, PersonKey, SourceName};
use leadloop_sync_core::lead::{Lead, Owner, Stage};
use leadloop_sync_core::outbox::{DeliveryState, Lane};
use leadloop_sync_core::time::{Micros, Timestamp};
use leadloop_sync_core::vigil::Brought;

use crate::on_both;
use crate::samples::{
    at, binding, deadline, delivery, event, handoff, id, lead, mirror_row, note, phone, push, put,
    quarantined, reaction, remote_link, touch, version,
};
use crate::write_path::{commit, written};

async fn found(store: &Store, text: &str) -> Vec<(LeadId, FoundBy)> {
    let question = Question { identifiers: Vec::new(), text: text.into() };
    let found = store.find(&question, 10).await.unwrap();
    found.into_iter().map(|found| (found.lead.id, found.by)).collect()
}

#[tokio::test]
async fn a_lead_is_found_by_whatever_is_at_hand() {
    on_both("find", |store| async move {
        let mut merged = lead(3, 1);
        merged.merged_into = Some(id(2));
        written(
            &store,
            vec![
                put(lead(1, 1)),
                put(lead(2, 1)),
                put(merged),
                Effect::Bind(binding(1, phone(1))),
                Effect::Bind(binding(3, Identifier::new("email", "a@shili.example"))),
                Effect::LinkRemote(Box::new(remote_link(4242, 1))),
                Effect::PutHandoff(Box::new(handoff(77, 2, 1, HandoffState::Telling))),
            ],
        )
        .await;
        let one: LeadId = id(1);
        assert_eq!(found(&store, &one.to_string()).await, vec![(one, FoundBy::LeadId)]);
        assert_eq!(found(&store, &one.uuid().to_string()).await, vec![(one, FoundBy::LeadId)]);
        assert_eq!(found(&store, "L-019a00").await.len(), 2, "both survivors start so");
        assert_eq!(found(&store, "H-019a00").await, vec![(id(2), FoundBy::HandoffId)]);
        assert_eq!(
            found(&store, &handoff(77, 2, 1, HandoffState::Telling).mark()).await,
            vec![(id(2), FoundBy::HandoffId)]
        );
        assert_eq!(found(&store, "sales/lead/4242").await, vec![(one, FoundBy::Remote)]);
        assert_eq!(
            found(&store, "A@Shili.Example ").await,
            vec![(id(2), FoundBy::Identifier)],
            "the survivor"
        );
        assert_eq!(found(&store, "示例科技 2").await, vec![(id(2), FoundBy::Company)]);
        assert_eq!(found(&store, "科技1公司").await, vec![(one, FoundBy::Company)], "a part in the middle");
        assert_eq!(found(&store, "测试 1").await, vec![(one, FoundBy::Name)]);
        assert_eq!(found(&store, "%_'\"").await, Vec::new());
        assert_eq!(found(&store, "").await, Vec::new());
        let question = Question { identifiers: vec![phone(1)], text: "0139 00".into() };
        assert_eq!(store.find(&question, 10).await.unwrap()[0].lead.id, one);
    })
    .await;
}

/// Lead `n` of a channel and owner, first touched at `first`, that reached `stages` one after the other.
fn walked(n: u64, channel: &str, owner: Option<&str>, first: Timestamp, stages: &[Stage]) -> Vec<Lead> {
    let mut states = Vec::new();
    for (version, stage) in (1..).zip(stages) {
        let mut lead = lead(n, version);
        lead.origin.channel = channel.into();
        lead.origin.campaign = n.is_multiple_of(2).then(|| "fair-2026".into());
        lead.origin.at = first;
        lead.owner = owner.map(|owner| Owner { person: Some(PersonKey::from(owner)), crm_user: "u1".into() });
        lead.stage = *stage;
        lead.stage_since = first + Micros::days(version);
        lead.touches = 2;
        if *stage == Stage::Won {
            lead.won_amount = Some(1_000.5);
        }
        if *stage == Stage::Marketing {
            lead.mql_at = Some(first);
        }
        states.push(lead);
    }
    states
}

async fn people(store: &Store) {
    use Stage::{Accepted, Lost, Marketing, Raw, Resting, WithSales, Won};
    let november = at(0);
    let october = at(0) - Micros::days(30);
    let mut leads = walked(1, "sem", Some("li.na"), november, &[Raw, Marketing, WithSales, Accepted, Won]);
    leads.extend(walked(2, "sem", Some("li.na"), november, &[Raw, Marketing, WithSales, Resting]));
    leads.extend(walked(3, "sem", None, october, &[Raw]));
    leads.extend(walked(4, "fair", Some("wang.wei"), october, &[Marketing, Won]));
    leads.extend(walked(5, "fair", None, october, &[Marketing, WithSales, Lost, Raw]));
    // 6 was an MQL, then merged into 7, and 7 into 3: what 6 reached, 3 reached.
    let mut six = walked(6, "fair", None, october, &[Marketing, Marketing]);
    six[1].merged_into = Some(id(7));
    let mut seven = walked(7, "fair", None, october, &[Raw, Raw]);
    seven[1].merged_into = Some(id(3));
    leads.extend(six.into_iter().chain(seven));
    for lead in leads.iter_mut().filter(|lead| [id(1), id(4)].contains(&lead.id)) {
        lead.pool = Some(if lead.id == id(1) { "华东" } else { "华南" }.to_owned());
    }
    for lead in leads {
        written(store, vec![put(lead)]).await;
    }
}

fn numbers(row: &FunnelRow) -> [i64; 9] {
    [
        row.captured,
        row.people,
        row.mql,
        row.handed_over,
        row.accepted,
        row.opportunity,
        row.won,
        row.lost,
        row.resting,
    ]
}

#[tokio::test]
async fn the_funnel_counts_what_was_ever_reached() {
    on_both("funnel", |store| async move {
        people(&store).await;
        let span = FunnelSpan::default();
        let rows = store.funnel(&FunnelBy::Channel, span.clone()).await.unwrap();
        assert_eq!(rows.iter().map(|row| row.name.as_str()).collect::<Vec<_>>(), vec!["sem", "fair"]);
        //                                 touches people mql over acc opp won lost rest
        assert_eq!(numbers(&rows[0]), [6, 3, 3, 2, 1, 1, 1, 0, 1]);
        assert_eq!(numbers(&rows[1]), [4, 2, 2, 2, 1, 1, 1, 1, 0]);
        assert_eq!((rows[0].cents, rows[1].cents), (100_050, 100_050));

        let rows = store.funnel(&FunnelBy::Owner, span.clone()).await.unwrap();
        let of = |name: &str| rows.iter().find(|row| row.name == name).map(|row| (row.people, row.won));
        assert_eq!((of("li.na"), of("wang.wei"), of("")), (Some((2, 1)), Some((1, 1)), Some((2, 0))));
        let rows = store.funnel(&FunnelBy::Campaign, span.clone()).await.unwrap();
        assert_eq!(
            rows.iter().map(|row| (row.name.as_str(), row.people)).collect::<Vec<_>>(),
            vec![("", 3), ("fair-2026", 2)]
        );
        assert_eq!(store.funnel(&FunnelBy::Source, span.clone()).await.unwrap()[0].people, 5);

        // 2026-11-23 00:00 UTC; in Shanghai 2026-10-24 08:00 thirty days before.
        let zone = jiff::tz::TimeZone::get("Asia/Shanghai").unwrap();
        let rows = store.funnel(&FunnelBy::Month(zone), span).await.unwrap();
        let months: Vec<(&str, i64)> = rows.iter().map(|row| (row.name.as_str(), row.people)).collect();
        assert_eq!(months, vec![("2026-10", 3), ("2026-11", 2)]);
        let east = FunnelSpan { pools: Some(vec!["华东".to_owned()]), ..FunnelSpan::default() };
        let rows = store.funnel(&FunnelBy::Pool, east).await.unwrap();
        assert_eq!(
            rows.iter().map(|row| (row.name.as_str(), row.people)).collect::<Vec<_>>(),
            vec![("华东", 1)]
        );
        let none = FunnelSpan { pools: Some(vec![]), ..FunnelSpan::default() };
        assert!(store.funnel(&FunnelBy::Pool, none).await.unwrap().is_empty());
        let late = FunnelSpan { from: Some(at(0)), ..FunnelSpan::default() };
        let rows = store.funnel(&FunnelBy::Channel, late).await.unwrap();
        assert_eq!((rows.len(), rows[0].people), (1, 2));
        let never = FunnelSpan { to: Some(at(0) - Micros::days(90)), ..FunnelSpan::default() };
        assert!(store.funnel(&FunnelBy::Month(jiff::tz::TimeZone::UTC), never).await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn what_a_merged_lead_reached_and_was_answered_counts_for_the_lead_it_was_merged_into() {
    on_both("merged", |store| async move {
        use Stage::{Accepted, Marketing, Raw, WithSales};
        let mut leads = walked(10, "expo", None, at(0), &[Raw]);
        leads.extend(walked(11, "other", None, at(0), &[Marketing, WithSales, Accepted, Accepted]));
        leads[4].merged_into = Some(id(10));
        for lead in leads {
            written(&store, vec![put(lead)]).await;
        }
        let answer = |n: u64, of: u64| {
            Effect::KeepFeedback(Box::new(Feedback {
                capture: id(n),
                handoff: id(20),
                lead: id(of),
                at: at(9),
                tag: "buys_in_a_year".into(),
                remark: None,
                by: None,
                next: "rest 270d".into(),
                next_at: None,
            }))
        };
        written(&store, vec![answer(1, 10), answer(2, 11)]).await;
        let span = FunnelSpan::default();
        let days = store.funnel_days(&FunnelBy::Channel, span.clone()).await.unwrap();
        let of = |name: &str| days.iter().find(|row| row.name == name).map(|row| row.days);
        assert_eq!(of("expo"), Some([Some(0.0), Some(2.0), Some(1.0), None, None]));
        assert_eq!(of("other"), None, "it stands for nobody any more");
        let told = |name: &str| vec![(name.to_owned(), "buys_in_a_year".to_owned(), 2)];
        assert_eq!(store.funnel_tags(&FunnelBy::Channel, span.clone()).await.unwrap(), told("expo"));
        let month = FunnelBy::Month(jiff::tz::TimeZone::UTC);
        assert_eq!(store.funnel_tags(&month, span).await.unwrap(), told("2026-11"));
    })
    .await;
}

#[tokio::test]
async fn leads_are_listed_page_by_page() {
    on_both("pages", |store| async move {
        people(&store).await;
        written(
            &store,
            vec![Effect::LinkRemote(Box::new(remote_link(42, 5))), Effect::Bind(binding(5, phone(5)))],
        )
        .await;
        let ids = |leads: Vec<Lead>| leads.into_iter().map(|lead| lead.id).collect::<Vec<_>>();
        let ask = |limit| LeadAsk { limit, ..LeadAsk::default() };
        assert_eq!(ids(store.leads(&ask(2)).await.unwrap()), vec![id(5), id(4)]);
        let next = LeadAsk { after: Some(id(4)), ..ask(10) };
        assert_eq!(ids(store.leads(&next).await.unwrap()), vec![id(3), id(2), id(1)]);
        let filters = [
            (LeadAsk { stage: Some(Stage::Won), ..ask(10) }, vec![4, 1]),
            (LeadAsk { channel: Some("fair".into()), ..ask(10) }, vec![5, 4]),
            (LeadAsk { owner: Some("li.na".into()), ..ask(10) }, vec![2, 1]),
            (LeadAsk { owner: Some("u1".into()), ..ask(10) }, vec![4, 2, 1]),
            (LeadAsk { source: Some("none".into()), ..ask(10) }, vec![]),
            (LeadAsk { pools: Some(vec!["华东".into(), "华南".into()]), ..ask(10) }, vec![4, 1]),
            (LeadAsk { pools: Some(vec!["华北".into()]), ..ask(10) }, vec![]),
            (LeadAsk { text: Some("科技 3".into()), ..ask(10) }, vec![3]),
            (LeadAsk { text: Some("+861390000000".into()), ..ask(10) }, vec![5]),
        ];
        for (ask, expected) in filters {
            let expected: Vec<LeadId> = expected.into_iter().map(id).collect();
            assert_eq!(ids(store.leads(&ask).await.unwrap()), expected, "{ask:?}");
        }
        let first = store.linked_leads(None, 3).await.unwrap();
        assert_eq!(first.iter().map(|one| one.lead.id).collect::<Vec<_>>(), vec![id(1), id(2), id(3)]);
        let rest = store.linked_leads(Some(id(3)), 10).await.unwrap();
        assert_eq!(rest.iter().map(|one| one.lead.id).collect::<Vec<_>>(), vec![id(4), id(5)]);
        assert_eq!(rest[1].links, vec![remote_link(42, 5)]);
    })
    .await;
}

async fn a_life(store: &Store) {
    store.keep(&[push(1, vec![event(1), event(2)])]).await.unwrap();
    let mut told = delivery(20, "lead/1", Lane::Hot);
    told.lead = Some(id(1));
    told.state = DeliveryState::Claimed { until: at(60) };
    told.attempt = 1;
    let decided = DecisionRecord {
        id: id(30),
        handoff: id(10),
        lead: id(1),
        at: at(3),
        config: "config-1".into(),
        facts: serde_json::json!({ "crm": { "person": { "found": false } } }),
        mirror_age: [("lead".to_owned(), 12)].into(),
        tried: Vec::new(),
        rule: Some("everyone else".into()),
        action: Action::Decline { reason: "示例".into() },
        considered: Vec::new(),
    };
    let mut first = reaction(vec![
        put(lead(1, 1)),
        Effect::Bind(binding(1, phone(1))),
        Effect::Touch(Box::new(touch(40, 1, 1))),
        Effect::Touch(Box::new(touch(41, 1, 2))),
        Effect::PutHandoff(Box::new(handoff(10, 1, 1, HandoffState::Telling))),
        Effect::Decide(Box::new(decided)),
        Effect::Enqueue(Box::new(told)),
        Effect::SetDeadline(deadline("sla/10", id(1), 600)),
        Effect::FinishCapture { id: id(1), end: CaptureEnd::Touched(id(1)) },
    ]);
    first.because = crate::samples::because(1, "rule_held");
    let mut second = reaction(vec![
        Effect::MoveDelivery {
            id: id(20),
            attempt: 1,
            to: DeliveryState::Settled,
            due_at: at(5),
            probe: None,
            operation: None,
            reset: false,
            note: note("done"),
        },
        Effect::KeepFeedback(Box::new(Feedback {
            capture: id(2),
            handoff: id(10),
            lead: id(1),
            at: at(9),
            tag: "buys_in_a_year".into(),
            remark: Some("明年采购".into()),
            by: None,
            next: "rest 270d".into(),
            next_at: Some(at(99)),
        })),
        Effect::FinishCapture { id: id(2), end: CaptureEnd::Answered { lead: id(1), handoff: Some(id(10)) } },
    ]);
    second.because = Because { handoff: Some(id(10)), lead: None, ..crate::samples::because(1, "answered") };
    commit(store, &[first]).await;
    commit(store, &[second]).await;
}

#[tokio::test]
async fn a_story_holds_all_that_happened() {
    on_both("life", |store| async move {
        a_life(&store).await;
        let story: Story = store.story(id(1), 1).await.unwrap().unwrap();
        assert_eq!(story.lead, lead(1, 1));
        assert_eq!((story.touches, story.touches_total), (vec![touch(41, 1, 2)], 2));
        assert_eq!(story.captures.len(), 1, "as many as touches");
        assert_eq!(story.captures[0].capture, event(2));
        assert_eq!(story.handoffs, vec![handoff(10, 1, 1, HandoffState::Telling)]);
        assert_eq!(story.decisions[0].mirror_age["lead"], 12);
        assert_eq!(story.decisions[0].action, Action::Decline { reason: "示例".into() });
        let told = &story.deliveries[0];
        assert_eq!((&told.delivery.state, told.settled_at), (&DeliveryState::Settled, Some(at(5))));
        assert_eq!(told.attempts, vec![note("done")]);
        assert_eq!(
            (story.feedback[0].remark.as_deref(), story.feedback[0].next_at),
            (Some("明年采购"), Some(at(99)))
        );
        let codes: Vec<&str> = story.reasons.iter().map(|kept| kept.reasons[0].code.as_str()).collect();
        assert_eq!(codes, vec!["rule_held", "answered"], "also what was only about its hand-over");
        assert_eq!(story.deadlines, vec![deadline("sla/10", id(1), 600)]);
        assert_eq!(story.milestones, vec![("raw".to_owned(), at(0))]);
    })
    .await;
}

#[tokio::test]
async fn the_status_counts_what_waits() {
    on_both("status", |store| async move {
        a_life(&store).await;
        store.activate(&version("config-1"), at(0)).await.unwrap();
        let mut late = event(3);
        late.source = SourceName::from("fair");
        late.arrived = at(7_000);
        let mut given = push(2, vec![late, event(4)]);
        given.quarantined = vec![crate::samples::quarantined(9)];
        store.keep(&[given]).await.unwrap();
        let mut parked = handoff(11, 2, 1, HandoffState::Parked);
        parked.parked = Some(("LL4001".into(), "no owner".into()));
        written(
            &store,
            vec![
                put(lead(2, 1)),
                Effect::PutHandoff(Box::new(parked)),
                Effect::Enqueue(Box::new(delivery(21, "a", Lane::Hot))),
                Effect::Enqueue(Box::new(delivery(22, "a", Lane::Hot))),
                Effect::PutMirror(Box::new(mirror_row("lead", 1))),
                Effect::MirrorSeen { link: "sales".into(), object: "lead".into(), at: at(8) },
            ],
        )
        .await;
        let status = store.status(at(7_200)).await.unwrap();
        assert_eq!((status.captures_due, status.oldest_capture), (2, Some(at(0))));
        let sources: Vec<_> = status
            .sources
            .iter()
            .map(|one| (one.source.as_str(), one.captures_hour, one.captures_day))
            .collect();
        assert_eq!(sources, vec![("fair", 1, 1), ("website", 0, 3)]);
        assert_eq!(status.sources[0].last_push, None, "it came with a push of another");
        let queue = &status.links[0];
        assert_eq!((queue.due, queue.waiting, queue.claimed, queue.parked), (1, 1, 0, 0));
        assert_eq!(queue.oldest_due, Some(at(0)));
        let parked: Vec<_> =
            status.parked.iter().map(|one| (one.what.as_str(), one.code.as_str(), one.count)).collect();
        assert_eq!(parked, vec![("record", "LL4000", 1), ("handoff", "LL4001", 1)]);
        assert_eq!((status.mirrors[0].at, status.mirrors[0].rows), (at(8), 1));
        assert_eq!(status.stages, vec![("raw".to_owned(), 2)]);
        assert_eq!(status.deadlines_late, 1);
        assert_eq!(status.config, Some(("config-1".into(), 1)));
    })
    .await;
}

#[tokio::test]
async fn what_a_source_brought_is_counted_span_by_span() {
    on_both("spans", |store| async move {
        let early = push(1, vec![event(1), event(2)]);
        let mut late = push(2, vec![]);
        late.arrived = at(3_600);
        late.quarantined = vec![quarantined(0), quarantined(1)];
        let mut parked = push(3, vec![]);
        parked.arrived = at(3_601);
        parked.state = PushState::Parked { code: "LL3101".into(), detail: "broken".into() };
        store.keep(&[early, late, parked]).await.unwrap();
        let website = SourceName::from("website");
        let span = |source: &SourceName, begins, ends| Span {
            source: source.clone(),
            begins: at(begins),
            ends: at(ends),
        };
        let spans = [
            span(&website, 3_600, 3_601),
            span(&website, 0, 3_600),
            span(&SourceName::from("nobody"), 0, 9_999),
            span(&website, 3_601, 9_999),
        ];
        let brought = |pushes, taken, refused, known| Brought { pushes, taken, refused, known };
        assert_eq!(
            store.source_spans(&spans).await.unwrap(),
            [
                brought(1, 0, 2, true),
                brought(1, 2, 0, false),
                brought(0, 0, 0, false),
                brought(1, 0, 0, true)
            ],
            "in the order asked; begin counts, end does not"
        );
        assert_eq!(store.source_spans(&[]).await.unwrap(), []);
        let refused = store.source_refusals(&website, at(0)).await.unwrap();
        let told: Vec<_> =
            refused.iter().map(|one| (one.what.as_str(), one.code.as_str(), one.count, one.last)).collect();
        assert_eq!(told, [("push", "LL3101", 1, at(3_601)), ("record", "LL4000", 2, at(3_600))]);
        assert_eq!(store.source_refusals(&website, at(3_602)).await.unwrap(), []);
    })
    .await;
}
