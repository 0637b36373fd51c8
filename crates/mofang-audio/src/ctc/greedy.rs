//! The best class of each frame.

use super::{LogProbabilities, Symbol, Transcript};

/// Takes the best class of each frame, then joins repetitions and drops blanks.
pub fn greedy(probabilities: &LogProbabilities<'_>) -> Transcript {
    let mut symbols: Vec<Symbol> = Vec::new();
    let (mut log_probability, mut previous) = (0.0, probabilities.blank());
    for (frame, row) in probabilities.rows().enumerate() {
        let (class, best) = best(row);
        log_probability += f64::from(best);
        if class != probabilities.blank() {
            match symbols.last_mut() {
                Some(last) if class == previous => last.end_frame = frame + 1,
                _ => symbols.push(Symbol {
                    class,
                    start_frame: frame,
                    end_frame: frame + 1,
                }),
            }
        }
        previous = class;
    }
    Transcript {
        symbols,
        log_probability,
    }
}

/// The first of the largest values.
fn best(row: &[f32]) -> (usize, f32) {
    row.iter()
        .enumerate()
        .fold((0, f32::NEG_INFINITY), |best, (class, value)| {
            if *value > best.1 {
                (class, *value)
            } else {
                best
            }
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repetitions_are_joined_and_blanks_part_them() {
        // Classes: blank, a, b. The frames say: a a _ a b b _.
        let frames = [1, 1, 0, 1, 2, 2, 0];
        let values: Vec<f32> = frames
            .iter()
            .flat_map(|best| (0..3).map(move |class| if class == *best { 0.8_f32 } else { 0.1 }))
            .map(f32::ln)
            .collect();
        let probabilities = LogProbabilities::new(3, 0, &values).unwrap();
        let transcript = greedy(&probabilities);
        let symbols: Vec<(usize, usize, usize)> = transcript
            .symbols
            .iter()
            .map(|symbol| (symbol.class, symbol.start_frame, symbol.end_frame))
            .collect();
        assert_eq!(symbols, [(1, 0, 2), (1, 3, 4), (2, 4, 6)]);
        assert!((transcript.log_probability - 7.0 * 0.8_f64.ln()).abs() < 1e-6);
    }

    #[test]
    fn no_frames_give_no_symbols() {
        let probabilities = LogProbabilities::new(3, 0, &[]).unwrap();
        assert_eq!(greedy(&probabilities).symbols, []);
    }
}
