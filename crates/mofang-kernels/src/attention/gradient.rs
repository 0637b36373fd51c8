//! The way back: with `P` the softmax and `D` the sum of output times its gradient, query by query,
//! `dS = P ∘ (dO · Vᵀ - D)`, `dQ = scale · dS · K`, `dK = scale · dSᵀ · Q`, `dV = Pᵀ · dO`.
#![expect(unsafe_code, reason = "threads write their own heads of the gradients")]

use rayon::prelude::*;

use super::item::{Item, Queries, multiply_rows, seen_tiles};
use super::{Attention, BLOCK};
use crate::KernelError;
use crate::error::check_length;
use crate::math::exp;
use crate::product::{PackedLeft, PackedRight, Tile, tiles};
use crate::scratch::Scratch;
use crate::shared::SharedOutput;
use crate::simd::{Instructions, multiversioned};
use crate::sums::add;
use crate::tile_product::multiply_tile_by_rows;

/// What went into an attention and came out of it.
#[derive(Debug, Clone, Copy)]
pub struct Passed<'a> {
    /// As given to [`forward`](super::forward).
    pub query: &'a [f32],
    /// As given to [`forward`](super::forward).
    pub key: &'a [f32],
    /// As given to [`forward`](super::forward).
    pub value: &'a [f32],
    /// What it has written.
    pub output: &'a [f32],
    /// What it has given.
    pub logarithms: &'a [f32],
}

/// Gradients by query, key and value, laid out as these are.
#[derive(Debug)]
pub struct Gradients<'a> {
    /// By the query.
    pub query: &'a mut [f32],
    /// By the key.
    pub key: &'a mut [f32],
    /// By the value.
    pub value: &'a mut [f32],
}

/// The gradients of [`forward`](super::forward). A thread works on a head of keys of an item, so that each sum
/// has one order.
///
/// # Errors
/// When sizes, layouts and slices do not fit together.
pub fn gradient(
    attention: &Attention<'_>,
    passed: Passed<'_>,
    output_gradient: &[f32],
    gradients: Gradients<'_>,
) -> Result<(), KernelError> {
    let Passed {
        query,
        key,
        value,
        output,
        logarithms,
    } = passed;
    attention.check(query, [key, value], output)?;
    let Gradients {
        query: by_query,
        key: by_key,
        value: by_value,
    } = gradients;
    attention.check(by_query, [by_key, by_value], output_gradient)?;
    check_length("the logarithms", logarithms, attention.rows())?;
    let shape = attention.shape;
    // SAFETY: each head of keys of each item, and the heads of queries that share it, are one task's; the
    // layouts' heads do not lie over each other, which `check` has found; a task takes one row at a time.
    let by_query = unsafe { SharedOutput::new(by_query) };
    // SAFETY: as above.
    let by_key = unsafe { SharedOutput::new(by_key) };
    // SAFETY: as above.
    let by_value = unsafe { SharedOutput::new(by_value) };
    let pairs = (0..shape.batch * shape.key_heads).into_par_iter();
    pairs.for_each(|pair| {
        let item = Item::new(attention, pair / shape.key_heads, pair % shape.key_heads);
        let keys = Keys {
            left: item.left(key),
            right: item.right(key),
            values: item.left(value),
        };
        let length = item.keys * shape.features;
        let [mut key_sums, mut value_sums] = [(); 2].map(|()| {
            let mut sums = Scratch::take(length);
            sums.fill(0.0);
            sums
        });
        let mut shares = Scratch::take(item.keys * BLOCK);
        let mut slopes = Scratch::take(item.keys * BLOCK);
        let (shares, _) = shares.as_chunks_mut::<BLOCK>();
        let (slopes, _) = slopes.as_chunks_mut::<BLOCK>();
        let mut tile = Tile::new();
        for queries in item.heads().flat_map(|head| item.blocks(head)) {
            let block = Block::new(&item, queries, &passed, output_gradient);
            let visible = item.visible(queries);
            block.scores(&item, &keys, visible, &mut tile, shares, slopes);
            for (first, last) in seen_tiles(item.keys, visible) {
                let targets = first * shape.features..last * shape.features;
                let (shares, slopes) = (&shares[first..last], &slopes[first..last]);
                let sums = &mut key_sums[targets.clone()];
                add_product(slopes, &block.query_rows, &mut tile, sums);
                add_product(
                    shares,
                    &block.slope_rows,
                    &mut tile,
                    &mut value_sums[targets],
                );
            }
            write_query(
                &item,
                queries,
                &slopes[..visible],
                &keys.right,
                &mut tile,
                &by_query,
            );
        }
        for time in 0..shape.keys {
            let place = attention.key.start(item.batch, time, item.key_head);
            let row = time * shape.features..(time + 1) * shape.features;
            for (sums, target) in [(&key_sums, &by_key), (&value_sums, &by_value)] {
                let target = target.part(place, shape.features);
                match sums.get(row.clone()) {
                    Some(sums) => target.copy_from_slice(sums),
                    None => target.fill(0.0),
                }
            }
        }
    });
    Ok(())
}

/// The keys and values of an item, packed.
struct Keys {
    left: PackedLeft,
    right: PackedRight,
    values: PackedLeft,
}

