//! The way through all phases.

use std::sync::Arc;

use jiff::tz::TimeZone;
use leadloop_connector_api::Registry;
use leadloop_connector_api::manifest::SystemKind;
use leadloop_mapping::expr::{Expected, Schema};
use leadloop_sync_core::because::Language;
use leadloop_sync_core::capture::IdentifierKind;
use leadloop_sync_core::ids::SourceName;
use leadloop_sync_core::lead::Stage;
use leadloop_sync_core::policy::{
    Campaign, CampaignPolicy, ConsentPolicy, HandoffPolicy, IdentityPolicy, Policy, SourcePolicy,
};

use crate::calendar::calendar;
use crate::lower::get::Get;
use crate::lower::{Context, Secrets, links, normal_identifier, people, rules, sources};
use crate::plan::{Plan, SourcePlan};
use crate::problem::{Problem, Severity, Words};
use crate::text::{Files, Texts, Tree};
use crate::units;

/// What a config is.
pub struct Loaded {
    /// The plan; none where there is an error.
    pub plan: Option<Plan>,
    /// All problems, in the order of the files.
    pub problems: Vec<Problem>,
    /// The texts they point into.
    pub texts: Texts,
}

/// Kinds of identifiers, stronger first, where the config does not say.
const ORDER: [&str; 10] =
    ["crm_id", "phone", "email", "wecom_id", "unionid", "login_id", "ma_id", "openid", "uba_id", "cookie"];

/// Loads the config whose main file is `main`.
#[must_use]
pub fn load(main: &str, files: &dyn Files, secrets: &dyn Secrets, registry: &Registry) -> Loaded {
    let mut ctx = Context::new(files, secrets, registry);
    ctx.read(main, None);
    let plan = plan(&mut ctx);
    ctx.say_missing_secrets();
    let mut problems = std::mem::take(&mut ctx.problems);
    problems.sort_by_key(|problem| (problem.span.file, problem.span.range.start, problem.span.range.end));
    problems.dedup();
    let broken = problems.iter().any(|problem| problem.severity == Severity::Error);
    Loaded { plan: plan.filter(|_| !broken), problems, texts: ctx.texts }
}

fn plan(ctx: &mut Context<'_>) -> Option<Plan> {
    let base = base(ctx);
    let schema = crate::lower::schema::schema(ctx);
    let (crm_plans, crms) = links::crms(ctx);
    let (ma_plans, mas) = links::mas(ctx);
    let crm_names: Vec<String> = crms.keys().map(|name| name.0.clone()).collect();
    let people = people::people(ctx, &crm_names);
    let leave = people::leave(ctx, &people, &base.zone);
    let teams = people::teams(ctx, &people);
    let routes = people::routes(ctx, &teams);
    let (mut source_plans, mut source_policies) = sources::sources(ctx, &schema);
    pushed_by_links(ctx, &schema, &crm_plans, &ma_plans, &mut source_plans, &mut source_policies);
    let names = rules::Names { people: &people, teams: &teams, routes: &routes, crms: &crms, mas: &mas };
    let transfer = rules::transfer(ctx, &schema, &names);
    let sla = rules::slas(ctx, &schema, &names);
    let tracks = rules::tracks(ctx, &schema, &mas);
    let feedback = rules::feedback(ctx, &names, &tracks);
    let policy = Policy {
        config: hash(&ctx.texts),
        zone: base.zone.clone(),
        language: base.language,
        region: base.region.clone(),
        calendar: base.calendar.clone(),
        identity: identity(ctx, &base.region),
        consent: consent(ctx),
        campaign: campaign(ctx, &schema),
        scores: rules::scores(ctx, &schema),
        mql: rules::mql(ctx, &schema),
        handoff: handoff(ctx, crm_plans.first().map(|plan| plan.name.clone())),
        recycle: rules::recycle(ctx),
        sources: source_policies,
        crms,
        mas,
        transfer,
        people,
        leave,
        teams,
        routes,
        sla,
        feedback,
        tracks,
    };
    let links = crm_plans.into_iter().chain(ma_plans).collect();
    Some(Plan {
        hash: policy.config.clone(),
        policy: Arc::new(policy),
        store_url: base.store_url?,
        listen: base.listen?,
        public_url: base.public_url,
        sources: source_plans,
        links,
    })
}

