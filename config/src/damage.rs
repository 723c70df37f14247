//! What only seems wrong because a part of the config could not be read: a key that is missing where a statement was
//! taken out, a name whose definition stands there. Such problems are not said; they would come and go with the syntax
//! error that caused them.

use crate::problem::{Problem, Span};
use crate::spec;
use crate::text::Texts;

/// Sections whose tables define names that others refer to.
const NAMING: [&str; 9] = ["source", "crm", "ma", "track", "people", "team", "route", "score", "feedback"];

/// Whether a problem may only follow from damage.
pub(crate) fn explains(damaged: &[Span], problem: &Problem, texts: &Texts) -> bool {
    if damaged.is_empty() {
        return false;
    }
    match problem.code {
        // What is written wrong is wrong, whatever else cannot be read.
        "LL2001" | "LL2002" | "LL2003" | "LL2004" | "LL2006" | "LL2008" | "LL2009" | "LL2010" | "LL2014"
        | "LL2015" | "LL2019" | "LL2020" | "LL2021" | "LL2022" | "LL2024" | "LL2029" | "LL2030"
        | "LL2031" => false,
        // What stands in one table is right or wrong by that table alone.
        "LL2005" | "LL2016" | "LL2017" | "LL2026" | "LL2027" | "LL2028" | "LL2032" | "LL2033" | "LL2034"
        | "LL2035" | "LL2036" | "LL2037" | "LL2061" => {
            damaged.iter().any(|damage| same_block(damage, &problem.span, texts))
        }
        "LL2013" | "LL2012" | "LL2007" => damaged.iter().any(|damage| defines_names(damage, texts)),
        _ => true,
    }
}

fn text(span: &Span, texts: &Texts) -> String {
    texts.files.get(span.file).map(|(_, text)| text.clone()).unwrap_or_default()
}

/// From the header before a byte to the next one.
fn block(text: &str, byte: usize) -> std::ops::Range<usize> {
    let (mut start, mut at) = (0, 0);
    for line in text.split_inclusive('\n') {
        if line.trim_start().starts_with('[') {
            if at > byte {
                return start..at;
            }
            start = at;
        }
        at += line.len();
    }
    start..text.len()
}

fn same_block(damage: &Span, span: &Span, texts: &Texts) -> bool {
    if damage.file != span.file {
        return false;
    }
    let block = block(&text(span, texts), span.range.start);
    damage.range.start < block.end && block.start < damage.range.end
}

/// Whether names may have been defined in what was taken out.
fn defines_names(damage: &Span, texts: &Texts) -> bool {
    let text = text(damage, texts);
    let block = block(&text, damage.range.start);
    let header = text.get(block).and_then(|block| block.lines().next()).unwrap_or_default();
    let name = header.split('#').next().unwrap_or_default().trim().trim_matches(['[', ']']);
    spec::section(name).is_none_or(|section| NAMING.contains(&section.name))
}
