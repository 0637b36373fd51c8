//! Fetches the files of a dataset: streamed, resumed, verified, and visible only when whole.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use mofang_types::{ArtifactDigest, DigestHasher};

use crate::{CatalogueFile, DataError};

/// Most bytes of a file whose size the catalogue does not give.
const SIZE_BYTES_MAX: u64 = 64 << 30;

/// Longest time to reach a server.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);

/// Longest time in which a server sends nothing.
const STALL_TIMEOUT: Duration = Duration::from_mins(1);

/// How far a file has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PullProgress<'a> {
    /// The file.
    pub file: &'a str,
    /// Bytes that are here.
    pub received_bytes: u64,
    /// Bytes of the whole file, where known.
    pub total_bytes: Option<u64>,
}

/// Where a file comes from.
enum Source {
    Path(PathBuf),
    Url(String),
}

impl Source {
    /// The place of `file` at the mirror, or its own address.
    fn of(dataset: &str, file: &CatalogueFile, mirror: Option<&str>) -> Result<Self, DataError> {
        let is_url = |text: &str| text.starts_with("http://") || text.starts_with("https://");
        match (mirror, &file.url) {
            (Some(mirror), _) if is_url(mirror) => Ok(Self::Url(format!(
                "{}/{}",
                mirror.trim_end_matches('/'),
                file.name
            ))),
            (Some(mirror), _) => {
                // A mirror of several datasets has a folder for each.
                let mirror = Path::new(mirror);
                let own = mirror.join(dataset).join(&file.name);
                let shared = mirror.join(&file.name);
                Ok(Self::Path(if own.is_file() { own } else { shared }))
            }
            (None, Some(url)) => Ok(Self::Url(url.clone())),
            (None, None) => Err(DataError::InvalidSettings(format!(
                "{} of dataset \"{dataset}\" has no public address; name a folder or URL that has it with --mirror",
                file.name
            ))),
        }
    }

    /// Opens the file from `offset` on; gives where it really begins.
    fn open(&self, offset: u64) -> Result<(Box<dyn Read>, u64), DataError> {
        match self {
            Self::Path(path) => {
                let mut file = File::open(path).map_err(DataError::io("read", path))?;
                file.seek(SeekFrom::Start(offset))
                    .map_err(DataError::io("read", path))?;
                Ok((Box::new(file), offset))
            }
            Self::Url(url) => {
                let failed = |reason: String| DataError::Download {
                    url: url.clone(),
                    reason,
                };
                let answer = match request(url, offset) {
                    // What is here is not a beginning of what is there.
                    Err(ureq::Error::StatusCode(416)) if offset > 0 => request(url, 0),
                    answer => answer,
                }
                .map_err(|error| failed(error.to_string()))?;
                // A server that does not know ranges answers 200 with the whole file.
                let begins = match answer.status().as_u16() {
                    206 => offset,
                    _ => 0,
                };
                let range = answer.headers().get("Content-Range");
                let expected = format!("bytes {begins}-");
                if begins > 0
                    && !range.is_some_and(|range| range.as_bytes().starts_with(expected.as_bytes()))
                {
                    return Err(failed(format!(
                        "the server did not send {expected} as asked"
                    )));
                }
                Ok((Box::new(answer.into_body().into_reader()), begins))
            }
        }
    }

    fn name(&self) -> String {
        match self {
            Self::Path(path) => path.display().to_string(),
            Self::Url(url) => url.clone(),
        }
    }
}

/// Asks a server for a file from `offset` on.
fn request(url: &str, offset: u64) -> Result<ureq::http::Response<ureq::Body>, ureq::Error> {
    let mut request = ureq::get(url)
        .config()
        .timeout_connect(Some(CONNECT_TIMEOUT))
        .timeout_recv_response(Some(STALL_TIMEOUT))
        .timeout_per_read(Some(STALL_TIMEOUT))
        .build()
        // The file as it is: a transparent packing would move the offsets.
        .header("Accept-Encoding", "identity");
    if offset > 0 {
        request = request.header("Range", format!("bytes={offset}-"));
    }
    request.call()
}

