//! The confusion matrix as a picture.

use super::svg::{Anchor, Svg, shortened};
use crate::metrics::ConfusionMatrix;

const MARGIN: f64 = 120.0;
const LABEL_LENGTH: usize = 16;
const TEXT_COLOR: &str = "#333333";

/// Above so many classes, cells are drawn without numbers and labels.
const NUMBERED_CLASSES_MAX: usize = 40;

/// True classes down, predicted ones across; the darker, the larger the share of its row.
pub(super) fn draw(confusion: &ConfusionMatrix, labels: &[String]) -> String {
    let classes = confusion.counts.len();
    let is_numbered = classes <= NUMBERED_CLASSES_MAX;
    let cell = if is_numbered {
        44.0
    } else {
        (1760.0 / classes.max(1) as f64).max(1.0)
    };
    let side = MARGIN + cell * classes as f64;
    let mut svg = Svg::new(side + 20.0, side + 20.0, "confusion matrix");
    svg.text(
        (MARGIN - 8.0, 20.0),
        12.0,
        Anchor::End,
        TEXT_COLOR,
        "true ↓ predicted →",
    );
    for (row, counts) in confusion.counts.iter().enumerate() {
        let y = MARGIN + row as f64 * cell;
        let support = confusion.support(row).max(1);
        for (column, count) in counts.iter().enumerate() {
            let x = MARGIN + column as f64 * cell;
            let share = *count as f64 / support as f64;
            svg.rectangle([x, y, cell - 1.0, cell - 1.0], &shade(share));
            if is_numbered && *count > 0 {
                let color = if share > 0.5 { "#ffffff" } else { TEXT_COLOR };
                let middle = (x + cell / 2.0, y + cell / 2.0 + 4.0);
                svg.text(middle, 12.0, Anchor::Middle, color, &count.to_string());
            }
        }
        if let (true, Some(label)) = (is_numbered, labels.get(row)) {
            let label = shortened(label, LABEL_LENGTH);
            svg.text(
                (MARGIN - 8.0, y + cell / 2.0 + 4.0),
                12.0,
                Anchor::End,
                TEXT_COLOR,
                &label,
            );
            // Headings stand in turn on four heights, so that neighbours do not overlap.
            let height = MARGIN - 12.0 - 18.0 * (row % 4) as f64;
            svg.text(
                (MARGIN + (row as f64 + 0.5) * cell, height),
                11.0,
                Anchor::Middle,
                TEXT_COLOR,
                &label,
            );
        }
    }
    svg.finish()
}

/// From near white to dark blue.
fn shade(share: f64) -> String {
    let mix = |light: f64, dark: f64| light + (dark - light) * share.clamp(0.0, 1.0).sqrt();
    format!(
        "rgb({:.0},{:.0},{:.0})",
        mix(244.0, 16.0),
        mix(247.0, 72.0),
        mix(251.0, 140.0)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_count_is_written_and_a_large_matrix_stays_small() {
        let confusion = ConfusionMatrix {
            counts: vec![vec![41, 2], vec![0, 37]],
        };
        let text = draw(&confusion, &["cat".to_owned(), "dog & co".to_owned()]);
        for part in [">41<", ">2<", ">37<", ">cat<", "dog &amp; co"] {
            assert!(text.contains(part), "{part} is not in {text}");
        }
        assert!(!text.contains(">0<"));
        let large = ConfusionMatrix {
            counts: vec![vec![1; 60]; 60],
        };
        assert!(!draw(&large, &[]).contains(">1<"));
    }
}
