//! `leadloop crm load`: how far the first reading of each CRM is. Looked at in the store; the running leadloop reads.

use std::sync::Arc;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use leadloop_config::plan::Plan;
use leadloop_store::Store;
use leadloop_sync_core::ids::LinkName;
use leadloop_sync_core::load::Load;
use leadloop_sync_core::time::Timestamp;
use serde_json::{Value, json};

use crate::args::General;
use crate::args::crm::Loading;
use crate::failure::Failure;
use crate::screen::{Rows, Screen, Style};
use crate::{plan, when};

/// So often a bar is drawn anew.
const DRAWN_EVERY: Duration = Duration::from_millis(500);
/// So often a line is written where nobody looks at a terminal.
const SAID_EVERY: Duration = Duration::from_secs(10);

/// An object of a CRM, how far its reading is, and since when the mirror holds all of it.
struct Object {
    link: LinkName,
    name: String,
    load: Option<Load>,
    fresh: Option<Timestamp>,
}

impl Object {
    /// Whether nothing is left to be read. One without a count was read before there was one, or is not begun.
    fn is_done(&self) -> bool {
        self.load.as_ref().map_or(self.fresh.is_some(), |load| load.done.is_some())
    }
}

/// Shows it once, or until all is read.
///
/// # Errors
/// Where config or store cannot be read, or there is no such CRM.
pub(super) async fn run(screen: &mut Screen, general: &General, args: &Loading) -> Result<(), Failure> {
    let plan = plan::plan(screen, general)?;
    let links: Vec<LinkName> = match args.crm.as_deref() {
        Some(name) => vec![crate::commands::map::which(&plan, Some(name))?],
        None => plan.policy.crms.keys().cloned().collect(),
    };
    let store = plan::reading(&plan).await?;
    let shown = if args.watch {
        watch(screen, &store, &plan, &links).await
    } else {
        objects(&store, &plan, &links).await
    };
    store.close().await;
    let objects = shown?;
    if screen.is_json() {
        let list: Vec<Value> = objects.iter().map(to_json).collect();
        return Ok(screen.json(&json!({ "done": objects.iter().all(Object::is_done), "objects": list }))?);
    }
    table(screen, &plan, &objects)
}

async fn objects(store: &Store, plan: &Plan, links: &[LinkName]) -> Result<Vec<Object>, Failure> {
    let mirrors = store.status(when::now()).await?.mirrors;
    let crms = links.iter().filter_map(|link| plan.policy.crms.get(link));
    let keys: Vec<(LinkName, String, String)> = crms
        .flat_map(|crm| Load::keys(crm).into_iter().map(|(name, key)| (crm.link.clone(), name, key)))
        .collect();
    let asked: Vec<String> = keys.iter().map(|(_, _, key)| key.clone()).collect();
    let counters = store.counters(&asked).await?;
    let object = |(link, name, key): (LinkName, String, String)| {
        let mirror = mirrors.iter().find(|mirror| mirror.link == link && mirror.object == name);
        let fresh = mirror.map(|mirror| mirror.at);
        Object { load: Load::read(counters.get(&key)), fresh, link, name }
    };
    Ok(keys.into_iter().map(object).collect())
}

/// Bars on a terminal, else lines; until all is read or somebody interrupts.
async fn watch(
    screen: &Screen,
    store: &Store,
    plan: &Arc<Plan>,
    links: &[LinkName],
) -> Result<Vec<Object>, Failure> {
    let bars = Bars::new(screen);
    loop {
        let objects = objects(store, plan, links).await?;
        if objects.iter().all(Object::is_done) {
            bars.clear();
            return Ok(objects);
        }
        bars.show(screen, &objects);
        tokio::select! {
            () = tokio::time::sleep(if screen.draws() { DRAWN_EVERY } else { SAID_EVERY }) => {}
            ended = tokio::signal::ctrl_c() => {
                ended?;
                bars.clear();
                return Ok(objects);
            }
        }
    }
}

struct Bars {
    all: MultiProgress,
    bars: std::cell::RefCell<Vec<(String, ProgressBar)>>,
}

impl Bars {
    fn new(screen: &Screen) -> Self {
        let all = MultiProgress::new();
        if !screen.draws() {
            all.set_draw_target(indicatif::ProgressDrawTarget::hidden());
        }
        Self { all, bars: std::cell::RefCell::default() }
    }

    fn show(&self, screen: &Screen, objects: &[Object]) {
        for object in objects.iter().filter(|object| !object.is_done()) {
            if screen.draws() {
                self.draw(screen, object);
            } else {
                screen.aside(&format!(
                    "{} {}  {}",
                    object.link,
                    object.name,
                    said(screen, object.load.as_ref())
                ));
            }
        }
        let running = |name: &str| objects.iter().any(|it| !it.is_done() && label(it) == name);
        self.bars.borrow_mut().retain(|(name, bar)| {
            let stays = running(name);
            if !stays {
                bar.finish_and_clear();
            }
            stays
        });
    }

