//! Numbers of the funnel and the people behind each of them; activities; amounts in whole cents.

use leadloop_mapping::Record;
use leadloop_store::Store;
use leadloop_store::read::activities::ActivityRow;
use leadloop_store::read::funnel::{FunnelBy, FunnelSpan};
use leadloop_store::read::week::{HappenedRow, ShareRow};
use leadloop_sync_core::activity::ActivityPolicy;
use leadloop_sync_core::effect::Effect;
use leadloop_sync_core::ids::{LeadId, SourceName};
use leadloop_sync_core::lead::{Fact, Lead, Stage};
use leadloop_sync_core::time::Micros;

use crate::on_both;
use crate::samples::{at, id, lead, mirror_row, put, remote_link, touch};
use crate::write_path::written;

const HOUR: i64 = 3_600;

/// A touch of `of`, part of an activity, so many hours after the beginning.
fn part(n: u64, of: u64, hours: i64, kind: &str, activity: &str) -> Effect {
    let mut touch = touch(n, of, hours * HOUR);
    touch.kind = kind.to_owned();
    touch.channel = if hours < 10 { "sem" } else { "live" }.to_owned();
    touch.fields = Record::new().with("campaign", format!("c-{activity}")).with("activity", activity);
    Effect::Touch(Box::new(touch))
}

/// Five people: 1 registered, came and was won; 2 registered and became an MQL, and one again later; 3 only looked, twice; 4 was won
/// long before she came; 5 was merged into 1.
async fn a_webinar(store: &Store) {
    let known = at(0) - Micros::days(300);
    for (n, stages) in [
        (1, vec![Stage::Raw, Stage::Marketing, Stage::WithSales, Stage::Won]),
        (2, vec![Stage::Marketing, Stage::Resting, Stage::Marketing]),
        (3, vec![Stage::Raw]),
        (4, vec![Stage::Won]),
        (5, vec![Stage::Raw]),
    ] {
        for (version, stage) in (1..).zip(stages) {
            let mut lead: Lead = lead(n, version);
            lead.origin.at = if n == 4 { known } else { at(HOUR) };
            lead.origin.channel = "sem".into();
            lead.stage = stage;
            lead.stage_since = if n == 4 { known } else { at((10 + version) * HOUR) };
            if stage == Stage::Marketing {
                lead.mql_at = Some(lead.stage_since);
            }
            lead.won_amount = (stage == Stage::Won).then_some(if n == 1 { 0.1 + 0.2 } else { 12.345 });
            lead.merged_into = (n == 5).then(|| id(1));
            written(store, vec![put(lead)]).await;
        }
    }
    written(
        store,
        vec![
            part(11, 1, 1, "live_registered", "mes"),
            part(12, 5, 20, "live_attended", "mes"),
            part(13, 2, 1, "live_registered", "mes"),
            part(14, 3, 1, "live_viewed", "mes"),
            part(15, 3, 2, "live_viewed", "mes"),
            part(16, 4, 3, "live_attended", "mes"),
            part(17, 4, 50, "event_signed_in", "fair"),
            part(18, 2, 60, "form_submitted", "mes"),
        ],
    )
    .await;
}

fn ids(leads: Vec<Lead>) -> Vec<LeadId> {
    let mut ids: Vec<LeadId> = leads.into_iter().map(|lead| lead.id).collect();
    ids.sort();
    ids
}

fn of(numbers: &[u64]) -> Vec<LeadId> {
    let mut ids: Vec<LeadId> = numbers.iter().map(|n| id(*n)).collect();
    ids.sort();
    ids
}

