//! E-mail fields: what people write into them, read as one address that can be compared.
//!
//! The comparable spelling is lower case with an ASCII domain. Dots and `+` tags stay: whether a provider ignores them
//! is its own affair, and two people must never become one by a guess.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Remark, domain, mask, text};

/// Longest address that mail servers take (RFC 5321, path limit).
const MAX_ADDRESS: usize = 254;
/// Longest part before the `@` (RFC 5321).
const MAX_LOCAL: usize = 64;
/// Most addresses looked at in one field.
const MAX_FOUND: usize = 8;

/// Who reads an address that is not one person's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Several people: `info@`, `sales@`. Identifies a company better than a person.
    Shared,
    /// Nobody: `noreply@`.
    Unread,
}

/// An address mail can be sent to. Its `Debug` is masked.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Email {
    /// The comparable spelling: lower case, ASCII domain.
    pub address: String,
    /// As written, without what does not belong to it.
    pub display: String,
    /// Set when the address is not one person's.
    pub role: Option<Role>,
    /// Further addresses of the same field in their comparable spelling, in the order written.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<String>,
    /// What was done beyond spelling.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<Remark>,
}

impl Email {
    /// The part before the `@`, lower case.
    #[must_use]
    pub fn local(&self) -> &str {
        self.address.rsplit_once('@').map_or("", |(local, _)| local)
    }

    /// The ASCII domain.
    #[must_use]
    pub fn domain(&self) -> &str {
        self.address.rsplit_once('@').map_or("", |(_, domain)| domain)
    }

    /// The part of the domain that somebody registers; nothing for addresses below a public suffix itself.
    #[must_use]
    pub fn registrable_domain(&self) -> Option<&str> {
        domain::registrable(self.domain())
    }

    /// Whether the domain is a mail provider's and so names no company.
    #[must_use]
    pub fn is_free_mail(&self) -> bool {
        domain::is_free_mail(self.domain())
    }
}

impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Email({}, {} more)", mask::email(&self.address), self.others.len())
    }
}

/// Why a field holds no address. Says nothing of the text, so it may be logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum EmailProblem {
    /// Nothing but white space.
    #[error("the field is blank")]
    Blank,
    /// No `@`.
    #[error("the field holds no @")]
    NoAt,
    /// `a***@…`: a platform has hidden the address.
    #[error("the address is masked by stars")]
    Masked,
    /// The part before the `@` is missing or cannot be one.
    #[error("the part before the @ is missing or not valid")]
    Local,
    /// The part behind the `@` is missing or cannot be a domain.
    #[error("the domain is missing or not valid")]
    Domain,
    /// More than 254 characters, or more than 64 before the `@`.
    #[error("longer than any address may be")]
    TooLong,
    /// `test@test.com` and the like.
    #[error("typed to fill the field")]
    Placeholder,
}

impl EmailProblem {
    /// The stable word for this problem, as stored and exported.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            EmailProblem::Blank => "blank",
            EmailProblem::NoAt => "no_at",
            EmailProblem::Masked => "masked",
            EmailProblem::Local => "local",
            EmailProblem::Domain => "domain",
            EmailProblem::TooLong => "too_long",
            EmailProblem::Placeholder => "placeholder",
        }
    }
}

/// Reads the first valid address of a field.
///
/// # Errors
/// The reason why the first thing that looks like an address is none, or that nothing does.
pub fn parse(field: &str) -> Result<Email, EmailProblem> {
    let (field, cut) = text::bounded(field);
    let folded: String =
        field.chars().filter(|&c| !text::is_invisible(c)).map(domain::dot_or_half_width).collect();
    let folded = folded.trim();
    if folded.is_empty() {
        return Err(EmailProblem::Blank);
    }
    let chars: Vec<char> = spelled_out_at(folded).chars().collect();
    let mut found: Option<Email> = None;
    let mut problem = None;
    let mut end = 0;
    for (at, _) in chars.iter().enumerate().filter(|(_, c)| **c == '@').take(MAX_FOUND) {
        if at < end {
            continue;
        }
        match address(&chars, end, at) {
            Ok((email, behind)) => {
                end = behind;
                match &mut found {
                    None => found = Some(email),
                    Some(first)
                        if first.address == email.address || first.others.contains(&email.address) => {}
                    Some(first) => first.others.push(email.address),
                }
            }
            Err(reason) => problem = problem.or(Some(reason)),
        }
    }
    let mut email = found.ok_or(problem.unwrap_or(EmailProblem::NoAt))?;
    if cut {
        email.remarks.push(Remark::InputCut);
    }
    Ok(email)
}

