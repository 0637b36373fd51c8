//! Numbers of every kind as the `f32` that models take.

use half::{bf16, f16};

/// A number of a wire format.
pub(crate) trait ToModel: Sized {
    /// The `f32` for this number: equal to it when it is whole, the nearest when it is a fraction.
    /// `None` for a whole number that no `f32` is equal to.
    fn to_model(self) -> Option<f32>;
}

macro_rules! lossless {
    ($($type:ty),*) => {$(
        impl ToModel for $type {
            fn to_model(self) -> Option<f32> {
                Some(self.into())
            }
        }
    )*};
}

macro_rules! whole {
    ($($type:ty),*) => {$(
        impl ToModel for $type {
            #[expect(
                clippy::cast_precision_loss,
                clippy::cast_possible_truncation,
                reason = "a number that changes on the way is found out by going back"
            )]
            fn to_model(self) -> Option<f32> {
                let converted = self as f32;
                (converted as i128 == i128::from(self)).then_some(converted)
            }
        }
    )*};
}

lossless!(i8, u8, i16, u16, f32, f16, bf16);
whole!(i32, u32, i64, u64);

impl ToModel for f64 {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the nearest f32 is meant; one that is out of range becomes infinite and is refused as such"
    )]
    fn to_model(self) -> Option<f32> {
        Some(self as f32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_stay_equal_or_are_refused() {
        assert_eq!(16_777_216_i32.to_model(), Some(16_777_216.0));
        assert_eq!(16_777_217_i32.to_model(), None);
        assert_eq!(u32::MAX.to_model(), None);
        assert_eq!(i64::MIN.to_model(), Some(-9_223_372_036_854_775_808.0));
        assert_eq!(i64::MAX.to_model(), None);
        assert_eq!(u64::MAX.to_model(), None);
        assert_eq!((1_u64 << 63).to_model(), Some(9_223_372_036_854_775_808.0));
        assert_eq!(f16::from_f32(1.5).to_model(), Some(1.5));
        assert_eq!(bf16::from_f32(-2.0).to_model(), Some(-2.0));
    }
}
