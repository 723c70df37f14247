//! Forms: urlencoded pairs, nested names, several leads in one form.

use leadloop_mapping::Value;

use super::{MOST_FIELDS, MOST_RECORDS, encoding};

/// Most pairs of one form: many leads with many fields each.
const MOST_PAIRS: usize = MOST_FIELDS * 100;

/// The pairs of an urlencoded form in its encoding: the one its `_charset_` field or `label` names, else what the bytes
/// say.
///
/// # Errors
/// What is wrong, for people.
pub(crate) fn parse(body: &[u8], label: Option<&str>) -> Result<Vec<(String, String)>, String> {
    let mut raw: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
    for pair in body.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
        if raw.len() == MOST_PAIRS {
            return Err(format!("more than {MOST_PAIRS} fields"));
        }
        let split = pair.iter().position(|byte| *byte == b'=');
        let (name, value) = match split {
            Some(at) => (pair.get(..at).unwrap_or_default(), pair.get(at + 1..).unwrap_or_default()),
            None => (pair, &[][..]),
        };
        raw.push((decode_percent(name), decode_percent(value)));
    }
    let named = raw.iter().find(|(name, _)| name == b"_charset_").map(|(_, value)| value.clone());
    let named = named.map(|value| String::from_utf8_lossy(&value).into_owned());
    let label = named.as_deref().or(label);
    // decoded together, so that all of it says what encoding it is in
    let mut all = Vec::with_capacity(body.len());
    for (name, value) in &raw {
        all.extend(name.iter().chain(b"\x1e").chain(value).chain(b"\x1e"));
    }
    let text = encoding::text(&all, label)
        .ok_or_else(|| "its bytes are in no encoding that we know; send UTF-8".to_owned())?;
    let mut parts = text.split('\x1e');
    let mut pairs = Vec::with_capacity(raw.len());
    while let (Some(name), Some(value)) = (parts.next(), parts.next()) {
        pairs.push((name.to_owned(), value.to_owned()));
    }
    if pairs.len() == raw.len() { Ok(pairs) } else { Err("it holds control characters".to_owned()) }
}

/// `%41` → `A`, `+` → blank; a `%` that begins no such triple stays.
fn decode_percent(bytes: &[u8]) -> Vec<u8> {
    let digit = |byte: Option<&u8>| byte.and_then(|byte| char::from(*byte).to_digit(16));
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match (byte, digit(bytes.get(at + 1)), digit(bytes.get(at + 2))) {
            (b'%', Some(high), Some(low)) => {
                decoded.push(u8::try_from(high * 16 + low).unwrap_or(b'?'));
                at += 2;
            }
            (b'+', _, _) => decoded.push(b' '),
            (byte, _, _) => decoded.push(*byte),
        }
        at += 1;
    }
    decoded
}

/// `lead[email]` → `lead.email`, `interest[]` → `interest`; other names stay. The second says that it is one of a list.
pub(crate) fn flat_name(name: &str) -> (String, bool) {
    let name = name.trim();
    let (name, listed) = match name.strip_suffix("[]") {
        Some(rest) => (rest, true),
        None => (name, false),
    };
    let Some(open) = name.strip_suffix(']') else {
        return (name.to_owned(), listed);
    };
    match open.split_once('[') {
        Some((outer, inner))
            if !outer.is_empty()
                && inner.split("][").all(|part| !part.is_empty() && !part.contains(['[', ']'])) =>
        {
            (format!("{outer}.{}", inner.replace("][", ".")), listed)
        }
        _ => (name.to_owned(), listed),
    }
}

/// The fields of a form: those of all its leads, and those of each lead (`leads[0][email]`); a form with no such names is
/// one lead.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Leads {
    /// Fields outside of any lead.
    pub(crate) common: Vec<(String, Value)>,
    /// Fields of each lead, in order of their numbers.
    pub(crate) leads: Vec<Vec<(String, Value)>>,
}

/// Sorts pairs into leads.
///
/// # Errors
/// That there are too many.
pub(crate) fn leads(pairs: Vec<(String, String)>) -> Result<Leads, String> {
    let mut sorted = Leads::default();
    let mut numbered = std::collections::BTreeMap::<u32, Vec<(String, Value)>>::new();
    for (name, value) in pairs {
        let (name, listed) = flat_name(&name);
        let value = if listed { Value::List(vec![Value::text(value)]) } else { Value::text(value) };
        let inner = name.strip_prefix("leads.").and_then(|rest| rest.split_once('.'));
        match inner.and_then(|(number, field)| Some((number.parse::<u32>().ok()?, field))) {
            Some((number, field)) => numbered.entry(number).or_default().push((field.to_owned(), value)),
            None => sorted.common.push((name, value)),
        }
        if numbered.len() > MOST_RECORDS {
            return Err(format!("more than {MOST_RECORDS} leads in one form"));
        }
    }
    if numbered.is_empty() {
        sorted.leads.push(std::mem::take(&mut sorted.common));
    } else {
        sorted.leads = numbered.into_values().collect();
    }
    Ok(sorted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(body: &[u8]) -> Vec<(String, String)> {
        parse(body, None).unwrap()
    }

    fn owned(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn pairs_are_decoded() {
        assert_eq!(
            pairs(b"a=1+2&b=%E5%BC%A0&c&=x&d=100%&e=%zz&&f=%2B"),
            owned(&[
                ("a", "1 2"),
                ("b", "张"),
                ("c", ""),
                ("", "x"),
                ("d", "100%"),
                ("e", "%zz"),
                ("f", "+")
            ])
        );
        assert_eq!(
            pairs(b"name=%D5%C5%C8%FD&_charset_=GBK"),
            owned(&[("name", "张三"), ("_charset_", "GBK")])
        );
        assert_eq!(pairs(b"name=%D5%C5%C8%FD"), owned(&[("name", "张三")]), "GB18030 without a label");
        assert_eq!(pairs(b""), []);
        assert!(parse(b"a=%FF%FF%FF", None).is_err());
        assert!(parse(b"a=1%1E2", None).is_err());
    }

    #[test]
    fn nested_names_are_flattened() {
        for (name, flat) in [
            ("lead[email]", ("lead.email", false)),
            ("lead[company][name]", ("lead.company.name", false)),
            ("interest[]", ("interest", true)),
            ("lead[tags][]", ("lead.tags", true)),
            ("lead.email", ("lead.email", false)),
            ("[x]", ("[x]", false)),
            ("a[b", ("a[b", false)),
            ("a[b]c[d]", ("a[b]c[d]", false)),
            ("a[]b]", ("a[]b]", false)),
        ] {
            let (found, listed) = flat_name(name);
            assert_eq!((found.as_str(), listed), flat, "{name}");
        }
    }

    #[test]
    fn several_leads_in_one_form_are_told_apart() {
        let form = leads(pairs(b"leads[1][name]=B&leads[0][name]=A&leads[0][tag][]=x&page=p")).unwrap();
        assert_eq!(form.common, [("page".to_owned(), "p".into())]);
        assert_eq!(form.leads.len(), 2);
        assert_eq!(form.leads[0][0], ("name".to_owned(), "A".into()));
        assert_eq!(form.leads[0][1], ("tag".to_owned(), Value::List(vec!["x".into()])));
        let one = leads(pairs(b"name=A&email=a@shili.example")).unwrap();
        assert_eq!((one.common.len(), one.leads.len(), one.leads[0].len()), (0, 1, 2));
    }
}
