//! The week in numbers: as text, as HTML with bars, and as CSV.

mod page;

use std::fmt::Write as _;

use jiff::civil::{Date, Weekday};
use leadloop_store::read::activities::ActivityRow;
use leadloop_store::read::funnel::{FunnelBy, FunnelRow, FunnelSpan};
use leadloop_store::read::week::{HappenedRow, ShareRow};
use leadloop_store::{Store, StoreError};
use leadloop_sync_core::because::Language;
use leadloop_sync_core::notice::{Announcement, Attachment};
use leadloop_sync_core::policy::Policy;
use leadloop_sync_core::time::Timestamp;
use serde_json::json;

/// Days of a report.
const DAYS: i32 = 7;

/// A number of what happened: in Chinese, in English, where it is.
type Fact = (&'static str, &'static str, fn(&HappenedRow) -> i64);
/// A column of a table: in Chinese, in English, where it is.
type Column<R> = (&'static str, &'static str, fn(&R) -> i64);

const FACTS: [Fact; 8] = [
    ("新线索", "new leads", |row| row.people),
    ("新 MQL", "new MQLs", |row| row.mql_new),
    ("重新激活的 MQL", "reactivated MQLs", |row| row.mql_reactivated),
    ("SQL（已转出）", "SQLs (handed over)", |row| row.handed_over),
    ("已接受", "accepted", |row| row.accepted),
    ("商机", "opportunities", |row| row.opportunity),
    ("赢单", "won", |row| row.won),
    ("输单", "lost", |row| row.lost),
];

const CHANNELS: [Column<FunnelRow>; 7] = [
    ("线索", "leads", |row| row.people),
    ("MQL", "MQL", |row| row.mql),
    ("SQL", "SQL", |row| row.handed_over),
    ("已接受", "accepted", |row| row.accepted),
    ("商机", "opportunity", |row| row.opportunity),
    ("赢单", "won", |row| row.won),
    ("输单", "lost", |row| row.lost),
];

const EVENTS: [Column<ActivityRow>; 7] = [
    ("浏览", "views", |row| row.views),
    ("报名", "registered", |row| row.registered),
    ("到场", "attended", |row| row.attended),
    ("线索", "leads", |row| row.people),
    ("新线索", "new", |row| row.fresh),
    ("MQL", "MQL", |row| row.mql),
    ("SQL", "SQL", |row| row.handed_over),
];

/// A week and what is known of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Week {
    /// Its Monday.
    pub first: Date,
    /// Its Sunday.
    pub last: Date,
    /// What happened.
    pub happened: HappenedRow,
    /// What happened the week before.
    pub before: HappenedRow,
    /// Won opportunities of the CRMs.
    pub share: ShareRow,
    /// People who came in it, by channel.
    pub channels: Vec<FunnelRow>,
    /// Events with touches in it; names where the campaigns table has some.
    pub events: Vec<ActivityRow>,
}

/// The Monday after the last week that is over on `day`.
#[must_use]
pub fn monday_of(day: Date) -> Date {
    day.checked_sub(jiff::Span::new().days(i64::from(day.weekday().since(Weekday::Monday)))).unwrap_or(day)
}

/// The week before `monday`.
///
/// # Errors
/// When the store cannot be reached.
pub async fn read(store: &Store, policy: &Policy, monday: Date) -> Result<Week, StoreError> {
    let back = |day: Date| day.checked_sub(jiff::Span::new().days(DAYS)).unwrap_or(day);
    let first = back(monday);
    let start = |day: Date| {
        let zoned = day.to_zoned(policy.zone.clone()).ok();
        zoned.map_or(Timestamp(0), |zoned| Timestamp::from(zoned.timestamp()))
    };
    let (begin, end) = (start(first), start(monday));
    let span = FunnelSpan { from: Some(begin), to: Some(end), pools: None };
    let mut events = store.activities(&policy.campaign.activity, &span).await?;
    for event in &mut events {
        if let Some(campaign) = policy.campaign.table.get(&event.name) {
            event.name.clone_from(&campaign.name);
        }
    }
    Ok(Week {
        first,
        last: monday.yesterday().unwrap_or(monday),
        happened: store.happened(begin, end).await?,
        before: store.happened(start(back(first)), begin).await?,
        share: store.won_share(begin, end).await?,
        channels: store.funnel(&FunnelBy::Channel, span).await?,
        events,
    })
}

impl Week {
    /// As a notice.
    #[must_use]
    pub fn announcement(&self, language: Language) -> Announcement {
        Announcement {
            thing: self.first.to_string(),
            facts: json!({ "report": self.text(language), "count": self.happened.people }),
            html: Some(self.html(language)),
            files: vec![Attachment {
                name: format!("leadloop-{}.csv", self.first),
                kind: "text/csv; charset=utf-8".to_owned(),
                content: self.csv(language),
            }],
            ..Announcement::default()
        }
    }

