//! `[[test]]`: what comes in, what the CRM knows, what must come out. Run by [`crate::trial`].

use std::collections::{BTreeMap, BTreeSet};

use jiff::tz::TimeZone;
use leadloop_mapping::Record;
use leadloop_sync_core::capture::RawLead;
use leadloop_sync_core::ids::{PersonKey, SourceName};
use leadloop_sync_core::lead::Stage;
use leadloop_sync_core::mirror::OwnerState;
use leadloop_sync_core::policy::{Brings, Policy};
use leadloop_sync_core::time::Timestamp;
use leadloop_sync_core::{because, facts};

use super::Context;
use super::fields::declared_fields;
use super::get::Get;
use super::names::{Names, SOURCE, TEAM, TRACK, Thing, with_names};
use crate::problem::{Problem, Span, Words};
use crate::suggest::nearest;
use crate::text::{At, Table, Tree};
use crate::trial::{Before, Expect, Expectation, InFlight, Known, RuleTest, Staff, Step, Who};
use crate::units;

/// A score model.
const SCORE: Thing = Thing { en: "score", zh: "打分模型", home: "[[score]]" };
/// A feedback tag.
const TAG: Thing = Thing { en: "feedback tag", zh: "反馈标签", home: "[[feedback]]" };
/// A reason.
const REASON: Thing = Thing { en: "reason", zh: "原因代码", home: "" };
/// The time it is where a test does not say: a Wednesday morning, no holiday anywhere near.
const NOW: &str = "2026-01-07T10:00:00";
/// Most touches of one test.
const MOST_TOUCHES: usize = 200;

/// What tests refer to.
struct Ground<'a> {
    policy: &'a Policy,
    names: &'a Names,
    zone: &'a TimeZone,
    declared: BTreeSet<String>,
}

/// All tests. One with a mistake in it is left out: it was said.
pub fn tests(ctx: &mut Context<'_>, policy: &Policy, names: &Names) -> Vec<RuleTest> {
    ctx.unique("test", "name");
    let ground = Ground { policy, names, zone: &policy.zone, declared: declared_fields(ctx) };
    let tables = ctx.many("test");
    tables.iter().filter_map(|at| test(ctx, at, &ground)).collect()
}

fn test(ctx: &mut Context<'_>, at: &At<Table>, ground: &Ground<'_>) -> Option<RuleTest> {
    let name = at.value.text_at("name")?;
    let empty = Table::default();
    let lead = at.value.table("lead")?;
    let now = time(at.value.text("now").unwrap_or(NOW), ground.zone)?;
    let expect = expectations(ctx, at, ground);
    let crm = at.value.table("crm");
    needs_crm(ctx, at, ground);
    let steps = steps(ctx, at, lead, now, ground);
    let scores = points(ctx, at.value.table("score").unwrap_or(&empty), ground);
    Some(RuleTest {
        name: name.value.to_owned(),
        span: name.span,
        now,
        steps,
        before: at.value.table("before").map(|before| self::before(ctx, before, ground)),
        scores: scores.into_iter().map(|(name, points, _)| (name, points)).collect(),
        person: crm.and_then(|crm| crm.table("person")).map(|person| known(ctx, person, ground)),
        company: crm.and_then(|crm| crm.table("company")).map(|company| known(ctx, company, ground)),
        in_flight: crm.and_then(|crm| crm.table("in_flight")).map(|running| InFlight {
            count: running.int("count").and_then(|count| u32::try_from(count).ok()).unwrap_or(1),
            owner: owner(ctx, running, ground),
        }),
        staff: staff(ctx, at.value.table("people").unwrap_or(&empty), ground),
        counters: counters(ctx, at.value.table("counters").unwrap_or(&empty)),
        expect,
    })
}

fn time(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    units::wall(text)?.to_zoned(zone.clone()).ok().map(|at| at.timestamp().into())
}

/// A test of what the CRM knows needs one.
fn needs_crm(ctx: &mut Context<'_>, at: &At<Table>, ground: &Ground<'_>) {
    let Some(crm) = at.value.get("crm") else { return };
    let Some(policy) = ground.policy.handoff.link.as_ref().and_then(|link| ground.policy.crms.get(link))
    else {
        if ground.names.crms.is_empty() {
            let problem = unusable(&crm.span, "there is no CRM that could know something", "没有配置 CRM");
            ctx.problems
                .push(problem.help("add a [[crm]], or take `crm` out", "请添加 [[crm]]，或删除 `crm`"));
        }
        return;
    };
    let table = at.value.table("crm");
    let company = table.and_then(|table| table.get("company"));
    if let Some(company) = company.filter(|_| !policy.mirrored.iter().any(|object| object == "account")) {
        let problem =
            unusable(&company.span, "accounts of this CRM are not mirrored", "该 CRM 的客户未被镜像");
        ctx.problems.push(problem.help(
            "add \"account\" to `mirror.objects` of the [[crm]]; until then no rule ever sees a company there",
            "请在 [[crm]] 的 `mirror.objects` 中加入 \"account\"；否则规则永远看不到其中的公司",
        ));
    }
}

