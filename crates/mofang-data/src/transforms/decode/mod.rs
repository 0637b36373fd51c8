//! Reads an image file within limits that are checked on its header, before anything is decoded.

mod whole;

use std::io::Cursor;

use image::{ColorType, DynamicImage, ImageDecoder as _, ImageFormat, ImageReader, Limits};
use serde::{Deserialize, Serialize};

use crate::{DataError, Pixels};

/// Most pixels of an image (TRUST REL-32: 64 megapixels).
pub(crate) const PIXELS_MAX: u64 = 64 * 1024 * 1024;

/// Most bytes of a decoded image (REL-32: 128 MiB).
pub(crate) const DECODED_BYTES_MAX: u64 = 128 * 1024 * 1024;

/// Most pixels in one direction: what a JPEG file can have.
const SIDE_MAX: u32 = 65_535;

/// Reads a PNG, JPEG or BMP file. Orientation tags are not applied: the samples come as they are stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decode {}

/// Decodes the bytes of an image file to grey or RGB samples of 8 bits; transparency is dropped.
pub(crate) fn decode(bytes: &[u8]) -> Result<Pixels, DataError> {
    let unreadable = |error: image::ImageError| DataError::UnreadableImage(error.to_string());
    let format = image::guess_format(bytes).map_err(|_| {
        DataError::UnreadableImage("the bytes are no PNG, JPEG or BMP file".to_owned())
    })?;
    if !matches!(
        format,
        ImageFormat::Png | ImageFormat::Jpeg | ImageFormat::Bmp
    ) {
        return Err(DataError::UnreadableImage(format!(
            "{format:?} files are not accepted; send PNG, JPEG or BMP"
        )));
    }
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut limits = Limits::default();
    limits.max_alloc = Some(DECODED_BYTES_MAX);
    reader.limits(limits);
    let decoder = reader.into_decoder().map_err(unreadable)?;
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > PIXELS_MAX
        || decoder.total_bytes() > DECODED_BYTES_MAX
        || width.max(height) > SIDE_MAX
    {
        return Err(DataError::ImageTooLarge { width, height });
    }
    if !whole::is_whole(format, bytes) {
        return Err(DataError::UnreadableImage(
            "the file is truncated: its end is missing".to_owned(),
        ));
    }
    let grayscale = matches!(
        decoder.color_type(),
        ColorType::L8 | ColorType::La8 | ColorType::L16 | ColorType::La16
    );
    let image = DynamicImage::from_decoder(decoder).map_err(unreadable)?;
    let (height, width) = (height as usize, width as usize);
    if grayscale {
        Pixels::new(height, width, 1, image.into_luma8().into_raw())
    } else {
        Pixels::new(height, width, 3, image.into_rgb8().into_raw())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A picture of 16 × 16 pixels as a file.
    fn file(format: ImageFormat) -> Vec<u8> {
        let image = image::RgbImage::from_fn(16, 16, |x, y| {
            image::Rgb([(x * 16) as u8, (y * 16) as u8, (x * y) as u8])
        });
        let mut bytes = Cursor::new(Vec::new());
        image.write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    }

    fn png() -> Vec<u8> {
        let data: Vec<u8> = (0..48).collect();
        Pixels::new(4, 4, 3, data).unwrap().to_png().unwrap()
    }

    #[test]
    fn a_png_comes_back_as_it_was() {
        let pixels = decode(&png()).unwrap();
        assert_eq!(
            (pixels.height(), pixels.width(), pixels.channels()),
            (4, 4, 3)
        );
        assert_eq!(pixels.data(), (0..48).collect::<Vec<u8>>());
    }

    #[test]
    fn every_truncation_is_refused_without_a_panic() {
        for format in [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::Bmp] {
            let whole = file(format);
            assert!(decode(&whole).is_ok(), "{format:?}");
            for length in 0..whole.len() {
                let result = decode(&whole[..length]);
                assert!(
                    matches!(result, Err(DataError::UnreadableImage(_))),
                    "{format:?}, length {length}: {result:?}"
                );
            }
        }
    }

    #[test]
    fn no_single_wrong_byte_panics() {
        for format in [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::Bmp] {
            let whole = file(format);
            for at in 0..whole.len() {
                let mut damaged = whole.clone();
                damaged[at] ^= 0xff;
                // Some damage is no error (a sample of a BMP); none is a panic.
                drop(decode(&damaged));
            }
        }
    }

    /// A PNG whose header claims another size, with the right checksum.
    fn claiming(width: u32, height: u32) -> Vec<u8> {
        let mut bomb = png();
        // IHDR: width and height stand at 16..24, the checksum of the chunk at 29..33.
        bomb[16..20].copy_from_slice(&width.to_be_bytes());
        bomb[20..24].copy_from_slice(&height.to_be_bytes());
        let checksum = crc32(&bomb[12..29]);
        bomb[29..33].copy_from_slice(&checksum.to_be_bytes());
        bomb
    }

    #[test]
    fn sec_7_a_pixel_bomb_is_refused_by_its_header() {
        // Too many pixels; too many bytes; too long and thin, which a resize would make huge.
        for (width, height) in [(60_000, 60_000), (8_000, 8_000), (70_000, 1), (1, 70_000)] {
            let result = decode(&claiming(width, height));
            assert!(
                matches!(result, Err(DataError::ImageTooLarge { .. })),
                "{width} × {height}: {result:?}"
            );
        }
    }

    /// The checksum of PNG chunks (RFC 2083, appendix 15).
    fn crc32(bytes: &[u8]) -> u32 {
        !bytes.iter().fold(!0_u32, |crc, byte| {
            (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
                if crc & 1 == 1 {
                    (crc >> 1) ^ 0xedb8_8320
                } else {
                    crc >> 1
                }
            })
        })
    }
}
