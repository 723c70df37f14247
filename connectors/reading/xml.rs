//! The flat XML of WeChat's callbacks: the texts of a root's children, entities and CDATA resolved. Nested parts are passed
//! over by name; no external parts, no entities of a document's own, so nothing can grow.

use std::collections::BTreeMap;

/// Most children that are read.
const MOST: usize = 100;

/// The texts of the children of the root by name; `None` where it is no such document.
pub(crate) fn children(text: &str) -> Option<BTreeMap<String, String>> {
    let mut rest = text.trim_start_matches('\u{feff}').trim_start();
    if let Some(after) = rest.strip_prefix("<?xml") {
        rest = after.split_once("?>")?.1.trim_start();
    }
    let (root, mut rest) = rest.strip_prefix('<')?.split_once('>')?;
    let close = format!("</{}>", name_of(root)?);
    let mut found = BTreeMap::new();
    loop {
        rest = rest.trim_start();
        if rest.starts_with(&close) {
            return Some(found);
        }
        let (tag, after) = rest.strip_prefix('<')?.split_once('>')?;
        if found.len() >= MOST {
            return None;
        }
        if let Some(empty) = tag.strip_suffix('/') {
            found.insert(name_of(empty)?.to_owned(), String::new());
            rest = after;
            continue;
        }
        let name = name_of(tag)?;
        let (content, behind) = after.split_once(&format!("</{name}>"))?;
        if let Some(text) = text_of(content) {
            found.insert(name.to_owned(), text);
        }
        rest = behind;
    }
}

/// The name of a tag, without its attributes.
fn name_of(tag: &str) -> Option<&str> {
    let name = tag.split_ascii_whitespace().next()?;
    let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c));
    (plain && !name.is_empty()).then_some(name)
}

/// The text of an element; `None` where it holds elements.
fn text_of(content: &str) -> Option<String> {
    let content = content.trim();
    if let Some(inner) = content.strip_prefix("<![CDATA[") {
        return inner.strip_suffix("]]>").map(str::to_owned);
    }
    if content.contains('<') {
        return None;
    }
    let mut text = content.to_owned();
    for (entity, character) in
        [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&amp;", "&")]
    {
        text = text.replace(entity, character);
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_children_of_a_callback_are_read() {
        let text = "<xml><A><![CDATA[x <y> &amp;]]></A>\n<B>1 &lt; 2</B><C/><Deep><D>1</D></Deep><E><![CDATA[]]></E></xml>";
        let found = children(text).unwrap();
        let pairs: Vec<(&str, &str)> =
            found.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        assert_eq!(pairs, [("A", "x <y> &amp;"), ("B", "1 < 2"), ("C", ""), ("E", "")]);
    }

    #[test]
    fn what_is_broken_is_nothing() {
        for text in [
            "",
            "{}",
            "<xml>",
            "<xml><A>1</xml>",
            "<xml><A>1</A>",
            "<!DOCTYPE x [<!ENTITY a \"b\">]><xml></xml>",
            "<x y",
        ] {
            assert_eq!(children(text), None, "{text}");
        }
        let many = format!("<xml>{}</xml>", (0..200).map(|n| format!("<a{n}>1</a{n}>")).collect::<String>());
        assert_eq!(children(&many), None);
    }
}
