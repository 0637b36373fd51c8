//! Pooling.

use burn::tensor::Tensor;
use burn::tensor::ops::{AvgPoolOptions, MaxPoolOptions};
use mofang_kernels::geometry::{AreaGeometry, PoolGeometry};
use mofang_kernels::pooling::{self as kernel, Divisor};
use mofang_kernels::{KernelError, recycled};

use super::native::{Kernel, Values, apply, discard, native};
use super::symmetric;

/// The largest value of each window; `output` is `[height, width]` of the result.
pub(crate) fn max_pool2d(
    output: Option<[usize; 2]>,
    input: Tensor<4>,
    options: MaxPoolOptions<2>,
) -> Tensor<4> {
    let fused = || {
        let padding = symmetric(options.padding)?;
        let window = (options.kernel_size, options.stride, padding);
        let is_dilated = options.dilation != [1; 2];
        let pool = Pool::of(&input, window, output.filter(|_| !is_dilated)?, Kind::Max)?;
        apply(pool, [native(&input)?])
    };
    match fused() {
        Some(output) => {
            discard(input);
            output
        }
        None => burn::tensor::module::max_pool2d(input, options),
    }
}

/// The mean of each window; `output` is `[height, width]` of the result.
pub(crate) fn avg_pool2d(
    output: Option<[usize; 2]>,
    input: Tensor<4>,
    options: AvgPoolOptions<2>,
) -> Tensor<4> {
    let fused = || {
        let padding = symmetric(options.padding)?;
        let window = (options.kernel_size, options.stride, padding);
        let divisor = if options.count_include_pad {
            Divisor::WithPadding
        } else {
            Divisor::WithoutPadding
        };
        let pool = Pool::of(&input, window, output?, Kind::Average(divisor))?;
        apply(pool, [native(&input)?])
    };
    match fused() {
        Some(output) => {
            discard(input);
            output
        }
        None => burn::tensor::module::avg_pool2d(input, options),
    }
}

/// The mean of each of `size` areas.
pub(crate) fn adaptive_avg_pool2d(input: Tensor<4>, size: [usize; 2]) -> Tensor<4> {
    let fused = || {
        let [batch, channels, height, width] = input.dims();
        let areas = Areas {
            geometry: AreaGeometry {
                planes: batch * channels,
                size: [height, width],
                areas: size,
            },
            input: input.dims(),
        };
        let is_possible = size.iter().chain(&[height, width]).all(|size| *size > 0);
        is_possible
            .then(|| apply(areas, [native(&input)?]))
            .flatten()
    };
    match fused() {
        Some(output) => {
            discard(input);
            output
        }
        None => burn::tensor::module::adaptive_avg_pool2d(input, size),
    }
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Max,
    Average(Divisor),
}

#[derive(Debug, Clone, Copy)]
struct Pool {
    geometry: PoolGeometry,
    input: [usize; 4],
    output: [usize; 4],
    kind: Kind,
}

impl Pool {
    fn of(
        input: &Tensor<4>,
        (kernel, stride, padding): ([usize; 2], [usize; 2], [usize; 2]),
        [rows, columns]: [usize; 2],
        kind: Kind,
    ) -> Option<Self> {
        let input = input.dims();
        let [batch, channels, height, width] = input;
        let planes = batch * channels;
        let size = [height, width];
        let geometry =
            PoolGeometry::new(planes, size, kernel, stride, padding, [rows, columns]).ok()?;
        Some(Self {
            geometry,
            input,
            output: [batch, channels, rows, columns],
            kind,
        })
    }
}

impl Kernel<1> for Pool {
    /// The tap of each maximum.
    type Saved = Vec<u8>;

    fn release(_: Vec<u8>) -> Vec<Values> {
        Vec::new()
    }

    fn forward(&self, [input]: [&Values; 1]) -> Result<(Values, Vec<u8>), KernelError> {
        let mut output = recycled(self.geometry.output_length());
        let taps = match self.kind {
            Kind::Max => kernel::max(&self.geometry, input.as_slice(), &mut output)?,
            Kind::Average(divisor) => {
                kernel::average(&self.geometry, divisor, input.as_slice(), &mut output)?;
                Vec::new()
            }
        };
        Ok((Values::new(output, self.output), taps))
    }

    fn backward(
        &self,
        taps: &Vec<u8>,
        output_gradient: &Values,
        _: [bool; 1],
    ) -> Result<[Option<Values>; 1], KernelError> {
        let slopes = output_gradient.as_slice();
        let mut gradient = recycled(self.geometry.input_length());
        match self.kind {
            Kind::Max => kernel::max_gradient(&self.geometry, taps, slopes, &mut gradient)?,
            Kind::Average(divisor) => {
                kernel::average_gradient(&self.geometry, divisor, slopes, &mut gradient)?;
            }
        }
        Ok([Some(Values::new(gradient, self.input))])
    }
}

#[derive(Debug, Clone, Copy)]
struct Areas {
    geometry: AreaGeometry,
    input: [usize; 4],
}

impl Kernel<1> for Areas {
    type Saved = ();

    fn release((): ()) -> Vec<Values> {
        Vec::new()
    }

    fn forward(&self, [input]: [&Values; 1]) -> Result<(Values, ()), KernelError> {
        let [batch, channels, ..] = self.input;
        let [rows, columns] = self.geometry.areas;
        let mut output = recycled(batch * channels * rows * columns);
        kernel::area_average(&self.geometry, input.as_slice(), &mut output)?;
        Ok((Values::new(output, [batch, channels, rows, columns]), ()))
    }

    fn backward(
        &self,
        (): &(),
        output_gradient: &Values,
        _: [bool; 1],
    ) -> Result<[Option<Values>; 1], KernelError> {
        let mut gradient = recycled(self.input.iter().product());
        kernel::area_average_gradient(&self.geometry, output_gradient.as_slice(), &mut gradient)?;
        Ok([Some(Values::new(gradient, self.input))])
    }
}
