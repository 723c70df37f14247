//! What may be written: every section and key of the config as data, in both languages.
//!
//! The one source of the shape check ([`crate::shape`]), the editor's JSON Schema and the reference page.

pub mod sections;

/// The shape of a value.
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    /// Any text.
    Text,
    /// A name that others refer to or that is referred to.
    Name,
    /// A whole number in this range.
    Int(i64, i64),
    /// Yes or no.
    Bool,
    /// A length of time on the clock: `30s`, `5m`, `2h`, `14d`.
    Duration,
    /// A length in working time or on the clock: `4 working hours`, `1 working day`, `30m`.
    Length,
    /// A share: `20%`.
    Percent,
    /// A date: `2026-12-01`.
    Date,
    /// A date, or a date with a time: `2026-12-01T10:00:00`.
    Time,
    /// An expression.
    Expr,
    /// A reference to a secret: `{ env = "…" }` or `{ file = "…" }`.
    Secret,
    /// A text that may also be a secret reference (URLs that hold passwords).
    TextOrSecret,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A list of these; one value stands for a list of one.
    List(&'static Shape),
    /// A table with these keys.
    Table(&'static [Key]),
    /// A table with these keys, and free ones with values of this shape.
    Open(&'static [Key], &'static Shape),
    /// A table with free keys and values of this shape.
    Map(&'static Shape),
    /// A text, a number or yes/no.
    Scalar,
    /// A step of a mapping: a word, or a word with what it takes.
    Step,
    /// The first shape that fits.
    OneOf(&'static [Shape]),
    /// The connector's own settings, checked against its manifest.
    Settings,
    /// A limit: `3` or `5 in 7d`.
    LimitIn,
    /// A rate: `20 per minute per address`.
    Rate,
    /// Known and meant to come, but the feature is not in this version: refused with this reason (en, zh).
    Later(&'static str, &'static str),
}

/// One key of a table.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// The shape of its value.
    pub shape: Shape,
    /// Whether it must be there.
    pub required: bool,
    /// What it means.
    pub doc: (&'static str, &'static str),
    /// An example of a value, as TOML.
    pub example: &'static str,
}

/// One section of the config.
#[derive(Clone, Copy, Debug)]
pub struct Section {
    /// Its name: `[name]` or `[[name]]`.
    pub name: &'static str,
    /// Whether it is written once for each thing: `[[name]]`.
    pub many: bool,
    /// Its keys.
    pub keys: &'static [Key],
    /// What it is for.
    pub doc: (&'static str, &'static str),
}

impl Section {
    /// As it is written: `[server]`, `[[source]]`.
    #[must_use]
    pub fn title(&self) -> String {
        if self.many { format!("[[{}]]", self.name) } else { format!("[{}]", self.name) }
    }

    /// Whether it may be written once for each thing, even where it mostly is written once.
    #[must_use]
    pub fn may_repeat(&self) -> bool {
        self.many || self.name == "mql"
    }

    /// Why it is not in this version, where it is not.
    #[must_use]
    pub fn later(&self) -> Option<(&'static str, &'static str)> {
        match self.keys.first() {
            Some(Key { name: "", shape: Shape::Later(en, zh), .. }) => Some((*en, *zh)),
            _ => None,
        }
    }
}

/// The section of that name.
#[must_use]
pub fn section(name: &str) -> Option<&'static Section> {
    sections::all().find(|section| section.name == name)
}

/// An optional key.
pub const fn key(
    name: &'static str,
    shape: Shape,
    example: &'static str,
    en: &'static str,
    zh: &'static str,
) -> Key {
    Key { name, shape, required: false, doc: (en, zh), example }
}

/// A key that must be there.
pub const fn must(
    name: &'static str,
    shape: Shape,
    example: &'static str,
    en: &'static str,
    zh: &'static str,
) -> Key {
    Key { name, shape, required: true, doc: (en, zh), example }
}
