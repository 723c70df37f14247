//! `multipart/form-data` (RFC 7578), read from a body that is there as a whole: fields and files, nothing copied.

use super::encoding;

/// Most parts of one form.
const MOST_PARTS: usize = 1_000;
/// Most bytes of the headers of a part.
const LONGEST_HEAD: usize = 8 * 1024;
/// Most characters of a boundary (RFC 2046).
const LONGEST_BOUNDARY: usize = 70;

/// One part of a form.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Part<'a> {
    /// The field's name.
    pub(crate) name: String,
    /// The file's name, where it is a file.
    pub(crate) file: Option<String>,
    /// Its content type, in lower case, blank where not given.
    pub(crate) kind: String,
    /// Its content.
    pub(crate) content: &'a [u8],
}

/// The boundary that a content type names.
pub(crate) fn boundary(content_type: &str) -> Option<String> {
    let value = parameter(content_type, "boundary")?;
    let good =
        !value.is_empty() && value.len() <= LONGEST_BOUNDARY && value.bytes().all(|b| (32..127).contains(&b));
    good.then_some(value)
}

/// The parts of a body.
///
/// # Errors
/// What is wrong, for people.
pub(crate) fn parse<'a>(body: &'a [u8], boundary: &str) -> Result<Vec<Part<'a>>, String> {
    let first = format!("--{boundary}");
    let between = format!("\r\n--{boundary}");
    let start = if body.starts_with(first.as_bytes()) {
        first.len()
    } else {
        find(body, between.as_bytes()).ok_or("the boundary of its content type is not in the body")?
            + between.len()
    };
    let mut rest = body.get(start..).unwrap_or_default();
    let mut parts = Vec::new();
    while !rest.starts_with(b"--") {
        rest = rest.strip_prefix(b"\r\n").ok_or("a boundary is not followed by a line break")?;
        let end = find(rest, between.as_bytes()).ok_or("the last boundary is missing: the body was cut")?;
        let part = rest.get(..end).unwrap_or_default();
        rest = rest.get(end + between.len()..).unwrap_or_default();
        if parts.len() == MOST_PARTS {
            return Err(format!("more than {MOST_PARTS} parts"));
        }
        parts.push(read_part(part)?);
    }
    Ok(parts)
}

fn read_part(part: &[u8]) -> Result<Part<'_>, String> {
    let looked = part.get(..LONGEST_HEAD).unwrap_or(part);
    let end = find(looked, b"\r\n\r\n").ok_or("a part has no blank line behind its headers")?;
    let head = encoding::text(part.get(..end).unwrap_or_default(), None)
        .ok_or("the headers of a part are in no encoding that we know")?;
    let header = |wanted: &str| {
        head.split("\r\n").find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.trim().eq_ignore_ascii_case(wanted).then(|| value.trim())
        })
    };
    let disposition = header("content-disposition").ok_or("a part does not say what it is")?;
    Ok(Part {
        name: parameter(disposition, "name").ok_or("a part has no name")?,
        file: parameter(disposition, "filename*")
            .and_then(|value| extended(&value))
            .or_else(|| parameter(disposition, "filename")),
        kind: header("content-type").unwrap_or_default().to_ascii_lowercase(),
        content: part.get(end + 4..).unwrap_or_default(),
    })
}

/// A parameter of a header: `name="a \"b\""` or `name=a`.
pub(crate) fn parameter(header: &str, wanted: &str) -> Option<String> {
    let mut rest = header.split_once(';')?.1;
    loop {
        rest = rest.trim_start_matches([';', ' ', '\t']);
        let (name, value) = rest.split_once('=')?;
        let (value, after) = match value.strip_prefix('"') {
            Some(quoted) => unquote(quoted)?,
            None => {
                let (value, after) = value.split_once(';').unwrap_or((value, ""));
                (value.trim().to_owned(), after)
            }
        };
        if name.trim().eq_ignore_ascii_case(wanted) {
            return Some(value);
        }
        rest = after;
    }
}

