//! Real leads of a marketplace and the deals its sales closed: imported, counted by channel, held against what the files
//! themselves hold, counted here without any code of ours.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::command::{leadloop, on_both};

/// What the files hold of one channel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counted {
    leads: i64,
    won: i64,
}

const LEADS: &str = "olist_marketing_qualified_leads_dataset.csv";
const DEALS: &str = "olist_closed_deals_dataset.csv";
/// What the config says where a row names no origin.
const NOT_GIVEN: &str = "not given";

/// The real files, or made ones of the same shape where they are not at hand.
fn files(made: &Path) -> (PathBuf, PathBuf) {
    if let Some(shared) = leadloop_testing::shared_dir() {
        let folder = shared.join("data/olist");
        return (folder.join(LEADS), folder.join(DEALS));
    }
    println!("the real leads are not at hand: made ones of the same shape are used");
    let mut leads = String::from("mql_id,first_contact_date,landing_page_id,origin\n");
    let mut deals = String::from(
        "mql_id,seller_id,sdr_id,sr_id,won_date,business_segment,lead_type,lead_behaviour_profile,has_company,has_gtin,\
         average_stock,business_type,declared_product_catalog_size,declared_monthly_revenue\n",
    );
    for row in 0..800_u32 {
        let id = format!("{:032x}", u128::from(row) * 0x9E37_79B9_7F4A_7C15_u128 + 7);
        let origin = ["organic search", "paid search", "social", "", "email"][(row % 5) as usize];
        leads.push_str(&format!("{id},2018-0{}-1{},{:032x},{origin}\n", row % 6 + 1, row % 9, row % 40));
        if row % 9 == 0 {
            deals.push_str(&format!(
                "{id},{row:032x},aa,bb{},2018-06-01 10:00:0{},pet,online big,cat,,,,reseller,,0.0\n",
                row % 3,
                row % 10
            ));
        }
    }
    let (of_leads, of_deals) = (made.join(LEADS), made.join(DEALS));
    std::fs::write(&of_leads, leads).unwrap();
    std::fs::write(&of_deals, deals).unwrap();
    (of_leads, of_deals)
}

/// Counts the files by themselves: leads by origin, and those of them that were closed.
fn count(leads: &Path, deals: &Path) -> BTreeMap<String, Counted> {
    let rows = |file: &Path| {
        let mut reader = csv::Reader::from_path(file).unwrap();
        reader.deserialize::<BTreeMap<String, String>>().map(Result::unwrap).collect::<Vec<_>>()
    };
    let mut origin_of = BTreeMap::new();
    let mut counted: BTreeMap<String, Counted> = BTreeMap::new();
    for row in rows(leads) {
        let origin = if row["origin"].is_empty() { NOT_GIVEN.to_owned() } else { row["origin"].clone() };
        counted.entry(origin.clone()).or_default().leads += 1;
        assert!(origin_of.insert(row["mql_id"].clone(), origin).is_none(), "each lead stands once");
    }
    for row in rows(deals) {
        counted.get_mut(&origin_of[&row["mql_id"]]).unwrap().won += 1;
    }
    counted
}

fn rows(file: &Path) -> Vec<BTreeMap<String, String>> {
    let mut reader = csv::Reader::from_path(file).unwrap();
    reader.deserialize::<BTreeMap<String, String>>().map(Result::unwrap).collect()
}

/// Deals by who closed them.
fn by_sales_rep(folder: &Path, deals: &Path) {
    let mut wanted: BTreeMap<String, i64> = BTreeMap::new();
    for row in rows(deals) {
        *wanted.entry(row["sr_id"].clone()).or_default() += 1;
    }
    let funnel = leadloop(folder, &["funnel", "--by", "owner", "--output", "json"]).json();
    let shown = funnel["rows"].as_array().unwrap().iter();
    let shown: BTreeMap<String, i64> = shown
        .filter(|row| row["won"] != 0)
        .map(|row| (row["name"].as_str().unwrap().to_owned(), row["won"].as_i64().unwrap()))
        .collect();
    assert_eq!(shown, wanted);
}

