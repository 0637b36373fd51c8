//! Listings in pages.

use mofang_store::{PAGE_LIMIT_DEFAULT, Page, Paged};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Which part of a listing is wanted.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// The `next` of the page before; absent for the first page.
    pub after: Option<String>,
    /// Most items to return, 1 to 1000; 100 when absent.
    pub limit: Option<u32>,
}

impl From<PageQuery> for Page {
    fn from(query: PageQuery) -> Self {
        Self {
            after: query.after,
            limit: query.limit.unwrap_or(PAGE_LIMIT_DEFAULT),
        }
    }
}

/// A part of a listing.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PageView<T> {
    /// The items, in the listing's order.
    pub items: Vec<T>,
    /// Where the next page begins; absent when this was the last.
    pub next: Option<String>,
}

impl<T> PageView<T> {
    pub(crate) fn of<U: Into<T>>(page: Paged<U>) -> Self {
        Self {
            items: page.items.into_iter().map(Into::into).collect(),
            next: page.next,
        }
    }
}
