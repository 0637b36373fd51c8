//! Files that are wholly there or not at all: temporary file → fsync → rename → fsync of the folder
//! (TRUST REL-25). A rename alone is atomic but not durable.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// The ending of files that are not finished.
pub(crate) const TEMPORARY_SUFFIX: &str = ".part";

/// A file or folder that the operating system refused.
#[derive(Debug, thiserror::Error)]
#[error("failed to {action} {path}: {source}")]
pub struct FileError {
    action: &'static str,
    path: PathBuf,
    source: io::Error,
}

impl FileError {
    /// Wraps an error of the operating system.
    pub(crate) fn wrap(
        action: &'static str,
        path: &Path,
    ) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self {
            action,
            path,
            source,
        }
    }
}

impl mofang_types::Coded for FileError {
    fn code(&self) -> mofang_types::ErrorCode {
        if self.source.kind() == io::ErrorKind::StorageFull {
            mofang_types::ErrorCode::OutOfSpace
        } else {
            mofang_types::ErrorCode::Internal
        }
    }
}

/// Writes `bytes` in place of whatever `path` was.
pub(crate) fn write_atomic(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(TEMPORARY_SUFFIX);
    let temporary = path.with_file_name(name);
    let written = File::create(&temporary).and_then(|mut file| {
        file.write_all(bytes)?;
        // A failed fsync is final (REL-26): the file is given up, never tried again.
        file.sync_all()
    });
    if let Err(source) = written {
        // The error that counts is the first one; a rest that stays is removed at the next start.
        let _ = fs::remove_file(&temporary);
        return Err(FileError::wrap("write", path)(source));
    }
    fs::rename(&temporary, path).map_err(FileError::wrap("rename to", path))?;
    sync_folder_of(path)
}

/// Makes the names in the folder of `path` durable.
pub(crate) fn sync_folder_of(path: &Path) -> Result<(), FileError> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    File::open(folder)
        .and_then(|file| file.sync_all())
        .map_err(FileError::wrap("sync the folder", folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_nothing_else_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.bin");
        write_atomic(&path, b"first, longer").unwrap();
        write_atomic(&path, b"second").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"second");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        let error = write_atomic(&folder.path().join("none/a.bin"), b"x").unwrap_err();
        assert!(error.to_string().contains("none/a.bin"), "{error}");
    }
}
