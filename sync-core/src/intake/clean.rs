//! Values of a record in one spelling: phones, addresses, names, numbers, consent; what cannot be read is noted and kept
//! as it was written.

use std::collections::BTreeMap;

use leadloop_mapping::{Record, Value};

use super::names::{MACHINE_IDS, Named};
use super::{MOST_LISTED, MOST_TEXT, Notes, own};
use crate::aliases;
use crate::facts::{COMPANY_NUMBERS, COMPANY_TEXTS, LEAD_TEXTS};
use crate::normal::email::{self, Email};
use crate::normal::phone::{self, Country, Phone, PhoneKind};
use crate::normal::{company, credit_code, person};
use crate::policy::{Policy, SourcePolicy};

/// Most phones and addresses of one record.
const MOST_NUMBERS: usize = 6;

/// A record in the pool's words.
#[derive(Debug, Default)]
pub(super) struct Clean {
    /// Pool fields, one value each.
    pub(super) fields: Record,
    /// Phones, a person's own first.
    pub(super) phones: Vec<Phone>,
    /// Addresses in the order written.
    pub(super) emails: Vec<Email>,
    /// Ids of machines by kind.
    pub(super) ids: BTreeMap<String, Vec<Value>>,
}

/// Reads every value as its field demands.
pub(super) fn clean(mut named: Named, source: &SourcePolicy, policy: &Policy, notes: &mut Notes) -> Clean {
    let mut clean = Clean::default();
    for kind in MACHINE_IDS {
        if let Some(values) = named.remove(kind) {
            // Several ids of one kind (two cookies of one page) are several ids.
            let each = values.into_iter().flat_map(|value| match value {
                Value::List(list) => list,
                one => vec![one],
            });
            clean.ids.insert(kind.to_owned(), each.collect());
        }
    }
    let extension = named.remove("phone_ext");
    if let Some(values) = named.remove("phone") {
        phones(&values, extension.as_deref(), policy, &mut clean, notes);
    }
    if let Some(values) = named.remove("email") {
        emails(&values, &mut clean, notes);
    }
    for (field, values) in named {
        let Some(value) = values.into_iter().find(|value| !value.is_blank()) else { continue };
        if let Some(own_field) = policy.pool.fields.get(&field) {
            match own::read(own_field, &value) {
                Ok(value) => clean.fields.set(field, value),
                // It stays with the touch as it was written, so that somebody can see what was meant.
                Err(code) => {
                    notes.add(&field, code);
                    clean.fields.set(format!("touch.{field}"), kept(&field, value, notes));
                }
            }
        } else if let Some(value) = one(&field, value, &mut clean, notes) {
            clean.fields.set(field, value);
        }
    }
    whole_name(&mut clean.fields);
    if let (Some(default), None) = (source.consent, clean.fields.get("consent.transfer")) {
        clean.fields.set("consent.transfer", default);
        clean.fields.set("consent.assumed", true);
    }
    clean
}

fn phones(
    values: &[Value],
    extension: Option<&[Value]>,
    policy: &Policy,
    clean: &mut Clean,
    notes: &mut Notes,
) {
    let region = policy.region.parse().unwrap_or(Country::CN);
    let written: Vec<String> = values.iter().map(Value::to_display).collect();
    for text in written.iter().take(MOST_NUMBERS) {
        match phone::parse(text, region) {
            Ok(mut read) => {
                let others = std::mem::take(&mut read.others);
                for remark in &read.remarks {
                    notes.add("phone", remark.code());
                }
                clean.phones.push(read);
                clean.phones.extend(others);
            }
            Err(problem) => notes.add("phone", problem.code()),
        }
    }
    // The number that is one person's own stands first: it identifies, it is dialled.
    clean.phones.sort_by_key(|phone| match phone.kind {
        PhoneKind::Mobile => 0,
        PhoneKind::Unknown => 1,
        PhoneKind::Landline => 2,
        PhoneKind::TollFree => 3,
    });
    let mut seen = std::collections::BTreeSet::new();
    clean.phones.retain(|phone| seen.insert((phone.e164.clone(), phone.extension.clone())));
    clean.phones.truncate(MOST_NUMBERS);
    let raw = written.join("; ");
    let Some(main) = clean.phones.first_mut() else {
        clean.fields.set("phone_raw", cut("phone", raw, notes));
        return;
    };
    let apart = extension.and_then(|values| values.first()).map(Value::to_display);
    if let (None, Some(digits)) = (&main.extension, apart.as_deref().map(str::trim)) {
        let digits: String = digits.chars().filter(char::is_ascii_digit).take(10).collect();
        main.extension = Some(digits).filter(|digits| !digits.is_empty());
    }
    // The plain national number is no other spelling.
    if !main.e164.ends_with(raw.trim()) {
        clean.fields.set("phone_raw", cut("phone", raw, notes));
    }
    clean.fields.set("phone", main.e164.as_str());
    if let Some(extension) = &main.extension {
        clean.fields.set("phone_ext", extension.as_str());
    }
    if clean.phones.len() > 1 {
        let others: Vec<&str> = clean.phones.iter().skip(1).map(|phone| phone.e164.as_str()).collect();
        clean.fields.set("other_phones", others.join("; "));
    }
}

