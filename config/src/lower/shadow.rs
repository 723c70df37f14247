//! `[shadow]`: a second rule set beside the live one. Its file is a config of its own, read by the same phases; only its
//! rules are used, so neither its secrets nor its store have to be there, and a `[shadow]` of its own is not looked at.

use std::sync::Arc;

use leadloop_sync_core::ids::LinkName;
use leadloop_sync_core::policy::Policy;

use super::Context;
use super::get::Get;
use crate::load::{Loaded, beside_another};
use crate::plan::ShadowPlan;
use crate::problem::{Problem, Severity, Span, Words};

/// The second rule set, where there is one.
pub fn shadow(ctx: &mut Context<'_>, live: &Policy) -> Option<ShadowPlan> {
    let at = ctx.one("shadow")?;
    if ctx.is_shadow {
        return None;
    }
    let file = at.value.text_at("file")?;
    let (name, span) = (file.value.to_owned(), file.span.clone());
    if ctx.texts.files.iter().any(|(read, _)| *read == name) {
        ctx.problems.push(itself(&span, &name));
        return None;
    }
    let loaded = beside_another(&name, ctx);
    let Some(rules) = &loaded.rules else {
        ctx.problems.push(broken(&span, &name, &loaded));
        return None;
    };
    let policy = Arc::clone(&rules.policy);
    if policy.handoff.link != live.handoff.link {
        let links = [&policy.handoff.link, &live.handoff.link];
        ctx.problems.push(elsewhere(&span, &name, links));
        return None;
    }
    // Where nothing is handed over there is nothing to decide.
    live.handoff.link.as_ref()?;
    Some(ShadowPlan { file: name, policy })
}

fn itself(span: &Span, name: &str) -> Problem {
    Problem::error(
        "LL2167",
        span,
        Words::new(format!("`{name}` is part of this config"), format!("`{name}` 就是本配置的一部分")),
        Words::new("no second rule set", "不是另一套规则"),
    )
    .help("copy the config, change the copy and name it here", "请复制一份配置，修改后在此填写其文件名")
}

/// A warning: the live rules are right without it, and shall start and go on whatever becomes of the shadow's file.
fn broken(span: &Span, name: &str, loaded: &Loaded) -> Problem {
    let errors = || loaded.problems.iter().filter(|problem| problem.severity == Severity::Error);
    let (count, first) = (errors().count(), errors().next());
    let place = first.map(|problem| {
        let (line, _) = loaded.texts.place(problem.span.file, problem.span.range.start);
        let file = loaded.texts.files.get(problem.span.file).map_or(name, |(file, _)| file.as_str());
        format!("{} {file}:{line}", problem.code)
    });
    let place = place.unwrap_or_default();
    let (en, zh) = first.map_or(("", ""), |problem| (&*problem.message.en, &*problem.message.zh));
    Problem::warning(
        "LL2166",
        span,
        Words::new(
            format!("the rules in `{name}` cannot be used, so nothing decides beside the live ones; errors: {count}, the first is {place}: {en}"),
            format!("`{name}` 中的规则无法使用，因此没有影子规则；错误数：{count}，第一个是 {place}：{zh}"),
        ),
        Words::new("named here", "在此引用"),
    )
    .help(
        format!("`leadloop --config {name} check` shows all of them"),
        format!("`leadloop --config {name} check` 列出全部错误"),
    )
}

fn elsewhere(span: &Span, name: &str, links: [&Option<LinkName>; 2]) -> Problem {
    let [theirs, ours] = links.map(|link| link.as_ref().map_or("-", LinkName::as_str));
    Problem::error(
        "LL2168",
        span,
        Words::new(
            format!(
                "`{name}` hands leads over to `{theirs}`, this config to `{ours}`: nothing could be compared"
            ),
            format!("`{name}` 将线索转给 `{theirs}`，本配置转给 `{ours}`，两者无法比较"),
        ),
        Words::new("another CRM", "CRM 不同"),
    )
    .help("leave the first [[crm]] as it is in both files", "请让两个文件中的第一个 [[crm]] 保持一致")
}
