//! The data directory: where everything lives, and the lock by which one process owns it.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use mofang_types::ErrorCode;
use serde::{Deserialize, Serialize};

use crate::exit::Failure;

/// How long to wait for another short command to finish.
const PATIENCE: Duration = Duration::from_secs(3);
const PATIENCE_STEP: Duration = Duration::from_millis(50);

/// Where things lie below the data directory.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    root: PathBuf,
}

impl Layout {
    /// The layout below `root`.
    pub(crate) fn new(root: PathBuf) -> Self {
        Self { root }
    }

    /// The directory itself.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The metadata.
    pub(crate) fn database(&self) -> PathBuf {
        self.root.join("mofang.db")
    }

    /// The bytes, by digest.
    pub(crate) fn artifacts(&self) -> PathBuf {
        self.root.join("artifacts")
    }

    /// The files of datasets.
    pub(crate) fn datasets(&self) -> PathBuf {
        self.root.join("datasets")
    }

    /// One folder per training run.
    pub(crate) fn runs(&self) -> PathBuf {
        self.root.join("runs")
    }

    /// Secrets; nobody else may look into it.
    pub(crate) fn keys(&self) -> PathBuf {
        self.root.join("keys")
    }

    /// Who owns the directory.
    pub(crate) fn lock(&self) -> PathBuf {
        self.root.join("lock")
    }

    /// Makes what is missing.
    fn create(&self) -> anyhow::Result<()> {
        for folder in [
            self.root.clone(),
            self.artifacts(),
            self.datasets(),
            self.runs(),
        ] {
            fs::create_dir_all(&folder)
                .with_context(|| format!("failed to create {}", folder.display()))?;
        }
        let keys = self.keys();
        fs::create_dir_all(&keys)
            .with_context(|| format!("failed to create {}", keys.display()))?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            fs::set_permissions(&keys, fs::Permissions::from_mode(0o700))
                .with_context(|| format!("failed to make {} private", keys.display()))?;
        }
        Ok(())
    }
}

/// Who owns a data directory, as its lock file says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Holder {
    /// The process.
    pub(crate) pid: u32,
    /// The command, e.g. `serve`.
    pub(crate) command: String,
    /// Where it listens, when it is a server.
    pub(crate) address: Option<String>,
}

impl Holder {
    /// Reads who holds the directory; `None` when nobody says.
    pub(crate) fn read(layout: &Layout) -> Option<Self> {
        let text = fs::read_to_string(layout.lock()).ok()?;
        serde_json::from_str(&text).ok()
    }

    fn stays(&self) -> bool {
        matches!(self.command.as_str(), "serve" | "quickstart" | "train")
    }

    /// `mofang serve (process 4711, http://127.0.0.1:8080)`.
    pub(crate) fn describe(&self) -> String {
        let address = self
            .address
            .as_ref()
            .map(|address| format!(", {address}"))
            .unwrap_or_default();
        format!("`mofang {}` (process {}{address})", self.command, self.pid)
    }
}

/// The right to use a data directory, until it is dropped or the process ends, however it ends.
#[derive(Debug)]
pub(crate) struct DataDir {
    layout: Layout,
    file: File,
    holder: Holder,
}

impl DataDir {
    /// Takes the directory, making it when it is not there.
    pub(crate) fn take(layout: Layout, command: &str) -> anyhow::Result<Self> {
        layout.create()?;
        let path = layout.lock();
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .with_context(|| format!("failed to open {}", path.display()))?;
        let mut waited = Duration::ZERO;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) => {
                    let holder = Holder::read(&layout);
                    if waited >= PATIENCE || holder.as_ref().is_some_and(Holder::stays) {
                        return Err(taken(&layout, holder.as_ref()).into());
                    }
                    std::thread::sleep(PATIENCE_STEP);
                    waited += PATIENCE_STEP;
                }
                Err(TryLockError::Error(error)) => {
                    return Err(error)
                        .with_context(|| format!("failed to lock {}", path.display()));
                }
            }
        }
        let mut owned = Self {
            layout,
            file,
            holder: Holder {
                pid: std::process::id(),
                command: command.to_owned(),
                address: None,
            },
        };
        owned.write()?;
        Ok(owned)
    }

    /// Where things lie.
    pub(crate) fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Tells others where this process can be reached.
    pub(crate) fn set_address(&mut self, address: String) -> anyhow::Result<()> {
        self.holder.address = Some(address);
        self.write()
    }

    fn write(&mut self) -> anyhow::Result<()> {
        let text = serde_json::to_vec(&self.holder).context("failed to write the lock file")?;
        let path = self.layout.lock();
        let mut write = || {
            self.file.set_len(0)?;
            self.file.rewind()?;
            self.file.write_all(&text)
        };
        write().with_context(|| format!("failed to write {}", path.display()))
    }
}

impl Drop for DataDir {
    fn drop(&mut self) {
        // Only a courtesy to readers: the lock itself ends with the file.
        let _ = self.file.set_len(0);
    }
}

fn taken(layout: &Layout, holder: Option<&Holder>) -> Failure {
    let root = layout.root().display();
    let Some(holder) = holder else {
        return Failure::new(
            ErrorCode::Unavailable,
            format!("the data directory {root} is in use by another process"),
        );
    };
    let way_out = match &holder.address {
        Some(address) => format!(
            "ask that server with `--server {address}`, or name another directory with --data-dir"
        ),
        None => "wait until it has ended, or name another directory with --data-dir".to_owned(),
    };
    Failure::new(
        ErrorCode::Unavailable,
        format!(
            "the data directory {root} is in use by {}; {way_out}",
            holder.describe()
        ),
    )
}

/// Writes a secret that only its owner may read: beside its place first, then renamed.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let part = path.with_extension("part");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    let write = || {
        let mut file = options.open(&part)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&part, path)
    };
    write().with_context(|| format!("failed to write {}", path.display()))
}

/// Reads a small text file, such as a key.
pub(crate) fn read_text(path: &Path) -> anyhow::Result<String> {
    let mut text = String::new();
    File::open(path)
        .and_then(|file| file.take(1 << 20).read_to_string(&mut text))
        .with_context(|| format!("failed to read {}", path.display()))?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::describe;

    #[test]
    fn a_second_owner_is_refused_and_told_who_the_first_is() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::new(folder.path().join("data"));
        let mut first = DataDir::take(layout.clone(), "serve").unwrap();
        first
            .set_address("http://127.0.0.1:8080".to_owned())
            .unwrap();
        let message = describe(&DataDir::take(layout.clone(), "models list").unwrap_err());
        assert!(message.contains("`mofang serve`"), "{message}");
        assert!(
            message.contains("--server http://127.0.0.1:8080"),
            "{message}"
        );
        assert!(
            message.contains(&std::process::id().to_string()),
            "{message}"
        );
        drop(first);
        DataDir::take(layout, "models list").unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn secrets_are_for_their_owner_only() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret.json");
        write_private(&path, b"{}").unwrap();
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        let owned = DataDir::take(Layout::new(folder.path().join("data")), "serve").unwrap();
        let keys = owned.layout().keys();
        assert_eq!(
            fs::metadata(keys).unwrap().permissions().mode() & 0o777,
            0o700
        );
    }
}
