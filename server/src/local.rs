//! The door for commands on the same machine: a socket beside the SQLite file that only its owner may open.
//!
//! One process owns the file; a command that wants something changed sends an [`Order`] here and gets what became of it.
//! With PostgreSQL commands open the database themselves and need no door.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::orders::{Done, Order, OrderError};

/// Where a command knocks.
const PATH: &str = "http://leadloop.localhost/order";
/// Longest path of a socket that every system takes.
const LONGEST: usize = 100;
/// How long an order may take.
const PATIENCE: Duration = Duration::from_secs(600);

/// The socket of a database file.
#[must_use]
pub fn beside(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(".sock");
    PathBuf::from(name)
}

fn unreachable(detail: impl std::fmt::Display) -> OrderError {
    OrderError::outside("LL1023", format!("the running leadloop cannot be reached at its socket: {detail}"))
}

/// The end of a command that talks to the running node.
#[derive(Clone, Debug)]
pub struct Door {
    client: reqwest::Client,
}

impl Door {
    /// A door to the process that owns `database`.
    ///
    /// # Errors
    /// Where there is no such socket, or the system knows none.
    pub fn to(database: &Path) -> Result<Self, OrderError> {
        client(&beside(database)).map(|client| Self { client })
    }

    /// Sends an order and waits until it is carried out.
    ///
    /// # Errors
    /// As [`crate::orders::carry_out`], or where nobody answers.
    pub async fn send(&self, order: &Order) -> Result<Done, OrderError> {
        let sent = self.client.post(PATH).json(order).send().await;
        let answer = sent.map_err(|error| unreachable(error.without_url()))?;
        if answer.status().is_success() {
            return answer.json().await.map_err(|error| unreachable(error.without_url()));
        }
        let status = answer.status();
        match answer.json::<OrderError>().await {
            Ok(error) => Err(error),
            Err(_) => Err(unreachable(format!(
                "it answered {status}; do command and process have the same version?"
            ))),
        }
    }
}

#[cfg(unix)]
fn client(socket: &Path) -> Result<reqwest::Client, OrderError> {
    if !socket.exists() {
        return Err(unreachable(format!("there is no {}", socket.display())));
    }
    let client = reqwest::Client::builder().unix_socket(socket).no_proxy().timeout(PATIENCE).build();
    client.map_err(unreachable)
}

#[cfg(not(unix))]
fn client(_: &Path) -> Result<reqwest::Client, OrderError> {
    Err(unreachable("this system has no such sockets; stop the running leadloop first"))
}

#[cfg(unix)]
pub use listening::open;

#[cfg(unix)]
mod listening {
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;
    use std::sync::Arc;

    use axum::extract::{DefaultBodyLimit, State};
    use axum::http::StatusCode;
    use axum::response::{IntoResponse, Response};
    use axum::routing::post;
    use axum::{Json, Router};
    use tokio::net::UnixListener;

    use super::{LONGEST, beside};
    use crate::bounds;
    use crate::node::Node;
    use crate::orders::{Order, carry_out};

    /// Opens the door beside `database`; who calls holds the file's lock, so a socket that is there is left over from a
    /// process that died.
    ///
    /// # Errors
    /// Where the socket cannot be made: everything else works without it.
    pub fn open(node: Arc<Node>, database: &Path) -> std::io::Result<tokio::task::JoinHandle<()>> {
        let path = beside(database);
        if path.as_os_str().len() > LONGEST {
            let text = format!("the path {} is too long for a socket", path.display());
            return Err(std::io::Error::other(text));
        }
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(&path)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
        let router = Router::new()
            .route("/order", post(order))
            .layer(DefaultBodyLimit::max(bounds::ORDER_BYTES))
            .with_state(Arc::clone(&node));
        Ok(tokio::spawn(async move {
            let stop = node.stop.clone();
            let served = axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned());
            if let Err(error) = served.await {
                tracing::warn!(%error, "the socket for commands ended");
            }
            // A socket without a listener would only confuse the next command.
            let _ = std::fs::remove_file(&path);
        }))
    }

    async fn order(State(node): State<Arc<Node>>, Json(order): Json<Order>) -> Response {
        match carry_out(&node, order).await {
            Ok(done) => Json(done).into_response(),
            Err(error) if error.outside => (StatusCode::SERVICE_UNAVAILABLE, Json(error)).into_response(),
            Err(error) => (StatusCode::UNPROCESSABLE_ENTITY, Json(error)).into_response(),
        }
    }
}
