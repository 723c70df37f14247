//! Personal data on the screen: masked, unless the caller asked to see it.

use leadloop_mapping::Value;
use leadloop_sync_core::aliases;
use leadloop_sync_core::capture::Identifier;
use leadloop_sync_core::normal::mask;

use crate::screen::one_line;

/// Whether personal data may be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Privacy {
    reveal: bool,
}

impl Privacy {
    /// Personal data is masked.
    pub fn masked() -> Self {
        Self { reveal: false }
    }

    /// Personal data is shown. Who calls this has it noted: see [`crate::reveal`].
    pub fn open() -> Self {
        Self { reveal: true }
    }

    /// Whether everything may be seen.
    pub fn is_open(self) -> bool {
        self.reveal
    }

    /// The value of a pool field.
    pub fn field(self, name: &str, value: &Value) -> String {
        self.text(name, &value.to_display())
    }

    /// The text of a pool field.
    pub fn text(self, name: &str, text: &str) -> String {
        let text = one_line(text);
        if self.reveal || text.is_empty() {
            return text;
        }
        match name {
            "name" | "first_name" | "last_name" => mask::name(&text),
            // An extension behind the number says who it is at a switchboard.
            "phone" => mask::phone(text.split(';').next().unwrap_or(&text)),
            "email" => mask::email(&text),
            "phone_raw" | "phone_ext" => ends(&text),
            "email_raw" => {
                if text.contains('@') {
                    mask::email(&text)
                } else {
                    ends(&text)
                }
            }
            "wechat" | "qq" | "address" | "id_number" | "birthday" | "other_phones" => mask::opaque(&text),
            // What is known of a company is not personal.
            _ if name == "company" || name.starts_with("company.") => text,
            _ => running(&text),
        }
    }

    /// A field in a source's own words: what the name means decides; of an unknown one, what the value looks like.
    pub fn foreign(self, name: &str, value: &Value) -> String {
        let text = one_line(&value.to_display());
        if self.reveal {
            return text;
        }
        let last = name.rsplit('.').next().unwrap_or(name);
        match aliases::pool_field(name).or_else(|| aliases::pool_field(last)) {
            // A raw spelling is no E.164: its ends are shown by digits.
            Some("phone") => ends(&text),
            Some(field) => self.text(field, &text),
            None if text.contains('@') => mask::email(&text),
            None if text.chars().filter(|c| c.is_numeric()).count() >= 7 => ends(&text),
            None => text,
        }
    }

    /// `phone +86 138****5678`.
    pub fn identifier(self, identifier: &Identifier) -> String {
        let kind = identifier.kind.0.as_str();
        let value = match kind {
            "phone" | "email" => self.text(kind, &identifier.value),
            // Record ids of other systems name no person to who does not know the system.
            "crm_id" | "ma_id" => one_line(&identifier.value),
            _ if self.reveal => one_line(&identifier.value),
            _ => mask::opaque(&identifier.value),
        };
        format!("{kind} {value}")
    }
}

/// Running text with what looks like an address or a phone in it masked. Dates and our own ids stay.
pub fn running(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let word = rest.find(|c: char| !is_of_word(c)).map_or(rest, |end| rest.get(..end).unwrap_or(rest));
        let number =
            rest.find(|c: char| !is_of_number(c)).map_or(rest, |end| rest.get(..end).unwrap_or(rest));
        let (taken, masked) = if word.contains('@') {
            (word, Some(mask::email(word)))
        } else if is_id(word) {
            (word, None)
        } else if !number.starts_with(' ') && is_number(number) {
            (number.trim_end(), Some(ends(number)))
        } else {
            // One character at least, or the whole word, since a number may begin behind it.
            let first = rest.chars().next().map_or(0, char::len_utf8);
            let letters = rest.find(|c: char| !c.is_alphabetic()).unwrap_or(rest.len());
            (rest.get(..letters.max(first)).unwrap_or(rest), None)
        };
        shown.push_str(masked.as_deref().unwrap_or(taken));
        rest = rest.get(taken.len()..).unwrap_or_default();
    }
    shown
}

fn is_of_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '@' | '.' | '_' | '-' | '+')
}

fn is_of_number(c: char) -> bool {
    c.is_ascii_digit() || matches!(c, '+' | '-' | ' ' | '(' | ')')
}

/// Eleven digits, or seven without a gap: a phone. A date with its hour has ten.
fn is_number(text: &str) -> bool {
    let digits = text.chars().filter(char::is_ascii_digit).count();
    let longest = text.split(|c: char| !c.is_ascii_digit()).map(str::len).max().unwrap_or(0);
    digits >= 11 || longest >= 7
}

/// `L-0190…` with its 32 digits.
fn is_id(word: &str) -> bool {
    let last = word.rsplit('-').next().unwrap_or(word);
    last.len() == 32 && last.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The first three and last two characters of what may be a number.
fn ends(text: &str) -> String {
    let kept: Vec<char> = text.chars().filter(|c| !c.is_whitespace()).collect();
    if kept.len() < 8 {
        return "****".to_owned();
    }
    let (head, tail) = (kept.iter().take(3), kept.iter().skip(kept.len() - 2));
    head.chain("****".chars().collect::<Vec<_>>().iter()).chain(tail).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_personal_is_shown_unasked() {
        let masked = Privacy::masked();
        assert_eq!(masked.text("name", "测试甲子"), "测**");
        assert_eq!(masked.text("phone", "+8613800005678"), "+86 138****5678");
        assert_eq!(masked.text("company", "示例机器人"), "示例机器人");
        assert_eq!(masked.foreign("手机号码", &Value::text("138 0000 5678")), "138****78");
        assert_eq!(
            masked.foreign("viewer.profile.mail", &Value::text("a.b@mail.example")),
            "a***@mail.example"
        );
        assert_eq!(masked.foreign("extra", &Value::text("call 13800005678")), "cal****78");
        assert_eq!(masked.foreign("extra", &Value::text("blue")), "blue");
        assert_eq!(masked.identifier(&Identifier::new("cookie", "abcd1234efgh5678")), "cookie abcd****");
        assert_eq!(masked.text("phone_raw", "139 0000 0001"), "139****01");
        assert_eq!(masked.text("email_raw", "jia.ceshi@mail.example"), "j***@mail.example");
        let said =
            masked.text("requirement", "请回电 139 0000 0001 或 jia.ceshi@mail.example，2026-11-24 10:00 前");
        assert_eq!(said, "请回电 139****01 或 j***@mail.example，2026-11-24 10:00 前");
        assert_eq!(masked.text("company.credit_code", "91310000MA1FL0000X"), "91310000MA1FL0000X");
        let open = Privacy::open();
        assert_eq!(open.foreign("手机号码", &Value::text("138 0000 5678")), "138 0000 5678");
        assert_eq!(open.text("name", "测试\u{1b}甲"), "测试 甲");
    }
}
