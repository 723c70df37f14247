//! The real binary, called as people call it: a folder, arguments, what it said and how it ended.

use std::path::Path;
use std::process::{Command, Stdio};

use leadloop_testing::fresh_database;

/// What a command said and how it ended.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    /// The JSON it printed, of a command that went well.
    pub(crate) fn json(&self) -> serde_json::Value {
        assert_eq!(self.code, 0, "{}\n{}", self.out, self.err);
        self.any_json()
    }

    /// The JSON it printed, however it ended.
    pub(crate) fn any_json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}\n{}\n{}", self.out, self.err))
    }

    /// Went well.
    pub(crate) fn ok(self) -> Self {
        assert_eq!(self.code, 0, "{}\n{}", self.out, self.err);
        self
    }
}

/// A command in a folder, before it is started: English, no terminal, nothing of the surroundings.
pub(crate) fn command(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_leadloop"));
    command.args(args).current_dir(folder).stdin(Stdio::null());
    for name in ["LEADLOOP_CONFIG", "LEADLOOP_ENV", "LC_ALL", "LC_MESSAGES", "NO_COLOR", "RUST_LOG"] {
        command.env_remove(name);
    }
    command.env("LANG", "C");
    command
}

/// Runs a command in a folder.
pub(crate) fn leadloop(folder: &Path, args: &[&str]) -> Said {
    run(command(folder, args))
}

/// Runs a command.
pub(crate) fn run(mut command: Command) -> Said {
    let output = command.output().unwrap();
    Said {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A folder with a config for each engine. `{store}` in the config becomes the value of `[store] url`.
pub(crate) fn on_both(name: &str, config: &str, test: impl Fn(&Path)) {
    let folder = leadloop_testing::temp_dir();
    let write = |store: &str| {
        std::fs::write(folder.path().join("leadloop.toml"), config.replace("{store}", store)).unwrap();
    };
    write("\"sqlite:data/leadloop.db\"");
    test(folder.path());
    let folder = leadloop_testing::temp_dir();
    let database = fresh_database(name);
    std::fs::write(folder.path().join("store_url"), database.url()).unwrap();
    let config = config.replace("{store}", "{ file = \"store_url\" }");
    std::fs::write(folder.path().join("leadloop.toml"), config).unwrap();
    test(folder.path());
}
