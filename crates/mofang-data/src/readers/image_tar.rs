//! A tar (plain or gzip) of image files: `split/class/file` or `class/file`.

use std::collections::BTreeSet;

use crate::{DataError, Example, RawExample, Target};

use super::archive::{for_each_file, read_whole};
use super::{RawSplits, class_of, parts_of_path};

/// Reads every regular file of the archive; links and special files are refused.
///
/// # Errors
/// When the archive is malformed, holds a link, or is beyond the limits.
pub fn read_image_tar(file: &str, bytes: &[u8], labels: &[String]) -> Result<RawSplits, DataError> {
    let mut splits = RawSplits::new();
    for_each_file(file, bytes, |path, content| {
        let (split, class) = parts_of_path(path)?;
        let label = class_of(labels, class);
        let bytes = read_whole(file, path, content)?;
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
