//! The rotary embedding against turns of complex numbers.

use mofang_kernels::geometry::{RotaryPairs, RotaryShape};
use mofang_kernels::rope;

use crate::support::{assert_sums, bits, values};

fn check(shape: RotaryShape, positions: usize) {
    let RotaryShape {
        rows,
        heads,
        features,
        rotated,
        pairs,
    } = shape;
    let at: Vec<f64> = (0..positions).map(|p| p as f64 + 3.0).collect();
    let [cosines, sines] = rope::angles(&at, rotated, 10_000.0);
    let input = values(rows * heads * features, 1);
    let mut expected: Vec<f64> = input.iter().map(|x| f64::from(*x)).collect();
    for (row, values) in expected.chunks_mut((heads * features).max(1)).enumerate() {
        for head in values.chunks_mut(features.max(1)) {
            for i in 0..rotated / 2 {
                let (one, two) = match pairs {
                    RotaryPairs::Halves => (i, i + rotated / 2),
                    RotaryPairs::Interleaved => (2 * i, 2 * i + 1),
                };
                let rate = 10_000_f64.powf(-((2 * i) as f64) / rotated as f64);
                let angle = at[row % positions] * rate;
                let (x, y) = (head[one], head[two]);
                head[one] = x * angle.cos() - y * angle.sin();
                head[two] = x * angle.sin() + y * angle.cos();
            }
        }
    }
    let mut output = vec![f32::NAN; input.len()];
    rope::forward(&shape, &cosines, &sines, &input, &mut output).unwrap();
    assert_sums("output", &output, &expected, 2, 1.0);
    // A turn is undone by the one back, which is its transpose and so its gradient.
    let mut back = vec![f32::NAN; input.len()];
    rope::gradient(&shape, &cosines, &sines, &output, &mut back).unwrap();
    let wide: Vec<f64> = input.iter().map(|x| f64::from(*x)).collect();
    assert_sums("turned back", &back, &wide, 4, 1.0);
    let first = bits(&output);
    for _ in 0..100 {
        rope::forward(&shape, &cosines, &sines, &input, &mut output).unwrap();
        assert!(bits(&output) == first);
    }
}

#[test]
fn both_kinds_of_pairs_and_any_shape() {
    for pairs in [RotaryPairs::Halves, RotaryPairs::Interleaved] {
        for (batch, time, heads, features, rotated) in [
            (2, 5, 3, 8, 8),
            (1, 1, 1, 2, 2),
            (3, 7, 2, 10, 6),
            (2, 3, 1, 5, 0),
            (0, 3, 1, 4, 4),
            (2, 3, 0, 4, 4),
            (4, 65, 4, 64, 64),
        ] {
            let shape = RotaryShape {
                rows: batch * time,
                heads,
                features,
                rotated,
                pairs,
            };
            check(shape, time);
        }
    }
}

#[test]
fn sizes_that_do_not_fit_are_errors() {
    let shape = RotaryShape {
        rows: 4,
        heads: 1,
        features: 4,
        rotated: 4,
        pairs: RotaryPairs::Halves,
    };
    let input = values(16, 1);
    let run = |shape: RotaryShape, positions: usize| {
        let angles = vec![0.0; positions * shape.rotated / 2];
        rope::forward(&shape, &angles, &angles, &input, &mut [0.0; 16])
    };
    assert!(run(shape, 2).is_ok());
    assert!(run(shape, 3).is_err());
    assert!(
        run(
            RotaryShape {
                rotated: 3,
                ..shape
            },
            2
        )
        .is_err()
    );
    assert!(
        run(
            RotaryShape {
                rotated: 6,
                ..shape
            },
            2
        )
        .is_err()
    );
    assert!(run(RotaryShape { rows: 5, ..shape }, 5).is_err());
}
