//! From `--config` to a checked plan and an open store. Paths of the config start at its own folder.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use leadloop_config::plan::Plan;
use leadloop_config::render::terminal::{self, Look};
use leadloop_config::text::Files;
use leadloop_config::{Beside, Inputs, Loaded, load_beside, overlay, render};
use leadloop_connector_api::manifest::Auth;
use leadloop_connector_api::{Connector, Link};
use leadloop_mapping::Value;
pub use leadloop_server::run::database;
use leadloop_store::{MasterKey, MasterKeys, Store, StoreSettings};
use secrecy::{ExposeSecret, SecretString};

use crate::args::General;
use crate::failure::{Exit, Failure};
use crate::files::Disk;
use crate::screen::Screen;

/// Where the config lies and what it is called there.
fn place(config: &Path) -> (PathBuf, String) {
    let folder = config.parent().filter(|folder| !folder.as_os_str().is_empty());
    let name = config.file_name().map_or_else(|| config.to_string_lossy(), |name| name.to_string_lossy());
    (folder.unwrap_or(Path::new(".")).to_owned(), name.into_owned())
}

/// The environment whose overlay is laid over the config (`leadloop.prod.toml` for `prod`), where one is set.
fn environment() -> Option<String> {
    std::env::var("LEADLOOP_ENV").ok().map(|name| name.trim().to_owned()).filter(|name| !name.is_empty())
}

/// Reads a config with everything that is wrong with it by itself.
pub fn read(config: &Path) -> Loaded {
    read_beside(config, &Beside::default())
}

/// The same, held against what was checked before or what the systems say.
pub fn read_beside(config: &Path, beside: &Beside<'_>) -> Loaded {
    read_in(config, environment().as_deref(), "", beside).0
}

/// A config, and every file that was looked at for it: its own, its tables and its secrets.
pub fn read_seen(config: &Path) -> (Loaded, BTreeSet<PathBuf>) {
    read_in(config, environment().as_deref(), "", &Beside::default())
}

/// Reads a config that is its own: without an environment's overlay.
pub fn read_alone(config: &Path) -> Loaded {
    read_in(config, None, "", &Beside::default()).0
}

/// Reads a config as if some text stood at the end of its main file.
pub fn read_with(config: &Path, more: &str) -> Loaded {
    read_in(config, environment().as_deref(), more, &Beside::default()).0
}

fn read_in(
    config: &Path,
    environment: Option<&str>,
    more: &str,
    beside: &Beside<'_>,
) -> (Loaded, BTreeSet<PathBuf>) {
    let (folder, name) = place(config);
    let disk = Disk::new(&folder);
    let registry = leadloop_connectors::registry();
    let overlay = environment.map(|environment| overlay::file_name(&name, environment));
    let inputs = Inputs {
        main: &name,
        overlay: overlay.as_deref(),
        files: &Longer { disk: &disk, name: &name, more },
        secrets: &disk,
        registry: &registry,
        today: Some(jiff::Zoned::now().date()),
    };
    let mut loaded = load_beside(&inputs, beside);
    if let Some(plan) = &mut loaded.plan {
        for source in &mut plan.sources {
            source.folder = source.folder.as_ref().map(|path| folder.join(path));
        }
        for link in &mut plan.links {
            root_database(&mut link.link, registry.get(&link.connector), &folder);
        }
        plan.store_url = rooted(&plan.store_url, &folder);
    }
    (loaded, disk.seen())
}

/// The files of a config, the main one with some text behind it.
struct Longer<'a> {
    disk: &'a Disk,
    name: &'a str,
    more: &'a str,
}

impl Files for Longer<'_> {
    fn read(&self, name: &str) -> Result<Vec<u8>, String> {
        let mut bytes = self.disk.read(name)?;
        if name == self.name && !self.more.is_empty() {
            bytes.extend_from_slice(b"\n");
            bytes.extend_from_slice(self.more.as_bytes());
        }
        Ok(bytes)
    }

    fn list(&self, pattern: &str) -> Vec<String> {
        self.disk.list(pattern)
    }
}

/// The file of a database of others, seen from where we are.
fn root_database(link: &mut Link, connector: Option<&'static dyn Connector>, folder: &Path) {
    let Some(Auth::Database { file, .. }) = connector.and_then(|one| one.manifest().auth.as_ref()) else {
        return;
    };
    if let Some(Value::Text(path)) = link.settings.get_mut(file) {
        *path = folder.join(path.as_str()).display().to_string();
    }
}

