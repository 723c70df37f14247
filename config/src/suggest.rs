//! Did you mean: the nearest known name.

/// The known name nearest to what was written, where one is near enough.
#[must_use]
pub fn nearest<'a>(written: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let written = written.to_lowercase();
    known
        .filter(|name| !name.is_empty())
        .map(|name| (strsim::damerau_levenshtein(&written, &name.to_lowercase()), name))
        .filter(|(distance, name)| {
            *distance <= (name.chars().count().max(written.chars().count()) / 3).max(1)
        })
        .min_by_key(|(distance, name)| (*distance, *name))
        .map(|(_, name)| name)
}
