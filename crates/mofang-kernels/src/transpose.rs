//! Matrices turned over, by blocks of 8 by 8 in registers where the processor has AVX2.
#![expect(
    unsafe_code,
    reason = "vector instructions; each block says why it holds"
)]

#[cfg(target_arch = "x86_64")]
use crate::simd::Instructions;

/// `to[column, row] = from[row, column]` for `[rows, columns]` values; rows of `from` begin `from_stride` values
/// apart, those of `to` `to_stride`.
///
/// # Panics
/// When the slices are too short.
pub(crate) fn transpose(
    from: &[f32],
    from_stride: usize,
    [rows, columns]: [usize; 2],
    to: &mut [f32],
    to_stride: usize,
) {
    if rows == 0 || columns == 0 {
        return;
    }
    assert!(rows <= to_stride, "rows that lie over each other");
    let ends = [
        (rows - 1) * from_stride + columns,
        (columns - 1) * to_stride + rows,
    ];
    assert!(ends[0] <= from.len() && ends[1] <= to.len());
    #[cfg(target_arch = "x86_64")]
    if rows >= 8 && columns >= 8 && Instructions::best() != Instructions::Baseline {
        // The last blocks may lie over those before them, and write the same again.
        for row in (0..rows).step_by(8).map(|row| row.min(rows - 8)) {
            // SAFETY: better instructions than the baseline have AVX2; blocks lie within the
            // `[rows, columns]` whose ends were compared with the slices' above.
            unsafe {
                transpose_band(
                    from.as_ptr().add(row * from_stride),
                    from_stride,
                    columns,
                    to.as_mut_ptr().add(row),
                    to_stride,
                );
            }
        }
        return;
    }
    for row in 0..rows {
        let values = &from[row * from_stride..][..columns];
        for (target, value) in to[row..].iter_mut().step_by(to_stride).zip(values) {
            *target = *value;
        }
    }
}

/// Transposes 8 rows of `columns` values, 8 at least.
///
/// # Safety
/// The processor must have AVX2. `from` must be 8 rows of `columns` values, `from_stride` apart, and `to`
/// `columns` rows of 8, `to_stride` apart.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn transpose_band(
    from: *const f32,
    from_stride: usize,
    columns: usize,
    to: *mut f32,
    to_stride: usize,
) {
    use std::arch::x86_64::{
        __m256, _mm256_loadu_ps, _mm256_permute2f128_ps, _mm256_shuffle_ps, _mm256_storeu_ps,
        _mm256_unpackhi_ps, _mm256_unpacklo_ps,
    };

    for column in (0..columns).step_by(8) {
        let column = column.min(columns - 8);
        // SAFETY: the caller says that the block from `column` on lies within `from`.
        let rows: [__m256; 8] = std::array::from_fn(|row| unsafe {
            _mm256_loadu_ps(from.add(row * from_stride + column))
        });
        let pairs: [__m256; 8] = std::array::from_fn(|place| {
            let (one, two) = (rows[place / 2 * 2], rows[place / 2 * 2 + 1]);
            if place % 2 == 0 {
                _mm256_unpacklo_ps(one, two)
            } else {
                _mm256_unpackhi_ps(one, two)
            }
        });
        let fours: [__m256; 8] = std::array::from_fn(|place| {
            let first = place / 4 * 4 + place % 4 / 2;
            let (one, two) = (pairs[first], pairs[first + 2]);
            if place % 2 == 0 {
                _mm256_shuffle_ps::<0x44>(one, two)
            } else {
                _mm256_shuffle_ps::<0xee>(one, two)
            }
        });
        for place in 0..4 {
            let low = _mm256_permute2f128_ps::<0x20>(fours[place], fours[place + 4]);
            let high = _mm256_permute2f128_ps::<0x31>(fours[place], fours[place + 4]);
            // SAFETY: as above, for `to`.
            unsafe {
                _mm256_storeu_ps(to.add((column + place) * to_stride), low);
                _mm256_storeu_ps(to.add((column + place + 4) * to_stride), high);
            }
        }
    }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "values are copied")]
mod tests {
    use super::*;

    #[test]
    fn any_matrix_is_transposed() {
        for (rows, columns) in [
            (0, 5),
            (5, 0),
            (1, 1),
            (8, 8),
            (14, 40),
            (3, 9),
            (9, 3),
            (17, 23),
        ] {
            let (from_stride, to_stride) = (columns + 2, rows + 3);
            let from: Vec<f32> = (0..rows * from_stride).map(|i| i as f32).collect();
            let mut to = vec![-1.0; columns * to_stride];
            transpose(&from, from_stride, [rows, columns], &mut to, to_stride);
            for (place, value) in to.iter().enumerate() {
                let (column, row) = (place / to_stride, place % to_stride);
                let expected = if row < rows {
                    (row * from_stride + column) as f32
                } else {
                    -1.0
                };
                assert_eq!(*value, expected, "{rows}x{columns} at {column}, {row}");
            }
        }
    }
}
