//! A light CRM: it speaks just so much of the sandbox's API that hand-overs arrive, notes when each lead came and how
//! often, and can be down. One thread. How strict a CRM is, is the sandbox's business; here only the road counts.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde::Deserialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

/// What the sink knows.
pub struct Seen {
    epoch: Instant,
    /// When each lead arrived first, in nanoseconds since the bench began; 0: not yet.
    at: Vec<AtomicU64>,
    times: Vec<AtomicU32>,
    distinct: AtomicUsize,
    requests: AtomicUsize,
    ids: AtomicU64,
    down: AtomicBool,
    first_after: AtomicU64,
}

/// The running sink.
pub struct Sink {
    /// Where it listens.
    pub address: SocketAddr,
    /// What arrived.
    pub seen: Arc<Seen>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Sink {
    /// Starts one for leads below `leads`.
    pub fn start(epoch: Instant, leads: usize) -> Self {
        let seen = Arc::new(Seen {
            epoch,
            at: (0..leads).map(|_| AtomicU64::new(0)).collect(),
            times: (0..leads).map(|_| AtomicU32::new(0)).collect(),
            distinct: AtomicUsize::new(0),
            requests: AtomicUsize::new(0),
            ids: AtomicU64::new(1_000),
            down: AtomicBool::new(false),
            first_after: AtomicU64::new(0),
        });
        let (stop, stopped) = oneshot::channel();
        let (said, heard) = std::sync::mpsc::channel();
        let of_thread = Arc::clone(&seen);
        let thread = std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async move {
                let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
                let _ = said.send(listener.local_addr().expect("it is bound"));
                tokio::select! {
                    () = accept(listener, of_thread) => {}
                    _ = stopped => {}
                }
            });
        });
        let address = heard.recv().expect("the sink says where it listens");
        Self { address, seen, stop: Some(stop), thread: Some(thread) }
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Seen {
    /// How many different leads arrived.
    pub fn distinct(&self) -> usize {
        self.distinct.load(Ordering::Relaxed)
    }

    /// Requests that brought leads.
    pub fn requests(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }

    /// Leads that came more than once.
    pub fn doubled(&self) -> usize {
        self.times.iter().filter(|times| times.load(Ordering::Relaxed) > 1).count()
    }

    /// From now on every connection is closed without an answer, or no longer.
    pub fn set_down(&self, down: bool) {
        self.first_after.store(0, Ordering::SeqCst);
        self.down.store(down, Ordering::SeqCst);
    }

    /// When the first lead came after the sink was back.
    pub fn first_after(&self) -> Option<Duration> {
        Some(self.first_after.load(Ordering::SeqCst)).filter(|at| *at > 0).map(Duration::from_nanos)
    }

    /// From sending to arrival, sorted, of the leads that were sent.
    pub fn latencies(&self, sent: &[AtomicU64], leads: std::ops::Range<usize>) -> Vec<Duration> {
        let one = |number: usize| {
            let (sent, at) = (sent.get(number)?, self.at.get(number)?);
            let (sent, at) = (sent.load(Ordering::Relaxed), at.load(Ordering::Relaxed));
            (sent > 0 && at > 0).then(|| Duration::from_nanos(at.saturating_sub(sent)))
        };
        let mut all: Vec<Duration> = leads.filter_map(one).collect();
        all.sort();
        all
    }

    fn note(&self, phone: &str) {
        let digits = phone.get(phone.len().saturating_sub(8)..).unwrap_or_default();
        let Some(number) = digits.parse::<usize>().ok().filter(|number| *number < self.at.len()) else {
            return;
        };
        let now = u64::try_from(self.epoch.elapsed().as_nanos()).unwrap_or(u64::MAX);
        if self.times.get(number).is_some_and(|times| times.fetch_add(1, Ordering::Relaxed) == 0) {
            if let Some(at) = self.at.get(number) {
                at.store(now, Ordering::Relaxed);
            }
            let _ = self.first_after.compare_exchange(0, now, Ordering::SeqCst, Ordering::SeqCst);
            self.distinct.fetch_add(1, Ordering::Release);
        }
    }
}

async fn accept(listener: TcpListener, seen: Arc<Seen>) {
    loop {
        if let Ok((stream, _)) = listener.accept().await {
            let _ = stream.set_nodelay(true);
            tokio::spawn(serve(stream, Arc::clone(&seen)));
        }
    }
}

