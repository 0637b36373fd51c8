//! How models are shown.

use std::collections::BTreeMap;

use mofang_store::ModelSummary;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A model in a listing.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ModelView {
    /// The name.
    #[schema(example = "digits")]
    pub name: String,
    /// The highest number among its versions.
    pub latest_version: Option<u32>,
    /// How many versions it has.
    pub version_count: u64,
    /// Its aliases with the versions they name.
    pub aliases: BTreeMap<String, u32>,
    /// When its first version was published.
    pub created_unix_ms: i64,
    /// Who published it.
    pub created_by: String,
}

impl From<ModelSummary> for ModelView {
    fn from(summary: ModelSummary) -> Self {
        Self {
            name: summary.model.name.into(),
            latest_version: summary.latest_number,
            version_count: summary.version_count,
            aliases: summary
                .aliases
                .into_iter()
                .map(|(alias, number)| (alias.into(), number))
                .collect(),
            created_unix_ms: summary.model.created_unix_ms,
            created_by: summary.model.created_by,
        }
    }
}
