//! The reference road: what any middleware must do at the least. HTTP in with a signature checked, group commit into the
//! same database, batched delivery to the same sink, and not a single business decision. It runs as a process of its
//! own, like the node it is compared with.

use std::net::SocketAddr;
use std::sync::Arc;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use leadloop_store::bare::Queue;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, mpsc, oneshot};

use crate::load;

/// Most pushes of one transaction, as in the product.
const COMMIT: usize = 2_000;
/// Most leads of one delivery, as the sandbox takes.
const BATCH: i64 = 200;

type Waiting = (String, oneshot::Sender<bool>);

/// Runs until the process is killed. `sink`: where to deliver; without one, what came is only kept.
pub async fn run(database: &str, sink: Option<SocketAddr>) {
    let queue = Queue::open(database).await.expect("the database opens");
    let (keep, waiting) = mpsc::channel::<Waiting>(4_096);
    let fresh = Arc::new(Notify::new());
    tokio::spawn(commit(queue.clone(), waiting, Arc::clone(&fresh)));
    if let Some(sink) = sink {
        tokio::spawn(deliver(queue, sink, fresh));
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    eprintln!("reference address={}", listener.local_addr().expect("it is bound"));
    let key = Arc::new(load::key());
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let _ = stream.set_nodelay(true);
        let (keep, key) = (keep.clone(), Arc::clone(&key));
        let service =
            hyper::service::service_fn(move |request| receive(request, keep.clone(), Arc::clone(&key)));
        tokio::spawn(async move {
            let builder = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
            let _ = builder.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn receive(
    request: Request<Incoming>,
    keep: mpsc::Sender<Waiting>,
    key: Arc<aws_lc_rs::hmac::Key>,
) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let answer = |status: StatusCode| {
        let mut response = Response::new(Full::from(r#"{"kept":1}"#));
        *response.status_mut() = status;
        Ok(response)
    };
    let given =
        request.headers().get(load::SIGNATURE).map(|value| value.as_bytes().to_vec()).unwrap_or_default();
    let body = request.into_body().collect().await?.to_bytes();
    let mut tag = [0_u8; 32];
    for (byte, digits) in tag.iter_mut().zip(given.chunks(2)) {
        let digits = std::str::from_utf8(digits).unwrap_or_default();
        *byte = u8::from_str_radix(digits, 16).unwrap_or_default();
    }
    if aws_lc_rs::hmac::verify(&key, &body, &tag).is_err() {
        return answer(StatusCode::UNAUTHORIZED);
    }
    let (told, kept) = oneshot::channel();
    let sent = keep.send((String::from_utf8_lossy(&body).into_owned(), told)).await;
    match (sent, kept.await) {
        (Ok(()), Ok(true)) => answer(StatusCode::OK),
        _ => answer(StatusCode::SERVICE_UNAVAILABLE),
    }
}

/// Group commit: whatever waits goes into one transaction.
async fn commit(queue: Queue, mut waiting: mpsc::Receiver<Waiting>, fresh: Arc<Notify>) {
    let mut batch = Vec::new();
    while waiting.recv_many(&mut batch, COMMIT).await > 0 {
        let (bodies, answers): (Vec<String>, Vec<_>) = batch.drain(..).unzip();
        let kept = queue.keep(&bodies).await.is_ok();
        for answer in answers {
            let _ = answer.send(kept);
        }
        fresh.notify_one();
    }
}

/// Delivery in batches over one connection; what was answered is done with.
async fn deliver(queue: Queue, sink: SocketAddr, fresh: Arc<Notify>) {
    let mut stream = TcpStream::connect(sink).await.expect("the sink listens");
    let _ = stream.set_nodelay(true);
    let mut after = 0;
    loop {
        let rows = queue.next(after, BATCH).await.expect("the database answers");
        let Some((last, _)) = rows.last() else {
            fresh.notified().await;
            continue;
        };
        after = *last;
        let (ids, bodies): (Vec<i64>, Vec<String>) = rows.into_iter().unzip();
        let body = format!(r#"{{"operation":"create","records":[{}]}}"#, bodies.join(","));
        let head = format!(
            "POST /api/v1/leads/batch HTTP/1.1\r\nhost: sink\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(&[head.as_bytes(), body.as_bytes()].concat()).await.expect("the sink reads");
        let mut answer = Vec::new();
        while load::whole(&answer).is_none() {
            assert!(stream.read_buf(&mut answer).await.expect("the sink answers") > 0, "the sink is gone");
        }
        queue.done(&ids).await.expect("the database answers");
    }
}
