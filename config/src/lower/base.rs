//! `[leadloop]`, `[store]`, `[server]` and `[retention]`.

use jiff::tz::TimeZone;
use leadloop_sync_core::because::Language;
use leadloop_sync_core::normal::phone;
use leadloop_sync_core::time::Micros;
use secrecy::ExposeSecret as _;

use super::Context;
use super::get::Get;
use crate::calendar::calendar;
use crate::plan::{Conversations, Keep, StoreKeys};
use crate::problem::{Problem, Words};
use crate::text::{At, Table, Tree};

/// What everything else stands on.
pub struct Base {
    /// The business time zone.
    pub zone: TimeZone,
    /// Its name.
    pub zone_name: String,
    /// Language of notices and reasons.
    pub language: Language,
    /// Region of phones without a country code.
    pub region: String,
    /// Working time.
    pub calendar: leadloop_sync_core::calendar::Calendar,
    /// Where the data lies.
    pub store_url: Option<secrecy::SecretString>,
    /// The master keys of the store.
    pub store_keys: Option<StoreKeys>,
    /// Where we listen.
    pub listen: Option<std::net::SocketAddr>,
    /// How others reach us.
    pub public_url: Option<String>,
    /// The secret of answer links.
    pub answer_key: Option<secrecy::SecretString>,
    /// What is kept of what was said to systems.
    pub conversations: Conversations,
}

/// Days that conversations are kept where the config does not say.
const KEPT_DAYS: i64 = 30;

/// `[leadloop]`, `[store]`, `[server]` and `[retention]`.
#[must_use]
pub fn base(ctx: &mut Context<'_>) -> Base {
    let general = ctx.one("leadloop").map(|at| at.value).unwrap_or_default();
    let zone_name = general.text("timezone").unwrap_or("Asia/Shanghai");
    let zone = TimeZone::get(zone_name).unwrap_or_else(|_| {
        if let Some(at) = general.text_at("timezone") {
            ctx.problems.push(
                Problem::error(
                    "LL2029",
                    &at.span,
                    Words::new(format!("`{}` is no time zone", at.value), format!("`{}` 不是时区", at.value)),
                    Words::new("not an IANA name", "不是 IANA 名称"),
                )
                .help("for example `Asia/Shanghai`", "例如 `Asia/Shanghai`"),
            );
        }
        TimeZone::UTC
    });
    let zone_name = if zone == TimeZone::UTC { "UTC" } else { zone_name }.to_owned();
    let calendar = calendar(ctx, general.table("calendar"), &zone);
    let store_url = match ctx.one("store").and_then(|at| at.value.get("url").cloned()) {
        Some(at) => store_url(ctx, &at),
        None => Some(secrecy::SecretString::from("sqlite:data/leadloop.db")),
    };
    let server = ctx.one("server").map(|at| at.value).unwrap_or_default();
    let listen = match server.text_at("listen") {
        None => Some(std::net::SocketAddr::from(([127, 0, 0, 1], 8080))),
        Some(at) => match at.value.parse() {
            Ok(address) => Some(address),
            Err(_) => {
                ctx.problems.push(
                    Problem::error(
                        "LL2030",
                        &at.span,
                        Words::new(
                            format!("`{}` is no address with a port", at.value),
                            format!("`{}` 不是带端口的地址", at.value),
                        ),
                        Words::new("not an address", "不是地址"),
                    )
                    .help("for example `127.0.0.1:8080`", "例如 `127.0.0.1:8080`"),
                );
                None
            }
        },
    };
    Base {
        zone,
        zone_name,
        language: if general.text("language") == Some("en") { Language::En } else { Language::Zh },
        region: region(ctx, &general),
        calendar,
        store_url,
        store_keys: store_keys(ctx),
        listen,
        public_url: public_url(ctx, &server),
        answer_key: server.get("answer_key").cloned().and_then(|at| ctx.secret(&at)),
        conversations: conversations(ctx),
    }
}

