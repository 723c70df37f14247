//! What came out against what was expected.

use leadloop_sync_core::handoff::{Action, DecisionRecord};
use leadloop_sync_core::policy::Policy;

use super::act::action_of;
use super::{Expect, Expectation, Miss, RuleTest, Seen};
use crate::problem::Words;

/// The expectations that were not met.
pub(super) fn misses(policy: &Policy, test: &RuleTest, seen: &Seen) -> Vec<Miss> {
    let look = Look { policy, seen };
    test.expect.iter().filter_map(|expectation| look.miss(expectation)).collect()
}

struct Look<'a> {
    policy: &'a Policy,
    seen: &'a Seen,
}

fn same(text: impl Into<String>) -> Words {
    let text = text.into();
    Words::new(text.clone(), text)
}

fn yes_no(yes: bool) -> Words {
    if yes { Words::new("yes", "是") } else { Words::new("no", "否") }
}

fn nothing() -> Words {
    Words::new("none", "无")
}

impl Look<'_> {
    fn action(&self) -> Option<&Action> {
        self.seen.decision.as_ref().map(|decision| &decision.action)
    }

    fn miss(&self, expectation: &Expectation) -> Option<Miss> {
        let (key, wanted, found, met) = self.look(&expectation.what);
        if met {
            return None;
        }
        let why = self.why(&expectation.what);
        Some(Miss { key, span: expectation.span.clone(), wanted, found, why })
    }

    /// The key, what was wanted, what was found, whether it fits.
    fn look(&self, expect: &Expect) -> (&'static str, Words, Words, bool) {
        let quoted = |text: &str| same(format!("`{text}`"));
        let or_none = |text: Option<&str>| text.map_or_else(nothing, quoted);
        let text = |key, wanted: &str, found: Option<&str>| {
            (key, quoted(wanted), or_none(found), found == Some(wanted))
        };
        let flag = |key, wanted: bool, found: bool| (key, yes_no(wanted), yes_no(found), wanted == found);
        let lead = self.seen.lead.as_ref();
        match expect {
            Expect::Rule(rule) => {
                let found = self.seen.decision.as_ref().and_then(|decision| decision.rule.as_deref());
                text("rule", rule, found)
            }
            Expect::HandedOver(wanted) => flag("handed_over", *wanted, self.is_handed_over()),
            Expect::Action(action) => text("action", action, self.action().map(action_of)),
            Expect::Object(object) => text("object", object, self.action().and_then(object_of)),
            Expect::Owner(person) => {
                let found = self.seen.owner.as_ref();
                let found =
                    found.map(|(known, user)| known.as_ref().map_or(user.as_str(), |known| known.as_str()));
                let (key, wanted, shown, met) = text("owner", person.as_str(), found);
                (key, wanted, if found.is_none() { self.nobody() } else { shown }, met)
            }
            Expect::User(user) => text("user", user, self.seen.owner.as_ref().map(|(_, user)| user.as_str())),
            Expect::PublicPool(wanted) => {
                flag("public_pool", *wanted, self.is_handed_over() && self.seen.owner.is_none())
            }
            Expect::Held(wanted) => flag("held", *wanted, matches!(self.action(), Some(Action::Hold { .. }))),
            Expect::HeldFor(team) => text("held", team, self.action().and_then(team_of)),
            Expect::Declined(wanted) => {
                flag("declined", *wanted, matches!(self.action(), Some(Action::Decline { .. })))
            }
            Expect::DeclinedFor(reason) => text("declined", reason, self.action().and_then(reason_of)),
            Expect::Mql(wanted) => flag("mql", *wanted, lead.is_some_and(|lead| lead.mql)),
            Expect::Stage(stage) => text("stage", stage.as_str(), lead.map(|lead| lead.stage.as_str())),
            Expect::Track(track) => text("track", track, lead.and_then(|lead| lead.track.as_deref())),
            Expect::Score(name, points) => {
                let found = self.seen.scores.get(name).copied();
                let shown = found.map_or_else(nothing, |found| same(found.to_string()));
                ("score", same(format!("{name} = {points}")), shown, found == Some(*points))
            }
            Expect::Because(code) => {
                let met = self.seen.reasons.iter().any(|reason| reason.code == *code);
                ("because", quoted(code), Words::new("not said", "未给出"), met)
            }
            Expect::Quarantined(code) => {
                let found = self.seen.quarantined.as_ref().map(|(code, _)| code.as_str());
                text("quarantined", code, found)
            }
        }
    }

    /// Nobody: the public pool, or no hand-over at all.
    fn nobody(&self) -> Words {
        if self.is_handed_over() { Words::new("the public pool", "公海") } else { nothing() }
    }

    fn is_handed_over(&self) -> bool {
        matches!(self.action(), Some(Action::Create { .. } | Action::Update { .. }))
    }

    /// Why it came out otherwise, as far as it can be told.
    fn why(&self, expect: &Expect) -> Vec<Words> {
        let mut why = self.seen.notes.clone();
        let decides = matches!(
            expect,
            Expect::Rule(_)
                | Expect::HandedOver(_)
                | Expect::Action(_)
                | Expect::Object(_)
                | Expect::Owner(_)
                | Expect::User(_)
                | Expect::PublicPool(_)
                | Expect::Held(_)
                | Expect::HeldFor(_)
                | Expect::Declined(_)
                | Expect::DeclinedFor(_)
        );
        match (&self.seen.decision, expect) {
            (Some(decision), Expect::Rule(rule)) => why.extend(why_not(decision, rule, &self.seen.reasons)),
            (Some(decision), Expect::Owner(_) | Expect::User(_) | Expect::PublicPool(_)) => {
                why.extend(decision.considered.iter().map(|person| {
                    let outcome = outcome(&person.outcome);
                    Words::new(
                        format!("{}: {}", person.person, outcome.en),
                        format!("{}：{}", person.person, outcome.zh),
                    )
                }));
            }
            (None, _) if decides => why.extend(self.no_decision()),
            (_, Expect::Mql(_)) => why.extend(self.no_mql()),
            _ => {}
        }
        why
    }

    /// Why nothing was decided.
    fn no_decision(&self) -> Vec<Words> {
        if self.seen.lead.is_none() {
            return Vec::new(); // a note says why nothing came in
        }
        const AGAINST: [&str; 6] =
            ["no_consent", "no_crm", "lead_closed", "loop_limit", "declined_lately", "handoff_runs_already"];
        let against = self.seen.reasons.iter().rev().find(|reason| AGAINST.contains(&reason.code.as_str()));
        match against {
            Some(reason) => vec![Words::new(
                reason.say(leadloop_sync_core::because::Language::En),
                reason.say(leadloop_sync_core::because::Language::Zh),
            )],
            None => self.no_mql(),
        }
    }

    /// Why it is no MQL.
    fn no_mql(&self) -> Vec<Words> {
        let Some(mql) = self.policy.mql.first() else {
            return vec![Words::new(
                "there is no [mql]: no lead ever qualifies",
                "没有 [mql]：线索不会被判定合格",
            )];
        };
        if self.seen.lead.as_ref().is_none_or(|lead| lead.mql) {
            return Vec::new();
        }
        let points: Vec<String> =
            self.seen.scores.iter().map(|(name, points)| format!("score.{name} = {points}")).collect();
        let points = points.join(", ");
        vec![match &self.seen.mql_lacks {
            Some(lacks) => Words::new(
                format!("it is no MQL: only `{lacks}` is missing ({points})"),
                format!("不是 MQL：只差 `{lacks}`（{points}）"),
            ),
            None => Words::new(
                format!("it is no MQL: `{}` does not hold ({points})", mql.when.text()),
                format!("不是 MQL：`{}` 不成立（{points}）", mql.when.text()),
            ),
        }]
    }
}

