//! From a location as text to a store that can be used.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use object_store::local::LocalFileSystem;
use object_store::prefix::PrefixStore;
use object_store::{ObjectStore, parse_url_opts};
use url::Url;

use crate::ArtifactError;
use crate::error::is_out_of_space;

/// The schemes of stores that are not local, with the feature that each needs.
const REMOTE_SCHEMES: &[(&str, &str)] = &[
    ("abfs", "azure"),
    ("abfss", "azure"),
    ("adl", "azure"),
    ("az", "azure"),
    ("azure", "azure"),
    ("gs", "gcs"),
    ("s3", "s3"),
    ("s3a", "s3"),
];

/// A store, and its folder when it is a local one.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) store: Arc<dyn ObjectStore>,
    pub(crate) folder: Option<PathBuf>,
}

/// Opens `location`: a folder, made when missing, or the URL of a bucket with `options` for its
/// driver (credentials, region, …).
pub(crate) fn open(location: &str, options: &[(String, String)]) -> Result<Opened, ArtifactError> {
    let Some((scheme, _)) = location.split_once("://") else {
        return open_folder(Path::new(location));
    };
    let invalid = |detail: String| ArtifactError::InvalidLocation {
        location: location.to_owned(),
        detail,
    };
    let url = Url::parse(location).map_err(|error| invalid(error.to_string()))?;
    if scheme == "file" {
        let path = url
            .to_file_path()
            .map_err(|()| invalid("the URL does not name a local folder".to_owned()))?;
        return open_folder(&path);
    }
    let Some((_, feature)) = REMOTE_SCHEMES.iter().find(|(known, _)| *known == scheme) else {
        let known: Vec<&str> = REMOTE_SCHEMES.iter().map(|(scheme, _)| *scheme).collect();
        return Err(invalid(format!(
            "\"{scheme}\" is not a known scheme; use a folder or one of {}",
            known.join(", ")
        )));
    };
    let compiled = match *feature {
        "azure" => cfg!(feature = "azure"),
        "gcs" => cfg!(feature = "gcs"),
        _ => cfg!(feature = "s3"),
    };
    if !compiled {
        return Err(invalid(format!(
            "this build has no driver for it; build with the feature \"{feature}\""
        )));
    }
    let options = options.iter().map(|(key, value)| (key, value.clone()));
    let (store, prefix) =
        parse_url_opts(&url, options).map_err(|error| invalid(error.to_string()))?;
    Ok(Opened {
        store: Arc::new(PrefixStore::new(store, prefix)),
        folder: None,
    })
}

fn open_folder(folder: &Path) -> Result<Opened, ArtifactError> {
    let invalid = |detail: String| ArtifactError::InvalidLocation {
        location: folder.display().to_string(),
        detail,
    };
    create_private(folder).map_err(|error| {
        if is_out_of_space(&error) {
            ArtifactError::OutOfSpace
        } else {
            invalid(error.to_string())
        }
    })?;
    let store = LocalFileSystem::new_with_prefix(folder)
        .map_err(|error| invalid(error.to_string()))?
        // Off by default: a rename alone is atomic and not durable (REL-22).
        .with_fsync(true);
    Ok(Opened {
        store: Arc::new(store),
        folder: Some(folder.to_owned()),
    })
}

/// Weights are nobody else's business on this machine.
fn create_private(folder: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rel_22_local_writes_are_synced() {
        let folder = tempfile::tempdir().unwrap();
        let location = folder.path().join("artifacts");
        for location in [
            location.display().to_string(),
            format!("file://{}", location.display()),
        ] {
            let opened = open(&location, &[]).unwrap();
            // The switch can be read nowhere else; `fsync: false` is what the default shows.
            let shown = format!("{:?}", opened.store);
            assert!(shown.contains("fsync: true"), "{shown}");
            assert_eq!(
                opened.folder.as_deref(),
                Some(folder.path().join("artifacts").as_path())
            );
        }
    }

    #[test]
    fn unusable_locations_name_the_way_out() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        for (location, expected) in [
            ("ftp://host/x", "not a known scheme"),
            ("s3//bucket\0", "cannot open"),
            (file.to_str().unwrap(), "cannot open"),
        ] {
            let error = open(location, &[]).unwrap_err();
            assert!(error.to_string().contains(expected), "{error}");
        }
        #[cfg(not(feature = "s3"))]
        {
            let error = open("s3://bucket/prefix", &[]).unwrap_err();
            assert!(error.to_string().contains("the feature \"s3\""), "{error}");
        }
    }
}