fn emails(values: &[Value], clean: &mut Clean, notes: &mut Notes) {
    let written: Vec<String> = values.iter().map(Value::to_display).collect();
    for text in written.iter().take(MOST_NUMBERS) {
        match email::parse(text) {
            Ok(read) => {
                for remark in &read.remarks {
                    notes.add("email", remark.code());
                }
                clean.emails.push(read);
            }
            Err(problem) => notes.add("email", problem.code()),
        }
    }
    let raw = written.join("; ");
    let main = clean.emails.first().map(|main| main.address.clone());
    if main.as_deref() != Some(raw.trim()) {
        clean.fields.set("email_raw", cut("email", raw, notes));
    }
    if let Some(main) = main {
        clean.fields.set("email", main);
    }
}

/// One value of a field that is neither phone nor address; `None` where it says nothing.
fn one(field: &str, value: Value, clean: &mut Clean, notes: &mut Notes) -> Option<Value> {
    if let Some(purpose) = field.strip_prefix("consent.") {
        return consent(purpose, &value, notes);
    }
    if let Some(model) = field.strip_prefix("score.") {
        return number(&value).or_else(|| {
            notes.add(model, "no_number");
            None
        });
    }
    if field.strip_prefix("touch.").is_some_and(is_measure) {
        return Some(number(&value).unwrap_or_else(|| kept(field, value, notes)));
    }
    match field {
        "tags" => Some(tags(&value)),
        "name" => named(field, person::parse(&value.to_display()).map(|read| read.display), notes),
        "company" => named(field, company::parse(&value.to_display()).map(|read| read.display), notes),
        "company.credit_code" => match credit_code::parse(&value.to_display()) {
            Ok(read) => Some(read.code.into()),
            Err(problem) => {
                notes.add(field, problem.code());
                clean.fields.set("company.credit_code_raw", line(field, &value, notes));
                None
            }
        },
        _ => match field.strip_prefix("company.") {
            Some(part) if COMPANY_NUMBERS.contains(&part) => {
                let count = employees(&value);
                if !matches!(value, Value::Int(_)) {
                    clean.fields.set("company.size", line(field, &value, notes));
                }
                if count.is_none() {
                    notes.add(field, "no_number");
                }
                count.map(Value::Int)
            }
            Some(part) if COMPANY_TEXTS.contains(&part) => said(line(field, &value, notes)),
            None if field == "requirement" => said(cut(field, value.to_display().trim().to_owned(), notes)),
            None if LEAD_TEXTS.contains(&field) => said(line(field, &value, notes)),
            _ => Some(kept(field, value, notes)),
        },
    }
}

fn named<E: Problem>(field: &str, read: Result<String, E>, notes: &mut Notes) -> Option<Value> {
    read.map(Value::from)
        .map_err(|problem| notes.add(field, problem.word()))
        .ok()
        .filter(|value| !value.is_blank())
}

/// The stable word of a normaliser's problem.
trait Problem {
    fn word(&self) -> &'static str;
}
impl Problem for person::NameProblem {
    fn word(&self) -> &'static str {
        self.code()
    }
}
impl Problem for company::CompanyProblem {
    fn word(&self) -> &'static str {
        self.code()
    }
}

/// Words for nothing in a field of free text.
fn said(text: String) -> Option<Value> {
    const NOTHING: [&str; 12] =
        ["", "-", "--", "/", "无", "n/a", "na", "nan", "null", "(null)", "undefined", "none"];
    let lower = text.to_lowercase();
    (!NOTHING.contains(&lower.as_str())).then(|| Value::text(text))
}

/// A text of one line.
fn line(field: &str, value: &Value, notes: &mut Notes) -> String {
    let text = value.to_display();
    let words: Vec<&str> =
        text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|w| !w.is_empty()).collect();
    cut(field, words.join(" "), notes)
}

fn cut(field: &str, mut text: String, notes: &mut Notes) -> String {
    if let Some((end, _)) = text.char_indices().nth(MOST_TEXT) {
        text.truncate(end);
        notes.add(field, "cut");
    }
    text
}

/// A value without a meaning of its own, bounded.
fn kept(field: &str, value: Value, notes: &mut Notes) -> Value {
    match value {
        Value::Text(text) => Value::text(cut(field, text.trim().to_owned(), notes)),
        Value::List(mut list) => {
            if list.len() > MOST_LISTED {
                list.truncate(MOST_LISTED);
                notes.add(field, "cut");
            }
            Value::List(list.into_iter().map(|item| kept(field, item, notes)).collect())
        }
        other => other,
    }
}

