//! Files that a killed process left while it was writing them.
//!
//! `object_store` writes `name#1` and renames it; its listings do not show such files, so they
//! would stay forever.

use std::io;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use mofang_types::UnixMillis;

/// Removes the staging files below `folder` last written at or before `before`; returns how many.
pub(crate) fn sweep(folder: &Path, before: UnixMillis) -> io::Result<u64> {
    let mut removed = 0;
    for path in staging_files(folder)? {
        let metadata = match std::fs::metadata(&path) {
            Ok(metadata) => metadata,
            // Renamed meanwhile by the one that writes it.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        if modified_unix_ms(&metadata)? > before {
            continue;
        }
        match std::fs::remove_file(&path) {
            Ok(()) => removed += 1,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(removed)
}

fn staging_files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder)? {
            let entry = entry?;
            let kind = entry.file_type()?;
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() && is_staging(&entry.file_name().to_string_lossy()) {
                found.push(entry.path());
            }
        }
    }
    Ok(found)
}

fn is_staging(name: &str) -> bool {
    name.split_once('#').is_some_and(|(_, suffix)| {
        !suffix.is_empty() && suffix.bytes().all(|byte| byte.is_ascii_digit())
    })
}

fn modified_unix_ms(metadata: &std::fs::Metadata) -> io::Result<UnixMillis> {
    let since_epoch = metadata
        .modified()?
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Ok(UnixMillis::try_from(since_epoch.as_millis()).unwrap_or(UnixMillis::MAX))
}
