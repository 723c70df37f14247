//! The decision itself: transfer rules in order over typed facts, the first that holds and can be carried out decides.
//!
//! Pure in the narrow sense too: the same book, lead and time give the same decision, so a rehearsal needs no guess.

use std::collections::BTreeMap;

use leadloop_mapping::expr::{Facts, explain};
use serde_json::{Value as Json, json};

use crate::because::{Language, Reason};
use crate::book::Book;
use crate::facts::{self, Scene};
use crate::handoff::{Action, Considered, DecisionRecord, Handoff, Tried};
use crate::ids::{DecisionId, LinkName, PersonKey};
use crate::lead::{Lead, Owner, RemoteRef};
use crate::matching::{self, Match, Matches, Question};
use crate::mirror::{MirrorRow, OwnerState};
use crate::policy::{Assign, Deed, Policy, RuleAction, TransferRule, Who};
use crate::routing::{self, Dealings, Routed, Search};
use crate::time::Timestamp;

/// What a decision goes by.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// What the batch knows.
    pub book: &'a Book,
    /// The rules.
    pub policy: &'a Policy,
    /// The lead.
    pub lead: &'a Lead,
    /// Its hand-over: rules it tried before are passed over, a record it ran into is the person's.
    pub handoff: &'a Handoff,
    /// Rows the CRM gave just now.
    pub read: &'a [MirrorRow],
    /// What is remembered of the lead.
    pub dealings: &'a Dealings,
    /// Decided already from outside the rules (a take-back that names the new owner).
    pub forced: Option<Forced<'a>>,
    /// The time it is.
    pub now: Timestamp,
}

/// An assignment that stands before the rules are asked.
#[derive(Clone, Copy, Debug)]
pub struct Forced<'a> {
    /// What is said to have decided.
    pub name: &'a str,
    /// Who gets it.
    pub assign: &'a Assign,
    /// Who does not.
    pub except: Option<&'a PersonKey>,
}

/// A decision and what hangs on it.
#[derive(Clone, Debug, PartialEq)]
pub struct Decided {
    /// The whole of it, to be kept.
    pub record: DecisionRecord,
    /// The record that is updated, where the person has one.
    pub matches: Matches,
    /// Who is responsible from now on.
    pub owner: Option<Owner>,
    /// Rules up to this index were tried.
    pub rules_tried: u32,
    /// A reason for people, from the rule.
    pub said: Option<String>,
    /// Counters to write back.
    pub counters: BTreeMap<String, Json>,
    /// Why it went this way.
    pub reasons: Vec<Reason>,
}

/// What a rule leads to.
#[derive(Default)]
struct Acted {
    action: Option<Action>,
    owner: Option<Owner>,
    considered: Vec<Considered>,
    counters: BTreeMap<String, Json>,
    reasons: Vec<Reason>,
}

/// Decides. A rule that holds but cannot be carried out (there is nothing to update, its owner is gone) is passed over
/// with its reason; where no rule is left, the lead goes to the public pool, with that as the reason.
#[must_use]
pub fn decide(input: &Input<'_>, id: DecisionId) -> Decided {
    let question = Question {
        book: input.book,
        policy: input.policy,
        link: &input.handoff.link,
        lead: input.lead,
        handoff: Some(input.handoff),
        read: input.read,
        now: input.now,
    };
    let matches = matching::find(&question);
    let mut facts =
        facts::json(&Scene { lead: input.lead, touch: None, policy: input.policy, now: input.now });
    facts["crm"] = matching::to_json(&matches);
    let ground = Ground {
        book: input.book,
        policy: input.policy,
        link: &input.handoff.link,
        dealings: input.dealings,
        now: input.now,
        rules_tried: input.handoff.rules_tried,
    };
    let mut choice = Choice { input: &ground, matches: &matches, facts: &facts };
    let mut tried = Vec::new();
    let (rule, acted, said) = match input.forced {
        Some(forced) => (Some(forced.name.to_owned()), choice.forced(&forced), None),
        None => choice.by_rules(&mut tried),
    };
    let rules_tried = u32::try_from(tried.len()).unwrap_or(u32::MAX) + input.handoff.rules_tried;
    let action = acted.action.unwrap_or_else(|| to_public_pool(&matches));
    facts["read"] = read_inputs(input, &acted.counters, &acted.considered);
    let record = DecisionRecord {
        id,
        handoff: input.handoff.id,
        lead: input.lead.id,
        at: input.now,
        config: input.policy.config.clone(),
        facts,
        mirror_age: matches.mirror_age.clone(),
        tried,
        rule,
        action,
        considered: acted.considered,
    };
    Decided {
        record,
        owner: acted.owner,
        rules_tried,
        said,
        counters: acted.counters,
        reasons: acted.reasons,
        matches,
    }
}

