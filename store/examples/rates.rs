//! How fast the store is by itself: rows a second of each step of the road, on a store that grows.
//!
//! ```text
//! cargo run --release -p leadloop-store --example rates                       # SQLite in the current folder
//! cargo run --release -p leadloop-store --example rates postgres://… 100000   # PostgreSQL, so many leads
//! ```
#![expect(clippy::print_stdout, reason = "a measurement prints")]

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use leadloop_mapping::Record;
use leadloop_store::{ClaimAsk, KeptPush, PushState, Stamp, Store, StoreError, StoreSettings, WriteLane};
use leadloop_sync_core::because::{Because, Reason};
use leadloop_sync_core::book::{Book, Needs};
use leadloop_sync_core::capture::{CaptureEnd, CaptureKind, Captured, DedupKey, Identifier};
use leadloop_sync_core::effect::{AttemptNote, Effect, Reaction};
use leadloop_sync_core::ids::{LinkName, SourceName};
use leadloop_sync_core::lead::{Binding, Fact, Lead, Origin, Stage, Touch};
use leadloop_sync_core::moment::Moment;
use leadloop_sync_core::outbox::{Delivery, DeliveryState, Lane, Operation, Purpose};
use leadloop_sync_core::time::{Micros, Timestamp};

const BATCH: usize = 200;
const NOW: Timestamp = Timestamp(1_795_392_000_000_000);

#[tokio::main]
async fn main() -> Result<(), StoreError> {
    let mut words = std::env::args().skip(1);
    let url = words.next().unwrap_or_else(|| "sqlite:rates.db".into());
    let leads: usize = words.next().and_then(|count| count.parse().ok()).unwrap_or(20_000);
    let store = Store::open(&StoreSettings::new(url)).await?;
    println!("{}: {leads} leads in batches of {BATCH}", store.engine());
    let mut moment = Moment::new(NOW, 1);
    let mut meters: BTreeMap<&str, Meter> = BTreeMap::new();
    for round in 0..leads.div_ceil(BATCH) {
        let pushes: Vec<KeptPush> = (0..BATCH).map(|n| push(round * BATCH + n, &mut moment)).collect();
        let start = Instant::now();
        store.keep(&pushes).await?;
        meters.entry("1 keep").or_default().add(start, BATCH);
        absorb(&store, &mut moment, &mut meters).await?;
        if round % 10 == 9 {
            send(&store, &mut meters).await?;
        }
    }
    let start = Instant::now();
    let status = store.status(NOW).await?;
    println!("  status in {} ms: {} leads", start.elapsed().as_millis(), status.stages[0].1);
    for (name, meter) in meters {
        println!("  {name:<28} {}", meter.say());
    }
    store.close().await;
    Ok(())
}

#[derive(Default)]
struct Meter {
    rows: usize,
    took: Duration,
    longest: Duration,
    calls: u32,
}

impl Meter {
    fn add(&mut self, start: Instant, rows: usize) {
        let took = start.elapsed();
        self.rows += rows;
        self.took += took;
        self.longest = self.longest.max(took);
        self.calls += 1;
    }

    #[expect(clippy::cast_precision_loss, reason = "for people")]
    fn say(&self) -> String {
        let each = self.took / self.calls.max(1);
        let rate = self.rows as f64 / self.took.as_secs_f64();
        format!(
            "{rate:>9.0} rows/s  {:>6} µs a batch, longest {} µs",
            each.as_micros(),
            self.longest.as_micros()
        )
    }
}

fn push(n: usize, moment: &mut Moment) -> KeptPush {
    let id = moment.id();
    let phone = format!("+86139{:08}", n * 7919 % 100_000_000);
    let fields: Record = [("name", "测试甲"), ("company", "示例科技有限公司"), ("title", "采购总监")]
        .into_iter()
        .chain([("requirement", "需要一套市场线索管理的方案，预算已批，本季度内上线。")])
        .collect();
    let capture = Captured {
        id: moment.id(),
        push: Some(id),
        position: 0,
        source: SourceName::from("website"),
        key: DedupKey::Event(format!("event-{n}")),
        at: NOW,
        arrived: NOW,
        kind: CaptureKind::Touch,
        touch: "form_submitted".into(),
        who: vec![
            Identifier::new("phone", phone.clone()),
            Identifier::new("email", format!("u{n}@shili.example")),
        ],
        fields,
        ties: Default::default(),
    };
    KeptPush {
        id,
        source: SourceName::from("website"),
        arrived: NOW,
        method: "POST".into(),
        path: "/in/website".into(),
        headers: BTreeMap::from([("content-type".into(), "application/json".into())]),
        body: format!("{{\"mobile\":\"{phone}\",\"name\":\"测试甲\",\"page\":\"{}\"}}", "x".repeat(400))
            .into_bytes(),
        config: "c".into(),
        state: PushState::Read,
        duplicate_within: Micros::minutes(10),
        captures: vec![capture],
        countable: BTreeMap::new(),
        counted: Vec::new(),
        quarantined: Vec::new(),
        resolves: Vec::new(),
    }
}

