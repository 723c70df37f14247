//! The config's files and secrets as they lie on this machine. The config crate opens nothing itself.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use leadloop_config::lower::Secrets;
use leadloop_config::text::Files;
use secrecy::SecretString;

/// Most bytes of a file of the config; the config's own check says the same in better words at 4 MiB.
const MOST_BYTES: u64 = 8 << 20;
/// Most bytes of a secret.
const MOST_SECRET: u64 = 64 << 10;

/// Files beside the main file of a config, and secrets of this process.
#[derive(Debug)]
pub struct Disk {
    folder: PathBuf,
    seen: Mutex<BTreeSet<PathBuf>>,
}

impl Disk {
    /// Paths start at this folder.
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), seen: Mutex::default() }
    }

    /// Every file and folder that was looked at, whether it was there or not.
    pub fn seen(&self) -> BTreeSet<PathBuf> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn look(&self, path: PathBuf) -> PathBuf {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).insert(path.clone());
        path
    }
}

fn read(path: &Path, most: u64) -> Result<Vec<u8>, String> {
    let file = std::fs::File::open(path).map_err(|error| reason(&error))?;
    let mut bytes = Vec::new();
    file.take(most + 1).read_to_end(&mut bytes).map_err(|error| reason(&error))?;
    Ok(bytes)
}

fn reason(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
        std::io::ErrorKind::PermissionDenied => "it may not be read".to_owned(),
        std::io::ErrorKind::IsADirectory => "it is a folder".to_owned(),
        _ => error.to_string(),
    }
}

impl Files for Disk {
    fn read(&self, name: &str) -> Result<Vec<u8>, String> {
        read(&self.look(self.folder.join(name)), MOST_BYTES)
    }

    fn list(&self, pattern: &str) -> Vec<String> {
        let (folder, last) = pattern.rsplit_once('/').unwrap_or(("", pattern));
        let fits = |name: &str| match last.split_once('*') {
            None => name == last,
            Some((head, tail)) => {
                name.len() >= head.len() + tail.len() && name.starts_with(head) && name.ends_with(tail)
            }
        };
        let Ok(entries) = std::fs::read_dir(self.look(self.folder.join(folder))) else { return Vec::new() };
        let mut names: Vec<String> = entries
            .filter_map(Result::ok)
            .filter_map(|entry| entry.file_name().into_string().ok())
            .filter(|name| fits(name) && !name.starts_with('.'))
            .map(|name| if folder.is_empty() { name } else { format!("{folder}/{name}") })
            .collect();
        names.sort();
        names
    }
}

impl Secrets for Disk {
    fn resolve(&self, kind: &str, name: &str) -> Result<SecretString, String> {
        let path = match kind {
            "env" => {
                return std::env::var(name)
                    .ok()
                    .filter(|value| !value.is_empty())
                    .map(SecretString::from)
                    .ok_or_else(|| "it is not set".to_owned());
            }
            "file" => self.folder.join(name),
            // systemd's LoadCredential: files that only this unit can read.
            "credential" => match std::env::var_os("CREDENTIALS_DIRECTORY") {
                Some(folder) if !name.contains(['/', '\\']) => Path::new(&folder).join(name),
                _ => return Err("there is no CREDENTIALS_DIRECTORY".to_owned()),
            },
            _ => return Err(format!("`{kind}` is neither env, file nor credential")),
        };
        let bytes = read(&self.look(path), MOST_SECRET)?;
        if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > MOST_SECRET {
            return Err("it is larger than 64 KiB".to_owned());
        }
        let text = String::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())?;
        let text = text.trim_end_matches(['\n', '\r']);
        if text.is_empty() { Err("it is empty".to_owned()) } else { Ok(SecretString::from(text)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    #[test]
    fn patterns_and_secrets() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("conf.d")).unwrap();
        for name in ["b.toml", "a.toml", "a.txt", ".c.toml"] {
            std::fs::write(folder.path().join("conf.d").join(name), "x").unwrap();
        }
        let disk = Disk::new(folder.path());
        assert_eq!(disk.list("conf.d/*.toml"), ["conf.d/a.toml", "conf.d/b.toml"]);
        assert_eq!(disk.list("conf.d/a.txt"), ["conf.d/a.txt"]);
        assert!(disk.list("nowhere/*").is_empty());
        std::fs::write(folder.path().join("secret"), "hush\n").unwrap();
        assert_eq!(disk.resolve("file", "secret").unwrap().expose_secret(), "hush");
        assert_eq!(disk.resolve("file", "none").unwrap_err(), "there is no such file");
        assert!(disk.resolve("env", "LEADLOOP_NO_SUCH_VARIABLE").is_err());
        assert!(disk.resolve("credential", "../secret").is_err());
        assert_eq!(Files::read(&disk, "conf.d").unwrap_err(), "it is a folder");
    }
}
