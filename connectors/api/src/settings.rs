//! A link's `settings` as an admin wrote them, checked against the manifest's list: every problem at once, each with the
//! key it stands under, so that the config crate can point at its place in the file.
//!
//! Secrets are never read here, only where they come from; the shell resolves them.

use std::collections::BTreeMap;

use leadloop_mapping::Value;
use leadloop_sync_core::ids::LinkName;
use secrecy::SecretString;

use crate::connector::{Connector, Link, Wants};
use crate::manifest::{Manifest, Setting};

/// Most characters of a text setting.
const LONGEST_TEXT: usize = 4_000;
/// Most entries of a list or a table.
const MOST_ENTRIES: usize = 1_000;

/// Where a secret comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reference {
    /// An environment variable.
    Env(String),
    /// A file; its content without the final line break.
    File(String),
    /// A credential that the service manager hands over (systemd's `LoadCredential=`).
    Credential(String),
}

impl Reference {
    /// The word it is written with, and its name.
    #[must_use]
    pub fn parts(&self) -> (&'static str, &str) {
        match self {
            Reference::Env(name) => ("env", name),
            Reference::File(path) => ("file", path),
            Reference::Credential(name) => ("credential", name),
        }
    }
}

/// Settings that were checked.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Settings {
    /// Values in the manifest's types, defaults filled in; a table's entries stand under `setting.key`.
    pub values: BTreeMap<String, Value>,
    /// Secrets by name.
    pub secrets: BTreeMap<String, Reference>,
}

impl Settings {
    /// The text of a setting.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.values.get(name).and_then(Value::as_text)
    }

    /// The link these settings make once the secrets are resolved.
    #[must_use]
    pub fn into_link(self, name: LinkName, secrets: BTreeMap<String, SecretString>) -> Link {
        Link { name, settings: self.values, secrets, wants: Wants::default(), told: None }
    }
}

/// What kind of mistake it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProblemKind {
    /// No such setting.
    Unknown,
    /// It has to be set.
    Missing,
    /// The value is of another type.
    WrongType,
    /// The value is of the right type but not one that is allowed.
    NotAllowed,
    /// A secret stands in the file as text, or a plain setting as a reference.
    NotAReference,
    /// It contradicts another setting, or needs one that is not there.
    Contradiction,
}

/// One mistake in a link's settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The key under `settings`, from the outermost; empty where something is missing altogether.
    pub path: Vec<String>,
    /// What kind of mistake.
    pub kind: ProblemKind,
    /// What is wrong, one clause.
    pub detail: String,
    /// What to write instead, where that can be said.
    pub help: Option<String>,
    /// The same in Chinese, where it was written.
    pub chinese: Chinese,
}

/// The Chinese words of a problem.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Chinese {
    /// What is wrong.
    pub detail: Option<String>,
    /// What to write instead.
    pub help: Option<String>,
}

impl Problem {
    /// A problem of `kind` under the setting `name`.
    #[must_use]
    pub fn new(name: &str, kind: ProblemKind, detail: impl Into<String>) -> Self {
        Self {
            path: vec![name.to_owned()],
            kind,
            detail: detail.into(),
            help: None,
            chinese: Chinese::default(),
        }
    }

    /// Adds what is wrong in Chinese.
    #[must_use]
    pub fn zh(mut self, detail: impl Into<String>) -> Self {
        self.chinese.detail = Some(detail.into());
        self
    }

    /// Adds what to write instead in Chinese.
    #[must_use]
    pub fn zh_help(mut self, help: impl Into<String>) -> Self {
        self.chinese.help = Some(help.into());
        self
    }