/// A block of queries, packed, and what is known of them.
struct Block {
    queries: Queries,
    /// `[features, queries]`, scaled.
    query_columns: PackedRight,
    /// `[queries, features]`, scaled.
    query_rows: PackedRight,
    /// `[features, queries]` of the output's gradient.
    slope_columns: PackedRight,
    /// `[queries, features]` of it.
    slope_rows: PackedRight,
    logarithms: [f32; BLOCK],
    /// Output times its gradient, summed.
    products: [f32; BLOCK],
}

impl Block {
    fn new(
        item: &Item<'_>,
        queries: Queries,
        passed: &Passed<'_>,
        output_gradient: &[f32],
    ) -> Self {
        let features = item.attention.shape.features;
        let query = item.queries_of(passed.query, queries);
        let slope = item.outputs_of(output_gradient, queries);
        let output = item.outputs_of(passed.output, queries);
        let size = [features, queries.count];
        let mut query_columns = PackedRight::new(query.transpose(), size);
        let mut query_rows = PackedRight::padded(query, [queries.count, features], BLOCK);
        query_columns.scale(item.attention.scale);
        query_rows.scale(item.attention.scale);
        // Queries beyond the block's, and those that see nothing, have no share of anything.
        let mut logarithms = [f32::INFINITY; BLOCK];
        let mut products = [0.0; BLOCK];
        let row = item.row(queries);
        for query in 0..queries.count {
            let logarithm = passed.logarithms[row + query];
            if logarithm != f32::NEG_INFINITY {
                logarithms[query] = logarithm;
            }
            let start = query * slope.row_stride;
            let slope = slope.values.get(start..start + features).unwrap_or(&[]);
            let output = output.values.get(start..start + features).unwrap_or(&[]);
            products[query] = crate::sums::products(slope, output) as f32;
        }
        Self {
            queries,
            query_columns,
            query_rows,
            slope_columns: PackedRight::new(slope.transpose(), size),
            slope_rows: PackedRight::padded(slope, [queries.count, features], BLOCK),
            logarithms,
            products,
        }
    }

    /// The softmax and its gradient, `[keys, BLOCK]` each.
    fn scores(
        &self,
        item: &Item<'_>,
        keys: &Keys,
        visible: usize,
        tile: &mut Tile,
        shares: &mut [[f32; BLOCK]],
        slopes: &mut [[f32; BLOCK]],
    ) {
        for (first, last) in seen_tiles(item.keys, visible) {
            let (shares, slopes) = (&mut shares[first..last], &mut slopes[first..last]);
            multiply_rows(&keys.left, &self.query_columns, (first, last), tile, shares);
            multiply_rows(
                &keys.values,
                &self.slope_columns,
                (first, last),
                tile,
                slopes,
            );
            carry_back(&self.logarithms, &self.products, shares, slopes);
            for (place, (shares, slopes)) in shares.iter_mut().zip(slopes).enumerate() {
                let blind = item.blind(self.queries, first + place);
                for values in [shares, slopes] {
                    values[..blind].fill(0.0);
                    values[self.queries.count..].fill(0.0);
                }
            }
        }
    }
}

multiversioned! {
    /// The softmax in place of the scores, and its gradient in place of that by the softmax.
    fn carry_back(
        logarithms: &[f32; BLOCK],
        products: &[f32; BLOCK],
        shares: &mut [[f32; BLOCK]],
        slopes: &mut [[f32; BLOCK]],
    ) {
        for (shares, slopes) in shares.iter_mut().zip(slopes) {
            let known = logarithms.iter().zip(products);
            for ((share, slope), (logarithm, product)) in shares.iter_mut().zip(slopes).zip(known) {
                *share = exp(*share - logarithm);
                *slope = *share * (*slope - product);
            }
        }
    }
}

/// `sums += left · right`, `[rows, features]`.
fn add_product(left: &[[f32; BLOCK]], right: &PackedRight, tile: &mut Tile, sums: &mut [f32]) {
    let instructions = Instructions::best();
    for panel in 0..right.panels() {
        multiply_tile_by_rows(
            instructions,
            2,
            left.len(),
            left,
            right.panel(panel),
            &mut tile.sums,
        );
        let start = panel * right.width;
        let count = right.width.min(right.columns - start);
        let targets = sums.chunks_exact_mut(right.columns);
        for (target, sums) in targets.zip(tile.sums.chunks_exact(right.width)) {
            add(&sums[..count], &mut target[start..start + count]);
        }
    }
}

fn write_query(
    item: &Item<'_>,
    queries: Queries,
    slopes: &[[f32; BLOCK]],
    keys: &PackedRight,
    tile: &mut Tile,
    output: &SharedOutput<'_>,
) {
    let layout = item.attention.query;
    for (first, last) in tiles(queries.count) {
        for panel in 0..keys.panels() {
            let left = slopes.as_flattened().get(first..).unwrap_or(&[]);
            keys.multiply_columns(last - first, left, BLOCK, panel, tile);
            let start = panel * keys.width;
            let count = keys.width.min(keys.columns - start);
            let rows = tile.sums.chunks_exact(keys.width).take(last - first);
            for (row, sums) in rows.enumerate() {
                let time = queries.first + first + row;
                let place = layout.start(item.batch, time, queries.head);
                let target = output.part(place + start, count);
                for (target, sum) in target.iter_mut().zip(sums) {
                    *target = sum * item.attention.scale;
                }
            }
        }
    }
}
