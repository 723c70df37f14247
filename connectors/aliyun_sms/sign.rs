//! The vendor's signature V3: a hash over method, query and headers, signed with the key's secret.

use std::fmt::Write as _;

use aws_lc_rs::digest;
use leadloop_connector_api::Link;
use leadloop_connector_api::http::{Body, Method, Request};
use leadloop_connector_api::signature::{Algorithm, hmac};

use crate::notices;

/// The name of the algorithm.
const ALGORITHM: &str = "ACS3-HMAC-SHA256";

/// What a signature is made of.
struct Parts<'a> {
    host: &'a str,
    action: &'a str,
    version: &'a str,
    date: &'a str,
    nonce: &'a str,
    query: &'a [(String, String)],
}

/// A signed request to send a message with these parameters.
pub(super) fn signed(link: &Link, query: Vec<(String, String)>, date: &str, nonce: &str) -> Request {
    let api = link.text("api").unwrap_or_default();
    let host = api.split("://").nth(1).unwrap_or(api).trim_end_matches('/');
    let parts = Parts { host, action: "SendSms", version: "2017-05-25", date, nonce, query: &query };
    let headers = headers(&parts);
    let authorization =
        authorization(&parts, link.text("key_id").unwrap_or_default(), notices::secret(link, "key_secret"));
    let mut request = Request {
        method: Method::Post,
        url: "/".to_owned(),
        query: vec![],
        headers: headers.into_iter().filter(|(name, _)| name != "host").collect(),
        body: Body::Empty,
        repeatable: false,
    };
    request.headers.push(("authorization".to_owned(), authorization));
    // The query is written as it was signed.
    request.url = format!("/?{}", canonical_query(&query));
    request
}

/// Signed headers in their order.
fn headers(parts: &Parts<'_>) -> Vec<(String, String)> {
    [
        ("host", parts.host.to_owned()),
        ("x-acs-action", parts.action.to_owned()),
        ("x-acs-content-sha256", sha256(b"")),
        ("x-acs-date", parts.date.to_owned()),
        ("x-acs-signature-nonce", parts.nonce.to_owned()),
        ("x-acs-version", parts.version.to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .to_vec()
}

/// The hash of the request as the vendor reads it.
fn request_hash(parts: &Parts<'_>) -> String {
    let headers = headers(parts);
    let lines: String = headers.iter().map(|(name, value)| format!("{name}:{}\n", value.trim())).collect();
    let query = canonical_query(parts.query);
    let canonical = format!("POST\n/\n{query}\n{lines}\n{}\n{}", names(&headers), sha256(b""));
    sha256(canonical.as_bytes())
}

fn names(headers: &[(String, String)]) -> String {
    headers.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(";")
}

fn authorization(parts: &Parts<'_>, id: &str, secret: &str) -> String {
    let to_sign = format!("{ALGORITHM}\n{}", request_hash(parts));
    let signature = hex::encode(hmac(Algorithm::Sha256, secret.as_bytes(), &[to_sign.as_bytes()]));
    format!("{ALGORITHM} Credential={id},SignedHeaders={},Signature={signature}", names(&headers(parts)))
}

fn canonical_query(query: &[(String, String)]) -> String {
    let mut pairs: Vec<(String, String)> =
        query.iter().map(|(name, value)| (encoded(name), encoded(value))).collect();
    pairs.sort();
    pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
}

/// Per cent encoding by RFC 3986.
fn encoded(text: &str) -> String {
    let mut made = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            made.push(char::from(byte));
        } else {
            let _ = write!(made, "%{byte:02X}");
        }
    }
    made
}

fn sha256(bytes: &[u8]) -> String {
    hex::encode(digest::digest(&digest::SHA256, bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn the_vendors_own_example() {
        let query = pairs(&[
            ("ImageId", "win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd"),
            ("RegionId", "cn-shanghai"),
        ]);
        let parts = Parts {
            host: "ecs.cn-shanghai.aliyuncs.com",
            action: "RunInstances",
            version: "2014-05-26",
            date: "2023-10-26T10:22:32Z",
            nonce: "3156853299f313e23d1673dc12e1703d",
            query: &query,
        };
        assert_eq!(request_hash(&parts), "7ea06492da5221eba5297e897ce16e55f964061054b7695beedaac1145b1e259");
        let made = authorization(&parts, "YourAccessKeyId", "YourAccessKeySecret");
        assert!(
            made.ends_with("Signature=06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0"),
            "{made}"
        );
    }

    #[test]
    fn a_message_with_chinese_values() {
        let query = pairs(&[
            ("PhoneNumbers", "13800138000"),
            ("SignName", "示例科技"),
            ("TemplateCode", "SMS_123456789"),
            ("TemplateParam", "{\"name\":\"张三\"}"),
        ]);
        let parts = Parts {
            host: "dysmsapi.aliyuncs.com",
            action: "SendSms",
            version: "2017-05-25",
            date: "2024-10-27T03:33:20Z",
            nonce: "0123456789abcdef0123456789abcdef",
            query: &query,
        };
        assert_eq!(request_hash(&parts), "4aff92f67902fd6f4aab2e575a20d7db1c01201c9545d514246d1b4752abe2a6");
        let made = authorization(&parts, "testId", "testSecret");
        assert!(
            made.ends_with("Signature=c4a9705942b365ec3839bc0adeb88afaaf27ce55d5ab7006ce21a18ac119c559"),
            "{made}"
        );
    }
}