#[tokio::test]
async fn an_activity_is_counted_from_view_to_win() {
    on_both("activities", |store| async move {
        a_webinar(&store).await;
        let (policy, span) = (ActivityPolicy::default(), FunnelSpan::default());
        let rows = store.activities(&policy, &span).await.unwrap();
        assert_eq!(rows.iter().map(|row| row.name.as_str()).collect::<Vec<_>>(), ["fair", "mes"]);
        let mes = ActivityRow {
            name: "mes".into(),
            first: Some(at(HOUR)),
            views: 2,
            registered: 2,
            attended: 2,
            came: 1,
            people: 4,
            fresh: 3,
            mql: 2,
            handed_over: 1,
            won: 1,
            cents: 30,
        };
        assert_eq!(rows[1], mes);
        assert_eq!((rows[0].people, rows[0].fresh, rows[0].won, rows[0].cents), (1, 0, 0, 0));
        let behind = [
            ("people", vec![1, 2, 3, 4]),
            ("viewed", vec![3]),
            ("registered", vec![1, 2]),
            ("attended", vec![1, 4]),
            ("new", vec![1, 2, 3]),
            ("marketing", vec![1, 2]),
            ("with_sales", vec![1]),
            ("won", vec![1]),
            ("amount", vec![1]),
        ];
        for (step, expected) in behind {
            let found = store.activity_leads(&policy, &span, "mes", step, 10).await.unwrap();
            assert_eq!(ids(found), of(&expected), "{step}");
        }
        let late = FunnelSpan { from: Some(at(10 * HOUR)), ..FunnelSpan::default() };
        let rows = store.activities(&policy, &late).await.unwrap();
        assert_eq!((rows[1].people, rows[1].attended, rows[1].registered), (1, 1, 0));
        let nowhere = FunnelSpan { pools: Some(vec![]), ..FunnelSpan::default() };
        assert!(store.activities(&policy, &nowhere).await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn each_number_opens_into_the_people_behind_it() {
    on_both("behind", |store| async move {
        a_webinar(&store).await;
        let span = FunnelSpan::default();
        let rows = store.funnel(&FunnelBy::Channel, span.clone()).await.unwrap();
        assert_eq!(rows.len(), 1);
        let row = &rows[0];
        assert_eq!((row.people, row.mql, row.reactivated, row.cents), (4, 2, 1, 1_265));
        let steps = [
            ("people", row.people),
            ("marketing", row.mql),
            ("reactivated", row.reactivated),
            ("with_sales", row.handed_over),
            ("accepted", row.accepted),
            ("opportunity", row.opportunity),
            ("won", row.won),
            ("lost", row.lost),
            ("resting", row.resting),
        ];
        for by in [FunnelBy::Channel, FunnelBy::Month(jiff::tz::TimeZone::UTC)] {
            let lines = store.funnel(&by, span.clone()).await.unwrap();
            for (step, wanted) in steps {
                let mut counted = 0;
                for line in &lines {
                    let found = store.funnel_leads(&by, span.clone(), &line.name, step, 10).await.unwrap();
                    counted += i64::try_from(found.len()).unwrap();
                }
                assert_eq!(counted, wanted, "{by:?} {step}");
            }
        }
        let again =
            store.funnel_leads(&FunnelBy::Channel, span.clone(), "sem", "reactivated", 10).await.unwrap();
        assert_eq!(ids(again), of(&[2]));
        let paid = store.funnel_leads(&FunnelBy::Channel, span, "sem", "amount", 10).await.unwrap();
        assert_eq!(ids(paid), of(&[1, 4]));
    })
    .await;
}

#[tokio::test]
async fn won_amounts_come_with_the_touches_of_each_channel_and_campaign() {
    on_both("won_touches", |store| async move {
        a_webinar(&store).await;
        let span = FunnelSpan::default();
        let won = store.won_touches(&FunnelBy::Campaign, &span, None, 10).await.unwrap();
        let named: Vec<(LeadId, i64, Vec<&str>)> = won
            .iter()
            .map(|won| (won.lead, won.cents, won.touches.iter().map(|(_, name)| name.as_str()).collect()))
            .collect();
        // 1 was won at hour 14: the touch of hour 20 is not before it.
        assert_eq!(named, [(id(1), 30, vec!["c-mes"]), (id(4), 1_235, vec![])]);
        let by_channel = store.won_touches(&FunnelBy::Channel, &span, Some(id(1)), 10).await.unwrap();
        assert_eq!((by_channel.len(), by_channel[0].first.1.as_str()), (1, "sem"));
        let rows = store.funnel(&FunnelBy::Channel, span).await.unwrap();
        let all: i64 = won.iter().map(|won| won.cents).sum();
        assert_eq!(rows.iter().map(|row| row.cents).sum::<i64>(), all);
    })
    .await;
}

#[tokio::test]
async fn a_span_counts_each_step_once_and_tells_new_mqls_from_old_ones() {
    on_both("week", |store| async move {
        a_webinar(&store).await;
        // 1 became an MQL at hour 12, was handed over at 13 and won at 14; 2 became an MQL at 11 and again at 13.
        let all = store.happened(at(0), at(100 * HOUR)).await.unwrap();
        let wanted = HappenedRow {
            people: 3,
            mql_new: 2,
            handed_over: 1,
            accepted: 1,
            opportunity: 1,
            won: 1,
            cents: 30,
            ..HappenedRow::default()
        };
        assert_eq!(all, wanted);
        let late = store.happened(at(13 * HOUR), at(14 * HOUR)).await.unwrap();
        assert_eq!(late, HappenedRow { mql_reactivated: 1, handed_over: 1, ..HappenedRow::default() });
        let early = store.happened(at(0), at(12 * HOUR)).await.unwrap();
        assert_eq!((early.people, early.mql_new, early.mql_reactivated), (3, 1, 0));
        assert_eq!(store.happened(at(-20), at(-10)).await.unwrap(), HappenedRow::default());
    })
    .await;
}

#[tokio::test]
async fn marketing_has_its_share_of_what_the_crm_holds_as_won() {
    on_both("share", |store| async move {
        let deal = |n: u64, won: Option<bool>, amount: Option<f64>| {
            let mut row = mirror_row("opportunity", n);
            row.facts.won = won;
            row.facts.amount = amount;
            row.modified_at = Some(at(HOUR));
            row
        };
        let mut ours = deal(1, Some(true), Some(0.1 + 0.2));
        let mut link = remote_link(9, 1);
        link.remote = ours.remote.clone();
        let mut gone = deal(4, Some(true), Some(5.0));
        gone.deleted = true;
        let mut later = deal(5, Some(true), Some(5.0));
        later.modified_at = Some(at(9 * HOUR));
        let mut paid = deal(7, None, Some(3.0));
        paid.facts.received = Some(1.5);
        ours.facts.received = Some(0.2);
        let rows = [
            ours,
            paid,
            deal(2, Some(true), Some(99.99)),
            deal(3, Some(false), Some(7.0)),
            gone,
            later,
            deal(6, Some(true), None),
        ];
        let mut effects: Vec<Effect> = rows.into_iter().map(|row| Effect::PutMirror(Box::new(row))).collect();
        effects.push(put(lead(1, 1)));
        effects.push(Effect::LinkRemote(Box::new(link)));
        written(&store, effects).await;
        let share = store.won_share(at(0), at(2 * HOUR)).await.unwrap();
        // What is paid in advance counts too, before the deal is won.
        let wanted = ShareRow {
            deals: 3,
            cents: 10_029,
            deals_of_leads: 1,
            cents_of_leads: 30,
            received: 170,
            received_of_leads: 20,
        };
        assert_eq!(share, wanted);
        assert_eq!(store.won_share(at(10 * HOUR), at(20 * HOUR)).await.unwrap(), ShareRow::default());
    })
    .await;
}

#[tokio::test]
async fn people_are_counted_by_how_they_came_to_be() {
    on_both("origin", |store| async move {
        let mut referred = lead(1, 1);
        let kind = Fact { value: "referral".into(), source: SourceName::from("website"), at: at(0) };
        referred.profile.insert("origin_kind".into(), kind);
        written(&store, vec![put(referred), put(lead(2, 1))]).await;
        let rows = store.funnel(&FunnelBy::Origin, FunnelSpan::default()).await.unwrap();
        let named: Vec<(&str, i64)> = rows.iter().map(|row| (row.name.as_str(), row.people)).collect();
        assert_eq!(named, [("", 1), ("referral", 1)]);
        let found = store
            .funnel_leads(&FunnelBy::Origin, FunnelSpan::default(), "referral", "people", 10)
            .await
            .unwrap();
        assert_eq!(ids(found), of(&[1]));
    })
    .await;
}
