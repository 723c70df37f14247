//! Syntax errors in words that say what was meant. Each statement that cannot be read is reported once, taken out, and
//! the rest read again, so that one slip does not drag a tail of others behind it.

use std::ops::Range;

use super::scan::{Statement, half_width, statements};
use crate::problem::{Problem, Span, Words};
use crate::suggest::nearest;

/// Most syntax errors said of one file.
const MOST: usize = 20;

/// A text that can be read, what was wrong with it, and what was taken out.
pub(super) struct Repaired {
    /// The text with the same number of bytes; spaces where statements were taken out.
    pub(super) text: String,
    /// What was wrong.
    pub(super) problems: Vec<Problem>,
    /// What was taken out.
    pub(super) damaged: Vec<Range<usize>>,
}

/// Takes out what cannot be read.
pub(super) fn repair(file: usize, text: &str) -> Repaired {
    let mut made = Repaired { text: text.to_owned(), problems: Vec::new(), damaged: Vec::new() };
    loop {
        let (_, errors) = toml::de::DeTable::parse_recoverable(&made.text);
        let Some(first) = errors.iter().min_by_key(|error| error.span().map_or(0, |span| span.start)) else {
            return made;
        };
        let all = statements(&made.text);
        let place = first.span().unwrap_or(0..0);
        let (at, region) = region(&made.text, &all, &place);
        if made.problems.len() >= MOST {
            made.problems.push(too_many(file, place));
            made.damaged.push(region.start..made.text.len());
            blank(&mut made.text, region.start..text.len());
            return made;
        }
        let fault = Fault { file, text: &made.text, all: &all, at, place, said: first.message() };
        made.problems.push(fault.problem());
        made.damaged.push(region.clone());
        blank(&mut made.text, region);
    }
}

fn too_many(file: usize, place: Range<usize>) -> Problem {
    Problem::error(
        "LL2001",
        &Span { file, range: place },
        Words::new("there are more syntax errors below", "以下还有更多语法错误"),
        Words::new("not looked at from here on", "此处以下未再检查"),
    )
    .help("mend the ones above first", "请先修正以上错误")
}

/// Which statement is at fault, and what to take out: with a header goes all that stands under it.
fn region(text: &str, all: &[Statement], place: &Range<usize>) -> (usize, Range<usize>) {
    let unclosed = |s: &Statement| s.open.is_some() || s.quote.is_some();
    let at = all
        .iter()
        .position(|s| unclosed(s) && s.range.start <= place.start)
        .or_else(|| all.iter().rposition(|s| s.range.start <= place.start))
        .unwrap_or(all.len());
    let Some(statement) = all.get(at) else {
        let line_end = text.get(place.start..).and_then(|rest| rest.find('\n'));
        return (at, place.start..line_end.map_or(text.len(), |end| place.start + end.max(1)));
    };
    let end = if statement.header {
        let next = all.iter().skip(at + 1).find(|s| s.header);
        next.map_or(text.len(), |next| next.range.start)
    } else {
        statement.range.end
    };
    // An error behind the last statement (a stray sign in a remark) must go too, else nothing would change.
    (at, statement.range.start..end.max(place.end).min(text.len()).max(statement.range.start + 1))
}

/// Spaces in place of a range; line breaks stay.
fn blank(text: &mut String, range: Range<usize>) {
    let inside = |at: usize| range.contains(&at);
    let mut made = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        match c {
            '\n' => made.push('\n'),
            c if inside(at) => (0..c.len_utf8()).for_each(|_| made.push(' ')),
            c => made.push(c),
        }
    }
    *text = made;
}

/// One syntax error on its way to words.
struct Fault<'t> {
    file: usize,
    text: &'t str,
    all: &'t [Statement],
    at: usize,
    place: Range<usize>,
    said: &'t str,
}

/// Message, label and help.
type Said = (Words, Words, Option<Words>);

