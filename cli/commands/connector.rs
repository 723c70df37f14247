//! `leadloop connector`: the systems that are built in, and what an admin sets for each. Only recording needs a config.

mod new;
mod record;

use leadloop_connector_api::manifest::{Manifest, Setting, SystemKind, Words};
use serde_json::json;

use crate::args::General;
use crate::args::connector::{Connector, Kind};
use crate::failure::Failure;
use crate::screen::{Rows, Screen, Style};

/// Lists connectors, or shows one.
///
/// # Errors
/// Where there is none of that name.
pub async fn run(screen: &mut Screen, general: &General, command: &Connector) -> Result<(), Failure> {
    let registry = leadloop_connectors::registry();
    match command {
        Connector::List { kind } => {
            let all = registry.names().filter_map(|name| registry.get(name)).map(|one| one.manifest());
            let wanted = |manifest: &&Manifest| kind.is_none_or(|kind| manifest.kinds.contains(&meant(kind)));
            list(screen, &all.filter(wanted).collect::<Vec<_>>())
        }
        Connector::Show { name } => {
            let Some(connector) = registry.get(name) else {
                return Err(Failure::unknown(
                    format!(
                        "there is no connector `{name}`; `leadloop connector list` shows those there are"
                    ),
                    format!("没有连接器 `{name}`；`leadloop connector list` 列出已有连接器"),
                ));
            };
            show(screen, connector.manifest())
        }
        Connector::Record(args) => record::run(screen, general, args).await,
        Connector::New { name, kind, profile, folder } => new::run(screen, folder, name, *kind, *profile),
    }
}

fn meant(kind: Kind) -> SystemKind {
    match kind {
        Kind::Source => SystemKind::Source,
        Kind::Crm => SystemKind::Crm,
        Kind::Ma => SystemKind::Ma,
        Kind::Notify => SystemKind::Notify,
        Kind::Enrich => SystemKind::Enrich,
    }
}

fn list(screen: &Screen, manifests: &[&Manifest]) -> Result<(), Failure> {
    if screen.is_json() {
        let list: Vec<_> = manifests
            .iter()
            .map(|one| {
                json!({ "name": one.name, "title": one.title, "kinds": one.kinds, "hears": one.hears, "lists": one.lists,
                        "speaks": one.speaks })
            })
            .collect();
        return Ok(screen.json(&json!({ "connectors": list }))?);
    }
    let mut table = Rows::new(&[
        screen.words("name", "名称"),
        screen.words("system", "系统"),
        screen.words("used as", "用途"),
        screen.words("how", "方式"),
    ]);
    for manifest in manifests {
        table.push(vec![
            manifest.name.clone(),
            said(screen, &manifest.title).to_owned(),
            kinds(screen, manifest),
            ways(screen, manifest),
        ]);
    }
    screen.table(&table)?;
    let next = screen.words(
        "`leadloop connector show NAME` says what each needs",
        "`leadloop connector show 名称` 说明各自需要的设置",
    );
    Ok(screen.line(&screen.paint(Style::Note, next))?)
}

fn show(screen: &Screen, manifest: &Manifest) -> Result<(), Failure> {
    if screen.is_json() {
        return Ok(screen.json(manifest)?);
    }
    screen.line(&format!(
        "{}  {}",
        screen.paint(Style::Head, &manifest.name),
        said(screen, &manifest.title)
    ))?;
    let mut facts = Rows::new(&["", ""]).indent(2);
    facts.push(vec![screen.words("used as", "用途").to_owned(), kinds(screen, manifest)]);
    facts.push(vec![screen.words("how", "方式").to_owned(), ways(screen, manifest)]);
    if let Some(touch) = &manifest.touch {
        facts.push(vec![screen.words("kind of touch", "互动类型").to_owned(), touch.clone()]);
    }
    if !manifest.speaks.is_empty() {
        facts.push(vec![screen.words("operations", "操作").to_owned(), manifest.speaks.join(", ")]);
    }
    for limit in &manifest.limit {
        let limits = match screen.words("en", "zh") {
            "en" => format!("{} requests in {} s", limit.requests, limit.per_secs),
            _ => format!("每 {} 秒 {} 次请求", limit.per_secs, limit.requests),
        };
        facts.push(vec![screen.words("limit", "限额").to_owned(), limits]);
    }
    screen.table(&facts)?;
    if manifest.setting.is_empty() {
        return Ok(());
    }
    screen.head(screen.words("Settings", "设置"))?;
    let mut table = Rows::new(&[
        screen.words("name", "名称"),
        screen.words("type", "类型"),
        screen.words("when not set", "不设时"),
        "",
    ])
    .indent(2);
    for setting in &manifest.setting {
        table.push(vec![
            setting.name.clone(),
            kind_of(screen, setting),
            unset(screen, setting),
            said(screen, &setting.label).to_owned(),
        ]);
    }
    Ok(screen.table(&table)?)
}

fn said<'w>(screen: &Screen, words: &'w Words) -> &'w str {
    screen.words(&words.en, &words.zh)
}

fn kinds(screen: &Screen, manifest: &Manifest) -> String {
    let word = |kind: &SystemKind| match kind {
        SystemKind::Source => screen.words("source", "来源"),
        SystemKind::Crm => "CRM",
        SystemKind::Ma => screen.words("marketing automation", "营销自动化"),
        SystemKind::Notify => screen.words("notices", "通知"),
        SystemKind::Enrich => screen.words("company data", "企业数据"),
    };
    manifest.kinds.iter().map(word).collect::<Vec<_>>().join(", ")
}

fn ways(screen: &Screen, manifest: &Manifest) -> String {
    let mut ways = Vec::new();
    if manifest.hears {
        ways.push(screen.words("pushes to us", "推送"));
    }
    if !manifest.lists.is_empty() {
        ways.push(screen.words("is read (`every`)", "读取（`every`）"));
    }
    // Who is only asked how it is or what changed is read, not written to.
    if manifest.speaks.iter().any(|operation| ["create", "update", "tell"].contains(&operation.as_str())) {
        ways.push(screen.words("is written to", "写入"));
    }
    if manifest.kinds.contains(&SystemKind::Notify) {
        ways.push(screen.words("is sent messages", "发送消息"));
    }
    if manifest.kinds.contains(&SystemKind::Enrich) {
        ways.push(screen.words("is asked", "查询"));
    }
    if manifest.setting.iter().any(|setting| setting.name == "folder") {
        ways.push(screen.words("files in a folder", "文件夹中的文件"));
    }
    if ways.is_empty() {
        ways.push(screen.words("files", "文件"));
    }
    ways.join(", ")
}

fn kind_of(screen: &Screen, setting: &Setting) -> String {
    if setting.secret {
        return screen.words("secret", "密钥").to_owned();
    }
    if setting.options.is_empty() { setting.kind.clone() } else { setting.options.join(" | ") }
}

fn unset(screen: &Screen, setting: &Setting) -> String {
    match &setting.default {
        _ if setting.required => screen.words("must be set", "必填").to_owned(),
        Some(default) => default.to_string(),
        None => "–".to_owned(),
    }
}
