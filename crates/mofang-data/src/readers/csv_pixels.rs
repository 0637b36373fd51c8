//! CSV with a column for each sample of an image and one for its label.

use csv::StringRecord;

use crate::{DataError, Example, Pixels, RawExample, RemovalReason, Removed, SplitName, Target};

use super::{ReadRows, class_of};

/// Most columns of a file (TRUST REL-32).
const COLUMNS_MAX: usize = 10_000;

/// Most bytes of a field (REL-32).
const FIELD_BYTES_MAX: usize = 1 << 20;

/// Where the samples and the label of a row stand.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CsvPixels<'a> {
    /// Rows of an image.
    pub height: usize,
    /// Columns of an image.
    pub width: usize,
    /// The largest sample, which becomes 255.
    pub sample_max: f32,
    /// The column of the label.
    pub label_column: &'a str,
}

/// Reads grey images: every column but that of the label is a sample, row by row of the image.
/// A row with another number of columns, or with a sample that is no number in range, is left out
/// and reported; one without a label keeps an index outside the labels, for cleaning to find.
///
/// # Errors
/// When the header does not fit, or the file is no CSV.
pub fn read_csv_pixels(
    file: &str,
    bytes: &[u8],
    layout: CsvPixels<'_>,
    labels: &[String],
) -> Result<ReadRows, DataError> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(bytes);
    let header = reader
        .headers()
        .map_err(|error| DataError::malformed(file, error))?
        .clone();
    let label_at = header
        .iter()
        .position(|name| name == layout.label_column)
        .ok_or_else(|| {
            DataError::malformed(file, format!("has no column \"{}\"", layout.label_column))
        })?;
    let samples = layout.height.checked_mul(layout.width).unwrap_or(0);
    if header.len() > COLUMNS_MAX || samples == 0 || header.len() - 1 != samples {
        let reason = format!(
            "{} columns, expected {} × {} samples and a label, at most {COLUMNS_MAX}",
            header.len(),
            layout.height,
            layout.width
        );
        return Err(DataError::malformed(file, reason));
    }
    let mut rows = ReadRows::default();
    for record in reader.records() {
        let record = record.map_err(|error| DataError::malformed(file, error))?;
        let line = record.position().map_or(0, csv::Position::line);
        if record.iter().any(|field| field.len() > FIELD_BYTES_MAX) {
            return Err(DataError::malformed(
                file,
                format!("line {line} has a field of more than {FIELD_BYTES_MAX} bytes"),
            ));
        }
        let id = format!("{file}:{line}");
        match samples_of(&record, &header, label_at, layout.sample_max) {
            Ok(data) => rows.examples.push(Example {
                id,
                input: RawExample::Pixels(Pixels::new(layout.height, layout.width, 1, data)?),
                target: Target::Class(class_of(
                    labels,
                    record.get(label_at).unwrap_or_default().trim(),
                )),
            }),
            Err((reason, detail)) => rows.removed.push(Removed {
                id,
                split: SplitName::Train,
                reason,
                detail,
            }),
        }
    }
    Ok(rows)
}

/// The samples of a row, scaled to 0..=255.
fn samples_of(
    record: &StringRecord,
    header: &StringRecord,
    label_at: usize,
    sample_max: f32,
) -> Result<Vec<u8>, (RemovalReason, String)> {
    if record.len() != header.len() {
        let detail = format!("{} columns instead of {}", record.len(), header.len());
        return Err((RemovalReason::WrongShape, detail));
    }
    record
        .iter()
        .zip(header)
        .enumerate()
        .filter(|(column, _)| *column != label_at)
        .map(|(_, (text, name))| {
            let sample = text.trim().parse::<f32>().ok();
            let sample = sample.filter(|sample| (0.0..=sample_max).contains(sample));
            sample
                .map(|sample| (sample / sample_max * 255.0).round() as u8)
                .ok_or_else(|| {
                    let text: String = text.chars().take(40).collect();
                    let detail = format!("column {name}: \"{text}\" is not in 0..={sample_max}");
                    (RemovalReason::Unreadable, detail)
                })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<ReadRows, DataError> {
        let layout = CsvPixels {
            height: 1,
            width: 2,
            sample_max: 16.0,
            label_column: "label",
        };
        let labels = ["0", "1"].map(str::to_owned);
        read_csv_pixels("f", text.as_bytes(), layout, &labels)
    }

    #[test]
    fn rows_become_images() {
        let rows = read("a,b,label\n0,16,1\n8,4,0\n0,0,\n").unwrap();
        assert_eq!(rows.examples[0].target, Target::Class(1));
        assert_eq!(rows.examples[1].id, "f:3");
        assert_eq!(
            rows.examples[1].input,
            RawExample::Pixels(Pixels::new(1, 2, 1, vec![128, 64]).unwrap())
        );
        // No label: an index that cleaning finds.
        assert_eq!(rows.examples[2].target, Target::Class(2));
        assert!(rows.removed.is_empty());
    }

    #[test]
    fn bad_rows_are_reported_and_bad_headers_refused() {
        for (row, reason) in [
            ("0,17,1", RemovalReason::Unreadable),
            ("0,-1,1", RemovalReason::Unreadable),
            ("0,NaN,1", RemovalReason::Unreadable),
            ("0,x,1", RemovalReason::Unreadable),
            ("0,1", RemovalReason::WrongShape),
            ("0,1,1,1", RemovalReason::WrongShape),
        ] {
            let rows = read(&format!("a,b,label\n{row}\n1,2,0\n")).unwrap();
            assert_eq!(rows.examples.len(), 1, "{row}");
            assert_eq!(rows.removed[0].reason, reason, "{row}");
            assert_eq!(rows.removed[0].id, "f:2");
        }
        for header in ["a,b", "a,label", "a,b,c,label", ""] {
            assert!(read(&format!("{header}\n0,1,1\n")).is_err(), "{header}");
        }
    }
}