/// Something a test says that cannot be.
fn unusable(span: &Span, en: &str, zh: &str) -> Problem {
    let label = Words::new("cannot be tested so", "无法这样测试");
    Problem::error("LL2062", span, Words::new(en, zh), label)
}

fn steps(
    ctx: &mut Context<'_>,
    at: &At<Table>,
    lead: &Table,
    now: Timestamp,
    ground: &Ground<'_>,
) -> Vec<Step> {
    let own = lead.text_at("source");
    let profile = profile(ctx, lead, ground);
    let touches = at.value.tables("touches");
    if touches.is_empty() {
        let Some(source) = own else {
            let span = at.value.get("lead").map_or(&at.span, |lead| &lead.span);
            ctx.problems.push(no_source(span));
            return Vec::new();
        };
        if !brings_touches(ctx, &source, ground) {
            return Vec::new();
        }
        let touch = lead.text("touch").map(str::to_owned);
        let raw = RawLead { touch, fields: profile, position: 1, ..RawLead::default() };
        return vec![Step { source: SourceName::from(source.value), at: now, raw }];
    }
    if let Some(surplus) = touches.get(MOST_TOUCHES) {
        let problem = unusable(
            &surplus.span,
            &format!("a test has at most {MOST_TOUCHES} touches"),
            &format!("一个测试最多 {MOST_TOUCHES} 次互动"),
        );
        ctx.problems.push(problem.help("take some out", "请删减"));
        return Vec::new();
    }
    let mut steps = Vec::new();
    for touch in &touches {
        let Some(source) = touch.value.text_at("source").or_else(|| own.clone()) else {
            ctx.problems.push(no_source(&touch.span));
            continue;
        };
        if !brings_touches(ctx, &source, ground) {
            continue;
        }
        let Some(at) = when(ctx, touch, now, ground.zone) else { continue };
        let mut fields = profile.clone();
        described(ctx, touch, &mut fields);
        let kind = touch.value.text("touch").or_else(|| lead.text("touch")).map(str::to_owned);
        let raw = RawLead { touch: kind, fields, position: 1, ..RawLead::default() };
        steps.push(Step { source: SourceName::from(source.value), at, raw });
    }
    steps.sort_by_key(|step| step.at);
    steps
}

fn no_source(span: &Span) -> Problem {
    Problem::error(
        "LL2005",
        span,
        Words::new("`source` is missing", "缺少 `source`"),
        Words::new("where does it come from?", "来自哪里？"),
    )
    .help(
        "add `source = \"…\"`, the name of a [[source]]",
        "请添加 `source = \"…\"`，即某个 [[source]] 的名称",
    )
}

/// A source that can be tried: it is there and brings touches.
fn brings_touches(ctx: &mut Context<'_>, source: &At<&str>, ground: &Ground<'_>) -> bool {
    if !ctx.defined(SOURCE, source, &ground.names.sources) {
        return false;
    }
    let answers =
        ground.policy.sources.get(source.value).is_some_and(|policy| policy.brings == Brings::Answers);
    if answers {
        let problem = unusable(
            &source.span,
            "this source brings answers of sales, no leads",
            "该来源带来销售反馈，不带来线索",
        );
        ctx.problems.push(problem.help("name a source that brings touches", "请使用带来互动的来源"));
    }
    !answers
}

/// The time of a touch.
fn when(ctx: &mut Context<'_>, touch: &At<&Table>, now: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
    let (ago, at) = (touch.value.get("ago"), touch.value.text_at("at"));
    match (ago, at) {
        (Some(ago), Some(_)) => {
            let problem = unusable(&ago.span, "a touch has one time", "一次互动只有一个时间");
            ctx.problems.push(problem.help("write `ago` or `at`", "请只写 `ago` 或 `at`"));
            None
        }
        (Some(_), None) => Some(now - touch.value.duration("ago")?),
        (None, None) => Some(now),
        (None, Some(at)) => {
            let time = time(at.value, zone)?;
            if time > now {
                let problem = unusable(&at.span, "this touch is later than `now`", "该互动晚于 `now`");
                ctx.problems.push(
                    problem.help("set `now` of the test to a later time", "请把测试的 `now` 设为更晚的时间"),
                );
                return None;
            }
            Some(time)
        }
    }
}

