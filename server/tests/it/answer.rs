//! From a form to a mail with a link, to an answer on the page: without any CRM, over a real mail server's words, on both
//! engines. And what is refused.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use leadloop_connectors as _;
use leadloop_server::Running;
use leadloop_server::handoffs::{self, Decided};
use leadloop_server::orders::{self, Order};
use leadloop_store::Store;
use leadloop_store::read::handoffs::HandoffAsk;
use leadloop_sync_core::handoff::{Handoff, HandoffState};
use leadloop_sync_core::ids::PersonKey;
use leadloop_sync_core::notice::AnswerLink;
use leadloop_sync_core::time::Timestamp;
use leadloop_testing::http::{self, Answer};

use crate::set_up::Folder;

const CONFIG: &str = r#"
[leadloop]
timezone = "Asia/Shanghai"
language = "en"

[server]
listen = "127.0.0.1:0"
public_url = "https://leads.shili.example"

[[source]]
name = "website"
connector = "web_form"
touch = "form_submitted"
require = ["phone or email"]
consent = "given"

[[score]]
name = "interest"
range = [0, 100]
touches = [{ touch = "form_submitted", points = 30 }]

[mql]
when = 'score.interest >= 30'

[people]
table = "people.csv"

[[team]]
name = "east"
members = [{ person = "li.na" }]

[[transfer]]
name = "everyone"
when = 'true'
do = { create = "lead", assign = { team = "east" } }

[[sla]]
name = "all"
when = 'true'
accept_within = "1 working day"

[[feedback]]
tag = "accepted"
do = { stage = "accepted" }

[[feedback]]
tag = "lost"
ask = ["competitor"]
do = { rest = "30d" }

[[notify]]
name = "mail"
connector = "mail"
settings = { smtp = "smtp://127.0.0.1:SMTP", from = "Leads <leads@shili.example>" }
send = [
  { on = ["handed_over", "taken_back"], to = "owner", link = true },
  { on = ["system_alarm"], to = ["it@shili.example"] },
]
"#;

const PEOPLE: &str = "key,name,mail,manager\nli.na,Li Na,li.na@shili.example,sun.hao\nwang.wei,Wang Wei,gone@shili.example,sun.hao\nsun.hao,Sun Hao,sun.hao@shili.example,\n";

/// One mail, as the server got it.
#[derive(Clone, Debug)]
pub(crate) struct Mail {
    pub(crate) to: String,
    pub(crate) text: String,
}

/// A mail server of few words. It knows nobody called `gone`.
pub(crate) fn mail_server() -> (u16, mpsc::Receiver<Mail>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("it listens").port();
    let (came, mails) = mpsc::channel();
    let came = Arc::new(Mutex::new(came));
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let came = Arc::clone(&came);
            std::thread::spawn(move || serve(stream, &came));
        }
    });
    (port, mails)
}

fn serve(mut stream: TcpStream, came: &Mutex<mpsc::Sender<Mail>>) -> Option<()> {
    let mut lines = BufReader::new(stream.try_clone().ok()?).lines();
    stream.write_all(b"220 mail.shili.example ESMTP\r\n").ok()?;
    let mut to = String::new();
    while let Some(Ok(line)) = lines.next() {
        let said = line.to_uppercase();
        let answer = match said.split([' ', ':']).next().unwrap_or_default() {
            "EHLO" => "250-mail.shili.example\r\n250 8BITMIME\r\n",
            "RCPT" if line.contains("gone@") => "550 5.1.1 no such user\r\n",
            "RCPT" => {
                to = line.split(['<', '>']).nth(1).unwrap_or_default().to_owned();
                "250 2.1.5 Ok\r\n"
            }
            "DATA" => {
                stream.write_all(b"354 go on\r\n").ok()?;
                let text: Vec<String> =
                    lines.by_ref().map_while(Result::ok).take_while(|line| line != ".").collect();
                // Quoted printable: soft line ends and encoded `=` taken out.
                let text = text.join("\n").replace("=\n", "").replace("=3D", "=");
                came.lock().ok()?.send(Mail { to: to.clone(), text }).ok()?;
                "250 2.0.0 Ok: queued\r\n"
            }
            "QUIT" => {
                stream.write_all(b"221 bye\r\n").ok()?;
                return Some(());
            }
            _ => "250 Ok\r\n",
        };
        stream.write_all(answer.as_bytes()).ok()?;
    }
    Some(())
}

async fn node(url: &str, smtp: u16) -> (Running, Store) {
    Folder::new(CONFIG.replace("SMTP", &smtp.to_string())).with("people.csv", PEOPLE).start(url).await
}