impl Fault<'_> {
    fn problem(&self) -> Problem {
        let none = Statement { range: self.place.clone(), ..Statement::default() };
        let statement = self.all.get(self.at).unwrap_or(&none);
        if let Some(quote) = statement.quote {
            return self.open_quote(quote);
        }
        if let Some((at, sign)) = statement.wide {
            return self.wide(at, sign);
        }
        if let Some((at, sign)) = statement.open {
            return self.open_bracket(at, sign);
        }
        if let Some(range) = self.thousands(statement) {
            let digits: String = self.piece(&range).chars().filter(char::is_ascii_digit).collect();
            return self.say(
                range,
                Words::new("numbers are written without commas", "数字中不能有逗号"),
                Words::new("a comma within a number", "数字中的逗号"),
                Some(Words::new(format!("write `{digits}`"), format!("请写 `{digits}`"))),
            );
        }
        if statement.header {
            return self.header(statement);
        }
        if self.said.starts_with("duplicate key") {
            return self.twice(statement);
        }
        let unread = ["invalid", "string values", "unexpected", "redundant", "`_`"];
        if unread.iter().any(|said| self.said.starts_with(said))
            && let Some(range) = self.bare_value(statement)
        {
            let bare = Fault { place: range.clone(), said: "string values must be quoted", ..*self };
            let (message, label, help) = bare.by_words(statement);
            return self.say(range, message, label, help);
        }
        let (message, label, help) = self.by_words(statement);
        self.say(self.visible(&self.place), message, label, help)
    }

    fn piece(&self, range: &Range<usize>) -> &str {
        self.text.get(range.clone()).unwrap_or_default()
    }

    fn say(&self, range: Range<usize>, message: Words, label: Words, help: Option<Words>) -> Problem {
        let span = Span { file: self.file, range };
        Problem { help, ..Problem::error("LL2001", &span, message, label) }
    }

    /// A range with at least one character in it, of one line, without outer blanks.
    fn visible(&self, range: &Range<usize>) -> Range<usize> {
        let line_start = self.text.get(..range.start).and_then(|t| t.rfind('\n')).map_or(0, |at| at + 1);
        let line_end = self
            .text
            .get(range.start..)
            .and_then(|t| t.find('\n'))
            .map_or(self.text.len(), |at| range.start + at);
        let start = if self.piece(&(range.start..line_end)).trim().is_empty() {
            line_start + self.piece(&(line_start..line_end)).trim_end().len()
        } else {
            range.start
        };
        let start = start.max(line_start).min(line_end);
        let shown = self.piece(&(start..range.end.clamp(start, line_end)));
        let length = shown.trim_end().len();
        let least = self.piece(&(start..line_end)).chars().next().map_or(0, char::len_utf8);
        start..start + length.max(least)
    }

    fn line_end(&self, from: usize) -> usize {
        self.text.get(from..).and_then(|rest| rest.find('\n')).map_or(self.text.len(), |at| from + at)
    }

    fn open_quote(&self, at: usize) -> Problem {
        let quote = self.piece(&(at..at + 1)).to_owned();
        self.say(
            self.visible(&(at..self.line_end(at))),
            Words::new("this quote is never closed", "引号没有闭合"),
            Words::new("the text begins here", "文本从此处开始"),
            Some(Words::new(format!("end the text with `{quote}`"), format!("请用 `{quote}` 结束文本"))),
        )
    }

    fn wide(&self, at: usize, sign: char) -> Problem {
        let half = half_width(sign).unwrap_or(' ');
        let (en, zh) = if half == ' ' {
            ("write an ordinary space".to_owned(), "请写普通空格".to_owned())
        } else {
            (format!("write `{half}`"), format!("请写半角 `{half}`"))
        };
        self.say(
            at..at + sign.len_utf8(),
            Words::new(format!("`{sign}` is a full-width sign"), format!("`{sign}` 是全角符号")),
            Words::new("TOML knows only half-width signs", "TOML 只认半角符号"),
            Some(Words::new(en, zh)),
        )
    }

    fn open_bracket(&self, at: usize, sign: char) -> Problem {
        let (what, zh, closing) = if sign == '[' { ("list", "列表", ']') } else { ("table", "表", '}') };
        self.say(
            at..at + 1,
            Words::new(format!("this {what} is never closed"), format!("此{zh}没有闭合")),
            Words::new(
                format!("this `{sign}` has no `{closing}`"),
                format!("此 `{sign}` 没有对应的 `{closing}`"),
            ),
            Some(Words::new(format!("close it with `{closing}`"), format!("请用 `{closing}` 结束"))),
        )
    }

    /// `20,000` outside of texts.
    fn thousands(&self, statement: &Statement) -> Option<Range<usize>> {
        let text = self.piece(&statement.range);
        for (at, _) in text.match_indices(',') {
            let byte = statement.range.start + at;
            let before: usize = text.get(..at)?.chars().rev().take_while(char::is_ascii_digit).count();
            let after: usize = text.get(at + 1..)?.chars().take_while(char::is_ascii_digit).count();
            if (1..=3).contains(&before) && after == 3 && !statement.in_text(byte) {
                // A list of numbers is no such slip: there TOML had nothing to complain about.
                let in_list = text.get(..at)?.rfind('[') > text.get(..at)?.rfind('{');
                return (!in_list).then_some(byte - before..byte + 1 + after);
            }
        }
        None
    }

    fn header(&self, statement: &Statement) -> Problem {
        let line = self.visible(&statement.range);
        let end = statement.remark.map_or(line.end, |remark| remark.min(line.end));
        let written = self.piece(&(line.start..end)).trim_end().to_owned();
        let range = line.start..line.start + written.len();
        if self.said.starts_with("duplicate key") {
            let first = self.all.iter().take(self.at).find(|s| {
                s.header
                    && self
                        .text
                        .get(s.range.clone())
                        .is_some_and(|text| text.trim_end().starts_with(&written))
            });
            let problem = self.say(
                range,
                Words::new(format!("`{written}` is written twice"), format!("`{written}` 重复出现")),
                Words::new("the second one", "第二处"),
                Some(Words::new("put its keys together", "请合并为一处")),
            );
            return match first {
                Some(first) => problem.also(
                    &Span { file: self.file, range: first.range.clone() },
                    "the first one",
                    "第一处",
                ),
                None => problem,
            };
        }
        let name = written.trim_matches(['[', ']', ' ']).to_owned();
        let known = crate::spec::section(&name)
            .or_else(|| crate::spec::section(nearest(&name, crate::spec::sections::all().map(|s| s.name))?));
        let shown = known.map_or_else(|| "[name]` or `[[name]]".to_owned(), crate::spec::Section::title);
        let help =
            Some(Words::new(format!("write `{shown}`"), format!("请写 `{}`", shown.replace(" or ", " 或 "))));
        self.say(
            range,
            Words::new(format!("`{written}` is no section"), format!("`{written}` 不是完整的部分标题")),
            Words::new("brackets do not match", "方括号不配对"),
            help,
        )
    }

    /// The key of a statement as written.
    fn key_of(&self, statement: &Statement) -> String {
        let text = self.piece(&statement.range);
        let end = text.find(['=', ':', ' ', '\n']).unwrap_or(text.len());
        text.get(..end).unwrap_or_default().trim().to_owned()
    }

    fn twice(&self, statement: &Statement) -> Problem {
        let range = self.visible(&self.place);
        let key = self.piece(&range).to_owned();
        let own = self.key_of(statement);
        let problem = self.say(
            range,
            Words::new(format!("`{key}` is written twice"), format!("`{key}` 重复出现")),
            Words::new("the second one", "第二处"),
            Some(Words::new("keep one of them", "请只保留一处")),
        );
        let block = self.all.get(..self.at).unwrap_or_default().iter().rev().take_while(|s| !s.header);
        let first = block.filter(|s| own == key && self.key_of(s) == key).last();
        match first {
            Some(first) => {
                let range = first.range.start..first.range.start + key.len();
                problem.also(&Span { file: self.file, range }, "the first one", "第一处")
            }
            None => problem,
        }
    }

    /// By what TOML's reader said.
    fn by_words(&self, statement: &Statement) -> Said {
        let piece = self.piece(&self.visible(&self.place)).trim().to_owned();
        let line = self.piece(&statement.range);
        let key = self.key_of(statement);
        let equals = line.find('=');
        let colon = line.find(':').filter(|at| equals.is_none_or(|equals| *at < equals));
        if colon.is_some_and(|at| !statement.in_text(statement.range.start + at)) {
            let label = Words::new("not `:`", "不是 `:`");
            let help = Words::new(format!("write `{key} = …`"), format!("请写 `{key} = …`"));
            return (Words::new("between key and value stands `=`", "键与值之间用 `=`"), label, Some(help));
        }
        let said = self.said.split(", expected").next().unwrap_or_default();
        let known = WORDS.iter().find(|known| known.said.contains(&said));
        let Some(known) = known else {
            let raw = self.said.lines().next().unwrap_or_default();
            let help = Words::new("see https://toml.io for how it is written", "写法请参见 https://toml.io");
            return (
                Words::new(format!("not valid TOML: {raw}"), format!("TOML 语法错误：{raw}")),
                Words::new("here", "此处"),
                Some(help),
            );
        };
        let piece = if crate::mask::sounds_secret(&key) { "…".to_owned() } else { piece };
        let piece = match (known.quoted, piece.to_lowercase().as_str()) {
            (true, "yes" | "on" | "true") => "true".to_owned(),
            (true, "no" | "off" | "false") => "false".to_owned(),
            (true, _) => format!("\"{piece}\""),
            (false, _) => piece,
        };
        let fill = |text: &str| text.replace("{piece}", &piece).replace("{key}", &key);
        (
            Words::new(known.message.0, known.message.1),
            Words::new(known.label.0, known.label.1),
            Some(Words::new(fill(known.help.0), fill(known.help.1))),
        )
    }

    /// A value that is no number, list or table and has no quotes: all of it, up to a remark.
    fn bare_value(&self, statement: &Statement) -> Option<Range<usize>> {
        let text = self.piece(&statement.range);
        let equals = text.find('=')?;
        let start = statement.range.start + equals + 1;
        let end = self.line_end(start).min(statement.remark.unwrap_or(usize::MAX)).min(statement.range.end);
        let value = self.piece(&(start..end));
        let start = start + (value.len() - value.trim_start().len());
        let bare = value.trim();
        let quoted = bare.starts_with(['"', '\'', '[', '{']) || bare.is_empty();
        let within = (start..start + bare.len()).contains(&self.place.start);
        (!quoted && within).then_some(start..start + bare.len())
    }
}

