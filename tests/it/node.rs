//! The config of a `leadloop run` beside a sandbox CRM, as tests of the whole product need it.

use std::net::SocketAddr;

pub(crate) use crate::running::{Node, folder};

/// A config with one JSON source and one sandbox CRM; everybody who asks for sales is an MQL.
///
/// `store_url` may be `file:PATH`: then the URL is read from that file, since it holds a password.
pub(crate) fn config(store_url: &str, crm: SocketAddr, listen: &str) -> String {
    let store_url = store_url
        .strip_prefix("file:")
        .map_or_else(|| format!("\"{store_url}\""), |path| format!("{{ file = \"{path}\" }}"));
    format!(
        r#"
[leadloop]
timezone = "Asia/Shanghai"
language = "en"

[store]
url = {store_url}

[server]
listen = "{listen}"

[[source]]
name = "website"
connector = "web_form"
touch = "form_submitted"
require = ["phone or email"]
consent = "given"

[[source]]
name = "booth"
connector = "web_form"
touch = "event_signed_in"
require = ["phone or email"]
consent = "given"

[[score]]
name = "interest"
range = [0, 100]
touches = [{{ touch = "form_submitted", points = 30 }}, {{ touch = "event_signed_in", points = 30 }}]

[mql]
when = 'score.interest >= 30'

[[crm]]
name = "sales"
connector = "sandbox"
settings = {{ url = "http://{crm}", client_id = "leadloop", client_secret = {{ env = "SANDBOX_SECRET" }} }}
mirror = {{ every_busy = "1s", every_idle = "2s", decide_within = "1h" }}
retry = {{ first = "100ms", at_most = "1s", give_up = "1h" }}
feedback = {{ object = "lead", field = "feedback", remark = "feedback_remark" }}

[[mapping]]
crm = "sales"
object = "lead"
fields = [
  {{ pool = "name", crm = "name" }},
  {{ pool = "phone", crm = "phone" }},
  {{ pool = "email", crm = "email" }},
  {{ pool = "company", crm = "company" }},
]

[[transfer]]
name = "everyone"
when = 'true'
do = {{ create = "lead", assign = {{ team = "east" }} }}

[people]
table = "people.csv"

[[team]]
name = "east"
members = [{{ person = "li.na", weight = 2 }}, {{ person = "wang.wei" }}]
"#
    )
}
