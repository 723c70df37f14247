//! The least HTTP client a test needs: one request, one answer, one connection. Tests of the whole product use it so that
//! no client library slips into the binary's own dependencies.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Head, as it came.
    pub head: String,
    /// Body.
    pub body: String,
}

/// Sends one request and reads the whole answer; at most 30 seconds.
///
/// # Errors
/// When nobody answers, or the answer breaks off: the caller knows then that nothing was acknowledged.
pub fn send(
    to: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> io::Result<Answer> {
    let mut stream = TcpStream::connect_timeout(&to, Duration::from_secs(5))?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    stream.set_write_timeout(Some(Duration::from_secs(30)))?;
    let mut head = format!(
        "{method} {path} HTTP/1.1\r\nhost: {to}\r\nconnection: close\r\ncontent-length: {}\r\n",
        body.len()
    );
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes())?;
    // A server that refuses early closes its side: its answer is still there to read.
    let written = stream.write_all(body);
    let mut answer = Vec::new();
    let read = stream.read_to_end(&mut answer);
    let text = String::from_utf8_lossy(&answer).into_owned();
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        written?;
        read?;
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "no whole answer"));
    };
    let broken = || io::Error::new(io::ErrorKind::InvalidData, "no status line");
    let status = head.split_whitespace().nth(1).and_then(|status| status.parse().ok()).ok_or_else(broken)?;
    let chunked = head.to_lowercase().contains("transfer-encoding: chunked");
    let length = head
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.trim().parse::<usize>().ok());
    if !chunked && length.is_some_and(|length| body.len() < length) {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the body broke off"));
    }
    let body = if chunked { unchunk(body)? } else { body.to_owned() };
    Ok(Answer { status, head: head.to_owned(), body })
}

/// Posts JSON.
///
/// # Errors
/// As [`send`].
pub fn post_json(to: SocketAddr, path: &str, json: &str) -> io::Result<Answer> {
    send(to, "POST", path, &[("content-type", "application/json")], json.as_bytes())
}

/// Reads a page.
///
/// # Errors
/// As [`send`].
pub fn get(to: SocketAddr, path: &str) -> io::Result<Answer> {
    send(to, "GET", path, &[], b"")
}

fn unchunk(body: &str) -> io::Result<String> {
    let mut rest = body;
    let mut whole = String::new();
    let broken = || io::Error::new(io::ErrorKind::UnexpectedEof, "a chunk broke off");
    loop {
        let (size, after) = rest.split_once("\r\n").ok_or_else(broken)?;
        let size = usize::from_str_radix(size.trim(), 16).map_err(|_| broken())?;
        if size == 0 {
            return Ok(whole);
        }
        whole.push_str(after.get(..size).ok_or_else(broken)?);
        rest = after.get(size + 2..).ok_or_else(broken)?;
    }
}
