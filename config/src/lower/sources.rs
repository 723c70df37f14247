//! Sources: what each brings and how it is read.

use std::collections::BTreeMap;
use std::path::PathBuf;

use leadloop_connector_api::canary::Canary;
use leadloop_connector_api::manifest::SystemKind;
use leadloop_connector_api::{Connector, Link, Told, settings};
use leadloop_mapping::expr::{Expected, Expr};
use leadloop_mapping::{Record, Value};
use leadloop_sync_core::capture::IdentifierKind;
use leadloop_sync_core::ids::{LinkName, SourceName};
use leadloop_sync_core::policy::{Brings, Polling, SourcePolicy};
use leadloop_sync_core::time::{Micros, Timestamp};

use super::Context;
use super::fields::declared_fields;
use super::files::Form;
use super::get::Get;
use super::limits::{limits, reserve};
use super::names::with_names;
use super::schema::Schemas;
use crate::plan::{LinkPlan, SourcePlan};
use crate::problem::{Problem, Span, Words};
use crate::text::{At, Table, Tree};
use crate::units;

/// No source is read more often than this.
const SHORTEST: Micros = Micros::seconds(30);
/// No source is tried more often than this.
const OFTENEST: Micros = Micros::minutes(1);
/// The same content within this time is one event, where the config does not say.
const DUPLICATE_WITHIN: Micros = Micros::minutes(10);

