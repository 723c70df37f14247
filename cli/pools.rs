//! Parts of the pool as somebody named them on the command line.

use leadloop_config::plan::Plan;
use leadloop_sync_core::ids::PersonKey;

use crate::args::lead::Pools;
use crate::failure::Failure;

/// The parts that are asked for; `None`: all.
///
/// # Errors
/// Where there is no such part, or the person looks after none.
pub fn of(plan: &Plan, asked: &Pools) -> Result<Option<Vec<String>>, Failure> {
    let rules = &plan.policy.pool;
    let known: Vec<&str> = rules.pools.iter().map(|part| part.name.as_str()).collect();
    if let Some(name) = asked.names.iter().find(|name| !known.contains(&name.as_str())) {
        return Err(Failure::input(
            format!("there is no [[pool]] `{name}`"),
            format!("没有 [[pool]] `{name}`"),
        )
        .code("LL4520")
        .help(listed(&known).0, listed(&known).1));
    }
    let Some(admin) = &asked.admin else {
        return Ok((!asked.names.is_empty()).then(|| asked.names.clone()));
    };
    let own: Vec<String> = rules.of_admin(&PersonKey::from(admin.as_str())).map(str::to_owned).collect();
    if own.is_empty() {
        return Err(Failure::input(
            format!("`{admin}` looks after no part of the pool"),
            format!("`{admin}` 不是任何线索池的管理员"),
        )
        .code("LL4520")
        .help("name them there: admin = [\"…\"] in [[pool]]", "请在 [[pool]] 中填写：admin = [\"…\"]"));
    }
    Ok(Some(own))
}

fn listed(known: &[&str]) -> (String, String) {
    if known.is_empty() {
        return ("the config has no [[pool]]".to_owned(), "配置中没有 [[pool]]".to_owned());
    }
    let list = known.join(", ");
    (format!("there are: {list}"), format!("可选：{list}"))
}