/// What was won, divided among channels by each model: the whole is always the whole.
fn amounts(folder: &Path, leads: &Path, deals: &Path) {
    let cents = |text: &str| (text.parse::<f64>().unwrap_or(0.0) * 100.0).round() as i64;
    let origin_of: BTreeMap<String, String> = rows(leads)
        .into_iter()
        .map(|row| (row["mql_id"].clone(), row["origin"].clone()))
        .map(|(id, origin)| (id, if origin.is_empty() { NOT_GIVEN.to_owned() } else { origin }))
        .collect();
    let mut wanted: BTreeMap<String, i64> = BTreeMap::new();
    for row in rows(deals) {
        *wanted.entry(origin_of[&row["mql_id"]].clone()).or_default() +=
            cents(&row["declared_monthly_revenue"]);
    }
    let all: i64 = wanted.values().sum();
    for model in ["first", "last", "linear", "time_decay", "position_based"] {
        let said = leadloop(folder, &["funnel", "--attribution", model, "--output", "json"]).json();
        assert_eq!(said["total_cents"], all, "{model}");
        // One touch each: every model says the same here.
        let shown = said["rows"].as_array().unwrap().iter();
        let shown: BTreeMap<String, i64> = shown
            .map(|row| (row["name"].as_str().unwrap().to_owned(), row["amount_cents"].as_i64().unwrap()))
            .collect();
        assert_eq!(shown, wanted, "{model}");
    }
    opened(folder, &wanted, all);
    for show in ["rates", "days", "tags"] {
        leadloop(folder, &["funnel", "--show", show]).ok();
    }
}

/// Each number opens into the leads behind it, and the funnel's own total is that of the attribution, to the cent.
fn opened(folder: &Path, wanted: &BTreeMap<String, i64>, all: i64) {
    let funnel = leadloop(folder, &["funnel", "--output", "json"]).json();
    assert_eq!(funnel["total"]["amount_cents"], all);
    for row in funnel["rows"].as_array().unwrap().iter().take(2) {
        let name = row["name"].as_str().unwrap();
        assert_eq!(row["amount_cents"], wanted.get(name).copied().unwrap_or(0), "{name}");
        let most = ["--limit", "100000", "--output", "json"];
        let ask =
            |more: &[&str]| leadloop(folder, &[&["funnel", "--leads", name], more, &most].concat()).json();
        let count = |said: &serde_json::Value| said["leads"].as_array().unwrap().len();
        assert_eq!(row["won"], count(&ask(&["--step", "won"])), "{name}");
        let owed = ask(&["--attribution", "linear"]);
        let sum: i64 =
            owed["leads"].as_array().unwrap().iter().map(|lead| lead["amount_cents"].as_i64().unwrap()).sum();
        assert_eq!(sum, wanted.get(name).copied().unwrap_or(0), "{name}");
    }
    let by_campaign = ["funnel", "--by", "campaign", "--attribution", "time_decay", "--output", "json"];
    assert_eq!(leadloop(folder, &by_campaign).json()["total_cents"], all);
}

#[test]
fn the_funnel_of_real_leads_is_what_the_files_hold() {
    let config =
        std::fs::read_to_string(leadloop_testing::root().join("tests/it/olist/leadloop.toml")).unwrap();
    let config = config.replace("\"sqlite:data/olist.db\"", "{store}");
    let made = leadloop_testing::temp_dir();
    let (leads, deals) = files(made.path());
    let wanted = count(&leads, &deals);
    let (all, won) = wanted.values().fold((0, 0), |(all, won), one| (all + one.leads, won + one.won));
    on_both("olist", &config, |folder| {
        let import = |file: &Path, source: &str| {
            leadloop(folder, &["import", file.to_str().unwrap(), "--source", source, "--output", "json"])
                .json()
        };
        let taken = import(&leads, "mqls");
        assert_eq!((&taken["accepted"], &taken["quarantined"]), (&all.into(), &0.into()), "{taken}");
        let taken = import(&deals, "closed");
        assert_eq!((&taken["accepted"], &taken["quarantined"]), (&won.into(), &0.into()), "{taken}");
        let funnel = leadloop(folder, &["funnel", "--by", "channel", "--output", "json"]).json();
        let shown: BTreeMap<String, Counted> = funnel["rows"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| {
                let number = |name: &str| row[name].as_i64().unwrap();
                assert_eq!(number("people"), number("captured"), "{row}");
                (
                    row["name"].as_str().unwrap().to_owned(),
                    Counted { leads: number("people"), won: number("won") },
                )
            })
            .collect();
        assert_eq!(shown, wanted);
        by_sales_rep(folder, &deals);
        amounts(folder, &leads, &deals);
        // The same files again say nothing new.
        let again = import(&leads, "mqls");
        assert_eq!((&again["accepted"], &again["duplicates"]), (&0.into(), &all.into()));
        assert_eq!(leadloop(folder, &["funnel", "--output", "json"]).json(), funnel);
    });
}