impl Context<'_> {
    /// A connector's settings, checked against its manifest, secrets resolved.
    pub fn settings_of(&mut self, owner: &At<Table>, kind: SystemKind) -> Option<(String, Link)> {
        let name = owner.value.text("name")?.to_owned();
        let written = owner.value.text_at("connector")?;
        let fitting: Vec<&str> = self
            .registry
            .names()
            .filter(|known| self.registry.get(known).is_some_and(|c| c.manifest().kinds.contains(&kind)))
            .collect();
        if !fitting.contains(&written.value) {
            let other = self.registry.get(written.value).is_some();
            self.problems.push(no_connector(&written, kind, &fitting, other));
            return None;
        }
        let named = self.registry.get(written.value)?;
        let told = self.told(named, owner)?;
        let connector = told.map_or(named, |told| told.0);
        let empty = Table::default();
        let given = owner.value.table("settings").unwrap_or(&empty);
        let at = owner.value.get("settings").map_or(&written.span, |at| &at.span).clone();
        let mut wanted = to_toml(given);
        // What stands in the source's own table and is the connector's to judge.
        if let Some(origins) = to_toml(&owner.value).remove("allowed_origins") {
            wanted.entry("allowed_origins").or_insert(origins);
        }
        // The connector's own default is for links without a config.
        let zone = self.sections.get("leadloop").and_then(|at| at.first()?.value.text("timezone"));
        if let Some(zone) = zone.filter(|_| connector.manifest().setting_named("timezone").is_some()) {
            wanted.entry("timezone").or_insert_with(|| toml::Value::String(zone.to_owned()));
        }
        let (checked, problems) = settings::check(connector, &wanted);
        for problem in problems {
            let secret = problem.kind == settings::ProblemKind::NotAReference;
            let span = place_of(given, &problem.path, secret)
                .or_else(|| place_of(&owner.value, &problem.path, secret))
                .unwrap_or_else(|| at.clone());
            let code = match problem.kind {
                settings::ProblemKind::NotAReference => "LL2008",
                settings::ProblemKind::Missing => "LL2005",
                _ => "LL2019",
            };
            let chinese = problem.chinese.detail.unwrap_or_else(|| problem.detail.clone());
            let label =
                Words::new(format!("setting of `{}`", written.value), format!("`{}` 的设置", written.value));
            let said = Problem::error(code, &span, Words::new(problem.detail, chinese), label);
            self.problems.push(match problem.help {
                Some(help) => said.help(help.clone(), problem.chinese.help.unwrap_or(help)),
                None => said.help(
                    format!(
                        "its settings: leadloop schema, or docs/reference/connectors.md#{}",
                        written.value
                    ),
                    format!("设置说明：leadloop schema 或 docs/reference/connectors.md#{}", written.value),
                ),
            });
        }
        let mut secrets = BTreeMap::new();
        for (key, reference) in &checked.secrets {
            let (kind, target) = reference.parts();
            let span = place_of(given, std::slice::from_ref(key), true).unwrap_or_else(|| at.clone());
            if let Some(secret) = self.resolve(kind, target, &span) {
                secrets.insert(key.clone(), secret);
            }
        }
        let mut link = checked.into_link(LinkName(name), secrets);
        link.told = told;
        Some((written.value.to_owned(), link))
    }

    /// What a connector is told by the file that a setting names; `None` after saying what is wrong with it.
    #[expect(clippy::option_option, reason = "most connectors are told nothing, and that is right")]
    fn told(&mut self, connector: &'static dyn Connector, owner: &At<Table>) -> Option<Option<Told>> {
        let Some(setting) = connector.told_by() else { return Some(None) };
        let written = owner.value.table("settings").and_then(|settings| settings.text_at(setting));
        let default =
            connector.manifest().setting_named(setting).and_then(|setting| setting.default.as_ref());
        let at = owner.value.get("settings").map_or_else(|| owner.span.clone(), |at| at.span.clone());
        let named = written.map(|at| (at.value.to_owned(), at.span));
        let named = named.or_else(|| Some((default?.as_str()?.to_owned(), at)));
        // where it is missing, the check of the settings says so
        let Some((name, named_at)) = named else { return Some(None) };
        let file = self.file(&name, Some(&named_at), Form::Toml)?;
        match connector.told(self.text(file)) {
            Ok(told) => {
                if let Some(link) = owner.value.text("name") {
                    self.told.insert(link.to_owned(), told);
                }
                Some(Some(told))
            }
            Err(flaws) => {
                for flaw in flaws {
                    let span = Span { file, range: flaw.range.unwrap_or(0..0) };
                    let said = Words::new(
                        format!("`{name}` does not describe an API: {}", flaw.detail),
                        format!("`{name}` 未能描述接口：{}", flaw.detail),
                    );
                    let label = Words::new("here", "此处");
                    self.problems.push(
                        Problem::error("LL2210", &span, said, label)
                            .also(&named_at, "named here", "在此引用")
                            .help(
                                "docs/guide/rest.md shows each key with an example",
                                "各项写法见 docs/guide/rest.zh-CN.md",
                            ),
                    );
                }
                None
            }
        }
    }

    /// The connector of a section's table: what a description made, else the one it names.
    #[must_use]
    pub fn connector_of(&self, table: &Table) -> Option<&'static dyn Connector> {
        let told = table.text("name").and_then(|name| self.told.get(name));
        told.map(|told| told.0).or_else(|| self.registry.get(table.text("connector")?))
    }
}

/// A connector that does not exist, or is no connector for this.
fn no_connector(at: &At<&str>, kind: SystemKind, fitting: &[&str], other: bool) -> Problem {
    let (en, zh) = match kind {
        SystemKind::Source => ("a source", "来源"),
        SystemKind::Crm => ("a CRM", "CRM"),
        SystemKind::Ma => ("an MA", "MA"),
        SystemKind::Notify => ("a notice channel", "通知渠道"),
        SystemKind::Enrich => ("company data", "企业数据"),
    };
    let said = if other {
        Words::new(format!("`{}` is no connector for {en}", at.value), format!("`{}` 不能用作{zh}", at.value))
    } else {
        Words::new(format!("there is no connector `{}`", at.value), format!("没有连接器 `{}`", at.value))
    };
    let label = Words::new("not a connector for this", "不适用于此处");
    with_names(Problem::error("LL2013", &at.span, said, label), at.value, fitting.iter().copied())
}

