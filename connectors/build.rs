//! Puts the profiles (`profiles/*.toml`) into the crate, so that a new one is one file and no code.
#![expect(clippy::disallowed_methods, reason = "a build script reads the folder; the crate itself must not")]

use std::fmt::Write;
use std::path::Path;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("profiles");
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut profiles: Vec<std::path::PathBuf> = std::fs::read_dir(&folder)?
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "toml"))
        .collect();
    profiles.sort();
    let mut text = String::from("static PROFILES: &[&str] = &[\n");
    for path in profiles {
        writeln!(text, "    include_str!({:?}),", path.display().to_string())?;
    }
    text.push_str("];\n");
    let out = std::env::var("OUT_DIR")?;
    std::fs::write(Path::new(&out).join("profiles.rs"), text)?;
    Ok(())
}
