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
    if folds_what_is_alike() {
        println!("cargo::rustc-link-arg-bins=-Wl,--icf=all");
    }
    Ok(())
}

/// Whether the release is linked by the linker that comes with Rust, which keeps one of functions that became the same
/// instructions. Other linkers may not know how: then the program is larger, and nothing else.
fn folds_what_is_alike() -> bool {
    let of = |name: &str| std::env::var(name).unwrap_or_default();
    let own = of("RUSTC_LINKER").is_empty() && !of("CARGO_ENCODED_RUSTFLAGS").contains("link");
    let sysroot = std::process::Command::new(of("RUSTC")).args(["--print", "sysroot"]).output();
    let linker = sysroot.ok().and_then(|said| String::from_utf8(said.stdout).ok()).map(|root| {
        Path::new(root.trim()).join("lib/rustlib").join(of("TARGET")).join("bin/gcc-ld/ld.lld").exists()
    });
    let release = Path::new(&of("OUT_DIR")).iter().any(|folder| folder == "release");
    own && release && of("TARGET") == "x86_64-unknown-linux-gnu" && linker == Some(true)
}
