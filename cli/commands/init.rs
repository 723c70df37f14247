//! `leadloop init`: a commented config that passes the check, with its tables, practice secrets and the schema for editors.
//! Connectors with a template of their own run at once; the others are written from their manifests ([`piece`]).

mod piece;

use std::io::Write;
use std::path::{Path, PathBuf};

use base64::Engine;
use leadloop_config::suggest::nearest;
use leadloop_connector_api::manifest::{Manifest, SystemKind};
use leadloop_connector_api::{Connector, Registry};
use leadloop_sync_core::because::Language;
use serde_json::json;

use crate::args::{General, Init};
use crate::commands::schema;
use crate::failure::Failure;
use crate::screen::{Screen, Style};
use crate::{plan, question};

/// The pieces of a config in one language.
struct Template {
    base: &'static str,
    web_form: &'static str,
    webhook: &'static str,
    table_file: &'static str,
    rules: &'static str,
    crm: &'static str,
    desk: &'static str,
    test: &'static str,
}

macro_rules! template {
    ($language:literal) => {
        Template {
            base: include_str!(concat!("../templates/", $language, "/base.toml")),
            web_form: include_str!(concat!("../templates/", $language, "/web_form.toml")),
            webhook: include_str!(concat!("../templates/", $language, "/webhook.toml")),
            table_file: include_str!(concat!("../templates/", $language, "/table_file.toml")),
            rules: include_str!(concat!("../templates/", $language, "/rules.toml")),
            crm: include_str!(concat!("../templates/", $language, "/crm.toml")),
            desk: include_str!(concat!("../templates/", $language, "/desk.toml")),
            test: include_str!(concat!("../templates/", $language, "/test.toml")),
        }
    };
}

static ZH: Template = template!("zh");
static EN: Template = template!("en");

/// The CRM to practise with.
const SANDBOX: &str = "sandbox";
/// No CRM.
const NONE: &str = "none";
/// Sources where nobody says otherwise.
const SOURCES: [&str; 2] = ["web_form", "table_file"];

/// What is to be set up.
struct Choice {
    crm: Option<&'static Manifest>,
    sources: Vec<&'static Manifest>,
    ma: Option<&'static Manifest>,
}

/// A file to write.
struct File {
    path: PathBuf,
    text: String,
    secret: bool,
}

/// What is written, and what the admin has to set.
struct Draft {
    files: Vec<File>,
    variables: Vec<String>,
}

/// Writes config, tables and secrets.
///
/// # Errors
/// Where a connector is not known, a file is there already, or cannot be written.
pub fn run(screen: &mut Screen, general: &General, args: &Init) -> Result<(), Failure> {
    let registry = leadloop_connectors::registry();
    let choice = choose(screen, args, &registry)?;
    let folder = general.config.parent().unwrap_or(Path::new("")).to_owned();
    let draft = draft(&general.config, &folder, &choice, screen.language());
    if !args.force
        && let Some(file) = draft.files.iter().find(|file| file.path.exists())
    {
        let name = file.path.display();
        return Err(Failure::input(format!("`{name}` is there already"), format!("`{name}` 已存在")).help(
            "`--force` writes over it, `--config OTHER/leadloop.toml` writes elsewhere",
            "加 `--force` 覆盖，或用 `--config 其他目录/leadloop.toml` 换个位置",
        ));
    }
    for file in &draft.files {
        write(file).map_err(|error| {
            let name = file.path.display();
            Failure::outside(format!("`{name}`: {error}"), format!("`{name}`：{error}"))
        })?;
    }
    say(screen, general, &choice, &draft)
}

/// What was asked for on the command line, and what is answered at the terminal.
fn choose(screen: &Screen, args: &Init, registry: &Registry) -> Result<Choice, Failure> {
    let crm = match &args.crm {
        Some(crm) => crm.clone(),
        None => {
            offer(screen, registry, SystemKind::Crm, Some(NONE));
            let text = screen.words("The CRM to hand over to?", "转出到哪个 CRM？");
            question::answer(screen, text, SANDBOX)?
        }
    };
    let sources = if args.sources.is_empty() {
        offer(screen, registry, SystemKind::Source, None);
        let text = screen.words(
            "Where do leads come from (several: a comma between)?",
            "线索从哪里来（多个用逗号分隔）？",
        );
        let answer = question::answer(screen, text, &SOURCES.join(","))?;
        answer
            .split([',', '，', ' '])
            .map(str::trim)
            .filter(|name| !name.is_empty())
            .map(str::to_owned)
            .collect()
    } else {
        args.sources.clone()
    };
    let mut manifests: Vec<&'static Manifest> = Vec::new();
    for name in &sources {
        let manifest = known(registry, name, SystemKind::Source)?;
        if !manifests.iter().any(|other| other.name == manifest.name) {
            manifests.push(manifest);
        }
    }
    Ok(Choice {
        crm: if crm == NONE { None } else { Some(known(registry, &crm, SystemKind::Crm)?) },
        sources: manifests,
        ma: args.ma.as_ref().map(|ma| known(registry, ma, SystemKind::Ma)).transpose()?,
    })
}

