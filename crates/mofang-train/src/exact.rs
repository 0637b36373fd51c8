//! `f64` in JSON as its bits: parsing decimal digits may be off by the last bit, and a resumed run
//! must not be.

use serde::de::Error as _;
use serde::{Deserialize as _, Deserializer, Serializer};

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the form that serde's `with` calls"
)]
pub(crate) fn serialize<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{:016x}", value.to_bits()))
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    let text = String::deserialize(deserializer)?;
    u64::from_str_radix(&text, 16)
        .map(f64::from_bits)
        .map_err(|_| D::Error::custom("expected the 16 hexadecimal digits of an f64"))
}
