//! The loss over the steps of a run.

use super::svg::{Anchor, Svg};
use crate::run_state::EpochRecord;

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 360.0;
const LEFT: f64 = 60.0;
const RIGHT: f64 = 20.0;
const TOP: f64 = 30.0;
const BOTTOM: f64 = 40.0;

/// The most points that the training curve is drawn with; more are averaged.
const POINTS_MAX: usize = 400;

/// How many lines divide an axis, about.
const TICKS: f64 = 5.0;

const TRAIN_COLOR: &str = "#8fb4de";
const EPOCH_COLOR: &str = "#1f5fa8";
const VALIDATION_COLOR: &str = "#d1661f";
const GRID_COLOR: &str = "#e3e3e3";
const TEXT_COLOR: &str = "#444444";

/// The training loss of each step and epoch and the validation loss of each epoch.
pub(super) fn draw(losses: &[(u64, f64)], epochs: &[EpochRecord]) -> String {
    let train = averaged(losses);
    let by_epoch: Vec<(f64, f64)> = epochs
        .iter()
        .map(|epoch| (epoch.step as f64, epoch.loss))
        .collect();
    let validation: Vec<(f64, f64)> = epochs
        .iter()
        .filter_map(|epoch| Some((epoch.step as f64, *epoch.validation.get("log_loss")?)))
        .collect();
    let points = || train.iter().chain(&by_epoch).chain(&validation);
    let steps = points().map(|(step, _)| *step).fold(1.0, f64::max);
    let highest = points()
        .map(|(_, loss)| *loss)
        .fold(0.0, f64::max)
        .max(1e-9);
    let place = |(step, loss): &(f64, f64)| {
        (
            LEFT + step / steps * (WIDTH - LEFT - RIGHT),
            HEIGHT - BOTTOM - loss / highest * (HEIGHT - TOP - BOTTOM),
        )
    };

    let mut svg = Svg::new(WIDTH, HEIGHT, "loss over steps");
    for value in ticks(highest) {
        let (_, y) = place(&(0.0, value));
        svg.line(&[(LEFT, y), (WIDTH - RIGHT, y)], GRID_COLOR, 1.0);
        svg.text(
            (LEFT - 6.0, y + 4.0),
            11.0,
            Anchor::End,
            TEXT_COLOR,
            &number(value),
        );
    }
    for value in ticks(steps) {
        let (x, y) = place(&(value, 0.0));
        svg.text(
            (x, y + 16.0),
            11.0,
            Anchor::Middle,
            TEXT_COLOR,
            &number(value),
        );
    }
    svg.text(
        (WIDTH / 2.0, HEIGHT - 6.0),
        12.0,
        Anchor::Middle,
        TEXT_COLOR,
        "step",
    );
    let placed = |points: &[(f64, f64)]| points.iter().map(place).collect::<Vec<_>>();
    svg.line(&placed(&train), TRAIN_COLOR, 1.0);
    for (points, color) in [(&by_epoch, EPOCH_COLOR), (&validation, VALIDATION_COLOR)] {
        svg.line(&placed(points), color, 2.0);
        for point in points {
            svg.dot(place(point), 3.0, color);
        }
    }
    let legend = [
        ("loss of a step", TRAIN_COLOR),
        ("of an epoch", EPOCH_COLOR),
        ("on the validation split", VALIDATION_COLOR),
    ];
    for (index, (text, color)) in legend.into_iter().enumerate() {
        let x = LEFT + 10.0 + index as f64 * 150.0;
        svg.rectangle([x, 10.0, 14.0, 4.0], color);
        svg.text((x + 20.0, 16.0), 12.0, Anchor::Start, TEXT_COLOR, text);
    }
    svg.finish()
}

/// The curve with neighbours averaged, so that a long run is as light as a short one.
fn averaged(losses: &[(u64, f64)]) -> Vec<(f64, f64)> {
    let size = losses.len().div_ceil(POINTS_MAX).max(1);
    losses
        .chunks(size)
        .map(|chunk| {
            let sum: f64 = chunk.iter().map(|(_, loss)| loss).sum();
            let last = chunk.last().map_or(0, |(step, _)| *step);
            (last as f64, sum / chunk.len() as f64)
        })
        .collect()
}

/// Round values from `low` to `high`.
pub(super) fn ticks_between(low: f64, high: f64) -> Vec<f64> {
    let step = round_step(high - low);
    let first = (low / step).ceil();
    (0_u8..20)
        .map(|index| (first + f64::from(index)) * step)
        .take_while(|value| *value <= high)
        .collect()
}

/// A round number of which about [`TICKS`] make `length`.
fn round_step(length: f64) -> f64 {
    let rough = length / TICKS;
    let power = 10.0_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power);
    step.into_iter()
        .find(|step| *step >= rough)
        .unwrap_or(rough)
}

/// Round values from 0 to `highest`.
fn ticks(highest: f64) -> Vec<f64> {
    let step = round_step(highest);
    (0_u8..20)
        .map(|index| f64::from(index) * step)
        .take_while(|value| *value <= highest)
        .collect()
}

/// A number with no more digits than it needs.
pub(super) fn number(value: f64) -> String {
    let text = format!("{value:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round() {
        assert_eq!(
            ticks(2.3)
                .iter()
                .map(|tick| number(*tick))
                .collect::<Vec<_>>(),
            ["0", "0.5", "1", "1.5", "2"]
        );
        assert_eq!(ticks(938.0).len(), 5);
    }

    #[test]
    fn a_long_run_is_drawn_with_few_points_and_no_run_at_all_is_a_picture_too() {
        let losses: Vec<(u64, f64)> = (1..=100_000).map(|step| (step, 1.0)).collect();
        assert_eq!(averaged(&losses).len(), POINTS_MAX);
        let text = draw(&[], &[]);
        assert!(
            text.starts_with("<svg") && !text.contains("NaN") && !text.contains("inf"),
            "{text}"
        );
    }
}
