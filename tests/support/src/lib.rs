//! What the tests of several crates share: databases and folders. Not on the road; used as a dev-dependency only.
//!
//! Nothing here skips: a test that needs PostgreSQL gets it or fails with the reason.
//!
//! ```no_run
//! let database = leadloop_testing::fresh_database("inbox");
//! println!("an empty database of this test alone: {}", database.url());
//! ```
#![expect(clippy::expect_used, clippy::panic, reason = "a test without its surroundings has to fail, loudly")]

mod folders;
pub mod http;
mod mariadb;
pub mod nine;
mod postgres;
mod traces;

pub use folders::{root, samples_dir, shared_dir, temp_dir};
pub use mariadb::{MariaDb, fresh_mariadb};
pub use postgres::{Database, fresh_database, postgres_url};
pub use traces::{file_bytes, traces};
