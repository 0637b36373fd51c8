//! Scaled dot-product attention (Vaswani et al. 2017, <https://arxiv.org/abs/1706.03762>) without the whole
//! matrix of scores: a block of queries meets all keys, and only the logarithm of each query's sum of
//! exponentials is kept for the backward pass, which computes the scores again (Dao 2023,
//! <https://arxiv.org/abs/2307.08691>).
//!
//! `output = softmax(scale · query · keyᵀ) · value` for each head. Scores are computed transposed, `[keys,
//! queries of the block]`, so that the softmax runs down the lanes of vectors, and what it leaves is already in
//! the order in which the next product reads it. Several heads of queries may share a head of keys and values
//! (Ainslie et al. 2023, <https://arxiv.org/abs/2305.13245>).
//!
//! Keys that are masked are never read. A query that sees no key gives zeros, and no gradient. A NaN in a key
//! or value reaches the queries of its item that see it, and may reach others of the same block of
//! 64 queries.

mod few;
mod forward;
mod gradient;
mod item;

pub use forward::forward;
pub use gradient::{Gradients, Passed, gradient};

use crate::KernelError;
use crate::error::check_length;

/// Queries that meet the keys at once; the depth of [`multiply_tile_by_rows`](crate::tile_product).
const BLOCK: usize = crate::tile_product::BLOCK;

/// The sizes of an attention.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttentionShape {
    /// Items.
    pub batch: usize,
    /// Heads of the queries, a multiple of those of the keys.
    pub heads: usize,
    /// Heads of keys and values.
    pub key_heads: usize,
    /// Queries of an item.
    pub queries: usize,
    /// Keys of an item.
    pub keys: usize,
    /// Values of a head.
    pub features: usize,
}

/// Where the values of a head begin: at `batch · batch_stride + time · time_stride + head · head_stride`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeadLayout {
    /// From one item to the next.
    pub batch_stride: usize,
    /// From one step to the next.
    pub time_stride: usize,
    /// From one head to the next.
    pub head_stride: usize,
}

impl HeadLayout {
    /// `[batch, time, heads, features]`, which is what a projection to `heads · features` gives.
    pub fn by_time(time: usize, heads: usize, features: usize) -> Self {
        Self::within_rows(time, heads.saturating_mul(features), features)
    }

    /// As [`HeadLayout::by_time`], in rows of `row` values: one projection to queries, keys and values.
    pub fn within_rows(time: usize, row: usize, features: usize) -> Self {
        Self {
            batch_stride: time.saturating_mul(row),
            time_stride: row,
            head_stride: features,
        }
    }

    /// `[batch, heads, time, features]`
    pub fn by_head(time: usize, heads: usize, features: usize) -> Self {
        let head_stride = time.saturating_mul(features);
        Self {
            batch_stride: heads.saturating_mul(head_stride),
            time_stride: features,
            head_stride,
        }
    }

    fn start(&self, batch: usize, time: usize, head: usize) -> usize {
        batch * self.batch_stride + time * self.time_stride + head * self.head_stride
    }

    /// The values that it reaches over, where none is another's too.
    fn extent(&self, [batch, time, heads, features]: [usize; 4]) -> Option<usize> {
        if [batch, time, heads, features].contains(&0) {
            return Some(0);
        }
        let mut axes = [
            (self.batch_stride, batch),
            (self.time_stride, time),
            (self.head_stride, heads),
        ];
        axes.sort_unstable();
        let mut extent = features;
        for (stride, count) in axes {
            if count > 1 {
                if stride < extent {
                    return None;
                }
                extent = stride.checked_mul(count - 1)?.checked_add(extent)?;
            }
        }
        Some(extent)
    }
}

/// An attention over given sizes.
#[derive(Debug, Clone, Copy)]
pub struct Attention<'a> {
    /// The sizes.
    pub shape: AttentionShape,
    /// Where queries lie, and their gradients.
    pub query: HeadLayout,
    /// Where keys and values lie, and their gradients.
    pub key: HeadLayout,
    /// Where the output lies, and its gradient.
    pub output: HeadLayout,
    /// What scores are multiplied by; usually `1 / √features`.
    pub scale: f32,
    /// The place of the first query among the keys, where a query sees the keys up to its own place only.
    pub causal: Option<usize>,
    /// Whether each key counts, `[batch, keys]`; all do without it.
    pub valid: Option<&'a [bool]>,
}

impl Attention<'_> {
    /// Errors unless sizes, layouts and slices fit together. A slice may go on behind its last value.
    fn check(
        &self,
        query: &[f32],
        key_or_value: [&[f32]; 2],
        output: &[f32],
    ) -> Result<(), KernelError> {
        let AttentionShape {
            batch,
            heads,
            key_heads,
            queries,
            keys,
            features,
        } = self.shape;
        let problem = |problem| KernelError::Shape {
            operation: "an attention",
            problem,
        };
        if heads > 0 && (key_heads == 0 || heads % key_heads != 0) {
            return Err(problem(
                "heads of queries are not a multiple of those of keys",
            ));
        }
        let of_queries = [batch, queries, heads, features];
        let of_keys = [batch, keys, key_heads, features];
        let slices = [
            ("the query", query, self.query, of_queries),
            ("the key", key_or_value[0], self.key, of_keys),
            ("the value", key_or_value[1], self.key, of_keys),
            ("the output", output, self.output, of_queries),
        ];
        for (what, slice, layout, sizes) in slices {
            let Some(extent) = layout.extent(sizes) else {
                return Err(problem("heads lie over each other"));
            };
            if slice.len() < extent {
                check_length(what, slice, extent)?;
            }
        }
        if let Some(valid) = self.valid
            && valid.len() != batch.saturating_mul(keys)
        {
            return Err(KernelError::Length {
                what: "the mask of the keys",
                expected: batch.saturating_mul(keys),
                actual: valid.len(),
            });
        }
        Ok(())
    }

    /// The number of logarithms, `[batch, heads, queries]`.
    fn rows(&self) -> usize {
        let AttentionShape {
            batch,
            heads,
            queries,
            ..
        } = self.shape;
        batch.saturating_mul(heads).saturating_mul(queries)
    }

    /// Heads of queries that share a head of keys.
    fn sharing(&self) -> usize {
        self.shape.heads / self.shape.key_heads.max(1)
    }
}
