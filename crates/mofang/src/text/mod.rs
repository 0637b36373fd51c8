//! How results look to people. Programs read the same as JSON.

mod card;
mod diff;
mod evaluation;
mod import_report;
mod outline;

pub(crate) use card::card;
pub(crate) use diff::diff;
pub(crate) use evaluation::evaluation;
pub(crate) use import_report::import_report;
pub(crate) use outline::outline;

/// Rows in columns that are as wide as their widest cell.
pub(crate) fn aligned(rows: &[Vec<String>]) -> String {
    let width = |cell: &String| cell.chars().count();
    let mut widths: Vec<usize> = Vec::new();
    for row in rows {
        for (column, cell) in row.iter().enumerate() {
            match widths.get_mut(column) {
                Some(widest) => *widest = (*widest).max(width(cell)),
                None => widths.push(width(cell)),
            }
        }
    }
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, widest) in row.iter().zip(&widths) {
            line.push_str(cell);
            line.extend(std::iter::repeat_n(' ', widest + 2 - width(cell)));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// A row of texts.
fn row<const N: usize>(cells: [&str; N]) -> Vec<String> {
    cells.map(str::to_owned).to_vec()
}

/// A heading with what stands below it, after an empty line.
fn section(text: &mut String, heading: &str, body: &str) {
    text.push('\n');
    text.push_str(heading);
    text.push('\n');
    for line in body.lines() {
        text.push_str("  ");
        text.push_str(line);
        text.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [row(["NAME", "N"]), row(["a", "1"]), row(["längst", ""])];
        assert_eq!(aligned(&rows), "NAME    N\na       1\nlängst\n");
    }

    #[test]
    fn a_section_is_indented_below_its_heading() {
        let mut text = "first\n".to_owned();
        section(&mut text, "second", "a\nb\n");
        assert_eq!(text, "first\n\nsecond\n  a\n  b\n");
    }
}
