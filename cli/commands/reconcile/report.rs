//! What a comparison found, on the screen, as JSON and as a file.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::Path;

use indicatif::{ProgressBar, ProgressStyle};
use leadloop_mapping::Value as FieldValue;
use leadloop_server::reconcile::Report;
use leadloop_sync_core::feedback::crm_id;
use leadloop_sync_core::ids::LinkName;
use leadloop_sync_core::reconcile::{Cause, Difference, Repair};
use serde_json::{Value, json};

use crate::args::Reconcile;
use crate::failure::Failure;
use crate::privacy::Privacy;
use crate::screen::{Rows, Screen, Style};
use crate::sheet::{Cell, Sheet};

/// Columns of the export.
const HEADS: [&str; 11] = [
    "record",
    "lead",
    "handoff",
    "field",
    "pool",
    "crm",
    "agreed",
    "cause",
    "cause_text",
    "detail",
    "repair",
];

pub(super) struct Page<'a> {
    pub(super) screen: &'a Screen,
    pub(super) privacy: Privacy,
    pub(super) link: &'a LinkName,
    pub(super) found: &'a Report,
}

impl Page<'_> {
    fn shown(&self, difference: &Difference, text: &str) -> String {
        let field = difference.field.as_deref().unwrap_or_default();
        self.privacy.foreign(field, &FieldValue::text(text))
    }

    fn cause(&self, cause: Cause) -> &'static str {
        let (en, zh) = words(cause);
        if self.screen.words("en", "zh") == "en" { en } else { zh }
    }

    fn repair(&self, difference: &Difference) -> &'static str {
        let (en, zh) = repair_words(difference.repair.as_ref());
        if self.screen.words("en", "zh") == "en" { en } else { zh }
    }

    fn counts(&self) -> BTreeMap<Cause, u64> {
        let mut counts = BTreeMap::new();
        for difference in &self.found.differences {
            *counts.entry(difference.cause).or_default() += 1;
        }
        counts
    }

    pub(super) fn print(&self, most: usize) -> Result<(), Failure> {
        let (screen, found) = (self.screen, self.found);
        let objects: Vec<String> =
            found.records.iter().map(|(object, count)| format!("{object} {count}")).collect();
        let title = format!(
            "{} {}: {}  ({} {}, {} {})",
            screen.words("pool and", "线索池与"),
            self.link,
            objects.join(", "),
            found.linked,
            screen.words("of ours", "条已关联"),
            found.handoffs,
            screen.words("open hand-overs", "条进行中的转出"),
        );
        screen.line(&screen.paint(Style::Head, &title))?;
        if found.differences.is_empty() {
            let text = screen.words("no difference", "没有差异");
            return Ok(screen.line(&screen.paint(Style::Good, text))?);
        }
        let mut table = Rows::new(&["#", screen.words("cause", "原因"), ""]);
        for (cause, count) in self.counts() {
            let style = if cause.is_known() { Style::Note } else { Style::Warn };
            let text = screen.paint(style, self.cause(cause));
            table.push(vec![count.to_string(), cause.as_str().to_owned(), text]);
        }
        screen.table(&table)?;
        if most == 0 {
            return Ok(());
        }
        screen.line("")?;
        let mut table = Rows::new(&[
            screen.words("record", "记录"),
            screen.words("field", "字段"),
            screen.words("pool", "线索池"),
            "CRM",
            screen.words("cause", "原因"),
            screen.words("repair", "修复"),
        ]);
        // What nobody deals with by itself comes first.
        let (known, open): (Vec<_>, Vec<_>) =
            found.differences.iter().partition(|difference| difference.cause.is_known());
        for difference in open.into_iter().chain(known).take(most) {
            let cause = match difference.detail.as_str() {
                "" => difference.cause.as_str().to_owned(),
                detail => format!("{} ({detail})", difference.cause.as_str()),
            };
            table.push(vec![
                name(difference),
                difference.field.clone().unwrap_or_default(),
                self.shown(difference, &difference.pool),
                self.shown(difference, &difference.crm),
                cause,
                self.repair(difference).to_owned(),
            ]);
        }
        screen.table(&table)?;
        let left = found.differences.len().saturating_sub(most);
        if left > 0 {
            let text = match screen.words("en", "zh") {
                "en" => format!("{left} more; --out FILE writes them all"),
                _ => format!("另有 {left} 条；--out 文件 可全部导出"),
            };
            screen.line(&screen.paint(Style::Note, &text))?;
        }
        Ok(())
    }

    pub(super) fn end(&self, args: &Reconcile, repairs: usize, ordered: Option<u64>) -> Result<(), Failure> {
        let screen = self.screen;
        let en = screen.words("en", "zh") == "en";
        let text = match ordered {
            Some(count) if en => {
                format!("{count} repairs are in the outbox; compare again when they went out")
            }
            Some(count) => format!("{count} 项修复已进入待发队列；发送后可再次对账"),
            None if repairs == 0 => return Ok(()),
            None if args.repair && args.dry_run && en => {
                format!("{repairs} things would be put right; nothing was")
            }
            None if args.repair && args.dry_run => format!("可修复 {repairs} 项；未执行"),
            None if args.repair => return Ok(()),
            None if en => format!("{repairs} things can be put right: --repair --dry-run, then --repair"),
            None => format!("可修复 {repairs} 项：先用 --repair --dry-run 查看，再用 --repair 执行"),
        };
        Ok(screen.line(&format!("\n{text}"))?)
    }

    fn difference(&self, difference: &Difference) -> Value {
        json!({
            "record": difference.remote.as_ref().map(crm_id),
            "lead": difference.lead.map(|lead| lead.to_string()),
            "handoff": difference.handoff.map(|handoff| handoff.to_string()),
            "field": difference.field,
            "pool": self.shown(difference, &difference.pool),
            "crm": self.shown(difference, &difference.crm),
            "agreed": difference.agreed.as_ref().map(|agreed| self.shown(difference, agreed)),
            "cause": difference.cause.as_str(),
            "known": difference.cause.is_known(),
            "detail": difference.detail,
            "repair": difference.repair.as_ref().map(repair_name),
        })
    }

    pub(super) fn json(&self, repairs: &BTreeSet<Repair>, ordered: Option<u64>) -> Value {
        let causes: BTreeMap<&str, u64> =
            self.counts().into_iter().map(|(cause, count)| (cause.as_str(), count)).collect();
        let differences: Vec<Value> =
            self.found.differences.iter().map(|difference| self.difference(difference)).collect();
        json!({
            "crm": self.link, "records": self.found.records, "linked": self.found.linked,
            "handoffs": self.found.handoffs, "causes": causes, "open": self.found.open(),
            "differences": differences, "more": self.found.more, "repairs": repairs.len(), "ordered": ordered,
        })
    }

    /// Writes all of them to a file, whole or not at all.
    pub(super) fn export(&self, file: &Path, force: bool) -> Result<(), Failure> {
        let ending = file.extension().and_then(|ending| ending.to_str()).map(str::to_ascii_lowercase);
        if ending.as_deref() == Some("json") {
            return self.export_json(file, force);
        }
        let heads: Vec<String> = HEADS.iter().map(|head| (*head).to_owned()).collect();
        let mut sheet = Sheet::begin(file, force, &heads)?;
        for difference in &self.found.differences {
            let id = |id: Option<String>| Cell::from(id.unwrap_or_default());
            sheet.row(&[
                id(difference.remote.as_ref().map(crm_id)),
                id(difference.lead.map(|lead| lead.to_string())),
                id(difference.handoff.map(|handoff| handoff.to_string())),
                id(difference.field.clone()),
                Cell::from(self.shown(difference, &difference.pool)),
                Cell::from(self.shown(difference, &difference.crm)),
                id(difference.agreed.as_ref().map(|agreed| self.shown(difference, agreed))),
                Cell::from(difference.cause.as_str()),
                Cell::from(self.cause(difference.cause)),
                Cell::from(difference.detail.as_str()),
                Cell::from(difference.repair.as_ref().map_or("", repair_name)),
            ])?;
        }
        sheet.finish().map(drop)
    }

    fn export_json(&self, file: &Path, force: bool) -> Result<(), Failure> {
        let failed = |error: std::io::Error| {
            let name = file.display();
            Failure::outside(format!("`{name}`: {error}"), format!("`{name}`：{error}"))
        };
        let differences: Vec<Value> =
            self.found.differences.iter().map(|difference| self.difference(difference)).collect();
        let text = serde_json::to_string_pretty(&differences).map_err(|error| failed(error.into()))?;
        let mut options = std::fs::OpenOptions::new();
        options.write(true);
        if force {
            options.create(true).truncate(true);
        } else {
            options.create_new(true);
        }
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut out = options.open(file).map_err(|error| match error.kind() {
            std::io::ErrorKind::AlreadyExists => Failure::input(
                format!("`{}` is there already", file.display()),
                format!("`{}` 已存在", file.display()),
            )
            .help("name another file, or add --force", "请换一个文件名，或加 --force"),
            _ => failed(error),
        })?;
        out.write_all(text.as_bytes()).and_then(|()| out.sync_all()).map_err(failed)
    }
}