fn of_kind(registry: &Registry, kind: SystemKind) -> Vec<&'static Manifest> {
    let manifests = registry.names().filter_map(|name| registry.get(name)).map(Connector::manifest);
    manifests.filter(|manifest| manifest.kinds.contains(&kind)).collect()
}

/// Names what can be answered.
fn offer(screen: &Screen, registry: &Registry, kind: SystemKind, more: Option<&str>) {
    if !screen.is_attended() {
        return;
    }
    for manifest in of_kind(registry, kind) {
        let title = screen.words(&manifest.title.en, &manifest.title.zh);
        screen.aside(&format!("  {:<20} {}", manifest.name, screen.paint_aside(Style::Note, title)));
    }
    if let Some(more) = more {
        let title = screen.words("pool and score only", "只入池与打分");
        screen.aside(&format!("  {more:<20} {}", screen.paint_aside(Style::Note, title)));
    }
}

/// A connector of a kind.
fn known(registry: &Registry, name: &str, kind: SystemKind) -> Result<&'static Manifest, Failure> {
    let manifests = of_kind(registry, kind);
    if let Some(manifest) = manifests.iter().find(|manifest| manifest.name == name) {
        return Ok(manifest);
    }
    let names: Vec<&str> = manifests.iter().map(|manifest| manifest.name.as_str()).collect();
    let failure = Failure::input(
        format!("there is no connector `{name}` for this"),
        format!("没有可用于此处的连接器 `{name}`"),
    )
    .code("LL1123");
    Err(match nearest(name, names.iter().copied()) {
        Some(near) => failure.help(format!("did you mean `{near}`?"), format!("是否想写 `{near}`？")),
        None => {
            let list = names.join(", ");
            failure.help(format!("there are: {list}"), format!("可用：{list}"))
        }
    })
}

/// Everything that is written, the config first.
fn draft(config: &Path, folder: &Path, choice: &Choice, language: Language) -> Draft {
    let template = match language {
        Language::Zh => &ZH,
        Language::En => &EN,
    };
    let mut text = format!("#:schema ./{}\n{}", schema::FILE, template.base);
    let mut more: Vec<(&str, String, bool)> = Vec::new();
    let mut variables = Vec::new();
    let mut add = |text: &mut String, piece: piece::Piece| {
        text.push_str(&piece.text);
        variables.extend(piece.variables);
    };
    for source in &choice.sources {
        match source.name.as_str() {
            "web_form" => text.push_str(template.web_form),
            "table_file" => text.push_str(template.table_file),
            "webhook" => {
                text.push_str(template.webhook);
                more.push(("secrets/events", fresh_secret(), true));
            }
            _ => add(&mut text, piece::source(source, language)),
        }
    }
    text.push_str(template.rules);
    if let Some(ma) = choice.ma {
        text.push('\n');
        add(&mut text, piece::ma(ma, language));
    }
    if let Some(crm) = choice.crm {
        if crm.name == SANDBOX {
            text.push_str(template.crm);
            more.push(("secrets/sandbox", leadloop_sandbox::Options::default().client_secret, true));
        } else {
            text.push('\n');
            add(&mut text, piece::crm(crm, language));
            more.extend(starter(&crm.name).map(|(name, text)| (name, text.to_owned(), false)));
        }
        text.push_str(&desk(template.desk, crm));
        more.push(("people.csv", include_str!("../templates/people.csv").to_owned(), false));
        more.push(("regions.csv", include_str!("../templates/regions.csv").to_owned(), false));
        if let Some(source) = choice.sources.first() {
            text.push_str(&tests(template.test, crm).replace("{source}", &source_name(source)));
        }
    }
    let mut files = vec![File { path: config.to_owned(), text, secret: false }];
    more.push((schema::FILE, schema::text(), false));
    files.extend(more.into_iter().map(|(name, text, secret)| File { path: folder.join(name), text, secret }));
    Draft { files, variables }
}

/// The description that a CRM begins with which has to be described, and the name of its file.
fn starter(crm: &str) -> Option<(&'static str, &'static str)> {
    let connector = leadloop_connectors::registry().get(crm)?;
    let setting = connector.manifest().setting_named(connector.told_by()?)?;
    Some((setting.default.as_ref()?.as_str()?, connector.starter()?))
}

/// The rules behind the CRM: what only the sandbox has is left out for others.
fn desk(template: &str, crm: &Manifest) -> String {
    if crm.name == SANDBOX {
        return template.to_owned();
    }
    let object = if crm.object("lead").is_some() || crm.object.is_empty() { "lead" } else { "contact" };
    let lines = template.split_inclusive('\n').filter(|line| !line.starts_with("crm = {"));
    lines.collect::<String>().replace("create = \"lead\"", &format!("create = \"{object}\""))
}

/// The tests: what companies do is left out for a CRM without any.
fn tests(template: &str, crm: &Manifest) -> String {
    if crm.object.is_empty() || crm.object("account").is_some() {
        return template.to_owned();
    }
    let tests = template.split("\n[[test]]").filter(|test| !test.contains("crm = { company"));
    tests.collect::<Vec<_>>().join("\n[[test]]")
}

