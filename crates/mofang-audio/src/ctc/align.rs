//! The frames of a known text: Viterbi's algorithm on the chain of symbols and blanks.

use super::{LogProbabilities, Symbol};
use crate::AudioError;

/// Most steps that are remembered, four to a byte: 256 MiB.
const CELLS_MAX: usize = 1 << 30;

/// Steps back on the best path, two bits each: how many states it came down.
struct Steps {
    packed: Vec<u8>,
}

impl Steps {
    fn new(cells: usize) -> Self {
        Self {
            packed: vec![0; cells.div_ceil(4)],
        }
    }

    fn set(&mut self, cell: usize, step: u8) {
        if let Some(byte) = self.packed.get_mut(cell / 4) {
            *byte |= step << (cell % 4 * 2);
        }
    }

    fn get(&self, cell: usize) -> usize {
        let byte = self.packed.get(cell / 4).copied().unwrap_or(0);
        usize::from((byte >> (cell % 4 * 2)) & 3)
    }
}

/// Where each of `classes` stands on their best path through the frames.
///
/// # Errors
/// A class that is the blank or none, a text that has more symbols than the frames can hold or that has
/// no probability, or one that is too long to be aligned in 256 MiB.
pub fn align(
    probabilities: &LogProbabilities<'_>,
    classes: &[usize],
) -> Result<Vec<Symbol>, AudioError> {
    let blank = probabilities.blank();
    if let Some(class) = classes
        .iter()
        .find(|class| **class == blank || **class >= probabilities.classes())
    {
        return Err(AudioError::InvalidSetting(format!(
            "class {class} is no symbol that can be aligned"
        )));
    }
    if classes.is_empty() {
        return Ok(Vec::new());
    }
    let frames = probabilities.frames();
    // A blank before, between and after the symbols.
    let states = 2 * classes.len() + 1;
    let cells = frames.saturating_mul(states);
    if cells > CELLS_MAX {
        return Err(AudioError::InvalidSetting(format!(
            "{} symbols in {frames} frames are too many to be aligned",
            classes.len()
        )));
    }
    let class_of = |state: usize| {
        if state.is_multiple_of(2) {
            blank
        } else {
            classes[state / 2]
        }
    };
    let mut steps = Steps::new(cells);
    let mut scores = vec![f64::NEG_INFINITY; states];
    for (frame, row) in probabilities.rows().enumerate() {
        // From the last state on, so that scores below are still those of the frame before.
        for state in (0..states).rev() {
            let value = f64::from(row[class_of(state)]);
            if frame == 0 {
                scores[state] = if state < 2 { value } else { f64::NEG_INFINITY };
                continue;
            }
            let (mut best, mut step) = (scores[state], 0);
            if state > 0 && scores[state - 1] > best {
                (best, step) = (scores[state - 1], 1);
            }
            // Two different symbols need no blank between them.
            let may_skip = state >= 3 && state % 2 == 1 && class_of(state) != class_of(state - 2);
            if may_skip && scores[state - 2] > best {
                (best, step) = (scores[state - 2], 2);
            }
            scores[state] = best + value;
            steps.set(frame * states + state, step);
        }
    }
    let last = if scores[states - 2] > scores[states - 1] {
        states - 2
    } else {
        states - 1
    };
    if frames == 0 || scores[last] == f64::NEG_INFINITY {
        return Err(AudioError::InvalidSetting(format!(
            "{} symbols have no path through {frames} frames",
            classes.len()
        )));
    }
    Ok(walk_back(&steps, frames, states, last, classes))
}

fn walk_back(
    steps: &Steps,
    frames: usize,
    states: usize,
    last: usize,
    classes: &[usize],
) -> Vec<Symbol> {
    let mut symbols: Vec<Symbol> = classes
        .iter()
        .map(|class| Symbol {
            class: *class,
            start_frame: 0,
            end_frame: 0,
        })
        .collect();
    let mut state = last;
    for frame in (0..frames).rev() {
        if state % 2 == 1 {
            let symbol = &mut symbols[state / 2];
            symbol.start_frame = frame;
            symbol.end_frame = symbol.end_frame.max(frame + 1);
        }
        state -= steps.get(frame * states + state).min(state);
    }
    symbols
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Log-probabilities in which each frame's class has 0.9 and the others share the rest.
    fn peaked(classes: usize, frames: &[usize]) -> Vec<f32> {
        let rest = 0.1 / (classes - 1) as f32;
        frames
            .iter()
            .flat_map(|best| {
                (0..classes).map(move |class| if class == *best { 0.9_f32 } else { rest })
            })
            .map(f32::ln)
            .collect()
    }

    fn frames_of(symbols: &[Symbol]) -> Vec<(usize, usize)> {
        symbols
            .iter()
            .map(|symbol| (symbol.start_frame, symbol.end_frame))
            .collect()
    }

    #[test]
    fn symbols_stand_where_their_peaks_are() {
        let values = peaked(4, &[0, 1, 1, 0, 1, 2, 2, 2, 0, 3]);
        let probabilities = LogProbabilities::new(4, 0, &values).unwrap();
        let symbols = align(&probabilities, &[1, 1, 2, 3]).unwrap();
        assert_eq!(frames_of(&symbols), [(1, 3), (4, 5), (5, 8), (9, 10)]);
        // A symbol that is not heard has to stand somewhere.
        let symbols = align(&probabilities, &[1, 1, 2, 1, 3]).unwrap();
        assert_eq!(symbols.len(), 5);
        assert_eq!(frames_of(&symbols)[4], (9, 10));
    }

    #[test]
    fn what_has_no_path_is_an_error() {
        let values = peaked(3, &[1, 1, 2]);
        let probabilities = LogProbabilities::new(3, 0, &values).unwrap();
        assert_eq!(align(&probabilities, &[]).unwrap(), []);
        assert!(align(&probabilities, &[1, 2, 1]).is_ok());
        // The same symbol twice needs a blank between.
        assert!(align(&probabilities, &[1, 1, 2]).is_err());
        assert!(align(&probabilities, &[1, 2, 1, 2]).is_err());
        assert!(align(&probabilities, &[0]).is_err());
        assert!(align(&probabilities, &[3]).is_err());
        let none = LogProbabilities::new(3, 0, &[]).unwrap();
        assert!(align(&none, &[1]).is_err());
    }
}
