//! What tests stand on: files in memory, secrets by name, and connectors that are manifests only.

use std::collections::BTreeMap;
use std::path::PathBuf;

use leadloop_config::lower::Secrets;
use leadloop_config::render::terminal::{self, Look};
use leadloop_config::text::Files;
use leadloop_config::{Inputs, Loaded, load_from};
use leadloop_connector_api::canary::Canary;
use leadloop_connector_api::manifest::Manifest;
use leadloop_connector_api::{Connector, Link, Push, Registry};
use leadloop_sync_core::because::Language;
use secrecy::SecretString;

/// The folder of this crate's tests.
pub(crate) fn tests_dir() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests")
}

/// Whether expected texts are to be written anew.
pub(crate) fn is_update() -> bool {
    std::env::var("UPDATE").is_ok_and(|value| value == "1")
}

macro_rules! connectors {
    ($($name:ident $file:literal),* $(,)?) => {
        $(
            struct $name;
            impl Connector for $name {
                fn manifest(&self) -> &'static Manifest {
                    leadloop_connector_api::manifest!($file)
                }
                fn canary(&self, _: &Link, canary: &Canary) -> Option<Push> {
                    let pushed = ["web_form", "webhook"].contains(&self.manifest().name.as_str());
                    pushed.then(|| canary.post("", &canary.json()))
                }
            }
        )*
        /// Connectors of the kinds there are, described but without code.
        pub(crate) fn registry() -> Registry {
            Registry::of([$(&$name as &'static dyn Connector),*])
        }
    };
}
connectors! {
    WebForm "manifests/web_form.toml",
    Webhook "manifests/webhook.toml",
    Forms "manifests/forms.toml",
    TableFile "manifests/table_file.toml",
    SandboxMa "manifests/sandbox_ma.toml",
    Sandbox "manifests/sandbox.toml",
    Mail "../../../connectors/mail/manifest.toml",
    WecomApp "../../../connectors/wecom_app/manifest.toml",
    WecomRobot "../../../connectors/wecom_robot/manifest.toml",
    Qichacha "../../../connectors/qichacha/manifest.toml",
}

/// Files in memory.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ground {
    files: BTreeMap<String, Vec<u8>>,
    secrets: BTreeMap<String, String>,
    overlay: Option<String>,
    today: Option<jiff::civil::Date>,
}

impl Ground {
    /// The tables that most configs need, and one secret (`SECRET`).
    pub(crate) fn new() -> Self {
        let mut ground = Self::default();
        for name in ["people.csv", "regions.csv", "campaigns.csv", "companies.csv"] {
            let bytes = std::fs::read(tests_dir().join("ground").join(name)).expect("the file is there");
            ground.files.insert(name.to_owned(), bytes);
        }
        ground.secret("SECRET", "squeamish-ossifrage")
    }

    /// The same with one more file.
    pub(crate) fn file(mut self, name: &str, bytes: impl Into<Vec<u8>>) -> Self {
        self.files.insert(name.to_owned(), bytes.into());
        self
    }

    /// The same with one more secret.
    pub(crate) fn secret(mut self, name: &str, value: &str) -> Self {
        self.secrets.insert(name.to_owned(), value.to_owned());
        self
    }

    /// The same without a secret.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.secrets.remove(name);
        self
    }

    /// The same with this overlay.
    pub(crate) fn overlay(mut self, name: &str) -> Self {
        self.overlay = Some(name.to_owned());
        self
    }

    /// The same on this day.
    pub(crate) fn today(mut self, day: jiff::civil::Date) -> Self {
        self.today = Some(day);
        self
    }

    /// Loads `main`.
    pub(crate) fn load(&self, main: &str) -> Loaded {
        let registry = registry();
        let overlay = self.overlay.as_deref();
        load_from(&Inputs {
            main,
            overlay,
            files: self,
            secrets: self,
            registry: &registry,
            today: self.today,
        })
    }

    /// Loads a config that has this text.
    pub(crate) fn load_text(self, text: &str) -> Loaded {
        self.file("leadloop.toml", text).load("leadloop.toml")
    }
}

impl Files for Ground {
    fn read(&self, name: &str) -> Result<Vec<u8>, String> {
        self.files.get(name).cloned().ok_or_else(|| "there is no such file".to_owned())
    }

    fn list(&self, pattern: &str) -> Vec<String> {
        let fits = |name: &str| match pattern.split_once('*') {
            None => name == pattern,
            Some((head, tail)) => name.starts_with(head) && name.ends_with(tail),
        };
        self.files.keys().filter(|name| fits(name)).cloned().collect()
    }
}

impl Secrets for Ground {
    fn resolve(&self, _kind: &str, name: &str) -> Result<SecretString, String> {
        let value = self.secrets.get(name).ok_or_else(|| "it is not set".to_owned())?;
        Ok(SecretString::from(value.as_str()))
    }
}

/// All problems as the terminal shows them.
pub(crate) fn rendered(loaded: &Loaded, language: Language) -> String {
    let look = Look { language, colour: false, width: 100 };
    let mut text: String = loaded
        .problems
        .iter()
        .map(|problem| terminal::render(problem, &loaded.texts, look) + "\n\n")
        .collect();
    text.push_str(&terminal::summary(&loaded.problems, language));
    text.push('\n');
    text
}