/// A table as plain TOML, for the manifest's check.
fn to_toml(table: &Table) -> toml::Table {
    fn value(tree: &Tree) -> toml::Value {
        match tree {
            Tree::Text(text) | Tree::Time(text) => toml::Value::String(text.clone()),
            Tree::Int(number) => toml::Value::Integer(*number),
            Tree::Real(number) => toml::Value::Float(*number),
            Tree::Bool(yes) => toml::Value::Boolean(*yes),
            Tree::List(list) => toml::Value::Array(list.iter().map(|item| value(&item.value)).collect()),
            Tree::Table(table) => toml::Value::Table(to_toml(table)),
        }
    }
    table.entries.iter().map(|(key, at)| (key.value.clone(), value(&at.value))).collect()
}

/// The place of a key path in a table: of the key, or of its value where that is what is wrong.
fn place_of(table: &Table, path: &[String], value: bool) -> Option<Span> {
    let (first, rest) = path.split_first()?;
    let (key, at) = table.entries.iter().find(|(key, _)| key.value == *first)?;
    match &at.value {
        Tree::Table(inner) if !rest.is_empty() => {
            place_of(inner, rest, value).or_else(|| Some(key.span.clone()))
        }
        _ if value => Some(at.span.clone()),
        _ => Some(key.span.clone()),
    }
}

/// All sources: plans for the shell, policies for the core.
pub fn sources(
    ctx: &mut Context<'_>,
    schemas: &Schemas,
) -> (Vec<SourcePlan>, Vec<LinkPlan>, BTreeMap<SourceName, SourcePolicy>) {
    ctx.unique("source", "name");
    let (mut plans, mut links, mut policies) = (Vec::new(), Vec::new(), BTreeMap::new());
    let mut folders = BTreeMap::new();
    for at in ctx.many("source") {
        let linked = ctx.settings_of(&at, SystemKind::Source);
        let Some(mut policy) =
            policy(ctx, &at, schemas, linked.as_ref().map(|(connector, _)| connector.as_str()))
        else {
            continue;
        };
        let Some((connector, link)) = linked else { continue };
        watches_alone(ctx, &at, &link, &mut folders);
        policy.polls = polling(ctx, &at, &connector, &link);
        if let (Some(_), Some(known)) = (&policy.polls, ctx.registry.get(&connector)) {
            let reserve = reserve(&at);
            let (limits, concurrent) = limits(ctx, &at, known.manifest());
            let (name, kind) = (link.name.clone(), SystemKind::Source);
            links.push(LinkPlan {
                name,
                connector: connector.clone(),
                kind,
                link: link.clone(),
                limits,
                concurrent,
                reserve,
            });
        }
        let canary = canary(ctx, &at, &connector, &link);
        plans.push(SourcePlan {
            canary,
            name: policy.name.clone(),
            connector,
            folder: link.text("folder").map(PathBuf::from),
            link,
            rate_limit: at.value.text("rate_limit").and_then(units::rate),
        });
        policies.insert(policy.name.clone(), policy);
    }
    (plans, links, policies)
}

/// Two sources that watch one folder would take each other's files.
fn watches_alone(ctx: &mut Context<'_>, at: &At<Table>, link: &Link, folders: &mut BTreeMap<String, Span>) {
    let Some(folder) = link.text("folder") else { return };
    let path = ["settings", "folder"].map(str::to_owned);
    let span = place_of(&at.value, &path, true).unwrap_or_else(|| at.span.clone());
    let parts: Vec<&str> =
        folder.split(['/', '\\']).filter(|part| !part.is_empty() && *part != ".").collect();
    let key = format!("{}{}", if folder.starts_with('/') { "/" } else { "" }, parts.join("/"));
    if let Some(first) = folders.get(&key) {
        let said = Words::new(
            format!("another source watches `{folder}` too"),
            format!("另一个来源也在监视 `{folder}`"),
        );
        ctx.problems.push(
            Problem::error("LL2151", &span, said, Words::new("watched twice", "被监视两次"))
                .also(first, "watched here first", "首先在此监视")
                .help("give each source a folder of its own", "请为每个来源使用各自的文件夹"),
        );
        return;
    }
    folders.insert(key, span);
}

