use leadloop_connector_api::http::{Answer, Method};
use leadloop_connector_api::{Connector, Link, Refusal};

use super::SignInPage;
use crate::reading::testing::{link, push};

fn booth() -> Link {
    let settings = "event = \"fair-2026\"\ntitle = \"<展会> {{FIELDS}}\"\nconsent_text = \"同意\"\n\
                    salespeople = { \"li.na\" = \"测试李\", \"zhao.min\" = \"测试赵\" }\n\
                    address = \"https://leads.shili.example/in/booth/\"";
    link(&SignInPage, settings, &[])
}

fn shown(target: &str, language: &str) -> (Answer, String) {
    let get = push(Method::Get, target, &[("Accept-Language", language), ("Host", "evil.example")], b"");
    let Err(Refusal::Handshake(answer)) = SignInPage.receive(&booth(), &get) else { panic!("{target}") };
    let text = String::from_utf8(answer.body.clone()).unwrap();
    (*answer, text)
}

#[test]
fn the_page_speaks_both_languages_and_fills_only_its_own_places() {
    let (answer, page) = shown("", "en-GB,en");
    assert_eq!(answer.status, 200);
    assert!(page.contains("lang=\"en\"") && page.contains(">Sign in<") && page.contains("Mobile"));
    assert!(page.contains("&lt;展会&gt; {{FIELDS}}"), "what the admin wrote is text");
    let (_, page) = shown("?lang=zh&by=li.na", "en");
    assert!(page.contains("lang=\"zh-CN\"") && page.contains("手机号") && !page.contains("测试李"));
    let policy = answer.headers.iter().find(|(name, _)| name == "content-security-policy").unwrap();
    assert!(policy.1.contains("default-src 'none'") && !page.contains("https://"), "{}", policy.1);
}

#[test]
fn everybody_has_a_code_and_nobody_else() {
    let (_, sheet) = shown("codes", "zh");
    assert_eq!(sheet.matches("<svg").count(), 3);
    for part in [
        "测试李",
        "https://leads.shili.example/in/booth?by=li.na",
        "https://leads.shili.example/in/booth?tablet",
    ] {
        assert!(sheet.contains(part), "{part}");
    }
    let codes = ["qr.svg", "qr.svg?by=li.na", "qr.svg?by=zhao.min", "qr.svg?by=mallory"]
        .map(|path| shown(path, "zh").1);
    assert!(codes[0] != codes[1] && codes[1] != codes[2]);
    assert_eq!(codes[0], codes[3], "who is not in the list has no poster");
    assert_eq!(
        shown("worker.js", "zh")
            .0
            .headers
            .iter()
            .find(|(name, _)| name == "service-worker-allowed")
            .unwrap()
            .1,
        "/in/web"
    );
}

#[test]
fn a_page_that_reaches_nobody_or_asks_what_it_cannot_is_refused() {
    let problems = |fields: &str| {
        let table = format!("event = \"e\"\nfields = {fields}").parse().unwrap();
        leadloop_connector_api::settings::check(&SignInPage, &table).1.len()
    };
    assert_eq!(problems("[\"name!\", \"email\"]"), 0);
    assert_eq!(problems("[\"name\", \"company\"]"), 1);
    assert_eq!(problems("[\"phone\", \"password\"]"), 1);
}
