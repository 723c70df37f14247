//! Words of notices: MiniJinja templates, the only place that uses the engine. Strict: a name that is not there is a
//! mistake, found when the config is checked.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior};
use serde_json::Value as Json;

use super::{Event, default};
use crate::because::Language;

/// Steps one rendering may take.
const FUEL: u64 = 50_000;
/// Most characters of a title.
const MOST_TITLE: usize = 120;
/// Most characters of a text.
const MOST_TEXT: usize = 6_000;

/// Names a template of a message to a person may use.
pub const PERSONAL: [&str; 29] = [
    "lead.name",
    "lead.company",
    "lead.title",
    "lead.phone",
    "lead.email",
    "lead.province",
    "lead.requirement",
    "lead.channel",
    "lead.tags",
    "owner.name",
    "previous.name",
    "to.name",
    "handoff.id",
    "handoff.rule",
    "handoff.due",
    "handoff.recycled",
    "brief",
    "touch",
    "clock",
    "step",
    "tag",
    "remark",
    "items",
    "count",
    "alarm.code",
    "alarm.detail",
    "alarm.raised",
    "report",
    "desk.until",
];
/// Names a template of a message to a group may use: nothing that tells who the lead is.
pub const OPEN: [&str; 14] = [
    "lead.province",
    "lead.channel",
    "owner.name",
    "previous.name",
    "handoff.rule",
    "handoff.due",
    "handoff.recycled",
    "clock",
    "step",
    "tag",
    "count",
    "alarm.code",
    "alarm.raised",
    "desk.until",
];

/// What is wrong with a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TextError {
    /// It is no template: where (line) and what.
    Syntax(Option<usize>, String),
    /// It names what is not there.
    Unknown(String),
    /// It names what a group must not see.
    Personal(String),
}

/// Templates of all events, title and text, for people and for groups.
#[derive(Clone)]
pub struct Words {
    engine: Arc<Environment<'static>>,
}

impl fmt::Debug for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Words").finish_non_exhaustive()
    }
}

impl Default for Words {
    fn default() -> Self {
        Self::of(Language::Zh, &[])
    }
}

/// A template of the admin's: event, whether for groups, title, text.
pub type Own = (Event, bool, Option<String>, Option<String>);

impl Words {
    /// The product's words in a language, with the admin's in place of some. Own templates were [`check`]ed.
    #[must_use]
    pub fn of(language: Language, own: &[Own]) -> Self {
        let mut engine = engine();
        for event in Event::ALL {
            for group in [false, true] {
                let (title, text) = default::of(event, group, language);
                // The product's own templates are tried by a test.
                let _ = engine.add_template_owned(name(event, group, "title"), title.to_owned());
                let _ = engine.add_template_owned(name(event, group, "text"), text.to_owned());
            }
        }
        for (event, group, title, text) in own {
            for (part, given) in [("title", title), ("text", text)] {
                if let Some(given) = given {
                    let _ = engine.add_template_owned(name(*event, *group, part), given.clone());
                }
            }
        }
        Self { engine: Arc::new(engine) }
    }

    /// What is wrong with a template.
    ///
    /// # Errors
    /// The first mistake.
    pub fn check(text: &str, group: bool) -> Result<(), TextError> {
        let mut engine = engine();
        engine
            .add_template_owned("own", text.to_owned())
            .map_err(|error| TextError::Syntax(error.line(), error.to_string()))?;
        let template =
            engine.get_template("own").map_err(|error| TextError::Syntax(error.line(), error.to_string()))?;
        let used: BTreeSet<String> = template.undeclared_variables(true).into_iter().collect();
        for name in used {
            if !PERSONAL.iter().any(|known| is_within(known, &name)) {
                return Err(TextError::Unknown(name));
            }
            if group && !OPEN.iter().any(|known| is_within(known, &name)) {
                return Err(TextError::Personal(name));
            }
        }
        Ok(())
    }

    /// Title and text of an event; the product's own words where an admin's cannot be filled in.
    #[must_use]
    pub fn say(&self, event: Event, group: bool, facts: &Json, language: Language) -> (String, String) {
        let part = |part: &str| {
            let template = self.engine.get_template(&name(event, group, part));
            template.and_then(|template| template.render(Serde(facts))).ok()
        };
        let (title, text) = default::of(event, group, language);
        let own = |text: &str| engine().render_str(text, Serde(facts)).unwrap_or_default();
        let title = part("title").unwrap_or_else(|| own(title));
        let text = part("text").unwrap_or_else(|| own(text));
        let one_line = title.split_whitespace().collect::<Vec<_>>().join(" ");
        (crate::case::short(&one_line, MOST_TITLE), crate::case::short(&tidy(&text), MOST_TEXT))
    }
}

/// Whether a known name is the used one or holds it (`lead` of `lead.name` stands for all of them, so it is not known).
fn is_within(known: &str, used: &str) -> bool {
    known == used || used.strip_prefix(known).is_some_and(|rest| rest.starts_with('.'))
}

fn name(event: Event, group: bool, part: &str) -> String {
    format!("{}/{}/{part}", event.as_str(), if group { "group" } else { "person" })
}

fn engine() -> Environment<'static> {
    let mut engine = Environment::new();
    engine.set_undefined_behavior(UndefinedBehavior::Strict);
    engine.set_fuel(Some(FUEL));
    engine.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    engine
}

/// No blank line twice, none at either end.
fn tidy(text: &str) -> String {
    let mut lines: Vec<&str> = Vec::new();
    for line in text.lines().map(str::trim_end) {
        if !(line.is_empty() && lines.last().is_none_or(|last| last.is_empty())) {
            lines.push(line);
        }
    }
    lines.join("\n").trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn mistakes_are_told_apart() {
        assert_eq!(Words::check("{{ lead.company }} {{ owner.name }}", false), Ok(()));
        assert_eq!(
            Words::check("{{ lead.compny }}", false),
            Err(TextError::Unknown("lead.compny".to_owned()))
        );
        assert_eq!(Words::check("{{ lead.phone }}", true), Err(TextError::Personal("lead.phone".to_owned())));
        assert_eq!(Words::check("{% for item in items %}{{ item.name }}{% endfor %}", false), Ok(()));
        assert!(matches!(Words::check("{{ lead.company", false), Err(TextError::Syntax(Some(1), _))));
    }

    #[test]
    fn the_products_own_words_use_only_what_is_there() {
        for event in Event::ALL {
            for group in [false, true] {
                for language in [Language::Zh, Language::En] {
                    let (title, text) = default::of(event, group, language);
                    assert_eq!(Words::check(title, group), Ok(()), "{event:?} {group} {title}");
                    assert_eq!(Words::check(text, group), Ok(()), "{event:?} {group} {text}");
                }
            }
        }
    }

    #[test]
    fn a_text_that_runs_away_is_replaced() {
        let own = (
            Event::Returned,
            false,
            None,
            Some("{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}".to_owned()),
        );
        let words = Words::of(Language::En, &[own]);
        let facts = json!({"lead": {"company": "Shili", "name": "Jia"}, "owner": {"name": "Li Na"}, "tag": "t", "remark": "",
            "handoff": {"rule": "r"}, "previous": {"name": ""}});
        let (_, text) = words.say(Event::Returned, false, &facts, Language::En);
        assert!(!text.contains("xxx") && text.contains("Li Na"), "{text}");
    }
}