/// How often a made lead is sent through a source.
fn canary(ctx: &mut Context<'_>, at: &At<Table>, connector: &str, link: &Link) -> Option<Micros> {
    let written = at.value.get("canary")?.span.clone();
    let every = at.value.duration("canary")?;
    let known = ctx.registry.get(connector)?;
    // Of a secret that is not there something else is said already.
    let settings = &known.manifest().setting;
    let whole = settings.iter().all(|one| !(one.secret && one.required) || link.secret(&one.name).is_some());
    let made = Canary { id: "canary".to_owned(), at: Timestamp(0), fields: Record::new() };
    if whole && known.canary(link, &made).is_none() {
        let said = Words::new(
            format!(
                "no made lead can be sent to `{connector}`: it is read, takes files, or only its vendor can sign"
            ),
            format!("`{connector}` 无法发送探测线索：它被读取、接收文件，或只有厂商能签名"),
        );
        let label = Words::new("cannot be tried", "无法试探");
        ctx.problems.push(Problem::error("LL4911", &written, said, label).help(
            "take `canary` out; silence and shape of the source are watched all the same",
            "请删除 `canary`；该来源的静默与字段变化仍会被监控",
        ));
        return None;
    }
    if every < OFTENEST {
        let said = Words::new("`canary` is shorter than a minute", "`canary` 短于 1 分钟");
        ctx.problems.push(
            Problem::error("LL4912", &written, said, Words::new("too often", "过于频繁"))
                .help("write `canary = \"1h\"`", "可写 `canary = \"1h\"`"),
        );
        return None;
    }
    Some(every)
}

/// How a source with `every` is read.
fn polling(ctx: &mut Context<'_>, at: &At<Table>, connector: &str, link: &Link) -> Option<Polling> {
    let written = at.value.get("every")?.span.clone();
    let every = at.value.duration("every")?;
    let known = ctx.registry.get(connector)?;
    let manifest = known.manifest();
    let mut wrong = |code, words, label, (en, zh): (String, String)| {
        ctx.problems.push(Problem::error(code, &written, words, label).help(en, zh));
    };
    if manifest.lists.is_empty() {
        wrong(
            "LL2200",
            Words::new(
                format!("`{connector}` is never read: it pushes by itself"),
                format!("`{connector}` 不支持读取，只接收推送"),
            ),
            Words::new("cannot be read", "不能读取"),
            ("take `every` out".to_owned(), "请删除 `every`".to_owned()),
        );
        return None;
    }
    let missing: Vec<&str> = manifest
        .lists_need
        .iter()
        .filter(|name| !link.secrets.contains_key(*name) && !link.settings.contains_key(*name))
        .map(String::as_str)
        .collect();
    let lists = known.lists(link);
    if !missing.is_empty() || lists.is_empty() {
        let names = if missing.is_empty() {
            "what is to be read".to_owned()
        } else {
            format!("`{}`", missing.join("`, `"))
        };
        let chinese = if missing.is_empty() { "要读取的内容".to_owned() } else { names.clone() };
        wrong(
            "LL2201",
            Words::new(
                format!("reading `{connector}` needs {names} in its settings"),
                format!("读取 `{connector}` 需要在设置中提供{chinese}"),
            ),
            Words::new("cannot be read like this", "无法读取"),
            (
                "add it to `settings`, or take `every` out".to_owned(),
                "请补充到 `settings`，或删除 `every`".to_owned(),
            ),
        );
        return None;
    }
    if every < SHORTEST {
        wrong(
            "LL2202",
            Words::new("`every` is shorter than 30 seconds", "`every` 短于 30 秒"),
            Words::new("too often", "过于频繁"),
            ("write `every = \"5m\"`".to_owned(), "可写 `every = \"5m\"`".to_owned()),
        );
        return None;
    }
    (!clashes(ctx, link, &written)).then_some(Polling { lists, every })
}