/// `(at)` and `[at]`, as people hide addresses from robots, and a doubled `@`.
fn spelled_out_at(folded: &str) -> String {
    let mut spelled = folded.to_owned();
    for written in ["(at)", "[at]", "(AT)", "[AT]", "(@)", "[@]", "@@"] {
        if spelled.contains(written) {
            spelled = spelled.replace(written, "@");
        }
    }
    spelled
}

/// The address around the `@` at `at`, not reaching before `from`, and where it ends.
fn address(chars: &[char], from: usize, at: usize) -> Result<(Email, usize), EmailProblem> {
    let before = chars.get(from..at).unwrap_or_default();
    let behind = chars.get(at + 1..).unwrap_or_default();
    let (local, mut slips) = local_part(before)?;
    let (written, used) = domain_part(behind);
    if behind.get(used) == Some(&'@') {
        // What was read as a domain is the beginning of the next address.
        return Err(EmailProblem::Domain);
    }
    let trimmed = written.trim_matches(['.', '-']);
    let mut single = String::with_capacity(trimmed.len());
    for c in trimmed.chars() {
        if c == '.' && single.ends_with('.') {
            slips = true;
        } else {
            single.push(c);
        }
    }
    slips |= written.contains(',');
    let single = single.replace(',', ".");
    let ascii = domain::to_ascii(&single).ok_or(EmailProblem::Domain)?;
    let address = format!("{}@{ascii}", local.to_lowercase());
    if address.len() > MAX_ADDRESS {
        return Err(EmailProblem::TooLong);
    }
    let key_local = address.split('@').next().unwrap_or_default();
    if is_placeholder(key_local, &ascii) {
        return Err(EmailProblem::Placeholder);
    }
    let mut remarks = Vec::new();
    if slips {
        remarks.push(Remark::Repaired);
    }
    if !domain::has_known_suffix(&ascii) {
        remarks.push(Remark::UnknownSuffix);
    }
    let role = role(key_local);
    let display = format!("{local}@{single}");
    Ok((Email { address, display, role, others: Vec::new(), remarks }, at + 1 + used))
}

/// The part in front of the `@`, and whether something was put right.
fn local_part(before: &[char]) -> Result<(String, bool), EmailProblem> {
    let end = before.iter().rposition(|c| *c != ' ').map_or(0, |last| last + 1);
    let before = before.get(..end).unwrap_or_default();
    let start = before.iter().rposition(|&c| !is_local(c)).map_or(0, |border| border + 1);
    let run: String = before.get(start..).unwrap_or_default().iter().collect();
    if run.contains("**") {
        return Err(EmailProblem::Masked);
    }
    let mut local = run.trim_matches('\'');
    let mut slips = false;
    // A label written without a colon: 邮箱abc@…. An address wholly in Chinese characters is left alone.
    if let Some(first) = local.find(|c: char| c.is_ascii_alphanumeric())
        && local.get(..first).is_some_and(|label| !label.is_empty() && label.chars().all(char::is_alphabetic))
    {
        local = local.get(first..).unwrap_or_default();
        slips = true;
    }
    if local.len() > MAX_LOCAL {
        return Err(EmailProblem::TooLong);
    }
    let dots = local.starts_with('.') || local.ends_with('.') || local.contains("..");
    if dots || !local.chars().any(char::is_alphanumeric) {
        return Err(EmailProblem::Local);
    }
    Ok((local.to_owned(), slips))
}

