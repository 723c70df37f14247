//! The connectors: one folder per system, each with its manifest, its code, how an admin sets it up and recorded
//! conversations. They enter the registry by themselves; a new one is a folder and one line here.
//!
//! Pure: bytes in, records out; operations in, requests out. See `leadloop-connector-api` for what a connector is.

use leadloop_connector_api::Registry;

mod baidu_leads;
mod jinshuju;
mod mautic;
mod oceanengine;
mod odoo;
mod polyv;
mod reading;
mod sandbox;
mod sandbox_ma;
mod segment;
mod sensors;
mod typeform;
mod udesk;

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
