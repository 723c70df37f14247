//! The standard rules of the tests: the sections 5 to 8 of the example config, in code.

use std::collections::{BTreeMap, BTreeSet};

use jiff::tz::TimeZone;
use leadloop_mapping::Value;
use leadloop_mapping::expr::{Expected, Expr, Schema, Type};
use leadloop_sync_core::because::Language;
use leadloop_sync_core::calendar::Calendar;
use leadloop_sync_core::ids::{LinkName, PersonKey};
use leadloop_sync_core::lead::Stage;
use leadloop_sync_core::mirror::Roles;
use leadloop_sync_core::outbox::RetryPolicy;
use leadloop_sync_core::policy::{
    Assign, CampaignPolicy, ConsentPolicy, CrmPolicy, Deed, Deleted, FeedbackFields, FeedbackRule,
    HandoffPolicy, IdentityPolicy, Length, Member, NextAction, Person, Policy, PoolRules, Reads,
    RecyclePolicy, Route, RuleAction, SlaRule, SlaStep, StatusMeaning, StatusPolicy, Team, TransferRule, Who,
};
use leadloop_sync_core::time::Micros;
use leadloop_sync_core::{matching, sla};

/// The CRM of the tests.
pub(crate) const CRM: &str = "sales";

/// The CRM of the tests, as a name.
pub(crate) fn crm() -> LinkName {
    LinkName::from(CRM)
}

/// The names expressions may read in the tests.
pub(crate) fn schema() -> Schema {
    let builder = Schema::builder()
        .open("lead")
        .open("company")
        .open("touch")
        .open_as("score", Type::number())
        .field("lead.phone", Type::text().nullable())
        .field("company.employees", Type::number().nullable());
    sla::handoff_schema(matching::crm_schema(builder)).build()
}

/// A condition.
pub(crate) fn when(text: &str) -> Expr {
    Expr::compile(text, &schema(), Expected::Bool)
        .unwrap_or_else(|problems| panic!("`{text}` does not compile: {problems:?}"))
}

