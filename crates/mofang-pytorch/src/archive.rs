//! The container of PyTorch 1.6 and later: a zip archive of stored entries.

use std::collections::BTreeMap;
use std::io::Cursor;

use zip::{CompressionMethod, ZipArchive};

use crate::PytorchError;
use crate::error::excerpt;
use crate::limits::ENTRIES_MAX;

/// What every zip archive begins with.
pub(crate) const SIGNATURE: &[u8] = b"PK\x03\x04";

/// The entries of an archive by name, without the folder that they all lie in.
#[derive(Debug)]
pub(crate) struct Archive<'a> {
    pub(crate) pickle: &'a [u8],
    /// The bytes of each storage.
    pub(crate) storages: BTreeMap<String, &'a [u8]>,
}

impl<'a> Archive<'a> {
    pub(crate) fn open(bytes: &'a [u8]) -> Result<Self, PytorchError> {
        let entries = entries(bytes)?;
        let root = root(&entries)?;
        let entry = |name: &str| entries.get(&format!("{root}{name}")).copied();
        if let Some(order) = entry("byteorder").filter(|order| *order != b"little") {
            return Err(PytorchError::Unsupported(format!(
                "its numbers are in the byte order \"{}\"; save it again on a little-endian machine",
                excerpt(&String::from_utf8_lossy(order))
            )));
        }
        let pickle = entry("data.pkl").unwrap_or_default();
        let folder = format!("{root}data/");
        let storages = entries
            .iter()
            .filter_map(|(name, bytes)| Some((name.strip_prefix(&folder)?.to_owned(), *bytes)))
            .collect();
        Ok(Self { pickle, storages })
    }
}

/// The one folder at the top, with its slash.
fn root(entries: &BTreeMap<String, &[u8]>) -> Result<String, PytorchError> {
    let mut roots: Vec<&str> = entries
        .keys()
        .filter_map(|name| name.strip_suffix("data.pkl"))
        .filter(|root| root.matches('/').count() <= 1)
        .collect();
    match (roots.pop(), roots.is_empty()) {
        (Some(root), true) => Ok(root.to_owned()),
        (Some(_), false) => Err(PytorchError::damaged(
            "the archive",
            "it has more than one data.pkl",
        )),
        (None, _) => Err(PytorchError::NotPytorch(
            "it is a zip archive without data.pkl".to_owned(),
        )),
    }
}

fn entries(bytes: &[u8]) -> Result<BTreeMap<String, &[u8]>, PytorchError> {
    let damaged = |reason: &str| PytorchError::damaged("the archive", reason);
    let mut archive =
        ZipArchive::new(Cursor::new(bytes)).map_err(|error| damaged(&error.to_string()))?;
    if archive.len() > ENTRIES_MAX {
        return Err(PytorchError::Unsupported(format!(
            "its archive has more than {ENTRIES_MAX} entries"
        )));
    }
    // Before its entries are looked at: those of programs are compressed.
    if archive
        .file_names()
        .flatten()
        .any(|name| name.contains("/code/") || name.ends_with("/constants.pkl"))
    {
        return Err(PytorchError::TorchScript);
    }
    // Two readers of one archive must not see two different files.
    if archive.has_duplicate_names() {
        return Err(damaged("a name is there twice"));
    }
    let mut entries = BTreeMap::new();
    for index in 0..archive.len() {
        let entry = archive
            .by_index_raw(index)
            .map_err(|error| damaged(&error.to_string()))?;
        let name = entry
            .name()
            .map_err(|error| damaged(&error.to_string()))?
            .into_owned();
        if entry.encrypted() || entry.compression() != CompressionMethod::Stored {
            return Err(PytorchError::Unsupported(format!(
                "\"{}\" is compressed or encrypted, which torch.save never does",
                excerpt(&name)
            )));
        }
        let range = || {
            let begin = usize::try_from(entry.data_start()?).ok()?;
            let end = begin.checked_add(usize::try_from(entry.size()).ok()?)?;
            bytes.get(begin..end)
        };
        let contents = range()
            .ok_or_else(|| damaged(&format!("\"{}\" lies beyond its end", excerpt(&name))))?;
        entries.insert(name, contents);
    }
    Ok(entries)
}
