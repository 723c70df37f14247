//! What the tests of listening connectors share: links from settings, pushes from recorded traffic.

use std::collections::BTreeMap;

use leadloop_connector_api::http::Method;
use leadloop_connector_api::settings::check;
use leadloop_connector_api::signature::from_base64;
use leadloop_connector_api::{Connector, Link, Push};
use leadloop_sync_core::time::Timestamp;
use secrecy::SecretString;
use serde_json::Value as Json;

/// 2026-11-22T06:00:00Z: shortly after the traffic was recorded.
pub(crate) const RECORDED: Timestamp = Timestamp(1_795_327_200_000_000);

/// A link with these settings (TOML) and secrets.
pub(crate) fn link(connector: &dyn Connector, settings: &str, secrets: &[(&str, &str)]) -> Link {
    let mut given: toml::Table = settings.parse().unwrap();
    for (name, _) in secrets {
        given.insert((*name).to_owned(), toml::Value::Table("env = \"X\"".parse().unwrap()));
    }
    let (settings, problems) = check(connector, &given);
    assert_eq!(problems, [], "{given}");
    let secrets =
        secrets.iter().map(|(name, value)| ((*name).to_owned(), SecretString::from((*value).to_owned())));
    settings.into_link("web".into(), BTreeMap::from_iter(secrets))
}

/// A push of that method and target (`path?query`).
pub(crate) fn push(method: Method, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Push {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    Push {
        method,
        path: path.trim_start_matches('/').to_owned(),
        query: query.to_owned(),
        headers: headers.iter().map(|(n, v)| (n.to_ascii_lowercase(), (*v).to_owned())).collect(),
        body: body.to_vec(),
        at: RECORDED,
        peer: Some("203.0.113.7".to_owned()),
    }
}

/// Recorded requests as pushes, each with what it says once unpacked.
pub(crate) fn recorded(text: &str) -> Vec<(Push, Json)> {
    let file: Json = serde_json::from_str(text).unwrap();
    let requests = file["requests"].as_array().unwrap();
    assert!(!requests.is_empty());
    let one = |request: &Json| {
        let headers: Vec<(&str, &str)> = request["headers"]
            .as_array()
            .unwrap()
            .iter()
            .map(|pair| (pair[0].as_str().unwrap(), pair[1].as_str().unwrap()))
            .collect();
        let method = if request["method"] == "GET" { Method::Get } else { Method::Post };
        let body = from_base64(request["body_base64"].as_str().unwrap()).unwrap();
        (push(method, request["path"].as_str().unwrap(), &headers, &body), request["decoded"].clone())
    };
    requests.iter().map(one).collect()
}
