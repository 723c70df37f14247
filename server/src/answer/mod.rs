//! The answer page: one signed link, one small page, no login. Opening it answers nothing; the form it shows is good for one
//! answer, which is kept like anything a source pushes and then absorbed.

mod page;
pub mod token;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use http_body_util::{BodyExt, Limited};
use leadloop_config::plan::Plan;
use leadloop_store::{KeptPush, PushState, Store, StoreError};
use leadloop_sync_core::answer_page::{self, Said, Standing, View};
use leadloop_sync_core::because::Language;
use leadloop_sync_core::book::Needs;
use leadloop_sync_core::ids::{PersonKey, PushId, SourceName};
use leadloop_sync_core::notice::AnswerLink;
use leadloop_sync_core::outbox::Operation;

use crate::node::Node;
use page::Page;
use token::Opened;

/// Most bytes of a form.
const FORM_BYTES: usize = 64 << 10;
/// The name under which the secret of links is kept in the store.
const KEY: &str = "answer_key";

/// Why a page shows no form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Not made by us.
    Forged,
    /// Its time is over.
    Expired,
    /// With somebody else, or over.
    Over,
    /// The form was used, or is older than what stands now.
    Twice,
    /// Nothing was chosen.
    Empty,
    /// The store does not answer.
    Unavailable,
}

impl Refusal {
    const fn status(self) -> StatusCode {
        match self {
            Refusal::Forged => StatusCode::NOT_FOUND,
            Refusal::Expired => StatusCode::GONE,
            Refusal::Over | Refusal::Twice => StatusCode::CONFLICT,
            Refusal::Empty => StatusCode::UNPROCESSABLE_ENTITY,
            Refusal::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    pub(crate) const fn code(self) -> &'static str {
        match self {
            Refusal::Forged => "LL4602",
            Refusal::Expired => "LL4603",
            Refusal::Over => "LL4604",
            Refusal::Twice => "LL4605",
            Refusal::Empty => "LL4607",
            Refusal::Unavailable => "LL1010",
        }
    }
}

/// Makes the keys of links known to the node: those of the config, else the store's own, made at the first start.
///
/// # Errors
/// When the store cannot be reached.
pub async fn load_keys(node: &Node) -> Result<(), StoreError> {
    let plan = node.plan();
    if let Some(secret) = &plan.answer_key {
        use secrecy::ExposeSecret;
        node.set_keys(token::Keys::of(secret.expose_secret().split_ascii_whitespace()));
        return Ok(());
    }
    let Some(fresh) = fresh() else { return Ok(()) };
    let kept = node.store.keep_meta(KEY, &fresh).await?;
    node.set_keys(token::Keys::of(kept.split_ascii_whitespace()));
    Ok(())
}

/// The keys of links, for a command beside the node: those of the config, else the store's own, where a node made some.
///
/// # Errors
/// When the store cannot be reached.
pub async fn keys_of(plan: &Plan, store: &Store) -> Result<Option<token::Keys>, StoreError> {
    use secrecy::ExposeSecret;
    let kept = match &plan.answer_key {
        Some(secret) => Some(secret.expose_secret().to_owned()),
        None => store.meta(KEY).await?,
    };
    Ok(kept.map(|kept| token::Keys::of(kept.split_ascii_whitespace())))
}

/// A new key for links; those of the one before still open, older ones do not.
///
/// # Errors
/// When the store cannot be reached.
pub async fn new_key(node: &Node) -> Result<(), StoreError> {
    let (Some(fresh), Some(first)) = (fresh(), fresh()) else { return Ok(()) };
    let before = node.store.keep_meta(KEY, &first).await?;
    let before = before.split_ascii_whitespace().next().unwrap_or_default().to_owned();
    node.store.set_meta(KEY, &format!("{fresh} {before}")).await?;
    load_keys(node).await
}

/// A secret from the system's own source. Where that gives nothing, no key is better than one that can be guessed: messages
/// go without links.
fn fresh() -> Option<String> {
    use base64::Engine as _;
    let mut bytes = [0_u8; 32];
    if aws_lc_rs::rand::fill(&mut bytes).is_err() {
        tracing::error!("the system gives no random bytes: links to the answer page cannot be made");
        return None;
    }
    Some(base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes))
}

/// Gives a message the address of its answer page, just before it is sent.
pub(crate) fn address(node: &Node, operation: &mut Operation) {
    let Operation::Notify { notice, .. } = operation else { return };
    let Some(link) = &notice.link else { return };
    notice.url = url(node, link);
}

fn url(node: &Node, link: &AnswerLink) -> Option<String> {
    let plan = node.plan();
    let token = node.keys().seal(link)?;
    Some(format!("{}/a/{token}", plan.public_url.as_deref()?.trim_end_matches('/')))
}

/// `GET /a/TOKEN`: shows, and changes nothing.
pub async fn show(
    State(node): State<Arc<Node>>,
    Path(token): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let language = language(&node, query.as_deref(), &headers);
    match look(&node, &token, language).await {
        Ok((_, view, _)) => {
            let form = node.keys().form(&token, view.version);
            respond(StatusCode::OK, Page::form(&token, &form, &view, None, language))
        }
        Err(refusal) => refuse(&token, refusal, language),
    }
}

