//! The book a test begins with: a fresh mirror that holds what the test says the CRM knows.

use std::collections::BTreeMap;

use leadloop_sync_core::book::Book;
use leadloop_sync_core::handoff::{Clocks, Handoff, HandoffState};
use leadloop_sync_core::ids::LinkName;
use leadloop_sync_core::lead::{Owner, RemoteRef};
use leadloop_sync_core::matching;
use leadloop_sync_core::mirror::{MirrorFacts, MirrorRow, OwnerState};
use leadloop_sync_core::mirror_read::{ACCOUNT, OPPORTUNITY, PEOPLE, USER};
use leadloop_sync_core::moment::Moment;
use leadloop_sync_core::normal::phone::Country;
use leadloop_sync_core::normal::{credit_code, domain, email, phone};
use leadloop_sync_core::policy::{CrmPolicy, Policy};
use leadloop_sync_core::routing::{self, Dealings, Search};
use leadloop_sync_core::time::{Micros, Timestamp};

use super::{Known, RuleTest, Who};
use crate::problem::Words;

/// What is known at the beginning, and what stands in the way of it.
pub(super) struct Ground {
    pub(super) book: Book,
    pub(super) notes: Vec<Words>,
}

/// One CRM and the test that fills its mirror.
struct Filling<'a> {
    policy: &'a Policy,
    test: &'a RuleTest,
    crm: &'a CrmPolicy,
    ground: Ground,
}

/// The book of a test.
pub(super) fn of(policy: &Policy, test: &RuleTest) -> Ground {
    let ground = Ground { book: Book::default(), notes: Vec::new() };
    let Some(crm) = policy.handoff.link.as_ref().and_then(|link| policy.crms.get(link)) else {
        return ground;
    };
    let mut filling = Filling { policy, test, crm, ground };
    filling.users();
    filling.fresh();
    let account = test.company.as_ref().map(|company| filling.company(company));
    if let Some(person) = &test.person {
        filling.person(person, account.as_ref());
    }
    filling.in_flight();
    filling.counters();
    filling.ground
}

