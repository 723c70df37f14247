//! Folders that tests read and write.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// The root of the checkout. Tests of a crate run in the crate's folder, so relative paths do not help them.
pub fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// The sample data of the demo.
pub fn samples_dir() -> PathBuf {
    root().join("samples")
}

/// The folder with real data beside the checkout: `LEADLOOP_SHARED`, else `../shared`. `None` where it is absent; the
/// test then uses a made file of the same shape and says so.
///
/// # Panics
/// With `CI=true`, where it may not be absent.
pub fn shared_dir() -> Option<PathBuf> {
    let dir = std::env::var_os("LEADLOOP_SHARED").map_or_else(|| root().join("../shared"), PathBuf::from);
    if dir.is_dir() {
        return Some(dir);
    }
    let ci = std::env::var("CI").is_ok_and(|value| value == "true");
    assert!(!ci, "no real data at {}; set LEADLOOP_SHARED", dir.display());
    None
}

/// An empty folder that is deleted when the value is dropped.
///
/// # Panics
/// Where the system's folder for temporary files cannot be written.
pub fn temp_dir() -> TempDir {
    tempfile::Builder::new().prefix("leadloop-").tempdir().expect("the temporary folder can be written")
}
