//! Answers and pushes as no system should send them, but some do.

use leadloop_sync_core::moment::Moment;
use leadloop_sync_core::time::Timestamp;

/// A broken body and what is broken about it. None of them equals `body`.
pub(super) fn broken(body: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut made: Vec<(String, Vec<u8>)> = vec![
        ("nothing".to_owned(), vec![]),
        ("an empty object".to_owned(), b"{}".to_vec()),
        ("an empty list".to_owned(), b"[]".to_vec()),
        ("null".to_owned(), b"null".to_vec()),
        ("a text".to_owned(), b"\"ok\"".to_vec()),
        (
            "a web page".to_owned(),
            b"<!doctype html><html><title>Sign in</title><form></form></html>".to_vec(),
        ),
    ];
    for part in [1, 2, 3, 5, 8] {
        let end = body.len() * part / 9;
        made.push((format!("cut after {end} bytes"), body.get(..end).unwrap_or_default().to_vec()));
    }
    made.push((
        "cut before the last byte".to_owned(),
        body.split_last().map_or(vec![], |(_, rest)| rest.to_vec()),
    ));
    let mut dice = Moment::new(Timestamp(0), body.len() as u64);
    for round in 0..4 {
        let length = 1 + usize::try_from(dice.throw() % 300).unwrap_or(0);
        let bytes = (0..length).map(|_| dice.throw().to_le_bytes()[0]).collect();
        made.push((format!("random bytes, round {round}"), bytes));
    }
    made.retain(|(_, broken)| broken != body && broken.trim_ascii() != body.trim_ascii());
    made
}