impl Filling<'_> {
    fn link(&self) -> &LinkName {
        &self.crm.link
    }

    fn note(&mut self, en: impl Into<String>, zh: impl Into<String>) {
        self.ground.notes.push(Words::new(en, zh));
    }

    fn row(&mut self, object: &str, id: &str, facts: MirrorFacts) -> RemoteRef {
        let remote = RemoteRef { link: self.link().clone(), object: object.to_owned(), id: id.to_owned() };
        let row = MirrorRow {
            remote: remote.clone(),
            facts,
            fields: leadloop_mapping::Record::new(),
            modified_at: Some(self.test.now),
            seen_at: self.test.now,
            deleted: false,
        };
        self.ground.book.put_mirror(&row);
        remote
    }

    /// Everybody of the table is a user who works there, unless the test says otherwise.
    fn users(&mut self) {
        let users: Vec<(String, OwnerState)> = self
            .policy
            .people
            .values()
            .filter_map(|person| {
                let user = person.crm_user.get(self.link())?.clone();
                let said = self.test.staff.iter().find(|staff| staff.person == person.key);
                Some((user, said.and_then(|staff| staff.state).unwrap_or(OwnerState::Active)))
            })
            .collect();
        for (user, state) in users {
            self.user(&user, state);
        }
    }

    fn user(&mut self, user: &str, state: OwnerState) {
        self.row(USER, user, MirrorFacts { user_state: Some(state), open: true, ..MirrorFacts::default() });
    }

    fn fresh(&mut self) {
        let objects = self.crm.mirrored.clone();
        for object in objects {
            self.ground.book.fresh.insert((self.link().clone(), object), self.test.now);
        }
    }

    /// The user id of somebody who follows a record; their state is what the test says.
    fn owner(&mut self, owner: Option<&Who>, state: Option<OwnerState>) -> Option<String> {
        let user = match owner? {
            Who::User(user) => user.clone(),
            Who::Person(key) => match self.policy.people.get(key).and_then(|p| p.crm_user.get(self.link())) {
                Some(user) => user.clone(),
                None => {
                    let link = self.link().clone();
                    self.note(
                        format!("`{key}` has no user in `{link}`: the record counts as nobody's"),
                        format!("`{key}` 在 `{link}` 中没有用户：该记录视为无负责人"),
                    );
                    return None;
                }
            },
        };
        match state {
            Some(OwnerState::None) => return None,
            Some(state) => self.user(&user, state),
            None => {}
        }
        Some(user)
    }

    /// What a lead of the test says of a field, in its first record that says it.
    fn said(&self, field: &str) -> Option<String> {
        self.test.steps.iter().find_map(|step| step.raw.fields.text(field).map(str::to_owned))
    }

    fn company(&mut self, known: &Known) -> RemoteRef {
        let owner = self.owner(known.owner.as_ref(), known.owner_state);
        let facts = MirrorFacts {
            name: known.name.clone().or_else(|| self.said("company")),
            credit_code: known
                .credit_code
                .as_deref()
                .and_then(|code| credit_code::parse(code).ok())
                .map(|code| code.code),
            domain: known.website.as_deref().and_then(domain::of_website),
            ..self.facts(known, owner)
        };
        let account = self.row(ACCOUNT, "test-account", facts.clone());
        let deal = MirrorFacts { account: Some(account.id.clone()), ..MirrorFacts::default() };
        self.deals(known, &facts, deal, "account");
        account
    }

    fn person(&mut self, known: &Known, account: Option<&RemoteRef>) {
        let owner = self.owner(known.owner.as_ref(), known.owner_state);
        let region = self.policy.region.parse().unwrap_or(Country::CN);
        let phone = known.phone.clone().or_else(|| self.said("phone"));
        let email = known.email.clone().or_else(|| self.said("email"));
        let facts = MirrorFacts {
            name: known.name.clone().or_else(|| self.said("name")),
            phones: phone
                .and_then(|text| phone::parse(&text, region).ok())
                .map(|phone| phone.e164)
                .into_iter()
                .collect(),
            emails: email
                .and_then(|text| email::parse(&text).ok())
                .map(|email| email.address)
                .into_iter()
                .collect(),
            account: account.map(|account| account.id.clone()),
            ..self.facts(known, owner)
        };
        if facts.phones.is_empty() && facts.emails.is_empty() {
            self.note(
                "the person in the CRM has neither phone nor address: nobody recognises them there",
                "CRM 中的此人没有电话也没有邮箱：无法识别",
            );
        }
        let object = known.object.clone().unwrap_or_else(|| self.person_object());
        let person = self.row(&object, "test-person", facts.clone());
        let deal = MirrorFacts { people: vec![person], ..MirrorFacts::default() };
        self.deals(known, &facts, deal, "person");
    }

    /// The object that holds people where the test does not say: the one that is mirrored.
    fn person_object(&self) -> String {
        let mirrored = |object: &&str| self.crm.mirrored.iter().any(|known| known == *object);
        ["lead", "contact"].into_iter().find(mirrored).unwrap_or(PEOPLE[0]).to_owned()
    }

    fn facts(&self, known: &Known, owner: Option<String>) -> MirrorFacts {
        MirrorFacts {
            owner,
            status: known.status.clone(),
            open: true,
            last_activity_at: Some(self.test.now - Micros::days(known.idle_days)),
            ..MirrorFacts::default()
        }
    }

    /// Opportunities about a record.
    fn deals(&mut self, known: &Known, about: &MirrorFacts, deal: MirrorFacts, name: &str) {
        let deal =
            MirrorFacts { owner: about.owner.clone(), last_activity_at: about.last_activity_at, ..deal };
        if known.open_opportunity {
            let open = MirrorFacts { open: true, ..deal.clone() };
            self.row(OPPORTUNITY, &format!("test-open-{name}"), open);
        }
        if known.customer {
            let won = MirrorFacts { open: false, won: Some(true), ..deal };
            self.row(OPPORTUNITY, &format!("test-won-{name}"), won);
        }
    }

    /// Hand-overs of colleagues: found by the company's name or domain, as any other.
    fn in_flight(&mut self) {
        let Some(running) = &self.test.in_flight else { return };
        let key = self.said("company").and_then(|name| matching::company_key(&name));
        if key.is_none() {
            self.note(
                "the lead names no company: no hand-over of a colleague is found",
                "线索没有公司名称：找不到同事的在途转出",
            );
        }
        let owner = self.owner(running.owner.as_ref(), None);
        let person = running.owner.as_ref().and_then(|owner| match owner {
            Who::Person(key) => Some(key.clone()),
            Who::User(_) => None,
        });
        let owner = owner.map(|crm_user| Owner { person, crm_user });
        for number in 0..running.count {
            let at = self.test.now - Micros::hours(1);
            // Ids of others: a seed of their own, so that the lead's own ids stay what they are.
            let mut moment = Moment::new(at, 0x00c0_11ea_60e5 + u64::from(number));
            let handoff = Handoff {
                id: moment.id(),
                version: 1,
                lead: moment.id(),
                link: self.link().clone(),
                state: HandoffState::WithSales,
                state_since: at,
                opened_at: at,
                decision: None,
                rule: None,
                action: None,
                owner: owner.clone(),
                remote: None,
                company_key: key.clone(),
                agreed: leadloop_mapping::Record::new(),
                feedback: None,
                remark: None,
                due: None,
                clocks: Clocks::default(),
                parked: None,
                by: None,
                rules_tried: 0,
                desk: None,
            };
            self.ground.book.handoffs.insert(handoff.id, handoff);
        }
    }

    /// Turns as they stood, open hand-overs and hand-overs of today by person.
    fn counters(&mut self) {
        let mut counters: BTreeMap<String, serde_json::Value> = self.test.counters.clone();
        let link = self.link().clone();
        for staff in &self.test.staff {
            let Some(user) =
                self.policy.people.get(&staff.person).and_then(|person| person.crm_user.get(&link)).cloned()
            else {
                continue;
            };
            if let Some(open) = staff.open {
                self.ground.book.load.insert((link.clone(), user.clone()), open);
            }
            let owner = Owner { person: Some(staff.person.clone()), crm_user: user };
            given(self.policy, &link, self.test.now, &owner, staff.today, &mut counters);
        }
        self.ground.book.counters.extend(counters);
    }
}

/// Counts so many hand-overs of today to somebody.
fn given(
    policy: &Policy,
    link: &LinkName,
    now: Timestamp,
    owner: &Owner,
    count: u32,
    counters: &mut BTreeMap<String, serde_json::Value>,
) {
    let (book, dealings, facts) = (Book::default(), Dealings::default(), serde_json::Value::Null);
    let (policy, dealings, facts) = (policy, &dealings, &facts);
    let search =
        Search { book: &book, policy, link, now, dealings, except: None, company_owner: None, facts };
    for _ in 0..count {
        routing::count_given(&search, owner, counters);
    }
}
