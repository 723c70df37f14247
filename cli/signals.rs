//! When to stop: SIGTERM and Ctrl-C. When to read the config again: SIGHUP.

/// Listens from the moment it is made: whoever is told that we run may stop us at once.
pub struct Stop(Signals);

/// Begins to listen.
pub fn listen() -> Stop {
    Stop(Signals::new())
}

impl Stop {
    /// Waits for the first signal to stop. A second one ends the process at once, whatever is under way: what was
    /// acknowledged is durable.
    pub async fn wait(mut self) {
        self.0.next().await;
        tokio::spawn(async move {
            self.0.next().await;
            std::process::exit(130);
        });
    }
}

#[cfg(unix)]
struct Signals(Option<(tokio::signal::unix::Signal, tokio::signal::unix::Signal)>);

#[cfg(unix)]
impl Signals {
    fn new() -> Self {
        use tokio::signal::unix::{SignalKind, signal};
        // Without handlers the system's own ending applies; there is nothing to wait for.
        Self(signal(SignalKind::terminate()).ok().zip(signal(SignalKind::interrupt()).ok()))
    }

    async fn next(&mut self) {
        match &mut self.0 {
            Some((term, interrupt)) => tokio::select! {
                _ = term.recv() => {}
                _ = interrupt.recv() => {}
            },
            None => std::future::pending().await,
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> Self {
        Self
    }

    async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// Wishes that the config be read again.
pub struct Hangups {
    #[cfg(unix)]
    signal: Option<tokio::signal::unix::Signal>,
}

impl Hangups {
    /// Listens from now on; a signal does not end the process any more.
    pub fn listen() -> Self {
        Self {
            #[cfg(unix)]
            signal: tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup()).ok(),
        }
    }

    /// Waits for the next one.
    pub async fn next(&mut self) {
        #[cfg(unix)]
        if let Some(signal) = &mut self.signal
            && signal.recv().await.is_some()
        {
            return;
        }
        std::future::pending().await
    }
}
