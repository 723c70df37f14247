//! Puts the pages of the error codes into the binary, so that `leadloop explain` works anywhere.

use std::fmt::Write;
use std::path::Path;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/errors");
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut pages: Vec<(String, std::path::PathBuf)> = std::fs::read_dir(&folder)?
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "md"))
        .filter_map(|path| Some((path.file_stem()?.to_str()?.to_owned(), path)))
        .filter(|(code, _)| code.starts_with("LL"))
        .collect();
    pages.sort();
    let mut text = String::from("pub static PAGES: &[(&str, &str)] = &[\n");
    for (code, path) in pages {
        writeln!(text, "    ({code:?}, include_str!({:?})),", path.display().to_string())?;
    }
    text.push_str("];\n");
    let out = std::env::var("OUT_DIR")?;
    std::fs::write(Path::new(&out).join("pages.rs"), text)?;
    Ok(())
}
