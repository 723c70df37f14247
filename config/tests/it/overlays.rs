//! The overlay of an environment changes what it names and nothing else.

use crate::ground::{Ground, rendered};
use leadloop_sync_core::because::Language;
use secrecy::ExposeSecret;

const MAIN: &str = r#"
[server]
listen = "127.0.0.1:8080"
public_url = "http://localhost:8080"

[[crm]]
name = "sales"
connector = "sandbox"
settings = { url = "http://127.0.0.1:8090", username = "dev", client_secret = { env = "DEV_SECRET" } }
limits = { per_second = 5, per_day = 1000 }

[[source]]
name = "website"
connector = "web_form"
allowed_origins = ["http://localhost"]
"#;

#[test]
fn tables_are_laid_over_tables_and_everything_else_is_replaced() {
    let over = r#"
[server]
public_url = "https://leads.example.com"

[[crm]]
name = "sales"
settings = { url = "https://crm.example.com", client_secret = { file = "PROD_SECRET" } }
limits = { per_day = 20000 }

[[source]]
name = "website"
allowed_origins = ["https://www.example.com"]

[[source]]
name = "shop"
connector = "web_form"
"#;
    let ground = Ground::new().secret("PROD_SECRET", "prod").file("leadloop.prod.toml", over);
    let loaded = ground.overlay("leadloop.prod.toml").load_text(MAIN);
    let plan = loaded.plan.as_ref().unwrap_or_else(|| panic!("{}", rendered(&loaded, Language::En)));
    assert_eq!(plan.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(plan.public_url.as_deref(), Some("https://leads.example.com"));
    let link = plan.link("sales").expect("it is there");
    assert_eq!(link.link.text("url"), Some("https://crm.example.com"));
    assert_eq!(link.link.text("username"), Some("dev"));
    assert_eq!(link.link.secret("client_secret").map(ExposeSecret::expose_secret), Some("prod"));
    let window =
        |secs: u32| link.limits.iter().find(|limit| limit.per_secs == secs).map(|limit| limit.requests);
    assert_eq!((window(1), window(86_400)), (Some(5), Some(20_000)));
    let origins: Vec<&str> =
        plan.source("website").expect("it is there").link.list("allowed_origins").collect();
    assert_eq!(origins, ["https://www.example.com"]);
    assert!(plan.source("shop").is_some());
}

#[test]
fn the_overlay_counts_for_the_name_of_the_version() {
    let hash = |over: &str| {
        let ground = Ground::new().secret("DEV_SECRET", "x").file("leadloop.prod.toml", over);
        ground.overlay("leadloop.prod.toml").load_text(MAIN).plan.expect("there is no problem").hash
    };
    assert_ne!(hash("[recycle]\nat_most = 2\n"), hash("[recycle]\nat_most = 3\n"));
}

#[test]
fn a_changed_table_is_another_version() {
    let hash = |people: &str| {
        let ground = Ground::new().file("staff.csv", people);
        ground.load_text("[people]\ntable = \"staff.csv\"\n").plan.expect("there is no problem").hash
    };
    assert_ne!(hash("key,name\na,测试甲\n"), hash("key,name\na,测试乙\n"));
}

#[test]
fn tables_of_chinese_spreadsheets_are_read() {
    let (bytes, _, _) = encoding_rs::GB18030.encode("key;name\na;测试甲\n");
    let loaded =
        Ground::new().file("staff.csv", bytes.into_owned()).load_text("[people]\ntable = \"staff.csv\"\n");
    let plan = loaded.plan.unwrap_or_else(|| panic!("it can be read"));
    assert_eq!(plan.policy.people["a"].name, "测试甲");
}

#[test]
fn a_star_includes_no_overlay() {
    let main = format!("include = [\"*.toml\"]\n{MAIN}");
    let ground = Ground::new()
        .secret("DEV_SECRET", "dev")
        .file("leadloop.toml", main)
        .file("leadloop.prod.toml", "[server]\npublic_url = \"https://leads.example.com\"\n")
        .file("more.toml", "[[source]]\nname = \"shop\"\nconnector = \"web_form\"\n");
    for (ground, url) in [
        (ground.clone(), "http://localhost:8080"),
        (ground.overlay("leadloop.prod.toml"), "https://leads.example.com"),
    ] {
        let loaded = ground.load("leadloop.toml");
        let plan = loaded.plan.as_ref().unwrap_or_else(|| panic!("{}", rendered(&loaded, Language::En)));
        assert_eq!(plan.public_url.as_deref(), Some(url));
        assert!(plan.source("shop").is_some());
    }
}
