//! Datasets of the catalogue.
//!
//! Over the network a dataset is named, never described: no path and no address of the caller's
//! choosing is opened here.

pub(crate) mod list;
pub(crate) mod pull;
pub(crate) mod show;
pub(crate) mod verify;
mod view;

pub use self::view::DatasetView;

use std::sync::Arc;
use std::time::Duration;

use mofang_data::{DataError, DatasetStore};
use mofang_types::ErrorCode;

use crate::{ApiError, AppState};

/// Runs work on the files of a dataset off the asynchronous threads, one at a time.
async fn on_files(
    state: &AppState,
    work: impl FnOnce(&DatasetStore) -> Result<DatasetView, DataError> + Send + 'static,
) -> Result<DatasetView, ApiError> {
    let permit = Arc::clone(&state.dataset_work)
        .try_acquire_owned()
        .map_err(|_| {
            ApiError::new(
                ErrorCode::Overloaded,
                "another dataset is being pulled or verified; try again later",
            )
            .retry_after(Duration::from_secs(10))
        })?;
    let datasets = Arc::clone(&state.datasets);
    tokio::task::spawn_blocking(move || {
        let _permit = permit;
        work(&datasets)
    })
    .await
    .map_err(ApiError::internal)?
    .map_err(refused)
}

/// An error of the data, without the server's paths.
pub(crate) fn refused(error: DataError) -> ApiError {
    if let DataError::MissingFile { dataset, .. } = &error {
        return ApiError::new(
            ErrorCode::Unavailable,
            format!("the files of dataset \"{dataset}\" are not here; pull it first"),
        );
    }
    error.into()
}
