//! What was answered: counts for `GET /admin/stats` and the last requests.

use crate::clock::Clock;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};

/// Requests kept for `GET /admin/requests`.
const LOG: usize = 1_000;
/// Routes counted by name; the rest is `other`.
const ROUTES: usize = 200;

/// Everything counted since the start or the last reset.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    requests: u64,
    aborted: u64,
    by_status: BTreeMap<u16, u64>,
    by_route: BTreeMap<String, u64>,
    by_code: BTreeMap<&'static str, u64>,
    faults: BTreeMap<&'static str, u64>,
    windows: BTreeMap<&'static str, u64>,
    this_second: (i64, u64),
    peak_per_second: u64,
    peak_concurrent: u32,
    pub(crate) tokens_given: u64,
    log: VecDeque<Logged>,
}

/// One request that is over.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Logged {
    pub(crate) at: i64,
    pub(crate) method: String,
    pub(crate) path: String,
    /// Missing: the connection was cut without an answer.
    pub(crate) status: Option<u16>,
    pub(crate) code: Option<&'static str>,
    pub(crate) fault: Option<&'static str>,
    pub(crate) millis: f64,
}

impl Counts {
    /// A request has arrived.
    pub(crate) fn arrive(&mut self, now: i64, in_flight: u32) {
        self.requests += 1;
        let second = now.div_euclid(1_000_000);
        if self.this_second.0 != second {
            self.this_second = (second, 0);
        }
        self.this_second.1 += 1;
        self.peak_per_second = self.peak_per_second.max(self.this_second.1);
        self.peak_concurrent = self.peak_concurrent.max(in_flight);
    }

    pub(crate) fn window_full(&mut self, window: &'static str) {
        *self.windows.entry(window).or_default() += 1;
    }

    /// A request is over.
    pub(crate) fn finish(&mut self, logged: Logged) {
        match logged.status {
            Some(status) => *self.by_status.entry(status).or_default() += 1,
            None => self.aborted += 1,
        }
        if let Some(code) = logged.code {
            *self.by_code.entry(code).or_default() += 1;
        }
        if let Some(fault) = logged.fault {
            *self.faults.entry(fault).or_default() += 1;
        }
        let route = route_of(&logged.method, &logged.path);
        match self.by_route.get_mut(&route) {
            Some(count) => *count += 1,
            None => {
                let name = if self.by_route.len() < ROUTES { route } else { "other".to_owned() };
                *self.by_route.entry(name).or_default() += 1;
            }
        }
        if self.log.len() == LOG {
            self.log.pop_front();
        }
        self.log.push_back(logged);
    }

    /// The newest requests first.
    pub(crate) fn last(&self, limit: usize) -> Vec<Logged> {
        self.log.iter().rev().take(limit).cloned().collect()
    }

    pub(crate) fn json(&self) -> Value {
        let mut windows = json!({"second": 0, "minute": 0, "concurrent": 0, "day": 0});
        for (name, count) in &self.windows {
            windows[*name] = json!(count);
        }
        json!({
            "requests": self.requests, "without_answer": self.aborted,
            "by_status": self.by_status, "by_route": self.by_route, "by_code": self.by_code, "faults": self.faults,
            "peak_per_second": self.peak_per_second, "peak_concurrent": self.peak_concurrent,
            "window_refusals": windows, "tokens_given": self.tokens_given,
        })
    }
}

/// `GET /api/v1/leads/{id}`: ids and marks do not make new routes.
fn route_of(method: &str, path: &str) -> String {
    let mut route = String::with_capacity(method.len() + path.len() + 4);
    route.push_str(method);
    route.push(' ');
    let mut before = "";
    for (depth, part) in path.split('/').enumerate() {
        if depth > 0 {
            route.push('/');
        }
        let id = part.len() > 4
            && part.starts_with(|c: char| c.is_ascii_uppercase())
            && part.bytes().skip(1).all(|byte| byte.is_ascii_digit());
        let keyed = matches!(before, "by-mark" | "segments")
            || (before == "contacts"
                && path.starts_with("/ma/")
                && !matches!(part, "batch" | "search" | "count"));
        route.push_str(if id || keyed { "{id}" } else { part });
        before = part;
    }
    route
}

impl Logged {
    /// A request that began at `began` (microseconds) and is over now.
    pub(crate) fn now(clock: Clock, began: i64, method: &str, path: &str) -> Self {
        let micros = clock.now().saturating_sub(began).clamp(0, i64::from(u32::MAX));
        Self {
            at: began,
            method: method.to_owned(),
            path: path.chars().take(200).collect(),
            status: None,
            code: None,
            fault: None,
            millis: micros as f64 / 1_000.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::route_of;

    #[test]
    fn ids_and_marks_do_not_make_routes() {
        for (path, route) in [
            ("/api/v1/leads/L1001", "/api/v1/leads/{id}"),
            ("/api/v1/leads/search", "/api/v1/leads/search"),
            ("/api/v1/leads/by-mark/h-1", "/api/v1/leads/by-mark/{id}"),
            ("/api/v1/leads/L1001/convert", "/api/v1/leads/{id}/convert"),
            ("/ma/api/v1/contacts/m-1", "/ma/api/v1/contacts/{id}"),
            ("/ma/api/v1/contacts/batch", "/ma/api/v1/contacts/batch"),
            ("/api/v1/contacts", "/api/v1/contacts"),
        ] {
            assert_eq!(route_of("GET", path), format!("GET {route}"));
        }
    }
}
