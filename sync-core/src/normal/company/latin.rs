//! Western company names, and Chinese ones in Latin letters: words from the outside in, what stays is the core.

use super::forms::{latin_end, latin_start};
use super::{Parts, Region, Tier, places, words};

/// Most words of one place.
const PLACE_WORDS: usize = 2;

pub(super) fn read(folded: &str) -> Parts {
    let mut parts = Parts::default();
    let (text, notes) = open_brackets(folded, &mut parts);
    let found = split_words(&text);
    let mut words: Vec<&str> = found.iter().map(String::as_str).collect();
    let all = words.clone();
    if words.first() == Some(&"the") && words.len() > 1 {
        words.remove(0);
    }
    read_branch(&mut words, &mut parts);
    if let Some(form) = latin_start(&words) {
        parts.legal_form = Some(form);
        words.remove(0);
    }
    strip_end(&mut words, &mut parts);
    if parts.region.is_none()
        && let Some((region, count)) = leading_place(&words)
    {
        parts.region = Some(region);
        words.drain(..count);
    }
    let only_form = |words: &[&str]| {
        latin_end(&[&["name"], words].concat()).is_some_and(|(_, count)| count == words.len())
    };
    if words.is_empty() && !only_form(&all) {
        // A name of places throughout: better the whole than nothing.
        words = all;
    } else if only_form(&words) {
        words.clear();
    }
    let canonical: Vec<String> = words.iter().map(|word| words::canonical(word)).collect();
    let canonical: Vec<&str> = canonical.iter().map(String::as_str).collect();
    parts.core = canonical.concat();
    let brand = words::latin_brand(&canonical);
    parts.brand = (brand > 0).then(|| canonical.iter().take(brand).copied().collect());
    parts.alias = notes;
    parts
}

/// Words of a folded text. `S.A.` and `B.V.` become one word, apostrophes vanish, `&` and `+` are the word "and".
fn split_words(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let border = |c: char| !c.is_alphanumeric() && !matches!(c, '.' | '\'' | '’' | '`' | '&' | '+');
    for raw in text.split(border).filter(|raw| !raw.is_empty()) {
        for (at, piece) in raw.split(['&', '+']).enumerate() {
            if at > 0 {
                found.push("and".to_owned());
            }
            let plain: String = piece.chars().filter(|c| !matches!(c, '\'' | '’' | '`')).collect();
            let pieces: Vec<&str> = plain.split('.').filter(|piece| !piece.is_empty()).collect();
            if pieces.iter().all(|piece| piece.chars().count() <= 2) && pieces.len() > 1 {
                found.push(pieces.concat());
            } else {
                found.extend(
                    pieces.into_iter().map(|piece| if piece == "und" { "and" } else { piece }.to_owned()),
                );
            }
        }
    }
    while found.first().is_some_and(|word| word == "and") {
        found.remove(0);
    }
    found
}

/// The text without its brackets: a place is kept as the region, a second name behind the legal form as an alias,
/// anything else stays in the name.
fn open_brackets(folded: &str, parts: &mut Parts) -> (String, Option<String>) {
    let mut flat = String::with_capacity(folded.len());
    let mut alias = None;
    let mut rest = folded;
    while let Some(start) = rest.find(['(', '[', '{']) {
        let (front, inner) = rest.split_at_checked(start).unwrap_or((rest, ""));
        flat.push_str(front);
        let inner = inner.get(1..).unwrap_or_default();
        let end = inner.find([')', ']', '}']).unwrap_or(inner.len());
        let (content, behind) = inner.split_at_checked(end).unwrap_or((inner, ""));
        rest = behind.get(1..).unwrap_or_default();
        let inside = split_words(content);
        let inside: Vec<&str> = inside.iter().map(String::as_str).collect();
        let before = split_words(&flat);
        let before: Vec<&str> = before.iter().map(String::as_str).collect();
        if let Some(region) = all_places(&inside) {
            parts.region.get_or_insert(region);
        } else if latin_end(&before).is_some()
            && inside.len() <= 6
            && latin_end(&[&["name"], inside.as_slice()].concat()).is_none()
        {
            let canonical: String = inside.iter().map(|word| words::canonical(word)).collect();
            alias.get_or_insert(canonical);
        } else {
            flat.push(' ');
            flat.push_str(content);
        }
        flat.push(' ');
    }
    flat.push_str(rest);
    (flat, alias)
}

