//! Starting and stopping a sandbox.

use crate::clock::Clock;
use crate::gate::Gate;
use crate::hooks::register;
use crate::journal::{self, JournalError};
use crate::options::{NewUser, Options};
use crate::post::Receiver;
use crate::push;
use crate::record::{Author, Cell, blank};
use crate::refusal::Refusal;
use crate::robot;
use crate::routes::routes;
use crate::schema::{Kind, pos};
use crate::seed::load_file;
use crate::serve::serve;
use crate::shared::Shared;
use crate::world::World;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio_util::task::TaskTracker;

/// The practice CRM and MA.
#[derive(Debug)]
pub struct Sandbox;

/// Why a sandbox does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address is taken or not ours.
    #[error("LL1901: the sandbox cannot listen on {address}: {source}")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file of records cannot be used.
    #[error("LL1902: the sandbox cannot use its file: {0}")]
    File(#[from] JournalError),
    /// An option makes no sense.
    #[error("LL1903: the sandbox cannot start: {0}")]
    Option(String),
}

/// A running sandbox. Dropping it stops the server at once; `shutdown` also waits until all connections are closed.
#[derive(Debug)]
pub struct Handle {
    addr: SocketAddr,
    shared: Arc<Shared>,
    tracker: TaskTracker,
}

impl Sandbox {
    /// Start on the current Tokio runtime.
    ///
    /// # Errors
    /// The address cannot be taken, the file cannot be read, or the options contradict each other.
    pub async fn start(options: Options) -> Result<Handle, StartError> {
        check(&options)?;
        let clock = Clock::skewed_by(options.clock_skew_secs);
        let (world, gate) = furnished(&options, clock)?;
        let address = options.listen;
        let listening = async {
            let listener = TcpListener::bind(address).await?;
            let addr = listener.local_addr()?;
            Ok((listener, addr))
        };
        let (listener, addr) = listening.await.map_err(|source| StartError::Listen { address, source })?;
        let shared = Arc::new(Shared::new(options, world, gate));
        employ(&shared)?;
        let tracker = TaskTracker::new();
        // The listener counts too: after a shutdown its address is free.
        tracker.spawn(serve(listener, routes(Arc::clone(&shared)), Arc::clone(&shared), tracker.clone()));
        Ok(Handle { addr, shared, tracker })
    }
}

impl Handle {
    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Its base address, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// The seed of faults and played salespeople.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.shared.options.seed
    }

    /// Stop: open connections are closed, requests in flight are not answered.
    pub async fn shutdown(self) {
        self.shared.stop.cancel();
        self.tracker.close();
        self.tracker.wait().await;
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.stop.cancel();
    }
}

/// The records and the gate that the options ask for.
pub(crate) fn furnished(options: &Options, clock: Clock) -> Result<(World, Gate), StartError> {
    let mut world = World::new(clock, options.modified_precision, options.tuning.clone());
    let restored = match &options.file {
        Some(path) => journal::open(&mut world, path)?,
        None => false,
    };
    if !restored || world.counts(Kind::Users) == (0, 0) {
        people(&mut world, options)?;
    }
    let mut gate = Gate::new(options, clock);
    for fault in &options.faults {
        gate.faults.add(fault.clone()).map_err(|refusal| StartError::Option(refusal.message))?;
    }
    Ok((world, gate))
}

/// Webhooks, the MA and the robot.
fn employ(shared: &Arc<Shared>) -> Result<(), StartError> {
    let refused = |refusal: Refusal| StartError::Option(refusal.message);
    for webhook in &shared.options.webhooks {
        register(shared, webhook.clone()).map_err(refused)?;
    }
    if let Some(target) = &shared.options.ma_target {
        shared.ma_target.set(Receiver::new(target).map_err(refused)?);
    }
    if let Some(path) = &shared.options.ma_file {
        let contacts = push::read_file(path).map_err(StartError::Option)?;
        tokio::spawn(push::push_file(Arc::clone(shared), contacts));
    }
    tokio::spawn(robot::live(Arc::clone(shared)));
    Ok(())
}

pub(crate) fn check(options: &Options) -> Result<(), StartError> {
    let wrong = |text: &str| Err(StartError::Option(text.to_owned()));
    if !options.listen.ip().is_loopback() && options.admin_key.as_ref().is_none_or(String::is_empty) {
        return wrong("admin_key must be set when it listens on other than loopback");
    }
    if options.client_id.is_empty() || options.client_secret.is_empty() {
        return wrong("client_id and client_secret must not be empty");
    }
    match options.tuning.fault() {
        Some(fault) => Err(StartError::Option(fault)),
        None => Ok(()),
    }
}

/// The six of the manual: name, login, region, state. 测试甲 leads the others.
const STAFF: [[&str; 4]; 6] = [
    ["测试甲", "jia", "华东", "active"],
    ["测试乙", "yi", "华东", "active"],
    ["测试丙", "bing", "华南", "active"],
    ["测试丁", "ding", "华北", "active"],
    ["测试戊", "wu", "华南", "on_leave"],
    ["测试己", "ji", "华北", "left"],
];

/// What a new store starts with: the seed file, and salespeople when it brings none.
pub(crate) fn people(world: &mut World, options: &Options) -> Result<(), StartError> {
    let Some(path) = &options.seed_file else { return hire(world, &options.users) };
    if !options.users.is_empty() {
        hire(world, &options.users)?;
    }
    load_file(world, path).map_err(StartError::Option)?;
    if world.counts(Kind::Users) == (0, 0) {
        hire(world, &[])?;
    }
    flush(world)
}

fn flush(world: &mut World) -> Result<(), StartError> {
    let Some(journal) = &mut world.journal else { return Ok(()) };
    let io = |source| JournalError::Io { path: PathBuf::from("the sandbox file"), source };
    journal.flush().map_err(|source| StartError::File(io(source)))
}

/// Put the salespeople in place: those given, else the six of the manual.
fn hire(world: &mut World, users: &[NewUser]) -> Result<(), StartError> {
    let staff: Vec<NewUser> = if users.is_empty() {
        STAFF.iter().map(|[name, login, region, state]| staff(name, login, region, state)).collect()
    } else {
        users.to_vec()
    };
    let position = |login: &str| staff.iter().position(|user| user.login == login);
    for user in &staff {
        let manager = match &user.manager {
            Some(login) => Some(position(login).ok_or_else(|| {
                StartError::Option(format!("users: manager {login:?} is no login of another user"))
            })?),
            None => None,
        };
        let state = user.state.as_deref().unwrap_or("active");
        if !["active", "on_leave", "left"].contains(&state) {
            return Err(StartError::Option(format!("users: {state:?} is not active, on_leave or left")));
        }
        let mut cells = blank(Kind::Users.schema());
        cells[pos::user::NAME] = Cell::text(&user.name);
        cells[pos::user::LOGIN] = Cell::text(&user.login);
        cells[pos::user::REGION] = Cell::text(user.region.as_deref().unwrap_or_default());
        cells[pos::user::STATE] = Cell::text(state);
        cells[pos::user::MANAGER] =
            manager.and_then(|at| u32::try_from(at).ok()).map_or(Cell::Empty, Cell::Ref);
        world.insert(Kind::Users, cells, Author::Admin, None);
    }
    flush(world)
}

fn staff(name: &str, login: &str, region: &str, state: &str) -> NewUser {
    NewUser {
        name: name.to_owned(),
        login: login.to_owned(),
        region: Some(region.to_owned()),
        manager: (login != "jia").then(|| "jia".to_owned()),
        state: Some(state.to_owned()),
    }
}
