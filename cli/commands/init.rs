//! `leadloop init`: a commented config that passes the check and runs against `leadloop sandbox`, with its tables and
//! practice secrets.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};

use base64::Engine;
use leadloop_sync_core::because::Language;
use serde_json::json;

use crate::args::{General, Init, InitCrm, InitSource};
use crate::failure::Failure;
use crate::plan;
use crate::screen::{Screen, Style};

/// The pieces of a config in one language.
struct Template {
    base: &'static str,
    web_form: &'static str,
    webhook: &'static str,
    table_file: &'static str,
    rules: &'static str,
    crm: &'static str,
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
        }
    };
}

static ZH: Template = template!("zh");
static EN: Template = template!("en");

/// A file to write.
struct File {
    path: PathBuf,
    text: String,
    secret: bool,
}

/// Writes config, tables and secrets.
///
/// # Errors
/// Where a file is there already, or cannot be written.
pub fn run(screen: &mut Screen, general: &General, args: &Init) -> Result<(), Failure> {
    let folder = general.config.parent().unwrap_or(Path::new("")).to_owned();
    let files = files(&general.config, &folder, args, screen.language());
    if !args.force
        && let Some(file) = files.iter().find(|file| file.path.exists())
    {
        let name = file.path.display();
        return Err(Failure::input(format!("`{name}` is there already"), format!("`{name}` 已存在")).help(
            "`--force` writes over it, `--config OTHER/leadloop.toml` writes elsewhere",
            "加 `--force` 覆盖，或用 `--config 其他目录/leadloop.toml` 换个位置",
        ));
    }
    for file in &files {
        write(file).map_err(|error| {
            let name = file.path.display();
            Failure::outside(format!("`{name}`: {error}"), format!("`{name}`：{error}"))
        })?;
    }
    say(screen, general, args, &files)
}

/// Everything that is written, the config first.
fn files(config: &Path, folder: &Path, args: &Init, language: Language) -> Vec<File> {
    let template = match language {
        Language::Zh => &ZH,
        Language::En => &EN,
    };
    let sources: BTreeSet<InitSource> = args.sources.iter().copied().collect();
    let mut text = String::from(template.base);
    let mut more = Vec::new();
    for source in &sources {
        match source {
            InitSource::WebForm => text.push_str(template.web_form),
            InitSource::TableFile => text.push_str(template.table_file),
            InitSource::Webhook => {
                text.push_str(template.webhook);
                more.push(("secrets/events", fresh_secret(), true));
            }
        }
    }
    text.push_str(template.rules);
    if args.crm == InitCrm::Sandbox {
        text.push_str(template.crm);
        more.push(("people.csv", include_str!("../templates/people.csv").to_owned(), false));
        more.push(("regions.csv", include_str!("../templates/regions.csv").to_owned(), false));
        more.push(("secrets/sandbox", leadloop_sandbox::Options::default().client_secret, true));
    }
    let mut files = vec![File { path: config.to_owned(), text, secret: false }];
    files.extend(more.into_iter().map(|(name, text, secret)| File { path: folder.join(name), text, secret }));
    files
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

fn say(screen: &Screen, general: &General, args: &Init, files: &[File]) -> Result<(), Failure> {
    let loaded = plan::read(&general.config);
    if screen.is_json() {
        let names: Vec<String> = files.iter().map(|file| file.path.display().to_string()).collect();
        return Ok(screen.json(&json!({ "files": names, "problems": loaded.problems.len() }))?);
    }
    for file in files {
        let note = if file.secret {
            screen.words("  (secret, mode 0600)", "  （密钥，权限 0600）")
        } else {
            ""
        };
        screen.line(&format!("{} {}{note}", screen.words("wrote", "已写入"), file.path.display()))?;
    }
    plan::say(screen, &loaded);
    screen.head(screen.words("Next", "接下来"))?;
    let asked = match general.config.to_str() {
        Some("leadloop.toml") | None => String::new(),
        Some(path) => format!(" --config {path}"),
    };
    let mut steps = vec![(format!("leadloop check{asked}"), screen.words("finds every mistake", "检查配置"))];
    if args.crm == InitCrm::Sandbox {
        steps.push((
            "leadloop sandbox --robot".to_owned(),
            screen.words("the CRM to practise with", "练习用 CRM"),
        ));
    }
    steps.push((format!("leadloop run{asked}"), screen.words("in another terminal", "在另一个终端运行")));
    if args.sources.contains(&InitSource::WebForm) {
        let post = "curl -d 'name=测试甲&mobile=13800001104&corp=示例机器人&consent=given' http://127.0.0.1:8080/in/website";
        steps.push((post.to_owned(), screen.words("a first lead", "第一条线索")));
        steps.push((
            format!("leadloop why 13800001104{asked}"),
            screen.words("what became of it", "看它经历了什么"),
        ));
    }
    for (command, what) in steps {
        screen.line(&format!("  {command}   {}", screen.paint(Style::Note, &format!("# {what}"))))?;
    }
    Ok(())
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
        let args = Init { crm: InitCrm::None, sources: vec![InitSource::Webhook], force: false };
        let files = files(Path::new("x/leadloop.toml"), Path::new("x"), &args, Language::En);
        let names: Vec<String> = files.iter().map(|file| file.path.display().to_string()).collect();
        assert_eq!(names, ["x/leadloop.toml", "x/secrets/events"]);
        assert!(files[0].text.contains("[[score]]") && !files[0].text.contains("[[crm]]"));
        assert!(!files[0].text.contains("web_form"));
    }
}
