//! `leadloop connector new`: writes what a new connector begins with into a checkout. What is written is the kit's choice.

use std::path::Path;

use leadloop_connectors::kit::{self, FACT, Kind};
use serde_json::json;

use crate::args::connector::NewKind;
use crate::failure::Failure;
use crate::screen::{Screen, Style};

/// Words that name no module.
const WORDS: [&str; 40] = [
    "as", "async", "await", "box", "break", "const", "continue", "crate", "do", "dyn", "else", "enum",
    "extern", "false", "fn", "for", "gen", "if", "impl", "in", "let", "loop", "match", "mod", "move", "mut",
    "pub", "ref", "return", "self", "static", "struct", "super", "trait", "true", "try", "type", "unsafe",
    "use", "while",
];

/// Writes it. All is looked at first, so that a refusal leaves nothing behind.
///
/// # Errors
/// Where the folder is no checkout, the name cannot be used, or a file cannot be written.
pub fn run(
    screen: &Screen,
    checkout: &Path,
    name: &str,
    kind: NewKind,
    profile: bool,
) -> Result<(), Failure> {
    let kind = match (kind, profile) {
        (NewKind::Source, true) => Kind::Profile,
        (_, true) => {
            return Err(Failure::input(
                "only a source can be a profile; a CRM can be described to `rest` instead",
                "只有来源可以使用配置档；CRM 可改用 `rest` 描述",
            ));
        }
        (NewKind::Source, false) => Kind::Source,
        (NewKind::Crm, false) => Kind::Crm,
        (NewKind::Notify, false) => Kind::Notify,
    };
    let connectors = checkout.join("connectors");
    let list = connectors.join("lib.rs");
    let taken_in = std::fs::read_to_string(&list).ok().and_then(|text| kit::taken_in(&text, name));
    let Some(taken_in) = taken_in else { return Err(no_checkout(&list)) };
    check_name(&connectors, name)?;
    let files = kit::files(name, kind);
    for (path, text) in &files {
        write(&connectors.join(path), text)?;
    }
    if kind != Kind::Profile {
        write(&list, &taken_in)?;
    }
    say(screen, name, kind, &files)
}

fn no_checkout(list: &Path) -> Failure {
    let list = list.display();
    Failure::input(
        format!("there is no `{list}` with the connectors of leadloop"),
        format!("没有找到 leadloop 的连接器列表 `{list}`"),
    )
    .code("LL4870")
    .help(
        "call it in a checkout of leadloop, or name one with `--in`",
        "请在 leadloop 源码目录中执行，或用 `--in` 指定",
    )
}

fn check_name(connectors: &Path, name: &str) -> Result<(), Failure> {
    let wrong = |en: String, zh: String| Err(Failure::input(en, zh).code("LL4871"));
    let letters = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let well_formed = name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(letters)
        && name.len() <= 40
        && !name.ends_with('_')
        && !name.contains("__");
    if !well_formed || WORDS.contains(&name) {
        return wrong(
            format!(
                "`{name}` cannot name a connector: lower-case letters, digits and single `_`, no word of Rust"
            ),
            format!("`{name}` 不能作为连接器名称：只能用小写字母、数字和单个 `_`，且不能是 Rust 关键字"),
        );
    }
    let file = |ending: &str| connectors.join(format!("{name}{ending}")).exists();
    let there = file("") || file(".rs") || connectors.join(format!("profiles/{name}.toml")).exists();
    if there || leadloop_connectors::registry().get(name).is_some() {
        return wrong(format!("there is a `{name}` already"), format!("已有 `{name}`"));
    }
    Ok(())
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let folder = path.parent().map_or(Ok(()), std::fs::create_dir_all);
    folder.and_then(|()| std::fs::write(path, text)).map_err(|error| {
        let path = path.display();
        Failure::outside(format!("`{path}`: {error}"), format!("`{path}`：{error}"))
    })
}

fn say(screen: &Screen, name: &str, kind: Kind, files: &[(String, String)]) -> Result<(), Failure> {
    let facts: usize = files.iter().map(|(_, text)| text.matches(FACT).count()).sum();
    if screen.is_json() {
        let paths: Vec<String> = files.iter().map(|(path, _)| format!("connectors/{path}")).collect();
        return Ok(screen.json(&json!({ "connector": name, "files": paths, "facts_missing": facts }))?);
    }
    for (path, _) in files {
        screen.line(&format!("  connectors/{path}"))?;
    }
    if kind != Kind::Profile {
        let line = format!("  connectors/lib.rs: mod {name};");
        screen.line(&line)?;
    }
    let next = match screen.words("en", "zh") {
        "en" => format!(
            "It compiles as it is. {facts} facts are to be looked up: `cargo test -p leadloop-connectors --test conformance` names each"
        ),
        _ => format!(
            "可直接编译。还有 {facts} 项事实需要查阅：`cargo test -p leadloop-connectors --test conformance` 逐一指出"
        ),
    };
    Ok(screen.line(&screen.paint(Style::Note, &next))?)
}
