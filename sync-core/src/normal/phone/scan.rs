//! A phone field cut into candidates: groups of digits with what joins them, labels in front, extensions behind.
//!
//! Knows how people write; what is a valid number is decided in the module above.

use super::super::text::{digit, half_width, han_digit, is_dash, is_invisible};

/// How a group of digits hangs on the group before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Join {
    /// White space, brackets, dots and slashes.
    Loose,
    /// A dash of any kind: what follows may be an extension.
    Dash,
}

/// A run of digits written without a break.
#[derive(Clone, Debug)]
pub(super) struct Group {
    /// ASCII digits, at least one.
    pub(super) digits: String,
    /// What stood in front of it.
    pub(super) join: Join,
}

/// Groups that may be one number, or several without a clear border.
#[derive(Clone, Debug, Default)]
pub(super) struct Candidate {
    /// In the order written.
    pub(super) groups: Vec<Group>,
    /// A `+` stood in front.
    pub(super) plus: bool,
    /// Digits behind an extension marker such as 转 or `ext.`.
    pub(super) extension: Option<String>,
    /// The label in front said fax.
    pub(super) fax: bool,
    /// The label in front said that this is no phone (QQ, postcode, identity card).
    pub(super) other: bool,
    /// An `@` followed: the digits are the beginning of an address.
    pub(super) address: bool,
}

/// How Chinese numerals are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Numerals {
    /// As words, and a 一 between two digits as the dash it looks like.
    Words,
    /// As digits.
    Digits,
}

enum Token {
    Digits(String),
    Plus,
    Join(Join),
    Marker,
    Word(String),
    Colon,
    Border,
    At,
}

/// Longest extension read, in digits. More digits behind a marker are a number of their own.
const MAX_EXTENSION: usize = 7;

/// The candidates of `text`, in the order written.
pub(super) fn candidates(text: &str, numerals: Numerals) -> Vec<Candidate> {
    let mut parser = Parser::default();
    for token in tokens(text, numerals) {
        parser.take(token);
    }
    parser.close(false);
    parser.done
}

/// Whether `text` holds Chinese numerals, so that a second reading makes sense.
pub(super) fn has_numerals(text: &str) -> bool {
    text.chars().any(|c| han_digit(c).is_some())
}

fn tokens(text: &str, numerals: Numerals) -> Vec<Token> {
    let chars: Vec<char> = text.chars().filter(|&c| !is_invisible(c)).map(half_width).collect();
    let mut tokens = Vec::with_capacity(8);
    for (at, &c) in chars.iter().enumerate() {
        let value = digit(c).or_else(|| if numerals == Numerals::Digits { han_digit(c) } else { None });
        if let Some(value) = value {
            let shown = char::from(b'0' + value);
            match tokens.last_mut() {
                Some(Token::Digits(run)) => run.push(shown),
                _ => tokens.push(Token::Digits(shown.to_string())),
            }
            continue;
        }
        let between_digits = || {
            let before = at.checked_sub(1).and_then(|before| chars.get(before));
            before.is_some_and(|&c| digit(c).is_some())
                && chars.get(at + 1).is_some_and(|&c| digit(c).is_some())
        };
        match c {
            '一' if between_digits() => tokens.push(Token::Join(Join::Dash)),
            '+' | '\u{FE62}' | '\u{207A}' => tokens.push(Token::Plus),
            '@' | '\u{FE6B}' => tokens.push(Token::At),
            '#' | '*' | '\u{FE5F}' | '\u{00D7}' => tokens.push(Token::Marker),
            ':' | '=' | '\u{FE55}' | '\u{2236}' => tokens.push(Token::Colon),
            '.' | '/' | '\\' | '_' | ' ' | '·' | '•' | '・' | '。' | '\'' => {
                tokens.push(Token::Join(Join::Loose))
            }
            '(' | ')' | '[' | ']' | '{' | '}' | '<' | '>' | '【' | '】' | '〔' | '〕' | '「' | '」'
            | '《' | '》' => {
                tokens.push(Token::Join(Join::Loose));
            }
            _ if is_dash(c) => tokens.push(Token::Join(Join::Dash)),
            _ if c.is_alphabetic() => match tokens.last_mut() {
                Some(Token::Word(word)) => word.extend(c.to_lowercase()),
                _ => tokens.push(Token::Word(c.to_lowercase().collect())),
            },
            _ => tokens.push(Token::Border),
        }
    }
    tokens
}

#[derive(Default)]
struct Parser {
    done: Vec<Candidate>,
    current: Option<Candidate>,
    join: Option<Join>,
    /// A marker was read; the next digits are an extension.
    extension_next: bool,
    /// The last candidate was ended by a sign only, so an extension marker may still belong to it.
    may_reopen: bool,
    fax: bool,
    other: bool,
}

impl Parser {
    fn take(&mut self, token: Token) {
        match token {
            Token::Digits(digits) => self.digits(digits),
            Token::Plus => {
                self.close(false);
                self.current = Some(Candidate { plus: true, ..self.labelled() });
            }
            Token::Join(join) => self.join = self.join.max(Some(join)),
            Token::Marker => self.extension_next = self.reopened(),
            Token::Word(word) => self.word(&word),
            Token::Colon if self.extension_next => {}
            Token::Border if self.extension_next => {}
            Token::Colon | Token::Border => self.close(true),
            Token::At => {
                if let Some(candidate) = &mut self.current {
                    candidate.address = true;
                }
                self.close(false);
            }
        }
    }

    fn labelled(&self) -> Candidate {
        Candidate { fax: self.fax, other: self.other, ..Candidate::default() }
    }

    fn digits(&mut self, digits: String) {
        let join = self.join.take().unwrap_or(Join::Loose);
        if std::mem::take(&mut self.extension_next) {
            if digits.len() <= MAX_EXTENSION
                && let Some(candidate) = &mut self.current
            {
                candidate.extension = Some(digits);
                self.close(false);
                return;
            }
            self.close(false);
        }
        let labelled = self.labelled();
        self.current.get_or_insert(labelled).groups.push(Group { digits, join });
    }

    fn word(&mut self, word: &str) {
        if is_extension_marker(word) && self.reopened() {
            self.extension_next = true;
            return;
        }
        self.close(false);
        self.may_reopen = false;
        self.fax = word == "f" || ["传真", "傳真", "fax"].iter().any(|label| word.contains(label));
        self.other = ["qq", "邮编", "郵編", "身份证", "工号", "税号", "账号", "zip"]
            .iter()
            .any(|label| word.contains(label));
    }

    /// Whether there is a candidate an extension can belong to; takes the last one back when only a sign ended it.
    fn reopened(&mut self) -> bool {
        if self.current.is_none()
            && self.may_reopen
            && self.done.last().is_some_and(|last| last.extension.is_none())
        {
            self.current = self.done.pop();
        }
        self.current.as_ref().is_some_and(|candidate| !candidate.groups.is_empty())
    }

    fn close(&mut self, may_reopen: bool) {
        self.join = None;
        self.extension_next = false;
        if let Some(candidate) = self.current.take()
            && !candidate.groups.is_empty()
        {
            self.done.push(candidate);
            self.may_reopen = may_reopen;
        }
    }
}

fn is_extension_marker(word: &str) -> bool {
    const WHOLE: [&str; 8] = ["x", "ext", "extn", "extension", "ex", "接", "durchwahl", "poste"];
    const ENDS: [&str; 9] = ["转", "轉", "转接", "轉接", "分机", "分機", "分机号", "分機號", "内线"];
    WHOLE.contains(&word) || ENDS.iter().any(|end| word.ends_with(end))
}
