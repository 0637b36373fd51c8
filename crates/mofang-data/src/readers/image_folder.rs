//! A folder of image files: `split/class/file` or `class/file`.

use std::fs;
use std::path::Path;

use crate::{DataError, Example, RawExample, Target};

use super::{RawSplits, class_of, parts_of_path};

/// Most bytes of one image file.
const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Reads every file below `folder`. Symbolic links are not followed.
///
/// # Errors
/// When the folder cannot be read, or a file stands where none belongs.
pub fn read_image_folder(folder: &Path, labels: &[String]) -> Result<RawSplits, DataError> {
    let mut paths = Vec::new();
    walk(folder, &mut paths)?;
    paths.sort();
    let mut splits = RawSplits::new();
    for path in paths {
        let relative = relative(folder, &path);
        let (split, class) = parts_of_path(&relative)?;
        let bytes = read_file(&path, &relative)?;
        let label = class_of(labels, class);
        splits.entry(split).or_default().push(Example {
            id: relative,
            input: RawExample::Encoded(bytes),
            target: Target::Class(label),
        });
    }
    Ok(splits)
}

/// The bytes of a file that is not too large.
pub(super) fn read_file(path: &Path, relative: &str) -> Result<Vec<u8>, DataError> {
    let size = fs::metadata(path)
        .map_err(DataError::io("read", path))?
        .len();
    if size > FILE_BYTES_MAX {
        return Err(DataError::malformed(
            relative,
            format!("larger than {FILE_BYTES_MAX} bytes"),
        ));
    }
    fs::read(path).map_err(DataError::io("read", path))
}

/// The classes of a folder: the names of the folders that hold the files, sorted.
///
/// # Errors
/// When the folder cannot be read, or a file stands where none belongs.
pub(crate) fn classes_of(folder: &Path) -> Result<Vec<String>, DataError> {
    let mut paths = Vec::new();
    walk(folder, &mut paths)?;
    let mut classes = Vec::new();
    for path in paths {
        let relative = relative(folder, &path);
        classes.push(parts_of_path(&relative)?.1.to_owned());
    }
    classes.sort();
    classes.dedup();
    Ok(classes)
}

/// The path below the folder, with `/`.
pub(super) fn relative(folder: &Path, path: &Path) -> String {
    path.strip_prefix(folder)
        .unwrap_or(path)
        .to_string_lossy()
        .replace('\\', "/")
}

/// Every regular file below the folder.
pub(super) fn walk(folder: &Path, paths: &mut Vec<std::path::PathBuf>) -> Result<(), DataError> {
    for entry in fs::read_dir(folder).map_err(DataError::io("read", folder))? {
        let entry = entry.map_err(DataError::io("read", folder))?;
        let kind = entry
            .file_type()
            .map_err(DataError::io("read", entry.path()))?;
        if kind.is_dir() {
            walk(&entry.path(), paths)?;
        } else if kind.is_file() {
            paths.push(entry.path());
        }
    }
    Ok(())
}
