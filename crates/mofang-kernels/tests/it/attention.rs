//! Attention against its definition and finite differences.

use mofang_kernels::attention::{self, Attention, Gradients, Passed};
use mofang_kernels::geometry::{AttentionShape, HeadLayout};
use proptest::prelude::*;

use crate::support::{assert_slope, assert_sums, bits, values, widen};

/// Where the heads are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    ByTime,
    ByHead,
    /// Queries, keys and values in one row each.
    Together,
}

#[derive(Debug, Clone, Copy)]
struct Case {
    shape: AttentionShape,
    order: Order,
    causal: Option<usize>,
    is_masked: bool,
}

struct Inputs {
    valid: Vec<bool>,
    query: Vec<f32>,
    key: Vec<f32>,
    value: Vec<f32>,
    slopes: Vec<f32>,
}

impl Case {
    fn layout(&self, time: usize, heads: usize) -> HeadLayout {
        let features = self.shape.features;
        match self.order {
            Order::ByTime => HeadLayout::by_time(time, heads, features),
            Order::ByHead => HeadLayout::by_head(time, heads, features),
            Order::Together => HeadLayout::within_rows(time, self.row(), features),
        }
    }

    fn row(&self) -> usize {
        (self.shape.heads + 2 * self.shape.key_heads) * self.shape.features
    }

    fn length(&self, time: usize, heads: usize) -> usize {
        let row = match self.order {
            Order::Together => self.row(),
            Order::ByTime | Order::ByHead => heads * self.shape.features,
        };
        self.shape.batch * time * row
    }

    fn inputs(&self) -> Inputs {
        let AttentionShape {
            batch,
            heads,
            key_heads,
            queries,
            keys,
            ..
        } = self.shape;
        // One item has no key at all, others miss some in the middle and at the end.
        let valid = (0..batch * keys)
            .map(|place| {
                let (item, key) = (place / keys, place % keys);
                !self.is_masked || item % 3 != 1 && key % 5 != 2 && key < keys.div_ceil(2) + item
            })
            .collect();
        let louder = |values: Vec<f32>| values.iter().map(|x| x * 2.0).collect();
        Inputs {
            valid,
            query: louder(values(self.length(queries, heads), 1)),
            key: louder(values(self.length(keys, key_heads), 2)),
            value: values(self.length(keys, key_heads), 3),
            slopes: values(self.length(queries, heads), 4),
        }
    }

    fn attention<'a>(&self, inputs: &'a Inputs) -> Attention<'a> {
        Attention {
            shape: self.shape,
            query: self.layout(self.shape.queries, self.shape.heads),
            key: self.layout(self.shape.keys, self.shape.key_heads),
            output: self.layout(self.shape.queries, self.shape.heads),
            scale: 0.6,
            causal: self.causal,
            valid: self.is_masked.then_some(&inputs.valid[..]),
        }
    }
}

fn start(layout: HeadLayout, batch: usize, time: usize, head: usize) -> usize {
    batch * layout.batch_stride + time * layout.time_stride + head * layout.head_stride
}

/// The definition in double precision: output and logarithms.
fn definition(
    attention: &Attention<'_>,
    query: &[f64],
    key: &[f64],
    value: &[f64],
) -> (Vec<f64>, Vec<f64>) {
    let AttentionShape {
        batch,
        heads,
        key_heads,
        queries,
        keys,
        features,
    } = attention.shape;
    let mut output = vec![0.0; query.len()];
    let mut logarithms = Vec::new();
    for row in 0..batch * heads * queries {
        let (item, head, time) = (row / queries / heads, row / queries % heads, row % queries);
        let group = head / (heads / key_heads);
        let sees = |k: usize| {
            attention.valid.is_none_or(|valid| valid[item * keys + k])
                && attention.causal.is_none_or(|place| k <= place + time)
        };
        let q = start(attention.query, item, time, head);
        let seen: Vec<usize> = (0..keys).filter(|k| sees(*k)).collect();
        let scores: Vec<f64> = seen
            .iter()
            .map(|k| {
                let k = start(attention.key, item, *k, group);
                let pairs = query[q..q + features].iter().zip(&key[k..k + features]);
                pairs.map(|(q, k)| q * k).sum::<f64>() * f64::from(attention.scale)
            })
            .collect();
        let sum: f64 = scores.iter().map(|score| score.exp()).sum();
        logarithms.push(sum.ln());
        let o = start(attention.output, item, time, head);
        for (k, score) in seen.iter().zip(&scores) {
            let v = start(attention.key, item, *k, group);
            for feature in 0..features {
                output[o + feature] += score.exp() / sum * value[v + feature];
            }
        }
    }
    (output, logarithms)
}

