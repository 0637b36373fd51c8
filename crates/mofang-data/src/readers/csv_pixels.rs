//! CSV with a column for each sample of an image and one for its label.

use crate::{DataError, Example, Pixels, RawExample};

use super::class_of;

/// Most columns of a file.
const COLUMNS_MAX: usize = 10_000;

/// Reads grey images of `height` × `width`: every column but `label_column` is a sample, row by row.
/// Samples run from 0 to `sample_max`, which becomes 255.
///
/// # Errors
/// When a line has another number of columns, a sample is not a number in range, or the label's
/// column is missing.
pub fn read_csv_pixels(
    file: &str,
    bytes: &[u8],
    (height, width): (usize, usize),
    sample_max: f32,
    label_column: &str,
    labels: &[String],
) -> Result<Vec<Example>, DataError> {
    let mut reader = csv::Reader::from_reader(bytes);
    let header = reader
        .headers()
        .map_err(|error| DataError::malformed(file, error))?
        .clone();
    let label_at = header
        .iter()
        .position(|name| name == label_column)
        .ok_or_else(|| DataError::malformed(file, format!("has no column \"{label_column}\"")))?;
    if header.len() > COLUMNS_MAX || header.len() != height * width + 1 {
        let reason = format!(
            "{} columns, expected {height} × {width} samples and a label",
            header.len()
        );
        return Err(DataError::malformed(file, reason));
    }
    let mut examples = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| DataError::malformed(file, error))?;
        let line = record.position().map_or(0, csv::Position::line);
        let mut data = Vec::with_capacity(height * width);
        for (column, text) in record
            .iter()
            .enumerate()
            .filter(|(column, _)| *column != label_at)
        {
            let sample = text
                .trim()
                .parse::<f32>()
                .ok()
                .filter(|value| (0.0..=sample_max).contains(value));
            let sample = sample.ok_or_else(|| {
                let name = header.get(column).unwrap_or_default();
                DataError::malformed(
                    file,
                    format!("line {line}, column {name}: \"{text}\" is not in 0..={sample_max}"),
                )
            })?;
            data.push((sample / sample_max * 255.0).round() as u8);
        }
        examples.push(Example {
            id: format!("{file}#{}", examples.len()),
            input: RawExample::Pixels(Pixels::new(height, width, 1, data)?),
            label: class_of(labels, record.get(label_at).unwrap_or_default().trim()),
        });
    }
    Ok(examples)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_become_images() {
        let labels = ["0", "1"].map(str::to_owned);
        let read =
            |text: &str| read_csv_pixels("f", text.as_bytes(), (1, 2), 16.0, "label", &labels);
        let examples = read("a,b,label\n0,16,1\n8,4,0\n").unwrap();
        assert_eq!(examples[0].label, 1);
        assert_eq!(
            examples[1].input,
            RawExample::Pixels(Pixels::new(1, 2, 1, vec![128, 64]).unwrap())
        );
        for text in [
            "a,b\n0,1\n",
            "a,b,label\n0,17,1\n",
            "a,b,label\n0,x,1\n",
            "a,b,label\n0,1\n",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
