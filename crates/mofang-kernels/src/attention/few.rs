//! The way forward for a few queries, key by key: packing the keys would take longer than reading them.

use rayon::prelude::*;

use super::Attention;
use super::forward::logarithm;
use super::item::{Item, Queries};
use crate::math::exp;
use crate::product::Matrix;
use crate::scratch::Scratch;
use crate::shared::SharedOutput;
use crate::simd::multiversioned;
use crate::sums::fold;

pub(super) fn forward(
    attention: &Attention<'_>,
    query: &[f32],
    [key, value]: [&[f32]; 2],
    output: &SharedOutput<'_>,
    logarithms: &SharedOutput<'_>,
) {
    let shape = attention.shape;
    let sharing = attention.sharing();
    let rows = 0..shape.batch * shape.heads * shape.queries;
    rows.into_par_iter().for_each(|row| {
        let (item, first) = (row / shape.queries, row % shape.queries);
        let (batch, head) = (item / shape.heads, item % shape.heads);
        let item = Item::new(attention, batch, head / sharing);
        let queries = Queries {
            head,
            first,
            count: 1,
        };
        let mut scores = Scratch::take(item.visible(queries));
        let query = item.queries_of(query, queries).values;
        let query = query.get(..shape.features).unwrap_or(&[]);
        score(query, item.keys_of(key), attention.scale, &mut scores);
        for (key, score) in scores.iter_mut().enumerate() {
            if item.blind(queries, key) > 0 {
                *score = f32::NEG_INFINITY;
            }
        }
        let [most, sum] = exponentials(&mut scores);
        logarithms.part(row, 1).fill(logarithm(most, sum));
        let place = attention.output.start(batch, first, head);
        let target = output.part(place, shape.features);
        target.fill(0.0);
        for (key, weight) in scores.iter().enumerate() {
            if item.blind(queries, key) == 0 {
                let values = item.keys_of(value);
                let values = &values.values[key * values.row_stride..][..shape.features];
                add_weighted(*weight, values, target);
            }
        }
        let inverse = if sum == 0.0 { 0.0 } else { 1.0 / sum };
        for value in target {
            *value *= inverse;
        }
    });
}

multiversioned! {
    /// `scale · query · key` for each key.
    fn score(query: &[f32], keys: Matrix<'_>, scale: f32, scores: &mut [f32]) {
        for (key, score) in scores.iter_mut().enumerate() {
            let key = &keys.values[key * keys.row_stride..][..query.len()];
            let mut sums = [0.0_f32; 32];
            let (queries, query_rest) = query.as_chunks::<32>();
            let (keys, key_rest) = key.as_chunks::<32>();
            for (query, key) in queries.iter().zip(keys) {
                for (sum, (query, key)) in sums.iter_mut().zip(query.iter().zip(key)) {
                    *sum += query * key;
                }
            }
            for (sum, (query, key)) in sums.iter_mut().zip(query_rest.iter().zip(key_rest)) {
                *sum += query * key;
            }
            *score = scale * fold(sums) as f32;
        }
    }
}

multiversioned! {
    /// `e^(score - most)` in place of each score; the most and the sum.
    fn exponentials(scores: &mut [f32]) -> [f32; 2] {
        let mut most = f32::NEG_INFINITY;
        for score in scores.iter() {
            most = if *score > most { *score } else { most };
        }
        if most == f32::NEG_INFINITY {
            most = 0.0;
        }
        for score in scores.iter_mut() {
            *score = exp(*score - most);
        }
        [most, crate::sums::sum(scores) as f32]
    }
}

multiversioned! {
    fn add_weighted(weight: f32, values: &[f32], target: &mut [f32]) {
        for (target, value) in target.iter_mut().zip(values) {
            *target += weight * value;
        }
    }
}
