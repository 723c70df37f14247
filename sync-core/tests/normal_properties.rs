//! Normalisers take any text: no panic, bounded output, and reading their own output again changes nothing.

#![expect(clippy::expect_used, reason = "a test fails by it")]

use leadloop_sync_core::normal::matching::{Strength, lookup_keys, match_names, similar_keys};
use leadloop_sync_core::normal::{company, credit_code, domain, email, identifier, mask, person, phone};
use proptest::prelude::*;

/// Texts with many digits, joins and markers, so that the deep paths are reached.
fn phone_like() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        "[0-9]{1,12}",
        "[0-9０-９]{6,14}",
        "[一二三四五六七八九〇零]{1,12}",
        Just("+86".to_owned()),
        Just("0086".to_owned()),
        "[-—–()（） ./#*,，;、@:]{1,3}",
        "(转|分机|ext\\.|x|传真|QQ|Tel)",
        "\\PC{0,3}",
    ];
    prop::collection::vec(part, 0..12).prop_map(|parts| parts.concat())
}

fn phone_holds(text: &str, country: &str) -> Result<(), TestCaseError> {
    let country = country.parse().expect("a country");
    let Ok(found) = phone::parse(text, country) else { return Ok(()) };
    prop_assert!(found.others.len() <= 16);
    for number in std::iter::once(&found).chain(&found.others) {
        let digits = number.e164.strip_prefix('+').expect("a plus in front");
        prop_assert!(
            (6..=17).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()),
            "{digits}"
        );
        prop_assert!(number.extension.as_deref().is_none_or(|ext| (1..=7).contains(&ext.len())));
        let again = phone::parse(&number.e164, country).expect("its own spelling is valid");
        prop_assert_eq!(&again.e164, &number.e164);
        prop_assert_eq!(again.kind, number.kind);
        prop_assert!(!mask::phone(&number.e164).contains(digits));
    }
    Ok(())
}

/// Names from the words companies use, in any order, so that all the stripping is reached.
fn company_like() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        "(上海|广东省|深圳市|南山区|北京|中国|浙江|杭州|朝阳|香港|台灣)",
        "(例图|样峰|拟海|機器|一|第二|三十|ABX|360)",
        "(科技|信息技术|机械|机器人|银行|大学|集团|控股|股份|实业)",
        "(有限公司|股份有限公司|有限责任公司|公司|厂|株式会社|㈱|合伙企业|有限)",
        "(分公司|办事处|支行|二厂|销售部|张经理|工会)",
        "[()（）【】 ·.,&-]{1,2}",
        "(Samplex|Müster|The|Shanghai|China|Hong Kong|Group|Holdings|Tech|Co\\.|, Ltd\\.|GmbH|& Co\\. KG|S\\.A\\.|Branch Office) ?",
        "\\PC{0,2}",
    ];
    prop::collection::vec(part, 0..8).prop_map(|parts| parts.concat())
}

fn company_holds(text: &str) -> Result<(), TestCaseError> {
    let Ok(name) = company::parse(text) else { return Ok(()) };
    prop_assert!(!name.key.is_empty() && name.key.len() <= 4 * company_bound());
    prop_assert!(!name.key.contains(' '));
    let again = company::parse(&name.display).expect("what is shown is a name");
    prop_assert_eq!(&again.key, &name.key);
    prop_assert_eq!(&again.region, &name.region);
    let found = match_names(&name, &again).expect("a name matches itself");
    prop_assert!(found.score <= 1000);
    prop_assert!(lookup_keys(&name).len() <= 6 && similar_keys(&name).len() <= 24);
    Ok(())
}

/// Folding may lengthen a text (ligatures become words), by no more than this.
fn company_bound() -> usize {
    8 * leadloop_sync_core::normal::MAX_INPUT
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_a_phone_or_a_problem(text in ".*") {
        phone_holds(&text, "CN")?;
    }

    #[test]
    fn digits_and_joins_are_a_phone_or_a_problem(text in phone_like(), country in "(CN|DE|US|HK|ZZ)") {
        phone_holds(&text, &country)?;
    }

    #[test]
    fn any_text_is_an_address_or_a_problem(text in "\\PC*|[a-z.@，。, <>*']{0,30}|.{0,9}@[a-z示例.。 ]{1,20}\\.(cn|example|中国)") {
        if let Ok(found) = email::parse(&text) {
            prop_assert!(found.address.len() <= 254 && found.domain().is_ascii());
            let again = email::parse(&found.address).expect("its own spelling is valid");
            prop_assert_eq!(again.address, found.address);
        }
        if let Some(registered) = domain::of_website(&text) {
            prop_assert_eq!(domain::of_website(&registered), Some(registered.clone()));
        }
    }

    #[test]
    fn any_text_is_an_identifier_or_a_problem(text in "\\PC*|[0-9A-Za-z-]{0,40}") {
        if let Ok(kept) = identifier::parse(&text) {
            prop_assert_eq!(identifier::parse(&kept), Ok(kept.clone()));
        }
        if let Ok(found) = credit_code::parse(&text) {
            prop_assert_eq!(found.code.len(), 18);
        }
    }

    #[test]
    fn any_text_is_a_company_or_a_problem(text in "\\PC*") {
        company_holds(&text)?;
    }

    #[test]
    fn company_words_in_any_order_hold(a in company_like(), b in company_like()) {
        company_holds(&a)?;
        if let (Ok(left), Ok(right)) = (company::parse(&a), company::parse(&b)) {
            let found = match_names(&left, &right);
            prop_assert_eq!(found, match_names(&right, &left));
            if found.is_some_and(|found| found.strength == Strength::Strong) {
                let keys = lookup_keys(&right);
                prop_assert!(lookup_keys(&left).iter().any(|key| keys.contains(key)), "{} | {}", left, right);
            }
        }
    }

    #[test]
    fn any_text_is_a_name_or_a_problem(text in "\\PC*|(Mr|Frau)[ .]{0,2}\\PC{0,9}|\\PC{0,5}[（(]?(先生|女士)[）)]?") {
        if let Ok(name) = person::parse(&text) {
            prop_assert!(!name.display.is_empty() && name.display.chars().count() <= person::MAX_NAME);
            let printed = format!("{name:?}");
            prop_assert!(printed.contains("**"), "{}", printed);
        }
    }

    #[test]
    fn masks_take_any_text(text in "\\PC*") {
        for masked in [mask::phone(&text), mask::email(&text), mask::name(&text), mask::opaque(&text)] {
            prop_assert!(masked.contains("**"));
        }
    }
}

#[test]
fn a_long_field_is_cut_and_says_so() {
    let text = format!("13800000001{}", " 1".repeat(100_000));
    let found = phone::parse(&text, phone::Country::CN).expect("the beginning holds a number");
    assert_eq!(found.e164, "+8613800000001");
    assert_eq!(found.remarks, [leadloop_sync_core::normal::Remark::InputCut]);
    assert!(phone::parse(&"1 ".repeat(1_000_000), phone::Country::CN).is_err());
}
