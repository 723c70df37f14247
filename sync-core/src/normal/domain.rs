//! Domains: one ASCII spelling, the part a company registers, and whether it belongs to a mail provider.
//!
//! Used for e-mail addresses and web sites. That a domain belongs to a company is learned elsewhere (pool, CRM); here
//! is only what the name itself tells.

use super::{free_mail, text};

/// Longest domain in its ASCII spelling (RFC 1035, without the trailing dot).
const MAX_DOMAIN: usize = 253;

/// Suffixes set aside for documentation and tests (RFC 2606, RFC 6762); unknown to the public suffix list on purpose.
const RESERVED: [&str; 4] = ["example", "test", "invalid", "localhost"];

/// The ASCII spelling (IDNA, lower case) of a domain with at least two labels, or nothing when it is none.
#[must_use]
pub fn to_ascii(domain: &str) -> Option<String> {
    let domain = domain.trim_end_matches('.');
    let plain = domain.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.');
    let foreign =
        domain.split('.').any(|label| label.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("xn--")));
    let ascii = if plain && !foreign {
        domain.to_ascii_lowercase()
    } else {
        idna::domain_to_ascii_strict(domain).ok()?
    };
    let label_holds =
        |label: &str| (1..=63).contains(&label.len()) && !label.starts_with('-') && !label.ends_with('-');
    let last = ascii.rsplit('.').next()?;
    let holds = ascii.len() <= MAX_DOMAIN
        && ascii.contains('.')
        && ascii.split('.').all(label_holds)
        && last.len() >= 2
        && !last.bytes().all(|b| b.is_ascii_digit());
    holds.then_some(ascii)
}

/// The part of an ASCII domain that somebody registers (`mail.a.example` → `a.example`), by the public suffix list.
#[must_use]
pub fn registrable(domain: &str) -> Option<&str> {
    if let Some(found) = psl::domain_str(domain) {
        return Some(found);
    }
    // A provider that lets out names below its own domain is listed as a suffix, yet is a company itself.
    let private =
        psl::suffix(domain.as_bytes()).is_some_and(|suffix| suffix.typ() == Some(psl::Type::Private));
    private.then_some(domain)
}

/// Whether an ASCII domain ends in a suffix that exists, or in one set aside for tests.
#[must_use]
pub fn has_known_suffix(domain: &str) -> bool {
    let reserved = domain.rsplit('.').next().is_some_and(|last| RESERVED.contains(&last));
    reserved || psl::suffix(domain.as_bytes()).is_some_and(|suffix| suffix.is_known())
}

/// Whether the domain is a mail provider's (`qq.com`, `vip.163.com`, `yahoo.co.jp`), so that it names no company.
#[must_use]
pub fn is_free_mail(domain: &str) -> bool {
    let domain = domain.trim_end_matches('.').to_ascii_lowercase();
    registrable(&domain).is_some_and(free_mail::lists) || free_mail::lists(&domain)
}

/// The registrable ASCII domain of a web address as people write it (`HTTP://www.a.example/x`, `www。a。example`).
#[must_use]
pub fn of_website(address: &str) -> Option<String> {
    let (address, _) = text::bounded(address);
    let folded: String =
        address.trim().chars().filter(|&c| !text::is_invisible(c)).map(dot_or_half_width).collect();
    let rest = folded.split_once("://").map_or(folded.as_str(), |(_, rest)| rest);
    let host = rest.split(['/', '?', '#', ' ', ',', ';']).next()?;
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    let host = host.split(':').next()?;
    let ascii = to_ascii(host)?;
    registrable(&ascii).map(str::to_owned)
}

/// Half width, and every kind of full stop a plain dot.
pub(super) fn dot_or_half_width(c: char) -> char {
    match c {
        '。' | '．' | '｡' | '﹒' => '.',
        '﹫' => '@',
        _ => text::half_width(c),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_ascii_spelling() {
        assert_eq!(to_ascii("Mail.A.Example.").as_deref(), Some("mail.a.example"));
        assert_eq!(to_ascii("示例.中国").as_deref(), Some("xn--fsq092h.xn--fiqs8s"));
        assert_eq!(to_ascii("xn--fsq092h.xn--fiqs8s").as_deref(), Some("xn--fsq092h.xn--fiqs8s"));
        for none in
            ["", ".", "a", "a..example", "-a.example", "a.e", "a_b.example", "1.2.3.4", "xn--zzzzzz.example"]
        {
            assert_eq!(to_ascii(none), None, "{none}");
        }
        assert_eq!(to_ascii(&format!("{}.example", "a".repeat(64))), None);
        assert_eq!(to_ascii(&"a.".repeat(200)), None);
    }

    #[test]
    fn the_registered_part() {
        assert_eq!(registrable("mail.a.com.cn"), Some("a.com.cn"));
        assert_eq!(registrable("x.y.b.example"), Some("b.example"));
        assert_eq!(registrable("com.cn"), None);
        assert_eq!(registrable("github.io"), Some("github.io"));
        assert!(has_known_suffix("a.co.uk") && has_known_suffix("a.example") && !has_known_suffix("a.con"));
    }

    #[test]
    fn mail_providers() {
        for free in
            ["qq.com", "vip.qq.com", "VIP.163.com", "yahoo.co.jp", "gmx.net", "msa.hinet.net", "outlook.de"]
        {
            assert!(is_free_mail(free), "{free}");
        }
        for company in ["a.example", "notqq.com", "qq.com.example", "", "com"] {
            assert!(!is_free_mail(company), "{company}");
        }
    }

    #[test]
    fn web_addresses() {
        for written in [
            "https://www.a.example/x?y",
            "WWW.A.EXAMPLE",
            "a.example:8080",
            "ｗｗｗ。a。example",
            "http://u@a.example",
        ] {
            assert_eq!(of_website(written).as_deref(), Some("a.example"), "{written}");
        }
        assert_eq!(of_website("无"), None);
        assert_eq!(of_website(""), None);
    }
}