/// `POST /a/TOKEN`: one answer.
pub async fn take(
    State(node): State<Arc<Node>>,
    Path(token): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let read =
        tokio::time::timeout(crate::bounds::BODY_READ.to_std(), Limited::new(body, FORM_BYTES).collect());
    let bytes = match read.await {
        Ok(Ok(bytes)) => bytes.to_bytes(),
        _ => return refuse(&token, Refusal::Empty, language(&node, query.as_deref(), &headers)),
    };
    let pairs: Vec<(String, String)> = url::form_urlencoded::parse(&bytes).into_owned().take(200).collect();
    let value =
        |name: &str| pairs.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str());
    let language = match value("lang") {
        "zh" => Language::Zh,
        "en" => Language::En,
        _ => language(&node, query.as_deref(), &headers),
    };
    match answer(&node, &token, &pairs, language).await {
        Ok(view) => respond(StatusCode::OK, Page::thanks(&token, &view, value("answer"), language)),
        Err((Refusal::Empty, Some(view))) => {
            let form = node.keys().form(&token, view.version);
            let page = Page::form(&token, &form, &view, Some(Refusal::Empty), language);
            respond(Refusal::Empty.status(), page)
        }
        Err((refusal, _)) => refuse(&token, refusal, language),
    }
}

type Looked = (Opened, View, Option<PersonKey>);

/// What a link leads to.
async fn look(node: &Node, token: &str, language: Language) -> Result<Looked, Refusal> {
    let opened = node.keys().open(token).ok_or(Refusal::Forged)?;
    if opened.until < node.clock.now() {
        return Err(Refusal::Expired);
    }
    let mut needs = Needs::default();
    needs.handoffs.insert(opened.handoff);
    let unavailable = |error: StoreError| {
        tracing::error!(%error, "an answer page could not be read");
        Refusal::Unavailable
    };
    let book = node.store.look(&needs).await.map_err(unavailable)?;
    needs.touches_of.extend(book.handoffs.get(&opened.handoff).map(|handoff| handoff.lead));
    let book = node.store.look(&needs).await.map_err(unavailable)?;
    let plan = node.plan();
    let person = plan.policy.people.keys().find(|person| opened.is_for(person)).cloned();
    let mut moment = node.clock.moment();
    let view = answer_page::view(
        &book,
        opened.handoff,
        person.as_ref(),
        opened.desk,
        language,
        &plan.policy,
        &mut moment,
    );
    view.map(|view| (opened, view, person)).ok_or(Refusal::Over)
}

/// Keeps an answer; durable when it returns.
async fn answer(
    node: &Node,
    token: &str,
    pairs: &[(String, String)],
    language: Language,
) -> Result<View, (Refusal, Option<View>)> {
    let value =
        |name: &str| pairs.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str());
    let (opened, view, person) = look(node, token, language).await.map_err(|refusal| (refusal, None))?;
    let version: i64 = value("version").parse().unwrap_or(-1);
    if !node.keys().is_form(token, version, value("form")) {
        return Err((Refusal::Forged, None));
    }
    if !matches!(view.standing, Standing::Open | Standing::Answered) {
        return Err((Refusal::Over, None));
    }
    if version != view.version {
        return Err((Refusal::Twice, None));
    }
    let chosen = value("answer").to_owned();
    let prefix = if view.desk { "fill.".to_owned() } else { format!("ask.{chosen}.") };
    let fields = pairs
        .iter()
        .filter_map(|(key, value)| Some((key.strip_prefix(&prefix)?.to_owned(), value.clone())))
        .collect();
    let said =
        Said { answer: chosen, remark: value("remark").to_owned(), fields, track: value("track").to_owned() };
    let Some(record) = answer_page::fields(&view, &said, opened.handoff, person.as_ref()) else {
        return Err((Refusal::Empty, Some(view)));
    };
    let mut moment = node.clock.moment();
    let push: PushId = moment.id();
    let body = serde_json::to_vec(&record).unwrap_or_default();
    let once = format!("{}/{version}", opened.handoff);
    let captured = answer_page::capture(record, once, push, &mut moment);
    let kept = KeptPush {
        id: push,
        source: SourceName(leadloop_sync_core::feedback::ANSWER_PAGE.to_owned()),
        arrived: moment.now,
        method: "POST".to_owned(),
        path: String::new(),
        headers: Default::default(),
        body,
        config: node.plan().hash.clone(),
        state: PushState::Read,
        duplicate_within: Default::default(),
        captures: vec![captured],
        countable: Default::default(),
        quarantined: Vec::new(),
        resolves: Vec::new(),
        counted: Default::default(),
    };
    match node.keeper.keep(kept).await {
        Ok(kept) if kept.kept > 0 => Ok(view),
        Ok(_) => Err((Refusal::Twice, None)),
        Err(error) => {
            tracing::error!(%error, "an answer could not be kept");
            Err((Refusal::Unavailable, None))
        }
    }
}

/// The language that is asked for, else the browser's, else the config's.
fn language(node: &Node, query: Option<&str>, headers: &HeaderMap) -> Language {
    let asked = url::form_urlencoded::parse(query.unwrap_or_default().as_bytes())
        .find(|(name, _)| name == "lang")
        .map(|(_, value)| value.into_owned());
    let browser = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    match asked.as_deref().or(browser) {
        Some(text) if text.starts_with("zh") => Language::Zh,
        Some(text) if text.starts_with("en") => Language::En,
        _ => node.plan().policy.language,
    }
}

fn refuse(token: &str, refusal: Refusal, language: Language) -> Response {
    respond(refusal.status(), Page::refused(token, refusal, language))
}

/// `GET /a/style.css`.
pub async fn style() -> Response {
    let kind =
        [(header::CONTENT_TYPE, "text/css; charset=utf-8"), (header::CACHE_CONTROL, "public, max-age=3600")];
    (kind, include_str!("../../templates/answer.css")).into_response()
}

/// A page that no cache keeps, no frame shows and no other site learns the address of.
fn respond(status: StatusCode, html: String) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        ),
    ];
    let robots = [("x-robots-tag", "noindex, nofollow")];
    (status, headers, robots, html).into_response()
}
