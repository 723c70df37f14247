//! Qichacha 企查查: one company looked up by its name or credit code. Each hit is paid for, so one look-up is one request, and
//! only a company that is surely the one asked for is an answer: the same name, a former name, or the same code.

use leadloop_connector_api::answers::{Answers, odd, text_of};
use leadloop_connector_api::exchange::{Exchange, single};
use leadloop_connector_api::http::Request;
use leadloop_connector_api::manifest::Manifest;
use leadloop_connector_api::settings::{Problem, ProblemKind, Settings};
use leadloop_connector_api::{Connector, Link, Refusal, Registered, manifest};
use leadloop_mapping::{Record, Value};
use leadloop_sync_core::companies;
use leadloop_sync_core::mirror::RemoteRecord;
use leadloop_sync_core::moment::Moment;
use leadloop_sync_core::normal::credit_code;
use leadloop_sync_core::outbox::{FindBy, Operation, Outcome, Reply};
use md5::{Digest, Md5};
use secrecy::ExposeSecret;
use serde_json::Value as Json;

/// The connector.
struct Qichacha;

inventory::submit! { Registered(&Qichacha) }

/// Products that may be bought.
const PRODUCTS: [&str; 2] = ["verify", "basic"];

fn description() -> &'static Manifest {
    manifest!("manifest.toml")
}

impl Connector for Qichacha {
    fn manifest(&self) -> &'static Manifest {
        description()
    }

    fn check_settings(&self, settings: &Settings) -> Vec<Problem> {
        let given = settings.text("product");
        let wrong = given.filter(|product| !PRODUCTS.contains(product));
        let said = wrong.map(|product| {
            Problem::new("product", ProblemKind::NotAllowed, format!("there is no product `{product}`"))
                .zh(format!("没有接口 `{product}`"))
                .with_help("write verify or basic")
                .zh_help("请写 verify 或 basic")
        });
        said.into_iter().collect()
    }

    fn exchange(
        &self,
        link: &Link,
        operations: &[Operation],
        moment: &mut Moment,
    ) -> Result<Box<dyn Exchange>, Refusal> {
        let Some(Operation::Find { object, by: FindBy::Keys(keys) }) = operations.first() else {
            return Err(Refusal::NotSpoken(operations.first().map_or("nothing", Operation::kind)));
        };
        let Some((kind, asked)) = keys.first().cloned() else { return Err(Refusal::NotSpoken("find")) };
        let basic = link.text("product") == Some("basic");
        let answers = Answers::of(description(), link, moment.now);
        let request = request(link, &asked, basic, moment.now.0.div_euclid(1_000_000));
        let object = object.clone();
        Ok(single(request, move |answer| {
            vec![match answers.json(&object, answer) {
                Ok(json) => company(&json, (&object, &kind, &asked), basic),
                Err(outcome) => outcome,
            }]
        }))
    }
}

fn request(link: &Link, asked: &str, basic: bool, time: i64) -> Request {
    let secret =
        |name: &str| link.secret(name).map(|secret| secret.expose_secret().to_owned()).unwrap_or_default();
    let (path, word) = if basic {
        ("/ECIV4/GetBasicDetailsByName", "keyword")
    } else {
        ("/EnterpriseInfo/Verify", "searchKey")
    };
    let key = secret("key");
    let token = token(&key, &time.to_string(), &secret("secret"));
    let mut request = Request::get(path).with_query("key", key).with_query(word, asked);
    request.headers.push(("timespan".to_owned(), time.to_string()));
    request.headers.push(("token".to_owned(), token));
    request
}

/// Upper-case hexadecimal MD5 over key, time and secret.
fn token(key: &str, time: &str, secret: &str) -> String {
    let mut hash = Md5::new();
    for part in [key, time, secret] {
        hash.update(part.as_bytes());
    }
    hash.finalize().iter().map(|byte| format!("{byte:02X}")).collect()
}

/// What an answer says of the company.
fn company(json: &Json, (object, kind, asked): (&str, &str, &str), basic: bool) -> Outcome {
    let nothing = Outcome::Done(Reply::Found(Vec::new()));
    match json.get("Status").and_then(text_of).as_deref() {
        Some("201") => return nothing,
        Some("200") => {}
        _ => return odd("the answer has no status"),
    }
    let Some(result) = json.get("Result") else { return odd("the answer has no result") };
    let found = if basic {
        result
    } else {
        match result.get("VerifyResult").and_then(text_of).as_deref() {
            Some("0") => return nothing,
            Some("1") => result.get("Data").unwrap_or(&Json::Null),
            _ => return odd("the result says neither yes nor no"),
        }
    };
    let Some(id) = text_at(found, "KeyNo") else { return odd("the company has no KeyNo") };
    if !is_asked(found, kind, asked) {
        return nothing;
    }
    let fields = fields(found);
    Outcome::Done(Reply::Found(vec![RemoteRecord {
        object: object.to_owned(),
        id,
        fields,
        modified_at: None,
        deleted: false,
    }]))
}