    /// Adds what to write instead.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// Checks `given` (the content of a link's `settings`) against the connector's manifest and its own rules. The settings
/// hold what was right; they may be used only where there are no problems.
#[must_use]
pub fn check(connector: &dyn Connector, given: &toml::Table) -> (Settings, Vec<Problem>) {
    let (settings, mut problems) = check_manifest(connector.manifest(), given);
    if problems.is_empty() {
        problems = connector.check_settings(&settings);
    }
    (settings, problems)
}

/// Checks `given` against a manifest's list alone.
#[must_use]
pub fn check_manifest(manifest: &Manifest, given: &toml::Table) -> (Settings, Vec<Problem>) {
    let mut settings = Settings::default();
    let mut problems = Vec::new();
    for (name, value) in given {
        match manifest.setting_named(name) {
            None => problems.push(unknown(manifest, name)),
            Some(setting) if setting.secret => match reference(setting, value) {
                Ok(reference) => {
                    settings.secrets.insert(name.clone(), reference);
                }
                Err(problem) => problems.push(*problem),
            },
            Some(setting) => match value_of(setting, value) {
                Ok(values) => settings.values.extend(values),
                Err(problem) => problems.push(*problem),
            },
        }
    }
    for setting in manifest.setting.iter().filter(|setting| !given.contains_key(&setting.name)) {
        if setting.required {
            problems.push(missing(setting));
        } else if let Some(Ok(values)) = setting.default.as_ref().map(|default| value_of(setting, default)) {
            settings.values.extend(values);
        }
    }
    (settings, problems)
}

fn unknown(manifest: &Manifest, name: &str) -> Problem {
    let problem =
        Problem::new(name, ProblemKind::Unknown, format!("`{name}` is not a setting of `{}`", manifest.name))
            .zh(format!("`{}` 没有设置项 `{name}`", manifest.name));
    let nearest = manifest
        .setting
        .iter()
        .map(|setting| (strsim::damerau_levenshtein(&setting.name, name), setting.name.as_str()))
        .filter(|(distance, known)| *distance <= 1 + known.len() / 4)
        .min();
    match nearest {
        Some((_, known)) => {
            problem.with_help(format!("did you mean `{known}`?")).zh_help(format!("是否想写 `{known}`？"))
        }
        None if manifest.setting.is_empty() => {
            problem.with_help("it has no settings").zh_help("它没有设置项")
        }
        None => {
            let names: Vec<&str> = manifest.setting.iter().map(|setting| setting.name.as_str()).collect();
            let names = names.join(", ");
            problem.with_help(format!("its settings are: {names}")).zh_help(format!("可用的设置项：{names}"))
        }
    }
}

fn missing(setting: &Setting) -> Problem {
    let written = match (setting.secret, setting.options.as_slice()) {
        (true, _) => format!("{} = {{ env = \"{}\" }}", setting.name, setting.name.to_uppercase()),
        (false, []) => format!("{} = {}", setting.name, sample(&setting.kind)),
        (false, options) => {
            let options = options.iter().map(|o| format!("\"{o}\"")).collect::<Vec<_>>();
            format!("{} = {}", setting.name, options.join(" or "))
        }
    };
    let detail = format!("the setting `{}` is missing: {}", setting.name, setting.label.en);
    let mut problem = Problem::new("", ProblemKind::Missing, detail)
        .with_help(format!("add `{written}`"))
        .zh(format!("缺少设置项 `{}`：{}", setting.name, setting.label.zh))
        .zh_help(format!("请添加 `{written}`"));
    problem.path.clear();
    problem
}

fn sample(kind: &str) -> &'static str {
    match kind {
        "url" => "\"https://…\"",
        "bool" => "true",
        "int" => "10",
        "list" => "[\"…\"]",
        "table" => "{ name = \"…\" }",
        "duration" => "\"5m\"",
        _ => "\"…\"",
    }
}

fn reference(setting: &Setting, value: &toml::Value) -> Result<Reference, Box<Problem>> {
    let help = format!(
        "{name} = {{ env = \"{upper}\" }}, {{ file = \"/run/secrets/{name}\" }} or {{ credential = \"{name}\" }}",
        name = setting.name,
        upper = setting.name.to_uppercase()
    );
    let wrong = |detail: &str, zh: &str| {
        let problem = Problem::new(&setting.name, ProblemKind::NotAReference, detail).zh(zh);
        Err(Box::new(
            problem
                .with_help(format!("write {help}"))
                .zh_help(format!("请写 {}", help.replace(" or ", " 或 "))),
        ))
    };
    let toml::Value::Table(table) = value else {
        return wrong("a secret is written as a reference, never as text", "密钥只能写引用，不能写明文");
    };
    let mut entries = table.iter();
    let (Some((kind, toml::Value::String(name))), None) = (entries.next(), entries.next()) else {
        return wrong(
            "a reference has exactly one of `env`, `file` and `credential`",
            "引用须恰好写 `env`、`file`、`credential` 之一",
        );
    };
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    match kind.as_str() {
        _ if name.trim().is_empty() => wrong("the reference names nothing", "引用的名称为空"),
        "env" if name.bytes().all(plain) => Ok(Reference::Env(name.clone())),
        "env" => wrong(
            "the name of an environment variable has letters, digits and `_` only",
            "环境变量名只能含字母、数字和 `_`",
        ),
        "file" => Ok(Reference::File(name.clone())),
        "credential" if name.bytes().all(|b| plain(b) || matches!(b, b'-' | b'.')) => {
            Ok(Reference::Credential(name.clone()))
        }
        "credential" => wrong(
            "the name of a credential has letters, digits, `_`, `-` and `.` only",
            "凭据名只能含字母、数字、`_`、`-` 和 `.`",
        ),
        _ => wrong(
            "a reference has exactly one of `env`, `file` and `credential`",
            "引用须恰好写 `env`、`file`、`credential` 之一",
        ),
    }
}

