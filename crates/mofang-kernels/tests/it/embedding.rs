//! Tables of vectors against their definition.

use mofang_kernels::embedding;
use mofang_kernels::geometry::EmbeddingShape;
use proptest::prelude::*;

use crate::support::{assert_sums, bits, values};

fn check(rows: usize, features: usize, count: usize, padding: Option<usize>) {
    let shape = EmbeddingShape { rows, features };
    let table = values(rows * features, 1);
    let numbers = values(if rows == 0 { 0 } else { count }, 2);
    let indices: Vec<i64> = numbers
        .iter()
        .map(|x| (f64::midpoint(f64::from(*x), 1.0) * rows as f64) as i64)
        .map(|row| row.min(rows as i64 - 1))
        .collect();
    let mut output = vec![f32::NAN; indices.len() * features];
    embedding::forward(&shape, &table, &indices, &mut output).unwrap();
    let slopes = values(output.len(), 3);
    let mut expected = vec![0.0; table.len()];
    for (place, index) in indices.iter().enumerate() {
        let row = *index as usize;
        for feature in 0..features {
            let value = output[place * features + feature];
            assert_eq!(value, table[row * features + feature]);
            if padding != Some(row) {
                expected[row * features + feature] += f64::from(slopes[place * features + feature]);
            }
        }
    }
    let run = || {
        let mut gradient = vec![f32::NAN; table.len()];
        embedding::gradient(&shape, &indices, padding, &slopes, &mut gradient).unwrap();
        gradient
    };
    let gradient = run();
    assert_sums("gradient", &gradient, &expected, count, 1.0);
    assert_eq!(bits(&run()), bits(&gradient));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_shape(rows in 0_usize..40, features in 0_usize..40, count in 0_usize..200) {
        check(rows, features, count, None);
        check(rows, features, count, Some(rows / 2));
    }
}

#[test]
fn a_large_table_and_a_hundred_runs() {
    for _ in 0..100 {
        check(4096, 33, 500, Some(0));
    }
}

#[test]
fn rows_that_there_are_not_and_wrong_lengths_are_errors() {
    let shape = EmbeddingShape {
        rows: 3,
        features: 2,
    };
    let table = values(6, 1);
    for index in [-1, 3, i64::MAX] {
        let error = embedding::forward(&shape, &table, &[index], &mut [0.0; 2]).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("a row of the table is {index}, of 3")
        );
        let slopes = [0.0; 2];
        assert!(embedding::gradient(&shape, &[index], None, &slopes, &mut [0.0; 6]).is_err());
    }
    assert!(embedding::forward(&shape, &table, &[0, 1], &mut [0.0; 2]).is_err());
}
