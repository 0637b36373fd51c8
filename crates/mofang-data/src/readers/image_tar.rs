//! A tar (plain or gzip) of image files: `split/class/file` or `class/file`.

use std::collections::BTreeSet;
use std::io::Read;

use flate2::read::GzDecoder;
use tar::Entry;

use crate::{DataError, Example, RawExample, Target};

use super::{RawSplits, class_of, parts_of_path};

/// Most files of an archive.
const FILES_MAX: usize = 2_000_000;

/// Most bytes of all files together.
const TOTAL_BYTES_MAX: u64 = 8 << 30;

/// Most bytes of one file.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// Reads every regular file of the archive; links and special files are refused.
///
/// # Errors
/// When the archive is malformed, holds a link, or is beyond the limits.
pub fn read_image_tar(file: &str, bytes: &[u8], labels: &[String]) -> Result<RawSplits, DataError> {
    let mut splits = RawSplits::new();
    for_each_file(file, bytes, |path, content| {
        let (split, class) = parts_of_path(path)?;
        let label = class_of(labels, class);
        // Grown as the bytes come: the size is only what the header says.
        let mut bytes = Vec::new();
        let size = content.size();
        let read = content.take(FILE_BYTES_MAX).read_to_end(&mut bytes);
        if read.map_err(|error| malformed(file, &error))? as u64 != size {
            return Err(DataError::malformed(file, format!("{path} is truncated")));
        }
        splits.entry(split).or_default().push(Example {
            id: path.to_owned(),
            input: RawExample::Encoded(bytes),
            target: Target::Class(label),
        });
        Ok(())
    })?;
    Ok(splits)
}

/// The classes of an archive: the names of the folders that hold the files, sorted.
///
/// # Errors
/// As [`read_image_tar`].
pub(crate) fn classes_of_tar(file: &str, bytes: &[u8]) -> Result<Vec<String>, DataError> {
    let mut classes = BTreeSet::new();
    for_each_file(file, bytes, |path, _| {
        classes.insert(parts_of_path(path)?.1.to_owned());
        Ok(())
    })?;
    Ok(classes.into_iter().collect())
}

fn malformed(file: &str, error: &std::io::Error) -> DataError {
    DataError::malformed(file, format!("not a whole tar archive: {error}"))
}

/// Calls `visit` with each regular file, within the limits.
fn for_each_file<'a>(
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SplitName;

    #[test]
    fn sec_6_files_are_read_by_split_and_class_and_links_are_refused() {
        let labels = ["cat", "dog"].map(str::to_owned);
        let mut archive = tar::Builder::new(Vec::new());
        for (path, content) in [
            ("train/cat/1.png", "a"),
            ("test/dog/2.png", "bc"),
            ("train/owl/3.png", "d"),
        ] {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            archive
                .append_data(&mut header, path, content.as_bytes())
                .unwrap();
        }
        let bytes = archive.into_inner().unwrap();
        let splits = read_image_tar("t", &bytes, &labels).unwrap();
        assert_eq!(
            splits[&SplitName::Train]
                .iter()
                .filter_map(|e| e.target.class())
                .collect::<Vec<_>>(),
            [0, 2]
        );
        assert_eq!(
            splits[&SplitName::Test][0].input,
            RawExample::Encoded(b"bc".to_vec())
        );
        assert_eq!(classes_of_tar("t", &bytes).unwrap(), ["cat", "dog", "owl"]);
        assert!(read_image_tar("t", &bytes[..700], &labels).is_err());
        assert!(read_image_tar("t", &bytes[..512], &labels).is_err());

        let mut archive = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Symlink);
        header.set_size(0);
        archive
            .append_link(&mut header, "train/cat/1.png", "/etc/passwd")
            .unwrap();
        assert!(read_image_tar("t", &archive.into_inner().unwrap(), &labels).is_err());
    }
}
