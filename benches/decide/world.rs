//! What the decisions are made in front of: a config of a hundred rules, a mirror as large as is wanted, and leads.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use leadloop_config::lower::Secrets;
use leadloop_config::plan::Plan;
use leadloop_config::text::Files;
use leadloop_connector_api::Registry;
use leadloop_mapping::{Record, Value};
use leadloop_server::run;
use leadloop_store::{Stamp, Store, StoreSettings, WriteLane};
use leadloop_sync_core::because::Because;
use leadloop_sync_core::book::{Book, Needs};
use leadloop_sync_core::capture::Identifier;
use leadloop_sync_core::effect::{Effect, Reaction};
use leadloop_sync_core::ids::{LinkName, SourceName};
use leadloop_sync_core::lead::{Consent, Fact, Lead, Origin, Stage};
use leadloop_sync_core::mirror::RemoteRecord;
use leadloop_sync_core::mirror_read;
use leadloop_sync_core::moment::Moment;
use leadloop_sync_core::time::Timestamp;
use leadloop_testing::Database;

use super::{load, process};

/// Rules before the last ones, which really decide.
const RULES: usize = 97;
/// Rows that are written at once.
const ROWS: usize = 1_000;

/// How a lead writes the name of a company.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writing {
    /// As the CRM has it.
    Exact,
    /// In full width, with a bracket and another legal form.
    Other,
    /// With one character that is another.
    Slip,
}

impl Writing {
    pub const fn words(self) -> &'static str {
        match self {
            Self::Exact => "exact name",
            Self::Other => "other writing",
            Self::Slip => "name with a slip",
        }
    }
}

/// Characters of names, so many that four of them make more names than there are companies.
const SIGNS: &str = "安邦博昌晨诚创达德鼎东栋丰孚福富高格光广海瀚航浩和恒弘宏泓鸿华辉惠吉佳嘉建杰捷金锦京景凯康科坤兰朗乐力利联凌隆绿迈茂美铭宁诺欧鹏普启谦勤清庆仁荣融瑞润森山尚盛硕思腾天通同万维文武翔祥欣新鑫信兴星旭轩亚扬益永优宇元远越云泽展兆振正志智中众洲卓";

/// The numbered stem: four characters, every number another.
fn stem(number: usize) -> String {
    let signs: Vec<char> = SIGNS.chars().collect();
    let many = signs.len();
    // Neighbours in number are no neighbours in writing.
    let mut left = (number * 7_368_787) % many.pow(4);
    (0..4)
        .map(|_| {
            let sign = signs[left % many];
            left /= many;
            sign
        })
        .collect()
}

fn company(number: usize, writing: Writing) -> String {
    let stem = stem(number);
    match writing {
        Writing::Exact => format!("{stem}示例机电有限公司"),
        Writing::Other => format!("{stem}示例机电 有限责任公司"),
        Writing::Slip => format!("{}囍示例机电有限公司", stem.chars().take(3).collect::<String>()),
    }
}

/// A database, and the folder of the config.
pub struct Place {
    folder: tempfile::TempDir,
    database: Option<Database>,
}

impl Place {
    pub fn fresh(postgres: bool) -> Self {
        let database = postgres.then(|| leadloop_testing::fresh_database("decide"));
        let place = Self { folder: leadloop_testing::temp_dir(), database };
        let write = |name: &str, text: &str| {
            std::fs::write(place.folder.path().join(name), text).expect("the folder can be written");
        };
        let url = place.folder.path().join("store-url");
        let mut text = include_str!("decide.toml").replace("{store}", &url.display().to_string());
        for n in 0..RULES {
            let _ = write!(
                text,
                "[[transfer]]\nname = \"rule {n}\"\nwhen = 'lead.province == \"region {n}\" and crm.company.found and (crm.person.idle_days ?? 0) > {n}'\ndo = {{ create = \"lead\", assign = {{ team = \"east\" }} }}\n\n"
            );
        }
        text.push_str(RULES_THAT_HOLD);
        write("leadloop.toml", &text);
        write("people.csv", "key,name,crm_user\nli.na,li.na,U1001\nwang.wei,wang.wei,U1002\n");
        write("store-url", &place.url());
        place
    }

    pub fn url(&self) -> String {
        match &self.database {
            Some(database) => database.url().to_owned(),
            None => format!("sqlite:{}", self.folder.path().join("decide.db").display()),
        }
    }

    /// CPU of this process and of the server's sessions.
    pub fn cpu(&self) -> Duration {
        process::cpu_of(std::process::id()) + process::sessions_cpu(self.database.as_ref())
    }
}

const RULES_THAT_HOLD: &str = r#"
[[transfer]]
name = "someone follows this person"
when = 'crm.person.found and crm.person.owner.state == "active"'
do = { update = "person", notify = { owner_of = "person" } }

[[transfer]]
name = "someone follows this company"
when = 'crm.company.found and crm.company.owner.state == "active"'
do = { create = "lead", assign = { owner_of = "company" } }

[[transfer]]
name = "everyone"
when = 'true'
do = { create = "lead", assign = { team = "east" } }
"#;

/// An open store with its rules.
pub struct World {
    pub store: Store,
    pub plan: Arc<Plan>,
    pub now: Timestamp,
}

