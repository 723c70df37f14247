//! A login whose wire breaks is tried again before anything waits for it; one that is refused is not.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use leadloop_connector_api::manifest::Auth;
use leadloop_connector_api::{Answer, Link, Request};
use leadloop_server::auth::{AuthError, Login};
use leadloop_server::clock::SystemClock;
use leadloop_server::wire::{BoxFuture, Wire, WireError};
use leadloop_sync_core::ids::LinkName;

/// A wire that breaks so often before it answers.
struct Breaks {
    times: usize,
    asked: AtomicUsize,
    status: u16,
}

impl Wire for Breaks {
    fn send<'a>(&'a self, _: &'a Request, _: Duration) -> BoxFuture<'a, Result<Answer, WireError>> {
        Box::pin(async move {
            if self.asked.fetch_add(1, Ordering::SeqCst) < self.times {
                return Err(WireError { sent: false, detail: "connection refused".to_owned() });
            }
            Ok(Answer::with_body(self.status, "application/json", r#"{"access_token":"t","expires_in":60}"#))
        })
    }
}

async fn log_in(wire: &Breaks) -> Result<(), AuthError> {
    let auth = Auth::Token {
        basic: false,
        url: "/token".to_owned(),
        body: BTreeMap::new(),
        json: true,
        template: None,
        pair: None,
        value: "access_token".to_owned(),
        expires: Some("expires_in".to_owned()),
        get: false,
        header: Some("authorization".to_owned()),
        form: Some("Bearer {token}".to_owned()),
        query: None,
    };
    let login = Login::new(Some(auth), vec![], "http://crm.example".to_owned());
    let link = Link {
        name: LinkName::from("crm"),
        settings: BTreeMap::new(),
        secrets: BTreeMap::new(),
        wants: leadloop_connector_api::Wants::default(),
        told: None,
    };
    let mut request = Request::get("/leads");
    login.inject(&mut request, &link, wire, &SystemClock).await?;
    assert_eq!(request.headers, [("authorization".to_owned(), "Bearer t".to_owned())]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_broken_wire_is_tried_again() {
    let wire = Breaks { times: 3, asked: AtomicUsize::new(0), status: 200 };
    assert_eq!(log_in(&wire).await, Ok(()));
    assert_eq!(wire.asked.load(Ordering::SeqCst), 4);
}

#[tokio::test(start_paused = true)]
async fn a_wire_that_stays_broken_is_given_up() {
    let wire = Breaks { times: 100, asked: AtomicUsize::new(0), status: 200 };
    assert!(matches!(log_in(&wire).await, Err(AuthError::Failed(_))));
    assert_eq!(wire.asked.load(Ordering::SeqCst), 4);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_final() {
    let wire = Breaks { times: 0, asked: AtomicUsize::new(0), status: 400 };
    assert!(matches!(log_in(&wire).await, Err(AuthError::Refused { status: 400, .. })));
    assert_eq!(wire.asked.load(Ordering::SeqCst), 1);
}
