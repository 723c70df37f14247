//! Personal values as they may stand in a log line: recognisable to who knows them, useless to who does not.
//!
//! Everything that prints a person's value goes through here, the `Debug` of our own types too. Unmasked reveals are
//! for the audited paths of the server.

/// `+8613800005678` as `+86 138****5678`; other countries keep about a third in front and a quarter behind.
/// What is no E.164 number is hidden whole.
#[must_use]
pub fn phone(e164: &str) -> String {
    let Some(digits) = e164.strip_prefix('+').filter(|rest| rest.bytes().all(|b| b.is_ascii_digit())) else {
        return "****".to_owned();
    };
    let (country, rest) = match digits.strip_prefix("86") {
        Some(rest) if rest.len() >= 9 => ("86 ", rest),
        _ => ("", digits),
    };
    let (head, tail) =
        if country.is_empty() { ((rest.len() / 3).min(5), (rest.len() / 4).min(3)) } else { (3, 4) };
    if rest.len() < head + tail + 2 || rest.len() < 5 {
        return format!("+{country}****");
    }
    let (front, back) =
        (rest.get(..head).unwrap_or_default(), rest.get(rest.len() - tail..).unwrap_or_default());
    format!("+{country}{front}****{back}")
}

/// `li.si@mail.example` as `l***@mail.example`. What has no `@` is hidden whole.
#[must_use]
pub fn email(address: &str) -> String {
    let Some((local, domain)) = address.rsplit_once('@') else {
        return "***".to_owned();
    };
    let first = if local.chars().nth(1).is_some() { local.chars().next() } else { None };
    let mut masked: String = first.into_iter().collect();
    masked.push_str("***@");
    masked.extend(domain.chars().take(253));
    masked
}

/// `测试甲` as `测**`, `Test Person` as `T***`; a name of one character is hidden whole.
#[must_use]
pub fn name(name: &str) -> String {
    let name = name.trim();
    match name.chars().next() {
        Some(first) if name.chars().nth(1).is_some() => {
            let stars = if first.is_ascii() { "***" } else { "**" };
            format!("{first}{stars}")
        }
        _ => "**".to_owned(),
    }
}

/// Identifiers without meaning to people (openid, cookie): the first four characters of long ones, so that two can be
/// told apart, nothing of short ones.
#[must_use]
pub fn opaque(value: &str) -> String {
    if value.chars().count() < 12 {
        return "****".to_owned();
    }
    let mut masked: String = value.chars().take(4).collect();
    masked.push_str("****");
    masked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phones_keep_their_ends() {
        assert_eq!(phone("+8613800005678"), "+86 138****5678");
        assert_eq!(phone("+862160001234"), "+86 216****1234");
        assert_eq!(phone("+4930901820"), "+493****20");
        assert_eq!(phone("+12025550173"), "+120****73");
        assert_eq!(phone("+123"), "+****");
        assert_eq!(phone("13800005678"), "****");
        assert_eq!(phone(""), "****");
    }

    #[test]
    fn at_least_two_digits_are_always_hidden() {
        for length in 0..=20_usize {
            let digits: String = ('0'..='9').cycle().take(length).collect();
            for number in [format!("+{digits}"), format!("+86{digits}")] {
                let masked = phone(&number);
                let shown = masked.chars().filter(char::is_ascii_digit).count();
                let all = number.chars().filter(char::is_ascii_digit).count();
                assert!(shown + 2 <= all || shown == 0 || masked == "+86 ****", "{number} → {masked}");
            }
        }
    }

    #[test]
    fn mail_names_and_ids() {
        assert_eq!(email("li.si@mail.example"), "l***@mail.example");
        assert_eq!(email("a@mail.example"), "***@mail.example");
        assert_eq!(email("no address"), "***");
        assert_eq!(name("测试甲"), "测**");
        assert_eq!(name(" Test Person "), "T***");
        assert_eq!(name("甲"), "**");
        assert_eq!(name("😀小甲"), "😀**");
        assert_eq!(opaque("oABCD1234567890"), "oABC****");
        assert_eq!(opaque("short"), "****");
    }
}
