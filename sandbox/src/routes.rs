//! Which path is answered by what.

use crate::refusal::Refusal;
use crate::shared::Shared;
use crate::{admin, api, batch, hooks, ma, page, push, robot, seed, token};
use axum::Router;
use axum::routing::{delete, get, patch, post, put};
use std::sync::Arc;

pub(crate) fn routes(shared: Arc<Shared>) -> Router {
    crm()
        .merge(ma_calls())
        .merge(admin_calls())
        .route("/", get(page::records))
        .route("/records/{object}/{id}", get(page::record))
        .route("/oauth/token", post(token::token))
        .fallback(|| async { Refusal::not_found("there is nothing at this path") })
        .method_not_allowed_fallback(|| async {
            Refusal::new(405, "method_not_allowed", "this path does not take this method")
        })
        .with_state(shared)
}

fn crm() -> Router<Arc<Shared>> {
    Router::new()
        .route("/api/v1/whoami", get(api::whoami))
        .route("/api/v1/describe", get(api::describe_all))
        .route("/api/v1/describe/{object}", get(api::describe_one))
        .route("/api/v1/describe/{object}/fields", post(api::make_field))
        .route("/api/v1/webhooks", get(hooks::list).post(hooks::add))
        .route("/api/v1/webhooks/{id}", delete(hooks::remove))
        .route("/api/v1/{object}", get(api::list).post(api::create))
        .route("/api/v1/{object}/count", get(api::count))
        .route("/api/v1/{object}/search", get(api::search).post(api::search_many))
        .route("/api/v1/{object}/get", post(batch::get_many))
        .route("/api/v1/{object}/batch", post(batch::batch))
        .route("/api/v1/{object}/merge", post(api::merge))
        .route("/api/v1/{object}/by-mark/{id}", get(api::get_by_mark).put(api::upsert))
        .route("/api/v1/{object}/{id}", get(api::get).patch(api::update).delete(api::delete))
        .route("/api/v1/{object}/{id}/convert", post(api::convert))
}

fn admin_calls() -> Router<Arc<Shared>> {
    Router::new()
        .route("/admin/stats", get(admin::stats))
        .route("/admin/stats/reset", post(admin::reset_stats))
        .route("/admin/requests", get(admin::requests))
        .route("/admin/tuning", get(admin::tuning).patch(admin::tune))
        .route("/admin/tokens/expire", post(admin::expire_tokens))
        .route("/admin/faults", get(admin::list_faults).post(admin::add_fault).delete(admin::clear_faults))
        .route("/admin/faults/{id}", delete(admin::remove_fault))
        .route("/admin/users/{id}", patch(admin::patch_user))
        .route("/admin/sales", post(admin::sales))
        .route("/admin/seed", post(seed::seed))
        .route("/admin/reset", post(admin::reset))
        .route("/admin/robot", post(robot::run))
        .route("/admin/webhooks", get(hooks::list))
        .route("/admin/ma/target", post(push::set_target))
        .route("/admin/ma/push", post(push::push))
}

fn ma_calls() -> Router<Arc<Shared>> {
    Router::new()
        .route("/ma/api/v1/whoami", get(api::whoami))
        .route("/ma/api/v1/describe", get(ma::describe))
        .route("/ma/api/v1/contacts", get(ma::list))
        .route("/ma/api/v1/contacts/batch", post(ma::batch))
        .route("/ma/api/v1/contacts/search", get(ma::search))
        .route("/ma/api/v1/contacts/{id}", put(ma::upsert).get(ma::get).delete(ma::delete))
        .route("/ma/api/v1/segments", get(ma::segments))
        .route("/ma/api/v1/segments/{id}/members", post(ma::change_members))
}
