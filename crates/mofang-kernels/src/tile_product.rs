//! Products of small matrices that stay in registers, written once over [`Vector`] for every set of
//! instructions.
#![expect(
    unsafe_code,
    reason = "vector instructions; each block says why it holds"
)]
#![expect(
    clippy::inline_always,
    reason = "a function is compiled for the instructions of the one that it is inlined into"
)]

use crate::simd::Instructions;

/// Vectors of one set of instructions. A value of the type is made only where the processor has them.
trait Vector: Copy {
    type Values: Copy;
    const LANES: usize;

    fn splat(self, value: f32) -> Self::Values;
    /// The first [`Vector::LANES`] values.
    fn load(self, from: &[f32]) -> Self::Values;
    fn store(self, values: Self::Values, to: &mut [f32]);
    /// `left · right + sum`
    fn multiply_add(
        self,
        left: Self::Values,
        right: Self::Values,
        sum: Self::Values,
    ) -> Self::Values;
}

#[derive(Clone, Copy)]
struct Baseline;

impl Vector for Baseline {
    type Values = [f32; 4];
    const LANES: usize = 4;

    #[inline(always)]
    fn splat(self, value: f32) -> [f32; 4] {
        [value; 4]
    }

    #[inline(always)]
    fn load(self, from: &[f32]) -> [f32; 4] {
        [from[0], from[1], from[2], from[3]]
    }

    #[inline(always)]
    fn store(self, values: [f32; 4], to: &mut [f32]) {
        to[..4].copy_from_slice(&values);
    }

