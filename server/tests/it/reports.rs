//! What people are told by the calendar: overdue hand-overs on the morning of a working day, the week on Mondays; once each.

use std::sync::{Arc, Mutex};

use leadloop_server::clock::{Clock, SystemClock};
use leadloop_server::notices::{Told, look};
use leadloop_sync_core::time::{Micros, Timestamp};

use crate::answer::{mail, mail_server, send};
use crate::set_up::{Ahead, Folder, by_wire};

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
accept_within = "1 working hours"

[report]
on = "monday"
at = "09:30"

[[notify]]
name = "mail"
connector = "mail"
settings = { smtp = "smtp://127.0.0.1:SMTP", from = "leads@shili.example" }
send = [
  { on = ["handed_over"], to = "owner", link = true },
  { on = ["overdue_digest"], to = "manager" },
  { on = ["weekly_report"], to = ["cmo@shili.example"] },
]
"#;

#[tokio::test(flavor = "multi_thread")]
async fn the_digest_and_the_report_come_once() {
    let folder = leadloop_testing::temp_dir();
    told_once(format!("sqlite:{}", folder.path().join("reports.db").display()), 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_digest_and_the_report_come_once_from_two_nodes() {
    let database = leadloop_testing::fresh_database("reports");
    told_once(database.url().to_owned(), 2).await;
}

async fn told_once(url: String, many: usize) {
    let (smtp, mails) = mail_server();
    let mails = Arc::new(Mutex::new(mails));
    let people = "key,name,mail,manager\nli.na,Li Na,li.na@shili.example,sun.hao\n";
    let people = format!("{people}sun.hao,Sun Hao,sun.hao@shili.example,\n");
    let folder = Folder::new(CONFIG.replace("SMTP", &smtp.to_string())).with("people.csv", people);
    let zone = folder.plan().policy.zone.clone();
    // Friday, 27 November 2026, 10:00 in Shanghai.
    let friday = Timestamp::parse("2026-11-27 10:00", &zone).expect("a time");
    let clock = Ahead::default();
    clock.set(friday - SystemClock.now());
    let mut nodes = Vec::new();
    for _ in 0..many {
        nodes.push(folder.start_with(&url, Arc::new(clock.clone()), by_wire()).await.0);
    }
    // The first node drives the link; the second one takes what is pushed.
    let taking = nodes.last().expect("a node");
    let lead =
        |number: u32| format!(r#"{{"name":"P{number}","phone":"139000000{number:02}","company":"Shili"}}"#);
    send(taking.address, "POST", "/in/website", "application/json", lead(1)).await;
    assert_eq!(mail(&mails).await.to, "li.na@shili.example");

    // Monday morning: the lead of Friday is overdue, and the week is over. A new lead wakes who looks.
    clock.add(Micros::days(3));
    send(taking.address, "POST", "/in/website", "application/json", lead(2)).await;
    let mut came = vec![mail(&mails).await, mail(&mails).await, mail(&mails).await];
    came.sort_by(|one, other| one.to.cmp(&other.to));
    let to: Vec<&str> = came.iter().map(|mail| mail.to.as_str()).collect();
    assert_eq!(to, ["cmo@shili.example", "li.na@shili.example", "sun.hao@shili.example"], "{came:#?}");
    assert!(
        came[0].text.contains("new leads: 1 (+1)") && came[0].text.contains("leadloop-2026-11-23.csv"),
        "{}",
        came[0].text
    );
    assert!(
        came[2].text.contains("1 overdue leads today") && came[2].text.contains("Li Na: Shili P1"),
        "{}",
        came[2].text
    );

    // An hour later nothing of it is told again.
    clock.add(Micros::hours(1));
    send(taking.address, "POST", "/in/website", "application/json", lead(3)).await;
    assert_eq!(mail(&mails).await.to, "li.na@shili.example");
    // Nor by nodes that all look at once, started anew so that they remember nothing. What they wrote would come first.
    let (mut one, mut other) = (Told::default(), Told::default());
    let (first, last) = (&nodes[0].node, &taking.node);
    let (seen, as_well) = tokio::join!(look(first, &mut one), look(last, &mut other));
    seen.and(as_well).expect("the store answers");
    send(taking.address, "POST", "/in/website", "application/json", lead(4)).await;
    assert_eq!(mail(&mails).await.to, "li.na@shili.example", "told twice");
    for node in nodes {
        node.stop().await;
    }
}
