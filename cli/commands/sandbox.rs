//! `leadloop sandbox`: the practice CRM and MA as a process of its own.

use std::net::{Ipv4Addr, SocketAddr};

use leadloop_sandbox::{Options, Sandbox as Server, StartError, Target};
use serde_json::json;

use crate::args::Sandbox;
use crate::failure::Failure;
use crate::screen::{Screen, Style};
use crate::signals;

/// Runs until it is told to stop.
///
/// # Errors
/// Where it cannot start, or a file cannot be read.
pub async fn run(screen: &Screen, args: Sandbox) -> Result<(), Failure> {
    let stop = signals::listen();
    let handle = Server::start(options(&args)).await.map_err(refused)?;
    greet(screen, &args, &handle.url())?;
    stop.wait().await;
    handle.shutdown().await;
    Ok(())
}

fn options(args: &Sandbox) -> Options {
    let mut options = Options {
        listen: args.listen.unwrap_or(SocketAddr::from((Ipv4Addr::LOCALHOST, args.port))),
        admin_key: args.admin_key.clone(),
        seed: args.seed,
        file: args.file.clone(),
        seed_file: args.seed_file.clone(),
        ma_file: args.ma_file.clone(),
        ..Options::default()
    };
    if let (Some(url), Some(secret)) = (&args.ma_target, &args.ma_secret) {
        options.ma_target = Some(Target { url: url.clone(), secret: secret.clone() });
    }
    options.tuning.robot.on = args.robot;
    options.tuning.robot.delay_ms = args.robot_delay;
    options.tuning.limits.per_second = args.per_second;
    options.tuning.limits.per_day = args.per_day;
    options.tuning.search_lag_ms = args.search_lag;
    options
}

fn refused(error: StartError) -> Failure {
    let text = error.to_string();
    let (code, text) = match text.split_once(": ") {
        Some((code, rest)) if code.starts_with("LL") => (Some(code.to_owned()), rest.to_owned()),
        _ => (None, text),
    };
    let failure = match error {
        StartError::Option(_) => Failure::input(text.clone(), text),
        _ => Failure::outside(text.clone(), text),
    };
    match code {
        Some(code) => failure.code(code),
        None => failure,
    }
}

fn greet(screen: &Screen, args: &Sandbox, url: &str) -> Result<(), Failure> {
    let defaults = Options::default();
    if screen.is_json() {
        return Ok(screen.json(&json!({
            "url": url, "page": format!("{url}/"), "client_id": defaults.client_id,
            "client_secret": defaults.client_secret, "robot": args.robot,
        }))?);
    }
    let head = screen.words("The sandbox CRM and MA listens on", "沙箱 CRM 与 MA 监听于");
    screen.line(&format!("{head} {}", screen.paint(Style::Good, url)))?;
    screen.line(&format!("  {} {url}/", screen.words("page for people", "查看页面")))?;
    screen.line(&format!(
        "  {} {} / {}",
        screen.words("client id and secret", "客户端 ID 与密钥"),
        defaults.client_id,
        defaults.client_secret
    ))?;
    screen.line(screen.words("  Ctrl-C ends it", "  按 Ctrl-C 结束"))?;
    Ok(())
}