/// What a difference is about: the record, else the hand-over.
fn name(difference: &Difference) -> String {
    match (&difference.remote, difference.handoff) {
        (Some(remote), _) => crm_id(remote),
        (None, Some(handoff)) => handoff.to_string(),
        (None, None) => String::new(),
    }
}

pub(super) fn bar(screen: &Screen) -> ProgressBar {
    if !screen.draws() {
        return ProgressBar::hidden();
    }
    let template = match screen.words("en", "zh") {
        "en" => "{spinner} {msg} records, {elapsed}",
        _ => "{spinner} {msg} 条记录，{elapsed}",
    };
    let bar = ProgressBar::new_spinner();
    bar.set_style(
        ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner()),
    );
    bar
}

fn words(cause: Cause) -> (&'static str, &'static str) {
    match cause {
        Cause::Pending => ("a delivery waits in the outbox", "投递在待发队列中"),
        Cause::Coming => ("changed in the CRM since the last poll", "CRM 在上次轮询后修改"),
        Cause::Asked => ("a conflict waits: `leadloop conflicts`", "冲突待裁定：`leadloop conflicts`"),
        Cause::Refused => ("the value does not get across", "该值无法写入 CRM"),
        Cause::ByHand => {
            ("written by hand in the CRM, and the rule lets it stand", "销售在 CRM 手工修改，规则予以保留")
        }
        Cause::Parked => ("needs a person: `leadloop outbox list`", "待人工处理：`leadloop outbox list`"),
        Cause::NotSent => ("the pool's value was never sent", "线索池的值未发送"),
        Cause::NotHeard => ("the CRM's value was never heard", "未获知 CRM 的修改"),
        Cause::MirrorStale => ("the mirror holds something else", "镜像与 CRM 不一致"),
        Cause::Vanished => ("the record is gone, and nobody said so", "记录已被删除且无通知"),
        Cause::LostHandover => {
            ("the record of a hand-over that does not know of it", "转出的记录已存在但未登记")
        }
        Cause::NeverHandedOver => {
            ("a hand-over without a record, and none is being made", "转出没有记录且未在创建")
        }
        Cause::UnknownMark => ("a mark of ours that the pool does not know", "带有线索池不认识的标记"),
        Cause::Doubled => ("several records carry one mark", "多条记录带有同一标记"),
    }
}

fn repair_words(repair: Option<&Repair>) -> (&'static str, &'static str) {
    match repair {
        None => ("", ""),
        Some(Repair::Read(_)) => ("read it again", "重新读取"),
        Some(Repair::Send(_)) => ("read, then merge", "重新读取后合并"),
        Some(Repair::Adopt(..)) => ("take the record over", "认领该记录"),
        Some(Repair::Decide(_)) => ("decide anew", "重新决策"),
    }
}

fn repair_name(repair: &Repair) -> &'static str {
    match repair {
        Repair::Read(_) => "read",
        Repair::Send(_) => "send",
        Repair::Adopt(..) => "adopt",
        Repair::Decide(_) => "decide",
    }
}
