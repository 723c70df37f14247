//! Runs `cases/email.toml`: what people write into e-mail fields, and what it must be read as.

#![expect(clippy::expect_used, reason = "a test fails by it")]

use leadloop_sync_core::normal::email::{Role, parse};
use toml::{Table, Value};

fn words(case: &Table, key: &str) -> Option<Vec<String>> {
    let list = case.get(key)?.as_array().expect("a list");
    Some(list.iter().map(|word| word.as_str().expect("a text").to_owned()).collect())
}

/// What is wrong with this case, in words.
fn complaint(case: &Table) -> Option<String> {
    let word = |key: &str| case.get(key).and_then(Value::as_str);
    let text = word("text").expect("every case has a text");
    let email = match (parse(text), word("problem")) {
        (Err(problem), Some(expected)) if problem.code() == expected => return None,
        (Err(problem), expected) => {
            return Some(format!("{text:?}: {} instead of {expected:?}", problem.code()));
        }
        (Ok(email), Some(expected)) => {
            return Some(format!("{text:?}: {} instead of {expected}", email.address));
        }
        (Ok(email), None) => email,
    };
    let role = match email.role {
        None => "none",
        Some(Role::Shared) => "shared",
        Some(Role::Unread) => "unread",
    };
    let remarks: Vec<String> = email.remarks.iter().map(|remark| remark.code().to_owned()).collect();
    let right = word("address") == Some(email.address.as_str())
        && word("display").is_none_or(|expected| email.display == expected)
        && word("role").is_none_or(|expected| role == expected)
        && email.others == words(case, "others").unwrap_or_default()
        && words(case, "remarks").is_none_or(|expected| remarks == expected);
    (!right).then(|| {
        let (address, display, others) = (&email.address, &email.display, &email.others);
        format!("{text:?}: {address} shown {display} role {role} others {others:?} remarks {remarks:?}")
    })
}

#[test]
fn every_email_case_holds() {
    let file: Table = include_str!("cases/email.toml").parse().expect("the file is TOML");
    let cases = file["case"].as_array().expect("a list of cases");
    assert!(cases.len() > 50, "only {} cases were read", cases.len());
    let wrong: Vec<String> =
        cases.iter().filter_map(|case| complaint(case.as_table().expect("a table"))).collect();
    assert!(wrong.is_empty(), "{} of {} cases:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}
