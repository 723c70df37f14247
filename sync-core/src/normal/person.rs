//! Names of people: one spelling to show, one to compare, and what a salutation tells.
//!
//! A name never makes two leads one person; identity asks it only as a doubt (a recycled phone number with a new
//! name). So the rules here are few and take nothing away that a person could miss.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::fold::{Umlauts, fold};
use super::{Remark, mask, text};

/// Longest name kept, in characters.
pub const MAX_NAME: usize = 200;

/// What a salutation says about how to address somebody. A hint, not a fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Gender {
    /// 女士, 小姐, Ms, Frau.
    Female,
    /// 先生, Mr, Herr.
    Male,
}

/// A name of a person. Its `Debug` is masked.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonName {
    /// As written, half width, without salutation; emoji stay.
    pub display: String,
    /// For comparison only: simplified characters, lower case, letters and digits alone. Empty for a name of emoji.
    pub key: String,
    /// What the salutation said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gender: Option<Gender>,
    /// What was done beyond spelling.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<Remark>,
}

impl fmt::Debug for PersonName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PersonName({}, {:?})", mask::name(&self.display), self.gender)
    }
}

/// Why a field names nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum NameProblem {
    /// Nothing but white space and invisible marks.
    #[error("the field is blank")]
    Blank,
    /// 匿名, n/a, null: written to say nothing.
    #[error("the field says that there is no name")]
    Placeholder,
}

impl NameProblem {
    /// The stable word for this problem, as stored and exported.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            NameProblem::Blank => "blank",
            NameProblem::Placeholder => "placeholder",
        }
    }
}

/// Salutations behind a Chinese name. Longer ones first.
const BEHIND: [(&str, Gender); 6] = [
    ("先生", Gender::Male),
    ("女士", Gender::Female),
    ("小姐", Gender::Female),
    ("太太", Gender::Female),
    ("夫人", Gender::Female),
    ("女仕", Gender::Female),
];

/// Salutations in front of a Western name, folded, without their full stop.
const IN_FRONT: [(&str, Gender); 9] = [
    ("mr", Gender::Male),
    ("mister", Gender::Male),
    ("herr", Gender::Male),
    ("monsieur", Gender::Male),
    ("mrs", Gender::Female),
    ("ms", Gender::Female),
    ("miss", Gender::Female),
    ("frau", Gender::Female),
    ("madame", Gender::Female),
];

/// Reads a name.
///
/// # Errors
/// The reason why the field names nobody.
pub fn parse(field: &str) -> Result<PersonName, NameProblem> {
    let (bounded, mut cut) = text::bounded(field);
    let clean = spaced(bounded);
    if clean.is_empty() {
        return Err(NameProblem::Blank);
    }
    let (name, gender) = without_salutation(&clean);
    let mut display: String = name.chars().take(MAX_NAME).collect();
    cut |= display.len() < name.len();
    display.truncate(display.trim_end().len());
    let key: String = fold(&display, Umlauts::Bare).chars().filter(|c| c.is_alphanumeric()).collect();
    if is_placeholder(&key, &display) {
        return Err(NameProblem::Placeholder);
    }
    let remarks = if cut { vec![Remark::InputCut] } else { Vec::new() };
    Ok(PersonName { display, key, gender, remarks })
}

/// Half width, single spaces, no invisible marks but those that join emoji.
fn spaced(field: &str) -> String {
    let mut spaced = String::with_capacity(field.len());
    for c in field.chars() {
        let joins_emoji = matches!(c, '\u{200D}' | '\u{FE0F}')
            && spaced.chars().next_back().is_some_and(|last| !last.is_alphanumeric() && last != ' ');
        let plain = text::half_width(c);
        if plain == ' ' || plain == '\n' {
            if !spaced.is_empty() && !spaced.ends_with(' ') {
                spaced.push(' ');
            }
        } else if joins_emoji || !text::is_invisible(c) {
            spaced.push(plain);
        }
    }
    spaced.truncate(spaced.trim_end_matches([' ', '\u{200D}']).len());
    spaced
}

