//! Where a command speaks: what it found on standard output, what it says meanwhile on standard error.
//!
//! Colours and progress bars only where a terminal is; the same words without them in a pipe. JSON is one document.

use std::io::{IsTerminal, Write};

use leadloop_config::problem::Words;
use leadloop_sync_core::because::Language;
use serde::Serialize;
use unicode_width::UnicodeWidthStr;

use crate::args::{Colour, Format, General, Tongue};

/// How a piece of text stands out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// A heading.
    Head,
    /// Went well.
    Good,
    /// Deserves a look.
    Warn,
    /// Went wrong.
    Bad,
    /// Beside the point.
    Note,
}

impl Style {
    fn code(self) -> &'static str {
        match self {
            Style::Head => "1",
            Style::Good => "32",
            Style::Warn => "33",
            Style::Bad => "1;31",
            Style::Note => "2",
        }
    }
}

/// Where a command speaks.
#[derive(Debug)]
pub struct Screen {
    format: Format,
    language: Language,
    language_asked: bool,
    colour: bool,
    colour_aside: bool,
}

impl Screen {
    /// As asked on the command line and by the environment.
    pub fn new(general: &General) -> Self {
        let silent = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
            || std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let colour = |terminal: bool| match general.color {
            Colour::Always => true,
            Colour::Never => false,
            Colour::Auto => terminal && !silent,
        };
        let language = match general.lang {
            Some(Tongue::Zh) => Language::Zh,
            Some(Tongue::En) => Language::En,
            None => of_environment(),
        };
        Self {
            format: general.output,
            language,
            language_asked: general.lang.is_some(),
            colour: colour(std::io::stdout().is_terminal()),
            colour_aside: colour(std::io::stderr().is_terminal()),
        }
    }

    /// The language in force.
    pub fn language(&self) -> Language {
        self.language
    }

    /// The config's language counts where the command line did not ask for another.
    pub fn prefer(&mut self, language: Language) {
        if !self.language_asked {
            self.language = language;
        }
    }

    /// Whether the answer is JSON.
    pub fn is_json(&self) -> bool {
        self.format == Format::Json
    }

    /// Whether standard output shows colours.
    pub fn has_colour(&self) -> bool {
        self.colour
    }

    /// Whether somebody sits at it, so that a question makes sense.
    pub fn is_attended(&self) -> bool {
        !self.is_json() && std::io::stderr().is_terminal() && std::io::stdin().is_terminal()
    }

    /// Whether progress may be drawn.
    pub fn draws(&self) -> bool {
        !self.is_json() && std::io::stderr().is_terminal()
    }

    /// One of two wordings.
    pub fn words<'w>(&self, en: &'w str, zh: &'w str) -> &'w str {
        match self.language {
            Language::Zh => zh,
            Language::En => en,
        }
    }

    /// A text in the language in force.
    pub fn say<'w>(&self, words: &'w Words) -> &'w str {
        words.say(self.language)
    }

    /// A piece of text for standard output.
    pub fn paint(&self, style: Style, text: &str) -> String {
        painted(self.colour, style, text)
    }

    /// A piece of text for standard error.
    pub fn paint_aside(&self, style: Style, text: &str) -> String {
        painted(self.colour_aside, style, text)
    }

    /// One line on standard output.
    pub fn line(&self, text: &str) -> std::io::Result<()> {
        let mut out = std::io::stdout().lock();
        out.write_all(text.as_bytes())?;
        out.write_all(b"\n")?;
        out.flush()
    }

    /// A heading on standard output, with an empty line before it.
    pub fn head(&self, text: &str) -> std::io::Result<()> {
        self.line(&format!("\n{}", self.paint(Style::Head, text)))
    }

    /// One JSON document on standard output.
    pub fn json(&self, document: &impl Serialize) -> std::io::Result<()> {
        let text = serde_json::to_string_pretty(document).map_err(std::io::Error::other)?;
        self.line(&text)
    }

    /// One line on standard error: what is going on, not what was found.
    pub fn aside(&self, text: &str) {
        // Nobody is left to tell when standard error is closed.
        let _ = writeln!(std::io::stderr().lock(), "{text}");
    }

    /// A table on standard output: aligned columns, no lines, the same in a terminal and in a pipe.
    pub fn table(&self, table: &Rows) -> std::io::Result<()> {
        self.line(&table.render(self.colour))
    }
}

