//! The operations of sequences with kernels against burn's own, with gradients, over generated shapes.

use std::sync::Arc;

use proptest::prelude::*;

use super::tests::{assert_same, by, leaf, plain, with_gradients};
use super::*;

const NONLINEARITIES: [Nonlinearity; 6] = [
    Nonlinearity::Gelu,
    Nonlinearity::GeluTanh,
    Nonlinearity::Relu,
    Nonlinearity::Sigmoid,
    Nonlinearity::Silu,
    Nonlinearity::Tanh,
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn rows_of_a_table(rows in 9_usize..20, features in 1_usize..20, ids in prop::collection::vec(0_i64..9, 1..30), padding in prop::option::of(0_usize..9)) {
        let ids: Arc<[i64]> = ids.into();
        assert_same(1e-5, || {
            let table = leaf([rows, features], 1);
            let y = embedding(table.clone(), &ids, padding);
            with_gradients(&y, |gradients| vec![by(&table, gradients)])
        });
    }

    #[test]
    fn normalizations_of_rows(rows in 1_usize..12, features in 2_usize..40) {
        // The gradient by the input is a difference of sums that nearly cancel.
        assert_same(2e-3, || {
            let (x, w, b) = (leaf([rows, features], 1), leaf([features], 2), leaf([features], 3));
            let y = layer_norm(x.clone(), w.clone(), b.clone(), 1e-3);
            let mut all = with_gradients(&y, |gradients| {
                vec![by(&x, gradients), by(&w, gradients), by(&b, gradients)]
            });
            let y = rms_norm(x.clone(), w.clone(), 1e-3);
            all.extend(with_gradients(&y, |gradients| vec![by(&x, gradients), by(&w, gradients)]));
            all
        });
    }

    #[test]
    fn gated_units_and_activations_of_linear_layers(batch in 1_usize..20, features in 1_usize..24, features_out in 1_usize..24, has_bias in any::<bool>()) {
        assert_same(1e-4, || {
            let (gate, up) = (leaf([batch, features], 1), leaf([batch, features], 2));
            let y = swiglu(gate.clone(), up.clone());
            let mut all = with_gradients(&y, |gradients| vec![by(&gate, gradients), by(&up, gradients)]);
            for nonlinearity in NONLINEARITIES {
                let both = leaf([batch, 2 * features], 6);
                let y = gated(both.clone(), nonlinearity);
                all.extend(with_gradients(&y, |gradients| vec![by(&both, gradients)]));
                let (x, w) = (leaf([batch, features], 3), leaf([features_out, features], 4));
                let b = has_bias.then(|| leaf([features_out], 5));
                let y = linear_nonlinear(x.clone(), w.clone(), b.clone(), nonlinearity);
                all.extend(with_gradients(&y, |gradients| {
                    let mut all = vec![by(&x, gradients), by(&w, gradients)];
                    all.extend(b.as_ref().map(|b| by(b, gradients)));
                    all
                }));
                let without = linear_nonlinear(plain([batch, features], 3), plain([features_out, features], 4), None, nonlinearity);
                all.push(super::tests::read(without));
            }
            all
        });
    }

    #[test]
    fn attentions(batch in 1_usize..4, key_heads in 1_usize..3, sharing in 1_usize..3, queries in 1_usize..9, more in 0_usize..5, features in 1_usize..9, is_causal in any::<bool>(), masked in prop::option::of(0_usize..7)) {
        let keys = queries + more;
        let valid = masked.map(|masked| {
            (0..batch * keys).map(|place| place % 7 != masked && place / keys != 1).collect()
        });
        let heads = Heads {
            shape: AttentionShape { batch, heads: key_heads * sharing, key_heads, queries, keys, features },
            causal: is_causal.then_some(more),
            valid,
        };
        let of_queries = [batch * queries, key_heads * sharing * features];
        let of_keys = [batch * keys, key_heads * features];
        assert_same(1e-4, || {
            let (q, k, v) = (leaf(of_queries, 1), leaf(of_keys, 2), leaf(of_keys, 3));
            let y = attention(q.clone(), k.clone(), v.clone(), &heads, None);
            with_gradients(&y, |gradients| vec![by(&q, gradients), by(&k, gradients), by(&v, gradients)])
        });
    }

    #[test]
    fn rotations(items in 1_usize..4, positions in 1_usize..6, first in 0_usize..9, heads in 1_usize..4, half in 1_usize..5) {
        assert_same(1e-5, || {
            let x = leaf([items * positions, heads * 2 * half], 1);
            let y = rotate(x.clone(), &Angles::new(first, positions, 2 * half, 500.0));
            with_gradients(&y, |gradients| vec![by(&x, gradients)])
        });
    }

    #[test]
    fn recurrent_layers(time in 1_usize..7, features in 1_usize..6, hidden in 1_usize..7, lengths in prop::collection::vec(0_usize..7, 1..6), is_reversed in any::<bool>(), is_gru in any::<bool>()) {
        let lengths: Vec<usize> = lengths.into_iter().map(|length| length.min(time)).collect();
        let kind = if is_gru { RecurrentKind::Gru } else { RecurrentKind::Lstm };
        let rows = kind.gates() * hidden;
        assert_same(1e-4, || {
            let x = leaf([lengths.len(), time, features], 1);
            let weights = RecurrentWeights {
                input: leaf([rows, features], 2),
                hidden: leaf([rows, hidden], 3),
                input_bias: leaf([rows], 4),
                hidden_bias: leaf([rows], 5),
            };
            let y = recurrent(kind, x.clone(), weights.clone(), &lengths, is_reversed);
            with_gradients(&y, |gradients| vec![
                by(&x, gradients),
                by(&weights.input, gradients),
                by(&weights.hidden, gradients),
                by(&weights.input_bias, gradients),
                by(&weights.hidden_bias, gradients),
            ])
        });
    }
}

#[test]
fn shares_of_keys_can_be_changed() {
    assert_same(1e-4, || {
        let shape = AttentionShape {
            batch: 2,
            heads: 2,
            key_heads: 2,
            queries: 3,
            keys: 3,
            features: 4,
        };
        let heads = Heads {
            shape,
            causal: None,
            valid: None,
        };
        let [q, k, v] = [1, 2, 3].map(|seed| leaf([6, 8], seed));
        let half = |shares: burn::tensor::Tensor<4>| shares * 0.5;
        let changed = attention(q.clone(), k.clone(), v.clone(), &heads, Some(&half));
        let whole = attention(q, k, v, &heads, None);
        let difference = changed * 2.0 - whole;
        let far = super::tests::read(difference)
            .into_iter()
            .filter(|value| value.abs() > 1e-5)
            .collect::<Vec<_>>();
        assert!(far.is_empty(), "{far:?}");
        vec![far]
    });
}
