//! `leadloop rehearse`: past leads decided once more by other rules, and what would have changed.

use std::collections::BTreeMap;
use std::path::PathBuf;

use leadloop_sync_core::handoff::{Action, DecisionRecord};
use leadloop_sync_core::ids::{DecisionId, LeadId};
use leadloop_sync_core::policy::Policy;
use leadloop_sync_core::rehearse::{NOT_QUALIFIED, Rehearsal};
use leadloop_sync_core::shadow::{Went, went};
use leadloop_sync_core::time::Timestamp;
use serde_json::{Value, json};

use crate::args::General;
use crate::args::rehearse::Rehearse;
use crate::failure::Failure;
use crate::privacy::Privacy;
use crate::screen::{Rows, Screen, Style};
use crate::{plan, reveal, when};

/// Decisions read in one go.
const PAGE: u32 = 500;

/// One lead that would have gone elsewhere.
pub(super) struct Sample {
    pub(super) lead: LeadId,
    at: Timestamp,
    company: String,
    name: String,
    before: String,
    after: String,
}

impl Sample {
    pub(super) fn of(record: &DecisionRecord, was: &Went, becomes: &Went) -> Self {
        let fact =
            |group: &str, name: &str| record.facts[group][name].as_str().unwrap_or_default().to_owned();
        Self {
            lead: record.lead,
            at: record.at,
            company: fact("company", "name"),
            name: fact("lead", "name"),
            before: format!("{} → {}", was.rule, was.to),
            after: format!("{} → {}", becomes.rule, becomes.to),
        }
    }
}

/// What two rule sets are called where they stand side by side.
pub(super) struct Sides {
    pub(super) one: (&'static str, &'static str),
    pub(super) other: (&'static str, &'static str),
}

const SIDES: Sides = Sides { one: ("now", "现行"), other: ("then", "新规则") };

/// What a whole rehearsal showed.
#[derive(Default)]
pub(super) struct Shown {
    pub(super) decisions: u64,
    /// Decided by a response time or by hand: no rule was asked.
    pub(super) forced: u64,
    /// The present rules say now what they said then.
    agrees: u64,
    pub(super) changed: u64,
    pub(super) unqualified: u64,
    /// (rule before, rule after) → leads.
    rules: BTreeMap<(String, String), u64>,
    /// Owner → (before, after).
    owners: BTreeMap<String, (u64, u64)>,
    /// Region → (leads, changed).
    regions: BTreeMap<String, (u64, u64)>,
    /// Kind of call → (before, after).
    calls: BTreeMap<&'static str, (u64, u64)>,
    pub(super) samples: Vec<Sample>,
}