/// Whether it is surely the one asked for.
fn is_asked(found: &Json, kind: &str, asked: &str) -> bool {
    if kind == "credit_code" {
        return text_at(found, "CreditCode").is_some_and(|code| code.eq_ignore_ascii_case(asked.trim()));
    }
    let Some(wanted) = companies::key(asked) else { return false };
    let former = found.get("OriginalName").and_then(Json::as_array).into_iter().flatten();
    let former = former.filter_map(|name| text_of(name).or_else(|| text_at(name, "Name")));
    text_at(found, "Name")
        .into_iter()
        .chain(former)
        .any(|name| companies::key(&name).as_ref() == Some(&wanted))
}

fn fields(found: &Json) -> Record {
    let mut fields = Record::new();
    let mut set = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            fields.set(name, Value::text(value));
        }
    };
    let area = |part: &str| found.get("Area").and_then(|area| text_at(area, part));
    set("name", text_at(found, "Name"));
    set("credit_code", text_at(found, "CreditCode"));
    let province = area("Province").or_else(|| text_at(found, "Province"));
    // Some answers have a letter code in its place: then the credit code says it.
    let coded = || credit_code::parse(&text_at(found, "CreditCode")?).ok()?.province();
    set("province", province.as_deref().and_then(short_of).or_else(coded).map(str::to_owned));
    set("city", area("City"));
    set("address", text_at(found, "Address"));
    set("size", text_at(found, "Scale"));
    let industry = found.get("Industry");
    let named = industry.and_then(|industry| text_at(industry, "Industry"));
    set("industry", named.or_else(|| industry.and_then(text_of).filter(|text| !text.is_empty())));
    let sites =
        found.get("ContactInfo").and_then(|contact| contact.get("WebSiteList")).and_then(Json::as_array);
    set(
        "website",
        sites.and_then(|sites| sites.first()).and_then(|site| text_of(site).or_else(|| text_at(site, "Url"))),
    );
    if let Some(insured) = text_at(found, "InsuredCount").and_then(|count| count.parse::<i64>().ok()) {
        fields.set("employees", Value::Int(insured));
    }
    fields
}

/// A province by its short name, as people and routes write it; nothing for a letter code.
fn short_of(province: &str) -> Option<&str> {
    let ends = ["壮族自治区", "回族自治区", "维吾尔自治区", "自治区", "特别行政区", "省", "市"];
    let short = ends.iter().find_map(|end| province.strip_suffix(end)).unwrap_or(province);
    (!short.is_empty() && !short.is_ascii()).then_some(short)
}

/// A text that is not blank.
fn text_at(json: &Json, name: &str) -> Option<String> {
    json.get(name).and_then(text_of).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_is_the_one_of_the_interface() {
        assert_eq!(token("demo_key", "1730000000", "demo_secret"), "8F8F4338C36F7624941B25905DD9424D");
    }

    #[test]
    fn a_province_has_its_short_name() {
        for (said, short) in [
            ("福建省", Some("福建")),
            ("上海市", Some("上海")),
            ("广西壮族自治区", Some("广西")),
            ("福建", Some("福建")),
            ("FJ", None),
        ] {
            assert_eq!(short_of(said), short, "{said}");
        }
    }

    #[test]
    fn only_the_company_that_was_asked_for_is_an_answer() {
        let found = serde_json::json!({
            "KeyNo": "k", "Name": "示例机器人有限公司", "OriginalName": [{"Name": "示例自动化有限公司"}],
            "CreditCode": "91350100M000100Y43",
        });
        assert!(is_asked(&found, "name", "示例机器人有限公司"));
        assert!(is_asked(&found, "name", "示例自动化有限公司"), "a former name");
        assert!(is_asked(&found, "credit_code", "91350100m000100y43"));
        assert!(!is_asked(&found, "name", "示例机器人科技有限公司"));
        assert!(!is_asked(&found, "credit_code", "91110000802100433B"));
    }
}