/// The counters and loads that were read, as they stood before.
fn read_inputs(input: &Input<'_>, counters: &BTreeMap<String, Json>, considered: &[Considered]) -> Json {
    let before: serde_json::Map<String, Json> = counters
        .keys()
        .filter_map(|key| Some((key.clone(), input.book.counters.get(key)?.clone())))
        .collect();
    let load: serde_json::Map<String, Json> = considered
        .iter()
        .filter_map(|person| {
            let user = input.policy.people.get(person.person.as_str())?.crm_user.get(&input.handoff.link)?;
            let open = input.book.load.get(&(input.handoff.link.clone(), user.clone())).copied();
            Some((person.person.clone(), open.unwrap_or(0).into()))
        })
        .collect();
    json!({ "now": input.now.0, "counters": before, "open_handoffs": load, "dealings": input.dealings })
}

fn to_public_pool(matches: &Matches) -> Action {
    match &matches.person.remote {
        Some(remote) => Action::Update { remote: remote.clone(), owner: None, release: false },
        None => Action::Create { object: "lead".to_owned(), owner: None, account: None },
    }
}

/// What a choice stands on besides matches and facts.
#[derive(Clone, Copy, Debug)]
pub struct Ground<'a> {
    /// Counters, loads and users.
    pub book: &'a Book,
    /// The rules.
    pub policy: &'a Policy,
    /// In which CRM.
    pub link: &'a LinkName,
    /// What is remembered of the lead.
    pub dealings: &'a Dealings,
    /// The time it is.
    pub now: Timestamp,
    /// Rules up to this index were tried before.
    pub rules_tried: u32,
}

/// What the rules lead to on given ground, with facts as they were kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Again {
    /// The rule that decides.
    pub rule: Option<String>,
    /// What it decides.
    pub action: Action,
    /// Who is responsible then.
    pub owner: Option<Owner>,
    /// Counters to write back.
    pub counters: BTreeMap<String, Json>,
    /// Rules that could not be decided, each with why.
    pub undecidable: Vec<String>,
}

/// Decides once more by the rules alone: the same choice as [`decide`] makes, from facts and matches that were kept.
#[must_use]
pub fn again(ground: &Ground<'_>, matches: &Matches, facts: &Json) -> Again {
    let mut choice = Choice { input: ground, matches, facts };
    let (rule, acted, _) = choice.by_rules(&mut Vec::new());
    let action = acted.action.unwrap_or_else(|| to_public_pool(matches));
    let undecidable = acted
        .reasons
        .iter()
        .filter(|reason| reason.code == UNDECIDABLE)
        .map(|reason| reason.say(Language::En))
        .collect();
    Again { rule, action, owner: acted.owner, counters: acted.counters, undecidable }
}

/// The facts and matches one decision looks at.
struct Choice<'a> {
    input: &'a Ground<'a>,
    matches: &'a Matches,
    facts: &'a Json,
}

