//! Forms of the company's own web pages: HTML posts, multipart, JSON from scripts and beacons, one lead or several, and
//! table files.
//!
//! A form in a page can keep no secret: origin, bounds and a honeypot guard it here, rates are guarded by the shell. A post
//! that looks like a robot's is answered like any other and set aside with its reason. `body` takes a post apart,
//! `lead` makes a record of each part, `reply` answers the browser or the script.

mod body;
mod lead;
mod reply;

use leadloop_connector_api::canary::{Canary, put};
use leadloop_connector_api::http::{Answer, Method};
use leadloop_connector_api::manifest::Manifest;
use leadloop_connector_api::settings::{Problem, ProblemKind, Settings};
use leadloop_connector_api::{Connector, Link, Push, Received, Refusal, Registered, manifest};

use crate::reading::pages;
use crate::table_file::{self, Bounds, Options};

/// The connector of web forms.
struct WebForm;

inventory::submit! { Registered(&WebForm) }

impl Connector for WebForm {
    fn manifest(&self) -> &'static Manifest {
        manifest!("manifest.toml")
    }

    fn check_settings(&self, settings: &Settings) -> Vec<Problem> {
        let mut problems: Vec<Problem> = crate::reading::check_zone(settings).into_iter().collect();
        problems.extend(pages::check_origins(settings, &["allowed_origins", "redirects"]));
        for (key, value) in &settings.values {
            let Some(purpose) = key.strip_prefix("consent.") else {
                continue;
            };
            let mut problem = None;
            if !pages::PURPOSES.contains(&purpose) {
                problem =
                    Some(format!("consent is given for {}, not for {purpose:?}", pages::PURPOSES.join(", ")));
            } else if value.as_text().is_none_or(|field| field.trim().is_empty()) {
                problem = Some("name the field of the checkbox".to_owned());
            }
            if let Some(detail) = problem {
                let mut problem = Problem::new("consent", ProblemKind::NotAllowed, detail);
                problem.path.push(purpose.to_owned());
                problems.push(problem);
            }
        }
        problems
    }

    fn receive(&self, link: &Link, push: &Push) -> Result<Received, Refusal> {
        if push.method != Method::Post {
            let mut answer = Answer::with_body(405, "text/plain; charset=utf-8", "Send the form by POST.\n");
            answer.headers.push(("allow".to_owned(), "POST, OPTIONS".to_owned()));
            return Err(Refusal::Handshake(Box::new(answer)));
        }
        pages::check_origin(link, push)?;
        let body = body::read(push, link.is_on("file_upload"))?;
        let shared = lead::Shared::of(link, push, &body.common);
        let wishes = shared.wishes(&body.leads);
        let mut received = Received::default();
        let count = body.leads.len();
        for (at, element) in body.leads.into_iter().enumerate() {
            match lead::finish(&shared, element, u32::try_from(at).unwrap_or(u32::MAX), count) {
                Ok(lead) => received.leads.push(lead),
                Err(record) => received.unreadable.push(*record),
            }
        }
        for file in &body.tables {
            read_table(link, &shared, file, &mut received)?;
        }
        received.answer =
            Some(reply::thanks(link, push, &wishes, received.leads.len() + received.unreadable.len()));
        received.report = !reply::wants_html(push);
        Ok(received)
    }

    fn canary(&self, link: &Link, canary: &Canary) -> Option<Push> {
        let mut body = canary.json();
        put(&mut body, "_submission_id", canary.id.clone().into());
        for (_, field) in link.table("consent") {
            put(&mut body, field.as_text().unwrap_or_default(), true.into());
        }
        let mut push = canary.post("", &body);
        pages::come_from(link, &mut push);
        Some(push)
    }
}

/// The rows of an uploaded table, each with the other fields of its form.
fn read_table(
    link: &Link,
    shared: &lead::Shared<'_>,
    file: &[u8],
    received: &mut Received,
) -> Result<(), Refusal> {
    let before = received.leads.iter().map(|lead| lead.position);
    let before = before.chain(received.unreadable.iter().map(|record| record.position)).max().unwrap_or(0);
    let table = table_file::open(file, Options::of(link, Bounds::UPLOADED))
        .map_err(|refused| crate::reading::unreadable(refused.code, refused.detail))?;
    for row in table {
        match row {
            Ok(row) => received.leads.push(shared.complete_row(row, before)),
            Err(mut record) => {
                record.raw = shared.complete_row(record.raw, before);
                record.position = record.raw.position;
                received.unreadable.push(*record);
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
