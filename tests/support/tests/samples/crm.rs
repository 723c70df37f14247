//! `crm_seed.json`: what the sandbox CRM knows before the first lead comes; and the tables of marketing and sales.
//!
//! Records stand in the order in which the sandbox numbers them (`U1001`, `A1001`…), so that they can name each other.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::cast::{Cast, Company, KNOWN_COMPANIES, Person};
use crate::dice::Dice;
use crate::places::PLACES;
use crate::spell::address;

/// Key, name, team, manager, state in the CRM, deputy.
const USERS: [(&str, &str, &str, &str, &str, &str); 13] = [
    ("li.na", "销售甲", "east", "xu.lei", "active", ""),
    ("wang.wei", "销售乙", "east", "xu.lei", "on_leave", "li.na"),
    ("chen.jie", "销售丙", "key_accounts", "xu.lei", "active", ""),
    ("zhao.min", "内勤甲", "inside_sales", "xu.lei", "active", ""),
    ("sun.hao", "内勤乙", "sales_desk", "xu.lei", "active", ""),
    ("qian.duo", "销售丁", "north", "gao.yuan", "active", "zhou.lan"),
    ("zhou.lan", "销售戊", "north", "gao.yuan", "active", "qian.duo"),
    ("wu.fan", "销售己", "south", "gao.yuan", "active", ""),
    ("zheng.yi", "销售庚", "south", "gao.yuan", "left", ""),
    ("feng.gang", "销售辛", "west", "gao.yuan", "active", "jiang.shan"),
    ("jiang.shan", "销售壬", "west", "gao.yuan", "active", "feng.gang"),
    ("xu.lei", "销售经理甲", "east", "", "active", ""),
    ("gao.yuan", "销售经理乙", "north", "", "active", ""),
];

/// How sales stand to a known company, in turn: the state of the account's owner, or that only a similar name is there.
const STANDINGS: [&str; 13] = [
    "active", "active", "left", "active", "none", "on_leave", "active", "similar", "active", "left",
    "active", "none", "on_leave",
];

pub(crate) struct Seed {
    objects: Map<String, Value>,
    /// Company name → state of the account's owner.
    companies: BTreeMap<String, &'static str>,
    /// Person's name → what the CRM knows of the person.
    people: BTreeMap<String, Value>,
}

impl Seed {
    pub(crate) fn new(cast: &Cast) -> Self {
        let mut dice = Dice::new(6);
        let mut seed = Self { objects: Map::new(), companies: BTreeMap::new(), people: BTreeMap::new() };
        for object in ["users", "accounts", "contacts", "leads", "opportunities"] {
            seed.objects.insert(object.to_owned(), Value::from(Vec::<Value>::new()));
        }
        for user in USERS {
            seed.user(user);
        }
        for (i, company) in cast.companies.iter().take(KNOWN_COMPANIES).enumerate() {
            seed.account(company, STANDINGS[i % STANDINGS.len()], &mut dice);
        }
        for (i, person) in cast.people.iter().enumerate() {
            // Known people: some at companies with an account, some leads of companies without one.
            let known = seed.companies.get(&cast.company_of(person).name).copied();
            match known {
                Some(standing) if standing != "similar" && i % 6 == 0 => {
                    seed.contact(person, cast, &mut dice)
                }
                None if i % 9 == 0 => seed.lead(person, cast, &mut dice),
                _ => {}
            }
        }
        seed.strangers(&mut dice);
        seed
    }

    /// What the CRM knows of a person, for the truth.
    pub(crate) fn person(&self, person: &Person) -> Option<&Value> {
        self.people.get(&person.name)
    }