/// Why a rule did not decide.
fn why_not(
    decision: &DecisionRecord,
    rule: &str,
    reasons: &[leadloop_sync_core::because::Reason],
) -> Vec<Words> {
    let Some(tried) = decision.tried.iter().find(|tried| tried.rule == rule) else {
        let by = decision.rule.as_deref().unwrap_or_default();
        return vec![Words::new(
            format!("`{rule}` was not asked: `{by}` comes first and holds"),
            format!("未轮到 `{rule}`：`{by}` 在先且成立"),
        )];
    };
    if tried.held {
        let possible = |reason: &&leadloop_sync_core::because::Reason| {
            reason.code == "rule_not_possible" && reason.args.get("rule").is_some_and(|name| name == rule)
        };
        let said = if reasons.iter().any(|reason| possible(&reason)) {
            Words::new(
                format!("`{rule}` holds but cannot be carried out"),
                format!("`{rule}` 成立，但无法执行"),
            )
        } else {
            Words::new(format!("`{rule}` holds"), format!("`{rule}` 成立"))
        };
        return vec![said];
    }
    let saw: Vec<String> =
        tried.saw.iter().map(|(name, value)| format!("{name} = {}", value.to_json())).collect();
    let saw = saw.join(", ");
    vec![match &tried.near {
        Some(near) => Words::new(
            format!("`{rule}` does not hold: only `{near}` is missing ({saw})"),
            format!("`{rule}` 不成立：只差 `{near}`（{saw}）"),
        ),
        None => Words::new(format!("`{rule}` does not hold ({saw})"), format!("`{rule}` 不成立（{saw}）")),
    }]
}

fn object_of(action: &Action) -> Option<&str> {
    match action {
        Action::Create { object, .. } => Some(object),
        Action::Update { remote, .. } => Some(&remote.object),
        Action::Hold { .. } | Action::Decline { .. } => None,
    }
}

fn team_of(action: &Action) -> Option<&str> {
    match action {
        Action::Hold { team, .. } => team.as_deref(),
        _ => None,
    }
}

fn reason_of(action: &Action) -> Option<&str> {
    match action {
        Action::Decline { reason } => Some(reason),
        _ => None,
    }
}

/// Why somebody was taken or passed over, in words.
#[must_use]
pub(super) fn outcome(code: &str) -> Words {
    let (en, zh) = match code {
        "taken" => ("their turn", "轮到此人"),
        "same_company" => ("follows the same company", "负责同一公司"),
        "same_owner" => ("had it before", "原负责人"),
        "named" => ("named by the rule", "规则指定"),
        "poster" => ("by their poster", "本人海报"),
        "owner_of_person" => ("follows this person", "负责此人"),
        "owner_of_company" => ("follows the company", "负责该公司"),
        "on_leave" => ("on leave", "休假"),
        "left" => ("has left", "已离职"),
        "no_user" => ("no user in the CRM", "在 CRM 中没有用户"),
        "cap_per_day" => ("got enough today", "今日已达上限"),
        "open_at_most" => ("has enough open", "在跟已达上限"),
        "cool_down" => ("cooling down", "冷却中"),
        "excepted" => ("left out by the rule", "规则排除"),
        "not_their_turn" => ("not their turn", "未轮到"),
        other => (other, other),
    };
    Words::new(en, zh)
}
