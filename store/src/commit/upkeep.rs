//! Writing what goes along: counters, deadlines, ends of captures, alarms, reasons.

use leadloop_sync_core::capture::CaptureEnd;

use crate::cell::{Rows, args};
use crate::doc::text;
use crate::error::StoreError;
use crate::statement::{
    ALARM_CLEAR, ALARM_RAISE, CAPTURE_END, COUNTER_PUT, DEADLINE_DROP, DEADLINE_PUT, REASON_PUT,
};
use crate::tx::Stamp;
use crate::wake::Topic;

use super::gather::Changes;
use super::queue::Queue;

type Result<T> = std::result::Result<T, StoreError>;

pub(super) async fn put(
    queue: &Queue,
    stamp: &Stamp,
    changes: &Changes<'_>,
    topics: &mut Vec<Topic>,
) -> Result<()> {
    if !changes.counters.is_empty() {
        let mut list = Rows::of(&COUNTER_PUT, 1);
        for (key, value) in &changes.counters {
            list.add(*key).add(text(value)?);
        }
        queue.run(&COUNTER_PUT, args![list]).await?;
    }
    put_deadlines(queue, changes, topics).await?;
    end_captures(queue, changes).await?;
    put_alarms(queue, changes).await?;
    crate::visits::end(queue, &changes.visits).await?;
    crate::inbox::hold(queue, &stamp.config, changes.held.values().copied()).await?;
    if !changes.reasons.is_empty() {
        let mut list = Rows::of(&REASON_PUT, 1);
        for because in &changes.reasons {
            list.add(because.lead).add(because.handoff).add(because.capture).add(because.delivery);
            list.add(changes.by_touch(because.capture, because.lead));
            list.add(text(&because.reasons)?);
        }
        queue.run(&REASON_PUT, args![list, stamp.verb, &stamp.config, stamp.now]).await?;
    }
    Ok(())
}

async fn put_deadlines(queue: &Queue, changes: &Changes<'_>, topics: &mut Vec<Topic>) -> Result<()> {
    let mut set = Rows::of(&DEADLINE_PUT, 1);
    let mut cleared = Rows::of(&DEADLINE_DROP, 1);
    for (key, deadline) in &changes.deadlines {
        match deadline {
            Some(deadline) => {
                set.add(*key).add(deadline.at).add(&deadline.kind).add(deadline.step);
                set.add(deadline.lead).add(deadline.handoff);
            }
            None => {
                cleared.add(*key);
            }
        }
    }
    if !set.is_empty() {
        queue.run(&DEADLINE_PUT, args![set]).await?;
        topics.push(Topic::Deadlines);
    }
    if !cleared.is_empty() {
        queue.run(&DEADLINE_DROP, args![cleared]).await?;
    }
    Ok(())
}

async fn end_captures(queue: &Queue, changes: &Changes<'_>) -> Result<()> {
    if changes.ends.is_empty() {
        return Ok(());
    }
    let mut list = Rows::of(&CAPTURE_END, 1);
    for (id, end) in &changes.ends {
        let (state, ending, lead, handoff, parked) = match end {
            CaptureEnd::Touched(lead) => ("done", "touched", Some(*lead), None, None),
            CaptureEnd::Answered { lead, handoff } => ("done", "answered", Some(*lead), *handoff, None),
            CaptureEnd::Nothing => ("done", "nothing", None, None, None),
            CaptureEnd::Parked { code, detail } => ("parked", "parked", None, None, Some((code, detail))),
        };
        list.add(*id).add(state).add(ending).add(lead).add(handoff);
        list.add(parked.map(|(code, _)| code)).add(parked.map(|(_, detail)| detail));
        list.add(changes.by_touch(Some(*id), lead));
    }
    queue.run(&CAPTURE_END, args![list]).await
}

async fn put_alarms(queue: &Queue, changes: &Changes<'_>) -> Result<()> {
    let mut raised = Rows::of(&ALARM_RAISE, 1);
    let mut cleared = Rows::of(&ALARM_CLEAR, 1);
    for (key, alarms) in &changes.alarms {
        // Only how the batch leaves it: raised so often since the last all-clear in it, or clear.
        let standing = alarms.iter().rev().take_while(|alarm| alarm.raised).count();
        let Some(last) = alarms.last() else { continue };
        if last.raised {
            let since = alarms.get(alarms.len() - standing).map_or(last.at, |first| first.at);
            let count = i64::try_from(standing).unwrap_or(1);
            raised.add(*key).add(&last.code).add(&last.detail).add(since).add(last.at).add(count);
        } else {
            cleared.add(*key).add(&last.detail).add(last.at);
        }
    }
    if !raised.is_empty() {
        queue.run(&ALARM_RAISE, args![raised]).await?;
    }
    if !cleared.is_empty() {
        queue.run(&ALARM_CLEAR, args![cleared]).await?;
    }
    Ok(())
}
