//! Puts the profiles (`profiles/*.toml`) into the crate, so that a new one is one file and no code. For the tests it also
//! writes what the kit makes and what the guide shows, so that both are compiled and played as they stand.
#![expect(clippy::disallowed_methods, reason = "a build script reads the folder; the crate itself must not")]

#[expect(
    unreachable_pub,
    dead_code,
    reason = "the crate shares this file; a build script has no outside and writes no lines"
)]
mod kit;

use std::error::Error;
use std::fmt::Write;
use std::path::{Path, PathBuf};

fn main() -> Result<(), Box<dyn Error>> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    profiles(&here.join("profiles"), &out)?;
    println!("cargo::rerun-if-changed={}", here.join("kit.rs").display());
    println!("cargo::rerun-if-changed={}", here.join("kit").display());
    made(here, &out)
}

fn profiles(folder: &Path, out: &Path) -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut profiles: Vec<PathBuf> = std::fs::read_dir(folder)?
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
    std::fs::write(out.join("profiles.rs"), text)?;
    Ok(())
}

/// `made.rs`: each connector that the kit writes and that the guide shows as a module, and all files of both as a list.
fn made(here: &Path, out: &Path) -> Result<(), Box<dyn Error>> {
    let mut files: Vec<(String, String)> = Vec::new();
    for kind in kit::Kind::ALL {
        files.extend(kit::files(&format!("made_{kind:?}").to_lowercase(), kind));
    }
    let guide = here.join("../docs/guide/connector.md");
    println!("cargo::rerun-if-changed={}", guide.display());
    // a checkout without its documents can be built; the test says that they are missing
    files.extend(kit::shown(&std::fs::read_to_string(guide).unwrap_or_default()));
    let mut text = String::new();
    let mut list = String::new();
    for (name, content) in &files {
        let place = out.join("made").join(name);
        std::fs::create_dir_all(place.parent().ok_or("a file stands in a folder")?)?;
        std::fs::write(&place, content)?;
        writeln!(list, "    ({name:?}, include_str!({:?})),", place.display().to_string())?;
        if let Some(module) = name.strip_suffix("/mod.rs") {
            writeln!(text, "#[path = {:?}]\nmod {module};", place.display().to_string())?;
        }
    }
    writeln!(text, "/// Path from the folder of connectors, content.")?;
    writeln!(text, "pub(super) static FILES: &[(&str, &str)] = &[\n{list}];")?;
    std::fs::write(out.join("made.rs"), text)?;
    Ok(())
}
