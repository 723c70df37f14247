//! `leadloop map try`: what a CRM would be told of a lead, field by field, step by step. Nothing is sent.

use leadloop_config::plan::Plan;
use leadloop_mapping::Value as FieldValue;
use leadloop_mapping::apply::Line;
use leadloop_sync_core::feedback::crm_id;
use leadloop_sync_core::ids::LinkName;
use leadloop_sync_core::moment::Moment;
use leadloop_sync_core::normal::mask;
use leadloop_sync_core::preview::{self, Becomes, Beside, Preview, Shown, Unseen};
use serde_json::{Map as JsonMap, Value, json};

use crate::args::General;
use crate::args::map::{Map, Try};
use crate::commands::lead::who;
use crate::failure::Failure;
use crate::privacy::Privacy;
use crate::screen::{Rows, Screen, Style};
use crate::{plan, reveal, when};

/// Most characters of a value on the screen.
const MOST_SHOWN: usize = 48;

/// Does what was asked.
///
/// # Errors
/// Where config or store cannot be used, nobody fits, or the CRM has no such object.
pub async fn run(screen: &mut Screen, general: &General, command: Map) -> Result<(), Failure> {
    match command {
        Map::Try(args) => attempt(screen, general, &args).await,
    }
}

async fn attempt(screen: &mut Screen, general: &General, args: &Try) -> Result<(), Failure> {
    let plan = plan::plan(screen, general)?;
    let link = which(&plan, args.crm.as_deref())?;
    let asked = args.lead.join(" ");
    let store = plan::reading(&plan).await?;
    let found = who::one(&store, &plan, &asked).await?;
    let lead = found.lead.id;
    let book = store.look(&preview::needs(lead, None)).await?;
    let book = store.look(&preview::needs(lead, Some(&book))).await?;
    store.close().await;
    let mut moment = Moment::new(when::now(), 1);
    let about = (&link, args.object.as_deref());
    let shown = preview::preview(&book, lead, about, &plan.policy, &mut moment)
        .map_err(|unseen| refused(&plan, &link, args, unseen))?;
    let privacy = reveal::privacy(&plan, args.reveal, "reveal", &[shown.lead], "map try").await?;
    let page = Page { screen, privacy };
    if screen.is_json() {
        return Ok(screen.json(&page.json(&link, &shown))?);
    }
    page.print(&link, &shown)
}

/// The CRM that is meant.
pub fn which(plan: &Plan, named: Option<&str>) -> Result<LinkName, Failure> {
    let known: Vec<&str> = plan.policy.crms.keys().map(LinkName::as_str).collect();
    let meant = named.or(match known.as_slice() {
        [only] => Some(*only),
        _ => None,
    });
    match meant.filter(|meant| known.contains(meant)) {
        Some(meant) => Ok(LinkName(meant.to_owned())),
        None => {
            let (named, known) = (named.unwrap_or_default(), known.join(", "));
            Err(Failure::unknown(format!("there is no CRM `{named}`"), format!("没有名为 `{named}` 的 CRM"))
                .help(format!("there are: {known}"), format!("可选：{known}")))
        }
    }
}

fn refused(plan: &Plan, link: &LinkName, args: &Try, unseen: Unseen) -> Failure {
    let object = args.object.as_deref().unwrap_or_default();
    match unseen {
        Unseen::Lead => crate::commands::why::nobody(&args.lead.join(" ")).code("LL4406"),
        Unseen::Crm | Unseen::Object => {
            let crm = plan.policy.crms.get(link);
            let known: Vec<&str> =
                crm.map(|crm| crm.roles.keys().map(String::as_str).collect()).unwrap_or_default();
            let known = known.join(", ");
            Failure::input(
                format!("`{link}` has no object `{object}`"),
                format!("`{link}` 没有对象 `{object}`"),
            )
            .code("LL4750")
            .help(format!("--object names one of: {known}"), format!("--object 可选：{known}"))
        }
    }
}

struct Page<'a> {
    screen: &'a Screen,
    privacy: Privacy,
}

