//! One exchange over a real socket: login, renewal of a refused token, bounds, and what a broken wire means.

use std::collections::BTreeMap;
use std::time::Duration;

use leadloop_connector_api::manifest::{Auth, Limit, Manifest};
use leadloop_connector_api::{Answer, Connector, Exchange, Link, Method, Refusal, Request, Step};
use leadloop_mapping::{Record, Value};
use leadloop_server::auth::Login;
use leadloop_server::clock::{Clock, SystemClock};
use leadloop_server::converse::Line;
use leadloop_server::limits::Limits;
use leadloop_server::wire::HttpWire;
use leadloop_sync_core::ids::LinkName;
use leadloop_sync_core::moment::Moment;
use leadloop_sync_core::outbox::{Operation, Outcome, Reply};
use leadloop_sync_core::time::{Micros, Timestamp};
use secrecy::SecretString;
use tokio::sync::Semaphore;
use wiremock::matchers::{body_string_contains, header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

/// A connector of one request; `check` may be repeated, everything else may not.
struct Probe;

static MANIFEST: std::sync::LazyLock<Manifest> = std::sync::LazyLock::new(|| {
    leadloop_connector_api::manifest::parse(
        "name = \"probe\"\ntitle = { en = \"Probe\", zh = \"探针\" }\nkinds = [\"crm\"]\n",
    )
    .expect("the manifest of this test is valid")
});

struct Talk {
    request: Option<Box<Request>>,
    endless: bool,
}

impl Exchange for Talk {
    fn advance(&mut self, answer: Option<&Answer>) -> Step {
        match (self.request.as_ref(), answer) {
            (Some(request), _) if self.endless => Step::Send(request.clone()),
            (Some(_), None) => Step::Send(self.request.take().expect("it is there")),
            (_, Some(answer)) if answer.status == 200 => Step::Done(vec![Outcome::Done(Reply::Told)]),
            (_, Some(answer)) => Step::Done(vec![Outcome::Rejected {
                field: None,
                code: answer.status.to_string(),
                detail: String::new(),
            }]),
            (None, None) => Step::Done(vec![]),
        }
    }
}

impl Connector for Probe {
    fn manifest(&self) -> &'static Manifest {
        &MANIFEST
    }
    fn exchange(
        &self,
        _: &Link,
        operations: &[Operation],
        _: &mut Moment,
    ) -> Result<Box<dyn Exchange>, Refusal> {
        let (request, endless) = match operations {
            [Operation::Check] => (Request::get("/check"), false),
            [Operation::Find { .. }] => (Request::get("/check"), true),
            [Operation::Create { .. }] => {
                (Request::json(Method::Post, "/leads", serde_json::json!({})), false)
            }
            _ => return Err(Refusal::NotSpoken("this")),
        };
        Ok(Box::new(Talk { request: Some(Box::new(request)), endless }))
    }
}

fn line(base: &str, limits: &[Limit]) -> Line {
    let body = BTreeMap::from([
        ("client_id".to_owned(), "{client_id}".to_owned()),
        ("client_secret".to_owned(), "{client_secret}".to_owned()),
    ]);
    let auth = Auth::Token {
        basic: false,
        url: "/oauth/token".to_owned(),
        body,
        json: false,
        template: None,
        pair: None,
        value: "access_token".to_owned(),
        expires: Some("expires_in".to_owned()),
        get: false,
        header: Some("authorization".to_owned()),
        form: Some("Bearer {token}".to_owned()),
        query: None,
    };
    Line {
        connector: &Probe,
        link: Link {
            name: LinkName::from("probe"),
            settings: BTreeMap::from([("client_id".to_owned(), Value::text("leadloop"))]),
            secrets: BTreeMap::from([("client_secret".to_owned(), SecretString::from("open sesame"))]),
            wants: leadloop_connector_api::Wants::default(),
            told: None,
        },
        base: base.to_owned(),
        timeout: Duration::from_secs(5),
        login: Login::new(Some(auth), vec![], base.to_owned()),
        limits: Limits::new(limits, 0),
        slots: Semaphore::new(4),
    }
}

async fn carry_out(line: &Line, operation: Operation) -> Outcome {
    let wire = HttpWire::new().expect("a client can be made");
    let until = SystemClock.now() + Micros::minutes(2);
    let outcomes = line.carry_out(&[operation], until, &wire, &SystemClock).await;
    outcomes.into_iter().next().expect("one outcome for one operation")
}