/// What is kept of what was said to systems.
fn conversations(ctx: &mut Context<'_>) -> Conversations {
    let retention = ctx.one("retention").map(|at| at.value).unwrap_or_default();
    let keep = match retention.text("conversations") {
        Some("failed") => Keep::Failed,
        Some("off") => Keep::Off,
        _ => Keep::All,
    };
    Conversations { keep, time: Micros::days(retention.int("conversation_days").unwrap_or(KEPT_DAYS)) }
}

/// The region of phones without a country code.
fn region(ctx: &mut Context<'_>, general: &Table) -> String {
    let Some(at) = general.text_at("region") else { return "CN".to_owned() };
    if at.value.parse::<phone::Country>().is_err() {
        ctx.problems.push(
            Problem::error(
                "LL2029",
                &at.span,
                Words::new(
                    format!("`{}` is no country code", at.value),
                    format!("`{}` 不是国家或地区代码", at.value),
                ),
                Words::new("not two letters of ISO 3166", "不是 ISO 3166 两字母代码"),
            )
            .help("for example `CN`, `HK`, `DE`", "例如 `CN`、`HK`、`DE`"),
        );
    }
    at.value.to_owned()
}

/// How others reach us.
fn public_url(ctx: &mut Context<'_>, server: &Table) -> Option<String> {
    let at = server.text_at("public_url")?;
    let good = url::Url::parse(at.value).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.username().is_empty()
            && url.query().is_none()
    });
    if !good {
        ctx.problems.push(
            Problem::error(
                "LL2030",
                &at.span,
                Words::new(format!("`{}` is no web address", at.value), format!("`{}` 不是网址", at.value)),
                Words::new("others could not reach it", "外部无法访问"),
            )
            .help("for example `https://leads.example.com`", "例如 `https://leads.example.com`"),
        );
    }
    Some(at.value.trim_end_matches('/').to_owned())
}

/// The master keys of the store, each of 64 hexadecimal digits.
fn store_keys(ctx: &mut Context<'_>) -> Option<StoreKeys> {
    let store = ctx.one("store")?.value;
    let encryption = store.table("encryption")?;
    let key = encryption.get("key").cloned()?;
    let old = match encryption.get("old_keys").cloned() {
        Some(At { value: Tree::List(old), .. }) => old,
        Some(one) => vec![one],
        None => Vec::new(),
    };
    let key = store_key(ctx, &key);
    let old: Vec<_> = old.iter().filter_map(|at| store_key(ctx, at)).collect();
    Some(StoreKeys { key: key?, old })
}

fn store_key(ctx: &mut Context<'_>, at: &At<Tree>) -> Option<secrecy::SecretString> {
    let key = ctx.secret(at)?;
    let text = key.expose_secret().trim();
    if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        ctx.problems.push(
            Problem::error(
                "LL2160",
                &at.span,
                Words::new("a key of the store is 64 hexadecimal digits", "数据库密钥应为 64 位十六进制数字"),
                Words::new("what stands there is not", "此处引用的内容不是"),
            )
            .help("make one with `openssl rand -hex 32`", "用 `openssl rand -hex 32` 生成"),
        );
        return None;
    }
    Some(key)
}

fn store_url(ctx: &mut Context<'_>, at: &crate::text::At<Tree>) -> Option<secrecy::SecretString> {
    if let Tree::Text(url) = &at.value {
        if !["sqlite:", "postgres:", "postgresql:"].iter().any(|scheme| url.starts_with(scheme)) {
            ctx.problems.push(
                Problem::error(
                    "LL2031",
                    &at.span,
                    Words::new("the store is SQLite or PostgreSQL", "存储仅支持 SQLite 或 PostgreSQL"),
                    Words::new("neither `sqlite:` nor `postgres:`", "既非 `sqlite:` 也非 `postgres:`"),
                )
                .help("for example `sqlite:data/leadloop.db`", "例如 `sqlite:data/leadloop.db`"),
            );
            return None;
        }
        let password = url
            .split_once("://")
            .and_then(|(_, rest)| rest.split_once('@'))
            .is_some_and(|(user, _)| user.contains(':'));
        if password {
            ctx.problems.push(crate::shape::literal_secret(&at.span));
            return None;
        }
    }
    ctx.secret(at)
}
