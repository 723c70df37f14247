//! The sandbox as a stranger sees it: over its API, with a token of its own.

use std::collections::BTreeMap;
use std::time::Duration;

use leadloop_connector_api::{Body, Method, Request};
use leadloop_server::wire::{HttpWire, Wire};
use serde_json::{Map, Value, json};

use super::stage::Stage;
use crate::failure::Failure;

/// How long an answer may take: the MA pushes everything within one.
const ANSWER: Duration = Duration::from_secs(60);

/// A record as the CRM gave it.
pub type Remote = Map<String, Value>;

/// All records of the CRM that matter, by id.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// Leads.
    pub leads: BTreeMap<String, Remote>,
    /// Contacts.
    pub contacts: BTreeMap<String, Remote>,
    /// Opportunities.
    pub opportunities: BTreeMap<String, Remote>,
}

/// A client of the CRM.
pub struct Crm {
    wire: HttpWire,
    url: String,
    token: String,
}

fn failed(what: &str, why: impl std::fmt::Display) -> Failure {
    Failure::outside(format!("the sandbox, {what}: {why}"), format!("沙箱 {what}：{why}"))
}

impl Crm {
    /// Gets a token.
    ///
    /// # Errors
    /// Where the sandbox does not answer.
    pub async fn log_in(url: &str) -> Result<Self, Failure> {
        let wire = HttpWire::new().map_err(|error| failed("HTTP", error))?;
        let mut crm = Self { wire, url: url.to_owned(), token: String::new() };
        let form = [("grant_type", "client_credentials"), ("client_id", "sandbox")];
        let mut form: Vec<(String, String)> =
            form.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        form.push(("client_secret".to_owned(), Stage::secret("sandbox").unwrap_or_default().to_owned()));
        let request =
            Request { body: Body::Form(form), ..Request::json(Method::Post, "/oauth/token", json!(null)) };
        let said = crm.ask(request).await?;
        let token = said.get("access_token").and_then(Value::as_str);
        crm.token = token.ok_or_else(|| failed("/oauth/token", &said))?.to_owned();
        Ok(crm)
    }

    async fn ask(&self, mut request: Request) -> Result<Value, Failure> {
        let path = request.url.clone();
        request.url = format!("{}{path}", self.url);
        if !self.token.is_empty() {
            request.headers.push(("authorization".to_owned(), format!("Bearer {}", self.token)));
        }
        let answer = self.wire.send(&request, ANSWER).await.map_err(|error| failed(&path, error))?;
        let said = answer.json().unwrap_or_default();
        if answer.status >= 300 { Err(failed(&path, format!("{} {said}", answer.status))) } else { Ok(said) }
    }

    /// An admin call.
    ///
    /// # Errors
    /// Where it is refused.
    pub async fn admin(&self, path: &str, body: Value) -> Result<Value, Failure> {
        self.ask(Request::json(Method::Post, path, body)).await
    }

    /// All live records of an object.
    ///
    /// # Errors
    /// Where the sandbox does not answer.
    pub async fn records(&self, object: &str) -> Result<BTreeMap<String, Remote>, Failure> {
        let mut all = BTreeMap::new();
        let mut cursor: Option<String> = None;
        loop {
            let mut request = Request::get(format!("/api/v1/{object}")).with_query("limit", "500");
            if let Some(cursor) = &cursor {
                request = request.with_query("cursor", cursor.as_str());
            }
            let mut page = self.ask(request).await?;
            let records = page.get_mut("records").and_then(Value::as_array_mut).map(std::mem::take);
            for record in records.unwrap_or_default() {
                if let Value::Object(record) = record {
                    let id = record.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
                    if record.get("deleted") == Some(&Value::Bool(true)) {
                        all.remove(&id);
                    } else {
                        all.insert(id, record);
                    }
                }
            }
            cursor = page.get("next_cursor").and_then(Value::as_str).map(str::to_owned);
            if cursor.is_none() {
                return Ok(all);
            }
        }
    }

    /// Everything that is compared.
    ///
    /// # Errors
    /// Where the sandbox does not answer.
    pub async fn snapshot(&self) -> Result<Snapshot, Failure> {
        Ok(Snapshot {
            leads: self.records("leads").await?,
            contacts: self.records("contacts").await?,
            opportunities: self.records("opportunities").await?,
        })
    }
}