    /// How the account of a person's company stands.
    pub(crate) fn company(&self, person: &Person) -> Option<&'static str> {
        (person.company < KNOWN_COMPANIES).then(|| STANDINGS[person.company % STANDINGS.len()])
    }

    pub(crate) fn counts(&self) -> Value {
        self.objects
            .iter()
            .map(|(name, rows)| (name.clone(), Value::from(rows.as_array().unwrap().len())))
            .collect::<Map<_, _>>()
            .into()
    }

    /// One record a line.
    pub(crate) fn print(&self) -> Vec<u8> {
        let objects: Vec<String> = self
            .objects
            .iter()
            .map(|(name, rows)| {
                let rows: Vec<String> =
                    rows.as_array().unwrap().iter().map(|row| format!("    {row}")).collect();
                format!("  {}: [\n{}\n  ]", Value::from(name.as_str()), rows.join(",\n"))
            })
            .collect();
        format!("{{\n{}\n}}\n", objects.join(",\n")).into_bytes()
    }

    /// Adds a record and gives its id.
    fn add(&mut self, object: &str, prefix: char, mut fields: Value) -> String {
        let rows = self.objects.get_mut(object).unwrap().as_array_mut().unwrap();
        let id = format!("{prefix}{}", 1001 + rows.len());
        let mut record = Map::new();
        record.insert("id".to_owned(), Value::from(id.as_str()));
        for (name, value) in fields.as_object_mut().unwrap().iter().filter(|(_, value)| !value.is_null()) {
            record.insert(name.clone(), value.clone());
        }
        rows.push(Value::Object(record));
        id
    }

    fn user(&mut self, (key, name, team, manager, state, _): (&str, &str, &str, &str, &str, &str)) {
        let manager = USERS.iter().position(|user| user.0 == manager).map(|at| format!("U{}", 1001 + at));
        self.add("users", 'U', json!({
            "name": name, "login": key, "email": format!("{key}@sales.example"), "region": team, "manager_id": manager, "state": state,
        }));
    }

    /// A user of a team in a given state; `none` is nobody, the public pool.
    fn owner(team: &str, state: &str) -> Option<String> {
        let fits =
            |user: &(&str, &str, &str, &str, &str, &str), team: &str| user.4 == state && user.2 == team;
        let at = USERS
            .iter()
            .position(|user| fits(user, team))
            .or_else(|| USERS.iter().position(|user| user.4 == state));
        at.map(|at| format!("U{}", 1001 + at))
    }

    fn account(&mut self, company: &Company, standing: &'static str, dice: &mut Dice) {
        let similar = standing == "similar";
        let owner = Self::owner(company.place.team, if similar { "active" } else { standing });
        // Sales write the name as they like; the similar one is another company of nearly the same name.
        let name = if similar && company.english {
            format!("{} Services Ltd", company.short)
        } else if similar {
            format!("{}装备工程有限公司", company.short)
        } else if dice.percent(50) {
            company.name.clone()
        } else {
            company.short.clone()
        };
        self.companies.insert(company.name.clone(), standing);
        self.add(
            "accounts",
            'A',
            json!({
                "name": name,
                "website": (!similar).then(|| format!("https://www.{}", company.domain)),
                "industry": company.trade.code,
                "province": company.place.province,
                "city": company.place.city,
                "employees": company.employees,
                "owner_id": owner,
                "idle_days": 5 + dice.below(200),
            }),
        );
    }

    fn contact(&mut self, person: &Person, cast: &Cast, dice: &mut Dice) {
        let account = format!("A{}", 1001 + person.company);
        let standing = STANDINGS[person.company % STANDINGS.len()];
        let idle = *dice.pick(&[2, 9, 25, 48, 120]);
        let place = cast.company_of(person).place;
        let owner = Self::owner(place.team, standing);
        let id = self.add(
            "contacts",
            'C',
            json!({
                "name": person.name,
                "phone": person.phone.as_ref().map(|phone| phone.written(dice)),
                "email": person.email.as_ref().map(|email| address(email, dice)),
                "title": person.title.0,
                "account_id": account,
                "owner_id": owner,
                "idle_days": idle,
            }),
        );
        // qualification, proposal, negotiation stand open; then won and lost
        let stage = dice.percent(45).then(|| 1 + dice.below(5));
        if let Some(stage) = stage {
            self.add("opportunities", 'O', json!({
                "name": format!("{} {}", cast.company_of(person).short, ["数据采集", "质量追溯", "MES"][dice.below(3)]),
                "account_id": account,
                "contact_id": id,
                "owner_id": owner,
                "stage": stage,
                "amount": (dice.below(90) + 10) * 10_000,
                "currency": "CNY",
                "idle_days": idle,
            }));
        }
        self.people.insert(
            person.name.clone(),
            json!({
                "object": "contact", "id": id, "owner": standing, "idle_days": idle,
                "open_opportunity": stage.is_some_and(|stage| stage <= 3),
            }),
        );
    }

    fn lead(&mut self, person: &Person, cast: &Cast, dice: &mut Dice) {
        let state = *dice.pick(&["active", "active", "active", "left", "none", "on_leave"]);
        let idle = *dice.pick(&[1, 12, 20, 45, 90, 300]);
        let company = cast.company_of(person);
        let id = self.add(
            "leads",
            'L',
            json!({
                "name": person.name,
                "phone": person.phone.as_ref().map(|phone| phone.written(dice)),
                "email": person.email.as_ref().map(|email| address(email, dice)),
                "company": company.short,
                "title": person.title.0,
                "province": company.place.province,
                "status": *dice.pick(&[1, 3, 6]),
                "owner_id": Self::owner(company.place.team, state),
                "idle_days": idle,
            }),
        );
        self.people.insert(
            person.name.clone(),
            json!({
                "object": "lead", "id": id, "owner": state, "idle_days": idle, "open_opportunity": false,
            }),
        );
    }

    /// Customers of whom no lead speaks.
    fn strangers(&mut self, dice: &mut Dice) {
        for i in 0..20 {
            let place = &PLACES[(i * 7) % PLACES.len()];
            let owner = Self::owner(place.team, "active");
            let account = self.add(
                "accounts",
                'A',
                json!({
                    "name": format!("{}样板老客户{:02}有限公司", place.city, i + 1),
                    "industry": 9, "province": place.province, "city": place.city, "employees": 50 + 10 * i,
                    "owner_id": owner, "idle_days": 10 + dice.below(100),
                }),
            );
            self.add(
                "contacts",
                'C',
                json!({
                    "name": format!("样板联系人{:02}", i + 1),
                    "phone": format!("1870000{:04}", 2001 + i),
                    "account_id": account, "owner_id": owner, "idle_days": 10 + dice.below(100),
                }),
            );
        }
    }
}

