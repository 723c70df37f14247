//! The connectors: one folder per system, each with its manifest, its code, how an admin sets it up and recorded
//! conversations. They enter the registry by themselves; a new one is a folder and one line here.
//!
//! Pure: bytes in, records out; operations in, requests out. See `leadloop-connector-api` for what a connector is.

use std::sync::LazyLock;

use leadloop_connector_api::{Connector, Many, Registry, profile};

mod baidu_leads;
mod crm;
mod hubspot;
mod jinshuju;
mod mautic;
mod neocrm;
mod notices;
mod oceanengine;
mod odoo;
mod polyv;
mod qichacha;
mod reading;
mod rest;
mod salesforce;
mod sandbox;
mod sandbox_ma;
mod segment;
mod sensors;
mod sign_in_page;
mod site_script;
mod sql_table;
mod typeform;
mod udesk;

mod aliyun_sms;
mod dingtalk;
mod dingtalk_robot;
mod feishu;
mod feishu_robot;
mod mail;
mod notify_webhook;
mod wechat_template;
mod wecom_app;
mod wecom_robot;

pub mod kit;
pub mod table_file;
mod tryton;
mod web_form;
mod webhook;
mod wechat_oa;
mod wecom_contacts;
mod zoom;

/// All connectors. Whoever calls this links them: they enter the registry by themselves.
#[must_use]
pub fn registry() -> Registry {
    Registry::all()
}

include!(concat!(env!("OUT_DIR"), "/profiles.rs"));

/// Systems that are another connector with settings of their own: `profiles/*.toml`.
static READ: LazyLock<Vec<&'static dyn Connector>> = LazyLock::new(|| {
    let base = |name: &str| (name == "webhook").then_some(&webhook::Webhook as &'static dyn Connector);
    #[expect(clippy::expect_used, reason = "profiles are compiled in; the conformance test reads each")]
    PROFILES.iter().map(|text| profile::read(text, base).expect("a profile of this crate is valid")).collect()
});

inventory::submit! { Many(|| READ.clone()) }

#[cfg(test)]
mod canaries;
#[cfg(test)]
mod made;
