//! The files of a tar, plain or gzip, within limits.

use std::io::Read;

use flate2::read::GzDecoder;
use tar::Entry;

use crate::DataError;

/// Most files of an archive.
const FILES_MAX: usize = 2_000_000;

/// Most bytes of all files together.
const TOTAL_BYTES_MAX: u64 = 8 << 30;

/// Most bytes of one file.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// The bytes of a file of the archive.
pub(super) fn read_whole(
    file: &str,
    path: &str,
    content: Entry<'_, impl Read>,
) -> Result<Vec<u8>, DataError> {
    // Grown as the bytes come: the size is only what the header says.
    let mut bytes = Vec::new();
    let size = content.size();
    let read = content.take(FILE_BYTES_MAX).read_to_end(&mut bytes);
    if read.map_err(|error| malformed(file, &error))? as u64 != size {
        return Err(DataError::malformed(file, format!("{path} is truncated")));
    }
    Ok(bytes)
}

fn malformed(file: &str, error: &std::io::Error) -> DataError {
    DataError::malformed(file, format!("not a whole tar archive: {error}"))
}

/// Calls `visit` with each regular file, within the limits.
pub(super) fn for_each_file<'a>(
    file: &str,
    bytes: &'a [u8],
    mut visit: impl FnMut(&str, Entry<'_, Box<dyn Read + 'a>>) -> Result<(), DataError>,
) -> Result<(), DataError> {
    let reader: Box<dyn Read + 'a> = if bytes.starts_with(&[0x1f, 0x8b]) {
        Box::new(GzDecoder::new(bytes))
    } else {
        Box::new(bytes)
    };
    let mut archive = tar::Archive::new(reader);
    let (mut files, mut total) = (0_usize, 0_u64);
    for entry in archive.entries().map_err(|error| malformed(file, &error))? {
        let entry = entry.map_err(|error| malformed(file, &error))?;
        let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let kind = entry.header().entry_type();
        if kind.is_dir() || kind.is_pax_global_extensions() {
            continue;
        }
        if !kind.is_file() {
            return Err(DataError::malformed(
                file,
                format!("{path} is no regular file"),
            ));
        }
        files += 1;
        total = total.saturating_add(entry.size());
        if entry.size() > FILE_BYTES_MAX || files > FILES_MAX || total > TOTAL_BYTES_MAX {
            return Err(DataError::malformed(
                file,
                format!("{path}: the archive is beyond the limits"),
            ));
        }
        visit(&path, entry)?;
    }
    Ok(())
}
