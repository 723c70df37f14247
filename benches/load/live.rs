//! Leads that come by the form while something large runs: so many a second, whatever the answers do, and how long each took
//! from the event to its record in the CRM, by the CRM's own time of making (one clock, one machine).

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use leadloop_testing::http;

use crate::bare::{Bare, until};
use crate::load;

/// Leads a second.
const PER_SECOND: u32 = 10;

/// Microseconds since 1970.
pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

/// Leads on their way.
pub struct Live {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<BTreeMap<usize, i64>>,
    since: i64,
}

impl Live {
    /// Sends leads from `first` on, until [`Live::end`].
    pub fn begin(node: SocketAddr, first: usize) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let since = now();
        let thread = std::thread::spawn(move || {
            let (key, begun, mut sent) = (load::key(), Instant::now(), BTreeMap::new());
            while !stopped.load(Ordering::Relaxed) {
                let number = first + sent.len();
                let at = u32::try_from(sent.len()).unwrap_or(u32::MAX);
                let meant = Duration::from_secs(1) * at / PER_SECOND;
                std::thread::sleep(meant.saturating_sub(begun.elapsed()));
                // What the answer to the one before held up counts as waiting.
                let late = i64::try_from(begun.elapsed().saturating_sub(meant).as_micros()).unwrap_or(0);
                sent.insert(number, now() - late);
                let body = load::body(number);
                let signature = load::signature(&key, body.as_bytes());
                let headers = [("content-type", "application/json"), (load::SIGNATURE, signature.as_str())];
                let answer = http::send(node, "POST", "/in/website", &headers, body.as_bytes());
                let answer = answer.expect("the node answers");
                assert_eq!(answer.status, 200, "{}", answer.body);
            }
            sent
        });
        Self { stop, thread, since }
    }

    /// Ends it, waits for the last to arrive, and says how long they took, sorted.
    pub fn end(self, crm: SocketAddr) -> Vec<Duration> {
        self.stop.store(true, Ordering::Relaxed);
        let sent = self.thread.join().expect("every lead is answered");
        let mut bare = Bare::new(crm);
        let mut made = BTreeMap::new();
        until("the last live lead", Duration::from_millis(500), || {
            let since = self.since;
            made = bare.made(since).into_iter().filter(|(number, _)| sent.contains_key(number)).collect();
            made.len() >= sent.len()
        });
        let took = |(number, at): (&usize, &i64)| {
            let micros = made.get(number).map_or(0, |made| made - at);
            Duration::from_micros(u64::try_from(micros).unwrap_or(0))
        };
        let mut waits: Vec<Duration> = sent.iter().map(took).collect();
        waits.sort();
        waits
    }
}
