//! Which classes were taken for which; precision, recall and F1 follow from it.

use serde::{Deserialize, Serialize};

/// Counts by true and predicted class.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ConfusionMatrix {
    /// `counts[true class][predicted class]`.
    pub counts: Vec<Vec<u64>>,
}

/// A per-class number averaged in the three usual ways.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Averages {
    /// The mean over classes that occur or are predicted.
    pub macro_average: f64,
    /// Over the pooled decisions of all classes; with one label per example, the accuracy.
    pub micro_average: f64,
    /// The mean over classes, weighted by how often each occurs.
    pub weighted_average: f64,
}

impl ConfusionMatrix {
    /// The matrix of `labels` against `predicted`, both below `classes`; each example is there so many `times`.
    pub(crate) fn new(
        labels: &[usize],
        predicted: &[usize],
        times: &[u32],
        classes: usize,
    ) -> Self {
        let mut counts = vec![vec![0; classes]; classes];
        for ((label, predicted), times) in labels.iter().zip(predicted).zip(times) {
            if let Some(count) = counts
                .get_mut(*label)
                .and_then(|row| row.get_mut(*predicted))
            {
                *count += u64::from(*times);
            }
        }
        Self { counts }
    }

    /// Whether it is of no class: where answers are numbers.
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// The number of examples.
    pub fn total(&self) -> u64 {
        self.counts.iter().flatten().sum()
    }

    /// How many were taken for what they are.
    pub fn correct(&self) -> u64 {
        (0..self.counts.len()).map(|class| self.hits(class)).sum()
    }

    /// How many of the class were taken for it.
    pub fn hits(&self, class: usize) -> u64 {
        let row = self.counts.get(class);
        row.and_then(|row| row.get(class)).copied().unwrap_or(0)
    }

    /// How often the class is true.
    pub fn support(&self, class: usize) -> u64 {
        self.counts.get(class).map_or(0, |row| row.iter().sum())
    }

    /// How often the class was predicted.
    pub fn predictions(&self, class: usize) -> u64 {
        self.counts.iter().filter_map(|row| row.get(class)).sum()
    }

    /// Hits among the predictions of the class; 0 when there is none.
    pub fn precision(&self, class: usize) -> f64 {
        ratio(self.hits(class), self.predictions(class))
    }

    /// Hits among the examples of the class; 0 when there is none.
    pub fn recall(&self, class: usize) -> f64 {
        ratio(self.hits(class), self.support(class))
    }

    /// The harmonic mean of precision and recall; 0 when the class neither occurs nor is predicted.
    pub fn f1(&self, class: usize) -> f64 {
        ratio(
            2 * self.hits(class),
            self.support(class) + self.predictions(class),
        )
    }

    /// The averages of `score`. A class that neither occurs nor is predicted does not count.
    pub(crate) fn averages(&self, score: impl Fn(usize) -> f64) -> Averages {
        let present: Vec<usize> = (0..self.counts.len())
            .filter(|class| self.support(*class) + self.predictions(*class) > 0)
            .collect();
        let sum: f64 = present.iter().map(|class| score(*class)).sum();
        let weighted: f64 = present
            .iter()
            .map(|class| score(*class) * self.support(*class) as f64)
            .sum();
        Averages {
            macro_average: sum / (present.len().max(1)) as f64,
            micro_average: ratio(self.correct(), self.total()),
            weighted_average: weighted / (self.total().max(1)) as f64,
        }
    }
}

fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        0.0
    } else {
        part as f64 / whole as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_that_never_come_do_not_count_and_nothing_divides_by_zero() {
        // Class 2 neither occurs nor is predicted; class 1 is never predicted.
        let matrix = ConfusionMatrix::new(&[0, 0, 1], &[0, 0, 0], &[1, 1, 1], 3);
        assert_eq!(matrix.counts, [[2, 0, 0], [1, 0, 0], [0, 0, 0]]);
        let averages = matrix.averages(|class| matrix.recall(class));
        assert!((averages.macro_average - 0.5).abs() < 1e-12);
        assert!((averages.micro_average - 2.0 / 3.0).abs() < 1e-12);
        assert!(matrix.precision(2).abs() < 1e-12 && matrix.f1(2).abs() < 1e-12);
    }
}
