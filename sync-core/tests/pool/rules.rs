//! The rules of these tests: sections 1 to 4 of the example config, in code.

use std::collections::{BTreeMap, BTreeSet};

use jiff::tz::TimeZone;
use leadloop_mapping::Value;
use leadloop_mapping::expr::{Expected, Expr, Schema};
use leadloop_sync_core::because::Language;
use leadloop_sync_core::calendar::Calendar;
use leadloop_sync_core::capture::IdentifierKind;
use leadloop_sync_core::facts::{self, Declared};
use leadloop_sync_core::ids::{LinkName, SourceName};
use leadloop_sync_core::lead::Stage;
use leadloop_sync_core::outbox::RetryPolicy;
use leadloop_sync_core::policy::{
    AttributeRule, Brings, Campaign, CampaignPolicy, ConsentPolicy, HandoffPolicy, IdentityPolicy, MaPolicy,
    MqlPolicy, Policy, PoolRules, Reads, RecyclePolicy, ScoreModel, SourcePolicy, TouchRule, Track,
};
use leadloop_sync_core::time::Micros;
use leadloop_sync_core::{matching, sla};

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

pub(crate) fn declared() -> Declared {
    Declared {
        fields: set(&["segment", "olist_id"]),
        scores: BTreeMap::from([
            ("fit".to_owned(), (-100, 100)),
            ("interest".to_owned(), (0, 100)),
            ("nurturing".to_owned(), (0, 1000)),
        ]),
        sources: set(&["website", "fair", "booth", "analytics", "live", "nurturing", "olist", "deals"]),
        tracks: set(&["nurture", "wake_up", "long_nurture"]),
        tags: set(&["buys_in_a_year", "need_unclear"]),
        ..Declared::default()
    }
}

pub(crate) fn schema() -> Schema {
    sla::handoff_schema(matching::crm_schema(facts::schema(Schema::builder(), &declared()))).build()
}

fn compiled(text: &str, expected: Expected) -> Expr {
    Expr::compile(text, &schema(), expected)
        .unwrap_or_else(|problems| panic!("`{text}` does not compile: {problems:?}"))
}

pub(crate) fn when(text: &str) -> Expr {
    compiled(text, Expected::Bool)
}

/// A source with nothing special about it.
pub(crate) fn source(name: &str, touch: &str) -> SourcePolicy {
    SourcePolicy {
        name: SourceName::from(name),
        brings: Brings::Touches,
        touch: touch.to_owned(),
        channel: None,
        require: vec![],
        fields: vec![],
        fixed: vec![],
        identifiers: BTreeMap::new(),
        duplicate_within: Micros::minutes(10),
        shared_device: false,
        keep: None,
        counts: false,
        polls: None,
        consent: None,
    }
}

fn sources() -> BTreeMap<SourceName, SourcePolicy> {
    let demand = |text: &str| vec![text.split(" or ").map(str::to_owned).collect::<Vec<_>>()];
    let pairs = |list: &[(&str, &str)]| {
        list.iter().map(|(from, to)| ((*from).to_owned(), (*to).to_owned())).collect::<Vec<_>>()
    };
    let list = [
        SourcePolicy {
            require: demand("phone or email"),
            fields: pairs(&[("mobile", "phone"), ("corp", "company"), ("need", "requirement")]),
            ..source("website", "form_submitted")
        },
        SourcePolicy { consent: Some(true), ..source("fair", "event_signed_in") },
        SourcePolicy { shared_device: true, ..source("booth", "event_signed_in") },
        SourcePolicy {
            keep: Some(when(
                r#"touch.event in ["PricingViewed", "DemoRequested"] or startsWith(touch.event, "Doc")"#,
            )),
            ..source("analytics", "web_event")
        },
        SourcePolicy {
            fields: pairs(&[("watch.minutes", "touch.minutes")]),
            ..source("live", "live_attended")
        },
        source("nurturing", "mail_clicked"),
        SourcePolicy {
            fields: pairs(&[
                ("mql_id", "olist_id"),
                ("origin", "touch.channel"),
                ("first_contact_date", "touch.at"),
            ]),
            fixed: vec![("segment".to_owned(), Value::text("marketplace"))],
            identifiers: BTreeMap::from([("olist_id".to_owned(), IdentifierKind::from("olist_id"))]),
            ..source("olist", "form_submitted")
        },
        SourcePolicy { brings: Brings::Answers, ..source("deals", "deal_closed") },
    ];
    list.into_iter().map(|source| (source.name.clone(), source)).collect()
}

fn touch(kind: &str, points: i64) -> TouchRule {
    TouchRule { touch: kind.to_owned(), points, at_most: None, when: None, plus: None }
}

