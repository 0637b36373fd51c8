//! The way forward.
#![expect(unsafe_code, reason = "threads write their own rows of the output")]

use rayon::prelude::*;

use super::item::{Item, Queries, multiply_rows, seen_tiles};
use super::{Attention, BLOCK, few};
use crate::KernelError;
use crate::math::exp;
use crate::product::{PackedRight, Tile, tiles};
use crate::scratch::Scratch;
use crate::shared::SharedOutput;
use crate::simd::multiversioned;

/// Parts of the work, at least where the shape has as many.
const TASKS: usize = 16;

/// Queries that are too few for products of matrices: the step of a decoder.
const QUERIES_FEW: usize = 4;

/// The logarithms of each query's sum of exponentials, `[batch, heads, queries]`; -∞ where it sees no key.
/// Values of `output` that no layout reaches stay as they are.
///
/// # Errors
/// When sizes, layouts and slices do not fit together.
pub fn forward(
    attention: &Attention<'_>,
    query: &[f32],
    key: &[f32],
    value: &[f32],
    output: &mut [f32],
) -> Result<Vec<f32>, KernelError> {
    attention.check(query, [key, value], output)?;
    let mut logarithms = vec![0.0; attention.rows()];
    if logarithms.is_empty() {
        return Ok(logarithms);
    }
    let shape = attention.shape;
    // SAFETY: each query of each head is one task's, and the layout's heads do not lie over each other, which
    // `check` has found; a task takes one query's row at a time.
    let output = unsafe { SharedOutput::new(output) };
    // SAFETY: as above, for the queries of a block.
    let shared = unsafe { SharedOutput::new(&mut logarithms) };
    if shape.queries <= QUERIES_FEW {
        few::forward(attention, query, [key, value], &output, &shared);
        return Ok(logarithms);
    }
    let pairs = shape.batch * shape.key_heads;
    let blocks = shape.queries.div_ceil(BLOCK) * attention.sharing();
    let splits = TASKS.div_ceil(pairs).min(blocks);
    (0..pairs * splits).into_par_iter().for_each(|task| {
        let (pair, split) = (task / splits, task % splits);
        let item = Item::new(attention, pair / shape.key_heads, pair % shape.key_heads);
        let all = item.heads().flat_map(|head| item.blocks(head));
        let keys = item.left(key);
        let values = item.right(value);
        let mut scores = Scratch::take(item.keys * BLOCK);
        let (scores, _) = scores.as_chunks_mut::<BLOCK>();
        let mut tile = Tile::new();
        let (first, last) = (split * blocks / splits, (split + 1) * blocks / splits);
        for queries in all.take(last).skip(first) {
            let mut right = PackedRight::new(
                item.queries_of(query, queries).transpose(),
                [shape.features, queries.count],
            );
            right.scale(attention.scale);
            let visible = item.visible(queries);
            for (first, last) in seen_tiles(item.keys, visible) {
                multiply_rows(
                    &keys,
                    &right,
                    (first, last),
                    &mut tile,
                    &mut scores[first..last],
                );
            }
            let scores = &mut scores[..visible];
            for (key, scores) in scores.iter_mut().enumerate() {
                let blind = item.blind(queries, key);
                scores[..blind].fill(f32::NEG_INFINITY);
            }
            let sums = softmax(scores);
            let place = item.row(queries);
            let targets = shared.part(place, queries.count);
            targets.copy_from_slice(&sums.logarithms[..queries.count]);
            write_output(
                &item,
                queries,
                scores,
                &values,
                &sums.inverse,
                &mut tile,
                &output,
            );
        }
    });
    Ok(logarithms)
}

/// The exponentials times the values, over their sums.
fn write_output(
    item: &Item<'_>,
    queries: Queries,
    exponentials: &[[f32; BLOCK]],
    values: &PackedRight,
    inverse: &[f32; BLOCK],
    tile: &mut Tile,
    output: &SharedOutput<'_>,
) {
    let layout = item.attention.output;
    for (first, last) in tiles(queries.count) {
        for panel in 0..values.panels() {
            let left = exponentials.as_flattened().get(first..).unwrap_or(&[]);
            values.multiply_columns(last - first, left, BLOCK, panel, tile);
            let start = panel * values.width;
            let count = values.width.min(values.columns - start);
            let rows = tile.sums.chunks_exact(values.width).take(last - first);
            for (row, sums) in rows.enumerate() {
                let query = first + row;
                let place = layout.start(item.batch, queries.first + query, queries.head);
                let target = output.part(place + start, count);
                for (target, sum) in target.iter_mut().zip(sums) {
                    *target = sum * inverse[query];
                }
            }
        }
    }
}

/// The sums of exponentials of a block of queries.
pub(super) struct Sums {
    pub(super) logarithms: [f32; BLOCK],
    /// 1 over the sum, or 0 where it is 0.
    pub(super) inverse: [f32; BLOCK],
}

fn softmax(scores: &mut [[f32; BLOCK]]) -> Sums {
    let (most, sums) = exponentials(scores);
    Sums {
        logarithms: std::array::from_fn(|query| logarithm(most[query], sums[query])),
        inverse: sums.map(|sum| if sum == 0.0 { 0.0 } else { 1.0 / sum }),
    }
}

pub(super) fn logarithm(most: f32, sum: f32) -> f32 {
    (f64::from(most) + f64::from(sum).ln()) as f32
}

multiversioned! {
    /// `e^(score - most)` in place of each score, and for each column the most and the sum. A NaN is in the
    /// sum.
    fn exponentials(scores: &mut [[f32; BLOCK]]) -> ([f32; BLOCK], [f32; BLOCK]) {
        let mut most = [f32::NEG_INFINITY; BLOCK];
        for scores in scores.iter() {
            for (most, score) in most.iter_mut().zip(scores) {
                *most = if *score > *most { *score } else { *most };
            }
        }
        // Nothing is seen: every exponential is then 0.
        let most = most.map(|most| if most == f32::NEG_INFINITY { 0.0 } else { most });
        let mut sums = [0.0; BLOCK];
        for scores in scores {
            for ((score, most), sum) in scores.iter_mut().zip(&most).zip(&mut sums) {
                *score = exp(*score - most);
                *sum += *score;
            }
        }
        (most, sums)
    }
}
