//! The rectifiers, which other operations take in: `max(x, 0)` and `min(max(x, 0), 6)`.

/// What is done to each value at the end of an operation. A NaN stays one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Activation {
    /// Nothing.
    #[default]
    Identity,
    /// `max(x, 0)`
    Relu,
    /// `min(max(x, 0), 6)`: Krizhevsky 2010, "Convolutional deep belief networks on CIFAR-10".
    Relu6,
}

impl Activation {
    /// The values between which it lets pass.
    pub(crate) fn bounds(self) -> [f32; 2] {
        match self {
            Self::Identity => [f32::NEG_INFINITY, f32::INFINITY],
            Self::Relu => [0.0, f32::INFINITY],
            Self::Relu6 => [0.0, 6.0],
        }
    }
}

impl Activation {
    /// The values at or below and at or above which it stops a slope; NaN where there are none.
    pub(crate) fn stops(self) -> [f32; 2] {
        self.bounds()
            .map(|bound| if bound.is_finite() { bound } else { f32::NAN })
    }
}

/// `value` within the bounds; a NaN stays one, which `f32::max` would not leave.
#[inline]
pub(crate) fn clamp(value: f32, [low, high]: [f32; 2]) -> f32 {
    let value = if value < low { low } else { value };
    if value > high { high } else { value }
}