/// The name that a source has in what is written.
fn source_name(manifest: &Manifest) -> String {
    match manifest.name.as_str() {
        "web_form" => "website".to_owned(),
        "webhook" => "events".to_owned(),
        "table_file" => "fair".to_owned(),
        _ => piece::name_of(manifest),
    }
}

/// A secret as Standard Webhooks write them, from the system's dice.
fn fresh_secret() -> String {
    let (one, two) = (uuid::Uuid::new_v4(), uuid::Uuid::new_v4());
    let bytes = [one.as_bytes().as_slice(), two.as_bytes().as_slice()].concat();
    format!("whsec_{}", base64::engine::general_purpose::STANDARD.encode(bytes))
}

fn write(file: &File) -> std::io::Result<()> {
    if let Some(folder) = file.path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder)?;
    }
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    if file.secret {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options.open(&file.path)?.write_all(file.text.as_bytes())
}

fn say(screen: &Screen, general: &General, choice: &Choice, draft: &Draft) -> Result<(), Failure> {
    let mut loaded = plan::read(&general.config);
    // Secrets that come from the environment are said below, in words that fit a new config.
    loaded.problems.retain(|problem| problem.code != "LL2014");
    if screen.is_json() {
        let names: Vec<String> = draft.files.iter().map(|file| file.path.display().to_string()).collect();
        let problems = loaded.problems.len();
        return Ok(
            screen.json(&json!({ "files": names, "problems": problems, "variables": draft.variables }))?
        );
    }
    for file in &draft.files {
        let note = if file.secret {
            screen.words("  (secret, mode 0600)", "  （密钥，权限 0600）")
        } else {
            ""
        };
        screen.line(&format!("{} {}{note}", screen.words("wrote", "已写入"), file.path.display()))?;
    }
    plan::say(screen, &loaded);
    screen.head(screen.words("Next", "接下来"))?;
    for (command, what) in steps(screen, general, choice, draft) {
        screen.line(&format!("  {command}   {}", screen.paint(Style::Note, &format!("# {what}"))))?;
    }
    Ok(())
}

/// What to type next.
fn steps(screen: &Screen, general: &General, choice: &Choice, draft: &Draft) -> Vec<(String, &'static str)> {
    let words = |en: &'static str, zh: &'static str| match screen.language() {
        Language::En => en,
        Language::Zh => zh,
    };
    let asked = match general.config.to_str() {
        Some("leadloop.toml") | None => String::new(),
        Some(path) => format!(" --config {path}"),
    };
    let mut steps = Vec::new();
    for variable in &draft.variables {
        steps
            .push((format!("export {variable}=…"), words("a secret the config refers to", "配置引用的密钥")));
    }
    steps.push((format!("leadloop check{asked}"), words("finds every mistake", "检查配置")));
    if choice.crm.is_some_and(|crm| crm.name == SANDBOX) {
        steps.push(("leadloop sandbox --robot".to_owned(), words("the CRM to practise with", "练习用 CRM")));
    } else if choice.crm.is_some() {
        steps.push((
            "people.csv".to_owned(),
            words("write your salespeople with their user ids of the CRM", "填写销售人员及其 CRM 用户编号"),
        ));
    }
    steps.push((format!("leadloop run{asked}"), words("in another terminal", "在另一个终端运行")));
    if choice.sources.iter().any(|source| source.name == "web_form") {
        let post = "curl -d 'name=测试甲&mobile=13800001104&corp=示例机器人&consent=given' http://127.0.0.1:8080/in/website";
        steps.push((post.to_owned(), words("a first lead", "第一条线索")));
        steps
            .push((format!("leadloop why 13800001104{asked}"), words("what became of it", "看它经历了什么")));
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_differ_and_have_the_form() {
        let (one, two) = (fresh_secret(), fresh_secret());
        assert_ne!(one, two);
        assert!(one.starts_with("whsec_") && one.len() == 6 + 44, "{one}");
    }

    #[test]
    fn every_piece_is_chosen_by_what_was_asked() {
        let registry = leadloop_connectors::registry();
        let source = known(&registry, "webhook", SystemKind::Source).unwrap();
        let choice = Choice { crm: None, sources: vec![source], ma: None };
        let files = draft(Path::new("x/leadloop.toml"), Path::new("x"), &choice, Language::En).files;
        let names: Vec<String> = files.iter().map(|file| file.path.display().to_string()).collect();
        assert_eq!(names, ["x/leadloop.toml", "x/secrets/events", "x/leadloop.schema.json"]);
        assert!(files[0].text.starts_with("#:schema ./leadloop.schema.json\n"));
        assert!(files[0].text.contains("[[score]]") && !files[0].text.contains("[[crm]]"));
        assert!(!files[0].text.contains("web_form"));
        let wrong = known(&registry, "sandbux", SystemKind::Crm).unwrap_err();
        assert!(format!("{wrong:?}").contains("did you mean `sandbox`?"), "{wrong:?}");
        assert!(known(&registry, "web_form", SystemKind::Crm).is_err());
    }
}
