//! `leadloop connector record`: makes a fixture of what a live account says: one operation over a link of the config, or one push
//! that is heard. What is written is scrubbed and plays in the connector's test; speaking is the server's, scrubbing the test kit's.

use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use leadloop_config::plan::Plan;
use leadloop_connector_api::testkit::record::{self, Recorded, Unrecorded};
use leadloop_connector_api::{Connector, Link};
use leadloop_server::StartError;
use leadloop_server::record::{Ear, Heard, speak};
use leadloop_server::wire::HttpWire;
use leadloop_sync_core::outbox::{Cursor, FindBy, Operation, Outcome};
use serde_json::json;

use crate::args::General;
use crate::args::connector::Record;
use crate::failure::Failure;
use crate::plan;
use crate::screen::{Screen, Style};

/// Operations that change something there.
const WRITES: [&str; 5] = ["create", "update", "tell", "notify", "prepare"];

/// Records.
///
/// # Errors
/// Where there is no such link, the system is not reached, or what was said makes no fixture.
pub async fn run(screen: &mut Screen, general: &General, args: &Record) -> Result<(), Failure> {
    let plan = plan::plan(screen, general)?;
    if args.out.as_deref().is_some_and(Path::exists) {
        return Err(input(
            "LL4872",
            "the file is there already; a fixture is not written over",
            "文件已存在；不会覆盖已有的夹具",
        ));
    }
    let recorded = match &args.listen {
        Some(at) => heard(screen, &plan, &args.link, at, Duration::from_secs(args.within)).await?,
        None => spoken(screen, general, &plan, args).await?,
    };
    write(screen, args.out.as_deref(), &recorded)
}

fn input(code: &'static str, en: impl Into<String>, zh: impl Into<String>) -> Failure {
    Failure::input(en.into(), zh.into()).code(code)
}

fn no_link(name: &str) -> Failure {
    input(
        "LL4873",
        format!("the config has no link `{name}` that is spoken to; `leadloop doctor` lists them"),
        format!("配置中没有可通信的连接 `{name}`；`leadloop doctor` 会列出"),
    )
    .help(
        "a source is spoken to where it has `every`; what it pushes is heard with `--listen`",
        "来源设置了 `every` 才会被读取；推送请用 `--listen` 接收",
    )
}

/// One operation over a link.
async fn spoken(screen: &Screen, general: &General, plan: &Plan, args: &Record) -> Result<Recorded, Failure> {
    let link =
        plan.links.iter().find(|link| link.name.as_str() == args.link).ok_or_else(|| no_link(&args.link))?;
    let registry = leadloop_connectors::registry();
    let named = registry.get(&link.connector).ok_or_else(|| no_link(&args.link))?;
    let connector = link.link.speaker(named);
    let operation = operation(connector, args)?;
    if WRITES.contains(&operation.kind()) && !args.write {
        return Err(input(
            "LL4874",
            format!(
                "`{}` changes something in the live account; say `--write` if that is meant",
                operation.kind()
            ),
            format!("`{}` 会修改真实账号中的数据；确需如此请加 `--write`", operation.kind()),
        ));
    }
    let wire = HttpWire::new().map_err(StartError::from)?;
    let operations = [operation];
    let spoken = speak(link, &registry, &operations, &wire).await?.ok_or_else(|| no_link(&args.link))?;
    if let Some(detail) = unanswered(&spoken.outcomes).filter(|_| spoken.answers.is_empty()) {
        return Err(Failure::outside(
            format!("`{}` gave no answer: {detail}", args.link),
            format!("`{}` 没有应答：{detail}", args.link),
        )
        .code("LL4875")
        .help("`leadloop doctor` says what stands between", "`leadloop doctor` 可查明原因"));
    }
    screen.aside(&format!(
        "{} {}",
        spoken.answers.len(),
        screen.words("answers were recorded", "个应答已录制")
    ));
    let description = description(general, named, &spoken.link);
    let described = description.as_ref().map(|(name, bytes)| (name.as_str(), bytes.as_slice()));
    let said = (operations.as_slice(), spoken.now);
    record::conversation(named, &spoken.link, said, &spoken.answers, &spoken.outcomes, described)
        .map_err(|why| unrecorded(&why))
}

/// Why nothing came back.
fn unanswered(outcomes: &[Outcome]) -> Option<&str> {
    outcomes.iter().find_map(|outcome| match outcome {
        Outcome::Unavailable { detail, .. }
        | Outcome::Unauthorized { detail }
        | Outcome::Rejected { detail, .. } => Some(detail.as_str()),
        Outcome::Throttled { .. } => Some("too many requests"),
        _ => None,
    })
}

/// The file that describes the system, for connectors that are told by one.
fn description(general: &General, named: &dyn Connector, link: &Link) -> Option<(String, Vec<u8>)> {
    let name = link.text(named.told_by()?)?;
    let bytes = std::fs::read(general.config.parent().unwrap_or(Path::new(".")).join(name)).ok()?;
    let name = Path::new(name).file_name()?.to_string_lossy().into_owned();
    Some((name, bytes))
}

