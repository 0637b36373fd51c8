//! Columns in bins, so that a split is searched among at most 255 of them.

/// The bin of what is missing.
pub(crate) const MISSING: u8 = 255;

/// How many bins a histogram has.
pub(crate) const BINS: usize = 256;

/// How the values of a column are sorted into bins.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Binning {
    /// A number is in bin `k` when it is above `k` of these, which ascend.
    Numbers(Vec<f32>),
    /// The bin of each code; code 0, and what is rare where there are too many, is in bin 0.
    Categories(Vec<u8>),
}

impl Binning {
    /// Bins of about equally many numbers; one for each where there are few.
    pub(crate) fn of_numbers(values: impl Iterator<Item = f32>, bins_max: usize) -> Self {
        let mut sorted: Vec<f32> = values.filter(|value| !value.is_nan()).collect();
        sorted.sort_by(f32::total_cmp);
        let mut distinct = sorted.clone();
        distinct.dedup();
        let bounds = if distinct.len() <= bins_max {
            distinct
                .windows(2)
                .map(|pair| between(pair[0], pair[1]))
                .collect()
        } else {
            let mut bounds: Vec<f32> = (1..bins_max)
                .map(|bin| {
                    let place = bin * sorted.len() / bins_max;
                    // The bound lies between two values, so that either side is told apart.
                    let value = sorted[place];
                    let next = distinct[distinct
                        .partition_point(|other| *other <= value)
                        .min(distinct.len() - 1)];
                    between(value, next)
                })
                .collect();
            bounds.dedup();
            // Above the largest there is nothing.
            let largest = distinct[distinct.len() - 1];
            bounds.retain(|bound| *bound < largest);
            bounds
        };
        Self::Numbers(bounds)
    }

    /// A bin for each of `count` codes, or for the most frequent of them.
    pub(crate) fn of_categories(
        codes: impl Iterator<Item = f32>,
        count: usize,
        bins_max: usize,
    ) -> Self {
        let mut occurrences = vec![0_usize; count];
        for code in codes {
            if let Some(occurrence) = index_of(code).and_then(|code| occurrences.get_mut(code)) {
                *occurrence += 1;
            }
        }
        let mut order: Vec<usize> = (1..count).collect();
        // Stable, so that of equally frequent ones the lower codes stay.
        order.sort_by_key(|code| std::cmp::Reverse(occurrences[*code]));
        order.truncate(bins_max.saturating_sub(1));
        order.sort_unstable();
        let mut bins = vec![0; count];
        // The order first: the bins behind the last would be one more than a byte holds.
        for (code, bin) in order.into_iter().zip(1..) {
            bins[code] = bin;
        }
        Self::Categories(bins)
    }

    /// The bin of a value.
    pub(crate) fn bin(&self, value: f32) -> u8 {
        match self {
            Self::Numbers(_) if value.is_nan() => MISSING,
            Self::Numbers(bounds) => bounds.partition_point(|bound| *bound < value) as u8,
            Self::Categories(bins) => index_of(value)
                .and_then(|code| bins.get(code))
                .copied()
                .unwrap_or(0),
        }
    }
}

/// The code that a value is.
#[expect(clippy::cast_sign_loss, reason = "it is at least 0")]
pub(crate) fn index_of(value: f32) -> Option<usize> {
    (0.0..16_777_216.0)
        .contains(&value)
        .then_some(value as usize)
}

/// A number from the lower up to, and not including, the higher: their middle, where f32 has one.
fn between(lower: f32, higher: f32) -> f32 {
    let middle = f64::midpoint(f64::from(lower), f64::from(higher)) as f32;
    if middle < higher {
        middle.max(lower)
    } else {
        lower
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_sorted_into_bins_and_missing_ones_apart() {
        let bins = Binning::of_numbers([3.0, 1.0, f32::NAN, 1.0, 2.0].into_iter(), 255);
        assert_eq!(bins, Binning::Numbers(vec![1.5, 2.5]));
        let all = [0.0, 1.0, 1.5, 1.6, 9.0, f32::NAN].map(|value| bins.bin(value));
        assert_eq!(all, [0, 0, 0, 1, 2, MISSING]);
        let many = Binning::of_numbers((0..10_000_u16).map(f32::from), 8);
        let Binning::Numbers(bounds) = &many else {
            panic!("no numbers")
        };
        assert_eq!(bounds.len(), 7);
        let mut counts = [0; 8];
        for value in 0..10_000_u16 {
            counts[usize::from(many.bin(f32::from(value)))] += 1;
        }
        assert!(
            counts.iter().all(|count| (1_200..1_300).contains(count)),
            "{counts:?}"
        );
        // Where most are equal, they have a bin of their own.
        let spike = Binning::of_numbers(
            (0..1_000_u16).map(|value| f32::from(value.saturating_sub(900))),
            8,
        );
        assert_ne!(spike.bin(0.0), spike.bin(1.0));
        assert_eq!(
            Binning::of_numbers([f32::NAN].into_iter(), 8),
            Binning::Numbers(vec![])
        );
    }

    #[test]
    fn of_many_categories_the_rare_ones_share_a_bin() {
        let codes = [1.0, 2.0, 2.0, 3.0, 3.0, 3.0].into_iter();
        let bins = Binning::of_categories(codes, 5, 3);
        assert_eq!(
            [0.0, 1.0, 2.0, 3.0, 4.0, 9.0].map(|code| bins.bin(code)),
            [0, 0, 1, 2, 0, 0]
        );
        // As many bins as there can be.
        let many = Binning::of_categories((0_u16..300).map(f32::from), 300, 255);
        let all = [0.0, 1.0, 254.0, 255.0].map(|code| many.bin(code));
        assert_eq!(all, [0, 1, 254, 0]);
    }
}
