//! One head of keys of one item, and the scores of a block of queries with it.

use super::{Attention, BLOCK};
use crate::product::{Matrix, PackedLeft, PackedRight, Tile, tiles};

/// One head of keys of one item.
#[derive(Debug, Clone, Copy)]
pub(super) struct Item<'a> {
    pub(super) attention: &'a Attention<'a>,
    pub(super) batch: usize,
    pub(super) key_head: usize,
    /// Keys up to the last that counts.
    pub(super) keys: usize,
    /// Whether each of them counts.
    pub(super) valid: Option<&'a [bool]>,
}

/// A block of queries of one head.
#[derive(Debug, Clone, Copy)]
pub(super) struct Queries {
    pub(super) head: usize,
    pub(super) first: usize,
    pub(super) count: usize,
}

impl<'a> Item<'a> {
    pub(super) fn new(attention: &'a Attention<'a>, batch: usize, key_head: usize) -> Self {
        let all = attention.shape.keys;
        let valid = attention
            .valid
            .map(|valid| &valid[batch * all..(batch + 1) * all]);
        let keys = valid.map_or(all, |valid| {
            valid
                .iter()
                .rposition(|valid| *valid)
                .map_or(0, |last| last + 1)
        });
        Self {
            attention,
            batch,
            key_head,
            keys,
            valid: valid.map(|valid| &valid[..keys]),
        }
    }

    /// Heads of queries that take these keys.
    pub(super) fn heads(&self) -> std::ops::Range<usize> {
        let sharing = self.attention.sharing();
        self.key_head * sharing..(self.key_head + 1) * sharing
    }

    /// Blocks of a head's queries.
    pub(super) fn blocks(&self, head: usize) -> impl Iterator<Item = Queries> {
        let queries = self.attention.shape.queries;
        (0..queries).step_by(BLOCK).map(move |first| Queries {
            head,
            first,
            count: BLOCK.min(queries - first),
        })
    }

    /// Keys that a query of the block sees at most.
    pub(super) fn visible(&self, queries: Queries) -> usize {
        let seen = self
            .attention
            .causal
            .map(|place| place.saturating_add(queries.first + queries.count));
        seen.map_or(self.keys, |seen| seen.min(self.keys))
    }

    /// Queries of the block, from its first on, that do not see a key.
    pub(super) fn blind(&self, queries: Queries, key: usize) -> usize {
        if self.valid.is_some_and(|valid| !valid[key]) {
            return BLOCK;
        }
        let place = self
            .attention
            .causal
            .map_or(usize::MAX, |place| place.saturating_add(queries.first));
        key.saturating_sub(place).min(BLOCK)
    }

    /// `[keys, features]` of keys or of values.
    pub(super) fn keys_of<'v>(&self, values: &'v [f32]) -> Matrix<'v> {
        let layout = self.attention.key;
        let start = layout.start(self.batch, 0, self.key_head);
        Matrix {
            values: values.get(start..).unwrap_or(&[]),
            row_stride: layout.time_stride,
            column_stride: 1,
        }
    }

    /// `[queries of the block, features]` of queries.
    pub(super) fn queries_of<'v>(&self, values: &'v [f32], queries: Queries) -> Matrix<'v> {
        let layout = self.attention.query;
        let start = layout.start(self.batch, queries.first, queries.head);
        Matrix {
            values: values.get(start..).unwrap_or(&[]),
            row_stride: layout.time_stride,
            column_stride: 1,
        }
    }

    /// As [`Item::queries_of`], of the output.
    pub(super) fn outputs_of<'v>(&self, values: &'v [f32], queries: Queries) -> Matrix<'v> {
        let layout = self.attention.output;
        let start = layout.start(self.batch, queries.first, queries.head);
        Matrix {
            values: values.get(start..).unwrap_or(&[]),
            row_stride: layout.time_stride,
            column_stride: 1,
        }
    }

    /// Keys or values as a left matrix, those that do not count as 0.
    pub(super) fn left(&self, values: &[f32]) -> PackedLeft {
        let size = [self.keys, self.attention.shape.features];
        let mut packed = PackedLeft::new(self.keys_of(values), size);
        self.clear(|key| packed.clear_row(key));
        packed
    }

    /// Keys or values as a right matrix, those that do not count as 0.
    pub(super) fn right(&self, values: &[f32]) -> PackedRight {
        let size = [self.keys, self.attention.shape.features];
        let mut packed = PackedRight::new(self.keys_of(values), size);
        self.clear(|key| packed.clear_step(key));
        packed
    }

    fn clear(&self, mut clear: impl FnMut(usize)) {
        for (key, valid) in self.valid.unwrap_or(&[]).iter().enumerate() {
            if !valid {
                clear(key);
            }
        }
    }

    /// The place of the block's first logarithm.
    pub(super) fn row(&self, queries: Queries) -> usize {
        let shape = self.attention.shape;
        (self.batch * shape.heads + queries.head) * shape.queries + queries.first
    }
}

/// Tiles of the rows that are seen, with the rows of the last one whole.
pub(super) fn seen_tiles(keys: usize, visible: usize) -> impl Iterator<Item = (usize, usize)> {
    tiles(keys).take_while(move |(first, _)| *first < visible)
}

/// `[rows, BLOCK] = left · right`, for the rows of a tile; values beyond the right columns may be anything.
pub(super) fn multiply_rows(
    left: &PackedLeft,
    right: &PackedRight,
    (first, last): (usize, usize),
    tile: &mut Tile,
    output: &mut [[f32; BLOCK]],
) {
    for panel in 0..right.panels() {
        let target = &mut output.as_flattened_mut()[panel * right.width..];
        right.multiply_into(
            last - first,
            left.tile(first, last),
            panel,
            tile,
            target,
            BLOCK,
        );
    }
}
