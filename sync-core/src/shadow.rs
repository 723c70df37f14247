//! Shadow mode: a second rule set decides every lead beside the live one, changes nothing and tells nobody.
//!
//! Goes by what each decision kept ([`crate::handoff::DecisionRecord`]), after it was made, so that it can neither slow nor
//! fail it. Turns and daily counts are the live ones as they stood then; those of teams that only the shadow asks are its own.

use serde::{Deserialize, Serialize};

use crate::handoff::{Action, DecisionRecord};
use crate::ids::{DecisionId, LeadId, LinkName};
use crate::lead::Owner;
use crate::matching::{self, Matches};
use crate::policy::Policy;
use crate::rehearse::{NOT_QUALIFIED, Rehearsal, Turns};
use crate::time::Timestamp;
use crate::transfer::Again;

/// How a comparison ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The same rule, the same target.
    Agrees,
    /// Another rule, or another target.
    Differs,
    /// No rule was asked: a response time or a person decided.
    NotByRules,
    /// The shadow could not decide.
    Failed,
}

/// What a rule set made of a lead.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Went {
    /// The rule that decided.
    pub rule: String,
    /// To whom: a person, `public pool`, `hold TEAM`, `-`.
    pub to: String,
}

/// One lead, decided by both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compared {
    /// The live decision.
    pub decision: DecisionId,
    /// Of which lead.
    pub lead: LeadId,
    /// When.
    pub at: Timestamp,
    /// The lead's province.
    pub region: String,
    /// What the live rules made of it.
    pub live: Went,
    /// What the shadow makes of it.
    pub shadow: Went,
    /// Whether that is the same.
    pub verdict: Verdict,
    /// Why it could not be decided.
    pub failed: Option<String>,
}

/// A second rule set on its way beside the live one.
#[derive(Debug)]
pub struct Shadow<'p> {
    rules: Rehearsal<'p>,
}

impl<'p> Shadow<'p> {
    /// The rule set, with its turns as they were left; none where it hands nothing over.
    #[must_use]
    pub fn of(policy: &'p Policy, turns: Turns) -> Option<Self> {
        let mut rules = Rehearsal::of(policy)?;
        rules.resume(turns);
        Some(Self { rules })
    }

    /// Its turns, to go on with.
    #[must_use]
    pub fn turns(&self) -> Turns {
        self.rules.turns()
    }

    /// Decides beside a live decision.
    pub fn compare(&mut self, record: &DecisionRecord) -> Compared {
        let mut compared = before(record, self.rules.link());
        if compared.verdict == Verdict::NotByRules {
            return compared;
        }
        let again = self.rules.beside(record);
        compared.shadow = if self.rules.qualifies(record) == Some(false) {
            Went { rule: NOT_QUALIFIED.to_owned(), to: "-".to_owned() }
        } else {
            went(&again)
        };
        if again.undecidable.is_empty() {
            let same = compared.live == compared.shadow;
            compared.verdict = if same { Verdict::Agrees } else { Verdict::Differs };
        } else {
            compared.verdict = Verdict::Failed;
            compared.failed = Some(again.undecidable.join("; "));
        }
        compared
    }
}

/// A live decision that the shadow has not looked at, or cannot: what is known of it.
#[must_use]
pub fn before(record: &DecisionRecord, link: &LinkName) -> Compared {
    let matches = matching::from_json(link, &record.facts["crm"]);
    let by_rules = !record.tried.is_empty();
    Compared {
        decision: record.id,
        lead: record.lead,
        at: record.at,
        region: record.facts["lead"]["province"].as_str().unwrap_or_default().to_owned(),
        live: Went {
            rule: record.rule.clone().unwrap_or_else(|| "-".to_owned()),
            to: target(&record.action, owner_then(&record.action, &matches).as_ref()),
        },
        shadow: Went::default(),
        verdict: if by_rules { Verdict::Failed } else { Verdict::NotByRules },
        failed: None,
    }
}

/// What a rule set made of a lead that was decided again.
#[must_use]
pub fn went(again: &Again) -> Went {
    Went {
        rule: again.rule.clone().unwrap_or_else(|| "-".to_owned()),
        to: target(&again.action, again.owner.as_ref()),
    }
}

/// Where an action goes: to an owner, to the public pool, to a hold, nowhere.
fn target(action: &Action, owner: Option<&Owner>) -> String {
    match (action, owner) {
        (Action::Hold { team, .. }, _) => format!("hold {}", team.as_deref().unwrap_or_default()),
        (Action::Decline { .. }, _) => "-".to_owned(),
        (_, Some(owner)) => {
            owner.person.as_ref().map_or_else(|| owner.crm_user.clone(), |person| person.0.clone())
        }
        (_, None) => "public pool".to_owned(),
    }
}

/// Whose a lead was after a decision: who got it, else who had the record already.
fn owner_then(action: &Action, matches: &Matches) -> Option<Owner> {
    match action {
        Action::Create { owner, .. } | Action::Update { owner: owner @ Some(_), .. } => owner.clone(),
        Action::Update { remote, release: false, .. } => {
            let found = [&matches.person, &matches.company];
            let found = found.into_iter().find(|found| found.remote.as_ref() == Some(remote))?;
            let crm_user = found.owner.crm_user.clone()?;
            Some(Owner { person: found.owner.person.clone(), crm_user })
        }
        _ => None,
    }
}
