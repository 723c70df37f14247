//! A light load generator: one thread, connections that stay open, each with one request under way. Closed (as fast as it
//! is answered) or open (so many a second, whatever the answers do; waits count from the time a request was meant to go).

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What the source signs with.
pub const SECRET: &str = "webhook-secret-of-the-bench";
/// The header of the signature.
pub const SIGNATURE: &str = "x-signature";
/// When each lead was sent (or was meant to be), in nanoseconds since the bench began; 0: not yet.
pub type Sent = Arc<Vec<AtomicU64>>;

/// What is sent.
#[derive(Clone)]
pub struct Job {
    /// Where to.
    pub to: SocketAddr,
    /// Numbers of the leads.
    pub leads: std::ops::Range<usize>,
    /// Connections.
    pub connections: usize,
    /// So many a second; `None`: as fast as answers come.
    pub per_second: Option<f64>,
    /// When the bench began.
    pub epoch: Instant,
    /// Times of sending, by number.
    pub sent: Sent,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Load {
    /// From the first request to the last answer.
    pub took: Duration,
    /// Time from request to answer, sorted.
    pub waits: Vec<Duration>,
    /// CPU time of the sender.
    pub cpu: Duration,
}

impl Load {
    /// Acknowledged requests a second.
    pub fn rate(&self) -> f64 {
        self.waits.len() as f64 / self.took.as_secs_f64()
    }
}

/// The value that this share (of a thousand) of sorted values stays below.
pub fn quantile(sorted: &[Duration], permille: usize) -> Duration {
    let at = (sorted.len() * permille / 1_000).min(sorted.len().saturating_sub(1));
    sorted.get(at).copied().unwrap_or_default()
}

/// The body of lead `number`.
pub fn body(number: usize) -> String {
    format!(
        r#"{{"id":"{number}","name":"测试{number:08}","phone":"139{number:08}","email":"user{number:08}@firm{}.example","company":"示例{number:08}有限公司","title":"采购经理","requirement":"MES","page":"/pricing"}}"#,
        number % 500,
    )
}

/// The signature of a body.
pub fn signature(key: &aws_lc_rs::hmac::Key, body: &[u8]) -> String {
    use std::fmt::Write as _;
    aws_lc_rs::hmac::sign(key, body).as_ref().iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The key of the source.
pub fn key() -> aws_lc_rs::hmac::Key {
    aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, SECRET.as_bytes())
}

fn request(to: SocketAddr, key: &aws_lc_rs::hmac::Key, number: usize) -> Vec<u8> {
    let body = body(number);
    format!(
        "POST /in/website HTTP/1.1\r\nhost: {to}\r\ncontent-type: application/json\r\n{SIGNATURE}: {}\r\ncontent-length: {}\r\n\r\n{body}",
        signature(key, body.as_bytes()),
        body.len(),
    )
    .into_bytes()
}

/// Sends everything and waits for every answer; the requests are made before the first one goes.
///
/// # Panics
/// When a request is refused or a connection breaks: figures of a broken run would mislead.
pub fn run(job: Job) -> Load {
    let key = key();
    let requests = job.leads.clone().map(|number| request(job.to, &key, number)).collect();
    run_requests(job, requests)
}

/// The same with requests of somebody else's making.
///
/// # Panics
/// As [`run`].
pub fn run_requests(job: Job, requests: Vec<Vec<u8>>) -> Load {
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let before = crate::process::thread_cpu();
        let mut load = runtime.block_on(send_all(&job, Arc::new(requests)));
        load.cpu = crate::process::thread_cpu().saturating_sub(before);
        load
    })
    .join()
    .expect("every request is answered")
}

async fn send_all(job: &Job, requests: Arc<Vec<Vec<u8>>>) -> Load {
    let next = Arc::new(AtomicUsize::new(0));
    let mut streams = Vec::new();
    for _ in 0..job.connections.min(requests.len()).max(1) {
        let stream = TcpStream::connect(job.to).await.expect("somebody listens");
        stream.set_nodelay(true).expect("an open socket takes options");
        streams.push(stream);
    }
    let begun = Instant::now();
    let senders: Vec<_> = streams
        .into_iter()
        .map(|stream| tokio::spawn(one(job.clone(), begun, Arc::clone(&requests), Arc::clone(&next), stream)))
        .collect();
    let mut waits = Vec::with_capacity(requests.len());
    for sender in senders {
        waits.extend(sender.await.expect("a sender ends well"));
    }
    let took = begun.elapsed();
    waits.sort();
    Load { took, waits, cpu: Duration::ZERO }
}

async fn one(
    job: Job,
    begun: Instant,
    requests: Arc<Vec<Vec<u8>>>,
    next: Arc<AtomicUsize>,
    mut stream: TcpStream,
) -> Vec<Duration> {
    let mut waits = Vec::new();
    let mut answer = Vec::with_capacity(1024);
    loop {
        let at = next.fetch_add(1, Ordering::Relaxed);
        let Some(request) = requests.get(at) else { return waits };
        let meant = match job.per_second {
            None => Instant::now(),
            Some(rate) => {
                let meant = begun + Duration::from_secs_f64(at as f64 / rate);
                tokio::time::sleep_until(meant.into()).await;
                meant
            }
        };
        if let Some(sent) = job.sent.get(job.leads.start + at) {
            let since = meant.saturating_duration_since(job.epoch).as_nanos();
            sent.store(u64::try_from(since).unwrap_or(u64::MAX).max(1), Ordering::Relaxed);
        }
        stream.write_all(request).await.expect("the server reads");
        answer.clear();
        loop {
            if let Some(status) = whole(&answer) {
                assert_eq!(status, 200, "{}", String::from_utf8_lossy(&answer));
                break;
            }
            let read = stream.read_buf(&mut answer).await.expect("the server answers");
            assert!(read > 0, "the server closed the connection");
        }
        waits.push(meant.elapsed());
    }
}

/// The status of an answer that is all there.
pub fn whole(answer: &[u8]) -> Option<u16> {
    let head = answer.windows(4).position(|window| window == b"\r\n\r\n")?;
    let text = std::str::from_utf8(answer.get(..head)?).ok()?;
    let length = text
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.trim().parse::<usize>().ok())
        .unwrap_or(0);
    if answer.len() < head + 4 + length {
        return None;
    }
    text.split_whitespace().nth(1)?.parse().ok()
}
