//! `leadloop demo`: the whole road with the sample leads, a sandbox CRM and MA, and played salespeople. Everything goes over
//! real HTTP; at the end pool and CRM are compared record by record.

mod books;
mod compare;
mod crm;
mod report;
mod send;
mod stage;
mod wait;

use std::time::{Duration, Instant};

use leadloop_server::{Running, start};
use leadloop_store::Store;
use serde_json::json;

use self::books::Books;
use self::compare::Verdict;
use self::crm::Crm;
use self::report::Course;
use self::send::Sent;
use self::stage::Stage;
use crate::args::Demo;
use crate::failure::{Exit, Failure};
use crate::screen::{Screen, Style};
use crate::{plan, signals};

/// Rounds of the salespeople: what the first one leads to may come back to them.
const ROUNDS: usize = 3;
/// How long pool and CRM get to agree.
const PATIENCE: Duration = Duration::from_secs(40);

/// Plays the demo.
///
/// # Errors
/// Where something cannot be started; with exit code 2 where pool and CRM differ at the end.
pub async fn run(screen: &Screen, args: &Demo) -> Result<(), Failure> {
    let began = Instant::now();
    let stage = Stage::set(args.keep.as_deref(), screen.language()).await?;
    let steps = Steps { screen, began };
    steps.say(
        &format!("sandbox CRM and MA on {}", stage.sandbox.url()),
        &format!("沙箱 CRM 与 MA：{}", stage.sandbox.url()),
    );
    let loaded = plan::read_alone(&stage.config());
    let Some(plan) = loaded.plan.clone() else {
        plan::say(screen, &loaded);
        return Err(Failure::said(Exit::Outside));
    };
    let plan = std::sync::Arc::new(plan);
    let store = Store::open(&plan::store_settings(&plan)).await?;
    let running = start(std::sync::Arc::clone(&plan), store).await?;
    let played = play(&steps, &stage, &running, &plan).await;
    let course = match played {
        Ok(course) => course,
        Err(failure) => {
            running.stop().await;
            return Err(failure);
        }
    };
    report::print(screen, &stage, &course, began.elapsed())?;
    if args.stay {
        stay(screen, &stage, &running).await?;
    }
    running.stop().await;
    let differs = course.verdict.differs();
    stage.clear().await;
    if differs { Err(Failure::said(Exit::Outside)) } else { Ok(()) }
}

/// Says what is going on, with the time it took so far.
struct Steps<'s> {
    screen: &'s Screen,
    began: Instant,
}

impl Steps<'_> {
    fn say(&self, en: &str, zh: &str) {
        if self.screen.is_json() {
            return;
        }
        let seconds = format!("{:5.1} s", self.began.elapsed().as_secs_f64());
        let seconds = self.screen.paint_aside(Style::Note, &seconds);
        self.screen.aside(&format!("{seconds}  {}", self.screen.words(en, zh)));
    }
}

async fn play(
    steps: &Steps<'_>,
    stage: &Stage,
    running: &Running,
    plan: &leadloop_config::plan::Plan,
) -> Result<Course, Failure> {
    let store = &running.node.store;
    let crm = Crm::log_in(&stage.sandbox.url()).await?;
    wait::mirrored(store, plan).await?;
    let seeded = crm.records("leads").await?.len() + crm.records("contacts").await?.len();
    steps.say(
        &format!("the CRM is mirrored: {seeded} people, their companies, owners and deals"),
        &format!("CRM 已镜像：{seeded} 人及其公司、负责人和商机"),
    );
    let sent = send::all(steps.screen, stage, running, plan).await?;
    steps.say(
        &format!("{} records posted by {} sources", sent.records(), sent.sources.len()),
        &format!("{} 个来源共推送 {} 条记录", sent.sources.len(), sent.records()),
    );
    wait::quiet(store).await?;
    let before = Books::read(store).await?;
    steps.say(
        &format!("{} people, {} handed over to the CRM", before.people(), before.delivered()),
        &format!("共 {} 人，{} 人已转出到 CRM", before.people(), before.delivered()),
    );
    let answers = sales(steps, &crm, store, plan).await?;
    let (books, verdict) = settle(&crm, store, plan, &sent).await?;
    steps.say("pool and CRM compared record by record", "线索池与 CRM 已逐条核对");
    Ok(Course { sent, answers, books, verdict, policy: std::sync::Arc::clone(&plan.policy) })
}

/// The salespeople answer, as long as there is something to answer.
async fn sales(
    steps: &Steps<'_>,
    crm: &Crm,
    store: &Store,
    plan: &leadloop_config::plan::Plan,
) -> Result<serde_json::Map<String, serde_json::Value>, Failure> {
    let mut all = serde_json::Map::new();
    for _ in 0..ROUNDS {
        let answer = crm.admin("/admin/robot", json!({ "at_most": 100_000 })).await?;
        let count = |name: &str| answer.get(name).and_then(serde_json::Value::as_i64).unwrap_or(0);
        for name in ["steps", "accepted", "returned", "converted", "won", "lost", "ignored"] {
            let sum = all.get(name).and_then(serde_json::Value::as_i64).unwrap_or(0) + count(name);
            all.insert(name.to_owned(), sum.into());
        }
        if count("steps") == 0 {
            break;
        }
        steps.say(
            &format!(
                "sales answered: {} accepted, {} returned, {} won",
                count("accepted"),
                count("returned"),
                count("won")
            ),
            &format!(
                "销售已反馈：接受 {}，退回 {}，赢单 {}",
                count("accepted"),
                count("returned"),
                count("won")
            ),
        );
        wait::polled(store, plan).await?;
        wait::quiet(store).await?;
    }
    Ok(all)
}

/// Compares until both sides agree; what still differs when patience ends is a difference.
async fn settle(
    crm: &Crm,
    store: &Store,
    plan: &leadloop_config::plan::Plan,
    sent: &Sent,
) -> Result<(Books, Verdict), Failure> {
    let until = Instant::now() + PATIENCE;
    loop {
        let books = Books::read(store).await?;
        let verdict = compare::compare(&books, &crm.snapshot().await?, sent)?;
        if !verdict.differs() || Instant::now() > until {
            return Ok((books, verdict));
        }
        wait::polled(store, plan).await?;
        wait::quiet(store).await?;
    }
}

/// Runs on until the user has seen enough.
async fn stay(screen: &Screen, stage: &Stage, running: &Running) -> Result<(), Failure> {
    let stop = signals::listen();
    let url = stage.sandbox.url();
    screen.line("")?;
    screen.line(&format!("{} {url}/", screen.words("The sandbox's page:", "沙箱页面：")))?;
    screen.line(&format!(
        "{} http://{}/in/website",
        screen.words("Post a lead of your own:", "再提交一条线索："),
        running.address
    ))?;
    screen.line(screen.words("Ctrl-C ends it.", "按 Ctrl-C 结束。"))?;
    stop.wait().await;
    Ok(())
}
