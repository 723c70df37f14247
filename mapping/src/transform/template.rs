//! Texts with fields of the record in them: `{name} ({company})`.

use crate::value::{Record, Value};

/// A template, cut into its pieces.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Template {
    pieces: Vec<Piece>,
}

#[derive(Clone, Debug, PartialEq)]
enum Piece {
    Text(String),
    /// The value that is on its way.
    This,
    Field(String),
}

impl Template {
    /// Reads a template. `{{` and `}}` stand for the braces themselves.
    ///
    /// # Errors
    /// The position of a brace that has no partner.
    pub(crate) fn read(text: &str) -> Result<Self, usize> {
        let mut pieces = Vec::new();
        let mut plain = String::new();
        let mut chars = text.char_indices().peekable();
        while let Some((at, c)) = chars.next() {
            let doubled = chars.peek().is_some_and(|(_, next)| *next == c);
            match c {
                '{' | '}' if doubled => {
                    plain.push(c);
                    chars.next();
                }
                '}' => return Err(at),
                '{' => {
                    let rest = text.get(at + 1..).unwrap_or_default();
                    let name = rest.get(..rest.find('}').ok_or(at)?).unwrap_or_default();
                    if name.contains('{') {
                        return Err(at);
                    }
                    if !plain.is_empty() {
                        pieces.push(Piece::Text(std::mem::take(&mut plain)));
                    }
                    let field = name.trim();
                    pieces.push(if field.is_empty() { Piece::This } else { Piece::Field(field.to_owned()) });
                    chars.by_ref().find(|(_, c)| *c == '}');
                }
                _ => plain.push(c),
            }
        }
        if !plain.is_empty() {
            pieces.push(Piece::Text(plain));
        }
        Ok(Self { pieces })
    }

    /// The fields it names.
    pub(crate) fn fields(&self) -> impl Iterator<Item = &str> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Field(name) => Some(name.as_str()),
            _ => None,
        })
    }

    /// The text for `record`; null where all it would show is blank.
    #[must_use]
    pub(crate) fn fill(&self, this: &Value, record: &Record) -> Value {
        let mut text = String::new();
        let (mut shows, mut shown) = (false, false);
        for piece in &self.pieces {
            let value = match piece {
                Piece::Text(plain) => {
                    text.push_str(plain);
                    continue;
                }
                Piece::This => Some(this),
                Piece::Field(name) => record.get(name),
            };
            shows = true;
            if let Some(value) = value.filter(|value| !value.is_blank()) {
                shown = true;
                text.push_str(&value.to_display());
            }
        }
        if shows && !shown { Value::Null } else { Value::text(text) }
    }
}
