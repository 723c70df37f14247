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
    /// Masked, or revealed where asked for.
    pub fn new(reveal: bool) -> Self {
        Self { reveal }
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
            "wechat" | "qq" | "address" | "id_number" | "birthday" => mask::opaque(&text),
            _ => text,
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
        let masked = Privacy::new(false);
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
        let open = Privacy::new(true);
        assert_eq!(open.foreign("手机号码", &Value::text("138 0000 5678")), "138 0000 5678");
        assert_eq!(open.text("name", "测试\u{1b}甲"), "测试 甲");
    }
}
