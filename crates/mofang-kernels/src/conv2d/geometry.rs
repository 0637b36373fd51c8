//! The shape of a convolution.

use crate::KernelError;
use crate::error::check_length;

/// Largest product of sizes, so that no index overflows.
const VALUES_MAX: usize = 1 << 40;

/// The shape of a convolution; pairs are `[height, width]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conv2dGeometry {
    pub(crate) batch: usize,
    pub(crate) channels_in: usize,
    pub(crate) channels_out: usize,
    pub(crate) size: [usize; 2],
    pub(crate) kernel: [usize; 2],
    pub(crate) stride: [usize; 2],
    pub(crate) padding: [usize; 2],
    pub(crate) dilation: [usize; 2],
    pub(crate) groups: usize,
    output: [usize; 2],
}

/// How the windows of a convolution lie; pairs are `[height, width]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conv2dWindows {
    /// From one window to the next.
    pub stride: [usize; 2],
    /// Zeros at each side.
    pub padding: [usize; 2],
    /// From one tap of a window to the next.
    pub dilation: [usize; 2],
    /// Parts into which the channels fall.
    pub groups: usize,
}

impl Conv2dGeometry {
    /// A convolution of `input` `[batch, channels_in, height, width]` with `weight`
    /// `[channels_out, channels_in / groups, kernel height, kernel width]`.
    ///
    /// # Errors
    /// When there is no such convolution: a window that does not fit, a size of 0 where there must be
    /// one, channels that do not fall into the groups.
    pub fn new(
        input: [usize; 4],
        weight: [usize; 4],
        windows: Conv2dWindows,
    ) -> Result<Self, KernelError> {
        let [batch, channels_in, height, width] = input;
        let [channels_out, group_in, kernel_height, kernel_width] = weight;
        let Conv2dWindows {
            stride,
            padding,
            dilation,
            groups,
        } = windows;
        let impossible = KernelError::Geometry {
            operation: "convolution",
            size: [height, width],
        };
        let kernel = [kernel_height, kernel_width];
        let all_positive = kernel
            .iter()
            .chain(&stride)
            .chain(&dilation)
            .all(|n| *n > 0);
        let fits_groups = groups > 0
            && channels_out.is_multiple_of(groups)
            && group_in.checked_mul(groups) == Some(channels_in);
        if !all_positive || !fits_groups {
            return Err(impossible);
        }
        let along = |axis: usize, size: usize| {
            let span = (kernel[axis] - 1)
                .checked_mul(dilation[axis])?
                .checked_add(1)?;
            let room = padding[axis].checked_mul(2)?.checked_add(size)?;
            Some(room.checked_sub(span)? / stride[axis] + 1)
        };
        let (Some(output_height), Some(output_width)) = (along(0, height), along(1, width)) else {
            return Err(impossible);
        };
        let padded = |axis: usize, size: usize| size.checked_add(padding[axis].checked_mul(2)?);
        let lengths = [
            product(&[
                Some(batch),
                Some(channels_in),
                padded(0, height),
                padded(1, width),
            ]),
            product(&[
                Some(batch),
                Some(channels_out),
                Some(output_height),
                Some(output_width),
            ]),
            product(&[
                Some(channels_out),
                Some(group_in),
                Some(kernel_height),
                Some(kernel_width),
            ]),
        ];
        let is_bounded = lengths
            .iter()
            .all(|length| length.is_some_and(|length| length <= VALUES_MAX));
        if !is_bounded {
            return Err(impossible);
        }
        Ok(Self {
            batch,
            channels_in,
            channels_out,
            size: [height, width],
            kernel,
            stride,
            padding,
            dilation,
            groups,
            output: [output_height, output_width],
        })
    }

    /// `[height, width]` of the output.
    pub fn output(&self) -> [usize; 2] {
        self.output
    }

    /// Values of the output.
    pub fn output_length(&self) -> usize {
        self.batch * self.channels_out * self.output[0] * self.output[1]
    }

    /// Values of the input.
    pub fn input_length(&self) -> usize {
        self.batch * self.channels_in * self.size[0] * self.size[1]
    }

    /// Values of the weights.
    pub fn weight_length(&self) -> usize {
        self.channels_out * self.group_in() * self.kernel[0] * self.kernel[1]
    }

    /// Channels of the input in a group.
    pub(crate) fn group_in(&self) -> usize {
        self.channels_in / self.groups
    }

    /// Channels of the output in a group.
    pub(crate) fn group_out(&self) -> usize {
        self.channels_out / self.groups
    }

    /// Whether each channel is for itself.
    pub(crate) fn is_depthwise(&self) -> bool {
        self.groups > 1 && self.groups == self.channels_in && self.groups == self.channels_out
    }

    pub(crate) fn check_lengths(
        &self,
        input: &[f32],
        weight: &[f32],
        output: &[f32],
    ) -> Result<(), KernelError> {
        check_length("the input", input, self.input_length())?;
        check_length("the weight", weight, self.weight_length())?;
        check_length("the output", output, self.output_length())
    }
}

fn product(sizes: &[Option<usize>]) -> Option<usize> {
    sizes
        .iter()
        .try_fold(1_usize, |product, size| product.checked_mul((*size)?))
}