fn check(case: Case) {
    let inputs = case.inputs();
    let attention = case.attention(&inputs);
    let Inputs {
        query,
        key,
        value,
        slopes,
        ..
    } = &inputs;
    let (q, k, v) = (widen(query), widen(key), widen(value));
    let (expected, expected_logarithms) = definition(&attention, &q, &k, &v);
    let mut output = vec![0.0; expected.len()];
    let logarithms = attention::forward(&attention, query, key, value, &mut output).unwrap();
    let features = case.shape.features;
    assert_sums("output", &output, &expected, features, 4.0);
    assert_sums(
        "logarithms",
        &logarithms,
        &expected_logarithms,
        features,
        4.0,
    );

    let (mut by_query, mut by_key, mut by_value) = (
        vec![0.0; query.len()],
        vec![0.0; key.len()],
        vec![0.0; value.len()],
    );
    let passed = Passed {
        query,
        key,
        value,
        output: &output,
        logarithms: &logarithms,
    };
    let gradients = Gradients {
        query: &mut by_query,
        key: &mut by_key,
        value: &mut by_value,
    };
    attention::gradient(&attention, passed, slopes, gradients).unwrap();
    let total = |q: &[f64], k: &[f64], v: &[f64]| -> f64 {
        let (output, _) = definition(&attention, q, k, v);
        output
            .iter()
            .zip(slopes)
            .map(|(o, s)| o * f64::from(*s))
            .sum()
    };
    let bound = 1e-5 * (case.shape.queries.max(1) as f64).sqrt();
    assert_slope("query", &by_query, &q, bound, |q| total(q, &k, &v));
    assert_slope("key", &by_key, &k, bound, |k| total(&q, k, &v));
    assert_slope("value", &by_value, &v, bound, |v| total(&q, &k, v));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_shape(
        (batch, key_heads, sharing) in (0_usize..4, 1_usize..3, 1_usize..4),
        (queries, keys, features) in (0_usize..20, 0_usize..30, 0_usize..20),
        order in prop::sample::select(&[Order::ByTime, Order::ByHead, Order::Together][..]),
        causal in prop::option::of(0_usize..10),
        is_masked in any::<bool>(),
    ) {
        let heads = key_heads * sharing;
        let shape = AttentionShape { batch, heads, key_heads, queries, keys, features };
        check(Case { shape, order, causal, is_masked });
    }
}

const LARGE: AttentionShape = AttentionShape {
    batch: 2,
    heads: 2,
    key_heads: 1,
    queries: 150,
    keys: 150,
    features: 40,
};

#[test]
fn several_blocks_of_queries() {
    for (order, causal, is_masked) in [
        (Order::ByTime, None, false),
        (Order::ByTime, Some(0), true),
        (Order::Together, Some(0), false),
    ] {
        check(Case {
            shape: LARGE,
            order,
            causal,
            is_masked,
        });
    }
    let shape = AttentionShape {
        queries: 65,
        keys: 300,
        features: 33,
        ..LARGE
    };
    check(Case {
        shape,
        order: Order::ByHead,
        causal: Some(235),
        is_masked: true,
    });
}