/// Characters of the part before the `@`; of the legal ones without those that people use to separate addresses.
fn is_local(c: char) -> bool {
    c.is_alphanumeric()
        || matches!(c, '.' | '+' | '-' | '_' | '=' | '~' | '&' | '\'' | '!' | '#' | '$' | '%' | '*' | '^')
}

/// The run behind the `@` that may be a domain, and how many characters it took. A comma is taken for a dot where no
/// dot came before it (`a@qq,com`), spaces are skipped around dots.
fn domain_part(behind: &[char]) -> (String, usize) {
    let mut run = String::new();
    let mut used = 0;
    for (at, &c) in behind.iter().enumerate().take(MAX_ADDRESS + 64) {
        let next = behind.get(at + 1..).unwrap_or_default().iter().find(|c| **c != ' ').copied();
        match c {
            ' ' if run.is_empty() || run.ends_with('.') || next == Some('.') => {}
            ',' if !run.is_empty() && !run.contains('.') && next.is_some_and(|c| c.is_ascii_alphabetic()) => {
                run.push(c)
            }
            '.' | '-' => run.push(c),
            _ if c.is_ascii_alphanumeric() && ends_in_own_script(&run, true) => run.push(c),
            _ if c.is_alphanumeric() && !c.is_ascii() && ends_in_own_script(&run, false) => run.push(c),
            _ => break,
        }
        used = at + 1;
    }
    (run, used)
}

/// Whether the last label may go on in this script: `qq.com电话` ends behind `com`, `示例.中国` does not.
fn ends_in_own_script(run: &str, ascii: bool) -> bool {
    let last = run.rsplit(['.', ',']).next().unwrap_or_default();
    let dotted = run.contains('.');
    !dotted || last.is_empty() || last.chars().all(|c| c.is_ascii() == ascii)
}

/// Local parts that people type into a required field, when the domain repeats them or is as empty.
fn is_placeholder(local: &str, ascii: &str) -> bool {
    const FILLERS: [&str; 19] = [
        "a", "aa", "aaa", "abc", "admin", "asd", "email", "mail", "na", "no", "noemail", "nomail", "none",
        "null", "qq", "test", "x", "xx", "xxx",
    ];
    let first = ascii.split('.').next().unwrap_or_default();
    let numbers = local.len() <= 6 && local.bytes().all(|b| b.is_ascii_digit());
    let same = local == first && (numbers || FILLERS.contains(&local));
    same || matches!(local, "noemail" | "nomail")
        || (FILLERS.contains(&local) && FILLERS.contains(&first) && first != "qq")
}

fn role(local: &str) -> Option<Role> {
    const UNREAD: [&str; 8] = [
        "bounce",
        "bounces",
        "do-not-reply",
        "donotreply",
        "mailer-daemon",
        "no-reply",
        "no_reply",
        "noreply",
    ];
    const SHARED: [&str; 46] = [
        "abuse",
        "account",
        "accounting",
        "accounts",
        "admin",
        "administrator",
        "billing",
        "business",
        "buyer",
        "career",
        "careers",
        "caiwu",
        "contact",
        "contacts",
        "contactus",
        "customer",
        "enquiries",
        "enquiry",
        "export",
        "feedback",
        "finance",
        "hello",
        "help",
        "helpdesk",
        "hostmaster",
        "hr",
        "info",
        "information",
        "inquiry",
        "jobs",
        "kefu",
        "mail",
        "marketing",
        "office",
        "postmaster",
        "pr",
        "press",
        "purchase",
        "purchasing",
        "sales",
        "service",
        "services",
        "support",
        "team",
        "webmaster",
        "xiaoshou",
    ];
    let base = local.split('+').next().unwrap_or_default();
    if UNREAD.contains(&base) {
        return Some(Role::Unread);
    }
    let base = base.trim_end_matches(|c: char| c.is_ascii_digit());
    let base = base.trim_end_matches(['.', '-', '_']);
    SHARED.contains(&base).then_some(Role::Shared)
}
