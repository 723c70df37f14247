//! A light load generator: a few connections that stay open, each sending one request after the other.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// One request, ready to be written.
pub type Wire = Vec<u8>;

/// A request with a JSON body as bytes for the wire.
pub fn json_request(to: SocketAddr, path: &str, headers: &[(&str, &str)], body: &str) -> Wire {
    let mut head = format!(
        "POST {path} HTTP/1.1\r\nhost: {to}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n",
        body.len()
    );
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    head.push_str(body);
    head.into_bytes()
}

/// What a run of load brought.
#[derive(Clone, Debug)]
pub struct Load {
    /// Answered 2xx.
    pub accepted: usize,
    /// Answered otherwise.
    pub refused: usize,
    /// From the first request to the last answer.
    pub took: Duration,
    /// Time from request to answer, sorted.
    pub waits: Vec<Duration>,
}

impl Load {
    /// Accepted requests a second.
    #[expect(clippy::cast_precision_loss, reason = "counts of a bench are far below 2^52")]
    pub fn rate(&self) -> f64 {
        self.accepted as f64 / self.took.as_secs_f64()
    }

    /// The wait that this share of the requests stayed below.
    pub fn quantile(&self, permille: usize) -> Duration {
        let at = (self.waits.len() * permille / 1_000).min(self.waits.len().saturating_sub(1));
        self.waits.get(at).copied().unwrap_or_default()
    }
}

/// Sends all requests over `connections` connections and waits for every answer.
///
/// # Errors
/// When a connection breaks.
pub fn run(to: SocketAddr, requests: Vec<Wire>, connections: usize) -> io::Result<Load> {
    let mut shares: Vec<Vec<Wire>> = vec![Vec::new(); connections.max(1)];
    for (number, request) in requests.into_iter().enumerate() {
        if let Some(share) = shares.get_mut(number % connections.max(1)) {
            share.push(request);
        }
    }
    let begun = Instant::now();
    let threads: Vec<_> =
        shares.into_iter().map(|share| std::thread::spawn(move || one(to, &share))).collect();
    let mut load = Load { accepted: 0, refused: 0, took: Duration::ZERO, waits: Vec::new() };
    for thread in threads {
        let (accepted, refused, waits) =
            thread.join().map_err(|_| io::Error::other("a sender panicked"))??;
        load.accepted += accepted;
        load.refused += refused;
        load.waits.extend(waits);
    }
    load.took = begun.elapsed();
    load.waits.sort();
    Ok(load)
}

fn one(to: SocketAddr, requests: &[Wire]) -> io::Result<(usize, usize, Vec<Duration>)> {
    let mut stream = TcpStream::connect(to)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    let mut answers = BufReader::new(stream.try_clone()?);
    let (mut accepted, mut refused, mut waits) = (0, 0, Vec::with_capacity(requests.len()));
    let mut line = String::new();
    for request in requests {
        let sent = Instant::now();
        stream.write_all(request)?;
        let (mut status, mut length) = (0_u16, 0_usize);
        loop {
            line.clear();
            if answers.read_line(&mut line)? == 0 {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the server closed the connection"));
            }
            let head = line.trim_end();
            if head.is_empty() {
                break;
            }
            if status == 0 {
                status = head.split_whitespace().nth(1).and_then(|text| text.parse().ok()).unwrap_or(0);
            } else if let Some((name, value)) = head.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().unwrap_or(0);
            }
        }
        io::copy(&mut answers.by_ref().take(u64::try_from(length).unwrap_or(0)), &mut io::sink())?;
        waits.push(sent.elapsed());
        if (200..300).contains(&status) { accepted += 1 } else { refused += 1 }
    }
    Ok((accepted, refused, waits))
}
