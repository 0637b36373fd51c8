//! The shortcut without parameters: "option A" of He et al. 2015, <https://arxiv.org/abs/1512.03385>.

use burn::tensor::Tensor;
use burn::tensor::module::avg_pool2d;
use burn::tensor::ops::AvgPoolOptions;
use mofang_kernels::geometry::SubsampleShape;
use mofang_kernels::{KernelError, recycled, subsample as kernel};

use super::native::{Kernel, Values, apply, native};

/// Every second pixel, with `padding` channels of zeros before and as many behind.
pub(crate) fn subsample(input: Tensor<4>, padding: usize) -> Tensor<4> {
    let fused = native(&input).and_then(|native| {
        let [batch, channels, height, width] = input.dims();
        let shape = SubsampleShape {
            batch,
            channels,
            size: [height, width],
            padding,
        };
        apply(Subsample(shape), [native])
    });
    fused.unwrap_or_else(|| {
        // A window of one pixel: the mean is the pixel, bit for bit.
        let sampled = avg_pool2d(input, AvgPoolOptions::new([1, 1]).with_stride([2, 2]));
        let [batch, _, height, width] = sampled.dims();
        let zeros = Tensor::zeros([batch, padding, height, width], &sampled.device());
        Tensor::cat(vec![zeros.clone(), sampled, zeros], 1)
    })
}

#[derive(Debug, Clone, Copy)]
struct Subsample(SubsampleShape);

impl Kernel<1> for Subsample {
    type Saved = ();

    fn release((): ()) -> Vec<Values> {
        Vec::new()
    }

    fn forward(&self, [input]: [&Values; 1]) -> Result<(Values, ()), KernelError> {
        let shape = self.0.output();
        let mut output = recycled(shape.iter().product());
        kernel::forward(&self.0, input.as_slice(), &mut output)?;
        Ok((Values::new(output, shape), ()))
    }

    fn backward(
        &self,
        (): &(),
        output_gradient: &Values,
        _: [bool; 1],
    ) -> Result<[Option<Values>; 1], KernelError> {
        let shape = self.0.input();
        let mut gradient = recycled(shape.iter().product());
        kernel::gradient(&self.0, output_gradient.as_slice(), &mut gradient)?;
        Ok([Some(Values::new(gradient, shape))])
    }
}
