//! A tar (plain or gzip) of image files: `split/class/file` or `class/file`.

use std::io::Read;

use flate2::read::GzDecoder;

use crate::{DataError, Example, RawExample};

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
    let malformed = |error: std::io::Error| {
        DataError::malformed(file, format!("not a whole tar archive: {error}"))
    };
    let reader: Box<dyn Read + '_> = if bytes.starts_with(&[0x1f, 0x8b]) {
        Box::new(GzDecoder::new(bytes))
    } else {
        Box::new(bytes)
    };
    let mut archive = tar::Archive::new(reader);
    let mut splits = RawSplits::new();
    let (mut files, mut total) = (0_usize, 0_u64);
    for entry in archive.entries().map_err(malformed)? {
        let entry = entry.map_err(malformed)?;
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
        let size = entry.size();
        files += 1;
        total = total.saturating_add(size);
        if size > FILE_BYTES_MAX || files > FILES_MAX || total > TOTAL_BYTES_MAX {
            return Err(DataError::malformed(
                file,
                format!("{path}: the archive is beyond the limits"),
            ));
        }
        let (split, class) = parts_of_path(&path)?;
        let label = class_of(labels, class);
        let mut bytes = Vec::with_capacity(size as usize);
        entry
            .take(FILE_BYTES_MAX)
            .read_to_end(&mut bytes)
            .map_err(malformed)?;
        splits.entry(split).or_default().push(Example {
            id: path,
            input: RawExample::Encoded(bytes),
            label,
        });
    }
    Ok(splits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SplitName;

    #[test]
    fn files_are_read_by_split_and_class_and_links_are_refused() {
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
                .map(|e| e.label)
                .collect::<Vec<_>>(),
            [0, 2]
        );
        assert_eq!(
            splits[&SplitName::Test][0].input,
            RawExample::Encoded(b"bc".to_vec())
        );
        assert!(read_image_tar("t", &bytes[..700], &labels).is_err());

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
