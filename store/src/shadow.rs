//! A second rule set beside the live one: how far it looked, and what it made of each lead.
//!
//! Stands beside the one write path, since it means nothing to any decision: it reads decisions that are durable and writes
//! tables that no decision reads, in the background.

use leadloop_sync_core::handoff::DecisionRecord;
use leadloop_sync_core::rehearse::Turns;
use leadloop_sync_core::shadow::{Compared, Verdict, Went};
use leadloop_sync_core::time::{Micros, Timestamp};

use crate::Store;
use crate::cell::{Row, Rows, args};
use crate::doc::{name_of, named, text};
use crate::error::StoreError;
use crate::lanes::WriteLane;
use crate::statement::{
    SHADOW_BEGIN, SHADOW_DUE, SHADOW_GROUPS, SHADOW_MOVE, SHADOW_PUT, SHADOW_RUN, SHADOW_SAMPLES,
};

type Result<T> = std::result::Result<T, StoreError>;

/// Decisions of several nodes become visible out of order: so far back is looked for those that were passed over.
const LOOK_BACK: Micros = Micros::minutes(10);

/// How far a rule set looked.
#[derive(Clone, Debug, PartialEq)]
pub struct ShadowRun {
    /// Since when it stands beside the live one.
    pub since: Timestamp,
    /// The latest decision it looked at.
    pub reached: Timestamp,
    /// Counts the rounds.
    pub version: i64,
    /// Its turns.
    pub turns: Turns,
}

/// Leads that went the same way.
#[derive(Clone, Debug, PartialEq)]
pub struct ShadowGroup {
    /// Their province.
    pub region: String,
    /// What the live rules made of them.
    pub live: Went,
    /// What the shadow makes of them.
    pub shadow: Went,
    /// Whether that is the same.
    pub verdict: Verdict,
    /// How many.
    pub leads: i64,
}

impl Store {
    /// A rule set stands beside the live one from now on, if it does not yet.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn shadow_begin(&self, rules: &str, now: Timestamp) -> Result<()> {
        if self.shadow_run(rules).await?.is_some() {
            return Ok(());
        }
        let mut work = self.pools().write(WriteLane::Background).await?;
        work.run(&SHADOW_BEGIN, args![rules, now, text(&Turns::new())?]).await?;
        work.commit().await
    }

    /// How far a rule set looked; none that never ran.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn shadow_run(&self, rules: &str) -> Result<Option<ShadowRun>> {
        let mut work = self.pools().read().await?;
        let rows = work.rows(&SHADOW_RUN, args![rules]).await?;
        work.undo().await?;
        rows.first()
            .map(|row| {
                Ok(ShadowRun {
                    since: row.get(0)?,
                    reached: row.get(1)?,
                    version: row.get(2)?,
                    turns: row.doc(3)?,
                })
            })
            .transpose()
    }

    /// Decisions a rule set has not looked at, oldest first.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn shadow_due(&self, rules: &str, run: &ShadowRun, limit: u32) -> Result<Vec<DecisionRecord>> {
        let from = run.since.max(run.reached - LOOK_BACK);
        let mut work = self.pools().read().await?;
        let rows = work.rows(&SHADOW_DUE, args![rules, from, limit]).await?;
        work.undo().await?;
        rows.iter().map(|row| row.doc(0)).collect()
    }

    /// Keeps what a rule set made of leads. `false`: another node was faster, nothing was written.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn shadow_keep(
        &self,
        rules: &str,
        run: &ShadowRun,
        turns: &Turns,
        compared: &[Compared],
    ) -> Result<bool> {
        let latest = compared.iter().map(|one| one.at).max().unwrap_or(run.reached);
        let mut list = Rows::of(&SHADOW_PUT, 2);
        for one in compared {
            list.add(one.decision).add(one.lead).add(one.at).add(&one.region);
            list.add(&one.live.rule).add(&one.live.to).add(&one.shadow.rule).add(&one.shadow.to);
            list.add(name_of(one.verdict)?).add(one.failed.as_ref());
        }
        let mut work = self.pools().write(WriteLane::Background).await?;
        let reached = run.reached.max(latest);
        let moved = work.run(&SHADOW_MOVE, args![rules, run.version, reached, text(turns)?]).await?;
        if moved == 0 {
            work.undo().await?;
            return Ok(false);
        }
        work.run(&SHADOW_PUT, args![rules, list]).await?;
        work.commit().await?;
        Ok(true)
    }

    /// What a rule set made of all leads since a time.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn shadow_groups(&self, rules: &str, since: Timestamp) -> Result<Vec<ShadowGroup>> {
        let mut work = self.pools().read().await?;
        let rows = work.rows(&SHADOW_GROUPS, args![rules, since]).await?;
        work.undo().await?;
        rows.iter()
            .map(|row| {
                Ok(ShadowGroup {
                    region: row.get(0)?,
                    live: Went { rule: row.get(1)?, to: row.get(2)? },
                    shadow: Went { rule: row.get(3)?, to: row.get(4)? },
                    verdict: named(row.get(5)?)?,
                    leads: row.get(6)?,
                })
            })
            .collect()
    }

    /// The latest leads of a verdict, with their decisions while these are kept.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn shadow_samples(
        &self,
        rules: &str,
        since: Timestamp,
        verdict: Verdict,
        limit: u32,
    ) -> Result<Vec<(Compared, Option<DecisionRecord>)>> {
        let mut work = self.pools().read().await?;
        let rows = work.rows(&SHADOW_SAMPLES, args![rules, since, name_of(verdict)?, limit]).await?;
        work.undo().await?;
        rows.iter().map(sample_of).collect()
    }
}

/// Columns: decision, lead, at, region, live_rule, live_to, shadow_rule, shadow_to, verdict, failed, body.
fn sample_of(row: &Row) -> Result<(Compared, Option<DecisionRecord>)> {
    let compared = Compared {
        decision: row.get(0)?,
        lead: row.get(1)?,
        at: row.get(2)?,
        region: row.get(3)?,
        live: Went { rule: row.get(4)?, to: row.get(5)? },
        shadow: Went { rule: row.get(6)?, to: row.get(7)? },
        verdict: named(row.get(8)?)?,
        failed: row.get(9)?,
    };
    let kept: Option<String> = row.get(10)?;
    let record = kept.map(|_| row.doc(10)).transpose()?;
    Ok((compared, record))
}
