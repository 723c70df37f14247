//! The way through all phases.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::civil::Date;
use leadloop_connector_api::Registry;
use leadloop_connector_api::manifest::SystemKind;
use leadloop_sync_core::facts;
use leadloop_sync_core::ids::SourceName;
use leadloop_sync_core::policy::{ANSWERS, Policy, Reads, SourcePolicy};

use crate::live::lock::{self, Lock, LockFile};
use crate::live::{self, Live};
use crate::lower::base::{Base, base};
use crate::lower::general::{campaign, handoff, identity};
use crate::lower::get::Get;
use crate::lower::names::Names;
use crate::lower::schema::Schemas;
use crate::lower::{
    Context, Secrets, companies, crm, desk, enrich, feedback, ma, notify, people, pool, rules, shadow,
    sources,
};
use crate::outline::outline;
use crate::plan::{LinkPlan, Plan, ShadowPlan, SourcePlan};
use crate::problem::{Problem, Severity, Span, Words};
use crate::text::{At, Files, Table, Texts};
use crate::trial::{self, RuleTest, Trial};
use crate::{damage, fingerprint, mask, shape, whole};

/// The code of a secret that is missing.
const MISSING_SECRET: &str = "LL2014";

/// What a config is made from.
#[derive(Clone, Copy)]
pub struct Inputs<'a> {
    /// The main file.
    pub main: &'a str,
    /// The overlay of an environment, where there is one ([`crate::overlay::file_name`]).
    pub overlay: Option<&'a str>,
    /// Where files come from.
    pub files: &'a dyn Files,
    /// Where secrets come from.
    pub secrets: &'a dyn Secrets,
    /// All connectors.
    pub registry: &'a Registry,
    /// The day it is: some data runs out (holidays). None: nothing is said about it.
    pub today: Option<Date>,
}

/// What a config is.
pub struct Loaded {
    /// The plan; none where there is an error.
    pub plan: Option<Plan>,
    /// All problems, in the order of the files.
    pub problems: Vec<Problem>,
    /// The texts they point into, secrets and personal data blotted out.
    pub texts: Texts,
    /// The rules and their tests; there too where nothing but secrets is missing, since rules need none.
    pub rules: Option<Rules>,
}

impl Loaded {
    /// Runs the rule tests; those that fail become problems. None are run where the rules themselves have errors.
    pub fn try_rules(&mut self) -> Vec<Trial> {
        let Some(rules) = &self.rules else { return Vec::new() };
        let trials = trial::run_all(rules);
        self.problems.extend(trial::problems(rules, &trials));
        self.problems
            .sort_by_key(|problem| (problem.span.file, problem.span.range.start, problem.span.range.end));
        trials
    }
}

/// The rules of a config with their tests ([`crate::trial`]).
#[derive(Clone, Debug)]
pub struct Rules {
    /// The rules.
    pub policy: Arc<Policy>,
    /// Their tests, in the order written.
    pub tests: Vec<RuleTest>,
    /// Where each transfer rule has its name.
    pub places: BTreeMap<String, Span>,
}

/// Loads the config whose main file is `main`, without an overlay.
#[must_use]
pub fn load(main: &str, files: &dyn Files, secrets: &dyn Secrets, registry: &Registry) -> Loaded {
    load_from(&Inputs { main, overlay: None, files, secrets, registry, today: None })
}

/// Loads a config by itself.
#[must_use]
pub fn load_from(inputs: &Inputs<'_>) -> Loaded {
    load_beside(inputs, &Beside::default())
}

/// What a config is held against that is right by itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct Beside<'a> {
    /// What was checked against the living systems before.
    pub lock: LockFile<'a>,
    /// What the living systems say.
    pub live: Option<&'a Live>,
}

/// Loads a config and holds it against what was checked before, or what the systems say.
#[must_use]
pub fn load_beside(inputs: &Inputs<'_>, beside: &Beside<'_>) -> Loaded {
    load_into(Context::new(inputs.files, inputs.secrets, inputs.registry), inputs, beside)
}

/// Loads the second rule set of a config: what runs out by itself was said of the first.
pub(crate) fn beside_another(main: &str, first: &Context<'_>) -> Loaded {
    let Context { files, secrets, registry, .. } = *first;
    let mut ctx = Context::new(files, secrets, registry);
    ctx.is_shadow = true;
    let inputs = Inputs { main, overlay: None, files, secrets, registry, today: None };
    load_into(ctx, &inputs, &Beside::default())
}

