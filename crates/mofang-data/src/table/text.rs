//! Rows from text: CSV with any delimiter, or a JSON object on each line.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;

use crate::{Cell, DataError, Row};

/// Most columns of a table (TRUST REL-32).
const COLUMNS_MAX: usize = 10_000;

/// Most bytes of a cell (REL-32).
const CELL_BYTES_MAX: usize = 1 << 20;

/// Most cells of JSON lines that lack most of their columns, 384 MiB: each line that lacks them is filled up.
const SPARSE_CELLS_MAX: usize = 1 << 24;

/// Of more cells than those one in so many has to stand in the file.
const SPARSE_CELLS_EACH: usize = 16;

/// What may stand between the cells of a row; the one that the first line has most of is taken.
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// How rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowFormat {
    /// A line of names, then a line for each row.
    Csv,
    /// A JSON object on each line.
    JsonLines,
}

impl RowFormat {
    /// The format that a file's name ends with; CSV for any other ending.
    pub fn of_name(name: &str) -> Self {
        let ending = name.rsplit('.').next().unwrap_or_default();
        if ["jsonl", "ndjson"]
            .iter()
            .any(|known| ending.eq_ignore_ascii_case(known))
        {
            Self::JsonLines
        } else {
            Self::Csv
        }
    }
}

/// A table as it stands in a file.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RawTable {
    /// The names of the columns.
    pub(crate) columns: Arc<[String]>,
    /// Line and cells of each row, or what is wrong with it.
    pub(crate) rows: Vec<(u64, Result<Vec<Cell>, String>)>,
}

/// Reads the rows of a request: each row, or why it is none. In CSV the first line names the columns.
///
/// Of more than `rows_max` rows those and one more are read, by which it shows that there are too many;
/// the others take no memory.
///
/// # Errors
/// When there is no row, or the names of the columns cannot be used.
pub fn read_rows(
    format: RowFormat,
    bytes: &[u8],
    rows_max: usize,
) -> Result<Vec<Result<Row, DataError>>, DataError> {
    let table = read_table("the table", format, bytes, &[], None, rows_max)?;
    let rows = table.rows.into_iter().map(|(line, cells)| match cells {
        Ok(cells) => Row::new(Arc::clone(&table.columns), cells),
        Err(reason) => Err(DataError::malformed(format!("line {line}"), reason)),
    });
    Ok(rows.collect())
}

/// Reads a table. `names` are those of its columns where it has no line of names; `delimiter` stands
/// between cells. Reading ends with the row after `rows_max`.
pub(crate) fn read_table(
    file: &str,
    format: RowFormat,
    bytes: &[u8],
    names: &[String],
    delimiter: Option<u8>,
    rows_max: usize,
) -> Result<RawTable, DataError> {
    // Written by programs that mean UTF-8.
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let table = match format {
        RowFormat::Csv => read_csv(file, bytes, names, delimiter, rows_max)?,
        RowFormat::JsonLines => read_json_lines(file, bytes, rows_max)?,
    };
    check_names(file, &table.columns)?;
    if table.rows.is_empty() {
        return Err(DataError::malformed(file, "there is no row in it"));
    }
    Ok(table)
}

fn check_count(file: &str, columns: usize) -> Result<(), DataError> {
    if columns == 0 || columns > COLUMNS_MAX {
        let reason = format!("{columns} columns, expected 1 to {COLUMNS_MAX}");
        return Err(DataError::malformed(file, reason));
    }
    Ok(())
}

fn check_names(file: &str, columns: &[String]) -> Result<(), DataError> {
    check_count(file, columns.len())?;
    let mut seen = BTreeSet::new();
    for (index, name) in columns.iter().enumerate() {
        let reason = if name.is_empty() {
            format!("column {} has no name", index + 1)
        } else if !seen.insert(name) {
            format!("the column \"{name}\" is there twice")
        } else {
            continue;
        };
        return Err(DataError::malformed(file, reason));
    }
    Ok(())
}

