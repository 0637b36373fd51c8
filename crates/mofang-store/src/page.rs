//! Listings in pages, by position and not by offset: a page costs the same wherever it lies.

use serde::{Deserialize, Serialize};

/// Items of a page when the caller does not say.
pub const PAGE_LIMIT_DEFAULT: u32 = 100;

/// Most items of a page.
pub const PAGE_LIMIT_MAX: u32 = 1000;

/// Which part of a listing is wanted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Page {
    /// The `next` of the page before; `None` for the first page.
    pub after: Option<String>,
    /// Most items to return; clamped to 1 … [`PAGE_LIMIT_MAX`].
    pub limit: u32,
}

impl Default for Page {
    fn default() -> Self {
        Self::first(PAGE_LIMIT_DEFAULT)
    }
}

impl Page {
    /// The first page.
    pub fn first(limit: u32) -> Self {
        Self { after: None, limit }
    }

    /// The limit within its bounds.
    pub fn limit_clamped(&self) -> u32 {
        self.limit.clamp(1, PAGE_LIMIT_MAX)
    }
}

/// A part of a listing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Paged<T> {
    /// The items, in the listing's order.
    pub items: Vec<T>,
    /// Where the next page begins; `None` when this was the last.
    pub next: Option<String>,
}

impl<T> Paged<T> {
    /// The same page over other items.
    pub fn map<U>(self, convert: impl FnMut(T) -> U) -> Paged<U> {
        Paged {
            items: self.items.into_iter().map(convert).collect(),
            next: self.next,
        }
    }
}
