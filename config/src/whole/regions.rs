//! Tables by province that leave some out, or name one that does not exist.

use std::collections::BTreeSet;

use leadloop_sync_core::policy::Policy;

use super::{named, place};
use crate::lower::Context;
use crate::problem::{Problem, Words};
use crate::suggest::nearest;

/// Provinces, autonomous regions, municipalities and special administrative regions of China, by their short names.
const PROVINCES: [&str; 34] = [
    "北京",
    "天津",
    "河北",
    "山西",
    "内蒙古",
    "辽宁",
    "吉林",
    "黑龙江",
    "上海",
    "江苏",
    "浙江",
    "安徽",
    "福建",
    "江西",
    "山东",
    "河南",
    "湖北",
    "湖南",
    "广东",
    "广西",
    "海南",
    "重庆",
    "四川",
    "贵州",
    "云南",
    "西藏",
    "陕西",
    "甘肃",
    "青海",
    "宁夏",
    "新疆",
    "台湾",
    "香港",
    "澳门",
];
/// From so many of them on, a table means to have them all.
const MEANS_ALL: usize = 16;
/// The entry for all others.
const OTHERS: &str = "*";

pub(super) fn check(ctx: &mut Context<'_>, policy: &Policy) {
    let tables = ctx.many("route");
    for (name, route) in policy.routes.iter().filter(|(_, route)| route.by.ends_with("province")) {
        let Some(at) = named(&tables, name) else { continue };
        let province = |entry: &str| PROVINCES.into_iter().find(|province| entry.starts_with(province));
        let covered: BTreeSet<&str> = route.table.keys().filter_map(|entry| province(entry)).collect();
        if covered.len() * 2 < route.table.len() {
            continue; // provinces of another country
        }
        for entry in route.table.keys().filter(|entry| province(entry).is_none() && *entry != OTHERS) {
            let Some(near) = nearest(entry, PROVINCES.into_iter()) else { continue };
            ctx.problems.push(
                Problem::warning(
                    "LL2048",
                    &place(at, "table"),
                    Words::new(format!("`{entry}` is no province"), format!("`{entry}` 不是省份")),
                    Words::new("this line never fits", "此行永远不会匹配"),
                )
                .help(format!("did you mean `{near}`?"), format!("是否想写 `{near}`？")),
            );
        }
        let left: Vec<&str> = PROVINCES.into_iter().filter(|province| !covered.contains(province)).collect();
        if covered.len() < MEANS_ALL
            || left.is_empty()
            || route.table.contains_key(OTHERS)
            || route.fallback.is_some()
        {
            continue;
        }
        let list = left.join("、");
        ctx.problems.push(
            Problem::warning(
                "LL2048",
                &place(at, "table"),
                Words::new(format!("leads from {list} have no team"), format!("{list}的线索没有团队")),
                Words::new("these provinces are not in the table", "表中没有这些省份"),
            )
            .help(
                "add them, a line with `*`, or a `fallback` team",
                "请补充这些省份，或添加 `*` 一行，或设置 `fallback` 团队",
            ),
        );
    }
}