struct Base {
    zone: TimeZone,
    language: Language,
    region: String,
    calendar: leadloop_sync_core::calendar::Calendar,
    store_url: Option<secrecy::SecretString>,
    listen: Option<std::net::SocketAddr>,
    public_url: Option<String>,
}

/// `[leadloop]`, `[store]` and `[server]`.
fn base(ctx: &mut Context<'_>) -> Base {
    let general = ctx.one("leadloop").map(|at| at.value).unwrap_or_default();
    let zone_name = general.text("timezone").unwrap_or("Asia/Shanghai");
    let zone = TimeZone::get(zone_name).unwrap_or_else(|_| {
        if let Some(at) = general.text_at("timezone") {
            ctx.problems.push(
                Problem::error(
                    "LL2029",
                    &at.span,
                    Words::new(format!("`{}` is no time zone", at.value), format!("`{}` 不是时区", at.value)),
                    Words::new("not an IANA name", "不是 IANA 名称"),
                )
                .help("for example `Asia/Shanghai`", "例如 `Asia/Shanghai`"),
            );
        }
        TimeZone::UTC
    });
    let calendar = calendar(ctx, general.table("calendar"), &zone);
    let store_url = match ctx.one("store").and_then(|at| at.value.get("url").cloned()) {
        Some(at) => store_url(ctx, &at),
        None => Some(secrecy::SecretString::from("sqlite:data/leadloop.db")),
    };
    let server = ctx.one("server").map(|at| at.value).unwrap_or_default();
    let listen = match server.text_at("listen") {
        None => Some(std::net::SocketAddr::from(([127, 0, 0, 1], 8080))),
        Some(at) => match at.value.parse() {
            Ok(address) => Some(address),
            Err(_) => {
                ctx.problems.push(
                    Problem::error(
                        "LL2030",
                        &at.span,
                        Words::new(
                            format!("`{}` is no address with a port", at.value),
                            format!("`{}` 不是带端口的地址", at.value),
                        ),
                        Words::new("not an address", "不是地址"),
                    )
                    .help("for example `127.0.0.1:8080`", "例如 `127.0.0.1:8080`"),
                );
                None
            }
        },
    };
    Base {
        zone,
        language: if general.text("language") == Some("en") { Language::En } else { Language::Zh },
        region: general.text("region").unwrap_or("CN").to_owned(),
        calendar,
        store_url,
        listen,
        public_url: server.text("public_url").map(|url| url.trim_end_matches('/').to_owned()),
    }
}

fn store_url(ctx: &mut Context<'_>, at: &crate::text::At<Tree>) -> Option<secrecy::SecretString> {
    if let Tree::Text(url) = &at.value {
        if !["sqlite:", "postgres:", "postgresql:"].iter().any(|scheme| url.starts_with(scheme)) {
            ctx.problems.push(
                Problem::error(
                    "LL2031",
                    &at.span,
                    Words::new("the store is SQLite or PostgreSQL", "存储仅支持 SQLite 或 PostgreSQL"),
                    Words::new("neither `sqlite:` nor `postgres:`", "既非 `sqlite:` 也非 `postgres:`"),
                )
                .help("for example `sqlite:data/leadloop.db`", "例如 `sqlite:data/leadloop.db`"),
            );
            return None;
        }
        let password = url
            .split_once("://")
            .and_then(|(_, rest)| rest.split_once('@'))
            .is_some_and(|(user, _)| user.contains(':'));
        if password {
            ctx.problems.push(crate::shape::literal_secret(&at.span));
            return None;
        }
    }
    ctx.secret(at)
}

