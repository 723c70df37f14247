//! Runs `cases/company.toml`: company names as written, and what they are taken apart into.

#![expect(clippy::expect_used, reason = "a test fails by it")]

use leadloop_sync_core::normal::company::{CompanyName, parse};
use serde_json::{Value as Json, json};
use toml::{Table, Value};

/// What was found, in the words of the cases.
fn found(name: &CompanyName) -> Json {
    let remarks: Vec<&str> = name.remarks.iter().map(|remark| remark.code()).collect();
    json!({
        "key": name.key, "region": name.region.as_ref().map(ToString::to_string), "form": name.legal_form,
        "tier": name.tier, "branch": name.branch, "alias": name.alias, "remarks": remarks,
    })
}

/// What is wrong with this case, in words.
fn complaint(case: &Table) -> Option<String> {
    let word = |key: &str| case.get(key).and_then(Value::as_str);
    let text = word("text").expect("every case has a text");
    let name = match (parse(text), word("problem")) {
        (Err(problem), Some(expected)) if problem.code() == expected => return None,
        (Err(problem), expected) => {
            return Some(format!("{text:?}: {} instead of {expected:?}", problem.code()));
        }
        (Ok(name), Some(expected)) => return Some(format!("{text:?}: {} instead of {expected}", name.key)),
        (Ok(name), None) => name,
    };
    let remarks: Vec<&str> = case
        .get("remarks")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let expected = json!({
        "key": word("key"), "region": word("region"), "form": word("form"), "tier": word("tier").unwrap_or("plain"),
        "branch": word("branch"), "alias": word("alias"), "remarks": remarks,
    });
    let brand = word("brand").is_none_or(|brand| name.brand.as_deref() == Some(brand));
    let found = found(&name);
    (found != expected || !brand).then(|| format!("{text:?}: {found} brand {:?}", name.brand))
}

#[test]
fn every_company_case_holds() {
    let file: Table = include_str!("cases/company.toml").parse().expect("the file is TOML");
    let cases = file["case"].as_array().expect("a list of cases");
    assert!(cases.len() > 45, "only {} cases were read", cases.len());
    let wrong: Vec<String> =
        cases.iter().filter_map(|case| complaint(case.as_table().expect("a table"))).collect();
    assert!(wrong.is_empty(), "{} of {} cases:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}