/// What TOML's reader says, and what we say instead. `{piece}` is what was written there, `{key}` the key.
struct Wording {
    said: &'static [&'static str],
    message: (&'static str, &'static str),
    label: (&'static str, &'static str),
    help: (&'static str, &'static str),
    /// Whether the piece is shown as a text in quotes.
    quoted: bool,
}

const WORDS: &[Wording] = &[
    Wording {
        said: &["string values must be quoted", "invalid value"],
        message: ("a text stands in quotes", "文本要加引号"),
        label: ("no quotes", "没有引号"),
        help: ("write `{piece}`", "请写 `{piece}`"),
        quoted: true,
    },
    Wording {
        said: &["key with no value", "missing assignment between key-value pairs"],
        message: ("between key and value stands `=`", "键与值之间用 `=`"),
        label: ("no `=` here", "此处缺少 `=`"),
        help: ("write `{key} = …`", "请写 `{key} = …`"),
        quoted: false,
    },
    Wording {
        said: &["missing value", "missing value for key"],
        message: ("a key without a value", "键没有值"),
        label: ("nothing stands behind `=`", "`=` 之后没有值"),
        help: ("write a value, or take the key out", "请写上值，或删除此键"),
        quoted: false,
    },
    Wording {
        said: &["invalid unquoted key", "unquoted keys cannot be empty"],
        message: (
            "a key of other letters than a-z, 0-9, `_` and `-` stands in quotes",
            "键含有字母、数字、`_`、`-` 以外的字符时要加引号",
        ),
        label: ("no quotes", "没有引号"),
        help: ("write `{piece}`", "请写 `{piece}`"),
        quoted: true,
    },
    Wording {
        said: &["missing comma between array elements", "missing comma between key-value pairs"],
        message: ("a comma is missing", "缺少逗号"),
        label: ("before this", "此项之前"),
        help: ("write `,` between the two", "请在两项之间写 `,`"),
        quoted: false,
    },
    Wording {
        said: &["extra comma in array", "extra comma in inline table"],
        message: ("a comma too many", "多余的逗号"),
        label: ("nothing stands before it", "逗号前没有内容"),
        help: ("take one out", "请删除一个"),
        quoted: false,
    },
    Wording {
        said: &["missing escaped value", "too few unicode value digits"],
        message: ("`\\` begins an escape, and this is none", "`\\` 表示转义，此处不是有效的转义"),
        label: ("no such escape", "无效的转义"),
        help: (
            "write paths and patterns in single quotes: 'C:\\import'",
            "路径与正则请用单引号：'C:\\import'",
        ),
        quoted: false,
    },
    Wording {
        said: &["unexpected key or value", "unexpected content"],
        message: ("this belongs to nothing", "此内容没有归属"),
        label: ("behind the end of the value", "位于值的结尾之后"),
        help: ("one key and its value to a line", "每行只写一个键和值"),
        quoted: false,
    },
    Wording {
        said: &["recursion limit", "cannot recurse further; max recursion depth met"],
        message: ("nested too deep", "嵌套过深"),
        label: ("from here on", "从此处起"),
        help: ("write it flatter", "请减少嵌套层数"),
        quoted: false,
    },
];
