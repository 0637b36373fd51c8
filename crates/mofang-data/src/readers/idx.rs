//! IDX, the format of MNIST and its kin (plain or gzip): a big-endian header, then unsigned bytes.

use std::io::{self, Read};

use flate2::read::GzDecoder;

use crate::{DataError, Example, Pixels, RawExample, Target};

/// Most bytes that a file may unpack to.
const UNPACKED_BYTES_MAX: usize = 1 << 30;

/// Most bytes that are set aside before they have come.
const CAPACITY_BYTES_MAX: usize = 1 << 16;

/// Type code of unsigned bytes.
const UNSIGNED_BYTE: u8 = 0x08;

/// An IDX file after its header, unpacked as it is read.
struct Idx<'a> {
    file: &'a str,
    body: Box<dyn Read + 'a>,
    sizes: Vec<usize>,
}

impl<'a> Idx<'a> {
    /// Reads the header.
    fn open(file: &'a str, bytes: &'a [u8], dimensions: u8) -> Result<Self, DataError> {
        let body: Box<dyn Read + 'a> = if bytes.starts_with(&[0x1f, 0x8b]) {
            Box::new(GzDecoder::new(bytes))
        } else {
            Box::new(bytes)
        };
        let mut idx = Self {
            file,
            body,
            sizes: Vec::new(),
        };
        let magic: [u8; 4] = idx.read_header()?;
        if magic != [0, 0, UNSIGNED_BYTE, dimensions] {
            return Err(idx.malformed(format!(
                "begins with {magic:?}, not with the header of unsigned bytes in {dimensions} dimensions"
            )));
        }
        for _ in 0..dimensions {
            let size = u32::from_be_bytes(idx.read_header()?);
            idx.sizes.push(size as usize);
        }
        let total = idx
            .sizes
            .iter()
            .try_fold(1_usize, |product, size| product.checked_mul(*size));
        if total.is_none_or(|total| total > UNPACKED_BYTES_MAX) {
            return Err(idx.malformed(format!(
                "its header says {:?}, more than {UNPACKED_BYTES_MAX} bytes",
                idx.sizes
            )));
        }
        Ok(idx)
    }

    fn malformed(&self, reason: impl std::fmt::Display) -> DataError {
        DataError::malformed(self.file, reason)
    }

    fn read_header(&mut self) -> Result<[u8; 4], DataError> {
        let mut bytes = [0; 4];
        match self.body.read_exact(&mut bytes) {
            Ok(()) => Ok(bytes),
            Err(error) => Err(self.broken(&error)),
        }
    }

    fn broken(&self, error: &io::Error) -> DataError {
        if error.kind() == io::ErrorKind::UnexpectedEof {
            self.malformed(format!(
                "ends before its {:?} bytes are complete",
                self.sizes
            ))
        } else {
            self.malformed(format!("cannot be unpacked: {error}"))
        }
    }

    /// The next `length` bytes. Little memory is taken before they come: the header may lie.
    fn read_item(&mut self, length: usize) -> Result<Vec<u8>, DataError> {
        let mut item = Vec::with_capacity(length.min(CAPACITY_BYTES_MAX));
        let read = (&mut self.body).take(length as u64).read_to_end(&mut item);
        match read {
            Ok(count) if count == length => Ok(item),
            Ok(_) => Err(self.broken(&io::ErrorKind::UnexpectedEof.into())),
            Err(error) => Err(self.broken(&error)),
        }
    }

    /// Checks that nothing follows; for gzip this checks the checksum, too.
    fn finish(mut self) -> Result<(), DataError> {
        match self.body.read(&mut [0]) {
            Ok(0) => Ok(()),
            Ok(_) => {
                Err(self.malformed(format!("more bytes than its header says: {:?}", self.sizes)))
            }
            Err(error) => Err(self.broken(&error)),
        }
    }
}

/// Reads images `[count, height, width]` as grey pixels.
///
/// # Errors
/// When the file is not a whole IDX file of unsigned bytes in three dimensions.
pub fn read_idx_images(file: &str, bytes: &[u8]) -> Result<Vec<Pixels>, DataError> {
    let mut idx = Idx::open(file, bytes, 3)?;
    let [count, height, width] = *idx.sizes.as_slice() else {
        return Ok(Vec::new());
    };
    if height * width == 0 {
        return Err(idx.malformed("its images have no pixel"));
    }
    let images = (0..count)
        .map(|_| Pixels::new(height, width, 1, idx.read_item(height * width)?))
        .collect::<Result<_, _>>()?;
    idx.finish()?;
    Ok(images)
}

/// Reads labels `[count]`.
///
/// # Errors
/// When the file is not a whole IDX file of unsigned bytes in one dimension.
pub fn read_idx_labels(file: &str, bytes: &[u8]) -> Result<Vec<usize>, DataError> {
    let mut idx = Idx::open(file, bytes, 1)?;
    let count = idx.sizes.iter().product();
    let labels = idx.read_item(count)?;
    idx.finish()?;
    Ok(labels.into_iter().map(usize::from).collect())
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
            target: Target::Class(label),
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

    fn packed(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn images_and_labels_are_read_plain_and_packed() {
        let labels = [0, 0, 8, 1, 0, 0, 0, 2, 7, 9];
        for bytes in [images(), packed(&images())] {
            let examples = read_idx_pair(("i", &bytes), ("l", &labels)).unwrap();
            assert_eq!(examples.len(), 2);
            assert_eq!(examples[1].target, Target::Class(9));
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
        let mut empty = whole.clone();
        empty[12..16].copy_from_slice(&[0; 4]);
        assert!(read_idx_images("i", &empty).is_err());
        let longer = [whole.clone(), vec![0]].concat();
        assert!(read_idx_images("i", &longer).is_err());
        let mut floats = whole.clone();
        floats[2] = 0x0d;
        assert!(read_idx_images("i", &floats).is_err());
        let labels = [0, 0, 8, 1, 0, 0, 0, 2, 7, 9];
        for length in 0..labels.len() {
            assert!(
                read_idx_labels("l", &labels[..length]).is_err(),
                "labels of length {length}"
            );
        }
        let packed = packed(&whole);
        for length in 0..packed.len() {
            assert!(
                read_idx_images("i", &packed[..length]).is_err(),
                "packed length {length}"
            );
        }
        assert!(read_idx_pair(("i", &whole), ("l", &[0, 0, 8, 1, 0, 0, 0, 1, 7])).is_err());
    }
}
