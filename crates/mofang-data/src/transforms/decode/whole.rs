//! Tells whether an image file is there to its end. Decoders fill what is missing of a truncated
//! file with grey and call it an image; a model must not be asked about grey.

use image::ImageFormat;

/// Whether the file has its end marker (PNG, JPEG). The decoder itself finds out for BMP, which has none.
pub(super) fn is_whole(format: ImageFormat, bytes: &[u8]) -> bool {
    if format == ImageFormat::Png {
        png_is_whole(bytes).is_some()
    } else if format == ImageFormat::Jpeg {
        jpeg_is_whole(bytes).is_some()
    } else {
        true
    }
}

/// Walks the chunks to IEND (PNG specification, section 5): length, type, data, checksum.
fn png_is_whole(bytes: &[u8]) -> Option<()> {
    let mut rest = bytes.get(8..)?;
    loop {
        let (length, after) = rest.split_first_chunk::<4>()?;
        let (kind, after) = after.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        rest = after.get(length.checked_add(4)?..)?;
        if kind == b"IEND" {
            return Some(());
        }
    }
}

/// Walks the segments to EOI (ITU-T T.81, annex B), skipping the entropy-coded data after each SOS.
fn jpeg_is_whole(bytes: &[u8]) -> Option<()> {
    const START_OF_SCAN: u8 = 0xda;
    const END_OF_IMAGE: u8 = 0xd9;
    let mut rest = bytes.get(2..)?;
    loop {
        let (marker, after) = next_marker(rest)?;
        rest = after;
        match marker {
            END_OF_IMAGE => return Some(()),
            // Restart markers, TEM and SOI have no length.
            0x01 | 0xd0..=0xd8 => {}
            _ => {
                let length = rest
                    .first_chunk::<2>()
                    .map(|two| u16::from_be_bytes(*two))?;
                rest = rest.get(usize::from(length)..)?;
                if marker == START_OF_SCAN {
                    rest = skip_scan(rest)?;
                }
            }
        }
    }
}

/// The next marker and what follows it; fill bytes before a marker are allowed.
fn next_marker(bytes: &[u8]) -> Option<(u8, &[u8])> {
    let start = bytes.iter().position(|byte| *byte == 0xff)?;
    let after = bytes.get(start..)?;
    let at = after.iter().position(|byte| *byte != 0xff)?;
    Some((*after.get(at)?, after.get(at + 1..)?))
}

/// Skips entropy-coded data: up to an `ff` that neither escapes (`ff 00`) nor restarts.
fn skip_scan(bytes: &[u8]) -> Option<&[u8]> {
    let mut rest = bytes;
    loop {
        let at = rest.iter().position(|byte| *byte == 0xff)?;
        match rest.get(at + 1)? {
            0x00 | 0xd0..=0xd7 => rest = rest.get(at + 2..)?,
            0xff => rest = rest.get(at + 1..)?,
            _ => return rest.get(at..),
        }
    }
}
