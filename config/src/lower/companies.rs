//! `[companies]`: the admin's table of companies, and mail domains that name none.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use leadloop_sync_core::companies::{Companies, Company, key};
use leadloop_sync_core::normal::{credit_code, domain};

use super::Context;
use super::get::Get;
use super::rows::{Row, bad_row};
use crate::problem::{Problem, Span, Words};
use crate::text::At;

/// What separates several values of one cell.
const BETWEEN: [char; 4] = ['|', ';', '；', '｜'];

/// The table of companies.
pub fn companies(ctx: &mut Context<'_>) -> Arc<Companies> {
    let Some(section) = ctx.one("companies").map(|at| at.value) else { return Arc::default() };
    let free_mail = section.texts_at("free_mail").iter().filter_map(|at| free_mail(ctx, at)).collect();
    let rows = match section.text_at("table") {
        Some(file) => ctx.rows(&file, &["name"]),
        None => Vec::new(),
    };
    let mut reader = Reader::default();
    let read: Vec<Company> = rows.iter().map(|row| reader.row(ctx, row)).collect();
    let companies = reader.parents(ctx, &rows, read);
    Arc::new(Companies::new(companies, free_mail))
}

fn free_mail(ctx: &mut Context<'_>, at: &At<&str>) -> Option<String> {
    let found = domain::of_website(at.value.trim_start_matches('@'));
    if found.is_none() {
        ctx.problems.push(
            Problem::error(
                "LL2150",
                &at.span,
                Words::new(
                    format!("`{}` is no mail domain", at.value),
                    format!("`{}` 不是邮箱域名", at.value),
                ),
                Words::new("not a domain", "不是域名"),
            )
            .help("write what stands behind the @: `mail.example`", "请写 @ 之后的部分：`mail.example`"),
        );
    }
    found
}

/// What was seen of the table so far.
#[derive(Default)]
struct Reader {
    /// Rows by what their names are judged under.
    names: BTreeMap<String, usize>,
    codes: BTreeMap<String, usize>,
    /// The first name of each row.
    titles: Vec<String>,
}

impl Reader {
    fn row(&mut self, ctx: &mut Context<'_>, row: &Row) -> Company {
        let at = self.titles.len();
        let name = row.get("name").unwrap_or_default().to_owned();
        self.titles.push(name.clone());
        self.named(ctx, row.at("name"), &name, at);
        let also = parts(row, "also");
        for other in &also {
            self.named(ctx, row.at("also"), other, at);
        }
        let credit_code =
            row.get("credit_code").and_then(|code| self.coded(ctx, row.at("credit_code"), code, at));
        let domains = parts(row, "domains");
        let domains = domains.iter().filter_map(|text| domain_of(ctx, row.at("domains"), text)).collect();
        Company { name, also, credit_code, domains, parent: None }
    }

    fn title(&self, row: usize) -> &str {
        self.titles.get(row).map_or("", String::as_str)
    }

    /// Notes a name; one that is none, or another row's, is said.
    fn named(&mut self, ctx: &mut Context<'_>, span: &Span, name: &str, at: usize) {
        let Some(key) = key(name).filter(|_| !name.trim_start().starts_with('@')) else {
            let (en, zh) = (format!("`{name}` names no company"), format!("`{name}` 不是公司名称"));
            ctx.problems.push(bad_row(span, en, zh));
            return;
        };
        let known = *self.names.entry(key).or_insert(at);
        if known != at {
            let other = self.title(known);
            let (en, zh) = (
                format!("`{name}` is a name of `{other}` too, which has a row of its own"),
                format!("`{name}` 已是 `{other}` 的名称，后者另有一行"),
            );
            ctx.problems.push(bad_row(span, en, zh).help(
                "one company stands in one row: put its names together under `also`, or tell the two apart by place or legal form",
                "一家公司只占一行：请合并到 `also`，或用地区、组织形式区分两家公司",
            ));
        }
    }

    fn coded(&mut self, ctx: &mut Context<'_>, span: &Span, code: &str, at: usize) -> Option<String> {
        let code = match credit_code::parse(code) {
            Ok(code) => code.code,
            Err(problem) => {
                let (en, zh) = (
                    format!("no credit code: {problem}"),
                    "不是有效的统一社会信用代码（含校验位）".to_owned(),
                );
                ctx.problems.push(bad_row(span, en, zh));
                return None;
            }
        };
        let known = *self.codes.entry(code.clone()).or_insert(at);
        if known != at {
            let other = self.title(known);
            let (en, zh) =
                (format!("`{other}` has this credit code already"), format!("该信用代码已属于 `{other}`"));
            ctx.problems.push(bad_row(span, en, zh));
        }
        Some(code)
    }

    /// Finds the parents among the rows; one that is not there, and circles, are said.
    fn parents(&self, ctx: &mut Context<'_>, rows: &[Row], mut companies: Vec<Company>) -> Vec<Company> {
        for (at, row) in rows.iter().enumerate() {
            let Some(parent) = row.get("parent") else { continue };
            let known = key(parent).and_then(|key| self.names.get(&key).copied());
            if known.is_none() {
                let (en, zh) = (
                    format!("the parent `{parent}` is no company of this table"),
                    format!("上级公司 `{parent}` 不在此表中"),
                );
                ctx.problems.push(
                    bad_row(row.at("parent"), en, zh).help("give it a row of its own", "请为其单列一行"),
                );
            }
            if let Some(company) = companies.get_mut(at) {
                company.parent = known;
            }
        }
        for (at, row) in rows.iter().enumerate() {
            let mut seen = BTreeSet::new();
            let mut next = companies.get(at).and_then(|company| company.parent);
            while let Some(parent) = next.filter(|parent| seen.insert(*parent)) {
                next = companies.get(parent).and_then(|company| company.parent);
                if parent == at {
                    let (en, zh) =
                        ("a company is its own parent, by way of others", "公司沿上级关系成为自己的上级");
                    ctx.problems.push(bad_row(row.at("parent"), en, zh));
                    if let Some(company) = companies.get_mut(at) {
                        company.parent = None;
                    }
                    break;
                }
            }
        }
        companies
    }
}

/// The values of a cell.
fn parts(row: &Row, column: &str) -> Vec<String> {
    let cell = row.get(column).unwrap_or_default();
    cell.split(BETWEEN).map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

fn domain_of(ctx: &mut Context<'_>, span: &Span, text: &str) -> Option<String> {
    let found = domain::of_website(text.trim_start_matches('@'));
    let Some(found) = found else {
        let (en, zh) = (format!("`{text}` is no domain"), format!("`{text}` 不是域名"));
        ctx.problems.push(bad_row(span, en, zh));
        return None;
    };
    if domain::is_free_mail(&found) {
        let (en, zh) = (
            format!("`{found}` belongs to a mail provider: anybody can have an address there"),
            format!("`{found}` 属于邮箱服务商，任何人都可注册"),
        );
        ctx.problems.push(bad_row(span, en, zh).help("leave it out", "请去掉"));
        return None;
    }
    Some(found)
}
