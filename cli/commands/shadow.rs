//! `leadloop shadow`: where the second rule set decides otherwise than the live one.

use leadloop_config::plan::ShadowPlan;
use leadloop_store::Store;
use leadloop_store::shadow::ShadowRun;
use leadloop_sync_core::ids::LeadId;
use leadloop_sync_core::policy::Policy;
use leadloop_sync_core::rehearse::NOT_QUALIFIED;
use leadloop_sync_core::shadow::Verdict;
use leadloop_sync_core::time::Timestamp;
use serde_json::{Value, json};

use super::rehearse::{Sample, Shown, Sides, long_ago};
use crate::args::General;
use crate::args::rehearse::Shadow;
use crate::failure::Failure;
use crate::privacy::Privacy;
use crate::screen::{Screen, Style};
use crate::{plan, reveal, when};

const SIDES: Sides = Sides { one: ("live", "现行"), other: ("shadow", "影子") };

/// What there is to say of a shadow.
struct Report<'p> {
    shadow: &'p ShadowPlan,
    run: Option<ShadowRun>,
    since: Timestamp,
    shown: Shown,
    agreed: u64,
    failed: u64,
    /// Why the latest of them could not be decided.
    why: Option<String>,
}

/// Reports the agreement.
///
/// # Errors
/// Where there is no shadow, or the store cannot be read.
pub async fn run(screen: &mut Screen, general: &General, args: &Shadow) -> Result<(), Failure> {
    let present = plan::plan(screen, general)?;
    let since = long_ago(&args.since)?;
    let Some(shadow) = &present.shadow else {
        return Err(Failure::input("the config names no second rule set that can be used", "配置中没有可用的影子规则")
            .code("LL4641")
            .help(
                "write `[shadow]` with `file = \"new.toml\"`; where it is there, `leadloop check` says what is wrong with it",
                "请写 `[shadow]` 与 `file = \"new.toml\"`；若已写，`leadloop check` 会说明问题所在",
            ));
    };
    let store = plan::reading(&present).await?;
    let report = Report::read(&store, shadow, since, args.samples).await;
    store.close().await;
    let report = report?;
    let ids: Vec<LeadId> = report.shown.samples.iter().map(|sample| sample.lead).collect();
    let privacy = reveal::privacy(&present, args.reveal, "reveal", &ids, "shadow").await?;
    if screen.is_json() {
        return Ok(screen.json(&report.to_json(privacy))?);
    }
    report.print(screen, &present.policy, privacy)
}

impl<'p> Report<'p> {
    async fn read(
        store: &Store,
        shadow: &'p ShadowPlan,
        since: Timestamp,
        samples: u32,
    ) -> Result<Self, Failure> {
        let rules = &shadow.policy.config;
        let run = store.shadow_run(rules).await?;
        let since = run.as_ref().map_or(since, |run| run.since.max(since));
        let (mut shown, mut agreed, mut failed) = (Shown::default(), 0, 0);
        for group in store.shadow_groups(rules, since).await? {
            let leads = u64::try_from(group.leads).unwrap_or(0);
            match group.verdict {
                Verdict::NotByRules => {
                    shown.forced += leads;
                    continue;
                }
                Verdict::Failed => {
                    failed += leads;
                    continue;
                }
                Verdict::Agrees => agreed += leads,
                Verdict::Differs => {}
            }
            shown.decisions += leads;
            shown.unqualified += if group.shadow.rule == NOT_QUALIFIED { leads } else { 0 };
            shown.count(&group.live, &group.shadow, &group.region, leads);
        }
        for (compared, record) in store.shadow_samples(rules, since, Verdict::Differs, samples).await? {
            shown.samples.extend(record.map(|record| Sample::of(&record, &compared.live, &compared.shadow)));
        }
        let why = store.shadow_samples(rules, since, Verdict::Failed, 1).await?;
        let why = why.into_iter().find_map(|(compared, _)| compared.failed);
        Ok(Self { shadow, run, since, shown, agreed, failed, why })
    }

    /// Percent of the leads that both decided.
    fn share(&self) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "counts of leads, for people")]
        let (agreed, all) = (self.agreed as f64, self.shown.decisions as f64);
        (self.shown.decisions > 0).then(|| (agreed * 1_000.0 / all).floor() / 10.0)
    }

    fn to_json(&self, privacy: Privacy) -> Value {
        let mut all = json!({
            "file": self.shadow.file, "rules": self.shadow.policy.config,
            "running": self.run.is_some(), "since": self.since.to_string(),
            "decisions": self.shown.decisions, "agreed": self.agreed, "agreed_percent": self.share(),
            "differ": self.shown.changed, "not_qualified": self.shown.unqualified,
            "not_by_rules": self.shown.forced, "failed": self.failed, "failed_last": self.why,
        });
        if let (Value::Object(all), Value::Object(more)) = (&mut all, self.shown.differences(privacy)) {
            all.extend(more);
        }
        all
    }

    fn print(&self, screen: &Screen, policy: &Policy, privacy: Privacy) -> Result<(), Failure> {
        let file = &self.shadow.file;
        if self.run.is_none() {
            let said = screen.words(
                "`{file}` has not decided beside the live rules yet: it does so while `leadloop run` runs",
                "`{file}` 尚未开始并行判断：运行 `leadloop run` 后开始",
            );
            return Ok(screen.head(&said.replace("{file}", file))?);
        }
        let share = self.share().map_or_else(|| "-".to_owned(), |share| format!("{share:.1} %"));
        let said = screen
            .words(
                "`{file}` decided {n} leads beside the live rules since {at}: {share} alike, {differ} otherwise",
                "`{file}` 自 {at} 起与现行规则并行判断 {n} 条线索：一致 {share}，不同 {differ} 条",
            )
            .replace("{file}", file)
            .replace("{n}", &self.shown.decisions.to_string())
            .replace("{at}", &when::clock(self.since, &policy.zone))
            .replace("{share}", &share)
            .replace("{differ}", &self.shown.changed.to_string());
        screen.head(&said)?;
        let aside = screen
            .words(
                "of these {out} would not qualify; {forced} more were decided by response times or by hand",
                "其中 {out} 条不再合格；另有 {forced} 条由时效规则或人工决定",
            )
            .replace("{out}", &self.shown.unqualified.to_string())
            .replace("{forced}", &self.shown.forced.to_string());
        screen.line(&screen.paint(Style::Note, &aside))?;
        if let Some(why) = &self.why {
            let failed = screen
                .words("{n} leads it could not decide: {why}", "{n} 条无法判断：{why}")
                .replace("{n}", &self.failed.to_string())
                .replace("{why}", why);
            screen.line(&screen.paint(Style::Warn, &failed))?;
        }
        if self.shown.decisions == 0 {
            return Ok(());
        }
        self.shown.print_differences(screen, policy, privacy, &SIDES)
    }
}