impl Choice<'_> {
    /// The first rule that holds and can be carried out.
    fn by_rules(&mut self, tried: &mut Vec<Tried>) -> (Option<String>, Acted, Option<String>) {
        let eval = Facts::from_json(self.facts);
        let mut passed = Vec::new();
        for rule in self.input.policy.transfer.iter().skip(self.input.rules_tried as usize) {
            let held = self.holds(rule, &eval, tried, &mut passed);
            if !held {
                continue;
            }
            let mut acted = self.act(&rule.does);
            if acted.action.is_some() {
                passed.append(&mut acted.reasons);
                acted.reasons = passed;
                return (Some(rule.name.clone()), acted, rule.does.reason.clone());
            }
            passed.append(&mut acted.reasons);
            passed.push(Reason::new("rule_not_possible").with("rule", &rule.name));
        }
        passed.push(Reason::new("no_rule_left"));
        let owner = self.owner_now();
        (None, Acted { owner, reasons: passed, ..Acted::default() }, None)
    }

    /// Whether a rule holds; noted with what it saw. A rule that cannot be evaluated does not hold, and says so.
    fn holds(
        &self,
        rule: &TransferRule,
        eval: &Facts,
        tried: &mut Vec<Tried>,
        passed: &mut Vec<Reason>,
    ) -> bool {
        let held = rule.when.eval_bool(eval).unwrap_or_else(|error| {
            passed.push(Reason::new(UNDECIDABLE).with("rule", &rule.name).with("error", error));
            false
        });
        let near = if held { None } else { rule.when.only_failing(eval).map(str::to_owned) };
        tried.push(Tried { rule: rule.name.clone(), held, saw: explain(&rule.when, eval), near });
        held
    }

    /// What a rule leads to; no action where it cannot be carried out.
    fn act(&self, does: &RuleAction) -> Acted {
        match &does.deed {
            Deed::Decline => Acted {
                action: Some(Action::Decline { reason: does.reason.clone().unwrap_or_default() }),
                ..Acted::default()
            },
            Deed::Hold { team, at_most } => Acted {
                action: Some(Action::Hold {
                    team: team.clone(),
                    until: at_most.after(&self.input.policy.calendar, self.input.now),
                }),
                ..Acted::default()
            },
            Deed::Update(who) => {
                let found = self.matched(*who);
                let Some(remote) = found.remote.clone().filter(|_| found.found) else {
                    return Acted { reasons: vec![Reason::new("nothing_to_update")], ..Acted::default() };
                };
                self.update(remote, found, does.assign.as_ref(), None)
            }
            Deed::Create(object) => match self.matches.person.remote.clone() {
                Some(remote) => {
                    let assign = does.assign.clone().unwrap_or(Assign::PublicPool);
                    let mut acted = self.update(remote, &self.matches.person, Some(&assign), None);
                    acted.reasons.insert(0, Reason::new("has_a_record"));
                    acted
                }
                None => self.create(object, does),
            },
        }
    }

    /// A take-back's own assignment.
    fn forced(&mut self, forced: &Forced<'_>) -> Acted {
        match self.matches.person.remote.clone() {
            Some(remote) => self.update(remote, &self.matches.person, Some(forced.assign), forced.except),
            None => {
                let mut acted = self.assign(forced.assign, forced.except);
                if acted.action.is_none() {
                    let owner = acted.owner.clone();
                    acted.action = Some(Action::Create { object: "lead".to_owned(), owner, account: None });
                }
                acted
            }
        }
    }

    fn create(&self, object: &str, does: &RuleAction) -> Acted {
        let assign = does.assign.clone().unwrap_or(Assign::PublicPool);
        let mut acted = self.assign(&assign, None);
        if gone(&acted.reasons) {
            return acted;
        }
        let account = self.matches.company.remote.clone();
        let account = account.filter(|_| does.link_company && self.matches.company.found);
        let owner = acted.owner.clone();
        acted.action = Some(Action::Create { object: object.to_owned(), owner, account });
        acted
    }

    /// The person's record is updated; it changes hands only where nobody on leave and no open opportunity loses it.
    fn update(
        &self,
        remote: RemoteRef,
        found: &Match,
        assign: Option<&Assign>,
        except: Option<&PersonKey>,
    ) -> Acted {
        let follower = &found.owner;
        let stays = |reasons: Vec<Reason>, considered| Acted {
            action: Some(Action::Update { remote: remote.clone(), owner: None, release: false }),
            owner: owner_of(found),
            considered,
            reasons,
            ..Acted::default()
        };
        let Some(assign) = assign else { return stays(Vec::new(), Vec::new()) };
        let kept = match follower.state {
            OwnerState::OnLeave => Some("kept_owner_on_leave"),
            OwnerState::Active if found.open_opportunity => Some("kept_open_opportunity"),
            _ => None,
        };
        if let Some(code) = kept {
            return stays(vec![Reason::new(code)], Vec::new());
        }
        let mut acted = self.assign(assign, except);
        if gone(&acted.reasons) {
            return acted;
        }
        if acted.owner.is_none() && follower.is_there() && *assign != Assign::PublicPool {
            acted.owner = owner_of(found);
            acted.reasons.push(Reason::new("kept_owner_nobody_else"));
        }
        let changes = acted.owner.as_ref().map(|owner| &owner.crm_user) != follower.crm_user.as_ref();
        let release = acted.owner.is_none() && follower.crm_user.is_some();
        let owner = acted.owner.clone().filter(|_| changes);
        acted.action = Some(Action::Update { remote, owner, release });
        acted
    }

    /// Finds the owner that a rule names.
    fn assign(&self, assign: &Assign, except: Option<&PersonKey>) -> Acted {
        let company_owner = Some(&self.matches.company.owner)
            .filter(|owner| self.matches.company.found && owner.is_there())
            .and_then(|owner| owner.person.as_ref());
        let search = Search {
            book: self.input.book,
            policy: self.input.policy,
            link: self.input.link,
            now: self.input.now,
            dealings: self.input.dealings,
            except,
            company_owner,
            facts: self.facts,
        };
        let routed = match assign {
            Assign::Route(name) => routing::route(&search, name),
            Assign::Team(name) => routing::team(&search, name),
            Assign::Person(person) => routing::named(&search, person, "named"),
            Assign::PublicPool => Routed { reasons: vec![Reason::new("public_pool")], ..Routed::default() },
            Assign::OwnerOf(who) => self.owner_of_match(&search, *who),
            Assign::Poster => self.owner_of_poster(&search),
        };
        let mut acted = Acted {
            owner: routed.owner,
            considered: routed.considered,
            counters: routed.counters,
            reasons: routed.reasons,
            action: None,
        };
        if acted.owner.is_none() && matches!(assign, Assign::Route(_) | Assign::Team(_) | Assign::Person(_)) {
            acted.reasons.push(Reason::new("nobody_can_take_it"));
            routing::note_shortage(&search, &mut acted.counters);
        }
        acted
    }

    /// Whose poster it was, where there is one and they are at work.
    fn owner_of_poster(&self, search: &Search<'_>) -> Routed {
        let key = self.facts.pointer("/lead/poster").and_then(serde_json::Value::as_str).map(PersonKey::from);
        let mut routed = key.map(|key| routing::named(search, &key, "poster")).unwrap_or_default();
        if routed.owner.is_none() {
            let state = routed.considered.last().map_or("none", |last| last.outcome.as_str()).to_owned();
            routed.reasons.push(owner_gone(&state));
        }
        routed
    }

    /// The owner of a match gets it, whatever their caps; on leave they keep it and a deputy is told.
    fn owner_of_match(&self, search: &Search<'_>, who: Who) -> Routed {
        let mut routed = Routed::default();
        let found = self.matched(who);
        let Some(owner) = owner_of(found).filter(|_| found.owner.is_there()) else {
            routed.reasons.push(owner_gone(found.owner.state.as_str()));
            return routed;
        };
        routing::count_given(search, &owner, &mut routed.counters);
        let outcome = match who {
            Who::Person => "owner_of_person",
            Who::Company => "owner_of_company",
        };
        let person = owner.person.as_ref().map_or(owner.crm_user.as_str(), |person| person.as_str());
        routed.considered.push(Considered { person: person.to_owned(), outcome: outcome.to_owned() });
        routed.owner = Some(owner);
        routed
    }

    fn matched(&self, who: Who) -> &Match {
        match who {
            Who::Person => &self.matches.person,
            Who::Company => &self.matches.company,
        }
    }

    fn owner_now(&self) -> Option<Owner> {
        owner_of(&self.matches.person)
    }
}

/// The code of a rule whose condition cannot be evaluated.
const UNDECIDABLE: &str = "rule_undecidable";

/// The code of a rule's owner who is not there: the rule is passed over.
const OWNER_GONE: &str = "owner_gone";

fn gone(reasons: &[Reason]) -> bool {
    reasons.iter().any(|reason| reason.code == OWNER_GONE)
}

/// Who follows a match, where somebody does.
fn owner_of(found: &Match) -> Option<Owner> {
    let crm_user = found.owner.crm_user.clone()?;
    Some(Owner { person: found.owner.person.clone(), crm_user })
}

/// Whoever should get it is not there.
fn owner_gone(state: &str) -> Reason {
    Reason::new(OWNER_GONE).with("state", state)
}
