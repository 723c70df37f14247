//! Beside the loops: sources that are silent where they used to speak, whose records are suddenly refused, or that no longer tell
//! a field they used to, raise an alarm. What counts as that is decided by [`leadloop_sync_core::vigil`] and
//! [`leadloop_sync_core::shape`].

use std::sync::Arc;

use leadloop_store::read::sources::Span;
use leadloop_store::read::status::RaisedAlarm;
use leadloop_store::{Store, StoreError};
use leadloop_sync_core::effect::Alarm;
use leadloop_sync_core::fuse;
use leadloop_sync_core::ids::SourceName;
use leadloop_sync_core::shape::{Held, Odd};
use leadloop_sync_core::time::{Micros, Timestamp};
use leadloop_sync_core::vigil::{self, Watched, Wrong};

use crate::node::Node;
use crate::reload::say;
use crate::{bounds, shapes};

/// A source that is silent where it used to speak.
const SILENT: &str = "LL4780";
/// A source whose records are suddenly refused.
const REFUSED: &str = "LL4781";
/// A field that a source used to tell is missing.
pub const GONE: &str = "LL4884";
/// A field that nobody mapped is new.
pub const NEW: &str = "LL4885";
/// Most fields that an alarm names.
const NAMED: usize = 3;

/// Watches until the node stops.
pub async fn run(node: Arc<Node>) {
    while !node.stop.is_cancelled() {
        if node.may_decide()
            && let Err(error) = look(&node).await
        {
            tracing::warn!(%error, "the sources could not be looked at");
        }
        tokio::select! {
            () = node.clock.sleep_until(node.clock.now() + bounds::VIGIL_EVERY) => {}
            () = node.stop.cancelled() => {}
        }
    }
    if let Err(error) = shapes::keep(&node).await {
        tracing::warn!(%error, "the last counts of fields could not be stored");
    }
}

/// One look at every source of the config.
///
/// # Errors
/// Where the store does not answer.
pub async fn look(node: &Node) -> Result<(), StoreError> {
    shapes::keep(node).await?;
    let now = node.clock.now();
    let plan = node.plan();
    let names: Vec<SourceName> = plan.sources.iter().map(|source| source.name.clone()).collect();
    let standing = node.store.status(now).await?.alarms;
    for (name, watched) in names.iter().zip(watched(&node.store, &names, now).await?) {
        let wrong = vigil::judge(&watched);
        let held = shapes::held(&node.store, name, now).await?;
        for code in [SILENT, REFUSED, GONE, NEW] {
            let detail = wrong.as_ref().and_then(|wrong| told(name, wrong, code));
            let detail = detail.or_else(|| odd(name, &held, code));
            let key = format!("source/{name}/{code}");
            let stands = standing.iter().any(|raised| raised.alarm.key == key && raised.alarm.raised);
            if stands == detail.is_some() {
                continue;
            }
            if let Some(detail) = &detail {
                tracing::warn!(code, source = %name, detail, "a source needs a look");
            }
            let alarm = Alarm {
                key,
                code: code.to_owned(),
                raised: detail.is_some(),
                detail: detail.unwrap_or_default(),
                at: now,
            };
            say(node, plan.hash.clone(), alarm).await?;
        }
    }
    fuses(node, &standing, now).await
}

/// Ends the alarms about too many new records where an hour passed below the limit: maybe no further one is ever made.
async fn fuses(node: &Node, standing: &[RaisedAlarm], now: Timestamp) -> Result<(), StoreError> {
    let blown =
        standing.iter().map(|one| &one.alarm).filter(|alarm| alarm.raised && alarm.code == fuse::CREATES);
    let blown: Vec<&Alarm> = blown.collect();
    if blown.is_empty() {
        return Ok(());
    }
    let keys: Vec<String> = blown.iter().map(|alarm| alarm.key.clone()).collect();
    let counters = node.store.counters(&keys).await?;
    for alarm in blown.into_iter().filter(|alarm| fuse::creates_are_over(counters.get(&alarm.key), now)) {
        let over = Alarm { raised: false, detail: String::new(), at: now, ..alarm.clone() };
        say(node, node.plan().hash.clone(), over).await?;
    }
    Ok(())
}

/// What an alarm of that code says, where that is what is wrong.
fn told(name: &SourceName, wrong: &Wrong, code: &str) -> Option<String> {
    match wrong {
        Wrong::Silent { since, usual } if code == SILENT => Some(format!(
            "source {name} is silent since {since}; in the same hours of the weeks before, {usual} pushes or records came"
        )),
        Wrong::Refused { share, usual } if code == REFUSED => Some(format!(
            "source {name}: {share} % of the last day's records were set aside, {usual} % before"
        )),
        _ => None,
    }
}

/// What an alarm of that code says of fields, where some are odd in that way.
fn odd(name: &SourceName, held: &[Held], code: &str) -> Option<String> {
    let wanted = |held: &&Held| match held.odd() {
        Some(Odd::Gone) => code == GONE,
        Some(Odd::New) => code == NEW,
        None => false,
    };
    let fields: Vec<&Held> = held.iter().filter(wanted).collect();
    let first = fields.first()?;
    let named = fields.iter().take(NAMED).map(|held| {
        let (field, touch, of) = (&held.field, &held.touch, held.lately.of);
        let (now, usual) = (held.lately.percent(), held.usual.percent());
        format!("`{field}` stands in {now} % of the last {of} {touch}, {usual} % are usual")
    });
    let named: Vec<String> = named.collect();
    let more = match fields.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!("; and {more} more fields"),
    };
    let sample = first.sample.as_ref().map(|id| format!("; one of them is capture {id}")).unwrap_or_default();
    Some(format!("source {name}: {}{more}{sample}", named.join("; ")))
}

/// What there is to know of each of these sources, in their order.
///
/// # Errors
/// Where the store does not answer.
pub async fn watched(
    store: &Store,
    names: &[SourceName],
    now: Timestamp,
) -> Result<Vec<Watched>, StoreError> {
    let seen = store.status(now).await?.sources;
    let day = now - Micros::days(1);
    let mut spans = Vec::new();
    let mut shapes = Vec::new();
    for name in names {
        let known = seen.iter().find(|one| one.source == *name);
        let last = known.and_then(|one| one.last_push.max(one.last_capture));
        let span = |begins, ends| Span { source: name.clone(), begins, ends };
        let first = spans.len();
        let week = Micros::days(7);
        spans.push(span(day, now));
        spans.push(span(day - week, now - week));
        let past = last.map(|last| vigil::spans(last, now)).unwrap_or_default();
        spans.extend(past.iter().map(|(begins, ends)| span(*begins, *ends)));
        shapes.push((last, first, past.len()));
    }
    let counted = store.source_spans(&spans).await?;
    let at = |place: usize| counted.get(place).copied().unwrap_or_default();
    Ok(shapes
        .into_iter()
        .map(|(last, first, weeks)| Watched {
            last,
            day: at(first),
            before: at(first + 1),
            usual: (0..weeks).map(|week| at(first + 2 + week)).collect(),
        })
        .collect())
}