    /// As lines of text.
    #[must_use]
    pub fn text(&self, language: Language) -> String {
        let zh = language == Language::Zh;
        let mut text = format!("{} – {}\n", self.first, self.last);
        for (name_zh, name_en, number) in FACTS {
            let (now, before) = (number(&self.happened), number(&self.before));
            let name = if zh { name_zh } else { name_en };
            let _ = writeln!(text, "{name}: {now} ({})", change(now, before));
        }
        let amount = if zh { "赢单金额" } else { "amount won" };
        let _ = writeln!(text, "{amount}: {}", money(self.happened.cents));
        if let Some(line) = self.share_line(zh) {
            let _ = writeln!(text, "{line}");
        }
        text
    }

    /// Marketing's share of what the CRMs hold as won, where they hold something.
    fn share_line(&self, zh: bool) -> Option<String> {
        let share = &self.share;
        if share.deals == 0 && share.received == 0 {
            return None;
        }
        let (all, ours) = (money(share.cents), money(share.cents_of_leads));
        let part = percent(share.cents_of_leads, share.cents);
        let won = if zh {
            format!(
                "CRM 赢单 {} 笔，{all}；其中市场线索 {} 笔，{ours}（{part}）",
                share.deals, share.deals_of_leads
            )
        } else {
            format!(
                "won in the CRM: {}, {all}; of them from leads of marketing: {}, {ours} ({part})",
                share.deals, share.deals_of_leads
            )
        };
        if share.received == 0 {
            return Some(won);
        }
        let (all, ours) = (money(share.received), money(share.received_of_leads));
        let part = percent(share.received_of_leads, share.received);
        Some(if zh {
            format!("{won}。已回款 {all}；其中市场线索 {ours}（{part}）")
        } else {
            format!("{won}. Received: {all}; of it from leads of marketing: {ours} ({part})")
        })
    }

    /// As CSV: what happened, by channel, by event. Spreadsheets know UTF-8 by its mark, and take nothing for a formula.
    #[must_use]
    pub fn csv(&self, language: Language) -> String {
        let zh = language == Language::Zh;
        let pick = |cn: &'static str, en: &'static str| if zh { cn } else { en };
        let mut rows: Vec<Vec<String>> = vec![vec![
            pick("本周", "this week").to_owned(),
            self.first.to_string(),
            pick("上周", "week before").to_owned(),
        ]];
        for (cn, en, number) in FACTS {
            rows.push(vec![
                pick(cn, en).to_owned(),
                number(&self.happened).to_string(),
                number(&self.before).to_string(),
            ]);
        }
        rows.push(vec![
            pick("赢单金额", "amount won").to_owned(),
            plain(self.happened.cents),
            plain(self.before.cents),
        ]);
        let share = &self.share;
        for (name, cents) in [
            (pick("CRM 赢单金额", "won in the CRM"), share.cents),
            (pick("其中市场线索", "of them from leads"), share.cents_of_leads),
            (pick("CRM 回款金额", "received in the CRM"), share.received),
            (pick("其中市场线索", "of it from leads"), share.received_of_leads),
        ] {
            rows.push(vec![name.to_owned(), plain(cents)]);
        }
        rows.push(Vec::new());
        table(&mut rows, pick("渠道", "channel"), &CHANNELS, &self.channels, |row| &row.name, zh);
        rows.push(Vec::new());
        table(&mut rows, pick("活动", "event"), &EVENTS, &self.events, |row| &row.name, zh);
        let line = |row: &Vec<String>| row.iter().map(|text| cell(text)).collect::<Vec<_>>().join(",");
        rows.iter().fold("\u{feff}".to_owned(), |all, row| all + &line(row) + "\r\n")
    }

    /// As a page that every mail program draws.
    #[must_use]
    pub fn html(&self, language: Language) -> String {
        page::of(self, language)
    }
}

fn table<R>(
    rows: &mut Vec<Vec<String>>,
    first: &str,
    columns: &[Column<R>],
    of: &[R],
    name: fn(&R) -> &str,
    zh: bool,
) {
    let heads = columns.iter().map(|(cn, en, _)| (if zh { *cn } else { *en }).to_owned());
    rows.push(std::iter::once(first.to_owned()).chain(heads).collect());
    for row in of {
        let numbers = columns.iter().map(|(.., number)| number(row).to_string());
        rows.push(std::iter::once(name(row).to_owned()).chain(numbers).collect());
    }
}