pub(crate) async fn send(
    to: SocketAddr,
    method: &'static str,
    path: &str,
    kind: &'static str,
    body: String,
) -> Answer {
    let path = path.to_owned();
    let sent = move || http::send(to, method, &path, &[("content-type", kind)], body.as_bytes());
    tokio::task::spawn_blocking(sent).await.expect("it does not panic").expect("it is answered")
}

async fn form(to: SocketAddr, path: &str, pairs: &[(&str, &str)]) -> Answer {
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    send(to, "POST", path, "application/x-www-form-urlencoded", body).await
}

pub(crate) async fn mail(mails: &Arc<Mutex<mpsc::Receiver<Mail>>>) -> Mail {
    let mails = Arc::clone(mails);
    let next = move || mails.lock().expect("alone").recv_timeout(Duration::from_secs(60));
    tokio::task::spawn_blocking(next).await.expect("it does not panic").expect("a mail comes")
}

fn link(mail: &Mail) -> String {
    let rest = mail.text.split("https://leads.shili.example").nth(1).expect("a link");
    rest.split_whitespace().next().expect("a path").to_owned()
}

fn hidden<'p>(page: &'p str, name: &str) -> &'p str {
    let rest = page.split(&format!("name=\"{name}\" value=\"")).nth(1).expect("a hidden field");
    rest.split('"').next().expect("its end")
}