/// What is known of the person: fields of the pool.
fn profile(ctx: &mut Context<'_>, lead: &Table, ground: &Ground<'_>) -> Record {
    let mut fields = Record::new();
    for (key, value) in &lead.entries {
        let Some(said) = value.value.to_value() else { continue };
        match key.value.as_str() {
            "source" | "touch" => {}
            "consent" => fields.set("consent.transfer", said),
            name => {
                let name = whole_name(name);
                ctx.asked_for(&At { value: name.as_str(), span: key.span.clone() }, &ground.declared);
                fields.set(name, said);
            }
        }
    }
    fields
}

/// Company fields go by their short name too, where no field of the person has it: `employees`.
fn whole_name(name: &str) -> String {
    let of_company = facts::COMPANY_TEXTS.contains(&name) || facts::COMPANY_NUMBERS.contains(&name);
    if of_company && !facts::LEAD_TEXTS.contains(&name) { format!("company.{name}") } else { name.to_owned() }
}

/// What describes a touch: every key that is not one of the test's own.
fn described(ctx: &mut Context<'_>, touch: &At<&Table>, fields: &mut Record) {
    const OWN: [&str; 5] = ["touch", "source", "ago", "at", "consent"];
    for (key, value) in &touch.value.entries {
        let Some(said) = value.value.to_value() else { continue };
        match key.value.as_str() {
            "consent" => fields.set("consent.transfer", said),
            name if OWN.contains(&name) => {}
            name => {
                if let Some(near) = nearest(name, ["touch", "source", "consent"].into_iter()) {
                    let problem = Problem::warning(
                        "LL2052",
                        &key.span,
                        Words::new(
                            format!("`{name}` describes the touch"),
                            format!("`{name}` 被视为互动的描述"),
                        ),
                        Words::new("not a key of the test", "不是测试的键"),
                    );
                    ctx.problems.push(
                        problem.help(format!("did you mean `{near}`?"), format!("是否想写 `{near}`？")),
                    );
                }
                let bare = name.strip_prefix("touch.").unwrap_or(name);
                fields.set(format!("touch.{bare}"), said);
            }
        }
    }
}

fn before(ctx: &mut Context<'_>, table: &Table, ground: &Ground<'_>) -> Before {
    if let Some(track) = table.text_at("track") {
        ctx.defined(TRACK, &track, &ground.names.tracks);
    }
    if let Some(tag) = table.text_at("feedback") {
        ctx.defined(TAG, &tag, &ground.names.tags);
    }
    let mut people = |key: &str| -> Vec<PersonKey> {
        table
            .texts_at(key)
            .into_iter()
            .map(|at| {
                ctx.person(&at, ground.names);
                PersonKey::from(at.value)
            })
            .collect()
    };
    let (cooling, next_owner) = (people("cooling"), people("next_owner").pop());
    let count = |key: &str| table.int(key).and_then(|count| u32::try_from(count).ok());
    Before {
        stage: table.text("stage").and_then(Stage::parse),
        mql: table.flag("mql"),
        days_in_stage: table.int("days_in_stage"),
        days_since_first_touch: table.int("days_since_first_touch"),
        days_since_last_touch: table.int("days_since_last_touch"),
        touches: count("touches"),
        channel: table.text("channel").map(str::to_owned),
        campaign: table.text("campaign").map(str::to_owned),
        tags: table.texts("tags"),
        track: table.text("track").map(str::to_owned),
        feedback: table.text("feedback").map(str::to_owned),
        recycled: count("recycled"),
        returned: count("returned").unwrap_or(0),
        cooling,
        next_owner,
    }
}

fn owner(ctx: &mut Context<'_>, table: &Table, ground: &Ground<'_>) -> Option<Who> {
    match (table.text_at("owner"), table.text_at("user")) {
        (Some(_), Some(user)) => {
            let problem = unusable(&user.span, "a record has one owner", "一条记录只有一个负责人");
            ctx.problems.push(problem.help("write `owner` or `user`", "请只写 `owner` 或 `user`"));
            None
        }
        (Some(owner), None) => {
            ctx.person(&owner, ground.names);
            Some(Who::Person(PersonKey::from(owner.value)))
        }
        (None, user) => user.map(|user| Who::User(user.value.to_owned())),
    }
}