fn load_into(mut ctx: Context<'_>, inputs: &Inputs<'_>, beside: &Beside<'_>) -> Loaded {
    ctx.read(inputs.main, None);
    if let Some(overlay) = inputs.overlay {
        ctx.lay_over(overlay);
    }
    shape::missing(&ctx.sections, &mut ctx.problems);
    let (rules, plan) = plan(&mut ctx, inputs.today);
    let sound = !ctx.problems.iter().any(|problem| problem.severity == Severity::Error);
    if let Some(plan) = plan.as_ref().filter(|_| sound) {
        beside.check(&mut ctx, plan);
    }
    ctx.say_missing_secrets();
    let mut problems = std::mem::take(&mut ctx.problems);
    problems.sort_by_key(|problem| (problem.span.file, problem.span.range.start, problem.span.range.end));
    problems.dedup();
    let broken = problems.iter().any(|problem| problem.severity == Severity::Error);
    let unruly =
        problems.iter().any(|problem| problem.severity == Severity::Error && problem.code != MISSING_SECRET);
    let mut texts = std::mem::take(&mut ctx.texts);
    problems.retain(|problem| !damage::explains(&ctx.damaged, problem, &texts));
    mask::blot(&mut texts, &ctx.forms, &mut problems);
    Loaded { plan: plan.filter(|_| !broken), problems, texts, rules: Some(rules).filter(|_| !unruly) }
}

impl Beside<'_> {
    fn check(&self, ctx: &mut Context<'_>, plan: &Plan) {
        let Some(live) = self.live else { return lock::check(ctx, &plan.outline, self.lock) };
        live::check(ctx, &plan.policy, live);
        let LockFile::Text(text) = self.lock else { return };
        // One that cannot be read is written anew.
        let Ok(known) = Lock::read(text) else { return };
        for (name, link) in &live.links {
            if let Some(crm) = plan.policy.crms.get(name) {
                lock::drift(ctx, crm, link, &known);
            }
        }
    }
}

fn plan(ctx: &mut Context<'_>, today: Option<Date>) -> (Rules, Option<Plan>) {
    let base = base(ctx);
    let mut names = Names::declared(ctx);
    let schemas = crate::lower::schema::schemas(ctx, &names);
    let (crm_plans, crms) = crm::crms(ctx, &names, &base.zone_name);
    let (ma_plans, mas) = ma::mas(ctx);
    let (registry_plans, enrich) = enrich::registries(ctx);
    let people = people::people(ctx, &homes(&names));
    names.people = people.as_ref().map(|people| people.keys().map(|key| key.0.clone()).collect());
    let people = people.unwrap_or_default();
    let leave = people::leave(ctx, &names, &base.zone);
    let teams = people::teams(ctx, &names);
    let routes = people::routes(ctx, &names, &schemas.transfer);
    let (mut source_plans, source_links, mut source_policies) = sources::sources(ctx, &schemas);
    pushed_by_links(ctx, &schemas, &crm_plans, &ma_plans, &mut source_plans, &mut source_policies);
    let transfer = rules::transfer(ctx, &schemas.transfer, &names);
    let sla = rules::slas(ctx, &schemas.sla, &names);
    let tracks = rules::tracks(ctx, &schemas.lead, &names);
    let feedback = feedback::feedback(ctx, &names, &crms);
    let (notice_plans, notices) = notify::notices(ctx, &people, base.language, base.public_url.is_some());
    let crm = crm_plans.first().map(|plan| plan.name.clone());
    let linked = desk::home(None, &notices).is_some();
    let desk = desk::desk(ctx, &schemas.lead, &names);
    let mut policy = Policy {
        config: hash(&ctx.texts),
        zone: base.zone.clone(),
        language: base.language,
        region: base.region.clone(),
        calendar: base.calendar.clone(),
        identity: identity(ctx, &base.region),
        consent: pool::consent(ctx),
        pool: pool::pool(ctx, &schemas, &names),
        companies: companies::companies(ctx),
        campaign: campaign(ctx, &schemas.touch),
        scores: rules::scores(ctx, &schemas, &names),
        mql: rules::mql(ctx, &schemas),
        judging: Reads::default(),
        handoff: handoff(ctx, desk::home(crm, &notices), linked),
        recycle: rules::recycle(ctx),
        sources: source_policies,
        crms,
        mas,
        enrich,
        transfer,
        people,
        leave,
        teams,
        routes,
        sla,
        feedback,
        tracks,
        desk,
        notices,
    };
    policy.judging = facts::judging(&policy);
    let tests = crate::lower::tests::tests(ctx, &policy, &names);
    whole::check(ctx, &policy, today);
    let shadow = shadow::shadow(ctx, &policy);
    let rules = Rules { policy: Arc::new(policy), tests, places: rule_places(ctx) };
    let links: Vec<_> =
        [crm_plans, ma_plans, source_links, notice_plans, registry_plans].into_iter().flatten().collect();
    let made = (source_plans, links, shadow);
    let plan = whole_plan(base, &rules.policy, made, outline(ctx));
    (rules, plan)
}