fn strings(list: &[&str]) -> Vec<String> {
    list.iter().map(|text| (*text).to_owned()).collect()
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn pairs(list: &[(&str, &str)]) -> BTreeMap<String, String> {
    list.iter().map(|(from, to)| ((*from).to_owned(), (*to).to_owned())).collect()
}

/// Everything: rules, people, teams, response times, feedback.
pub(crate) fn standard() -> Policy {
    let zone = TimeZone::get("Asia/Shanghai").expect("the zone is bundled");
    Policy {
        config: "test".to_owned(),
        zone: zone.clone(),
        language: Language::Zh,
        region: "CN".to_owned(),
        calendar: Calendar::weekdays(zone),
        sources: BTreeMap::new(),
        identity: IdentityPolicy {
            order: vec![],
            limits: BTreeMap::new(),
            blocked: BTreeSet::new(),
            recycled_after: None,
        },
        consent: ConsentPolicy { transfer_must_be_given: true, ..ConsentPolicy::default() },
        pool: PoolRules::default(),
        companies: Default::default(),
        campaign: CampaignPolicy::default(),
        scores: vec![],
        mql: Vec::new(),
        judging: Reads::default(),
        crms: BTreeMap::from([(crm(), crm_policy())]),
        mas: BTreeMap::new(),
        enrich: Vec::new(),
        transfer: rules(),
        people: people(),
        leave: vec![],
        teams: teams(),
        routes: BTreeMap::from([("by_region".to_owned(), by_region())]),
        handoff: HandoffPolicy {
            link: Some(crm()),
            brief: strings(&["requirement", "tags", "scores", "last 20 touches", "why"]),
            returned_to_public_pool: true,
            returned_status: Some(Stage::Resting),
            when_accepted: false,
            link_for: leadloop_sync_core::time::Micros::days(30),
        },
        sla: vec![response_time()],
        feedback: feedback(),
        recycle: RecyclePolicy { at_most: 3, cool_down: Micros::days(90) },
        tracks: BTreeMap::new(),

        desk: None,
        notices: leadloop_sync_core::notice::NoticePolicy::default(),
    }
}

/// The CRM: field roles as the sandbox has them.
pub(crate) fn crm_policy() -> CrmPolicy {
    CrmPolicy {
        link: crm(),
        mapping: BTreeMap::new(),
        status: vec![
            StatusPolicy {
                object: "lead".to_owned(),
                field: "status".to_owned(),
                write: BTreeMap::from([
                    (Stage::WithSales, Value::Int(2)),
                    (Stage::Accepted, Value::Int(3)),
                    (Stage::Resting, Value::Int(6)),
                ]),
                read: BTreeMap::from([
                    ("1".to_owned(), StatusMeaning::Stage(Stage::WithSales)),
                    ("2".to_owned(), StatusMeaning::Stage(Stage::WithSales)),
                    ("3".to_owned(), StatusMeaning::Stage(Stage::Accepted)),
                    ("4".to_owned(), StatusMeaning::Stage(Stage::Opportunity)),
                    ("5".to_owned(), StatusMeaning::Returned),
                    ("6".to_owned(), StatusMeaning::Stage(Stage::Resting)),
                ]),
                amount: None,
                received: None,
            },
            StatusPolicy {
                object: "opportunity".to_owned(),
                field: "stage".to_owned(),
                write: BTreeMap::new(),
                read: BTreeMap::from([
                    ("4".to_owned(), StatusMeaning::Stage(Stage::Won)),
                    ("5".to_owned(), StatusMeaning::Stage(Stage::Lost)),
                    ("*".to_owned(), StatusMeaning::Stage(Stage::Opportunity)),
                ]),
                amount: some("amount"),
                received: some("received"),
            },
        ],
        mark: "leadloop_id".to_owned(),
        feedback: Some(FeedbackFields {
            object: "lead".to_owned(),
            field: "feedback".to_owned(),
            remark: some("feedback_remark"),
            released: some("release_reason"),
        }),
        roles: roles(),
        mirrored: strings(&["user", "account", "contact", "lead", "opportunity", "activity"]),
        described: vec![],
        every_busy: Micros::seconds(60),
        every_idle: Micros::minutes(20),
        look_back: Micros::minutes(5),
        decide_within: Micros::minutes(15),
        retry: RetryPolicy::default(),
        find_lag: Micros::seconds(60),
        full_check: None,
        find_late: Micros::minutes(10),
        mark_unique: false,
        creates_per_hour: None,
        owner_changes_per_hour: None,
        deletes_per_hour: None,
        asks_per_hour: None,
        deleted: Deleted::default(),
    }
}

fn roles() -> BTreeMap<String, Roles> {
    let person = Roles {
        name: some("name"),
        phones: strings(&["phone"]),
        emails: strings(&["email"]),
        account: some("account_id"),
        owner: some("owner_id"),
        mark: some("leadloop_id"),
        last_activity: some("last_activity_at"),
        merged_into: some("merged_into"),
        ..Roles::default()
    };
    let lead = Roles {
        company: some("company"),
        status: some("status"),
        converted: pairs(&[("contact", "contact_id"), ("opportunity", "opportunity_id")]),
        ..person.clone()
    };
    let account = Roles {
        name: some("name"),
        phones: strings(&["phone"]),
        credit_code: some("credit_code"),
        website: some("website"),
        owner: some("owner_id"),
        last_activity: some("last_activity_at"),
        merged_into: some("merged_into"),
        ..Roles::default()
    };
    let opportunity = Roles {
        name: some("name"),
        account: some("account_id"),
        people: pairs(&[("contact", "contact_id"), ("lead", "lead_id")]),
        owner: some("owner_id"),
        status: some("stage"),
        won: strings(&["4"]),
        lost: strings(&["5"]),
        amount: some("amount"),
        last_activity: some("last_activity_at"),
        ..Roles::default()
    };
    let activity = Roles {
        name: some("subject"),
        remark: some("body"),
        people: pairs(&[("contact", "contact_id"), ("lead", "lead_id")]),
        owner: some("owner_id"),
        mark: some("leadloop_id"),
        ..Roles::default()
    };
    let user = Roles {
        name: some("name"),
        user_state: some("state"),
        user_states: pairs(&[("active", "active"), ("on_leave", "on_leave"), ("left", "left")]),
        ..Roles::default()
    };
    [
        ("lead", lead),
        ("contact", person),
        ("account", account),
        ("opportunity", opportunity),
        ("activity", activity),
        ("user", user),
    ]
    .into_iter()
    .map(|(object, roles)| (object.to_owned(), roles))
    .collect()
}

/// A transfer rule.
pub(crate) fn rule(name: &str, condition: &str, deed: Deed, assign: Option<Assign>) -> TransferRule {
    let does = RuleAction { deed, assign, link_company: false, notify: None, reason: None };
    TransferRule { name: name.to_owned(), when: when(condition), does }
}

/// The transfer rules of the example config.
pub(crate) fn rules() -> Vec<TransferRule> {
    let lead = || Deed::Create("lead".to_owned());
    let by_region = || Some(Assign::Route("by_region".to_owned()));
    let mut rules = vec![
        rule(
            "someone follows this person",
            r#"crm.person.found and crm.person.owner.state in ["active", "on_leave"] and (crm.person.open_opportunity or crm.person.idle_days < 30)"#,
            Deed::Update(Who::Person),
            None,
        ),
        rule(
            "a colleague at the same company has an owner",
            r#"crm.company.found and crm.company.owner.state in ["active", "on_leave"]"#,
            lead(),
            Some(Assign::OwnerOf(Who::Company)),
        ),
        rule(
            "the company is only similar",
            "crm.company.maybe",
            Deed::Hold { team: Some("inside_sales".to_owned()), at_most: Length::WorkingDays(1) },
            None,
        ),
        rule("the owner left or sleeps", "crm.person.found", Deed::Update(Who::Person), by_region()),
        rule(
            "large company",
            "(company.employees ?? 0) >= 1000",
            lead(),
            Some(Assign::Team("key_accounts".to_owned())),
        ),
        rule("everyone else", "true", lead(), by_region()),
    ];
    if let Some(colleague) = rules.get_mut(1) {
        colleague.does.link_company = true;
    }
    rules
}

fn people() -> BTreeMap<PersonKey, Person> {
    let people = [
        ("li.na", "U1", Some("sun.hao"), Some("wang.wei")),
        ("wang.wei", "U2", Some("sun.hao"), None),
        ("chen.jie", "U3", Some("sun.hao"), None),
        ("zhao.min", "U4", None, None),
        ("sun.hao", "U5", None, None),
        ("zhou.ting", "U6", Some("sun.hao"), None),
    ];
    people
        .into_iter()
        .map(|(key, user, manager, deputy)| {
            let person = Person {
                key: PersonKey::from(key),
                name: key.to_owned(),
                crm_user: BTreeMap::from([(crm(), user.to_owned())]),
                manager: manager.map(PersonKey::from),
                deputy: deputy.map(PersonKey::from),
                addresses: BTreeMap::new(),
            };
            (person.key.clone(), person)
        })
        .collect()
}

fn member(person: &str, weight: u32, cap_per_day: Option<u32>, open_at_most: Option<u32>) -> Member {
    Member { person: PersonKey::from(person), weight, cap_per_day, open_at_most }
}

fn teams() -> BTreeMap<String, Team> {
    let teams = [
        ("east", vec![member("li.na", 2, Some(15), Some(60)), member("wang.wei", 1, None, None)]),
        ("south", vec![member("zhou.ting", 1, None, Some(2))]),
        ("key_accounts", vec![member("chen.jie", 1, None, Some(40))]),
        ("inside_sales", vec![member("zhao.min", 1, None, None)]),
        ("sales_desk", vec![member("sun.hao", 1, None, None)]),
        ("nobody", vec![]),
    ];
    teams.into_iter().map(|(name, members)| (name.to_owned(), Team { members })).collect()
}

fn by_region() -> Route {
    Route {
        by: "lead.province".to_owned(),
        table: pairs(&[
            ("上海", "east"),
            ("江苏", "east"),
            ("浙江", "east"),
            ("广东", "south"),
            ("西藏", "nobody"),
        ]),
        fallback: some("sales_desk"),
        sticky: true,
    }
}

fn response_time() -> SlaRule {
    let step = |clock: &str, days: u32, does: &str, whom: Option<&str>| SlaStep {
        clock: clock.to_owned(),
        after: Length::WorkingDays(days),
        does: does.to_owned(),
        whom: whom.map(str::to_owned),
        assign: None,
        except_owner: false,
    };
    let take_back = SlaStep {
        assign: Some(Assign::Route("by_region".to_owned())),
        except_owner: true,
        ..step("result", 6, "take_back", None)
    };
    SlaRule {
        name: "everyone".to_owned(),
        when: when("true"),
        accept_within: Some(Length::WorkingDays(1)),
        result_within: Some(Length::WorkingDays(5)),
        steps: vec![
            step("accept", 1, "remind", Some("owner")),
            step("result", 5, "tell", Some("manager")),
            take_back,
        ],
    }
}

fn feedback() -> BTreeMap<String, FeedbackRule> {
    let rest = |days: i64| NextAction { rest: Some(Micros::days(days)), ..NextAction::default() };
    let rules = [
        ("accepted", 1, "已接受", NextAction { stage: Some(Stage::Accepted), ..NextAction::default() }),
        (
            "buys_in_a_year",
            2,
            "一年后采购",
            NextAction { track: some("long_nurture"), mql_again: true, ..rest(270) },
        ),
        (
            "need_unclear",
            3,
            "需求不明确",
            NextAction { track: some("nurture"), same_owner: true, ..rest(30) },
        ),
        (
            "lost_to_competitor",
            4,
            "被竞争对手拿下",
            NextAction { track: some("competitor_watch"), cool_down_owner: true, ..rest(180) },
        ),
        (
            "wrong_person",
            5,
            "联系人无效",
            NextAction { close: some("invalid"), lower_source: true, ..NextAction::default() },
        ),
        ("no_budget", 6, "无预算", NextAction { cool_down_owner: true, ..NextAction::default() }),
    ];
    rules
        .into_iter()
        .map(|(tag, value, label, next)| {
            let rule = FeedbackRule {
                tag: tag.to_owned(),
                label: (label.to_owned(), tag.replace('_', " ")),
                crm: BTreeMap::from([(crm(), Value::Int(value))]),
                next,
                ask: vec![],
            };
            (tag.to_owned(), rule)
        })
        .collect()
}
