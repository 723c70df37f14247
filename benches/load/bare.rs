//! A bare client of the sandbox: one connection, one request at a time, no decision. What it gets through is what the
//! sandbox can deliver, and so the limit of whoever speaks to it.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::load;

/// Records of a page, as the connector asks for.
const PAGE: usize = 500;
/// Records of a batch, as the connector sends.
const BATCH: usize = 200;
/// Records of a call that fills the sandbox.
const SEED: usize = 20_000;

/// Its connection.
pub struct Bare {
    to: SocketAddr,
    stream: TcpStream,
    bearer: String,
    used: Instant,
}

/// A connection at rest for longer may be closed by the sandbox.
const REST: Duration = Duration::from_secs(5);

/// The record of somebody who stood in the CRM before.
fn there(number: usize) -> Value {
    json!({
        "name": format!("老客户{number:08}"), "phone": format!("138{number:08}"),
        "email": format!("old{number:08}@firm{}.example", number % 500),
        "company": format!("示例{:06}有限公司", number / 3), "title": "采购经理",
    })
}

fn connected(to: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(to).expect("the sandbox listens");
    stream.set_nodelay(true).expect("an open socket takes options");
    stream
}

impl Bare {
    /// Connects and fetches a token.
    pub fn new(to: SocketAddr) -> Self {
        let mut bare = Self { to, stream: connected(to), bearer: String::new(), used: Instant::now() };
        let form = b"grant_type=client_credentials&client_id=sandbox&client_secret=sandbox-secret";
        let token = bare.ask("POST", "/oauth/token", "application/x-www-form-urlencoded", form);
        let token: Value = serde_json::from_slice(&token).unwrap_or_default();
        bare.bearer = format!("Bearer {}", token["access_token"].as_str().expect("a token is text"));
        bare
    }

    fn ask(&mut self, method: &str, path: &str, kind: &str, body: &[u8]) -> Vec<u8> {
        if self.used.elapsed() > REST {
            self.stream = connected(self.to);
        }
        self.used = Instant::now();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\nauthorization: {}\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n",
            self.to,
            self.bearer,
            body.len()
        );
        self.stream.write_all(&[head.as_bytes(), body].concat()).expect("the sandbox reads");
        let (mut answer, mut part) = (Vec::with_capacity(1 << 16), vec![0_u8; 1 << 16]);
        loop {
            if let Some(status) = load::whole(&answer) {
                assert!((200..300).contains(&status), "{path}: {}", String::from_utf8_lossy(&answer));
                let start =
                    answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap_or_default() + 4;
                return answer.split_off(start);
            }
            let read = self.stream.read(&mut part).expect("the sandbox answers");
            assert!(read > 0, "the sandbox closed the connection");
            answer.extend_from_slice(part.get(..read).unwrap_or_default());
        }
    }

    fn json(&mut self, method: &str, path: &str, body: &Value) -> Value {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let answer = self.ask(method, path, "application/json", body.as_bytes());
        serde_json::from_slice(&answer).expect("the sandbox answers with JSON")
    }

    /// Fills the sandbox with leads.
    pub fn seed(&mut self, leads: usize) {
        for from in (0..leads).step_by(SEED) {
            let some: Vec<Value> = (from..leads.min(from + SEED)).map(there).collect();
            self.json("POST", "/admin/seed", &json!({ "leads": some }));
        }
    }

    /// Fetches all leads, page by page, and looks at nothing but where the next page is: records a second.
    pub fn read_all(&mut self, leads: usize) -> f64 {
        let begun = Instant::now();
        let (mut path, mut pages) = (format!("/api/v1/leads?modified_since=0&limit={PAGE}"), 0);
        loop {
            let page = self.ask("GET", &path, "application/json", b"");
            pages += 1;
            let end = String::from_utf8_lossy(page.get(page.len().saturating_sub(200)..).unwrap_or_default())
                .into_owned();
            let cursor = end.split_once(r#""next_cursor":""#).and_then(|(_, rest)| rest.split_once('"'));
            let Some((cursor, _)) = cursor else { break };
            path = format!("/api/v1/leads?cursor={cursor}&limit={PAGE}");
        }
        assert_eq!(pages, leads.div_ceil(PAGE), "every page was fetched");
        leads as f64 / begun.elapsed().as_secs_f64()
    }

    /// Makes leads, batch by batch: records a second.
    pub fn create_all(&mut self, leads: usize) -> f64 {
        let record = |number: usize| {
            let mut record = there(number);
            record["leadloop_id"] = format!("L-{number:032x}").into();
            record
        };
        let bodies: Vec<String> = (0..leads)
            .step_by(BATCH)
            .map(|from| (from..leads.min(from + BATCH)).map(record).collect::<Vec<Value>>())
            .map(|records| json!({ "operation": "create", "records": records }).to_string())
            .collect();
        let begun = Instant::now();
        for body in bodies {
            self.ask("POST", "/api/v1/leads/batch", "application/json", body.as_bytes());
        }
        leads as f64 / begun.elapsed().as_secs_f64()
    }

    /// Leads in the CRM, and pages of leads that were asked for.
    pub fn counts(&mut self) -> (usize, usize) {
        let stats = self.json("GET", "/admin/stats", &Value::Null);
        let number = |value: &Value| usize::try_from(value.as_u64().unwrap_or(0)).unwrap_or(usize::MAX);
        let pages: usize = stats["by_route"]
            .as_object()
            .into_iter()
            .flatten()
            .filter(|(route, _)| route.starts_with("GET /api/v1/") && route.ends_with("leads"))
            .map(|(_, count)| number(count))
            .sum();
        (number(&stats["records"]["leads"]), pages)
    }

    /// When each lead of the form was made, by its number, in microseconds since 1970.
    pub fn made(&mut self, since: i64) -> Vec<(usize, i64)> {
        let mut made = Vec::new();
        let mut path = format!("/api/v1/leads?modified_since={since}&limit={PAGE}");
        loop {
            let page = self.json("GET", &path, &Value::Null);
            for lead in page["records"].as_array().into_iter().flatten() {
                let phone = lead["phone"].as_str().unwrap_or_default().trim_start_matches("+86");
                let number = phone.strip_prefix("139").and_then(|number| number.parse().ok());
                if let (Some(number), Some(at)) = (number, lead["created_at"].as_i64()) {
                    made.push((number, at));
                }
            }
            match page["next_cursor"].as_str() {
                Some(cursor) => path = format!("/api/v1/leads?cursor={cursor}&limit={PAGE}"),
                None => return made,
            }
        }
    }
}

/// Waits until it holds.
pub fn until(what: &str, every: Duration, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(3_600), "{what} never came");
        std::thread::sleep(every);
    }
}
