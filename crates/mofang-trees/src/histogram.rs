//! Sums of gradients by bin.

use crate::bins::BINS;

/// Sums over some rows.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Sums {
    pub(crate) gradient: f64,
    pub(crate) hessian: f64,
    pub(crate) rows: u32,
}

impl Sums {
    pub(crate) fn plus(self, other: Self) -> Self {
        Self {
            gradient: self.gradient + other.gradient,
            hessian: self.hessian + other.hessian,
            rows: self.rows + other.rows,
        }
    }

    pub(crate) fn minus(self, other: Self) -> Self {
        Self {
            gradient: self.gradient - other.gradient,
            hessian: self.hessian - other.hessian,
            rows: self.rows.saturating_sub(other.rows),
        }
    }

    /// How much the loss falls by a leaf of these rows, but for a constant factor.
    pub(crate) fn score(self, l2: f64) -> f64 {
        self.gradient * self.gradient / (self.hessian + l2).max(f64::MIN_POSITIVE)
    }
}

/// The sums of each bin of each column.
#[derive(Debug, Clone)]
pub(crate) struct Histogram {
    /// `[columns, BINS]`
    sums: Vec<Sums>,
}

impl Histogram {
    /// The sums of `rows`, added in their order, for the columns that a tree may look at.
    pub(crate) fn new(
        bins: &[Vec<u8>],
        columns: &[usize],
        rows: &[u32],
        slopes: &[(f64, f64)],
    ) -> Self {
        let mut sums = vec![Sums::default(); bins.len() * BINS];
        for column in columns {
            let own = &mut sums[column * BINS..(column + 1) * BINS];
            let bins = &bins[*column];
            for row in rows {
                let (gradient, hessian) = slopes[*row as usize];
                let sum = &mut own[usize::from(bins[*row as usize])];
                sum.gradient += gradient;
                sum.hessian += hessian;
                sum.rows += 1;
            }
        }
        Self { sums }
    }

    /// What is left when a part of the rows is taken out.
    pub(crate) fn without(mut self, part: &Self) -> Self {
        for (own, other) in self.sums.iter_mut().zip(&part.sums) {
            *own = own.minus(*other);
        }
        self
    }

    /// The sums of the bins of a column.
    pub(crate) fn column(&self, column: usize) -> &[Sums] {
        &self.sums[column * BINS..(column + 1) * BINS]
    }
}
