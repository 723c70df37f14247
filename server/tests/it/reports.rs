//! What people are told by the calendar: overdue hand-overs on the morning of a working day, the week on Mondays; once each.

use std::pin::Pin;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use leadloop_config::lower::Secrets;
use leadloop_config::text::Files;
use leadloop_connector_api::Registry;
use leadloop_server::clock::{Clock, SystemClock};
use leadloop_server::run::start_with;
use leadloop_server::wire::HttpWire;
use leadloop_store::{Store, StoreSettings};
use leadloop_sync_core::moment::Moment;
use leadloop_sync_core::time::{Micros, Timestamp};

use crate::answer::{mail, mail_server, send};

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

struct Folder {
    smtp: u16,
}
impl Files for Folder {
    fn read(&self, name: &str) -> Result<Vec<u8>, String> {
        Ok(match name {
            "people.csv" => {
                let people = "key,name,mail,manager\nli.na,Li Na,li.na@shili.example,sun.hao\n";
                format!("{people}sun.hao,Sun Hao,sun.hao@shili.example,\n").into_bytes()
            }
            _ => CONFIG.replace("SMTP", &self.smtp.to_string()).into_bytes(),
        })
    }
    fn list(&self, _: &str) -> Vec<String> {
        vec![]
    }
}
impl Secrets for Folder {
    fn resolve(&self, _: &str, _: &str) -> Result<secrecy::SecretString, String> {
        Err("it is not set".to_owned())
    }
}

/// The world's clock, so many microseconds ahead.
struct Ahead(AtomicI64);

impl Clock for Ahead {
    fn now(&self) -> Timestamp {
        SystemClock.now() + Micros(self.0.load(Ordering::SeqCst))
    }
    fn moment(&self) -> Moment {
        let mut moment = SystemClock.moment();
        moment.now = self.now();
        moment
    }
    fn sleep_until(&self, at: Timestamp) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        SystemClock.sleep_until(at + Micros(-self.0.load(Ordering::SeqCst)))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_digest_and_the_report_come_once() {
    let (smtp, mails) = mail_server();
    let mails = Arc::new(Mutex::new(mails));
    let files = Folder { smtp };
    let loaded = leadloop_config::load("leadloop.toml", &files, &files, &Registry::all());
    let plan = Arc::new(loaded.plan.unwrap_or_else(|| panic!("{:#?}", loaded.problems)));
    let folder = leadloop_testing::temp_dir();
    let url = format!("sqlite:{}", folder.path().join("reports.db").display());
    let store = Store::open(&StoreSettings::new(url)).await.expect("the store opens");
    // Friday, 27 November 2026, 10:00 in Shanghai.
    let friday = Timestamp::parse("2026-11-27 10:00", &plan.policy.zone).expect("a time");
    let clock = Arc::new(Ahead(AtomicI64::new((friday - SystemClock.now()).0)));
    let wire = Arc::new(HttpWire::new().expect("a wire"));
    let running =
        start_with(plan, store, Arc::clone(&clock) as Arc<dyn Clock>, wire).await.expect("it starts");
    let lead =
        |number: u32| format!(r#"{{"name":"P{number}","phone":"139000000{number:02}","company":"Shili"}}"#);
    send(running.address, "POST", "/in/website", "application/json", lead(1)).await;
    assert_eq!(mail(&mails).await.to, "li.na@shili.example");

    // Monday morning: the lead of Friday is overdue, and the week is over. A new lead wakes who looks.
    clock.0.fetch_add(Micros::days(3).0, Ordering::SeqCst);
    send(running.address, "POST", "/in/website", "application/json", lead(2)).await;
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
    clock.0.fetch_add(Micros::hours(1).0, Ordering::SeqCst);
    send(running.address, "POST", "/in/website", "application/json", lead(3)).await;
    assert_eq!(mail(&mails).await.to, "li.na@shili.example");
    tokio::task::yield_now().await;
    assert!(mails.lock().expect("alone").try_recv().is_err(), "told twice");
    running.stop().await;
}
