//! A sandbox without a socket, for a simulation: requests are handed in, its time is the runtime's, and its gate, its rules
//! and its faults are those of the one that listens. No webhooks, no robot: whoever simulates plays them.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response};
use tower::Service as _;

use crate::clock::Clock;
use crate::options::Options;
use crate::routes::routes;
use crate::serve;
use crate::shared::Shared;
use crate::start::{StartError, check, furnished};

/// The practice CRM inside the program that talks to it.
#[derive(Clone, Debug)]
pub struct Inside {
    shared: Arc<Shared>,
    router: Router,
}

impl Inside {
    /// One whose time is `now`, in microseconds since 1970, and passes as it does for the runtime.
    ///
    /// # Errors
    /// The options contradict each other, or name a file that cannot be read.
    pub fn new(options: Options, now: i64) -> Result<Self, StartError> {
        check(&options)?;
        let (world, gate) = furnished(&options, Clock::played_from(now))?;
        let shared = Arc::new(Shared::new(options, world, gate));
        Ok(Self { router: routes(Arc::clone(&shared)), shared })
    }

    /// What is answered; none: the connection ends without an answer, and what was asked for may have been done.
    pub async fn ask(&self, request: Request<Body>) -> Option<Response<Body>> {
        serve::answer(Arc::clone(&self.shared), self.router.clone(), Arc::default(), request).await.ok()
    }

    /// What its own people do and see: no token, no windows, no faults.
    pub async fn past_the_gate(&self, request: Request<Body>) -> Response<Body> {
        match self.router.clone().call(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }
}