fn painted(colour: bool, style: Style, text: &str) -> String {
    if colour { format!("\u{1b}[{}m{text}\u{1b}[0m", style.code()) } else { text.to_owned() }
}

/// `LC_ALL`, `LC_MESSAGES`, `LANG`, in this order.
fn of_environment() -> Language {
    let set = |name: &&str| std::env::var(name).ok().filter(|value| !value.is_empty());
    match ["LC_ALL", "LC_MESSAGES", "LANG"].iter().find_map(set) {
        Some(locale) if locale.starts_with("zh") => Language::Zh,
        _ => Language::En,
    }
}

/// A cell: its text, and how it stands out.
type Cell = (String, Option<Style>);

/// Rows for [`Screen::table`].
#[derive(Debug)]
pub struct Rows {
    heads: Vec<String>,
    /// Columns that hold numbers.
    numbers: Vec<bool>,
    rows: Vec<Vec<Cell>>,
    indent: usize,
}

impl Rows {
    /// A table with these columns; a name that begins with `#` is a column of numbers. Without any name there is no
    /// line of names.
    pub fn new(heads: &[&str]) -> Self {
        Self {
            numbers: heads.iter().map(|head| head.starts_with('#')).collect(),
            heads: heads.iter().map(|head| head.trim_start_matches('#').to_owned()).collect(),
            rows: Vec::new(),
            indent: 0,
        }
    }

    /// Pushed to the right by so many columns.
    #[must_use]
    pub fn indent(mut self, columns: usize) -> Self {
        self.indent = columns;
        self
    }

    /// Adds a row.
    pub fn push(&mut self, row: Vec<String>) {
        // Line breaks and tabs of a value would break the row.
        self.rows.push(row.iter().map(|text| (one_line(text), None)).collect());
    }

    /// Adds a row whose first cell stands out.
    pub fn push_marked(&mut self, style: Style, row: Vec<String>) {
        self.push(row);
        if let Some(cell) = self.rows.last_mut().and_then(|row| row.first_mut()) {
            cell.1 = Some(style);
        }
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    fn render(&self, colour: bool) -> String {
        let named = self.heads.iter().any(|head| !head.is_empty());
        let heads: Vec<Cell> = self.heads.iter().map(|head| (head.clone(), Some(Style::Note))).collect();
        let rows: Vec<&Vec<Cell>> = named.then_some(&heads).into_iter().chain(&self.rows).collect();
        let mut widths = vec![0; self.heads.len()];
        for row in &rows {
            for (width, (text, _)) in widths.iter_mut().zip(row.iter()) {
                *width = (*width).max(text.width());
            }
        }
        let lines: Vec<String> = rows.iter().map(|row| self.line(row, &widths, colour)).collect();
        lines.join("\n")
    }

    /// One line: columns two blanks apart, numbers to the right, nothing behind the last character.
    fn line(&self, row: &[Cell], widths: &[usize], colour: bool) -> String {
        let mut line = " ".repeat(self.indent);
        let mut owed = 0;
        for (at, (text, style)) in row.iter().enumerate() {
            let room = widths.get(at).copied().unwrap_or(0).saturating_sub(text.width());
            let number = self.numbers.get(at) == Some(&true);
            let (before, behind) = if number { (room, 0) } else { (0, room) };
            if text.is_empty() {
                owed += room + 2;
                continue;
            }
            line.push_str(&" ".repeat(owed + before));
            match style {
                Some(style) => line.push_str(&painted(colour, *style, text)),
                None => line.push_str(text),
            }
            owed = behind + 2;
        }
        line
    }
}

/// A value as it may stand in one line: no control characters, so that data cannot steer the terminal.
pub fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_under_each_other_with_wide_characters() {
        let mut rows = Rows::new(&["channel", "#people"]);
        rows.push(vec!["百度 SEM".into(), "12".into()]);
        rows.push(vec!["direct\u{1b}[31m".into(), "3".into()]);
        let text = rows.render(false);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "channel      people");
        assert_eq!(lines[1], "百度 SEM         12");
        assert_eq!(lines[2], "direct [31m       3");
        assert!(rows.render(true).starts_with("\u{1b}[2mchannel\u{1b}[0m"));
        let mut plain = Rows::new(&["", "#", ""]).indent(2);
        plain.push_marked(Style::Good, vec!["✓".into(), String::new(), "x".into()]);
        assert_eq!(plain.render(false), "  ✓    x");
    }
}