/// Everything together, where it is known where to store and where to listen.
fn whole_plan(
    base: Base,
    policy: &Arc<Policy>,
    (sources, links, shadow): (Vec<SourcePlan>, Vec<LinkPlan>, Option<ShadowPlan>),
    outline: serde_json::Value,
) -> Option<Plan> {
    Some(Plan {
        hash: policy.config.clone(),
        policy: Arc::clone(policy),
        store_url: base.store_url?,
        store_keys: base.store_keys,
        listen: base.listen?,
        public_url: base.public_url,
        answer_key: base.answer_key,
        conversations: base.conversations,
        sources,
        links,
        shadow,
        outline: Arc::new(outline),
    })
}

/// Where hand-overs may live: without a CRM on the answer page, where people are known by their own key.
fn homes(names: &Names) -> BTreeSet<String> {
    if names.crms.is_empty() { BTreeSet::from([ANSWERS.to_owned()]) } else { names.crms.clone() }
}

/// Where each transfer rule has its name.
fn rule_places(ctx: &Context<'_>) -> BTreeMap<String, Span> {
    let named = |at: At<Table>| at.value.text_at("name").map(|name| (name.value.to_owned(), name.span));
    ctx.many("transfer").into_iter().filter_map(named).collect()
}

/// CRMs and MAs push to `/in/NAME` under their own name: hints of changes, leads, points.
fn pushed_by_links(
    ctx: &mut Context<'_>,
    schemas: &Schemas,
    crms: &[crate::plan::LinkPlan],
    mas: &[crate::plan::LinkPlan],
    plans: &mut Vec<SourcePlan>,
    policies: &mut std::collections::BTreeMap<SourceName, SourcePolicy>,
) {
    for (section, links) in [("crm", crms), ("ma", mas)] {
        for at in ctx.many(section) {
            let Some(link) = links.iter().find(|link| Some(link.name.as_str()) == at.value.text("name"))
            else {
                continue;
            };
            if plans.iter().any(|plan| plan.name.as_str() == link.name.as_str()) {
                let name = at.value.text_at("name").map_or_else(|| at.span.clone(), |name| name.span);
                ctx.problems.push(
                    Problem::error(
                        "LL2015",
                        &name,
                        Words::new(
                            format!("a [[source]] is called `{}` too", link.name),
                            format!("已有 [[source]] 叫 `{}`", link.name),
                        ),
                        Words::new("both would be `/in/NAME`", "两者都会是 `/in/名称`"),
                    )
                    .help("give each its own name", "请使用不同的名称"),
                );
                continue;
            }
            plans.push(SourcePlan {
                name: SourceName(link.name.0.clone()),
                connector: link.connector.clone(),
                link: link.link.clone(),
                rate_limit: None,
                folder: None,
                canary: None,
            });
            if link.kind == SystemKind::Ma
                && let Some(policy) = sources::policy(ctx, &at, schemas, Some(&link.connector))
            {
                policies.insert(policy.name.clone(), policy);
            }
        }
    }
}

/// A name for this version of the config: the fingerprint of all its files.
fn hash(texts: &Texts) -> String {
    fingerprint::of(texts.files.iter().flat_map(|(name, text)| [name.as_bytes(), text.as_bytes()]))
}
