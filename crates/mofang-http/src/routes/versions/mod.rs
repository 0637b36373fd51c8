//! Versions of models.

pub(crate) mod card;
pub(crate) mod delete;
pub(crate) mod import;
pub(crate) mod list;
pub(crate) mod tag;
pub(crate) mod untag;
mod view;

pub use self::view::VersionView;

use mofang_types::ModelReference;

use crate::ApiError;

/// The reference that the path means.
fn reference(model: &str, selector: &str) -> Result<ModelReference, ApiError> {
    Ok(ModelReference {
        model: model.parse()?,
        selector: selector.parse()?,
    })
}
