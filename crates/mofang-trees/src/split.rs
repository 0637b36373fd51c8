//! The best split of a leaf.

use crate::Settings;
use crate::bins::{BINS, Binning, MISSING};
use crate::histogram::{Histogram, Sums};

/// A set of bins.
pub(crate) type BinSet = [u64; BINS / 64];

/// Whether a bin is in a set.
pub(crate) fn contains(set: &BinSet, bin: u8) -> bool {
    set[usize::from(bin) / 64] >> (bin % 64) & 1 == 1
}

fn insert(set: &mut BinSet, bin: usize) {
    set[bin / 64] |= 1 << (bin % 64);
}

/// Least second derivative of a leaf: scikit-learn's.
const HESSIAN_MIN: f64 = 1e-3;

/// Fewest rows of a category that has a say in how categories are divided: scikit-learn's.
const CATEGORY_ROWS_MIN: u32 = 10;

/// What draws the mean gradient of a small category to zero when they are sorted: `LightGBM`'s.
const CATEGORY_SMOOTHING: f64 = 10.0;

/// A way to divide the rows of a leaf.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Split {
    pub(crate) column: usize,
    pub(crate) rule: Rule,
    /// By how much the loss falls, but for a constant factor; above 0.
    pub(crate) gain: f64,
    pub(crate) left: Sums,
    pub(crate) right: Sums,
}

/// Which rows go left.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Rule {
    /// Those of the bins up to this one, and perhaps those without a number.
    UpTo { bin: u8, missing_goes_left: bool },
    /// Those of these bins.
    In(BinSet),
}

impl Rule {
    pub(crate) fn goes_left(&self, bin: u8) -> bool {
        match self {
            Self::UpTo {
                missing_goes_left, ..
            } if bin == MISSING => *missing_goes_left,
            Self::UpTo { bin: last, .. } => bin <= *last,
            Self::In(set) => contains(set, bin),
        }
    }
}

/// The best split of the rows that the histogram is of; of equally good ones the first.
pub(crate) fn best(
    histogram: &Histogram,
    binnings: &[Binning],
    columns: &[usize],
    total: Sums,
    settings: &Settings,
) -> Option<Split> {
    let mut search = Search {
        settings,
        total,
        base: total.score(settings.l2),
        best: None,
    };
    for column in columns {
        let sums = histogram.column(*column);
        match &binnings[*column] {
            Binning::Numbers(bounds) => search.numbers(*column, sums, bounds.len()),
            Binning::Categories(_) => search.categories(*column, sums),
        }
    }
    search.best
}

struct Search<'a> {
    settings: &'a Settings,
    total: Sums,
    base: f64,
    best: Option<Split>,
}

impl Search<'_> {
    /// Looks at one way; `rule` is made only when it is the best so far.
    fn consider(&mut self, column: usize, left: Sums, rule: impl FnOnce(&Sums, &Sums) -> Rule) {
        let right = self.total.minus(left);
        let rows_min = self.settings.leaf_rows_min as u64;
        let is_possible =
            |sums: &Sums| u64::from(sums.rows) >= rows_min && sums.hessian >= HESSIAN_MIN;
        if !is_possible(&left) || !is_possible(&right) {
            return;
        }
        let l2 = self.settings.l2;
        let gain = left.score(l2) + right.score(l2) - self.base;
        let bar = self
            .best
            .as_ref()
            .map_or(1e-9 * self.base.abs().max(1e-9), |best| best.gain);
        if gain > bar {
            self.best = Some(Split {
                column,
                rule: rule(&left, &right),
                gain,
                left,
                right,
            });
        }
    }

    fn numbers(&mut self, column: usize, sums: &[Sums], bounds: usize) {
        let missing = sums[usize::from(MISSING)];
        let mut left = Sums::default();
        for (bin, own) in sums.iter().enumerate().take(bounds.min(BINS - 2) + 1) {
            left = left.plus(*own);
            if missing.rows == 0 {
                if bin < bounds {
                    // What never was missing goes with the many.
                    self.consider(column, left, |left, right| Rule::UpTo {
                        bin: bin as u8,
                        missing_goes_left: left.rows > right.rows,
                    });
                }
                continue;
            }
            for missing_goes_left in [false, true] {
                // The last bin on the left leaves what is missing alone on the right.
                if bin == bounds && missing_goes_left {
                    continue;
                }
                let own = if missing_goes_left {
                    left.plus(missing)
                } else {
                    left
                };
                self.consider(column, own, |_, _| Rule::UpTo {
                    bin: bin as u8,
                    missing_goes_left,
                });
            }
        }
    }

    fn categories(&mut self, column: usize, sums: &[Sums]) {
        let mut order: Vec<usize> = (0..BINS)
            .filter(|bin| {
                sums[*bin].rows >= CATEGORY_ROWS_MIN.min(self.settings.leaf_rows_min as u32)
            })
            .collect();
        let mean = |bin: &usize| sums[*bin].gradient / (sums[*bin].hessian + CATEGORY_SMOOTHING);
        order.sort_by(|a, b| mean(a).total_cmp(&mean(b)));
        let mut left = Sums::default();
        for (count, bin) in order.iter().enumerate().take(order.len().saturating_sub(1)) {
            left = left.plus(sums[*bin]);
            let chosen = &order[..=count];
            self.consider(column, left, |left, right| {
                let mut set = BinSet::default();
                for bin in chosen {
                    insert(&mut set, *bin);
                }
                // A category that is not here goes with the many; one that is too rare stays on the right,
                // where its sums are.
                if left.rows > right.rows {
                    for bin in (0..BINS).filter(|bin| sums[*bin].rows == 0) {
                        insert(&mut set, bin);
                    }
                }
                Rule::In(set)
            });
        }
    }
}