/// The narrowest place of words that are places throughout: "Shanghai, China".
fn all_places(words: &[&str]) -> Option<Region> {
    let mut rest = words;
    let mut found: Option<Region> = None;
    while !rest.is_empty() {
        let (region, count) = (1..=PLACE_WORDS.min(rest.len())).rev().find_map(|count| {
            let region = places::latin(rest.get(..count)?)?;
            Some((region, count))
        })?;
        found = found.into_iter().chain([region]).max_by_key(|region| region.names().len());
        rest = rest.get(count..)?;
    }
    found
}

/// Office and branch at the end, with the words between them and the legal form.
fn read_branch(words: &mut Vec<&str>, parts: &mut Parts) {
    let kind = match words.as_slice() {
        [.., "branch", "office"] => ("分公司", 2),
        [.., "representative" | "rep" | "liaison", "office"] => ("办事处", 2),
        [.., "branch"] => ("分公司", 1),
        [.., "office"] => ("办事处", 1),
        _ => return,
    };
    let end = words.len() - kind.1;
    let front = words.get(..end).unwrap_or_default();
    let form_end = (1..=front.len())
        .rev()
        .find(|&count| front.get(..count).is_some_and(|part| latin_end(part).is_some()));
    let place = trailing_place(front);
    let start = match (form_end, &place) {
        (Some(at), _) => at,
        (None, Some((_, count))) => end - count,
        (None, None) => return,
    };
    let between = front.get(start..).unwrap_or_default();
    let named = all_places(between).and_then(|region| region.names().last().cloned());
    let qualifier = named.unwrap_or_else(|| between.concat());
    if start == 0 {
        return;
    }
    parts.branch = Some(format!("{qualifier}{}", kind.0));
    words.truncate(start);
}

/// Legal forms, group words and places at the end, in any order, while a name stays.
fn strip_end(words: &mut Vec<&str>, parts: &mut Parts) {
    for _ in 0..6 {
        if let Some((form, count)) = latin_end(words) {
            parts.legal_form.get_or_insert(form);
            words.truncate(words.len() - count);
            while words.last() == Some(&"and") {
                words.pop();
            }
            continue;
        }
        let tier = match words.last() {
            Some(&"group" | &"gruppe" | &"groupe" | &"groep" | &"grupo" | &"gruppo") => Tier::Group,
            Some(&"holding" | &"holdings") => Tier::Holding,
            _ => Tier::Plain,
        };
        if tier != Tier::Plain && words.len() > 1 {
            parts.tier = parts.tier.max(tier);
            words.pop();
            continue;
        }
        match trailing_place(words) {
            Some((region, count))
                if words.len() > count && !joins(words, count) && parts.region.is_none() =>
            {
                parts.region = Some(region);
                words.truncate(words.len() - count);
            }
            Some((region, count))
                if words.len() > count
                    && parts
                        .region
                        .as_ref()
                        .is_some_and(|known| known.nearness(&region) != super::Nearness::Apart) =>
            {
                words.truncate(words.len() - count);
            }
            _ => break,
        }
    }
}

/// "Bank of China": the place belongs to the name.
fn joins(words: &[&str], count: usize) -> bool {
    let before = words.len().checked_sub(count + 1).and_then(|at| words.get(at));
    matches!(before, Some(&"of" | &"de" | &"von" | &"for" | &"in" | &"air" | &"and" | &"the"))
}

fn trailing_place(words: &[&str]) -> Option<(Region, usize)> {
    (1..=PLACE_WORDS.min(words.len())).rev().find_map(|count| {
        let region = places::latin(words.get(words.len() - count..)?)?;
        Some((region, count))
    })
}

fn leading_place(words: &[&str]) -> Option<(Region, usize)> {
    (1..=PLACE_WORDS.min(words.len().saturating_sub(1))).rev().find_map(|count| {
        let region = places::latin(words.get(..count)?).filter(places::leads_latin_names)?;
        Some((region, count))
    })
}