/// The values one setting stands for: one under its name, or several under `name.key` for a table.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn value_of(setting: &Setting, value: &toml::Value) -> Result<Vec<(String, Value)>, Box<Problem>> {
    let name = &setting.name;
    if let toml::Value::Table(table) = value
        && setting.kind != "table"
    {
        let secret = ["env", "file", "credential"].iter().any(|word| table.contains_key(*word));
        let sample = sample(&setting.kind);
        let problem = if secret {
            Problem::new(name, ProblemKind::NotAReference, format!("`{name}` is no secret: write its value"))
                .zh(format!("`{name}` 不是密钥：请直接写值"))
        } else {
            let (en, zh) = takes(&setting.kind);
            Problem::new(name, ProblemKind::WrongType, format!("`{name}` takes {en}, not a table"))
                .zh(format!("`{name}` 应为{zh}，不是表"))
        };
        let problem = problem.with_help(format!("write `{name} = {sample}`"));
        return Err(Box::new(problem.zh_help(format!("请写 `{name} = {sample}`"))));
    }
    let one = |value: Value| Ok(vec![(name.clone(), value)]);
    match (setting.kind.as_str(), value) {
        ("text", toml::Value::String(text)) => one(Value::text(checked_text(setting, text)?)),
        ("url", toml::Value::String(text)) => one(Value::text(checked_url(setting, text)?)),
        ("bool", toml::Value::Boolean(yes)) => one(Value::Bool(*yes)),
        ("int", toml::Value::Integer(number)) => one(Value::Int(*number)),
        ("name_or_number", toml::Value::Integer(number)) => one(Value::Int(*number)),
        ("name_or_number", toml::Value::String(text)) => one(Value::text(checked_text(setting, text)?)),
        ("duration", toml::Value::String(text)) => match seconds(text) {
            Some(seconds) => one(Value::Int(seconds)),
            None => Err(Box::new(
                Problem::new(name, ProblemKind::WrongType, format!("{text:?} is no length of time"))
                    .with_help("write a number and a unit: 30s, 5m, 2h, 1d")
                    .zh(format!("{text:?} 不是时长"))
                    .zh_help("请写数字和单位：30s、5m、2h、1d"),
            )),
        },
        ("list", toml::Value::Array(entries)) => one(Value::List(list(setting, entries)?)),
        ("table", toml::Value::Table(entries)) => table(setting, entries),
        (kind, _) => {
            let ((en, zh), written) = (takes(kind), format!("`{name} = {}`", sample(kind)));
            let problem = Problem::new(name, ProblemKind::WrongType, format!("`{name}` takes {en}"));
            let problem = problem.with_help(format!("write {written}"));
            Err(Box::new(problem.zh(format!("`{name}` 应为{zh}")).zh_help(format!("请写 {written}"))))
        }
    }
}

fn list(setting: &Setting, entries: &[toml::Value]) -> Result<Vec<Value>, Box<Problem>> {
    let mut list = Vec::with_capacity(entries.len().min(MOST_ENTRIES));
    for (at, entry) in entries.iter().enumerate() {
        match entry {
            toml::Value::String(text) if at < MOST_ENTRIES => list.push(Value::text(text.as_str())),
            _ => {
                let detail = format!("`{}` takes at most {MOST_ENTRIES} texts", setting.name);
                let mut problem = Problem::new(&setting.name, ProblemKind::WrongType, detail)
                    .with_help("write texts in quotes: [\"a\", \"b\"]")
                    .zh(format!("`{}` 最多写 {MOST_ENTRIES} 个文本", setting.name))
                    .zh_help("请写带引号的文本：[\"a\", \"b\"]");
                problem.path.push(at.to_string());
                return Err(Box::new(problem));
            }
        }
    }
    Ok(list)
}