/// A person or a company as the CRM knows it.
fn known(ctx: &mut Context<'_>, table: &Table, ground: &Ground<'_>) -> Known {
    let owner = owner(ctx, table, ground);
    let state = table.text_at("owner_state");
    if let (None, Some(state)) = (&owner, &state)
        && state.value != "none"
    {
        let problem =
            unusable(&state.span, "there is no owner to be in this state", "没有负责人，也就没有状态");
        ctx.problems.push(problem.help("add `owner = \"…\"`", "请添加 `owner = \"…\"`"));
    }
    let text = |key: &str| table.text(key).map(str::to_owned);
    Known {
        name: text("name"),
        phone: text("phone"),
        email: text("email"),
        credit_code: text("credit_code"),
        website: text("website"),
        object: text("object"),
        owner,
        owner_state: state.and_then(|state| state_of(state.value)),
        idle_days: table.int("idle_days").unwrap_or(0),
        open_opportunity: table.flag("open_opportunity").unwrap_or(false),
        customer: table.flag("customer").unwrap_or(false),
        status: table.get("status").and_then(|at| at.value.to_value()).map(|status| status.to_display()),
    }
}

fn state_of(word: &str) -> Option<OwnerState> {
    [OwnerState::Active, OwnerState::OnLeave, OwnerState::Left, OwnerState::None]
        .into_iter()
        .find(|state| state.as_str() == word)
}

fn staff(ctx: &mut Context<'_>, table: &Table, ground: &Ground<'_>) -> Vec<Staff> {
    let mut staff = Vec::new();
    for (key, value) in &table.entries {
        ctx.person(&At { value: key.value.as_str(), span: key.span.clone() }, ground.names);
        let Tree::Table(said) = &value.value else { continue };
        staff.push(Staff {
            person: PersonKey::from(key.value.as_str()),
            state: said.text("state").and_then(state_of),
            open: said.int("open"),
            today: said.int("today").and_then(|today| u32::try_from(today).ok()).unwrap_or(0),
        });
    }
    staff
}

fn counters(ctx: &mut Context<'_>, table: &Table) -> BTreeMap<String, serde_json::Value> {
    let mut counters = BTreeMap::new();
    for (key, value) in &table.entries {
        let Tree::Text(text) = &value.value else { continue };
        match serde_json::from_str(text) {
            Ok(json) => {
                counters.insert(key.value.clone(), json);
            }
            Err(_) => {
                let problem =
                    unusable(&value.span, "a counter is a small JSON document", "计数应为 JSON 文本");
                ctx.problems.push(problem.help(
                    "as `leadloop test --record` writes it, such as '{\"li.na\":1}'",
                    "写法同 `leadloop test --record` 的输出，如 '{\"li.na\":1}'",
                ));
            }
        }
    }
    counters
}

fn points(ctx: &mut Context<'_>, table: &Table, ground: &Ground<'_>) -> Vec<(String, i64, Span)> {
    let models: BTreeSet<String> = ground.policy.scores.iter().map(|model| model.name.clone()).collect();
    let mut points = Vec::new();
    for (key, value) in &table.entries {
        let Tree::Int(number) = value.value else { continue };
        let name = At { value: key.value.as_str(), span: key.span.clone() };
        if !ctx.defined(SCORE, &name, &models) {
            continue;
        }
        let range =
            ground.policy.scores.iter().find(|model| model.name == key.value).map(|model| model.range);
        if let Some((least, most)) = range.filter(|(least, most)| !(least..=most).contains(&&number)) {
            let en = format!("`score.{}` lies between {least} and {most}", key.value);
            let zh = format!("`score.{}` 的范围是 {least} 到 {most}", key.value);
            let problem = unusable(&value.span, &en, &zh);
            ctx.problems.push(problem.help("write a number of its `range`", "请写其 `range` 之内的数"));
            continue;
        }
        points.push((key.value.clone(), number, value.span.clone()));
    }
    points
}