/// The newest hand-over, once it is in that state.
async fn until(store: &Store, state: HandoffState) -> Handoff {
    for _ in 0..1_500 {
        let ask = HandoffAsk { state: Some(state.as_str().to_owned()), limit: 1, ..HandoffAsk::default() };
        if let Some((handoff, _)) = store.handoffs(&ask).await.expect("the store answers").pop() {
            return handoff;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("no hand-over is {state:?}");
}

/// Waits until the newest hand-over counts as told.
async fn delivered(store: &Store) {
    for _ in 0..1_500 {
        if until(store, HandoffState::WithSales).await.clocks.delivered.is_some() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the mail was taken, and nobody knows");
}

async fn the_loop(url: &str) {
    let (smtp, mails) = mail_server();
    let mails = Arc::new(Mutex::new(mails));
    let (running, store) = node(url, smtp).await;
    let to = running.address;
    let lead =
        r#"{"name":"Jia <b>","phone":"13900000001","company":"Shili Robotics","requirement":"Line 3"}"#;
    assert_eq!(send(to, "POST", "/in/website", "application/json", lead.to_owned()).await.status, 200);
    let told = mail(&mails).await;
    assert_eq!(told.to, "li.na@shili.example");
    assert!(told.text.contains("Subject: New lead: Shili Robotics Jia"), "{}", told.text);
    let path = link(&told);

    // Once more the hand-over changes when it is known that the mail was taken.
    delivered(&store).await;
    // Looking answers nothing, however often.
    let page = send(to, "GET", &path, "text/plain", String::new()).await;
    assert_eq!(page.status, 200, "{}", page.body);
    assert!(page.body.contains("Jia &#60;b&#62;") && page.body.contains("Line 3"), "{}", page.body);
    assert!(page.head.to_lowercase().contains("cache-control: no-store"), "{}", page.head);
    assert_eq!(until(&store, HandoffState::WithSales).await.feedback, None);
    let (proof, version) = (hidden(&page.body, "form"), hidden(&page.body, "version"));

    // What is not ours, not whole, or not chosen.
    let forged = form(to, &path, &[("form", "AAAA"), ("version", version), ("answer", "accepted")]).await;
    assert!(forged.status == 404 && forged.body.contains("LL4602"), "{forged:?}");
    let other = form(to, &path, &[("form", proof), ("version", "99"), ("answer", "accepted")]).await;
    assert_eq!(other.status, 404, "a proof is good for one version");
    let empty = form(to, &path, &[("form", proof), ("version", version)]).await;
    assert!(empty.status == 422 && empty.body.contains("Please choose"), "{empty:?}");
    let unknown = form(to, &path, &[("form", proof), ("version", version), ("answer", "nonsense")]).await;
    assert_eq!(unknown.status, 422);
    let cut =
        send(to, "GET", path.get(..path.len() - 3).expect("a part of it"), "text/plain", String::new()).await;
    assert!(cut.status == 404 && cut.body.contains("LL4602"), "{cut:?}");

    let fields = [
        ("form", proof),
        ("version", version),
        ("answer", "lost"),
        ("ask.lost.competitor", "Muster"),
        ("remark", "price"),
    ];
    let taken = form(to, &path, &fields).await;
    assert!(taken.status == 200 && taken.body.contains("Your answer: lost"), "{taken:?}");
    let replayed = form(to, &path, &fields).await;
    assert!(replayed.status == 409 && replayed.body.contains("LL4605"), "{replayed:?}");
    let returned = until(&store, HandoffState::Returned).await;
    assert_eq!((returned.feedback.as_deref(), returned.remark.as_deref()), (Some("lost"), Some("price")));
    assert!(returned.clocks.delivered.is_some(), "the mail was taken");

    // Changed by opening the link again.
    let page = send(to, "GET", &format!("{path}?lang=zh"), "text/plain", String::new()).await;
    assert!(page.body.contains("仍可修改") && page.body.contains("value=\"Muster\""), "{}", page.body);
    let (proof, version) = (hidden(&page.body, "form"), hidden(&page.body, "version"));
    let changed = form(to, &path, &[("form", proof), ("version", version), ("answer", "accepted")]).await;
    assert_eq!(changed.status, 200, "{}", changed.body);
    let accepted = until(&store, HandoffState::Accepted).await;
    assert_eq!(accepted.id, returned.id);

    given_away(&running, &mails, &path, &accepted).await;
    refused_orders(&running, accepted).await;
    keys_change(&running, &path).await;
    running.stop().await;
}

/// Given to somebody else, and a link from last year: neither answers.
async fn given_away(
    running: &Running,
    mails: &Arc<Mutex<mpsc::Receiver<Mail>>>,
    path: &str,
    accepted: &Handoff,
) {
    let to = running.address;
    // Given to somebody whose mail nobody takes: the alarm says so, the link of before is over.
    let order = handoffs::Order::Reassign { ids: vec![accepted.id], to: PersonKey::from("wang.wei") };
    assert_eq!(
        orders::carry_out(&running.node, Order::Handoffs(order)).await.expect("it is done").changed,
        1
    );
    let told = mail(mails).await;
    assert_eq!(told.to, "it@shili.example");
    assert!(told.text.contains("LL4601") && told.text.contains("no such user"), "{}", told.text);
    let over = send(to, "GET", path, "text/plain", String::new()).await;
    assert!(over.body.contains("with Wang Wei now") && !over.body.contains("13900000001"), "{}", over.body);

    let last_year = AnswerLink {
        handoff: accepted.id,
        person: Some(PersonKey::from("li.na")),
        until: Timestamp(1_735_689_600_000_000),
        desk: false,
    };
    let old = format!("/a/{}", running.node.keys().seal(&last_year).expect("there is a key"));
    let expired = send(to, "GET", &old, "text/plain", String::new()).await;
    assert!(expired.status == 410 && expired.body.contains("LL4603"), "{expired:?}");
    let late = form(to, &old, &[("form", "x"), ("version", "1"), ("answer", "accepted")]).await;
    assert_eq!(late.status, 410);
}

async fn refused_orders(running: &Running, handoff: Handoff) {
    let refused = |order| async {
        orders::carry_out(&running.node, Order::Handoffs(order)).await.expect_err("refused")
    };
    let nobody = handoffs::Order::Reassign { ids: vec![], to: PersonKey::from("nobody") };
    assert_eq!(refused(nobody).await.code.as_deref(), Some("LL4607"));
    let over = handoffs::Order::TakeBack { ids: vec![handoff.id] };
    assert_eq!(refused(over).await.code.as_deref(), Some("LL4607"), "it was given away");
    let decided = Decided {
        id: handoff.id,
        verdict: "confirm".to_owned(),
        by: String::new(),
        remark: String::new(),
        track: String::new(),
        fields: vec![],
    };
    assert_eq!(refused(handoffs::Order::Desk(decided)).await.code.as_deref(), Some("LL4607"));
}

/// After one change of keys a link still opens, after two it does not.
async fn keys_change(running: &Running, path: &str) {
    for status in [200, 404] {
        let order = Order::Handoffs(handoffs::Order::NewKey);
        orders::carry_out(&running.node, order).await.expect("it is done");
        let page = send(running.address, "GET", path, "text/plain", String::new()).await;
        assert_eq!(page.status, status, "{}", page.body);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_loop_without_a_crm_on_sqlite() {
    let folder = leadloop_testing::temp_dir();
    the_loop(&format!("sqlite:{}", folder.path().join("loop.db").display())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_loop_without_a_crm_on_postgres() {
    let database = leadloop_testing::fresh_database("loop");
    the_loop(database.url()).await;
}