fn table(setting: &Setting, entries: &toml::Table) -> Result<Vec<(String, Value)>, Box<Problem>> {
    let mut values = Vec::new();
    for (at, (key, entry)) in entries.iter().enumerate() {
        let value = match entry {
            toml::Value::String(text) if at < MOST_ENTRIES => Value::text(text.as_str()),
            toml::Value::Integer(number) if at < MOST_ENTRIES => Value::Int(*number),
            toml::Value::Boolean(yes) if at < MOST_ENTRIES => Value::Bool(*yes),
            _ => {
                let detail = format!("an entry of `{}` is a text, a number or a yes/no", setting.name);
                let mut problem = Problem::new(&setting.name, ProblemKind::WrongType, detail)
                    .with_help("write one value for each name")
                    .zh(format!("`{}` 的每一项应为文本、数字或布尔值", setting.name))
                    .zh_help("每个名称写一个值");
                problem.path.push(key.clone());
                return Err(Box::new(problem));
            }
        };
        values.push((format!("{}.{key}", setting.name), value));
    }
    Ok(values)
}

fn takes(kind: &str) -> (&'static str, &'static str) {
    match kind {
        "text" => ("a text", "文本"),
        "url" => ("a web address", "网址"),
        "bool" => ("true or false", "true 或 false"),
        "int" => ("a whole number", "整数"),
        "list" => ("a list of texts", "文本列表"),
        "table" => ("a table", "表"),
        "duration" => ("a length of time such as \"5m\"", "时长，如 \"5m\""),
        "name_or_number" => ("a name or a number", "名称或数字"),
        _ => ("another type", "其他类型"),
    }
}

fn checked_text<'a>(setting: &Setting, text: &'a str) -> Result<&'a str, Box<Problem>> {
    let name = &setting.name;
    let wrong = |detail: String, zh: String| Problem::new(name, ProblemKind::NotAllowed, detail).zh(zh);
    if text.chars().count() > LONGEST_TEXT {
        let problem = wrong(
            format!("`{name}` is longer than {LONGEST_TEXT} characters"),
            format!("`{name}` 超过 {LONGEST_TEXT} 个字符"),
        );
        return Err(Box::new(problem.with_help("shorten it").zh_help("请缩短")));
    }
    if text.trim().is_empty() && (setting.required || !setting.options.is_empty()) {
        let problem = wrong(format!("`{name}` is blank"), format!("`{name}` 为空"));
        return Err(Box::new(problem.with_help("write its value").zh_help("请填写")));
    }
    if !setting.options.is_empty() && !setting.options.iter().any(|option| option == text) {
        let problem =
            wrong(format!("{text:?} is not a value of `{name}`"), format!("{text:?} 不是 `{name}` 的可选值"));
        let options = setting.options.join(", ");
        return Err(Box::new(
            problem.with_help(format!("one of: {options}")).zh_help(format!("可选：{options}")),
        ));
    }
    Ok(text)
}

fn checked_url<'a>(setting: &Setting, text: &'a str) -> Result<&'a str, Box<Problem>> {
    let parsed = url::Url::parse(text);
    // Whoever wrote a password into an address must not read it again in a log.
    let login = parsed.as_ref().is_ok_and(|url| !url.username().is_empty() || url.password().is_some());
    let good = parsed.is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    let wrong = |detail: String, zh: String| {
        Box::new(
            Problem::new(&setting.name, ProblemKind::NotAllowed, detail)
                .with_help("write https://host, without user and password")
                .zh(zh)
                .zh_help("请写 https://主机，不含用户名和密码"),
        )
    };
    match (good, login) {
        (true, false) => Ok(text.trim_end_matches('/')),
        (_, true) => Err(wrong(
            "a web address must not hold a user or a password".to_owned(),
            "网址中不能含用户名或密码".to_owned(),
        )),
        (false, false) => Err(wrong(format!("{text:?} is no web address"), format!("{text:?} 不是网址"))),
    }
}