fn table(header: &[&str], rows: impl Iterator<Item = Vec<String>>) -> Vec<u8> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(header).unwrap();
    rows.for_each(|row| writer.write_record(row).unwrap());
    writer.into_inner().unwrap()
}

fn owned(row: &[&str]) -> Vec<String> {
    row.iter().map(|cell| (*cell).to_owned()).collect()
}

pub(crate) fn campaigns() -> Vec<u8> {
    let rows = [
        ["bd-mes-q4", "百度 MES 四季度", "百度 SEM", "MES", "2026-10-01", "2026-12-31", "180000"],
        ["so-mes-q4", "360 MES 四季度", "360 SEM", "MES", "2026-10-01", "2026-12-31", "60000"],
        ["wx-report", "微信行业报告", "微信公众号", "MES", "2026-09-01", "2026-12-31", "35000"],
        ["mail-case", "案例邮件", "邮件", "质量追溯", "2026-10-15", "2026-12-31", "8000"],
        ["site-demo", "官网预约演示", "官网", "MES", "2026-01-01", "2026-12-31", "0"],
        ["fair-2026", "2026 示例工业展", "展会", "数据采集", "2026-11-03", "2026-11-06", "260000"],
        [
            "webinar-2026-11",
            "Traceability webinar",
            "网络研讨会",
            "质量追溯",
            "2026-11-12",
            "2026-11-12",
            "15000",
        ],
        ["live-2026-11", "十一月直播", "直播", "数据采集", "2026-11-18", "2026-11-18", "22000"],
    ];
    table(&["code", "name", "channel", "product", "from", "to", "cost"], rows.iter().map(|row| owned(row)))
}

pub(crate) fn people() -> Vec<u8> {
    let rows = (1001..).zip(USERS).map(|(number, (key, name, _, manager, _, deputy))| {
        let mobile = format!("1890000{number}");
        let mail = format!("{key}@sales.example");
        let wecom = key.replace('.', "");
        owned(&[key, name, &format!("U{number}"), &wecom, &mobile, &mail, manager, deputy])
    });
    table(&["key", "name", "crm_user", "wecom_id", "mobile", "mail", "manager", "deputy"], rows)
}

/// Each province in the three ways in which people write it.
pub(crate) fn regions() -> Vec<u8> {
    let mut rows: Vec<Vec<String>> = Vec::new();
    for place in &PLACES {
        for name in [place.province, place.full, place.english] {
            let row = owned(&[name, place.team]);
            if !rows.contains(&row) {
                rows.push(row);
            }
        }
    }
    table(&["province", "team"], rows.into_iter())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A truth that names the wrong owner would send every later test astray.
    #[test]
    fn owners_are_in_the_state_that_the_truth_says() {
        let seed = Seed::new(&Cast::new());
        let state = |owner: &Value| {
            let users = seed.objects["users"].as_array().unwrap();
            owner.as_str().map_or("none", |id| {
                users.iter().find(|user| user["id"] == id).unwrap()["state"].as_str().unwrap()
            })
        };
        let rows = |object: &str| seed.objects[object].as_array().unwrap();
        for known in seed.people.values() {
            let object = format!("{}s", known["object"].as_str().unwrap());
            let record = rows(&object).iter().find(|record| record["id"] == known["id"]).unwrap();
            assert_eq!(state(&record["owner_id"]), known["owner"].as_str().unwrap(), "{record}");
        }
        let states: Vec<&str> = rows("accounts").iter().map(|account| state(&account["owner_id"])).collect();
        for wanted in ["active", "on_leave", "left", "none"] {
            assert!(states.contains(&wanted), "no account whose owner is {wanted}");
        }
    }
}
