//! How datasets are shown.

use mofang_data::{CatalogueEntry, DatasetStatus, TableSchema};
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
    /// The column of a table that is learned; absent for anything else, and while its file is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Its other columns.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<DatasetColumnView>,
}

/// A column of a table, as it was found.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct DatasetColumnView {
    /// The name.
    #[schema(example = "age")]
    pub name: String,
    /// `number`, `category` or `date`; `constant`, `identifier` or `ignored` where models are not given it.
    #[schema(example = "number")]
    pub kind: String,
    /// Rows without a value.
    pub missing: usize,
    /// How many different values there are.
    pub distinct: usize,
    /// A few of them.
    pub examples: Vec<String>,
}

impl DatasetView {
    /// With what is in the columns of a table.
    #[must_use]
    pub fn with_schema(mut self, schema: Option<TableSchema>) -> Self {
        if let Some(schema) = schema {
            self.target = Some(schema.target);
            let columns = schema.columns.into_iter().map(|column| DatasetColumnView {
                name: column.name,
                kind: column.kind.to_string(),
                missing: column.missing,
                distinct: column.distinct,
                examples: column.examples,
            });
            self.columns = columns.collect();
        }
        self
    }
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
            target: None,
            columns: Vec::new(),
        }
    }
}