/// `30s`, `5m`, `2h`, `1d` in seconds.
fn seconds(text: &str) -> Option<i64> {
    let text = text.trim();
    let unit = text.chars().next_back()?;
    let number: i64 = text.strip_suffix(unit)?.trim().parse().ok().filter(|number| *number >= 0)?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return None,
    };
    number.checked_mul(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = r#"
        name = "acme"
        title = { en = "Acme", zh = "爱酷" }
        kinds = ["source"]
        [[setting]]
        name = "url"
        type = "url"
        required = true
        label = { en = "Address", zh = "地址" }
        [[setting]]
        name = "api_key"
        secret = true
        required = true
        label = { en = "Key", zh = "密钥" }
        [[setting]]
        name = "mode"
        options = ["fast", "slow"]
        default = "fast"
        label = { en = "Mode", zh = "方式" }
        [[setting]]
        name = "look_back"
        type = "duration"
        default = "5m"
        label = { en = "Look back", zh = "回看" }
        [[setting]]
        name = "headers"
        type = "table"
        label = { en = "Headers", zh = "请求头" }
        [[setting]]
        name = "channels"
        type = "list"
        label = { en = "Channels", zh = "频道" }
        [[setting]]
        name = "sheet"
        type = "name_or_number"
        default = 1
        label = { en = "Sheet", zh = "工作表" }
    "#;

    fn checked(given: &str) -> (Settings, Vec<Problem>) {
        let manifest = crate::manifest::parse(MANIFEST).unwrap();
        check_manifest(&manifest, &given.parse().unwrap())
    }

    #[test]
    fn good_settings_come_out_typed_with_defaults() {
        let (settings, problems) = checked(
            r#"url = "https://api.acme.example/"
               api_key = { env = "ACME_KEY" }
               look_back = "2h"
               headers = { "x-a" = "1", b = 2 }
               channels = ["a", "b"]"#,
        );
        assert_eq!(problems, []);
        assert_eq!(settings.text("url"), Some("https://api.acme.example"));
        assert_eq!(settings.text("mode"), Some("fast"));
        assert_eq!(settings.values["look_back"], Value::Int(7_200));
        assert_eq!(settings.values["sheet"], Value::Int(1));
        assert_eq!(settings.values["headers.x-a"], Value::from("1"));
        assert_eq!(settings.secrets["api_key"], Reference::Env("ACME_KEY".into()));
        let link = settings.into_link("acme".into(), BTreeMap::new());
        assert_eq!(
            link.table("headers").collect::<Vec<_>>(),
            [("b", &Value::Int(2)), ("x-a", &Value::from("1"))]
        );
        assert_eq!(link.list("channels").collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(link.seconds("look_back"), Some(leadloop_sync_core::time::Micros::hours(2)));
    }

    #[test]
    fn every_mistake_is_found_at_once_with_its_key() {
        let (_, problems) = checked(
            r#"urll = "x"
               api_key = "hunter2"
               mode = "medium"
               look_back = "soon"
               headers = { a = [] }
               channels = ["a", 1]
               sheet = true"#,
        );
        let found: Vec<(String, ProblemKind)> =
            problems.iter().map(|problem| (problem.path.join("."), problem.kind)).collect();
        let mut expected = [
            ("urll", ProblemKind::Unknown),
            ("api_key", ProblemKind::NotAReference),
            ("mode", ProblemKind::NotAllowed),
            ("look_back", ProblemKind::WrongType),
            ("headers.a", ProblemKind::WrongType),
            ("channels.1", ProblemKind::WrongType),
            ("sheet", ProblemKind::WrongType),
            ("", ProblemKind::Missing),
        ]
        .map(|(path, kind)| (path.to_owned(), kind))
        .to_vec();
        let mut found = found;
        let by_text = |a: &(String, ProblemKind), b: &(String, ProblemKind)| a.0.cmp(&b.0);
        found.sort_by(by_text);
        expected.sort_by(by_text);
        assert_eq!(found, expected);
        assert!(problems.iter().all(|problem| !problem.detail.contains("hunter2")), "a secret was repeated");
        let unknown = problems.iter().find(|problem| problem.kind == ProblemKind::Unknown).unwrap();
        assert_eq!(unknown.help.as_deref(), Some("did you mean `url`?"));
    }

    #[test]
    fn references_are_strict() {
        for wrong in [
            "{ env = \"\" }",
            "{ env = \"A\", file = \"b\" }",
            "{}",
            "{ env = \"A-B\" }",
            "{ vault = \"x\" }",
        ] {
            let (_, problems) = checked(&format!("url = \"https://a.example\"\napi_key = {wrong}"));
            assert_eq!(problems.len(), 1, "{wrong}: {problems:?}");
            assert_eq!(problems[0].kind, ProblemKind::NotAReference, "{wrong}");
        }
        for wrong in ["ftp://a.example", "a.example", "https://me:pw@a.example"] {
            let (_, problems) = checked(&format!("url = \"{wrong}\"\napi_key = {{ env = \"A\" }}"));
            assert_eq!(problems.len(), 1, "{wrong}: {problems:?}");
        }
    }
}