#[test]
fn a_hundred_runs_give_the_same_bits() {
    let case = Case {
        shape: LARGE,
        order: Order::ByTime,
        causal: Some(0),
        is_masked: true,
    };
    let inputs = case.inputs();
    let attention = case.attention(&inputs);
    let run = || {
        let mut output = vec![0.0; inputs.query.len()];
        let Inputs {
            query,
            key,
            value,
            slopes,
            ..
        } = &inputs;
        let logarithms = attention::forward(&attention, query, key, value, &mut output).unwrap();
        let (mut by_query, mut by_key, mut by_value) = (
            vec![0.0; query.len()],
            vec![0.0; key.len()],
            vec![0.0; value.len()],
        );
        let passed = Passed {
            query,
            key,
            value,
            output: &output,
            logarithms: &logarithms,
        };
        let gradients = Gradients {
            query: &mut by_query,
            key: &mut by_key,
            value: &mut by_value,
        };
        attention::gradient(&attention, passed, slopes, gradients).unwrap();
        [output, logarithms, by_query, by_key, by_value].map(|values| bits(&values))
    };
    let first = run();
    for _ in 0..100 {
        assert!(run() == first);
    }
}

#[test]
fn what_a_mask_hides_is_never_read() {
    for queries in [3, 70] {
        let case = Case {
            shape: AttentionShape { queries, ..LARGE },
            order: Order::ByTime,
            causal: None,
            is_masked: true,
        };
        let mut inputs = case.inputs();
        let row = case.shape.key_heads * case.shape.features;
        for (place, valid) in inputs.valid.iter().enumerate() {
            if !valid {
                inputs.key[place * row..(place + 1) * row].fill(f32::NAN);
                inputs.value[place * row..(place + 1) * row].fill(f32::NAN);
            }
        }
        let attention = case.attention(&inputs);
        let mut output = vec![f32::NAN; inputs.query.len()];
        let Inputs {
            query, key, value, ..
        } = &inputs;
        let logarithms = attention::forward(&attention, query, key, value, &mut output).unwrap();
        assert!(output.iter().all(|value| value.is_finite()));
        // The second item has no key.
        assert!(output[output.len() / 2..].iter().all(|value| *value == 0.0));
        let (mut by_query, mut by_key, mut by_value) = (
            vec![f32::NAN; query.len()],
            vec![f32::NAN; key.len()],
            vec![f32::NAN; value.len()],
        );
        let passed = Passed {
            query,
            key,
            value,
            output: &output,
            logarithms: &logarithms,
        };
        let gradients = Gradients {
            query: &mut by_query,
            key: &mut by_key,
            value: &mut by_value,
        };
        attention::gradient(&attention, passed, &inputs.slopes, gradients).unwrap();
        for gradient in [by_query, by_key, by_value] {
            assert!(gradient.iter().all(|value| value.is_finite()));
        }
        // And what is seen goes on.
        inputs.value[0] = f32::NAN;
        let attention = case.attention(&inputs);
        let Inputs {
            query, key, value, ..
        } = &inputs;
        attention::forward(&attention, query, key, value, &mut output).unwrap();
        assert!(output[0].is_nan());
    }
}

#[test]
fn sizes_that_do_not_go_together_are_errors() {
    let case = Case {
        shape: LARGE,
        order: Order::ByTime,
        causal: None,
        is_masked: true,
    };
    let inputs = case.inputs();
    let Inputs {
        query, key, value, ..
    } = &inputs;
    let mut output = vec![0.0; query.len()];
    let mut run = |attention: Attention<'_>, query: &[f32]| {
        attention::forward(&attention, query, key, value, &mut output).is_ok()
    };
    let attention = case.attention(&inputs);
    assert!(run(attention, query));
    assert!(!run(attention, &query[1..]));
    let valid = Some(&inputs.valid[1..]);
    assert!(!run(Attention { valid, ..attention }, query));
    let shape = AttentionShape {
        heads: 3,
        key_heads: 2,
        ..LARGE
    };
    assert!(!run(Attention { shape, ..attention }, query));
    let over = HeadLayout {
        head_stride: 1,
        ..attention.output
    };
    assert!(!run(
        Attention {
            output: over,
            ..attention
        },
        query
    ));
}