async fn serve(mut stream: TcpStream, seen: Arc<Seen>) {
    let mut buffer = Vec::with_capacity(64 * 1024);
    loop {
        let (head, length) = loop {
            if let Some(found) = head_of(&buffer)
                && buffer.len() >= found.0 + found.1
            {
                break found;
            }
            match stream.read_buf(&mut buffer).await {
                Ok(read) if read > 0 => {}
                _ => return,
            }
        };
        if seen.down.load(Ordering::SeqCst) {
            return;
        }
        let whole: Vec<u8> = buffer.drain(..head + length).collect();
        let (head, body) = whole.split_at(head);
        let (status, answer) = answer(&String::from_utf8_lossy(head), body, &seen);
        let head = format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            answer.len()
        );
        if stream.write_all(&[head.as_bytes(), answer.as_bytes()].concat()).await.is_err() {
            return;
        }
    }
}

/// Lengths of head and body, once the head is there.
fn head_of(buffer: &[u8]) -> Option<(usize, usize)> {
    let end = buffer.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let text = String::from_utf8_lossy(buffer.get(..end)?);
    let length = text
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.trim().parse().ok())
        .unwrap_or(0);
    Some((end, length))
}

#[derive(Deserialize)]
struct Lead<'a> {
    #[serde(borrow)]
    phone: std::borrow::Cow<'a, str>,
}

#[derive(Deserialize)]
struct Batch<'a> {
    #[serde(borrow)]
    records: Vec<Lead<'a>>,
}

#[derive(Deserialize)]
struct Notes {
    records: Vec<serde::de::IgnoredAny>,
}

fn answer(head: &str, body: &[u8], seen: &Seen) -> (u16, String) {
    let mut words = head.split_whitespace();
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let written = || {
        let id = seen.ids.fetch_add(1, Ordering::Relaxed);
        format!(
            r#"{{"status":201,"id":"L{id}","version":1,"created_at":1,"modified_at":{id},"created":true}}"#
        )
    };
    match (method, path) {
        ("POST", "/oauth/token") => {
            (200, r#"{"access_token":"sbx_bench","token_type":"Bearer","expires_in":3600}"#.to_owned())
        }
        ("POST", "/api/v1/leads/batch") => {
            let Ok(batch) = serde_json::from_slice::<Batch<'_>>(body) else { return (400, "{}".to_owned()) };
            seen.requests.fetch_add(1, Ordering::Relaxed);
            batch.records.iter().for_each(|lead| seen.note(&lead.phone));
            let results: Vec<String> = batch.records.iter().map(|_| written()).collect();
            (200, format!(r#"{{"results":[{}]}}"#, results.join(",")))
        }
        ("POST", "/api/v1/leads") => {
            let Ok(lead) = serde_json::from_slice::<Lead<'_>>(body) else { return (400, "{}".to_owned()) };
            seen.requests.fetch_add(1, Ordering::Relaxed);
            seen.note(&lead.phone);
            (201, written())
        }
        // The note for sales beside each lead.
        ("POST", "/api/v1/activities/batch") => {
            let Ok(batch) = serde_json::from_slice::<Notes>(body) else { return (400, "{}".to_owned()) };
            let results: Vec<String> = batch.records.iter().map(|_| written()).collect();
            (200, format!(r#"{{"results":[{}]}}"#, results.join(",")))
        }
        ("POST", "/api/v1/activities") => (201, written()),
        ("GET", path) if path.starts_with("/api/v1/users?") => (200, users()),
        ("GET", _) => (200, r#"{"records":[],"next_cursor":null,"server_time":1}"#.to_owned()),
        _ => (404, r#"{"error":{"code":"not_found","message":"the sink has no such thing"}}"#.to_owned()),
    }
}

fn users() -> String {
    let one = |id: &str, at: u32| {
        format!(
            r#"{{"id":"{id}","version":1,"created_at":1,"modified_at":{at},"modified_by":"admin","deleted":false,"merged_into":null,"name":"测试","login":"{id}","state":"active"}}"#
        )
    };
    format!(r#"{{"records":[{},{}],"next_cursor":null,"server_time":3}}"#, one("U1001", 1), one("U1002", 2))
}
