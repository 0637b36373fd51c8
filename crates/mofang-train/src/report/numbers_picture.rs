//! Predicted over true numbers.

use super::loss_curve::{number, ticks_between};
use super::svg::{Anchor, Svg};

const SIDE: f64 = 480.0;
const LEFT: f64 = 70.0;
const MARGIN: f64 = 40.0;
const POINT_COLOR: &str = "#1f5fa8";
const LINE_COLOR: &str = "#d1661f";
const GRID_COLOR: &str = "#e3e3e3";
const TEXT_COLOR: &str = "#444444";

/// A point for each pair of true and predicted number; on the line both are the same.
pub(super) fn draw(pairs: &[(f64, f64)], name: &str) -> String {
    let all = || {
        pairs
            .iter()
            .flat_map(|(truth, predicted)| [*truth, *predicted])
    };
    let low = all().fold(f64::INFINITY, f64::min);
    let high = all().fold(f64::NEG_INFINITY, f64::max);
    let (low, high) = if low < high {
        (low, high)
    } else {
        (low - 1.0, low + 1.0)
    };
    let length = SIDE - LEFT - MARGIN;
    let place = |truth: f64, predicted: f64| {
        let share = |value: f64| (value - low) / (high - low);
        (
            LEFT + share(truth) * length,
            SIDE - MARGIN - share(predicted) * length,
        )
    };
    let mut svg = Svg::new(SIDE, SIDE, "predicted over true numbers");
    for value in ticks_between(low, high) {
        let (x, y) = place(value, value);
        svg.line(&[(LEFT, y), (SIDE - MARGIN, y)], GRID_COLOR, 1.0);
        svg.line(&[(x, MARGIN), (x, SIDE - MARGIN)], GRID_COLOR, 1.0);
        let text = number(value);
        svg.text((LEFT - 6.0, y + 4.0), 11.0, Anchor::End, TEXT_COLOR, &text);
        svg.text(
            (x, SIDE - MARGIN + 16.0),
            11.0,
            Anchor::Middle,
            TEXT_COLOR,
            &text,
        );
    }
    for (truth, predicted) in pairs {
        svg.dot(place(*truth, *predicted), 1.8, POINT_COLOR);
    }
    svg.line(&[place(low, low), place(high, high)], LINE_COLOR, 1.0);
    let title = format!("{name}: predicted ↑ over true →");
    svg.text(
        (LEFT, MARGIN - 14.0),
        12.0,
        Anchor::Start,
        TEXT_COLOR,
        &title,
    );
    svg.finish()
}
