//! How datasets are shown.

use mofang_data::{CatalogueEntry, DatasetStatus};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A dataset of the catalogue.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct DatasetView {
    /// The name.
    #[schema(example = "digits")]
    pub name: String,
    /// The full name.
    pub title: String,
    /// What is in it.
    pub description: String,
    /// The licence, as an SPDX identifier where there is one.
    #[schema(example = "CC-BY-4.0")]
    pub license: String,
    /// How its authors want to be cited.
    pub citation: String,
    /// Where it is described.
    pub homepage: String,
    /// The labels of the classes, by index.
    pub labels: Vec<String>,
    /// `embedded`, `present` or `absent`.
    #[schema(example = "embedded")]
    pub status: String,
    /// The files.
    pub files: Vec<DatasetFileView>,
}

/// A file of a dataset.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct DatasetFileView {
    /// The name.
    pub name: String,
    /// Where it comes from.
    pub url: Option<String>,
    /// Its SHA-256.
    pub sha256: Option<String>,
    /// Its size.
    pub size_bytes: Option<u64>,
}

impl From<(&CatalogueEntry, DatasetStatus)> for DatasetView {
    fn from((entry, status): (&CatalogueEntry, DatasetStatus)) -> Self {
        let files = entry.files.iter().map(|file| DatasetFileView {
            name: file.name.clone(),
            url: file.url.clone(),
            sha256: file.sha256.map(|digest| digest.to_string()),
            size_bytes: file.size_bytes,
        });
        Self {
            name: entry.name.clone(),
            title: entry.title.clone(),
            description: entry.description.clone(),
            license: entry.license.clone(),
            citation: entry.citation.clone(),
            homepage: entry.homepage.clone(),
            labels: entry.labels.clone(),
            status: match status {
                DatasetStatus::Embedded => "embedded",
                DatasetStatus::Present => "present",
                DatasetStatus::Absent => "absent",
            }
            .to_owned(),
            files: files.collect(),
        }
    }
}
