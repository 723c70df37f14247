//! Documents: the JSON text in which a row keeps what no column needs to find, and stable names of small enums.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::StoreError;

/// The canonical text of a document: fields in the order of the type, maps in the order of their keys.
pub(crate) fn text<T: Serialize>(document: &T) -> Result<String, StoreError> {
    serde_json::to_string(document)
        .map_err(|error| StoreError::fault(format!("a document cannot be written: {error}")))
}

/// The stable name of a value of an enum without fields, as serde writes it.
pub(crate) fn name_of<T: Serialize>(value: T) -> Result<String, StoreError> {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(name)) => Ok(name),
        other => Err(StoreError::fault(format!("not a name: {other:?}"))),
    }
}

/// The value of that stable name.
pub(crate) fn named<T: DeserializeOwned>(name: String) -> Result<T, StoreError> {
    serde_json::from_value(serde_json::Value::String(name))
        .map_err(|error| StoreError::unreadable(&error.to_string()))
}

/// How a text is folded for finding: lower case, without blanks.
pub(crate) fn fold(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).flat_map(char::to_lowercase).collect()
}

/// A stable 64-bit hash (FNV-1a): for shards and turns, which must come out the same on every node.
pub(crate) fn hash(parts: &[&str]) -> u64 {
    let mut state = 0xCBF2_9CE4_8422_2325_u64;
    for part in parts {
        for byte in part.bytes().chain([0xFF]) {
            state = (state ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3);
        }
    }
    // FNV's low bits are its weakest, and they are the ones that are used.
    state ^ (state >> 32)
}

#[cfg(test)]
mod tests {
    use leadloop_sync_core::outbox::{Lane, Purpose};

    use super::*;

    #[test]
    fn names_are_those_of_the_core() {
        assert_eq!(name_of(Purpose::Handover).unwrap(), "handover");
        assert_eq!(named::<Lane>("backfill".into()).unwrap(), Lane::Backfill);
        assert!(named::<Lane>("cold".into()).is_err());
    }

    #[test]
    fn a_fold_forgets_case_and_blanks() {
        assert_eq!(fold(" Example 示例 GmbH "), "example示例gmbh");
    }

    #[test]
    fn parts_do_not_run_into_each_other() {
        assert_ne!(hash(&["ab", "c"]), hash(&["a", "bc"]));
    }
}