/// What is asked: by its name, or as JSON, as fixtures have it.
fn operation(connector: &dyn Connector, args: &Record) -> Result<Operation, Failure> {
    let manifest = connector.manifest();
    let object = || {
        let first = manifest.lists.first().or_else(|| manifest.object.first().map(|object| &object.name));
        args.object.clone().or_else(|| first.cloned()).unwrap_or_default()
    };
    let keys = [("phone", &args.phone), ("email", &args.email)];
    let keys = keys.into_iter().filter_map(|(kind, value)| Some((kind.to_owned(), value.clone()?)));
    let operation = match args.operation.as_deref().unwrap_or("check") {
        "check" => Operation::Check,
        "describe" => Operation::Describe { object: object() },
        "changes" => Operation::Changes { object: object(), cursor: Cursor::default() },
        "find" => match &args.id {
            Some(id) => Operation::Find { object: object(), by: FindBy::Id(id.clone()) },
            None => Operation::Find { object: object(), by: FindBy::Keys(keys.collect()) },
        },
        json => serde_json::from_str(json).map_err(|error| {
            input(
                "LL4876",
                format!("{json:?} is no operation: {error}"),
                format!("{json:?} 不是操作：{error}"),
            )
            .help(
                "check, describe, changes, find, or an operation as JSON, as the fixtures have it",
                "可写 check、describe、changes、find，或与夹具相同写法的 JSON",
            )
        })?,
    };
    if manifest.speaks.iter().any(|spoken| spoken == operation.kind()) {
        return Ok(operation);
    }
    let (kind, speaks) = (operation.kind(), manifest.speaks.join(", "));
    Err(input(
        "LL4876",
        format!("`{}` does not speak `{kind}`; it speaks: {speaks}", manifest.name),
        format!("`{}` 不支持 `{kind}`；支持：{speaks}", manifest.name),
    ))
}

/// One push to a source.
async fn heard(
    screen: &Screen,
    plan: &Plan,
    name: &str,
    at: &str,
    within: Duration,
) -> Result<Recorded, Failure> {
    let registry = leadloop_connectors::registry();
    let source = plan.source(name).map(|source| (&source.connector, &source.link));
    let link =
        plan.links.iter().find(|link| link.name.as_str() == name).map(|link| (&link.connector, &link.link));
    let (connector, link) = source.or(link).ok_or_else(|| no_link(name))?;
    let connector = registry.get(connector).map(|named| link.speaker(named)).ok_or_else(|| no_link(name))?;
    let address = at.parse().map_err(|_| {
        input("LL4876", format!("{at:?} is no address to listen at"), format!("{at:?} 不是监听地址"))
            .help("write --listen 127.0.0.1:8099", "例如 --listen 127.0.0.1:8099")
    })?;
    let ear = Ear::open(address).await?;
    screen.aside(&format!(
        "{} http://{}/in/{name}",
        screen.words("listening for one push at", "等待一次推送："),
        ear.address()
    ));
    let mut push = None;
    let listening = ear.listen(connector, name, link.clone(), |heard| match heard {
        Heard::Push(taken) => {
            push = Some(taken);
            true
        }
        Heard::Else(why) => {
            screen.aside(&format!("{} {why}", screen.words("that was none:", "不是推送：")));
            false
        }
    });
    let _ = tokio::time::timeout(within, listening).await;
    let push = push.ok_or_else(|| {
        Failure::outside("no push came in time".to_owned(), "规定时间内没有收到推送".to_owned())
            .code("LL4875")
    })?;
    record::push(connector, link, &push).map_err(|why| unrecorded(&why))
}

fn unrecorded(why: &Unrecorded) -> Failure {
    let failure = Failure::outside(format!("no fixture was made: {why}"), format!("未能生成夹具：{why}"));
    match why {
        Unrecorded::Proof(_) => failure.code("LL4878").help(
            "record a push that is not signed, or sign it by hand with the secret in the fixture",
            "请录制未签名的推送，或用夹具中的密钥手工签名",
        ),
        Unrecorded::NotTaken(_) => failure.code("LL4878"),
        Unrecorded::Plays { .. } | Unrecorded::Otherwise { .. } | Unrecorded::Left(_) => {
            failure.code("LL4877")
        }
    }
}

fn write(screen: &Screen, out: Option<&Path>, recorded: &Recorded) -> Result<(), Failure> {
    let endings = format!("{:?}", recorded.endings).to_lowercase();
    match out {
        None => screen.line(recorded.text.trim_end())?,
        Some(path) => {
            let made = std::fs::OpenOptions::new().write(true).create_new(true).open(path);
            made.and_then(|mut file| file.write_all(recorded.text.as_bytes())).map_err(|error| {
                let path = path.display();
                input(
                    "LL4872",
                    format!("`{path}` cannot be written: {error}"),
                    format!("无法写入 `{path}`：{error}"),
                )
            })?;
            if screen.is_json() {
                let (file, replaced) = (path.display().to_string(), recorded.replaced);
                return Ok(screen.json(&json!({ "file": file, "endings": endings, "replaced": replaced }))?);
            }
            screen.line(&screen.paint(Style::Good, &path.display().to_string()))?;
        }
    }
    screen.aside(&format!(
        "{} {endings}; {} {}",
        screen.words("it plays:", "回放结果："),
        recorded.replaced,
        screen.words(
            "values were replaced. Read it once before you share it.",
            "个值已替换。分享前请通读一遍。"
        )
    ));
    Ok(())
}