fn cell(text: &str) -> String {
    let number = text.parse::<f64>().is_ok();
    let guarded = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) && !number {
        format!("'{text}")
    } else {
        text.to_owned()
    };
    if guarded.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", guarded.replace('"', "\"\""))
    } else {
        guarded
    }
}

/// How it changed: `+3`, `-2`, `=`.
fn change(now: i64, before: i64) -> String {
    if now == before { "=".to_owned() } else { format!("{:+}", now - before) }
}

/// Cents as an amount: `1234.50`.
fn plain(cents: i64) -> String {
    let sign = if cents < 0 { "-" } else { "" };
    format!("{sign}{}.{:02}", cents.unsigned_abs() / 100, cents.unsigned_abs() % 100)
}

/// The same in groups of three digits.
fn money(cents: i64) -> String {
    let text = plain(cents);
    let (whole, rest) = text.split_at(text.len() - 3);
    let (sign, digits) = whole.strip_prefix('-').map_or(("", whole), |digits| ("-", digits));
    let mut grouped = sign.to_owned();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped + rest
}

/// A share in percent with one decimal.
fn percent(part: i64, whole: i64) -> String {
    if whole <= 0 {
        return "–".to_owned();
    }
    let tenths = (i128::from(part) * 1_000 + i128::from(whole) / 2) / i128::from(whole);
    format!("{}.{} %", tenths / 10, tenths % 10)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A week with numbers in it.
    pub(crate) fn sample() -> Week {
        let row = |name: &str, people, won| FunnelRow {
            name: name.to_owned(),
            people,
            won,
            ..FunnelRow::default()
        };
        let event = |name: &str, registered| ActivityRow {
            name: name.to_owned(),
            registered,
            attended: 3,
            people: registered,
            ..ActivityRow::default()
        };
        Week {
            first: jiff::civil::date(2026, 11, 16),
            last: jiff::civil::date(2026, 11, 22),
            happened: HappenedRow {
                people: 10,
                mql_new: 4,
                mql_reactivated: 1,
                cents: 123_456_789,
                ..HappenedRow::default()
            },
            before: HappenedRow { people: 7, mql_new: 6, mql_reactivated: 1, ..HappenedRow::default() },
            share: ShareRow {
                deals: 3,
                cents: 300_000,
                deals_of_leads: 1,
                cents_of_leads: 100_000,
                received: 200_000,
                received_of_leads: 50_000,
            },
            channels: vec![row("官网", 7, 2), row("<b>&\"=SUM(A1)", 3, 0), row("=1+1", 0, 1)],
            events: vec![event("质量追溯直播", 12)],
        }
    }

    #[test]
    fn the_text_says_what_happened_and_how_it_changed() {
        let text = sample().text(Language::En);
        assert!(
            text.starts_with(
                "2026-11-16 – 2026-11-22\nnew leads: 10 (+3)\nnew MQLs: 4 (-2)\nreactivated MQLs: 1 (=)\n"
            ),
            "{text}"
        );
        assert!(text.contains("amount won: 1,234,567.89\n"), "{text}");
        assert!(text.contains("of them from leads of marketing: 1, 1,000.00 (33.3 %)"), "{text}");
        let nothing = Week { share: ShareRow::default(), ..sample() };
        assert!(!nothing.text(Language::Zh).contains("CRM"));
    }

    #[test]
    fn no_name_is_markup_or_a_formula() {
        let said = sample().announcement(Language::En);
        assert_eq!((said.thing.as_str(), &said.facts["count"]), ("2026-11-16", &json!(10)));
        let html = said.html.unwrap();
        assert!(html.contains("&lt;b&gt;&amp;&quot;") && !html.contains("<b>"), "{html}");
        let csv = &said.files[0].content;
        assert!(csv.starts_with("\u{feff}this week,2026-11-16,week before\r\nnew leads,10,7\r\n"), "{csv}");
        assert!(csv.contains("\r\n'=1+1,0,") && csv.contains("\"<b>&\"\"=SUM(A1)\",3,"), "{csv}");
        assert!(csv.contains("\r\n质量追溯直播,0,12,3,12,"), "{csv}");
        assert_eq!((cell("-5"), cell("-5+1")), ("-5".to_owned(), "'-5+1".to_owned()));
    }

    #[test]
    fn a_week_begins_on_monday() {
        let day = |d| jiff::civil::date(2026, 11, d);
        assert_eq!((monday_of(day(23)), monday_of(day(29)), monday_of(day(22))), (day(23), day(23), day(16)));
        assert_eq!(
            (money(-100_000), money(5), percent(1, 0)),
            ("-1,000.00".to_owned(), "0.05".to_owned(), "–".to_owned())
        );
    }
}
