//! Odoo keeps long texts as HTML; we keep plain ones.

/// Most characters of a text that is read; chatter can hold whole mail threads.
const MOST: usize = 20_000;

/// A plain text as HTML: escaped, lines kept.
pub(super) fn html(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for (at, line) in text.lines().enumerate() {
        if at > 0 {
            out.push_str("<br>");
        }
        for c in line.chars() {
            match c {
                '&' => out.push_str("&amp;"),
                '<' => out.push_str("&lt;"),
                '>' => out.push_str("&gt;"),
                '"' => out.push_str("&quot;"),
                c => out.push(c),
            }
        }
    }
    out
}

/// HTML as a plain text: tags dropped, the ends of lines and blocks kept, entities read.
pub(super) fn plain(html: &str) -> String {
    let mut out = String::new();
    let mut rest = html;
    let mut count = 0;
    while let Some(c) = rest.chars().next() {
        let (text, used) = match c {
            '<' => match rest.find('>') {
                Some(end) => (breaks(rest.get(1..end).unwrap_or_default()), end + 1),
                None => ("", rest.len()),
            },
            '&' => entity(rest),
            _ => (rest.get(..c.len_utf8()).unwrap_or_default(), c.len_utf8()),
        };
        out.push_str(text);
        count += 1;
        if count > MOST {
            break;
        }
        rest = rest.get(used..).unwrap_or_default();
    }
    let lines: Vec<&str> = out.lines().map(str::trim_end).collect();
    lines.join("\n").trim().replace('\u{a0}', " ")
}

/// Whether a tag ends a line.
fn breaks(tag: &str) -> &'static str {
    let name: String = tag
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || *c == '/')
        .collect::<String>()
        .to_ascii_lowercase();
    match name.as_str() {
        "br" | "br/" | "/p" | "/div" | "/li" | "/tr" | "/h1" | "/h2" | "/h3" => "\n",
        _ => "",
    }
}

/// The character an entity stands for, and its length; a bare `&` stands for itself.
fn entity(rest: &str) -> (&'static str, usize) {
    const KNOWN: [(&str, &str); 7] = [
        ("&amp;", "&"),
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#39;", "'"),
        ("&#34;", "\""),
        ("&nbsp;", " "),
    ];
    KNOWN
        .iter()
        .find(|(entity, _)| rest.starts_with(entity))
        .map_or(("&", 1), |(entity, c)| (*c, entity.len()))
}

#[cfg(test)]
mod tests {
    use super::{html, plain};

    #[test]
    fn a_text_comes_back_as_it_went() {
        for text in ["", "需求：200 台伺服", "a < b & \"c\"\n\n第三行", "&amp; stays", "1 > 0"] {
            assert_eq!(plain(&html(text)), text, "{text:?}");
        }
    }

    #[test]
    fn what_people_wrote_there_is_readable() {
        for (html, text) in [
            ("<p>Needs <b>MES</b></p><p>Budget&nbsp;ok</p>", "Needs MES\nBudget ok"),
            ("<span>a\nb </span>", "a\nb"),
            ("<ul><li>x</li><li>y</li></ul>", "x\ny"),
            ("unclosed <b", "unclosed"),
            ("R&D", "R&D"),
        ] {
            assert_eq!(plain(html), text, "{html:?}");
        }
    }
}
