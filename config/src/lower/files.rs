//! Phase 1 for a whole config: the main file, what it includes, the overlay of an environment, and tables in CSV files.
//! Every file read here is part of the config: its text is kept for excerpts and counts for the config's hash.

use super::Context;
use super::get::Get;
use crate::overlay;
use crate::problem::{Problem, Span, Words};
use crate::shape;
use crate::text::{At, Table, Tree};

/// Most files one config may be spread over.
const MOST_FILES: usize = 200;
/// Most mebibytes of a TOML file, and of a table (mobile prefixes are half a million lines).
const MOST_MEBIBYTES: (usize, usize) = (4, 32);

/// What a file is to the config: decides in which encodings it may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// TOML is UTF-8, always.
    Toml,
    /// Tables come out of spreadsheets: UTF-8, UTF-16 with a mark, or GB18030.
    Table,
}

/// The sections of one file: name → tables, each with its place.
pub type Sections = std::collections::BTreeMap<String, Vec<At<Table>>>;

impl Context<'_> {
    /// Reads a file of the config and those it includes.
    pub fn read(&mut self, name: &str, asked_at: Option<&Span>) {
        let Some(table) = self.tree_of(name, asked_at) else { return };
        for pattern in table.texts_at("include") {
            let names = self.files.list(pattern.value);
            if names.is_empty() {
                self.problems.push(
                    Problem::error(
                        "LL2010",
                        &pattern.span,
                        Words::new(
                            format!("no file fits `{}`", pattern.value),
                            format!("没有文件匹配 `{}`", pattern.value),
                        ),
                        Words::new("nothing is included", "没有可包含的文件"),
                    )
                    .help("paths start at the folder of the main file", "路径以主配置文件所在目录为起点"),
                );
            }
            let any = pattern.value.contains('*');
            for name in names {
                let known = self.texts.files.iter().any(|(read, _)| *read == name);
                // A star does not mean the files of environments beside the main file: those are laid over it.
                let main = self.texts.files.first().map_or("", |(main, _)| main.as_str());
                let laid_over = any && overlay::is_of(main, &name);
                if !known && !laid_over {
                    self.read(&name, Some(&pattern.span));
                }
            }
        }
        for (name, mut tables) in split(table) {
            self.sections.entry(name).or_default().append(&mut tables);
        }
    }

    /// Reads the overlay of an environment and lays it over the sections read so far.
    pub fn lay_over(&mut self, name: &str) {
        let Some(table) = self.tree_of(name, None) else { return };
        if let Some((key, _)) = table.entries.iter().find(|(key, _)| key.value == "include") {
            self.problems.push(
                Problem::error(
                    "LL2039",
                    &key.span,
                    Words::new("an overlay includes no other files", "覆盖文件不能再包含其他文件"),
                    Words::new("not here", "此处不可用"),
                )
                .help("write `include` in the main file", "请在主配置文件中写 `include`"),
            );
        }
        overlay::merge(&mut self.sections, split(table), &mut self.problems);
    }

    /// One TOML file as a tree; its syntax and shape are checked.
    fn tree_of(&mut self, name: &str, asked_at: Option<&Span>) -> Option<Table> {
        let file = self.file(name, asked_at, Form::Toml)?;
        let parsed = crate::text::parse(file, self.text(file));
        self.problems.extend(parsed.problems);
        self.damaged.extend(parsed.damaged.into_iter().map(|range| Span { file, range }));
        shape::check(&parsed.table, &mut self.problems);
        Some(parsed.table)
    }

    /// The text of a file read before.
    #[must_use]
    pub fn text(&self, file: usize) -> &str {
        self.texts.files.get(file).map_or("", |(_, text)| text.as_str())
    }

    /// Reads a file: its number in the texts; `None` after saying why not. A file read before is not read again.
    pub fn file(&mut self, name: &str, asked_at: Option<&Span>, form: Form) -> Option<usize> {
        if let Some(known) = self.texts.files.iter().position(|(read, _)| read == name) {
            return Some(known);
        }
        match self.text_of(name, form) {
            Ok(text) => {
                self.texts.files.push((name.to_owned(), text));
                self.forms.push(form);
                Some(self.texts.files.len() - 1)
            }
            Err(why) => {
                let here = asked_at.cloned().unwrap_or(Span { file: 0, range: 0..0 });
                let mut problem = Problem::error("LL2010", &here, why.said, Words::new("here", "此处"));
                problem.help = Some(why.help);
                self.problems.push(problem);
                None
            }
        }
    }

    fn text_of(&self, name: &str, form: Form) -> Result<String, Unreadable> {
        if self.texts.files.len() >= MOST_FILES {
            return Err(Unreadable::new(
                (format!("more than {MOST_FILES} files"), format!("文件超过 {MOST_FILES} 个")),
                ("put several sections into one file", "请把多个部分放进同一个文件"),
            ));
        }
        let bytes = self.files.read(name).map_err(|why| {
            Unreadable::new(
                (
                    format!("`{name}` cannot be read: {why}"),
                    format!("无法读取 `{name}`：{}", super::chinese(&why)),
                ),
                ("paths start at the folder of the main file", "路径以主配置文件所在目录为起点"),
            )
        })?;
        let most = if form == Form::Toml { MOST_MEBIBYTES.0 } else { MOST_MEBIBYTES.1 };
        if bytes.len() > most << 20 {
            return Err(Unreadable::new(
                (format!("`{name}` is larger than {most} MiB"), format!("`{name}` 超过 {most} MiB")),
                ("split it", "请拆分"),
            ));
        }
        decode(&bytes, form).map_err(|line| {
            Unreadable::new(
                (
                    format!("`{name}` is not UTF-8 (line {line})"),
                    format!("`{name}` 不是 UTF-8 编码（第 {line} 行）"),
                ),
                ("save it as UTF-8", "请另存为 UTF-8"),
            )
        })
    }
}

/// Why a file cannot be used.
struct Unreadable {
    said: Words,
    help: Words,
}

impl Unreadable {
    fn new(said: (String, String), help: (&str, &str)) -> Self {
        Self { said: Words::new(said.0, said.1), help: Words::new(help.0, help.1) }
    }
}

/// The text of a file, or the line on which it stops being text.
fn decode(bytes: &[u8], form: Form) -> Result<String, usize> {
    let plain = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    let error = match std::str::from_utf8(plain) {
        Ok(text) => return Ok(text.to_owned()),
        Err(error) => error,
    };
    if form == Form::Table {
        // A mark at the front names UTF-16; else it is what a Chinese spreadsheet writes.
        let (text, _, broken) = encoding_rs::GB18030.decode(bytes);
        if !broken {
            return Ok(text.into_owned());
        }
    }
    let before = plain.get(..error.valid_up_to()).unwrap_or_default();
    Err(before.iter().filter(|byte| **byte == b'\n').count() + 1)
}

/// A file's tables by section. Entries of another shape were refused before.
fn split(table: Table) -> Sections {
    let mut sections = Sections::new();
    for (key, at) in table.entries {
        let tables = match at.value {
            Tree::Table(table) => vec![At { value: table, span: key.span.clone() }],
            Tree::List(list) => list
                .into_iter()
                .filter_map(|item| match item.value {
                    Tree::Table(table) => Some(At { value: table, span: item.span }),
                    _ => None,
                })
                .collect(),
            _ => continue,
        };
        sections.entry(key.value).or_default().extend(tables);
    }
    sections
}
