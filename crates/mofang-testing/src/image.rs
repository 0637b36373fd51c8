//! Images to send, good and bad.

use mofang_data::{DataError, Pixels};

/// A picture of 8 × 8 grey pixels as a PNG file.
///
/// # Errors
/// When the encoder refuses it.
pub fn digit_png() -> Result<Vec<u8>, DataError> {
    let pixels = (0_u8..64).map(|index| index * 4).collect();
    Pixels::new(8, 8, 1, pixels)?.to_png()
}

/// A PNG file of a few bytes whose header promises 60 000 × 60 000 pixels.
///
/// # Errors
/// When the encoder refuses the image that it is made from.
pub fn bomb_png() -> Result<Vec<u8>, DataError> {
    let mut png = digit_png()?;
    // 8 bytes of signature, then the length, type and data of the header: width and height lead.
    let side = 60_000_u32.to_be_bytes();
    if let Some(sizes) = png.get_mut(16..24) {
        sizes[..4].copy_from_slice(&side);
        sizes[4..].copy_from_slice(&side);
    }
    let checksum = png.get(12..29).map(crc32).unwrap_or_default();
    if let Some(place) = png.get_mut(29..33) {
        place.copy_from_slice(&checksum.to_be_bytes());
    }
    Ok(png)
}

/// The checksum of PNG (ISO 3309), bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |checksum, byte| {
        (0..8).fold(checksum ^ u32::from(*byte), |checksum, _| {
            let carry = checksum & 1;
            (checksum >> 1) ^ (0xEDB8_8320 * carry)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::crc32;

    #[test]
    fn the_checksum_is_the_published_one() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
    }
}