fn read_csv(
    file: &str,
    bytes: &[u8],
    names: &[String],
    delimiter: Option<u8>,
    rows_max: usize,
) -> Result<RawTable, DataError> {
    let mut reader = csv::ReaderBuilder::new()
        .flexible(true)
        .has_headers(names.is_empty())
        .delimiter(delimiter.unwrap_or_else(|| likely_delimiter(bytes)))
        .from_reader(bytes);
    let columns: Arc<[String]> = if names.is_empty() {
        let header = reader
            .headers()
            .map_err(|error| DataError::malformed(file, error))?;
        // Before each of them takes memory of its own.
        check_count(file, header.len())?;
        header.iter().map(|name| name.trim().to_owned()).collect()
    } else {
        names.into()
    };
    let mut rows = Vec::new();
    for record in reader.byte_records() {
        let record = record.map_err(|error| DataError::malformed(file, error))?;
        let line = record.position().map_or(0, csv::Position::line);
        // A line of blanks is no row.
        if record.len() == 1
            && record.iter().all(|cell| cell.trim_ascii().is_empty())
            && columns.len() > 1
        {
            continue;
        }
        rows.push((line, cells_of(&record, &columns)));
        if rows.len() > rows_max {
            break;
        }
    }
    Ok(RawTable { columns, rows })
}

fn cells_of(record: &csv::ByteRecord, columns: &[String]) -> Result<Vec<Cell>, String> {
    if record.len() != columns.len() {
        return Err(format!(
            "it has {} cells, and there are {} columns",
            record.len(),
            columns.len()
        ));
    }
    let cells = record.iter().zip(columns).map(|(bytes, name)| {
        if bytes.len() > CELL_BYTES_MAX {
            return Err(format!(
                "the column \"{name}\" has more than {CELL_BYTES_MAX} bytes"
            ));
        }
        let text = std::str::from_utf8(bytes)
            .map_err(|_| format!("the column \"{name}\" is not UTF-8"))?
            .trim();
        Ok(if text.is_empty() {
            Cell::Missing
        } else {
            Cell::Text(text.to_owned())
        })
    });
    cells.collect()
}

/// The delimiter that the first line has most of, outside of quotation marks; a comma where it has none.
fn likely_delimiter(bytes: &[u8]) -> u8 {
    let mut counts = [0_usize; DELIMITERS.len()];
    let mut is_quoted = false;
    let line = bytes.split(|byte| matches!(byte, b'\n' | b'\r')).next();
    for byte in line.unwrap_or_default() {
        is_quoted ^= *byte == b'"';
        let place = DELIMITERS.iter().position(|delimiter| delimiter == byte);
        if let (false, Some(count)) = (is_quoted, place.and_then(|place| counts.get_mut(place))) {
            *count += 1;
        }
    }
    let best = counts
        .iter()
        .zip(DELIMITERS)
        .rev()
        .max_by_key(|(count, _)| **count);
    best.map_or(b',', |(_, delimiter)| delimiter)
}