/// What is said to a system is kept under its name, so a source that is read needs one of its own.
fn clashes(ctx: &mut Context<'_>, link: &Link, written: &Span) -> bool {
    let names = ["crm", "ma", "notify"].into_iter().flat_map(|section| ctx.many(section));
    let clash = names.filter(|other| other.value.text("name") == Some(link.name.as_str())).count() > 0;
    if clash {
        ctx.problems.push(
            Problem::error(
                "LL2203",
                written,
                Words::new(
                    format!("a source that is read needs a name of its own: `{}` is a system too", link.name),
                    format!("被读取的来源需要独有的名称：`{}` 已是另一个系统的名称", link.name),
                ),
                Words::new("read under a name that is taken", "名称已被占用"),
            )
            .help("rename the source", "请为来源改名"),
        );
    }
    clash
}

/// How one source's records are read.
pub fn policy(
    ctx: &mut Context<'_>,
    at: &At<Table>,
    schemas: &Schemas,
    connector: Option<&str>,
) -> Option<SourcePolicy> {
    let table = &at.value;
    let name = SourceName::from(table.text("name")?);
    let touch = table
        .text("touch")
        .map(str::to_owned)
        .or_else(|| ctx.registry.get(connector?)?.manifest().touch.clone())
        .unwrap_or_else(|| "touched".to_owned());
    check_fields(ctx, table);
    let manifest = connector.and_then(|name| ctx.registry.get(name)).map(|connector| connector.manifest());
    let keep = match (table.text_at("keep"), manifest.and_then(|manifest| manifest.keep.as_deref())) {
        (Some(at), _) => ctx.expr(&at, &schemas.record, Expected::Bool),
        (None, Some(usual)) => Expr::compile(usual, &schemas.record, Expected::Bool).ok(),
        (None, None) => None,
    };
    let usual = manifest.into_iter().flat_map(|manifest| manifest.fields.clone());
    let fields = table
        .tables("fields")
        .iter()
        .filter_map(|field| Some((field.value.text("from")?.to_owned(), field.value.text("to")?.to_owned())))
        .chain(usual)
        .collect();
    Some(SourcePolicy {
        name,
        brings: if table.text("brings") == Some("answers") { Brings::Answers } else { Brings::Touches },
        touch,
        channel: table.text("channel").map(str::to_owned),
        require: table.texts("require").iter().map(|text| alternatives(text)).collect(),
        fields,
        fixed: table.map("fixed").into_iter().collect::<Vec<(String, Value)>>(),
        identifiers: table
            .map("identifiers")
            .into_iter()
            .map(|(field, kind)| (field, IdentifierKind(kind.to_display())))
            .collect(),
        duplicate_within: table.duration("duplicate_within").unwrap_or(DUPLICATE_WITHIN),
        shared_device: table.flag("shared_device").unwrap_or(false),
        keep,
        polls: None,
        counts: manifest.is_some_and(|manifest| manifest.counts),
        consent: table.text("consent").map(|word| word == "given"),
    })
}

/// The fields a source fills and demands.
fn check_fields(ctx: &mut Context<'_>, table: &Table) {
    for field in table.tables("fields") {
        if let Some(to) = field.value.text_at("to") {
            ctx.filled(&to);
        }
    }
    for key in ["fixed", "identifiers"] {
        for (name, _) in table.table(key).map(|table| table.entries.as_slice()).unwrap_or_default() {
            ctx.filled(&At { value: name.value.as_str(), span: name.span.clone() });
        }
    }
    let declared = declared_fields(ctx);
    for demand in table.texts_at("require") {
        for field in alternatives(demand.value) {
            ctx.asked_for(&At { value: field.as_str(), span: demand.span.clone() }, &declared);
        }
    }
}

/// `phone or email` as the fields of which one must be there.
fn alternatives(text: &str) -> Vec<String> {
    text.split(" or ").map(|field| field.trim().to_owned()).filter(|field| !field.is_empty()).collect()
}
