//! Cross entropy between the softmax of each row and its class, with smoothed labels (Szegedy et al. 2015,
//! <https://arxiv.org/abs/1512.00567>), as PyTorch's `cross_entropy`.
//!
//! The loss of a row is `ln Σ eˣ - (1 - smoothing) · x_class - smoothing · mean x`; its gradient
//! `softmax(x) - (1 - smoothing) · [class] - smoothing / classes`.

use rayon::prelude::*;

use crate::error::check_length;
use crate::math::exp;
use crate::simd::multiversioned;
use crate::{KernelError, sums};

/// Values that a thread takes at least.
const PART: usize = 1 << 13;

/// Scores of classes, row by row, and what is asked of them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CrossEntropy {
    /// Rows.
    pub rows: usize,
    /// Scores of a row.
    pub classes: usize,
    /// The share of every label that goes to all classes alike.
    pub smoothing: f32,
    /// The class of rows that do not count, if any; PyTorch's is -100.
    pub ignored: Option<i64>,
}

/// What [`CrossEntropy::forward`] gives.
#[derive(Debug, Clone, PartialEq)]
pub struct CrossEntropyLoss {
    /// The sum over the rows that count.
    pub sum: f64,
    /// Rows that count; the mean is the sum over it.
    pub count: usize,
    /// `ln Σ eˣ` of each row, `[rows]`.
    pub logarithms: Vec<f32>,
}

impl CrossEntropy {
    /// `scores` is `[rows, classes]`, `targets` `[rows]`.
    ///
    /// # Errors
    /// When a slice has another length than its shape says, or there is no such class.
    pub fn forward(
        &self,
        scores: &[f32],
        targets: &[i64],
    ) -> Result<CrossEntropyLoss, KernelError> {
        self.check(scores, targets)?;
        let rows = self.rows_of_part();
        let mut logarithms = vec![0.0; self.rows];
        let mut losses = vec![0.0_f64; self.rows];
        logarithms
            .par_chunks_mut(rows)
            .zip(losses.par_chunks_mut(rows))
            .zip(scores.par_chunks((rows * self.classes).max(1)))
            .zip(targets.par_chunks(rows))
            .for_each(|(((logarithms, losses), scores), targets)| {
                let rows = scores.chunks_exact(self.classes.max(1)).zip(targets);
                let results = logarithms.iter_mut().zip(losses);
                for ((logarithm, loss), (scores, target)) in results.zip(rows) {
                    let sum = log_sum(scores);
                    *logarithm = sum as f32;
                    if let Some(class) = self.class(*target) {
                        let smoothing = f64::from(self.smoothing);
                        *loss = sum - (1.0 - smoothing) * f64::from(scores[class]);
                        if smoothing > 0.0 {
                            *loss -= smoothing * sums::sum(scores) / self.classes as f64;
                        }
                    }
                }
            });
        Ok(CrossEntropyLoss {
            sum: losses.iter().sum(),
            count: targets
                .iter()
                .filter(|target| self.counts(**target))
                .count(),
            logarithms,
        })
    }

    /// The gradient by the scores, times a factor: 1 for the sum, `1 / count` for the mean.
    ///
    /// # Errors
    /// As [`CrossEntropy::forward`].
    pub fn gradient(
        &self,
        scores: &[f32],
        targets: &[i64],
        logarithms: &[f32],
        factor: f32,
        score_gradient: &mut [f32],
    ) -> Result<(), KernelError> {
        self.check(scores, targets)?;
        check_length("the logarithms", logarithms, self.rows)?;
        check_length("the scores' gradient", score_gradient, scores.len())?;
        if scores.is_empty() {
            return Ok(());
        }
        let rows = self.rows_of_part();
        let everywhere = self.smoothing / self.classes as f32;
        score_gradient
            .par_chunks_mut(rows * self.classes)
            .zip(scores.par_chunks(rows * self.classes))
            .zip(logarithms.par_chunks(rows).zip(targets.par_chunks(rows)))
            .for_each(|((gradient, scores), (logarithms, targets))| {
                let rows = gradient
                    .chunks_exact_mut(self.classes)
                    .zip(scores.chunks_exact(self.classes));
                let known = logarithms.iter().zip(targets);
                for ((gradient, scores), (logarithm, target)) in rows.zip(known) {
                    let Some(class) = self.class(*target) else {
                        gradient.fill(0.0);
                        continue;
                    };
                    write_gradient(scores, *logarithm, everywhere, factor, gradient);
                    gradient[class] -= (1.0 - self.smoothing) * factor;
                }
            });
        Ok(())
    }

    fn check(&self, scores: &[f32], targets: &[i64]) -> Result<(), KernelError> {
        check_length("the scores", scores, self.rows.saturating_mul(self.classes))?;
        if targets.len() != self.rows {
            return Err(KernelError::Length {
                what: "the classes",
                expected: self.rows,
                actual: targets.len(),
            });
        }
        let missing = |target: &&i64| self.counts(**target) && self.class(**target).is_none();
        match targets.iter().find(missing) {
            None => Ok(()),
            Some(target) => Err(KernelError::Index {
                what: "the class of a row",
                index: *target,
                count: self.classes,
            }),
        }
    }

    fn counts(&self, target: i64) -> bool {
        self.ignored != Some(target)
    }

    /// The class of a row that counts.
    fn class(&self, target: i64) -> Option<usize> {
        let class = usize::try_from(target).ok();
        class.filter(|class| self.counts(target) && *class < self.classes)
    }

    fn rows_of_part(&self) -> usize {
        PART.div_ceil(self.classes.max(1))
    }
}

/// `ln Σ eˣ`
fn log_sum(values: &[f32]) -> f64 {
    let most = most(values);
    // Without any finite value the sum says what it is.
    let most = if most == f32::NEG_INFINITY { 0.0 } else { most };
    f64::from(most) + exponential_sum(values, most).ln()
}

multiversioned! {
    /// The largest value, whatever NaN there is.
    fn most(values: &[f32]) -> f32 {
        let mut most = [f32::NEG_INFINITY; 64];
        let (parts, rest) = values.as_chunks::<64>();
        for values in parts {
            for (most, value) in most.iter_mut().zip(values) {
                *most = if *value > *most { *value } else { *most };
            }
        }
        for (most, value) in most.iter_mut().zip(rest) {
            *most = if *value > *most { *value } else { *most };
        }
        most.into_iter().fold(f32::NEG_INFINITY, f32::max)
    }
}

multiversioned! {
    /// `Σ e^(x - most)`
    fn exponential_sum(values: &[f32], most: f32) -> f64 {
        let mut total = 0.0;
        let mut exponentials = [0.0_f32; 1024];
        for values in values.chunks(1024) {
            let exponentials = &mut exponentials[..values.len()];
            for (exponential, value) in exponentials.iter_mut().zip(values) {
                *exponential = exp(value - most);
            }
            let mut sums = [0.0_f32; 64];
            let (parts, rest) = exponentials.as_chunks::<64>();
            for values in parts {
                for (sum, value) in sums.iter_mut().zip(values) {
                    *sum += value;
                }
            }
            for (sum, value) in sums.iter_mut().zip(rest) {
                *sum += value;
            }
            total += sums::fold(sums);
        }
        total
    }
}

multiversioned! {
    fn write_gradient(
        scores: &[f32],
        logarithm: f32,
        everywhere: f32,
        factor: f32,
        gradient: &mut [f32],
    ) {
        for (gradient, score) in gradient.iter_mut().zip(scores) {
            *gradient = (exp(score - logarithm) - everywhere) * factor;
        }
    }
}