/// A column that a row lacks has no value in it.
fn read_json_lines(file: &str, bytes: &[u8], rows_max: usize) -> Result<RawTable, DataError> {
    let mut objects = Vec::new();
    let mut names = BTreeSet::new();
    let mut present = 0_usize;
    for (line, text) in (1_u64..).zip(bytes.split(|byte| *byte == b'\n')) {
        if text.trim_ascii().is_empty() {
            continue;
        }
        let object = serde_json::from_slice::<serde_json::Map<String, Value>>(text)
            .map_err(|error| format!("it is no JSON object: {error}"))
            .and_then(|object| Row::from_json(&object).map_err(|error| error.to_string()));
        if let Ok(row) = &object {
            names.extend(row.columns().iter().cloned());
            present += row.cells().len();
        }
        if names.len() > COLUMNS_MAX {
            return Err(DataError::malformed(
                file,
                format!("more than {COLUMNS_MAX} columns"),
            ));
        }
        objects.push((line, object));
        if objects.len() > rows_max {
            break;
        }
    }
    let cells_max = SPARSE_CELLS_MAX.max(present.saturating_mul(SPARSE_CELLS_EACH));
    if objects.len().saturating_mul(names.len()) > cells_max {
        return Err(DataError::malformed(
            file,
            format!(
                "its {} lines lack most of the {} columns that there are; write it as CSV",
                objects.len(),
                names.len()
            ),
        ));
    }
    let columns: Arc<[String]> = names.into_iter().collect();
    let cells = |row: &Row| {
        let mut cells = vec![Cell::Missing; columns.len()];
        for (name, cell) in row.columns().iter().zip(row.cells()) {
            // They come out of a set, and so are sorted.
            let place = columns.binary_search(name).ok();
            if let Some(own) = place.and_then(|place| cells.get_mut(place)) {
                own.clone_from(cell);
            }
        }
        cells
    };
    let rows = objects
        .iter()
        .map(|(line, row)| (*line, row.as_ref().map(cells).map_err(Clone::clone)))
        .collect();
    Ok(RawTable { columns, rows })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn csv(bytes: &[u8]) -> Result<Vec<Result<Row, DataError>>, DataError> {
        read_rows(RowFormat::Csv, bytes, usize::MAX)
    }

    #[test]
    fn csv_becomes_rows_whatever_stands_between_its_cells() {
        for text in [
            "a,b\n1, x\n\n,y\n",
            "\u{feff}a;b\r\n1;x\r\n;y\r\n",
            "a\tb\n1\t\"x\"\n\ty",
        ] {
            let rows: Vec<Row> = csv(text.as_bytes())
                .unwrap()
                .into_iter()
                .collect::<Result<_, _>>()
                .unwrap();
            assert_eq!(rows.len(), 2, "{text}");
            assert_eq!(rows[0].get("a"), Some(&Cell::Text("1".to_owned())));
            assert_eq!(rows[0].get("b"), Some(&Cell::Text("x".to_owned())));
            assert_eq!(rows[1].get("a"), Some(&Cell::Missing));
        }
    }

    #[test]
    fn a_bad_row_fails_alone_and_a_bad_table_whole() {
        let rows = csv(b"a,b\n1,2\n1\n1,2,3\n1,\xff\n").unwrap();
        let reasons: Vec<String> = rows
            .into_iter()
            .filter_map(Result::err)
            .map(|error| error.to_string())
            .collect();
        assert_eq!(
            reasons,
            [
                "line 3: it has 1 cells, and there are 2 columns",
                "line 4: it has 3 cells, and there are 2 columns",
                "line 5: the column \"b\" is not UTF-8",
            ]
        );
        for (bytes, part) in [
            (b"".as_slice(), "0 columns"),
            (b"a,b\n", "no row"),
            (b"a,a\n1,2\n", "\"a\" is there twice"),
            (b"a,\n1,2\n", "column 2 has no name"),
            (b"a,\xff\n1,2\n", "UTF-8"),
        ] {
            let message = csv(bytes).unwrap_err().to_string().to_lowercase();
            assert!(message.contains(&part.to_lowercase()), "{message}");
        }
    }

    #[test]
    fn json_lines_become_rows() {
        let text = "{\"a\": 1, \"b\": \"x\"}\n\n{\"b\": null, \"c\": true}\n[1]\n";
        let rows = read_rows(RowFormat::JsonLines, text.as_bytes(), usize::MAX).unwrap();
        let row = rows[1].as_ref().unwrap();
        assert_eq!(row.get("a"), Some(&Cell::Missing));
        assert_eq!(row.get("c"), Some(&Cell::Text("true".to_owned())));
        let message = rows[2].as_ref().unwrap_err().to_string();
        assert!(
            message.starts_with("line 4: it is no JSON object"),
            "{message}"
        );
    }

    #[test]
    fn reading_ends_with_the_row_after_the_most_that_are_wanted() {
        for (format, text) in [
            (RowFormat::Csv, format!("a\n{}", "1\n".repeat(1_000))),
            (RowFormat::JsonLines, "{\"a\": 1}\n".repeat(1_000)),
        ] {
            for (rows_max, count) in [(2, 3), (999, 1_000), (1_000, 1_000), (usize::MAX, 1_000)] {
                let rows = read_rows(format, text.as_bytes(), rows_max).unwrap();
                assert_eq!(rows.len(), count, "{format:?} of {rows_max}");
            }
        }
    }

    #[test]
    fn lines_that_lack_most_columns_are_not_filled_up_without_end() {
        let first: Vec<String> = (0..COLUMNS_MAX).map(|at| format!("\"{at}\":1")).collect();
        let text = format!("{{{}}}\n{}", first.join(","), "{}\n".repeat(40_000));
        let error = read_rows(RowFormat::JsonLines, text.as_bytes(), usize::MAX).unwrap_err();
        assert!(error.to_string().contains("lack most"), "{error}");
    }
}