/// Rehearses.
///
/// # Errors
/// Where a config or the store cannot be read.
pub async fn run(screen: &mut Screen, general: &General, args: &Rehearse) -> Result<(), Failure> {
    let present = plan::plan(screen, general)?;
    let new = plan::plan(screen, &General { config: PathBuf::from(&args.new), ..general.clone() })?;
    let since = long_ago(&args.since)?;
    let (Some(mut old_rules), Some(mut new_rules)) =
        (Rehearsal::of(&present.policy), Rehearsal::of(&new.policy))
    else {
        return Err(Failure::input(
            "one of the two configs hands nothing over: no [[crm]], and no channel with an answer link",
            "其中一个配置不会转出线索：既没有 [[crm]]，也没有附带反馈链接的渠道",
        ));
    };
    let store = plan::reading(&present).await?;
    let mut shown = Shown::default();
    let mut after: Option<(Timestamp, DecisionId)> = None;
    loop {
        let page = store.decisions(since, after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = Some((last.at, last.id));
        for record in &page {
            shown.take(record, &mut old_rules, &mut new_rules, args.samples);
        }
    }
    store.close().await;
    let ids: Vec<LeadId> = shown.samples.iter().map(|sample| sample.lead).collect();
    let privacy = reveal::privacy(&present, args.reveal, "reveal", &ids, "rehearse").await?;
    if screen.is_json() {
        return Ok(screen.json(&shown.to_json(since, privacy))?);
    }
    shown.print(screen, &present.policy, since, privacy)
}

/// The time that lies so long back.
pub(super) fn long_ago(length: &str) -> Result<Timestamp, Failure> {
    let micros = leadloop_config::units::duration(length).ok_or_else(|| {
        Failure::input(format!("`{length}` is no length of time"), format!("`{length}` 不是时长"))
            .help("write a number and a unit: 30d, 12h", "请写数字和单位：30d、12h")
    })?;
    Ok(when::now() - micros)
}

impl Shown {
    fn take(
        &mut self,
        record: &DecisionRecord,
        old_rules: &mut Rehearsal<'_>,
        new_rules: &mut Rehearsal<'_>,
        samples: u32,
    ) {
        if record.tried.is_empty() {
            self.forced += 1;
            return;
        }
        self.decisions += 1;
        let (before, after) = (old_rules.decide(record), new_rules.decide(record));
        self.agrees += u64::from(before.rule == record.rule);
        let unqualified = new_rules.qualifies(record) == Some(false);
        let was = went(&before);
        let mut becomes = went(&after);
        if unqualified {
            self.unqualified += 1;
            becomes = Went { rule: NOT_QUALIFIED.to_owned(), to: "-".to_owned() };
        }
        self.calls.entry(call(&before.action)).or_default().0 += 1;
        self.calls.entry(if unqualified { "none" } else { call(&after.action) }).or_default().1 += 1;
        let fact =
            |group: &str, name: &str| record.facts[group][name].as_str().unwrap_or_default().to_owned();
        let moved = was != becomes;
        self.count(&was, &becomes, &fact("lead", "province"), 1);
        if moved && self.samples.len() < usize::try_from(samples).unwrap_or(0) {
            self.samples.push(Sample::of(record, &was, &becomes));
        }
    }

    /// Counts leads that went one way and would go another, or the same.
    pub(super) fn count(&mut self, was: &Went, becomes: &Went, region: &str, leads: u64) {
        *self.rules.entry((was.rule.clone(), becomes.rule.clone())).or_default() += leads;
        self.owners.entry(was.to.clone()).or_default().0 += leads;
        self.owners.entry(becomes.to.clone()).or_default().1 += leads;
        let of_region = self.regions.entry(region.to_owned()).or_default();
        of_region.0 += leads;
        if was != becomes {
            of_region.1 += leads;
            self.changed += leads;
        }
    }

    fn to_json(&self, since: Timestamp, privacy: Privacy) -> Value {
        let mut all = json!({
            "since": since.to_string(), "decisions": self.decisions, "not_by_rules": self.forced,
            "present_rules_agree": self.agrees, "changed": self.changed, "no_longer_qualified": self.unqualified,
            "crm_calls": pairs_json(&self.calls),
        });
        if let (Value::Object(all), Value::Object(more)) = (&mut all, self.differences(privacy)) {
            all.extend(more);
        }
        all
    }

    /// By rule, owner and region, and leads as examples.
    pub(super) fn differences(&self, privacy: Privacy) -> Value {
        let rules: Vec<Value> = self
            .rules
            .iter()
            .map(|((before, after), leads)| json!({ "before": before, "after": after, "leads": leads }))
            .collect();
        let regions: Vec<Value> = self
            .regions
            .iter()
            .map(|(name, (leads, changed))| json!({ "name": name, "leads": leads, "changed": changed }))
            .collect();
        let samples: Vec<Value> = self
            .samples
            .iter()
            .map(|sample| {
                json!({
                    "lead": sample.lead.to_string(), "at": sample.at.to_string(), "company": sample.company,
                    "name": privacy.text("name", &sample.name), "before": sample.before, "after": sample.after,
                })
            })
            .collect();
        json!({ "rules": rules, "owners": pairs_json(&self.owners), "regions": regions, "samples": samples })
    }

    fn print(
        &self,
        screen: &Screen,
        policy: &Policy,
        since: Timestamp,
        privacy: Privacy,
    ) -> Result<(), Failure> {
        let said = screen
            .words(
                "{n} decisions since {at}; {changed} would go elsewhere, {out} would not qualify",
                "{at} 以来共 {n} 次决定；{changed} 次结果不同，{out} 次不再合格",
            )
            .replace("{n}", &self.decisions.to_string())
            .replace("{at}", &when::clock(since, &policy.zone))
            .replace("{changed}", &self.changed.to_string())
            .replace("{out}", &self.unqualified.to_string());
        screen.head(&said)?;
        if self.decisions == 0 {
            return Ok(());
        }
        let agreement = screen
            .words(
                "the present rules, asked again, name the rule of then in {n} of {of}; {forced} were decided by response times or by hand",
                "现行规则重新判断，{of} 次中有 {n} 次与当时规则一致；另有 {forced} 次由时效规则或人工决定",
            )
            .replace("{n}", &self.agrees.to_string())
            .replace("{of}", &self.decisions.to_string())
            .replace("{forced}", &self.forced.to_string());
        screen.line(&screen.paint(Style::Note, &agreement))?;
        self.print_differences(screen, policy, privacy, &SIDES)
    }

    /// By rule, owner and region, and leads as examples.
    pub(super) fn print_differences(
        &self,
        screen: &Screen,
        policy: &Policy,
        privacy: Privacy,
        sides: &Sides,
    ) -> Result<(), Failure> {
        self.print_tables(screen, sides)?;
        if self.samples.is_empty() {
            return Ok(());
        }
        screen.head(screen.words("Leads", "线索示例"))?;
        let mut rows = Rows::new(&[
            screen.words("when", "时间"),
            screen.words("company", "公司"),
            screen.words("name", "姓名"),
            screen.words(sides.one.0, sides.one.1),
            screen.words(sides.other.0, sides.other.1),
        ]);
        for sample in &self.samples {
            rows.push(vec![
                when::clock(sample.at, &policy.zone),
                sample.company.clone(),
                privacy.text("name", &sample.name),
                sample.before.clone(),
                sample.after.clone(),
            ]);
        }
        Ok(screen.table(&rows)?)
    }

    fn print_tables(&self, screen: &Screen, sides: &Sides) -> Result<(), Failure> {
        let [one, other] = [sides.one, sides.other].map(|(en, zh)| screen.words(en, zh));
        screen.head(screen.words("By rule", "按规则"))?;
        let mut rows = Rows::new(&[one, other, screen.words("#leads", "#线索")]);
        for ((before, after), leads) in &self.rules {
            let row = vec![before.clone(), after.clone(), leads.to_string()];
            if before == after { rows.push(row) } else { rows.push_marked(Style::Warn, row) }
        }
        screen.table(&rows)?;
        let (one, other) = (format!("#{one}"), format!("#{other}"));
        let more = screen.words("#more", "#增减");
        for (title, first, map) in [
            (screen.words("By owner", "按负责人"), screen.words("owner", "负责人"), pairs(&self.owners)),
            (screen.words("CRM calls", "CRM 调用"), screen.words("call", "调用"), pairs(&self.calls)),
        ] {
            if map.is_empty() {
                continue;
            }
            screen.head(title)?;
            let mut rows = Rows::new(&[first, &one, &other, more]);
            for (name, before, after) in map {
                let more = i128::from(after) - i128::from(before);
                rows.push(vec![name, before.to_string(), after.to_string(), format!("{more:+}")]);
            }
            screen.table(&rows)?;
        }
        screen.head(screen.words("By region", "按地区"))?;
        let mut rows = Rows::new(&[
            screen.words("region", "地区"),
            screen.words("#leads", "#线索"),
            screen.words("#changed", "#变化"),
        ]);
        for (name, (leads, changed)) in &self.regions {
            let name =
                if name.is_empty() { screen.words("(none)", "（无）").to_owned() } else { name.clone() };
            rows.push(vec![name, leads.to_string(), changed.to_string()]);
        }
        Ok(screen.table(&rows)?)
    }
}

fn pairs<K: ToString>(map: &BTreeMap<K, (u64, u64)>) -> Vec<(String, u64, u64)> {
    map.iter().map(|(name, (before, after))| (name.to_string(), *before, *after)).collect()
}

fn pairs_json<K: ToString>(map: &BTreeMap<K, (u64, u64)>) -> Vec<Value> {
    map.iter()
        .map(|(name, (one, other))| json!({ "name": name.to_string(), "before": one, "after": other }))
        .collect()
}

fn call(action: &Action) -> &'static str {
    match action {
        Action::Create { .. } => "create",
        Action::Update { .. } => "update",
        Action::Hold { .. } | Action::Decline { .. } => "none",
    }
}
