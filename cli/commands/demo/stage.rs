//! What the demo needs: a folder with config and samples (they are part of the binary), and a sandbox that plays CRM and MA.

use std::path::{Path, PathBuf};

use leadloop_sandbox::{Handle, Options, Sandbox};
use leadloop_sync_core::because::Language;

use crate::failure::Failure;

/// The samples, by their place in the folder.
const FILES: [(&str, &[u8]); 13] = [
    ("campaigns.csv", include_bytes!("../../../samples/campaigns.csv")),
    ("people.csv", include_bytes!("../../../samples/people.csv")),
    ("regions.csv", include_bytes!("../../../samples/regions.csv")),
    ("samples/crm_seed.json", include_bytes!("../../../samples/crm_seed.json")),
    ("samples/web_forms.jsonl", include_bytes!("../../../samples/web_forms.jsonl")),
    ("samples/webhook.jsonl", include_bytes!("../../../samples/webhook.jsonl")),
    ("samples/ma_contacts.jsonl", include_bytes!("../../../samples/ma_contacts.jsonl")),
    ("samples/fair-2026.csv", include_bytes!("../../../samples/fair-2026.csv")),
    ("samples/webinar.xlsx", include_bytes!("../../../samples/webinar.xlsx")),
    ("samples/truth.json", include_bytes!("../../../samples/truth.json")),
    ("secrets/sandbox", include_bytes!("../../../samples/demo/secrets/sandbox")),
    ("secrets/live", include_bytes!("../../../samples/demo/secrets/live")),
    ("secrets/nurturing", include_bytes!("../../../samples/demo/secrets/nurturing")),
];
/// The config, as it stands in the repository.
const CONFIG: &str = include_str!("../../../samples/demo/leadloop.toml");
/// Where the sandbox listens in that config.
const SANDBOX: &str = "http://127.0.0.1:8090";

/// Where the demo plays.
pub struct Stage {
    /// The folder with config, database and samples.
    pub folder: PathBuf,
    /// CRM and MA.
    pub sandbox: Handle,
}

impl Stage {
    /// Writes the folder and starts the sandbox.
    ///
    /// # Errors
    /// Where the folder holds a demo already or cannot be written, or no port is free.
    pub async fn set(keep: Option<&Path>, language: Language) -> Result<Self, Failure> {
        let folder = match keep {
            Some(folder) => folder.to_owned(),
            None => std::env::temp_dir().join(format!("leadloop-demo-{}", uuid::Uuid::new_v4().simple())),
        };
        if folder.join("leadloop.toml").exists() {
            let name = folder.display();
            return Err(Failure::input(
                format!("`{name}` holds a config already"),
                format!("`{name}` 已有配置"),
            )
            .help("name an empty folder, or one that is not there", "请指定空目录或尚不存在的目录"));
        }
        for (name, bytes) in FILES {
            write(&folder, name, bytes)?;
        }
        let options = Options { seed_file: Some(folder.join("samples/crm_seed.json")), ..Options::default() };
        let sandbox = Sandbox::start(options)
            .await
            .map_err(|error| Failure::outside(format!("the sandbox: {error}"), format!("沙箱：{error}")))?;
        let word = if language == Language::En { "en" } else { "zh" };
        let config = CONFIG
            .replace(SANDBOX, &sandbox.url())
            .replace("127.0.0.1:8080", "127.0.0.1:0")
            .replace("\"../", "\"")
            .replace("language = \"zh\"", &format!("language = \"{word}\""));
        write(&folder, "leadloop.toml", config.as_bytes())?;
        Ok(Self { folder, sandbox })
    }

    /// The config.
    pub fn config(&self) -> PathBuf {
        self.folder.join("leadloop.toml")
    }

    /// A sample.
    pub fn sample(&self, name: &str) -> PathBuf {
        self.folder.join("samples").join(name)
    }

    /// A practice secret.
    pub fn secret(name: &str) -> Option<&'static str> {
        let place = format!("secrets/{name}");
        let (_, bytes) = FILES.iter().find(|(file, _)| *file == place)?;
        std::str::from_utf8(bytes).ok().map(str::trim)
    }

    /// The text of a sample.
    pub fn text(name: &str) -> &'static str {
        let place = format!("samples/{name}");
        let found = FILES.iter().find(|(file, _)| *file == place);
        found.and_then(|(_, bytes)| std::str::from_utf8(bytes).ok()).unwrap_or_default()
    }

    /// Stops the sandbox. The folder stays: people want to look at what happened.
    pub async fn clear(self) {
        self.sandbox.shutdown().await;
    }
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> Result<(), Failure> {
    let path = folder.join(name);
    let written =
        path.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| std::fs::write(&path, bytes));
    written.map_err(|error| {
        let name = path.display();
        Failure::outside(format!("`{name}`: {error}"), format!("`{name}`：{error}"))
    })
}