fn create() -> Operation {
    Operation::Create { object: "lead".to_owned(), record: Record::new(), mark: "H-1".to_owned() }
}

fn find() -> Operation {
    Operation::Find {
        object: "lead".to_owned(),
        by: leadloop_sync_core::outbox::FindBy::Mark("H-1".to_owned()),
    }
}

async fn token(server: &MockServer, value: &str, times: u64) {
    Mock::given(method("POST"))
        .and(path("/oauth/token"))
        .and(body_string_contains("client_secret=open+sesame"))
        .respond_with(
            ResponseTemplate::new(200)
                .set_body_json(serde_json::json!({ "access_token": value, "expires_in": 3600 })),
        )
        .up_to_n_times(times)
        .mount(server)
        .await;
}

#[tokio::test]
async fn a_refused_token_is_renewed_once_and_the_request_goes_again() {
    let server = MockServer::start().await;
    token(&server, "old", 1).await;
    token(&server, "new", 1).await;
    Mock::given(path("/leads"))
        .and(header("authorization", "Bearer old"))
        .respond_with(ResponseTemplate::new(401))
        .expect(1)
        .mount(&server)
        .await;
    Mock::given(path("/leads"))
        .and(header("authorization", "Bearer new"))
        .respond_with(ResponseTemplate::new(200))
        .expect(1)
        .mount(&server)
        .await;
    let line = line(&server.uri(), &[]);
    assert_eq!(carry_out(&line, create()).await, Outcome::Done(Reply::Told));
}

#[tokio::test]
async fn a_login_that_is_refused_is_an_outcome_and_shows_no_secret() {
    let server = MockServer::start().await;
    Mock::given(path("/oauth/token"))
        .respond_with(
            ResponseTemplate::new(400).set_body_json(serde_json::json!({ "error": "invalid_client" })),
        )
        .mount(&server)
        .await;
    let line = line(&server.uri(), &[]);
    let Outcome::Unauthorized { detail } = carry_out(&line, create()).await else {
        panic!("it must be unauthorized")
    };
    assert!(detail.contains("invalid_client") && !detail.contains("sesame"), "{detail}");
}

#[tokio::test]
async fn nobody_listening_means_that_nothing_was_sent() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    drop(listener);
    let line = line(&format!("http://{address}"), &[]);
    assert!(matches!(carry_out(&line, create()).await, Outcome::Unavailable { sent: false, .. }));
}

#[tokio::test]
async fn an_answer_that_never_came_leaves_a_create_unknown_but_a_check_repeatable() {
    let server = MockServer::start().await;
    token(&server, "t", 9).await;
    for asked in ["/leads", "/check"] {
        Mock::given(path(asked))
            .respond_with(ResponseTemplate::new(200).set_delay(Duration::from_secs(30)))
            .mount(&server)
            .await;
    }
    let mut line = line(&server.uri(), &[]);
    line.timeout = Duration::from_millis(200);
    assert!(matches!(carry_out(&line, create()).await, Outcome::Unavailable { sent: true, .. }));
    assert!(matches!(carry_out(&line, Operation::Check).await, Outcome::Unavailable { sent: false, .. }));
}

#[tokio::test]
async fn an_exchange_without_end_is_ended() {
    let server = MockServer::start().await;
    token(&server, "t", 9).await;
    Mock::given(path("/check")).respond_with(ResponseTemplate::new(200)).mount(&server).await;
    let line = line(&server.uri(), &[]);
    assert!(matches!(carry_out(&line, find()).await, Outcome::Unavailable { .. }));
}

#[tokio::test]
async fn nothing_is_sent_that_outlives_its_claim() {
    let server = MockServer::start().await;
    token(&server, "t", 9).await;
    Mock::given(path("/leads")).respond_with(ResponseTemplate::new(200)).expect(0).mount(&server).await;
    let line = line(&server.uri(), &[]);
    let wire = HttpWire::new().expect("a client can be made");
    let outcomes = line.carry_out(&[create()], Timestamp(0), &wire, &SystemClock).await;
    assert!(matches!(outcomes.first(), Some(Outcome::Unavailable { sent: false, .. })), "{outcomes:?}");
}

#[tokio::test]
async fn what_is_not_spoken_is_refused_without_a_request() {
    let line = line("http://127.0.0.1:9", &[]);
    let operation = Operation::Tell { id: "1".to_owned(), record: Record::new() };
    assert!(matches!(carry_out(&line, operation).await, Outcome::Rejected { .. }));
}