fn without_salutation(name: &str) -> (&str, Option<Gender>) {
    for (word, gender) in BEHIND {
        if let Some(rest) = name
            .strip_suffix(word)
            .map(|rest| rest.trim_end_matches([' ', '(', ',', '·']))
            .filter(|rest| !rest.is_empty())
        {
            return (rest, Some(gender));
        }
        // (女士) behind the name.
        let bracketed = name
            .strip_suffix(')')
            .and_then(|rest| rest.strip_suffix(word))
            .and_then(|rest| rest.strip_suffix('('));
        if let Some(rest) = bracketed.map(str::trim_end).filter(|rest| !rest.is_empty()) {
            return (rest, Some(gender));
        }
    }
    if let Some((first, rest)) = name.split_once([' ', '.'])
        && let Some((_, gender)) = IN_FRONT.iter().find(|(word, _)| first.eq_ignore_ascii_case(word))
    {
        let rest = rest.trim_start_matches([' ', '.']);
        if !rest.is_empty() {
            return (rest, Some(*gender));
        }
    }
    (name, None)
}

fn is_placeholder(key: &str, display: &str) -> bool {
    const WORDS: [&str; 22] = [
        "无",
        "匿名",
        "匿名用户",
        "未知",
        "未填写",
        "不详",
        "保密",
        "姓名",
        "空",
        "暂无",
        "na",
        "null",
        "none",
        "nil",
        "no",
        "name",
        "undefined",
        "unknown",
        "anonymous",
        "noname",
        "notprovided",
        "未命名",
    ];
    // Punctuation alone is no name; emoji are.
    let nothing =
        key.is_empty() && display.chars().all(|c| c.is_ascii() || matches!(c, '。' | '、' | '—' | '…' | '·'));
    nothing || WORDS.contains(&key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_salutations() {
        let cases = [
            ("测试甲", "测试甲", "测试甲", None),
            (" 测试甲　先生 ", "测试甲", "测试甲", Some(Gender::Male)),
            ("测试乙女士", "测试乙", "测试乙", Some(Gender::Female)),
            ("测试乙（女士）", "测试乙", "测试乙", Some(Gender::Female)),
            ("張測試小姐", "張測試", "张测试", Some(Gender::Female)),
            ("先生", "先生", "先生", None),
            ("Mr. Test Person", "Test Person", "testperson", Some(Gender::Male)),
            ("Ms Test  Person", "Test Person", "testperson", Some(Gender::Female)),
            ("Frau Müster", "Müster", "muster", Some(Gender::Female)),
            ("Mr", "Mr", "mr", None),
            ("Mrtest Person", "Mrtest Person", "mrtestperson", None),
            ("Ｔｅｓｔ　Ｐｅｒｓｏｎ", "Test Person", "testperson", None),
            ("😀小甲👩\u{200D}💻", "😀小甲👩\u{200D}💻", "小甲", None),
            ("❤\u{FE0F}", "❤\u{FE0F}", "", None),
            ("\u{202D}测试甲\u{200B}", "测试甲", "测试甲", None),
            ("测试·甲", "测试·甲", "测试甲", None),
        ];
        for (field, display, key, gender) in cases {
            let name = parse(field).unwrap();
            assert_eq!(
                (name.display.as_str(), name.key.as_str(), name.gender),
                (display, key, gender),
                "{field}"
            );
        }
    }

    #[test]
    fn fields_that_name_nobody() {
        for blank in ["", " \u{3000}\u{200b}"] {
            assert_eq!(parse(blank), Err(NameProblem::Blank));
        }
        for none in ["无", "N/A", "null", "匿名用户", "-", "...", "——"] {
            assert_eq!(parse(none), Err(NameProblem::Placeholder), "{none}");
        }
    }

    #[test]
    fn long_names_are_cut_and_say_so() {
        let name = parse(&"甲".repeat(250)).unwrap();
        assert_eq!((name.display.chars().count(), name.remarks.as_slice()), (200, &[Remark::InputCut][..]));
        assert!(parse(&"甲".repeat(200)).unwrap().remarks.is_empty());
        assert_eq!(format!("{:?}", parse("测试甲女士").unwrap()), "PersonName(测**, Some(Female))");
    }
}