    fn draw(&self, screen: &Screen, object: &Object) {
        let name = label(object);
        let mut bars = self.bars.borrow_mut();
        let known = bars.iter().position(|(of, _)| *of == name);
        let place = known.unwrap_or_else(|| {
            let bar = self.all.add(ProgressBar::new(0));
            bar.set_prefix(name.clone());
            bars.push((name.clone(), bar));
            bars.len() - 1
        });
        let Some((_, bar)) = bars.get(place) else { return };
        let of = object.load.as_ref().and_then(|load| load.of);
        let form = if of.is_some() { "{prefix:24} {bar:30} {msg}" } else { "{prefix:24} {spinner} {msg}" };
        if let Ok(style) = ProgressStyle::with_template(form) {
            bar.set_style(style);
        }
        if let Some(load) = &object.load {
            bar.set_length(of.unwrap_or(0));
            bar.set_position(load.records);
        }
        bar.set_message(said(screen, object.load.as_ref()));
        bar.tick();
    }

    fn clear(&self) {
        for (_, bar) in self.bars.borrow().iter() {
            bar.finish_and_clear();
        }
    }
}

fn label(object: &Object) -> String {
    format!("{} {}", object.link, object.name)
}

/// How far it is, in a line.
fn said(screen: &Screen, load: Option<&Load>) -> String {
    let Some(load) = load else { return screen.words("not begun", "未开始").to_owned() };
    let mut text = match load.of {
        Some(of) => format!("{}/{of}", load.records),
        None => screen.words("{n} records", "{n} 条").replace("{n}", &load.records.to_string()),
    };
    if let Some(rate) = load.per_minute() {
        text.push_str(&screen.words("  {n}/min", "  每分钟 {n} 条").replace("{n}", &rate.to_string()));
    }
    if let Some(left) = load.left() {
        let left = when::length(left, screen.language());
        text.push_str(&screen.words("  {t} left", "  剩余 {t}").replace("{t}", &left));
    }
    text
}

fn table(screen: &Screen, plan: &Plan, objects: &[Object]) -> Result<(), Failure> {
    let zone = &plan.policy.zone;
    let mut rows = Rows::new(&[
        "",
        screen.words("#records", "#记录"),
        screen.words("#of", "#总数"),
        screen.words("#pages", "#页"),
        screen.words("#per minute", "#每分钟"),
        screen.words("begun", "开始"),
        screen.words("still takes", "剩余"),
        screen.words("done", "完成"),
    ]);
    for object in objects {
        let Some(load) = &object.load else {
            let done = match object.fresh {
                Some(_) => screen.words("before this was counted", "早于本统计"),
                None => screen.words("not begun", "未开始"),
            };
            let mut row = vec![String::new(); 8];
            row[0] = label(object);
            row[7] = done.to_owned();
            rows.push(row);
            continue;
        };
        let number = |number: Option<u64>| number.map(|number| number.to_string()).unwrap_or_default();
        let row = vec![
            label(object),
            load.records.to_string(),
            number(load.of),
            load.pages.to_string(),
            number(load.per_minute()),
            when::clock(load.begun, zone),
            load.left().map(|left| when::length(left, screen.language())).unwrap_or_default(),
            load.done.map(|at| when::clock(at, zone)).unwrap_or_default(),
        ];
        match load.done {
            Some(_) => rows.push(row),
            None => rows.push_marked(Style::Note, row),
        }
    }
    screen.table(&rows)?;
    if objects.iter().all(Object::is_done) {
        return Ok(());
    }
    let text = screen.words(
        "`leadloop run` reads, behind everything live; until it is through, a hand-over asks the CRM for the person first",
        "由 `leadloop run` 在实时业务之后读取；完成之前，每次转出先到 CRM 查询此人",
    );
    Ok(screen.line(&screen.paint(Style::Note, text))?)
}

fn to_json(object: &Object) -> Value {
    let load = object.load.as_ref();
    let time = |at: Option<Timestamp>| at.map(|at| at.to_string());
    json!({
        "crm": object.link, "object": object.name, "done": object.is_done(),
        "records": load.map(|load| load.records), "of": load.and_then(|load| load.of),
        "pages": load.map(|load| load.pages), "per_minute": load.and_then(Load::per_minute),
        "seconds_left": load.and_then(Load::left).map(|left| left.0 / 1_000_000),
        "begun_at": time(load.map(|load| load.begun)), "last_page_at": time(load.map(|load| load.at)),
        "done_at": time(load.and_then(|load| load.done)), "mirror_as_of": time(object.fresh),
    })
}
