//! IDX, the format of MNIST and its kin (plain or gzip): a big-endian header, then unsigned bytes.

use std::io::Read as _;

use flate2::read::GzDecoder;

use crate::{DataError, Example, Pixels, RawExample};

/// Most bytes that a file may unpack to.
const UNPACKED_BYTES_MAX: u64 = 1 << 30;

/// Type code of unsigned bytes.
const UNSIGNED_BYTE: u8 = 0x08;

/// Unpacks a file that is gzip, and leaves any other as it is.
fn unpack(file: &str, bytes: &[u8]) -> Result<Vec<u8>, DataError> {
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return Ok(bytes.to_vec());
    }
    let mut unpacked = Vec::new();
    GzDecoder::new(bytes)
        .take(UNPACKED_BYTES_MAX + 1)
        .read_to_end(&mut unpacked)
        .map_err(|error| DataError::malformed(file, format!("not a whole gzip file: {error}")))?;
    if unpacked.len() as u64 > UNPACKED_BYTES_MAX {
        return Err(DataError::malformed(
            file,
            format!("unpacks to more than {UNPACKED_BYTES_MAX} bytes"),
        ));
    }
    Ok(unpacked)
}

/// Reads the header; gives the sizes of the dimensions and the bytes after it.
fn parse<'a>(
    file: &str,
    bytes: &'a [u8],
    dimensions: usize,
) -> Result<(Vec<usize>, &'a [u8]), DataError> {
    let malformed = |reason: String| DataError::malformed(file, reason);
    let (magic, rest) = bytes
        .split_first_chunk::<4>()
        .ok_or_else(|| malformed("shorter than a header".to_owned()))?;
    if *magic != [0, 0, UNSIGNED_BYTE, dimensions as u8] {
        return Err(malformed(format!(
            "begins with {magic:?}, not with the header of unsigned bytes in {dimensions} dimensions"
        )));
    }
    let (sizes, data) = rest
        .split_at_checked(4 * dimensions)
        .ok_or_else(|| malformed("shorter than its header".to_owned()))?;
    let sizes: Vec<usize> = sizes
        .chunks_exact(4)
        .filter_map(|size| size.try_into().ok())
        .map(|size: [u8; 4]| u32::from_be_bytes(size) as usize)
        .collect();
    let expected = sizes
        .iter()
        .try_fold(1_usize, |product, size| product.checked_mul(*size));
    if expected != Some(data.len()) {
        return Err(malformed(format!(
            "its header says {sizes:?}, but {} bytes follow",
            data.len()
        )));
    }
    Ok((sizes, data))
}

/// Reads images `[count, height, width]` as grey pixels.
///
/// # Errors
/// When the file is not a whole IDX file of unsigned bytes in three dimensions.
pub fn read_idx_images(file: &str, bytes: &[u8]) -> Result<Vec<Pixels>, DataError> {
    let unpacked = unpack(file, bytes)?;
    let (sizes, data) = parse(file, &unpacked, 3)?;
    let [_, height, width] = sizes.as_slice() else {
        return Ok(Vec::new());
    };
    if height * width == 0 {
        return Err(DataError::malformed(file, "its images have no pixel"));
    }
    data.chunks_exact(height * width)
        .map(|image| Pixels::new(*height, *width, 1, image.to_vec()))
        .collect()
}

/// Reads labels `[count]`.
///
/// # Errors
/// When the file is not a whole IDX file of unsigned bytes in one dimension.
pub fn read_idx_labels(file: &str, bytes: &[u8]) -> Result<Vec<usize>, DataError> {
    let unpacked = unpack(file, bytes)?;
    let (_, data) = parse(file, &unpacked, 1)?;
    Ok(data.iter().map(|label| usize::from(*label)).collect())
}

/// Reads a file of images and the file of their labels.
///
/// # Errors
/// When one of them is malformed, or they do not have the same number of items.
pub fn read_idx_pair(
    images: (&str, &[u8]),
    labels: (&str, &[u8]),
) -> Result<Vec<Example>, DataError> {
    let (name, bytes) = images;
    let pixels = read_idx_images(name, bytes)?;
    let classes = read_idx_labels(labels.0, labels.1)?;
    if pixels.len() != classes.len() {
        let reason = format!(
            "{} images, but {} has {} labels",
            pixels.len(),
            labels.0,
            classes.len()
        );
        return Err(DataError::malformed(name, reason));
    }
    let examples = pixels
        .into_iter()
        .zip(classes)
        .enumerate()
        .map(|(index, (pixels, label))| Example {
            id: format!("{name}#{index}"),
            input: RawExample::Pixels(pixels),
            label,
        });
    Ok(examples.collect())
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn images() -> Vec<u8> {
        let mut bytes = vec![0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2];
        bytes.extend([1, 2, 3, 4]);
        bytes
    }

    #[test]
    fn images_and_labels_are_read_plain_and_packed() {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(&images()).unwrap();
        let packed = packed.finish().unwrap();
        let labels = [0, 0, 8, 1, 0, 0, 0, 2, 7, 9];
        for bytes in [images(), packed] {
            let examples = read_idx_pair(("i", &bytes), ("l", &labels)).unwrap();
            assert_eq!(examples.len(), 2);
            assert_eq!(examples[1].label, 9);
            assert_eq!(
                examples[1].input,
                RawExample::Pixels(Pixels::new(1, 2, 1, vec![3, 4]).unwrap())
            );
        }
    }

    #[test]
    fn malformed_files_are_refused() {
        let whole = images();
        for length in 0..whole.len() {
            assert!(
                read_idx_images("i", &whole[..length]).is_err(),
                "length {length}"
            );
        }
        let mut huge = whole.clone();
        huge[4..8].copy_from_slice(&[0xff; 4]);
        assert!(read_idx_images("i", &huge).is_err());
        assert!(read_idx_pair(("i", &whole), ("l", &[0, 0, 8, 1, 0, 0, 0, 1, 7])).is_err());
    }
}