async fn absorb(
    store: &Store,
    moment: &mut Moment,
    meters: &mut BTreeMap<&str, Meter>,
) -> Result<(), StoreError> {
    let whole = Instant::now();
    let mut tx = store.begin(WriteLane::Hot).await?;
    let captures = tx.claim_captures(u32::try_from(BATCH).unwrap_or(200), &BTreeSet::new()).await?;
    meters.entry("2 absorb: claim").or_default().add(whole, captures.len());
    let start = Instant::now();
    let who: BTreeSet<Identifier> = captures.iter().flat_map(|capture| capture.who.clone()).collect();
    tx.take_turns(&who.iter().map(|who| who.value.clone()).collect()).await?;
    let mut book = tx.load(&Needs { identifiers: who, ..Needs::default() }).await?;
    meters.entry("3 absorb: turns and load").or_default().add(start, captures.len());
    let reactions: Vec<Reaction> = captures.iter().map(|capture| react(&mut book, capture, moment)).collect();
    let start = Instant::now();
    tx.commit(&Stamp { verb: "absorb", config: "c".into(), now: NOW }, &reactions).await?;
    meters.entry("4 absorb: commit").or_default().add(start, captures.len());
    meters.entry("5 absorb: all").or_default().add(whole, captures.len());
    Ok(())
}

fn somebody(capture: &Captured, moment: &mut Moment) -> Lead {
    let fact = |name: &str| {
        let value = capture.fields.get(name).cloned().unwrap_or_default();
        (name.to_owned(), Fact { value, source: capture.source.clone(), at: capture.at })
    };
    Lead {
        id: moment.id(),
        version: 0,
        stage: Stage::Marketing,
        stage_since: NOW,
        profile: ["name", "company", "title", "requirement"].into_iter().map(fact).collect(),
        identifiers: BTreeSet::new(),
        consent: BTreeMap::new(),
        scores: BTreeMap::new(),
        origin: Origin { source: capture.source.clone(), channel: "sem".into(), campaign: None, at: NOW },
        last_touch_at: NOW,
        touches: 0,
        mql_at: Some(NOW),
        mql: true,
        mql_of: None,
        mql_left: None,
        pool: None,
        owner: None,
        remotes: BTreeSet::new(),
        track: None,
        rest_until: None,
        feedback: None,
        tags: BTreeSet::new(),
        recycled: 0,
        won_amount: None,
        created_at: NOW,
        merged_into: None,
        bonds: Default::default(),
        marks: Default::default(),
    }
}

fn react(book: &mut Book, capture: &Captured, moment: &mut Moment) -> Reaction {
    let known = capture.who.iter().find_map(|who| book.lead_of(who)).cloned();
    let mut lead = known.unwrap_or_else(|| somebody(capture, moment));
    (lead.version, lead.touches) = (lead.version + 1, lead.touches + 1);
    lead.identifiers.extend(capture.who.clone());
    let id = lead.id;
    let mut effects = vec![Effect::PutLead(Box::new(lead))];
    effects.extend(capture.who.iter().map(|who| {
        Effect::Bind(Binding {
            identifier: who.clone(),
            lead: id,
            source: capture.source.clone(),
            at: NOW,
            last_at: NOW,
        })
    }));
    effects.push(Effect::Touch(Box::new(Touch {
        id: moment.id(),
        lead: id,
        capture: capture.id,
        at: capture.at,
        kind: capture.touch.clone(),
        source: capture.source.clone(),
        channel: "sem".into(),
        by: capture.who.first().cloned(),
        fields: Record::new().with("page", "/pricing"),
        points: BTreeMap::from([("interest".into(), 30_000_000)]),
        counted: Default::default(),
    })));
    effects.push(Effect::Enqueue(Box::new(delivery(id, capture, moment))));
    effects.push(Effect::FinishCapture { id: capture.id, end: CaptureEnd::Touched(id) });
    let because = Because {
        lead: Some(id),
        capture: Some(capture.id),
        reasons: vec![Reason::new("person_new"), Reason::new("mql_reached").with("score", 70)],
        ..Because::default()
    };
    let reaction = Reaction { effects, because };
    book.apply(&reaction);
    reaction
}

fn delivery(lead: leadloop_sync_core::ids::LeadId, capture: &Captured, moment: &mut Moment) -> Delivery {
    Delivery {
        id: moment.id(),
        seq: 0,
        link: LinkName::from("sales"),
        stream: format!("lead/{lead}"),
        lane: Lane::Hot,
        purpose: Purpose::Handover,
        operation: Operation::Create {
            object: "lead".into(),
            record: capture.fields.clone(),
            mark: lead.to_string(),
        },
        lead: Some(lead),
        handoff: None,
        state: DeliveryState::Due,
        due_at: NOW,
        attempt: 0,
        probe: None,
        created_at: NOW,
        joined: None,
        standing: None,
        run: None,
    }
}

/// Claims and settles one batch; all the others stay pending, so the queue grows.
async fn send(store: &Store, meters: &mut BTreeMap<&str, Meter>) -> Result<(), StoreError> {
    let start = Instant::now();
    let limit = u32::try_from(BATCH).unwrap_or(200);
    let ask = ClaimAsk::new(LinkName::from("sales"), limit, NOW, NOW + Micros::minutes(1));
    let claimed = store.claim(&ask).await?;
    meters.entry("6 claim").or_default().add(start, claimed.len());
    let reactions: Vec<Reaction> = claimed
        .iter()
        .map(|delivery| Reaction {
            effects: vec![Effect::MoveDelivery {
                id: delivery.id,
                attempt: delivery.attempt,
                to: DeliveryState::Settled,
                due_at: NOW,
                probe: None,
                operation: None,
                reset: false,
                note: AttemptNote { at: NOW, class: "done".into(), detail: String::new() },
            }],
            because: Because::default(),
        })
        .collect();
    let start = Instant::now();
    let tx = store.begin(WriteLane::Hot).await?;
    tx.commit(&Stamp { verb: "settle", config: "c".into(), now: NOW }, &reactions).await?;
    meters.entry("7 settle").or_default().add(start, claimed.len());
    let start = Instant::now();
    store.next_due(&[LinkName::from("sales")]).await?;
    meters.entry("8 next due").or_default().add(start, 1);
    Ok(())
}