fn expectations(ctx: &mut Context<'_>, at: &At<Table>, ground: &Ground<'_>) -> Vec<Expectation> {
    let Some(Tree::Table(table)) = at.value.get("expect").map(|expect| &expect.value) else {
        return Vec::new();
    };
    let span = at.value.get("expect").map_or(&at.span, |expect| &expect.span);
    let mut expect = Vec::new();
    for (key, value) in &table.entries {
        let found = match key.value.as_str() {
            "score" => {
                let Tree::Table(wanted) = &value.value else { continue };
                for (name, points, span) in points(ctx, wanted, ground) {
                    expect.push(Expectation { what: Expect::Score(name, points), span });
                }
                continue;
            }
            "because" => {
                let known: BTreeSet<String> =
                    because::catalogue().iter().map(|(code, ..)| (*code).to_owned()).collect();
                for code in table.texts_at("because") {
                    if ctx.defined(REASON, &code, &known) {
                        let what = Expect::Because(code.value.to_owned());
                        expect.push(Expectation { what, span: code.span });
                    }
                }
                continue;
            }
            name => expectation(ctx, name, value, ground),
        };
        expect.extend(found.map(|what| Expectation { what, span: value.span.clone() }));
    }
    if table.entries.is_empty() {
        let problem = Problem::error(
            "LL2061",
            span,
            Words::new("this test expects nothing", "该测试没有期望"),
            Words::new("it could never fail", "它永远不会失败"),
        );
        ctx.problems.push(problem.help(
            "say what must come out: `expect = { rule = \"…\", owner = \"…\" }`",
            "请写明期望：`expect = { rule = \"…\", owner = \"…\" }`",
        ));
    }
    contradictions(ctx, table);
    expect
}

/// What no outcome can meet.
fn contradictions(ctx: &mut Context<'_>, table: &Table) {
    let none = (table.flag("handed_over") == Some(false)).then_some("handed_over = false");
    let nobody = (table.flag("public_pool") == Some(true)).then_some("public_pool = true");
    let given = table.text("action").is_some_and(|action| matches!(action, "create" | "update"));
    let pairs = [
        ("owner", nobody.or(none)),
        ("user", nobody.or(none)),
        ("action", none.filter(|_| given)),
        ("public_pool", none.filter(|_| nobody.is_some())),
    ];
    for (one, other) in pairs {
        let (Some(at), Some(other)) = (table.get(one), other) else { continue };
        let problem = unusable(
            &at.span,
            &format!("`{one}` and `{other}` cannot both be"),
            &format!("`{one}` 与 `{other}` 不能同时成立"),
        );
        ctx.problems.push(problem.help("keep one of them", "请只保留其一"));
    }
}

fn expectation(ctx: &mut Context<'_>, name: &str, value: &At<Tree>, ground: &Ground<'_>) -> Option<Expect> {
    let text = match &value.value {
        Tree::Text(text) => Some(At { value: text.as_str(), span: value.span.clone() }),
        _ => None,
    };
    let flag = match value.value {
        Tree::Bool(yes) => Some(yes),
        _ => None,
    };
    Some(match name {
        "rule" => {
            let text = text?;
            let rules: BTreeSet<String> = ctx
                .many("transfer")
                .iter()
                .filter_map(|at| at.value.text("name").map(str::to_owned))
                .collect();
            if !rules.contains(text.value) {
                ctx.problems.push(no_rule(&text, &rules));
                return None;
            }
            Expect::Rule(text.value.to_owned())
        }
        "owner" => {
            let text = text?;
            ctx.person(&text, ground.names).then(|| Expect::Owner(PersonKey::from(text.value)))?
        }
        "user" => Expect::User(text?.value.to_owned()),
        "public_pool" => Expect::PublicPool(flag?),
        "handed_over" => Expect::HandedOver(flag?),
        "action" => Expect::Action(text?.value.to_owned()),
        "object" => Expect::Object(text?.value.to_owned()),
        "held" => match (flag, text) {
            (Some(yes), _) => Expect::Held(yes),
            (None, text) => {
                let text = text?;
                ctx.defined(TEAM, &text, &ground.names.teams)
                    .then(|| Expect::HeldFor(text.value.to_owned()))?
            }
        },
        "declined" => match flag {
            Some(yes) => Expect::Declined(yes),
            None => Expect::DeclinedFor(text?.value.to_owned()),
        },
        "mql" => Expect::Mql(flag?),
        "stage" => Expect::Stage(Stage::parse(text?.value)?),
        "track" => {
            let text = text?;
            ctx.defined(TRACK, &text, &ground.names.tracks).then(|| Expect::Track(text.value.to_owned()))?
        }
        "quarantined" => Expect::Quarantined(text?.value.to_owned()),
        _ => return None,
    })
}

/// A rule that is not there: the nearest one, or all of them.
fn no_rule(at: &At<&str>, rules: &BTreeSet<String>) -> Problem {
    let said = Problem::error(
        "LL2013",
        &at.span,
        Words::new(
            format!("there is no transfer rule `{}`", at.value),
            format!("没有名为 `{}` 的转出规则", at.value),
        ),
        Words::new("not defined", "未定义"),
    );
    with_names(said, at.value, rules.iter().map(String::as_str))
}