impl World {
    pub async fn open(place: &Place) -> Self {
        let store = Store::open(&StoreSettings::new(place.url())).await.expect("the store opens");
        let folder = Folder(place.folder.path());
        let loaded = leadloop_config::load("leadloop.toml", &folder, &Known, &Registry::all());
        let plan = loaded.plan.map(Arc::new);
        let plan = plan.unwrap_or_else(|| panic!("the bench's config is right: {:?}", loaded.problems));
        let node = run::quiet(Arc::clone(&plan), store.clone()).expect("the node stands");
        run::put_in_force(&node).await.expect("the config can be put in force");
        Self { store, plan, now: node.clock.now() }
    }

    pub async fn close(self) {
        self.store.close().await;
    }

    /// Adds people and accounts `from..to` to the mirror, with two users and how fresh all of it is.
    pub async fn fill(self, from: usize, to: usize) {
        let link = LinkName::from("sales");
        let mut effects = Vec::new();
        let users = [("U1001", "li.na"), ("U1002", "wang.wei")];
        let users = users.map(|(id, name)| {
            ("user", id.to_owned(), Record::new().with("name", name).with("state", "active"))
        });
        let rows = (from..to).flat_map(|n| {
            let owner = if n % 2 == 0 { "U1001" } else { "U1002" };
            let person = Record::new()
                .with("name", format!("测试{n}"))
                .with("phone", format!("+86139{n:08}"))
                .with("email", format!("user{n}@firm{n}.example"))
                .with("account_id", format!("A{n}"))
                .with("owner_id", owner);
            let account = Record::new()
                .with("name", company(n, Writing::Exact))
                .with("website", format!("https://firm{n}.example"))
                .with("owner_id", owner);
            [("contact", format!("C{n}"), person), ("account", format!("A{n}"), account)]
        });
        for (object, id, fields) in users.into_iter().chain(rows) {
            let record = RemoteRecord {
                object: object.to_owned(),
                id,
                fields,
                modified_at: Some(self.now),
                deleted: false,
            };
            let row = mirror_read::read_by(&self.plan.policy, &link, &record, self.now);
            effects.push(Effect::PutMirror(Box::new(row)));
            if effects.len() == ROWS {
                self.write(std::mem::take(&mut effects)).await;
            }
        }
        for object in &self.plan.policy.crms[&link].mirrored {
            effects.push(Effect::MirrorSeen { link: link.clone(), object: object.clone(), at: self.now });
        }
        self.write(effects).await;
        self.close().await;
    }

    /// What is needed, read as a node reads it before it decides: in the transaction that will write.
    pub async fn load(&self, needs: &Needs) -> Book {
        let mut tx = self.store.begin(WriteLane::Hot).await.expect("the store answers");
        tx.load(needs).await.expect("the store answers")
    }

    async fn write(&self, effects: Vec<Effect>) {
        let stamp = Stamp { verb: "listen", config: self.plan.hash.clone(), now: self.now };
        let tx = self.store.begin(WriteLane::Hot).await.expect("the store answers");
        let reaction = Reaction { effects, because: Because::default() };
        let done = tx.commit(&stamp, &[reaction]).await.expect("the rows can be written");
        assert!(done.stale.is_empty(), "{:?}", done.rows);
    }

    /// The numbered lead: a person by their number, of a company by its number.
    pub fn lead(&self, number: usize, person: usize, of: Option<usize>, writing: Writing) -> Lead {
        let source = SourceName::from("website");
        let name =
            of.map_or_else(|| format!("无名{}甲乙丙示例事务所", stem(number)), |of| company(of, writing));
        let phone = format!("+86139{person:08}");
        let profile = [("phone", phone.as_str()), ("name", "测试"), ("company", name.as_str())];
        let fact = |value: &str| Fact { value: Value::text(value), source: source.clone(), at: self.now };
        let consent =
            Consent { given: true, at: self.now, source: source.clone(), text_version: None, assumed: false };
        Lead {
            id: Moment::new(self.now, number as u64).id(),
            version: 1,
            stage: Stage::Raw,
            stage_since: self.now,
            profile: profile.iter().map(|(name, value)| ((*name).to_owned(), fact(value))).collect(),
            identifiers: BTreeSet::from([Identifier::new("phone", phone.clone())]),
            consent: BTreeMap::from([("transfer".to_owned(), consent)]),
            scores: BTreeMap::new(),
            origin: Origin {
                source: source.clone(),
                channel: "website".to_owned(),
                campaign: None,
                at: self.now,
            },
            last_touch_at: self.now,
            touches: 1,
            mql_at: Some(self.now),
            mql: true,
            mql_of: None,
            mql_left: None,
            pool: None,
            owner: None,
            remotes: BTreeSet::new(),
            track: None,
            rest_until: None,
            feedback: None,
            tags: BTreeSet::new(),
            recycled: 0,
            won_amount: None,
            created_at: self.now,
            merged_into: None,
            bonds: Default::default(),
            marks: Default::default(),
        }
    }
}

/// The files of the bench's config.
struct Folder<'a>(&'a Path);

impl Files for Folder<'_> {
    fn read(&self, name: &str) -> Result<Vec<u8>, String> {
        std::fs::read(self.0.join(name)).map_err(|error| error.to_string())
    }
    fn list(&self, _: &str) -> Vec<String> {
        vec![]
    }
}

/// Its secrets.
struct Known;

impl Secrets for Known {
    fn resolve(&self, kind: &str, name: &str) -> Result<secrecy::SecretString, String> {
        let found = match kind {
            "file" => std::fs::read_to_string(name).map_err(|error| error.to_string())?,
            _ => load::SECRET.to_owned(),
        };
        Ok(secrecy::SecretString::from(found))
    }
}
