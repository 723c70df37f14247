//! `leadloop rehearse`: past leads decided once more by other rules, and what would have changed.

use std::collections::BTreeMap;
use std::path::PathBuf;

use leadloop_sync_core::handoff::{Action, DecisionRecord};
use leadloop_sync_core::ids::{DecisionId, LeadId};
use leadloop_sync_core::lead::Owner;
use leadloop_sync_core::policy::Policy;
use leadloop_sync_core::rehearse::Rehearsal;
use leadloop_sync_core::time::Timestamp;
use leadloop_sync_core::transfer::Again;
use serde_json::{Value, json};

use crate::args::General;
use crate::args::rehearse::Rehearse;
use crate::failure::Failure;
use crate::privacy::Privacy;
use crate::screen::{Rows, Screen, Style};
use crate::{plan, reveal, when, words};

/// Decisions read in one go.
const PAGE: u32 = 500;

/// One lead that would have gone elsewhere.
struct Sample {
    lead: LeadId,
    at: Timestamp,
    company: String,
    name: String,
    before: String,
    after: String,
}

/// What a whole rehearsal showed.
#[derive(Default)]
struct Shown {
    decisions: u64,
    /// Decided by a response time or by hand: no rule was asked.
    forced: u64,
    /// The present rules say now what they said then.
    agrees: u64,
    changed: u64,
    unqualified: u64,
    /// (rule before, rule after) → leads.
    rules: BTreeMap<(String, String), u64>,
    /// Owner → (before, after).
    owners: BTreeMap<String, (u64, u64)>,
    /// Region → (leads, changed).
    regions: BTreeMap<String, (u64, u64)>,
    /// Kind of call → (before, after).
    calls: BTreeMap<&'static str, (u64, u64)>,
    samples: Vec<Sample>,
}

/// Rehearses.
///
/// # Errors
/// Where a config or the store cannot be read.
pub async fn run(screen: &mut Screen, general: &General, args: &Rehearse) -> Result<(), Failure> {
    let present = plan::plan(screen, general)?;
    let new = plan::plan(screen, &General { config: PathBuf::from(&args.new), ..general.clone() })?;
    let length = leadloop_config::units::duration(&args.since).ok_or_else(|| {
        Failure::input(format!("`{}` is no length of time", args.since), format!("`{}` 不是时长", args.since))
            .help("write a number and a unit: 30d, 12h", "请写数字和单位：30d、12h")
    })?;
    let since = when::now() - length;
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
        let name = |again: &Again| again.rule.clone().unwrap_or_else(|| "-".to_owned());
        let (rule_before, mut rule_after) = (name(&before), name(&after));
        let (owner_before, mut owner_after) = (target(&before), target(&after));
        if unqualified {
            self.unqualified += 1;
            rule_after = "[mql]".to_owned();
            owner_after = "-".to_owned();
        }
        *self.rules.entry((rule_before.clone(), rule_after.clone())).or_default() += 1;
        self.owners.entry(owner_before.clone()).or_default().0 += 1;
        self.owners.entry(owner_after.clone()).or_default().1 += 1;
        self.calls.entry(call(&before.action)).or_default().0 += 1;
        self.calls.entry(if unqualified { "none" } else { call(&after.action) }).or_default().1 += 1;
        let fact =
            |group: &str, name: &str| record.facts[group][name].as_str().unwrap_or_default().to_owned();
        let region = self.regions.entry(fact("lead", "province")).or_default();
        region.0 += 1;
        let moved = rule_before != rule_after || owner_before != owner_after;
        if moved {
            region.1 += 1;
            self.changed += 1;
            if self.samples.len() < usize::try_from(samples).unwrap_or(0) {
                self.samples.push(Sample {
                    lead: record.lead,
                    at: record.at,
                    company: fact("company", "name"),
                    name: fact("lead", "name"),
                    before: format!("{rule_before} → {owner_before}"),
                    after: format!("{rule_after} → {owner_after}"),
                });
            }
        }
    }

    fn to_json(&self, since: Timestamp, privacy: Privacy) -> Value {
        let rules: Vec<Value> = self
            .rules
            .iter()
            .map(|((before, after), leads)| json!({ "before": before, "after": after, "leads": leads }))
            .collect();
        let pairs = |map: &BTreeMap<String, (u64, u64)>| -> Vec<Value> {
            map.iter()
                .map(|(name, (one, other))| json!({ "name": name, "before": one, "after": other }))
                .collect()
        };
        let regions: Vec<Value> = self
            .regions
            .iter()
            .map(|(name, (leads, changed))| json!({ "name": name, "leads": leads, "changed": changed }))
            .collect();
        let calls: Vec<Value> = self
            .calls
            .iter()
            .map(|(name, (one, other))| json!({ "name": name, "before": one, "after": other }))
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
        json!({
            "since": since.to_string(), "decisions": self.decisions, "not_by_rules": self.forced,
            "present_rules_agree": self.agrees, "changed": self.changed, "no_longer_qualified": self.unqualified,
            "rules": rules, "owners": pairs(&self.owners), "regions": regions, "crm_calls": calls,
            "samples": samples,
        })
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
        self.print_tables(screen)?;
        if self.samples.is_empty() {
            return Ok(());
        }
        screen.head(screen.words("Leads", "线索示例"))?;
        let mut rows = Rows::new(&[
            screen.words("when", "时间"),
            screen.words("company", "公司"),
            screen.words("name", "姓名"),
            screen.words("now", "现行"),
            screen.words("then", "新规则"),
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

    fn print_tables(&self, screen: &Screen) -> Result<(), Failure> {
        screen.head(screen.words("By rule", "按规则"))?;
        let mut rows = Rows::new(&[
            screen.words("now", "现行"),
            screen.words("then", "新规则"),
            screen.words("#leads", "#线索"),
        ]);
        for ((before, after), leads) in &self.rules {
            let row = vec![before.clone(), after.clone(), leads.to_string()];
            if before == after { rows.push(row) } else { rows.push_marked(Style::Warn, row) }
        }
        screen.table(&rows)?;
        let columns =
            [screen.words("#now", "#现行"), screen.words("#then", "#新规则"), screen.words("#more", "#增减")];
        for (title, first, map) in [
            (screen.words("By owner", "按负责人"), screen.words("owner", "负责人"), pairs(&self.owners)),
            (screen.words("CRM calls", "CRM 调用"), screen.words("call", "调用"), pairs(&self.calls)),
        ] {
            screen.head(title)?;
            let mut rows = Rows::new(&[first, columns[0], columns[1], columns[2]]);
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

/// Where it goes: to an owner, to the public pool, to a hold, nowhere.
fn target(again: &Again) -> String {
    let owner = again.owner.as_ref().map(words::owner);
    match (&again.action, owner) {
        (Action::Hold { team, .. }, _) => format!("hold {}", team.as_deref().unwrap_or_default()),
        (Action::Decline { .. }, _) => "-".to_owned(),
        (_, Some(owner)) => owner,
        (Action::Update { owner: Some(Owner { crm_user, .. }), .. }, None) => crm_user.clone(),
        (_, None) => "public pool".to_owned(),
    }
}

fn call(action: &Action) -> &'static str {
    match action {
        Action::Create { .. } => "create",
        Action::Update { .. } => "update",
        Action::Hold { .. } | Action::Decline { .. } => "none",
    }
}
