//! The logarithmic samples of telephony (ITU-T G.711), as 16-bit linear ones.

/// A-law, even bits inverted.
pub(super) fn a_law(byte: u8) -> i16 {
    let byte = byte ^ 0x55;
    let (exponent, mantissa) = ((byte >> 4) & 0x07, i16::from(byte & 0x0f));
    let magnitude = if exponent == 0 {
        (mantissa << 4) | 0x08
    } else {
        ((mantissa << 4) | 0x108) << exponent.saturating_sub(1)
    };
    if byte & 0x80 == 0 {
        magnitude.saturating_neg()
    } else {
        magnitude
    }
}

/// µ-law, all bits inverted.
pub(super) fn mu_law(byte: u8) -> i16 {
    const BIAS: i16 = 0x84;
    let byte = !byte;
    let (exponent, mantissa) = ((byte >> 4) & 0x07, i16::from(byte & 0x0f));
    let magnitude = (((mantissa << 3) | BIAS) << exponent).saturating_sub(BIAS);
    if byte & 0x80 == 0 {
        magnitude
    } else {
        magnitude.saturating_neg()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_of_g711() {
        // Values of the tables of ITU-T G.711, scaled to 16 bits: largest, smallest, and two between.
        assert_eq!((a_law(0xd5), a_law(0x55)), (8, -8));
        assert_eq!((a_law(0xaa), a_law(0x2a)), (32_256, -32_256));
        assert_eq!(a_law(0xc5), 264);
        assert_eq!((mu_law(0xff), mu_law(0x7f)), (0, 0));
        assert_eq!((mu_law(0x80), mu_law(0x00)), (32_124, -32_124));
        assert_eq!(mu_law(0xef), 132);
    }
}