    #[inline(always)]
    fn multiply_add(self, left: [f32; 4], right: [f32; 4], sum: [f32; 4]) -> [f32; 4] {
        std::array::from_fn(|lane| left[lane] * right[lane] + sum[lane])
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{
        __m256, __m512, _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_set1_ps, _mm256_storeu_ps,
        _mm512_fmadd_ps, _mm512_loadu_ps, _mm512_set1_ps, _mm512_storeu_ps,
    };

    use super::Vector;

    macro_rules! vector {
        ($name:ident, $values:ty, $lanes:literal, $splat:ident, $load:ident, $store:ident, $fma:ident) => {
            #[derive(Clone, Copy)]
            pub(super) struct $name(());

            impl $name {
                /// # Safety
                /// The processor must have the instructions.
                pub(super) unsafe fn new() -> Self {
                    Self(())
                }
            }

            impl Vector for $name {
                type Values = $values;
                const LANES: usize = $lanes;

                #[inline(always)]
                fn splat(self, value: f32) -> $values {
                    // SAFETY: a value of this type is made only where the instructions are.
                    unsafe { $splat(value) }
                }

                #[inline(always)]
                fn load(self, from: &[f32]) -> $values {
                    let from = &from[..$lanes];
                    // SAFETY: as in `splat`, and `from` has as many values as are read.
                    unsafe { $load(from.as_ptr()) }
                }

                #[inline(always)]
                fn store(self, values: $values, to: &mut [f32]) {
                    let to = &mut to[..$lanes];
                    // SAFETY: as in `splat`, and `to` has as many values as are written.
                    unsafe { $store(to.as_mut_ptr(), values) }
                }

                #[inline(always)]
                fn multiply_add(self, left: $values, right: $values, sum: $values) -> $values {
                    // SAFETY: as in `splat`.
                    unsafe { $fma(left, right, sum) }
                }
            }
        };
    }

    vector!(
        Avx512,
        __m512,
        16,
        _mm512_set1_ps,
        _mm512_loadu_ps,
        _mm512_storeu_ps,
        _mm512_fmadd_ps
    );
    vector!(
        Avx2,
        __m256,
        8,
        _mm256_set1_ps,
        _mm256_loadu_ps,
        _mm256_storeu_ps,
        _mm256_fmadd_ps
    );
}

/// `tile = left · right` for a left matrix of `rows` rows and a right one of
/// [`Instructions::columns`] columns.
///
/// `left` is stored column by column (`[depth, rows]`), `right` row by row (`[depth, columns]`),
/// `tile` row by row (`[rows, columns]`). The depth is that of the shorter one.
///
/// # Panics
/// When there are more rows than [`Instructions::rows_max`], or `tile` is too short.
pub(crate) fn multiply_tile(
    instructions: Instructions,
    rows: usize,
    left: &[f32],
    right: &[f32],
    tile: &mut [f32],
) {
    multiply_tile_into(
        instructions,
        rows,
        left,
        right,
        tile,
        instructions.columns(),
    );
}

/// As [`multiply_tile`], but the rows of `tile` begin `stride` values apart.
///
/// # Panics
/// As [`multiply_tile`].
pub(crate) fn multiply_tile_into(
    instructions: Instructions,
    rows: usize,
    left: &[f32],
    right: &[f32],
    tile: &mut [f32],
    stride: usize,
) {
    match instructions {
        // SAFETY: the value of `Instructions` says that the processor has these features.
        #[cfg(target_arch = "x86_64")]
        Instructions::Avx512 => unsafe { multiply_avx512(rows, left, right, tile, stride) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Instructions::Avx2 => unsafe { multiply_avx2(rows, left, right, tile, stride) },
        Instructions::Baseline => multiply_rows(Baseline, rows, left, right, tile, stride),
    }
}

/// As [`multiply_tile`], but the columns of `left` begin `stride` values apart; there may be others behind.
///
/// # Panics
/// As [`multiply_tile`], and when a column has fewer values than rows.
pub(crate) fn multiply_columns(
    instructions: Instructions,
    rows: usize,
    left: &[f32],
    stride: usize,
    right: &[f32],
    tile: &mut [f32],
) {
    match instructions {
        // SAFETY: the value of `Instructions` says that the processor has these features.
        #[cfg(target_arch = "x86_64")]
        Instructions::Avx512 => unsafe {
            multiply_columns_avx512(rows, left, stride, right, tile);
        },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Instructions::Avx2 => unsafe { multiply_columns_avx2(rows, left, stride, right, tile) },
        Instructions::Baseline => {
            multiply_columns_rows(Baseline, rows, left, stride, right, tile);
        }
    }
}

/// As [`multiply_tile`], but `left` is stored row by row, [`BLOCK`] values each (`[rows, BLOCK]`), and
/// `right` and `tile` have the columns of one or two vectors.
pub(crate) fn multiply_tile_by_rows(
    instructions: Instructions,
    vectors: usize,
    rows: usize,
    left: &[[f32; BLOCK]],
    right: &[f32],
    tile: &mut [f32],
) {
    match instructions {
        // SAFETY: the value of `Instructions` says that the processor has these features.
        #[cfg(target_arch = "x86_64")]
        Instructions::Avx512 => unsafe {
            multiply_by_rows_avx512(vectors, rows, left, right, tile);
        },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Instructions::Avx2 => unsafe { multiply_by_rows_avx2(vectors, rows, left, right, tile) },
        Instructions::Baseline => multiply_by_rows(Baseline, vectors, rows, left, right, tile),
    }
}

/// As [`multiply_tile`], but row `step` of the right matrix is two vectors that lie in `values` at
/// `steps[step] + starts[0]` and `steps[step] + starts[1]`.
///
/// # Panics
/// As [`multiply_tile`], and when a vector does not lie within `values`.
pub(crate) fn multiply_tile_in_place(
    instructions: Instructions,
    rows: usize,
    left: &[f32],
    right: InPlace<'_>,
    tile: &mut [f32],
) {
    match instructions {
        // SAFETY: the value of `Instructions` says that the processor has these features.
        #[cfg(target_arch = "x86_64")]
        Instructions::Avx512 => unsafe { multiply_in_place_avx512(rows, left, right, tile) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Instructions::Avx2 => unsafe { multiply_in_place_avx2(rows, left, right, tile) },
        Instructions::Baseline => multiply_in_place_rows(Baseline, rows, left, right, tile),
    }
}

/// A matrix of two vectors of columns that was not copied together.
#[derive(Debug, Clone, Copy)]
pub(crate) struct InPlace<'a> {
    pub(crate) values: &'a [f32],
    pub(crate) steps: &'a [usize],
    pub(crate) starts: [usize; 2],
}

/// Multiplies and adds in registers alone, `steps` times a full tile, and gives the number of products: what
/// the processor can do, for measurements.
#[doc(hidden)]
pub fn register_speed(steps: usize) -> usize {
    let instructions = Instructions::best();
    let (rows, columns) = (instructions.rows_max(), instructions.columns());
    let (left, right) = (vec![0.5; rows * 64], vec![0.5; columns * 64]);
    let mut tile = vec![0.0; rows * columns];
    for _ in 0..steps.div_ceil(64) {
        multiply_tile(
            instructions,
            rows,
            std::hint::black_box(&left),
            &right,
            &mut tile,
        );
        std::hint::black_box(&tile);
    }
    steps.next_multiple_of(64) * rows * columns
}

/// The depth of [`multiply_tile_by_rows`].
pub(crate) const BLOCK: usize = 64;

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
fn multiply_avx512(rows: usize, left: &[f32], right: &[f32], tile: &mut [f32], stride: usize) {
    // SAFETY: this function is called only where the processor has the instructions.
    multiply_rows(
        unsafe { x86::Avx512::new() },
        rows,
        left,
        right,
        tile,
        stride,
    );
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn multiply_avx2(rows: usize, left: &[f32], right: &[f32], tile: &mut [f32], stride: usize) {
    // SAFETY: this function is called only where the processor has the instructions.
    multiply_rows(unsafe { x86::Avx2::new() }, rows, left, right, tile, stride);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
fn multiply_by_rows_avx512(
    vectors: usize,
    rows: usize,
    left: &[[f32; BLOCK]],
    right: &[f32],
    tile: &mut [f32],
) {
    // SAFETY: this function is called only where the processor has the instructions.
    multiply_by_rows(
        unsafe { x86::Avx512::new() },
        vectors,
        rows,
        left,
        right,
        tile,
    );
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn multiply_by_rows_avx2(
    vectors: usize,
    rows: usize,
    left: &[[f32; BLOCK]],
    right: &[f32],
    tile: &mut [f32],
) {
    // SAFETY: this function is called only where the processor has the instructions.
    multiply_by_rows(
        unsafe { x86::Avx2::new() },
        vectors,
        rows,
        left,
        right,
        tile,
    );
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
fn multiply_in_place_avx512(rows: usize, left: &[f32], right: InPlace<'_>, tile: &mut [f32]) {
    // SAFETY: this function is called only where the processor has the instructions.
    multiply_in_place_rows(unsafe { x86::Avx512::new() }, rows, left, right, tile);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn multiply_in_place_avx2(rows: usize, left: &[f32], right: InPlace<'_>, tile: &mut [f32]) {
    // SAFETY: this function is called only where the processor has the instructions.
    multiply_in_place_rows(unsafe { x86::Avx2::new() }, rows, left, right, tile);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
fn multiply_columns_avx512(
    rows: usize,
    left: &[f32],
    stride: usize,
    right: &[f32],
    tile: &mut [f32],
) {
    // SAFETY: this function is called only where the processor has the instructions.
    multiply_columns_rows(
        unsafe { x86::Avx512::new() },
        rows,
        left,
        stride,
        right,
        tile,
    );
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn multiply_columns_avx2(
    rows: usize,
    left: &[f32],
    stride: usize,
    right: &[f32],
    tile: &mut [f32],
) {
    // SAFETY: this function is called only where the processor has the instructions.
    multiply_columns_rows(unsafe { x86::Avx2::new() }, rows, left, stride, right, tile);
}

/// Calls a function with the number of rows as a constant, so that the accumulators stay in registers.
macro_rules! with_rows {
    ($rows:expr, $function:ident($($arg:expr),*)) => {
        match $rows {
            1 => $function::<_, 1>($($arg),*),
            2 => $function::<_, 2>($($arg),*),
            3 => $function::<_, 3>($($arg),*),
            4 => $function::<_, 4>($($arg),*),
            5 => $function::<_, 5>($($arg),*),
            6 => $function::<_, 6>($($arg),*),
            7 => $function::<_, 7>($($arg),*),
            8 => $function::<_, 8>($($arg),*),
            9 => $function::<_, 9>($($arg),*),
            10 => $function::<_, 10>($($arg),*),
            11 => $function::<_, 11>($($arg),*),
            12 => $function::<_, 12>($($arg),*),
            13 => $function::<_, 13>($($arg),*),
            14 => $function::<_, 14>($($arg),*),
            rows => panic!("a tile of {rows} rows"),
        }
    };
}

#[inline(always)]
fn multiply_rows<V: Vector>(
    vector: V,
    rows: usize,
    left: &[f32],
    right: &[f32],
    tile: &mut [f32],
    stride: usize,
) {
    with_rows!(rows, multiply(vector, left, right, tile, stride));
}

#[inline(always)]
fn multiply_columns_rows<V: Vector>(
    vector: V,
    rows: usize,
    left: &[f32],
    stride: usize,
    right: &[f32],
    tile: &mut [f32],
) {
    with_rows!(rows, multiply_strided(vector, left, stride, right, tile));
}

#[inline(always)]
fn multiply_strided<V: Vector, const ROWS: usize>(
    vector: V,
    left: &[f32],
    stride: usize,
    right: &[f32],
    tile: &mut [f32],
) {
    let mut sums = [[vector.splat(0.0); 2]; ROWS];
    let steps = left.chunks(stride).zip(right.chunks_exact(2 * V::LANES));
    for (left, right) in steps {
        let first = vector.load(right);
        let second = vector.load(&right[V::LANES..]);
        for (sums, value) in sums.iter_mut().zip(&left[..ROWS]) {
            let value = vector.splat(*value);
            sums[0] = vector.multiply_add(value, first, sums[0]);
            sums[1] = vector.multiply_add(value, second, sums[1]);
        }
    }
    store_tile(vector, &sums, tile, 2 * V::LANES);
}

#[inline(always)]
fn multiply_in_place_rows<V: Vector>(
    vector: V,
    rows: usize,
    left: &[f32],
    right: InPlace<'_>,
    tile: &mut [f32],
) {
    with_rows!(rows, multiply_in_place(vector, left, right, tile));
}

#[inline(always)]
fn multiply_in_place<V: Vector, const ROWS: usize>(
    vector: V,
    left: &[f32],
    right: InPlace<'_>,
    tile: &mut [f32],
) {
    let mut sums = [[vector.splat(0.0); 2]; ROWS];
    let [first, second] = right.starts.map(|start| &right.values[start..]);
    for (left, step) in left.chunks_exact(ROWS).zip(right.steps) {
        let first = vector.load(&first[*step..*step + V::LANES]);
        let second = vector.load(&second[*step..*step + V::LANES]);
        for (sums, value) in sums.iter_mut().zip(left) {
            let value = vector.splat(*value);
            sums[0] = vector.multiply_add(value, first, sums[0]);
            sums[1] = vector.multiply_add(value, second, sums[1]);
        }
    }
    store_tile(vector, &sums, tile, 2 * V::LANES);
}

#[inline(always)]
fn multiply_by_rows<V: Vector>(
    vector: V,
    vectors: usize,
    rows: usize,
    left: &[[f32; BLOCK]],
    right: &[f32],
    tile: &mut [f32],
) {
    if vectors == 1 {
        with_rows!(rows, multiply_block_1(vector, left, right, tile));
    } else {
        with_rows!(rows, multiply_block_2(vector, left, right, tile));
    }
}

#[inline(always)]
fn multiply_block_1<V: Vector, const ROWS: usize>(
    vector: V,
    left: &[[f32; BLOCK]],
    right: &[f32],
    tile: &mut [f32],
) {
    multiply_block::<V, ROWS, 1>(vector, left, right, tile);
}

#[inline(always)]
fn multiply_block_2<V: Vector, const ROWS: usize>(
    vector: V,
    left: &[[f32; BLOCK]],
    right: &[f32],
    tile: &mut [f32],
) {
    multiply_block::<V, ROWS, 2>(vector, left, right, tile);
}

#[inline(always)]
fn multiply<V: Vector, const ROWS: usize>(
    vector: V,
    left: &[f32],
    right: &[f32],
    tile: &mut [f32],
    stride: usize,
) {
    let mut sums = [[vector.splat(0.0); 2]; ROWS];
    let steps = left
        .chunks_exact(ROWS)
        .zip(right.chunks_exact(2 * V::LANES));
    for (left, right) in steps {
        let first = vector.load(right);
        let second = vector.load(&right[V::LANES..]);
        for (sums, value) in sums.iter_mut().zip(left) {
            let value = vector.splat(*value);
            sums[0] = vector.multiply_add(value, first, sums[0]);
            sums[1] = vector.multiply_add(value, second, sums[1]);
        }
    }
    store_tile(vector, &sums, tile, stride);
}

#[inline(always)]
fn multiply_block<V: Vector, const ROWS: usize, const VECTORS: usize>(
    vector: V,
    left: &[[f32; BLOCK]],
    right: &[f32],
    tile: &mut [f32],
) {
    let Some(left) = left.first_chunk::<ROWS>() else {
        panic!("{} rows for a tile of {ROWS}", left.len());
    };
    let mut sums = [[vector.splat(0.0); VECTORS]; ROWS];
    for (step, right) in (0..BLOCK).zip(right.chunks_exact(VECTORS * V::LANES)) {
        let columns: [V::Values; VECTORS] =
            std::array::from_fn(|column| vector.load(&right[column * V::LANES..]));
        for (sums, values) in sums.iter_mut().zip(left) {
            let value = vector.splat(values[step]);
            for (sum, column) in sums.iter_mut().zip(columns) {
                *sum = vector.multiply_add(value, column, *sum);
            }
        }
    }
    store_tile(vector, &sums, tile, VECTORS * V::LANES);
}

#[inline(always)]
fn store_tile<V: Vector, const ROWS: usize, const VECTORS: usize>(
    vector: V,
    sums: &[[V::Values; VECTORS]; ROWS],
    tile: &mut [f32],
    stride: usize,
) {
    let width = VECTORS * V::LANES;
    let tile = &mut tile[..(ROWS - 1) * stride + width];
    for (sums, row) in sums.iter().zip(tile.chunks_mut(stride)) {
        let row = &mut row[..width];
        for (sum, column) in sums.iter().zip(row.chunks_exact_mut(V::LANES)) {
            vector.store(*sum, column);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_are_products_with_every_set_of_instructions() {
        for instructions in Instructions::available() {
            let columns = instructions.columns();
            for rows in 1..=instructions.rows_max() {
                let left: Vec<f32> = (0..rows * BLOCK).map(|i| (i % 7) as f32 - 3.0).collect();
                let right: Vec<f32> = (0..columns * BLOCK).map(|i| (i % 5) as f32 - 2.0).collect();
                let mut by_rows = vec![[0.0; BLOCK]; rows];
                for (step, values) in left.chunks(rows).enumerate() {
                    for (row, value) in values.iter().enumerate() {
                        by_rows[row][step] = *value;
                    }
                }
                let mut expected = vec![0.0; rows * columns];
                for (left, right) in left.chunks(rows).zip(right.chunks(columns)) {
                    for (row, left) in left.iter().enumerate() {
                        for (column, right) in right.iter().enumerate() {
                            expected[row * columns + column] += left * right;
                        }
                    }
                }
                // Small whole numbers: every order of summation is exact.
                let mut tile = vec![f32::NAN; rows * columns];
                multiply_tile(instructions, rows, &left, &right, &mut tile);
                assert_eq!(tile, expected, "{instructions:?}");
                tile.fill(f32::NAN);
                multiply_tile_by_rows(instructions, 2, rows, &by_rows, &right, &mut tile);
                assert_eq!(tile, expected, "{instructions:?}");
                let halves = |values: &[f32]| -> Vec<f32> {
                    let rows = values.chunks(columns);
                    rows.flat_map(|row| row[..columns / 2].to_vec()).collect()
                };
                tile.fill(f32::NAN);
                let (right, expected) = (halves(&right), halves(&expected));
                multiply_tile_by_rows(instructions, 1, rows, &by_rows, &right, &mut tile);
                assert_eq!(tile[..rows * columns / 2], expected, "{instructions:?}");
            }
        }
    }
}