/// The URL of a store with its file seen from where we are.
fn rooted(url: &SecretString, folder: &Path) -> SecretString {
    let text = url.expose_secret();
    match text.strip_prefix("sqlite:") {
        Some(path) if !path.starts_with(':') => {
            let path = path.strip_prefix("//").unwrap_or(path);
            SecretString::from(format!("sqlite:{}", folder.join(path).display()))
        }
        _ => url.clone(),
    }
}

/// Prints problems on standard error, as text or as JSON.
pub fn say(screen: &Screen, loaded: &Loaded) {
    if screen.is_json() {
        let shown = render::json::render(&loaded.problems, &loaded.texts);
        screen.aside(&serde_json::json!({ "problems": shown }).to_string());
        return;
    }
    let look = Look { language: screen.language(), colour: screen.has_colour(), width: 120 };
    for problem in &loaded.problems {
        screen.aside(&terminal::render(problem, &loaded.texts, look));
        screen.aside("");
    }
    if !loaded.problems.is_empty() {
        screen.aside(&terminal::summary(&loaded.problems, screen.language()));
    }
}

/// The plan of the config that was asked for; its problems are said where there is none.
///
/// # Errors
/// Where the config is not there or has errors.
pub fn plan(screen: &mut Screen, general: &General) -> Result<Arc<Plan>, Failure> {
    plan_of(screen, &general.config)
}

/// The plan of a config.
///
/// # Errors
/// As [`plan`].
pub fn plan_of(screen: &mut Screen, config: &Path) -> Result<Arc<Plan>, Failure> {
    if !config.exists() {
        return Err(Failure::input(
            format!("there is no config `{}`", config.display()),
            format!("没有配置文件 `{}`", config.display()),
        )
        .code("LL2010")
        .help(
            "`leadloop init` writes one; `--config FILE` names another",
            "用 `leadloop init` 生成，或用 `--config 文件` 指定",
        ));
    }
    let mut loaded = read(config);
    match loaded.plan.take() {
        Some(plan) => {
            screen.prefer(plan.policy.language);
            Ok(Arc::new(plan))
        }
        None => {
            say(screen, &loaded);
            Err(Failure::said(Exit::Input))
        }
    }
}

/// The settings of a plan's store.
pub fn store_settings(plan: &Plan) -> StoreSettings {
    #[expect(
        clippy::expect_used,
        reason = "the config took it for a key; a store in clear must not come of it"
    )]
    let key = |secret: &SecretString| MasterKey::parse(secret.expose_secret()).expect("64 digits");
    let keys = plan
        .store_keys
        .as_ref()
        .map(|keys| MasterKeys { current: key(&keys.key), old: keys.old.iter().map(key).collect() });
    StoreSettings::new(plan.store_url.expose_secret()).encrypted(keys)
}

/// Opens the store of a plan for reading: works beside a running leadloop.
///
/// # Errors
/// Where it cannot be opened, or is not there yet.
pub async fn reading(plan: &Plan) -> Result<Store, Failure> {
    if let Some(file) = database(plan).filter(|file| !file.exists()) {
        return Err(Failure::input(
            format!("there is no database yet: {}", file.display()),
            format!("数据库尚不存在：{}", file.display()),
        )
        .help(
            "`leadloop run` or `leadloop import` makes it",
            "运行 `leadloop run` 或 `leadloop import` 后生成",
        ));
    }
    Ok(Store::open(&store_settings(plan).read_only()).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_start_at_the_config() {
        let root = |url: &str| rooted(&SecretString::from(url), Path::new("conf")).expose_secret().to_owned();
        assert_eq!(root("sqlite:data/a.db"), "sqlite:conf/data/a.db");
        assert_eq!(root("sqlite:/var/lib/a.db"), "sqlite:/var/lib/a.db");
        assert_eq!(root("sqlite::temporary:"), "sqlite::temporary:");
        assert_eq!(root("postgres://db.example/x"), "postgres://db.example/x");
        assert_eq!(place(Path::new("leadloop.toml")), (PathBuf::from("."), "leadloop.toml".to_owned()));
    }
}
