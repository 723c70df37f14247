//! Whether a system is reached: name, connection, TLS, credentials, clock, quota.

use leadloop_connector_api::manifest::Manifest;
use leadloop_mapping::{Record, Value};
use leadloop_sync_core::time::Micros;

use super::{LiveLink, Reach, Trouble, home, quoted};
use crate::lower::Context;
use crate::lower::get::Get;
use crate::problem::{Problem, Words};
use crate::text::{At, Table};

/// A clock further off than this makes signatures fail and changes be read late.
const MOST_SKEW: Micros = Micros::seconds(60);
/// Less than so many per cent of the day's quota is little.
const LITTLE: i64 = 10;

pub(super) fn check(ctx: &mut Context<'_>, at: &At<Table>, manifest: &Manifest, link: &LiveLink) {
    let name = at.value.text("name").unwrap_or_default().to_owned();
    match &link.reach {
        Reach::NotAsked => {}
        Reach::Failed(trouble, said) => ctx.problems.push(failed(at, manifest, &name, *trouble, said)),
        Reach::Answered(record) => {
            ctx.problems.extend(quota(at, &name, record));
            ctx.problems.extend(unindexed(at, &name, record));
            ctx.problems.extend(skipped(at, &name, record));
        }
    }
    if let Some(ahead) = link.ahead.filter(|ahead| ahead.0.abs() > MOST_SKEW.0) {
        let seconds = ahead.0.abs() / 1_000_000;
        let (en, zh) = if ahead.0 > 0 { ("ahead of", "快") } else { ("behind", "慢") };
        ctx.problems.push(
            Problem::warning(
                "LL1134",
                &home(at),
                Words::new(
                    format!("the clock of `{name}` is {seconds} s {en} ours"),
                    format!("`{name}` 的时钟比本机{zh} {seconds} 秒"),
                ),
                Words::new("clocks differ", "时钟不一致"),
            )
            .help(
                "set this machine by NTP (`timedatectl set-ntp true`); if it is right, tell the operator of the system",
                "请用 NTP 校准本机时间（`timedatectl set-ntp true`）；若本机准确，请告知对方系统管理员",
            ),
        );
    }
}

fn failed(at: &At<Table>, manifest: &Manifest, name: &str, trouble: Trouble, said: &str) -> Problem {
    let Sayings { code, message, label, help } = sayings(trouble);
    let readme = format!("connectors/{}/README.md", manifest.name);
    let fill = |text: &str| text.replace("NAME", name).replace("README", &readme);
    let message = quoted(&fill(message.0), &fill(message.1), said);
    Problem::error(code, &home(at), message, Words::new(label.0, label.1)).help(fill(help.0), fill(help.1))
}

/// What is said of one kind of trouble, in both languages; NAME is the link's, README its connector's.
struct Sayings {
    code: &'static str,
    message: (&'static str, &'static str),
    label: (&'static str, &'static str),
    help: (&'static str, &'static str),
}

const fn sayings(trouble: Trouble) -> Sayings {
    match trouble {
        Trouble::Name => Sayings {
            code: "LL1130",
            message: ("the name of `NAME` is not known", "无法解析 `NAME` 的域名"),
            label: ("no such name", "域名不存在"),
            help: (
                "mend the address, or the DNS of this machine (`getent hosts` must answer)",
                "请修正地址或本机 DNS（`getent hosts` 应有结果）",
            ),
        },
        Trouble::Connect => Sayings {
            code: "LL1131",
            message: ("`NAME` cannot be reached", "无法连接 `NAME`"),
            label: ("no connection", "连接失败"),
            help: (
                "is it running, is the port right, does a firewall or proxy stand between?",
                "请检查对方是否运行、端口是否正确、是否有防火墙或代理",
            ),
        },
        Trouble::Tls => Sayings {
            code: "LL1132",
            message: ("`NAME` has no TLS we can trust", "`NAME` 的 TLS 不可信"),
            label: ("TLS failed", "TLS 失败"),
            help: (
                "is it https there, is the certificate valid for this name and not expired?",
                "请确认对方使用 https，且证书与域名相符、未过期",
            ),
        },
        Trouble::Login => Sayings {
            code: "LL1133",
            message: ("`NAME` refuses our credentials", "`NAME` 拒绝了凭据"),
            label: ("not let in", "被拒绝"),
            help: (
                "how to get credentials and which permissions they need: README",
                "如何获取凭据、需要哪些权限，见 README",
            ),
        },
        Trouble::Missing => Sayings {
            code: "LL4861",
            message: ("`NAME` does not have what its settings name", "`NAME` 中没有设置所指定的对象"),
            label: ("not there, or not for us to see", "不存在或无权查看"),
            help: (
                "mend the settings, or give our user the right to see it: README",
                "请修正设置，或为我们的用户授予查看权限，见 README",
            ),
        },
        Trouble::Quota => Sayings {
            code: "LL1135",
            message: ("`NAME` takes no more requests now", "`NAME` 暂不接受请求"),
            label: ("quota or rate used up", "配额或频率已用尽"),
            help: (
                "wait, or lower `limits` so that other programs with the same account find room",
                "请稍候，或调低 `limits`，给共用同一账号的程序留出余量",
            ),
        },
        Trouble::Silent | Trouble::Ill => Sayings {
            code: "LL1136",
            message: ("`NAME` does not answer as it should", "`NAME` 应答异常"),
            label: ("no sensible answer", "没有正常应答"),
            help: (
                "try again; if it stays so, its own status page or operator knows more",
                "请重试；若持续如此，请查看对方状态页或联系其管理员",
            ),
        },
    }
}

/// Little left of the day's quota.
fn quota(at: &At<Table>, name: &str, record: &Record) -> Option<Problem> {
    let number = |key: &str| record.get(key).and_then(Value::as_int);
    let (quota, left) = (number("quota")?, number("quota_left")?);
    (quota > 0 && left.saturating_mul(100) / quota < LITTLE).then(|| {
        Problem::warning(
            "LL1135",
            &home(at),
            Words::new(
                format!("`{name}` has {left} of {quota} requests left for today"),
                format!("`{name}` 今日配额仅剩 {left}/{quota}"),
            ),
            Words::new("little left", "配额不足"),
        )
        .help(
            "find out what uses it up, or lower `limits`; what does not fit waits for tomorrow",
            "请查明消耗来源或调低 `limits`；超出部分会等到次日",
        )
    })
}

/// A table that is read by a column without an index.
fn unindexed(at: &At<Table>, name: &str, record: &Record) -> Option<Problem> {
    let column = record.text("unindexed")?;
    let said = Problem::warning(
        "LL4862",
        &home(at),
        Words::new(
            format!("`{name}` is read by the column `{column}`, which has no index"),
            format!("`{name}` 按列 `{column}` 读取，但该列没有索引"),
        ),
        Words::new("each reading looks through the whole table", "每次读取都要扫描整张表"),
    );
    Some(said.help(
        format!("make an index that begins with `{column}`"),
        format!("请建立以 `{column}` 开头的索引"),
    ))
}

/// Columns that are left out because they hold bytes.
fn skipped(at: &At<Table>, name: &str, record: &Record) -> Option<Problem> {
    let columns = record.text("skipped")?;
    let said = Problem::warning(
        "LL4863",
        &home(at),
        Words::new(
            format!("columns of `{name}` are not read, since they hold bytes: {columns}"),
            format!("`{name}` 的以下列为二进制内容，不会读取：{columns}"),
        ),
        Words::new("left out", "不读取"),
    );
    Some(said.help("name the columns that are read in `columns`", "请在 `columns` 中写明要读取的列"))
}
