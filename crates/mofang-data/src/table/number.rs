//! Cells as numbers, as texts, or as nothing.

use crate::Cell;

/// The texts that say that there is no value, in small letters.
const MISSING: [&str; 6] = ["", "?", "na", "n/a", "nan", "null"];

/// Whether a cell has no value: it is missing, says so, or is one of `more`.
pub(crate) fn is_missing(cell: &Cell, more: &[String]) -> bool {
    match cell {
        Cell::Missing => true,
        Cell::Number(number) => number.is_nan(),
        Cell::Text(text) => {
            let text = text.trim();
            MISSING.iter().any(|word| text.eq_ignore_ascii_case(word))
                || more.iter().any(|word| word == text)
        }
    }
}

/// The finite number that a cell is.
pub(crate) fn number_of(cell: &Cell) -> Option<f64> {
    let number = match cell {
        Cell::Missing => None,
        Cell::Number(number) => Some(*number),
        Cell::Text(text) => parse(text.trim()),
    };
    number.filter(|number| number.is_finite())
}

/// Rust also reads `inf`, `nan` and their like, which no column of numbers means.
fn parse(text: &str) -> Option<f64> {
    let first = text.trim_start_matches(['+', '-']).chars().next()?;
    if first.is_ascii_digit() || first == '.' {
        text.parse().ok()
    } else {
        None
    }
}

/// The text that a cell is; a whole number has no point.
pub(crate) fn text_of(cell: &Cell) -> String {
    match cell {
        Cell::Missing => String::new(),
        Cell::Number(number) => number.to_string(),
        Cell::Text(text) => text.trim().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_numbers_are_numbers_and_nothing_else_is() {
        for (text, number) in [
            ("39", Some(39.0)),
            (" -1.5e3 ", Some(-1500.0)),
            (".5", Some(0.5)),
            ("inf", None),
            ("NaN", None),
            ("1,000", None),
            ("1e999", None),
            ("", None),
            ("-", None),
        ] {
            assert_eq!(number_of(&Cell::Text(text.to_owned())), number, "{text}");
        }
        assert_eq!(number_of(&Cell::Number(f64::INFINITY)), None);
    }

    #[test]
    fn what_says_that_there_is_nothing_is_missing() {
        for text in ["", "  ", "?", "NA", "n/a", "NaN", "null"] {
            assert!(is_missing(&Cell::Text(text.to_owned()), &[]), "{text}");
        }
        let unknown = Cell::Text("unknown".to_owned());
        assert!(!is_missing(&unknown, &[]));
        assert!(is_missing(&unknown, &["unknown".to_owned()]));
        // A category of that name is common.
        assert!(!is_missing(&Cell::Text("None".to_owned()), &[]));
    }
}
