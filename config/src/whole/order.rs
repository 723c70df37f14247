//! Lists of which the first that holds decides: a rule behind one that always holds before it can never fire.

use leadloop_mapping::expr::{Expr, Form};
use leadloop_sync_core::policy::{Assign, Deed, Policy, RuleAction, Who};

use super::named;
use crate::lower::Context;
use crate::problem::{Problem, Span, Words};

/// One rule of a list.
struct Step {
    name: String,
    span: Span,
    form: Form,
    /// Whether nothing behind it is tried once it holds.
    decides: bool,
}

/// Checks transfer rules, response times and channels.
pub(super) fn check(ctx: &mut Context<'_>, policy: &Policy) {
    transfer(ctx, policy);
    let tables = ctx.many("sla");
    let steps = policy.sla.iter().zip(&tables).map(|(rule, at)| {
        let span = super::place(at, "name");
        Step { name: rule.name.clone(), span, form: Form::of(&rule.when), decides: true }
    });
    let steps: Vec<Step> = steps.collect();
    covered(ctx, &steps);
    let rules = ctx.many("campaign");
    let rules: Vec<_> = rules.first().map(channel_places).unwrap_or_default();
    let channels = policy.campaign.channels.iter().zip(rules).map(|((name, when), span)| Step {
        name: name.clone(),
        span,
        form: Form::of(when),
        decides: true,
    });
    let channels: Vec<Step> = channels.collect();
    covered(ctx, &channels);
}

fn channel_places(at: &crate::text::At<crate::text::Table>) -> Vec<Span> {
    use crate::lower::get::Get;
    let rules = at.value.tables("channel");
    rules.iter().map(|rule| rule.value.get("name").map_or(&rule.span, |at| &at.span).clone()).collect()
}

fn transfer(ctx: &mut Context<'_>, policy: &Policy) {
    let tables = ctx.many("transfer");
    let steps: Vec<Step> = policy
        .transfer
        .iter()
        .filter_map(|rule| {
            let at = named(&tables, &rule.name)?;
            let form = Form::of(&rule.when);
            let decides = decides(&rule.does, &rule.when, &form);
            Some(Step { name: rule.name.clone(), span: super::place(at, "name"), form, decides })
        })
        .collect();
    covered(ctx, &steps);
    let Some(last) = tables.last() else { return };
    let some_are_wrong = steps.len() < tables.len();
    if some_are_wrong || steps.iter().any(|step| step.decides && step.form.is_always()) {
        return;
    }
    let problem = match steps.iter().find(|step| step.form.is_always()) {
        Some(step) => Problem::error(
            "LL2025",
            &step.span,
            Words::new(
                format!("`{}` always holds, but may come to nothing", step.name),
                format!("`{}` 恒成立，但可能无法执行", step.name),
            ),
            Words::new("it waits, or needs a match or an owner", "需要等待，或依赖匹配记录、负责人"),
        ),
        None => Problem::error(
            "LL2025",
            &last.span,
            Words::new("no transfer rule always holds", "没有恒成立的转出规则"),
            Words::new("a lead that fits no rule would be stuck", "不符合任何规则的线索会滞留"),
        ),
    };
    ctx.problems.push(problem.help(
        "add a last rule: `when = 'true'`, `do = { create = \"lead\", assign = { … } }`",
        "请在最后添加规则：`when = 'true'`，`do = { create = \"lead\", assign = { … } }`",
    ));
}

/// Whether a rule that holds surely leads to something: else the next ones are tried.
fn decides(does: &RuleAction, when: &Expr, form: &Form) -> bool {
    let owner_may_be_gone = matches!(does.assign, Some(Assign::OwnerOf(_) | Assign::Poster));
    match &does.deed {
        Deed::Decline => true,
        Deed::Hold { .. } => false,
        Deed::Create(_) => !owner_may_be_gone,
        Deed::Update(who) => {
            let name = match who {
                Who::Person => "crm.person.found",
                Who::Company => "crm.company.found",
            };
            !owner_may_be_gone && when.reads().contains(name) && form.demands(name)
        }
    }
}

/// Says which steps stand behind one that covers them.
fn covered(ctx: &mut Context<'_>, steps: &[Step]) {
    for (at, step) in steps.iter().enumerate() {
        if step.form.is_never() {
            continue; // said where its condition stands
        }
        let earlier =
            steps.iter().take(at).find(|earlier| earlier.decides && step.form.implies(&earlier.form));
        let Some(earlier) = earlier else { continue };
        let (label, also) = if earlier.form.is_always() {
            (
                Words::new("stands behind a rule that always holds", "位于恒成立的规则之后"),
                (format!("`{}` always holds", earlier.name), format!("`{}` 恒成立", earlier.name)),
            )
        } else {
            (
                Words::new("whenever it holds, an earlier rule holds too", "它成立时，前面的规则必定也成立"),
                (format!("`{}` comes first", earlier.name), format!("`{}` 在先", earlier.name)),
            )
        };
        ctx.problems.push(
            Problem::error(
                "LL2023",
                &step.span,
                Words::new(
                    format!("the rule `{}` can never fire", step.name),
                    format!("规则 `{}` 永远不会生效", step.name),
                ),
                label,
            )
            .also(&earlier.span, also.0, also.1)
            .help("move it above that rule, or take it out", "请移到该规则之前，或删除"),
        );
    }
}