impl Page<'_> {
    /// A value of a rule. What stands for a person is masked by the pool's field; a text made of several by none.
    fn value(&self, line: &Line, value: &FieldValue) -> String {
        let mixed = line.steps.iter().any(|(step, _)| step.contains("template"));
        match line.from.as_slice() {
            _ if mixed && !self.privacy.is_open() => match value.is_blank() {
                true => String::new(),
                false => mask::opaque(&value.to_display()),
            },
            [(name, _)] => self.privacy.field(name, value),
            _ => {
                let field = line.fields.first().map(String::as_str).unwrap_or_default();
                self.privacy.foreign(field, value)
            }
        }
    }

    fn values(&self, line: &Line, values: &[FieldValue]) -> String {
        let shown: Vec<String> = values.iter().map(|value| self.value(line, value)).collect();
        short(shown.join(" | ").trim())
    }

    fn from(&self, line: &Line) -> String {
        if line.from.is_empty() {
            return self.screen.words("(fixed)", "（固定值）").to_owned();
        }
        let shown = line.from.iter().map(|(name, value)| {
            let value = self.privacy.field(name, value);
            format!("{name}: {}", if value.is_empty() { "-" } else { &value })
        });
        short(&shown.collect::<Vec<_>>().join(", "))
    }

    fn steps(&self, line: &Line) -> String {
        let kept = self.screen.words("(kept)", "（保留原值）");
        let steps = line.steps.iter().map(|(step, value)| {
            let value = value.as_ref().map_or_else(|| kept.to_owned(), |value| self.value(line, value));
            format!("{step} → {}", short(&value))
        });
        steps.collect::<Vec<_>>().join("; ")
    }

    fn becomes(&self, becomes: &Becomes) -> String {
        let screen = self.screen;
        match becomes {
            Becomes::Sent => screen.paint(Style::Good, screen.words("sent", "发送")),
            Becomes::InStep => screen.words("in step", "已一致").to_owned(),
            Becomes::Blank => screen.words("nothing to say", "无值").to_owned(),
            Becomes::OnlyWhenMade => {
                screen.words("only when the record is made", "仅在创建记录时").to_owned()
            }
            Becomes::Theirs => screen.words("the CRM's value stays", "保留 CRM 的值").to_owned(),
            Becomes::ToPool => screen.words("comes to the pool", "回写线索池").to_owned(),
            Becomes::Asked => screen.paint(
                Style::Warn,
                screen.words("a person is asked: `leadloop conflicts`", "待人工裁定：`leadloop conflicts`"),
            ),
            Becomes::Refused(why) => {
                let words = why.words();
                let text = screen.words(&words.en, &words.zh);
                screen.paint(Style::Bad, &format!("{}{text}", screen.words("refused: ", "拒绝：")))
            }
            Becomes::Kept => screen.words("stays as it is there", "CRM 中保持不变").to_owned(),
            Becomes::WithHandover => screen.words("written with a hand-over", "随转出写入").to_owned(),
        }
    }

    fn beside(&self, beside: &Beside) -> (String, String) {
        let screen = self.screen;
        let (why, stand_in) = match beside.why {
            "mark" => (
                screen.words("our mark", "leadloop 标记"),
                screen.words("(of the hand-over)", "（转出编号）"),
            ),
            "owner" => (
                screen.words("the owner", "负责人"),
                screen.words("(by the transfer rule)", "（由转出规则决定）"),
            ),
            "status" => (screen.words("the status", "状态"), ""),
            _ => (screen.words("a name, since there is none", "无姓名时的代称"), ""),
        };
        let value = beside.value.as_ref().map(|value| self.privacy.foreign(&beside.field, value));
        (value.unwrap_or_else(|| stand_in.to_owned()), why.to_owned())
    }

    fn print(&self, link: &LinkName, shown: &Preview) -> Result<(), Failure> {
        let screen = self.screen;
        let title = match &shown.remote {
            Some(remote) => format!("{} → {}", shown.lead, crm_id(remote)),
            None => format!(
                "{} → {link}/{}  {}",
                shown.lead,
                shown.object,
                screen.words("(would be made by a hand-over)", "（转出时创建）")
            ),
        };
        screen.line(&screen.paint(Style::Head, &title))?;
        let mut table = Rows::new(&[
            screen.words("CRM field", "CRM 字段"),
            screen.words("pool", "线索池"),
            screen.words("steps", "步骤"),
            screen.words("value", "结果"),
            screen.words("CRM holds", "CRM 现值"),
            screen.words("what happens", "处理"),
        ]);
        for Shown { line, held, becomes } in &shown.lines {
            let to: Vec<FieldValue> = line.to.iter().map(|(_, value)| value.clone()).collect();
            table.push(vec![
                line.fields.join(" + "),
                self.from(line),
                self.steps(line),
                self.values(line, &to),
                self.values(line, held),
                self.becomes(becomes),
            ]);
        }
        for beside in &shown.beside {
            let (value, why) = self.beside(beside);
            table.push(vec![beside.field.clone(), String::new(), String::new(), value, String::new(), why]);
        }
        screen.table(&table)?;
        let sent = shown.lines.iter().filter(|shown| shown.becomes == Becomes::Sent).count();
        let end = if shown.incomplete {
            screen.words(
                "a required field has no value: a hand-over would be parked (LL4202). Nothing was sent",
                "必填字段没有值：转出会被搁置（LL4202）。未发送任何内容",
            )
        } else if shown.remote.is_some() && sent == 0 {
            screen.words(
                "nothing would be sent: both sides agree. Nothing was sent",
                "双方一致，无需发送。未发送任何内容",
            )
        } else {
            screen.words("nothing was sent", "未发送任何内容")
        };
        Ok(screen.line(&format!("\n{}", screen.paint(Style::Note, end)))?)
    }

    fn json(&self, link: &LinkName, shown: &Preview) -> Value {
        let pairs = |line: &Line, values: &mut dyn Iterator<Item = (&String, &FieldValue)>| {
            let shown = values.map(|(name, value)| (name.clone(), Value::from(self.value(line, value))));
            shown.collect::<JsonMap<_, _>>()
        };
        let fields: Vec<Value> = shown
            .lines
            .iter()
            .map(|Shown { line, held, becomes }| {
                let from = line
                    .from
                    .iter()
                    .map(|(name, value)| (name.clone(), self.privacy.field(name, value).into()));
                let steps = line.steps.iter().map(|(step, value)| {
                    json!({ "step": step, "result": value.as_ref().map(|value| self.value(line, value)) })
                });
                let why = match becomes {
                    Becomes::Refused(why) => {
                        Some(self.screen.words(&why.words().en, &why.words().zh).to_owned())
                    }
                    _ => None,
                };
                json!({
                    "rule": line.name,
                    "from": from.collect::<JsonMap<_, _>>(),
                    "steps": steps.collect::<Vec<_>>(),
                    "to": pairs(line, &mut line.to.iter().map(|(name, value)| (name, value))),
                    "held": pairs(line, &mut line.fields.iter().zip(held)),
                    "becomes": becomes.as_str(),
                    "why": why,
                })
            })
            .collect();
        let beside: Vec<Value> = shown
            .beside
            .iter()
            .map(|beside| {
                let value = beside.value.as_ref().map(|value| self.privacy.foreign(&beside.field, value));
                json!({ "field": beside.field, "value": value, "why": beside.why })
            })
            .collect();
        json!({
            "lead": shown.lead.to_string(), "crm": link, "object": shown.object,
            "record": shown.remote.as_ref().map(crm_id), "fields": fields, "beside": beside,
            "incomplete": shown.incomplete,
        })
    }
}

fn short(text: &str) -> String {
    let text = crate::screen::one_line(text);
    if text.chars().count() <= MOST_SHOWN {
        return text;
    }
    let mut cut: String = text.chars().take(MOST_SHOWN - 1).collect();
    cut.push('…');
    cut
}