/// The text up to the closing quote, and what follows. Browsers write `"` in names as `%22`, others as `\"`.
fn unquote(quoted: &str) -> Option<(String, &str)> {
    let mut text = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((text.replace("%22", "\""), quoted.get(at + 1..).unwrap_or_default())),
            '\\' if quoted.get(at + 1..).is_some_and(|rest| rest.starts_with(['"', '\\'])) => {
                text.push(chars.next().map_or('\\', |(_, c)| c));
            }
            c => text.push(c),
        }
    }
    None
}

/// `UTF-8''%E7%BA%BF` (RFC 5987).
fn extended(value: &str) -> Option<String> {
    let mut parts = value.splitn(3, '\'');
    let (charset, _, text) = (parts.next()?, parts.next()?, parts.next()?);
    let pairs = super::form::parse(text.replace('+', "%2B").as_bytes(), Some(charset)).ok()?;
    pairs.into_iter().next().map(|(name, _)| name)
}

/// The first place of `wanted`.
pub(crate) fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    let (first, others) = wanted.split_first()?;
    let mut from = 0;
    loop {
        from += bytes.get(from..)?.iter().position(|byte| byte == first)?;
        if bytes.get(from + 1..)?.starts_with(others) {
            return Some(from);
        }
        from += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &str = "preamble\r\n--b1\r\nContent-Disposition: form-data; name=\"email\"\r\n\r\njia@shili.example\r\n\
        --b1\r\ncontent-disposition: form-data; name=\"list\"; filename=\"a \\\"b\\\".csv\"\r\nContent-Type: Text/CSV\r\n\r\nx\r\n--b\r\n\
        \r\n--b1\r\nContent-Disposition: form-data; filename*=UTF-8''%E7%BA%BF.csv; name=f\r\n\r\n\r\n--b1--\r\n";

    #[test]
    fn parts_are_split_at_the_boundary_only() {
        let parts = parse(BODY.as_bytes(), "b1").unwrap();
        assert_eq!(parts.len(), 3);
        assert_eq!((parts[0].name.as_str(), parts[0].content), ("email", &b"jia@shili.example"[..]));
        assert_eq!(parts[1].file.as_deref(), Some("a \"b\".csv"));
        assert_eq!((parts[1].kind.as_str(), parts[1].content), ("text/csv", &b"x\r\n--b\r\n"[..]));
        assert_eq!((parts[2].name.as_str(), parts[2].file.as_deref()), ("f", Some("线.csv")));
    }

    #[test]
    fn boundaries_are_read_from_the_content_type() {
        assert_eq!(boundary("multipart/form-data; boundary=b1").as_deref(), Some("b1"));
        assert_eq!(boundary("multipart/form-data; charset=x; boundary=\"b 1\"").as_deref(), Some("b 1"));
        assert_eq!(boundary("multipart/form-data"), None);
        assert_eq!(boundary(&format!("multipart/form-data; boundary={}", "x".repeat(71))), None);
    }

    #[test]
    fn broken_bodies_are_said_to_be_broken() {
        for end in 0..BODY.len() - 4 {
            if let Some(cut) = BODY.as_bytes().get(..end) {
                assert!(parse(cut, "b1").is_err(), "cut at {end}");
            }
        }
        for body in ["", "--b1", "--b1--", "--b1\r\n\r\n\r\n--b1--", "--b1\r\nno colon\r\n\r\nx\r\n--b1--"] {
            let empty = body == "--b1--";
            assert_eq!(parse(body.as_bytes(), "b1").is_ok(), empty, "{body:?}");
        }
        let many =
            format!("{}--b--", "--b\r\nContent-Disposition: form-data; name=a\r\n\r\n\r\n".repeat(1_001));
        assert!(parse(many.as_bytes(), "b").unwrap_err().contains("1000 parts"));
    }
}
