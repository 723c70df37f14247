//! Why a command did not do what it was asked: for people in their language, for scripts as exit code and JSON.

use std::process::ExitCode;

use leadloop_config::problem::Words;
use leadloop_server::StartError;
use leadloop_store::StoreError;
use serde_json::json;

use crate::screen::{Screen, Style};

/// How a command ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It did what it was asked.
    Done = 0,
    /// Something is wrong with what it was given: arguments, config, file.
    Input = 1,
    /// Something failed outside: database, network, disk.
    Outside = 2,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit as u8)
    }
}

/// Why a command failed.
#[derive(Clone, Debug)]
pub struct Failure {
    /// How it ends.
    pub exit: Exit,
    /// None where all was said already.
    said: Option<Box<Said>>,
}

/// What was given cannot be used.
const GIVEN: &str = "LL1150";
/// Something outside failed, and none of the other codes says more.
const OUTSIDE: &str = "LL1151";
/// Nothing is called that.
const UNKNOWN: &str = "LL1152";

#[derive(Clone, Debug)]
struct Said {
    code: String,
    message: Words,
    help: Option<Words>,
}

impl Failure {
    fn new(exit: Exit, code: &str, en: impl Into<String>, zh: impl Into<String>) -> Self {
        let said = Said { code: code.to_owned(), message: Words::new(en, zh), help: None };
        Self { exit, said: Some(Box::new(said)) }
    }

    /// Something is wrong with what was given.
    pub fn input(en: impl Into<String>, zh: impl Into<String>) -> Self {
        Self::new(Exit::Input, GIVEN, en, zh)
    }

    /// There is nothing by the name that was given.
    pub fn unknown(en: impl Into<String>, zh: impl Into<String>) -> Self {
        Self::new(Exit::Input, UNKNOWN, en, zh)
    }

    /// Something failed outside.
    pub fn outside(en: impl Into<String>, zh: impl Into<String>) -> Self {
        Self::new(Exit::Outside, OUTSIDE, en, zh)
    }

    /// All was said already.
    pub fn said(exit: Exit) -> Self {
        Self { exit, said: None }
    }

    /// Names the page that says more than the general one.
    #[must_use]
    pub fn code(mut self, code: impl Into<String>) -> Self {
        if let Some(said) = &mut self.said {
            said.code = code.into();
        }
        self
    }

    /// Says what to do.
    #[must_use]
    pub fn help(mut self, en: impl Into<String>, zh: impl Into<String>) -> Self {
        if let Some(said) = &mut self.said {
            said.help = Some(Words::new(en, zh));
        }
        self
    }

    /// Prints it on standard error.
    pub fn print(&self, screen: &Screen) {
        let Some(Said { code, message, help }) = self.said.as_deref() else { return };
        if screen.is_json() {
            let help = help.as_ref().map(|help| screen.say(help));
            screen.aside(
                &json!({ "error": { "code": code, "message": screen.say(message), "help": help } })
                    .to_string(),
            );
            return;
        }
        let name = screen.words("error", "错误");
        let head = screen.paint_aside(Style::Bad, &format!("{name}[{code}]"));
        let colon = screen.words(": ", "：");
        screen.aside(&format!("{head}{colon}{}", screen.say(message)));
        if let Some(help) = help {
            let name = screen.paint_aside(Style::Note, screen.words("help", "建议"));
            screen.aside(&format!("{name}{colon}{}", screen.say(help)));
        }
        let name = screen.paint_aside(Style::Note, screen.words("more", "说明"));
        screen.aside(&format!("{name}{colon}leadloop explain {code}"));
    }
}

impl From<std::io::Error> for Failure {
    /// Of writing to standard output: a reader that has seen enough is no failure.
    fn from(error: std::io::Error) -> Self {
        if error.kind() == std::io::ErrorKind::BrokenPipe {
            return Self::said(Exit::Done);
        }
        Self::outside(format!("the output cannot be written: {error}"), format!("无法输出：{error}"))
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let detail = match &error {
            StoreError::Stale { .. } => error.to_string(),
            StoreError::Unavailable { detail, .. }
            | StoreError::Corrupt { detail, .. }
            | StoreError::Migration { detail, .. } => detail.clone(),
        };
        let failure = Self::outside(format!("the database: {detail}"), format!("数据库：{detail}"));
        match error.code() {
            Some(code) => failure.code(code),
            None => failure,
        }
    }
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        let code = error.code();
        let mut text = error.to_string();
        let mut cause = std::error::Error::source(&error);
        while let Some(inner) = cause {
            text = format!("{text}: {inner}");
            cause = inner.source();
        }
        Self::outside(text.clone(), text).code(code)
    }
}
