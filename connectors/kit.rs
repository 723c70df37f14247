//! Beside the road: the folder a new connector begins with. It compiles as it is and plays its own made-up conversations;
//! what only the vendor's manual can say stands in lines with [`FACT`], which the conformance test asks for one by one.
//!
//! Nothing but the standard library: the build script uses this file too, so that the tests compile what the kit writes.

/// A line with these words asks for a fact. (`leadloop_connector_api::testkit` looks for them.)
pub const FACT: &str = "FACT? ";

/// What a new connector is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Leads or behaviour come from it.
    Source,
    /// A CRM.
    Crm,
    /// A notice channel.
    Notify,
    /// A source that is the connector `webhook` with settings of its own: no code.
    Profile,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 4] = [Kind::Source, Kind::Crm, Kind::Notify, Kind::Profile];
}

type Template = &'static [(&'static str, &'static str)];

macro_rules! template {
    ($folder:literal: $($file:literal),+ $(,)?) => {
        &[$(($file, include_str!(concat!("kit/", $folder, "/", $file)))),+]
    };
}

const SOURCE: Template = template!("source":
    "mod.rs", "manifest.toml", "README.md", "fixtures/push.exchange", "fixtures/push.bad_signature.exchange",
    "fixtures/changes.exchange", "fixtures/changes.refused.exchange", "fixtures/changes.throttled.exchange",
);

const CRM: Template = template!("crm":
    "mod.rs", "manifest.toml", "README.md", "fixtures/check.exchange", "fixtures/check.refused.exchange",
    "fixtures/check.throttled.exchange", "fixtures/find.exchange", "fixtures/find.none.exchange",
    "fixtures/find.mark.exchange", "fixtures/find.refused.exchange", "fixtures/find.throttled.exchange",
    "fixtures/create.exchange", "fixtures/create.refused.exchange", "fixtures/create.throttled.exchange",
    "fixtures/update.exchange", "fixtures/update.gone.exchange", "fixtures/update.throttled.exchange",
    "fixtures/changes.exchange", "fixtures/changes.refused.exchange", "fixtures/changes.throttled.exchange",
);

const NOTIFY: Template = template!("notify":
    "mod.rs", "manifest.toml", "README.md", "fixtures/notify.exchange", "fixtures/notify.refused.exchange",
    "fixtures/notify.throttled.exchange",
);

const PROFILE: Template = template!("profile":
    "profile.toml", "README.md", "pushed.exchange", "wrong_secret.exchange",
);

/// The files of a new connector, by their path from the folder `connectors`.
#[must_use]
pub fn files(name: &str, kind: Kind) -> Vec<(String, String)> {
    let template = match kind {
        Kind::Source => SOURCE,
        Kind::Crm => CRM,
        Kind::Notify => NOTIFY,
        Kind::Profile => PROFILE,
    };
    let path = |file: &str| match (kind, file) {
        (Kind::Profile, "profile.toml") => format!("profiles/{name}.toml"),
        (Kind::Profile, "README.md") => format!("profiles/{name}.md"),
        (Kind::Profile, file) => format!("profiles/{name}.{file}"),
        (_, file) => format!("{name}/{file}"),
    };
    template.iter().map(|(file, text)| (path(file), named(text, name))).collect()
}

/// A template with the names of the new connector in it.
fn named(text: &str, name: &str) -> String {
    let words: Vec<String> = name.split('_').filter(|word| !word.is_empty()).map(capital).collect();
    text.replace("KitName", &words.concat())
        .replace("Kit System", &words.join(" "))
        .replace("KIT_NAME", &name.to_uppercase())
        .replace("kit_name", name)
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// The files that a text shows: fenced blocks whose fence names a path below `connectors/`, such as
/// `toml connectors/acme/manifest.toml`.
#[must_use]
pub fn shown(text: &str) -> Vec<(String, String)> {
    let mut files: Vec<(String, String)> = Vec::new();
    let mut within = false;
    for line in text.lines() {
        if let Some(fence) = line.strip_prefix("```") {
            within = false;
            if let Some((_, path)) = fence.split_once(" connectors/") {
                files.push((path.trim().to_owned(), String::new()));
                within = true;
            }
        } else if let Some((_, content)) = files.last_mut().filter(|_| within) {
            content.push_str(line);
            content.push('\n');
        }
    }
    files
}

/// The text of `connectors/lib.rs` with the line that takes a connector in, in its place among the others.
#[must_use]
pub fn taken_in(lib: &str, name: &str) -> Option<String> {
    let line = format!("mod {name};");
    let is_module = |line: &&str| line.starts_with("mod ") && line.ends_with(';');
    let mut lines: Vec<&str> = lib.lines().collect();
    let first = lines.iter().position(is_module)?;
    let block = lines.iter().skip(first).take_while(|line| is_module(line)).count();
    let place = lines.iter().skip(first).take(block).take_while(|known| **known < line.as_str()).count();
    lines.insert(first + place, &line);
    Some(format!("{}\n", lines.join("\n")))
}
