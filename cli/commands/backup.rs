//! `leadloop backup` and `leadloop resume`: a copy of the database, and the word by which a restored one goes on.

use std::path::Path;
use std::process::Command;

use leadloop_config::plan::Plan;
use leadloop_server::backup::postgres_environment;
use leadloop_server::orders::Order;
use leadloop_store::Store;
use serde_json::json;

use crate::args::{Backup, General};
use crate::failure::Failure;
use crate::orders::Desk;
use crate::plan;
use crate::screen::{Screen, Style};

/// Copies the database while work goes on.
///
/// # Errors
/// Where the file is there already or cannot be written, or the database does not answer.
pub async fn backup(screen: &mut Screen, general: &General, args: &Backup) -> Result<(), Failure> {
    let plan = plan::plan(screen, general)?;
    let engine = match plan::database(&plan) {
        Some(_) => {
            let store = plan::reading(&plan).await?;
            let copied = store.backup(&args.file).await;
            store.close().await;
            copied?;
            "sqlite"
        }
        None => {
            // The answer of the database first: pg_dump says less clearly what is wrong.
            Store::open(&plan::store_settings(&plan).read_only()).await?.close().await;
            dump(&plan, &args.file)?;
            "postgres"
        }
    };
    let bytes = std::fs::metadata(&args.file).map(|file| file.len()).unwrap_or(0);
    if screen.is_json() {
        return Ok(screen.json(&json!({ "file": args.file, "bytes": bytes, "engine": engine }))?);
    }
    let name = args.file.display();
    screen.line(&screen.paint(
        Style::Good,
        &format!("{} {name} ({bytes} bytes)", screen.words("backed up to", "已备份到")),
    ))?;
    let how = match engine {
        "sqlite" => screen.words(
            "To restore: stop leadloop, put this file in the place of the database, start it; then `leadloop resume`.",
            "恢复方法：停止 leadloop，用此文件替换数据库文件后启动，再运行 `leadloop resume`。",
        ),
        _ => screen.words(
            "To restore: createdb NEW, pg_restore --dbname=NEW FILE, point [store] url at it, start leadloop; then `leadloop resume`.",
            "恢复方法：createdb 新库，pg_restore --dbname=新库 文件，把 [store] url 指向新库并启动 leadloop，再运行 `leadloop resume`。",
        ),
    };
    Ok(screen.line(how)?)
}

/// PostgreSQL has its own tool, which sees one moment of the database. The password goes by the environment: what stands
/// on a command line can be read by everybody on the machine.
fn dump(plan: &Plan, file: &Path) -> Result<(), Failure> {
    if file.exists() {
        return Err(Failure::input(
            format!("there is such a file already: {}", file.display()),
            format!("文件已存在：{}", file.display()),
        )
        .code("LL1109"));
    }
    let mut command = Command::new("pg_dump");
    command.args(["--format=custom", "--no-owner", "--file"]).arg(file);
    command.envs(postgres_environment(plan).unwrap_or_default());
    let failed = |en: String, zh: String| {
        Failure::outside(en, zh).code("LL1109").help(
            "install the PostgreSQL client programs (postgresql-client) of the server's version or newer, or run pg_dump where they are",
            "请安装不低于服务器版本的 PostgreSQL 客户端程序（postgresql-client），或在有该程序的机器上运行 pg_dump",
        )
    };
    let output = command.output().map_err(|error| {
        failed(format!("pg_dump cannot be run: {error}"), format!("无法运行 pg_dump：{error}"))
    })?;
    if output.status.success() {
        return Ok(());
    }
    let said: String = String::from_utf8_lossy(&output.stderr).trim().chars().take(600).collect();
    Err(failed(format!("pg_dump failed: {said}"), format!("pg_dump 失败：{said}")))
}

/// Says that a restored database may go on.
///
/// # Errors
/// Where the store does not answer.
pub async fn resume(screen: &mut Screen, general: &General) -> Result<(), Failure> {
    let plan = plan::plan(screen, general)?;
    let store = plan::reading(&plan).await?;
    let restored = store.restored().await;
    store.close().await;
    let restored = restored?;
    if restored {
        let desk = Desk::open(&plan).await?;
        desk.carry_out(Order::Resume).await?;
        desk.close().await?;
    }
    if screen.is_json() {
        return Ok(screen.json(&json!({ "was_waiting": restored }))?);
    }
    let text = match restored {
        true => screen.words(
            "It goes on. Hand-overs that were under way are looked for by their mark before anything is sent again.",
            "已恢复运行。进行中的转出会先按标记查找，再决定是否发送。",
        ),
        false => screen.words("Nothing waits: this database is no restored one.", "无需恢复：该数据库不是由备份恢复的。"),
    };
    Ok(screen.line(text)?)
}