/// CRMs and MAs push to `/in/NAME` under their own name: hints of changes, leads, points.
fn pushed_by_links(
    ctx: &mut Context<'_>,
    schema: &Schema,
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
                ctx.problems.push(Problem::error(
                    "LL2015",
                    &name,
                    Words::new(
                        format!("a [[source]] is called `{}` too", link.name),
                        format!("已有 [[source]] 叫 `{}`", link.name),
                    ),
                    Words::new("both would be `/in/NAME`", "两者都会是 `/in/名称`"),
                ));
                continue;
            }
            plans.push(SourcePlan {
                name: SourceName(link.name.0.clone()),
                connector: link.connector.clone(),
                link: link.link.clone(),
                rate_limit: None,
                folder: None,
            });
            if link.kind == SystemKind::Ma
                && let Some(policy) = sources::policy(ctx, &at, schema, Some(&link.connector))
            {
                policies.insert(policy.name.clone(), policy);
            }
        }
    }
}

fn identity(ctx: &mut Context<'_>, region: &str) -> IdentityPolicy {
    let table = ctx.one("identity").map(|at| at.value).unwrap_or_default();
    let written = table.texts("order");
    let order = if written.is_empty() {
        ORDER.iter().map(|kind| IdentifierKind::from(*kind)).collect()
    } else {
        written.iter().map(|kind| IdentifierKind::from(kind.as_str())).collect()
    };
    let limits = table
        .map("limits")
        .into_iter()
        .filter_map(|(kind, limit)| Some((IdentifierKind(kind), units::limit_in(&limit.to_display())?)))
        .collect();
    let blocked = table.texts("blocked").iter().map(|value| normal_identifier(value, region)).collect();
    IdentityPolicy { order, limits, blocked }
}

fn consent(ctx: &mut Context<'_>) -> ConsentPolicy {
    let table = ctx.one("consent").map(|at| at.value).unwrap_or_default();
    ConsentPolicy { transfer_must_be_given: table.text("transfer").unwrap_or("given") == "given" }
}

fn campaign(ctx: &mut Context<'_>, schema: &Schema) -> CampaignPolicy {
    let Some(at) = ctx.one("campaign") else { return CampaignPolicy::default() };
    let channels = at
        .value
        .tables("channel")
        .iter()
        .filter_map(|rule| {
            let when = rule.value.text_at("when").and_then(|when| ctx.expr(&when, schema, Expected::Bool))?;
            Some((rule.value.text("name")?.to_owned(), when))
        })
        .collect();
    let mut table = std::collections::BTreeMap::new();
    if let Some(file) = at.value.text_at("table") {
        for (line, row) in ctx.csv(&file, &["code", "name"]) {
            let Some(code) = row.get("code") else {
                ctx.bad_table(&file, &format!("line {line} has no code"));
                continue;
            };
            let cost = row.get("cost").and_then(|cost| cost.replace(',', "").parse().ok());
            let campaign = Campaign {
                name: row.get("name").cloned().unwrap_or_else(|| code.clone()),
                channel: row.get("channel").cloned(),
                product: row.get("product").cloned(),
                cost,
            };
            table.insert(code.clone(), campaign);
        }
    }
    CampaignPolicy { code: at.value.texts("code"), keep: at.value.texts("keep"), channels, table }
}

fn handoff(ctx: &mut Context<'_>, link: Option<leadloop_sync_core::ids::LinkName>) -> HandoffPolicy {
    let table = ctx.one("handoff").map(|at| at.value).unwrap_or_default();
    let returned = table.table("returned");
    let brief = table.texts("brief");
    HandoffPolicy {
        link,
        brief: if brief.is_empty() {
            ["requirement", "tags", "scores", "last 20 touches", "why"].map(str::to_owned).to_vec()
        } else {
            brief
        },
        returned_to_public_pool: returned.and_then(|returned| returned.text("owner")) != Some("keep"),
        returned_status: returned
            .and_then(|returned| returned.text("status"))
            .and_then(Stage::parse)
            .or(Some(Stage::Resting)),
    }
}

/// A name for this version of the config: 128 bits (FNV-1a) over all its files, in hex. It tells versions apart; it
/// proves nothing.
fn hash(texts: &Texts) -> String {
    let mut state: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    for (name, text) in &texts.files {
        for byte in name.bytes().chain([0]).chain(text.bytes()).chain([0]) {
            state ^= u128::from(byte);
            state = state.wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013B);
        }
    }
    format!("{state:032x}")
}