/// Fetches one file into `folder`, unless it is there and whole.
pub(crate) fn pull_file(
    dataset: &str,
    file: &CatalogueFile,
    folder: &Path,
    mirror: Option<&str>,
    progress: &mut dyn FnMut(PullProgress<'_>),
) -> Result<(), DataError> {
    let target = folder.join(&file.name);
    if target.exists() && verify_file(file, &target).is_ok() {
        return Ok(());
    }
    fs::create_dir_all(folder).map_err(DataError::io("create", folder))?;
    let partial = folder.join(format!("{}.part", file.name));
    let source = Source::of(dataset, file, mirror)?;
    let mut output = open_partial(&partial)?;
    let resumed = fetch(&source, file, &mut output, &partial, progress)?;
    let mut verified = verify_file(file, &partial);
    if verified.is_err() && resumed > 0 {
        // What was there already may be what is wrong.
        output
            .set_len(0)
            .map_err(DataError::io("write", &partial))?;
        fetch(&source, file, &mut output, &partial, progress)?;
        verified = verify_file(file, &partial);
    }
    if let Err(error) = verified {
        fs::remove_file(&partial).map_err(DataError::io("remove", &partial))?;
        let DataError::WrongDigest {
            actual, expected, ..
        } = error
        else {
            return Err(error);
        };
        return Err(DataError::Download {
            url: source.name(),
            reason: format!("its SHA-256 is {actual}, expected {expected}"),
        });
    }
    fs::rename(&partial, &target).map_err(DataError::io("rename", &partial))?;
    sync_folder(folder)
}

/// Opens the file that is not whole yet, for this pull alone.
fn open_partial(partial: &Path) -> Result<File, DataError> {
    let output = OpenOptions::new()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .open(partial)
        .map_err(DataError::io("write", partial))?;
    match output.try_lock() {
        Ok(()) => Ok(output),
        Err(TryLockError::WouldBlock) => Err(DataError::AlreadyPulling {
            path: partial.to_path_buf(),
        }),
        Err(TryLockError::Error(source)) => Err(DataError::io("lock", partial)(source)),
    }
}

/// Fetches what is missing at the end of `output`; gives how many bytes were there already.
fn fetch(
    source: &Source,
    file: &CatalogueFile,
    output: &mut File,
    partial: &Path,
    progress: &mut dyn FnMut(PullProgress<'_>),
) -> Result<u64, DataError> {
    let metadata = output.metadata().map_err(DataError::io("read", partial))?;
    let present = metadata.len();
    if present > 0 && file.size_bytes == Some(present) {
        return Ok(present);
    }
    let wanted = if file.size_bytes.is_some_and(|size| present > size) {
        0
    } else {
        present
    };
    let (mut input, begins) = source.open(wanted)?;
    if begins != present {
        output
            .set_len(begins)
            .map_err(DataError::io("write", partial))?;
    }
    output
        .seek(SeekFrom::Start(begins))
        .map_err(DataError::io("write", partial))?;
    let mut received = begins;
    let limit = file.size_bytes.unwrap_or(SIZE_BYTES_MAX);
    let mut buffer = vec![0_u8; 256 * 1024];
    loop {
        let count = match input.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => {
                return Err(DataError::Download {
                    url: source.name(),
                    reason: error.to_string(),
                });
            }
        };
        received += count as u64;
        if received > limit {
            let reason = format!("it is larger than the {limit} bytes that were expected");
            return Err(DataError::Download {
                url: source.name(),
                reason,
            });
        }
        output
            .write_all(buffer.get(..count).unwrap_or_default())
            .map_err(DataError::io("write", partial))?;
        progress(PullProgress {
            file: &file.name,
            received_bytes: received,
            total_bytes: file.size_bytes,
        });
    }
    if let Some(size) = file.size_bytes.filter(|size| *size != received) {
        let reason =
            format!("it ended after {received} of {size} bytes; pull again to go on from there");
        return Err(DataError::Download {
            url: source.name(),
            reason,
        });
    }
    output.sync_all().map_err(DataError::io("write", partial))?;
    Ok(begins)
}

/// Checks a file against the catalogue's digest.
pub(crate) fn verify_file(file: &CatalogueFile, path: &Path) -> Result<ArtifactDigest, DataError> {
    let mut input = File::open(path).map_err(DataError::io("read", path))?;
    let mut hasher = DigestHasher::new();
    let mut buffer = vec![0_u8; 256 * 1024];
    loop {
        match input
            .read(&mut buffer)
            .map_err(DataError::io("read", path))?
        {
            0 => break,
            count => hasher.update(buffer.get(..count).unwrap_or_default()),
        }
    }
    let actual = hasher.finish();
    match &file.sha256 {
        Some(expected) if *expected != actual => Err(DataError::WrongDigest {
            path: path.to_path_buf(),
            actual: actual.to_string(),
            expected: expected.to_string(),
        }),
        _ => Ok(actual),
    }
}

/// Makes a rename in a folder durable.
fn sync_folder(folder: &Path) -> Result<(), DataError> {
    File::open(folder)
        .and_then(|handle| handle.sync_all())
        .map_err(DataError::io("sync", folder))
}

#[cfg(test)]
mod tests {
    use mofang_types::{Coded as _, ErrorCode};

    use super::*;

    fn catalogue_file(content: &[u8]) -> CatalogueFile {
        CatalogueFile {
            name: "f.bin".to_owned(),
            url: None,
            sha256: Some(ArtifactDigest::of(content)),
            size_bytes: Some(content.len() as u64),
        }
    }

    #[test]
    fn a_file_is_resumed_verified_and_never_half_visible() {
        let content: Vec<u8> = (0..100_000_u32).flat_map(u32::to_le_bytes).collect();
        let mirror = tempfile::tempdir().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = catalogue_file(&content);
        let pull = || {
            let mut lowest = u64::MAX;
            let result = pull_file(
                "d",
                &file,
                folder.path(),
                mirror.path().to_str(),
                &mut |progress| {
                    lowest = lowest.min(progress.received_bytes);
                },
            );
            (result, lowest)
        };
        // A mirror that has half of the file.
        fs::write(mirror.path().join("f.bin"), &content[..200_000]).unwrap();
        assert!(matches!(pull().0, Err(DataError::Download { .. })));
        assert!(!folder.path().join("f.bin").exists());
        // The rest comes on top of what is there.
        fs::write(mirror.path().join("f.bin"), &content).unwrap();
        let (result, lowest) = pull();
        result.unwrap();
        assert!(lowest > 200_000, "began again at {lowest}");
        assert_eq!(fs::read(folder.path().join("f.bin")).unwrap(), content);
        assert!(!folder.path().join("f.bin.part").exists());
    }

    #[test]
    fn a_wrong_beginning_is_fetched_anew() {
        let mirror = tempfile::tempdir().unwrap();
        let folder = tempfile::tempdir().unwrap();
        fs::write(mirror.path().join("f.bin"), b"good").unwrap();
        for beginning in ["ev", "evil", "too long"] {
            fs::write(folder.path().join("f.bin.part"), beginning).unwrap();
            let file = catalogue_file(b"good");
            let mirror = mirror.path().to_str();
            pull_file("d", &file, folder.path(), mirror, &mut |_| ()).unwrap();
            let target = folder.path().join("f.bin");
            assert_eq!(fs::read(&target).unwrap(), b"good");
            fs::remove_file(target).unwrap();
        }
    }

    #[test]
    fn two_pulls_of_one_file_do_not_mix() {
        let mirror = tempfile::tempdir().unwrap();
        let folder = tempfile::tempdir().unwrap();
        fs::write(mirror.path().join("f.bin"), b"good").unwrap();
        let other = open_partial(&folder.path().join("f.bin.part")).unwrap();
        let file = catalogue_file(b"good");
        let pull = || {
            let mirror = mirror.path().to_str();
            pull_file("d", &file, folder.path(), mirror, &mut |_| ())
        };
        assert!(matches!(pull(), Err(DataError::AlreadyPulling { .. })));
        drop(other);
        pull().unwrap();
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_a_clear_error_and_nothing_is_visible() {
        let mirror = tempfile::tempdir().unwrap();
        let folder = tempfile::tempdir().unwrap();
        fs::write(mirror.path().join("f.bin"), b"good").unwrap();
        std::os::unix::fs::symlink("/dev/full", folder.path().join("f.bin.part")).unwrap();
        let error = pull_file(
            "d",
            &catalogue_file(b"good"),
            folder.path(),
            mirror.path().to_str(),
            &mut |_| (),
        )
        .unwrap_err();
        assert_eq!(error.code(), ErrorCode::OutOfSpace, "{error}");
        assert!(!folder.path().join("f.bin").exists());
    }

    #[test]
    fn a_wrong_file_is_refused_and_removed() {
        let mirror = tempfile::tempdir().unwrap();
        let folder = tempfile::tempdir().unwrap();
        fs::write(mirror.path().join("f.bin"), b"evil").unwrap();
        let result = pull_file(
            "d",
            &catalogue_file(b"good"),
            folder.path(),
            mirror.path().to_str(),
            &mut |_| (),
        );
        assert!(matches!(result, Err(DataError::Download { .. })));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