fn scores() -> Vec<ScoreModel> {
    let none = |name: &str| ScoreModel {
        version: 0,
        name: name.to_owned(),
        range: (0, 100),
        half_life: None,
        cap_per_day: None,
        add: vec![],
        touches: vec![],
        from: None,
    };
    let add = |points: i64, text: &str| AttributeRule { points, when: when(text) };
    vec![
        ScoreModel {
            range: (-100, 100),
            add: vec![
                add(30, r#"matches(lead.title ?? "", "(?i)总|经理|director|head|vp")"#),
                add(25, r#"company.industry in ["制造业", "汽车"]"#),
                add(20, "(company.employees ?? 0) >= 200"),
                add(-100, r#"endsWith(lead.email ?? "", "@competitor.example")"#),
            ],
            ..none("fit")
        },
        ScoreModel {
            half_life: Some(Micros::days(14)),
            cap_per_day: Some(40),
            touches: vec![
                touch("form_submitted", 30),
                TouchRule { at_most: Some(45), ..touch("content_downloaded", 15) },
                TouchRule {
                    plus: Some(compiled("touch.minutes >= 30 ? 10 : 0", Expected::Number)),
                    ..touch("live_attended", 20)
                },
                TouchRule { when: Some(when(r#"touch.event == "PricingViewed""#)), ..touch("web_event", 5) },
                touch("unsubscribed", -20),
            ],
            ..none("interest")
        },
        ScoreModel { range: (0, 1000), from: Some("nurturing".to_owned()), ..none("nurturing") },
    ]
}

fn tracks() -> BTreeMap<String, Track> {
    let track = |name: &str, text: Option<&str>| Track {
        name: name.to_owned(),
        ma: LinkName::from("nurturing"),
        segment: format!("segment-{name}"),
        when: text.map(when),
    };
    let list = [
        track("nurture", Some(r#"lead.stage == "raw" and lead.days_since_first_touch >= 7"#)),
        track("wake_up", Some(r#"lead.stage in ["raw", "resting"] and lead.days_since_last_touch >= 90"#)),
        track("long_nurture", None),
    ];
    list.into_iter().map(|track| (track.name.clone(), track)).collect()
}

fn campaign() -> CampaignPolicy {
    CampaignPolicy {
        code: vec!["utm_campaign".to_owned(), "campaign".to_owned()],
        keep: vec![],
        channels: vec![(
            "百度 SEM".to_owned(),
            when(r#"touch.utm_source == "baidu" and touch.utm_medium == "cpc""#),
        )],
        table: BTreeMap::from([(
            "spring".to_owned(),
            Campaign { name: "Spring".into(), channel: Some("mailing".into()), product: None, cost: None },
        )]),
        ..CampaignPolicy::default()
    }
}

fn handoff() -> HandoffPolicy {
    HandoffPolicy {
        link: None,
        brief: vec![],
        returned_to_public_pool: true,
        returned_status: None,
        when_accepted: false,
        link_for: leadloop_sync_core::time::Micros::days(30),
    }
}

/// Everything.
pub(crate) fn standard() -> Policy {
    let zone = TimeZone::get("Asia/Shanghai").expect("the zone is bundled");
    let kinds = [
        "crm_id", "phone", "email", "wecom_id", "unionid", "login_id", "ma_id", "openid", "uba_id", "cookie",
    ];
    let limit = |kind: &str, most: u32, window: Option<Micros>| (IdentifierKind::from(kind), (most, window));
    let mut policy = Policy {
        config: "test".to_owned(),
        zone: zone.clone(),
        language: Language::En,
        region: "CN".to_owned(),
        calendar: Calendar::weekdays(zone),
        sources: sources(),
        identity: IdentityPolicy {
            order: kinds.map(IdentifierKind::from).to_vec(),
            limits: BTreeMap::from([
                limit("phone", 3, None),
                limit("email", 5, None),
                limit("cookie", 2, Some(Micros::days(7))),
            ]),
            blocked: set(&["13800000000", "nobody@shili.example"]),
            recycled_after: Some(Micros::days(180)),
        },
        consent: ConsentPolicy { transfer_must_be_given: true, ..ConsentPolicy::default() },
        pool: PoolRules::default(),
        companies: Default::default(),
        campaign: campaign(),
        scores: scores(),
        judging: Reads::default(),
        mql: vec![MqlPolicy {
            name: None,
            cool_down: None,
            when: when("score.fit >= 40 and score.interest >= 30 and lead.phone != null"),
            also: vec![when(
                r#"touch.kind == "form_submitted" and touch.source == "website" and score.fit > -50"#,
            )],
            leave: Some(when("score.interest < 15")),
        }],
        crms: BTreeMap::new(),
        mas: BTreeMap::from([(
            LinkName::from("nurturing"),
            MaPolicy {
                link: LinkName::from("nurturing"),
                source: SourceName::from("nurturing"),
                gives: set(&["stage", "owner", "feedback", "tags", "track"]),
                quiet_while: BTreeSet::from([Stage::WithSales, Stage::Accepted]),
                retry: RetryPolicy::default(),
            },
        )]),
        enrich: vec![],
        transfer: vec![],
        people: BTreeMap::new(),
        leave: vec![],
        teams: BTreeMap::new(),
        routes: BTreeMap::new(),
        handoff: handoff(),
        sla: vec![],
        feedback: BTreeMap::new(),
        recycle: RecyclePolicy { at_most: 3, cool_down: Micros::days(90) },
        tracks: tracks(),

        desk: None,
        notices: leadloop_sync_core::notice::NoticePolicy::default(),
    };
    policy.judging = facts::judging(&policy);
    policy
}
