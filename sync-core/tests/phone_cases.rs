//! Runs `cases/phone.toml`: what people write into phone fields, and what it must be read as.

#![expect(clippy::expect_used, reason = "a test fails by it")]

use leadloop_sync_core::normal::phone::{Country, parse};
use toml::{Table, Value};

fn words(case: &Table, key: &str) -> Option<Vec<String>> {
    let list = case.get(key)?.as_array().expect("a list");
    Some(list.iter().map(|word| word.as_str().expect("a text").to_owned()).collect())
}

/// What is wrong with this case, in words.
fn complaint(case: &Table) -> Option<String> {
    let word = |key: &str| case.get(key).and_then(Value::as_str);
    let text = word("text").expect("every case has a text");
    let region: Country = word("region").unwrap_or("CN").parse().expect("a country");
    let phone = match (parse(text, region), word("problem")) {
        (Err(problem), Some(expected)) if problem.code() == expected => return None,
        (Err(problem), expected) => {
            return Some(format!("{text:?}: {} instead of {expected:?}", problem.code()));
        }
        (Ok(phone), Some(expected)) => {
            return Some(format!("{text:?}: {} instead of {expected}", phone.e164));
        }
        (Ok(phone), None) => phone,
    };
    let kind = serde_json::to_value(phone.kind).expect("a kind has a word");
    let others: Vec<String> = phone.others.iter().map(|other| other.e164.clone()).collect();
    let remarks: Vec<String> = phone.remarks.iter().map(|remark| remark.code().to_owned()).collect();
    let right = word("e164") == Some(phone.e164.as_str())
        && word("extension") == phone.extension.as_deref()
        && word("kind").is_none_or(|expected| kind == expected)
        && word("country")
            .is_none_or(|expected| phone.region.is_some_and(|region| region.as_str() == expected))
        && words(case, "others").is_none_or(|expected| others == expected)
        && words(case, "remarks").is_none_or(|expected| remarks == expected);
    let region = phone.region.map(String::from);
    (!right).then(|| {
        format!(
            "{text:?}: {} ext {:?} {kind} {region:?} others {others:?} remarks {remarks:?}",
            phone.e164, phone.extension
        )
    })
}

#[test]
fn every_phone_case_holds() {
    let file: Table = include_str!("cases/phone.toml").parse().expect("the file is TOML");
    let cases = file["case"].as_array().expect("a list of cases");
    assert!(cases.len() > 120, "only {} cases were read", cases.len());
    let wrong: Vec<String> =
        cases.iter().filter_map(|case| complaint(case.as_table().expect("a table"))).collect();
    assert!(wrong.is_empty(), "{} of {} cases:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}