/// Whether a field of a touch is a measure by its name: forms and files give numbers as text, rules compare them
/// as numbers. Everything else stays as it came: `007` is no seven.
fn is_measure(name: &str) -> bool {
    const MEASURES: [&str; 18] = [
        "minutes", "seconds", "hours", "duration", "watched", "percent", "progress", "count", "clicks",
        "views", "pages", "amount", "value", "price", "quantity", "points", "rating", "revenue",
    ];
    let last = name.rsplit(['.', '_']).next().unwrap_or(name).to_lowercase();
    MEASURES.contains(&last.as_str())
}

fn tags(value: &Value) -> Value {
    let parts: Vec<String> = match value {
        Value::List(list) => list.iter().map(Value::to_display).collect(),
        other => other.to_display().split([',', '，', ';', '；', '、', '|']).map(str::to_owned).collect(),
    };
    let tags = parts.iter().map(|tag| tag.trim()).filter(|tag| !tag.is_empty() && tag.chars().count() <= 100);
    Value::List(tags.take(MOST_LISTED).map(Value::from).collect())
}

fn number(value: &Value) -> Option<Value> {
    match value {
        Value::Int(_) | Value::Real(_) => Some(value.clone()),
        Value::Text(text) => {
            let text = text.trim().replace(',', "");
            let whole = text.parse().ok().map(Value::Int);
            whole.or_else(|| text.parse::<f64>().ok().filter(|real| real.is_finite()).map(Value::Real))
        }
        Value::Null | Value::Bool(_) | Value::List(_) => None,
    }
}

/// The first number of what people write for a head count: `1,000+`, `500-999人`, `2万以上`, `500人以上`.
fn employees(value: &Value) -> Option<i64> {
    if let Some(count) = value.as_int() {
        return Some(count).filter(|count| (0..=10_000_000).contains(count));
    }
    let text: String =
        value.to_display().chars().filter(|c| !matches!(c, ',' | '，' | ' ')).map(ascii_digit).collect();
    let start = text.find(|c: char| c.is_ascii_digit())?;
    let rest = text.get(start..)?;
    let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
    let (whole, part) = rest.get(..end)?.split_once('.').unwrap_or((rest.get(..end)?, ""));
    let factor: i64 = match rest.get(end..)?.chars().next() {
        Some('万') => 10_000,
        Some('千' | 'k' | 'K') => 1_000,
        Some('百') => 100,
        _ => 1,
    };
    let whole = whole.parse::<i64>().ok()?.checked_mul(factor)?;
    // One digit behind the point is all that anybody writes: 1.2万.
    let tenths = part.chars().next().and_then(|c| c.to_digit(10)).map_or(0, i64::from) * factor / 10;
    whole.checked_add(tenths).filter(|count| *count <= 10_000_000)
}

fn ascii_digit(c: char) -> char {
    match c {
        '０'..='９' => char::from_u32(u32::from(c) - 0xFEE0).unwrap_or(c),
        _ => c,
    }
}

/// Consent as yes or no. Words nobody can tell apart say nothing, and are noted.
fn consent(purpose: &str, value: &Value, notes: &mut Notes) -> Option<Value> {
    if matches!(purpose, "text_version" | "assumed") {
        return (purpose == "text_version").then(|| line("consent", value, notes).into());
    }
    let text = value.to_display().trim().to_lowercase();
    let yes = value.as_bool().or_else(|| match text.as_str() {
        "given" | "granted" | "agree" | "agreed" | "accept" | "accepted" | "opt-in" | "opt_in" | "optin"
        | "subscribed" | "checked" | "授权" | "已授权" | "接受" => Some(true),
        "refused" | "denied" | "declined" | "disagree" | "disagreed" | "withdrawn" | "revoked"
        | "opt-out" | "opt_out" | "optout" | "unsubscribed" | "拒绝" | "不接受" | "退订" | "撤回" => {
            Some(false)
        }
        _ if ["不同意", "未同意", "拒绝", "不授权"].iter().any(|word| text.contains(word)) => {
            Some(false)
        }
        // The label of a ticked box is its value with some form builders.
        _ if text.contains("同意") || text.starts_with("i agree") || text.starts_with("yes") => Some(true),
        _ => None,
    });
    if yes.is_none() && !matches!(text.as_str(), "" | "unknown" | "未知" | "null") {
        notes.add(&format!("consent.{purpose}"), "unreadable");
    }
    yes.map(Value::Bool)
}

/// A whole name from its parts, where only the parts came.
fn whole_name(fields: &mut Record) {
    if fields.text("name").is_some() {
        return;
    }
    let whole = aliases::full_name(
        fields.text("first_name").unwrap_or_default(),
        fields.text("last_name").unwrap_or_default(),
    );
    if !whole.is_empty() {
        fields.set("name", whole);
    }
}
