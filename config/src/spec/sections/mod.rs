//! The sections of `leadloop.toml`, in the order of the road.

mod notices;
mod pool;
mod rules;
mod systems;
mod tests;

use super::Shape::{Bool, Choice, List, Name, Table, Text};
use super::{Key, Section, Shape, key, must};

const MANY: i64 = 1_000_000_000;

const TEXTS: Shape = List(&Text);

const NAMES: Shape = List(&Name);

const FIELD: &[Key] = &[
    must("from", Text, "\"mobile\"", "The incoming name.", "来源字段名。"),
    must("to", Text, "\"phone\"", "The pool field.", "线索池字段。"),
];

const ASSIGN: Shape = Table(&[
    key("route", Name, "\"by_region\"", "Whom this route names.", "按该路由分配。"),
    key("team", Name, "\"key_accounts\"", "Somebody of this team, in turn.", "该团队轮流分配。"),
    key(
        "owner_of",
        Choice(&["person", "company"]),
        "\"company\"",
        "The owner of the match.",
        "匹配记录的负责人。",
    ),
    key("person", Name, "\"li.na\"", "This person.", "指定人员。"),
    key(
        "poster",
        Bool,
        "true",
        "Whose poster the lead came through (`lead.poster`); where they are away, the next rule is tried.",
        "线索所扫海报的销售（`lead.poster`）；其不在时尝试下一条规则。",
    ),
    key("public_pool", Bool, "true", "The public pool.", "公海。"),
    key("except", Choice(&["owner"]), "\"owner\"", "Not the present owner.", "排除当前负责人。"),
]);

/// Every section, in the order of the road.
pub fn all() -> impl Iterator<Item = &'static Section> {
    pool::PART.iter().chain(systems::PART).chain(notices::PART).chain(rules::PART)
}
