//! Adds trees, step by step.

use crate::bins::Binning;
use crate::grow::{Ground, grow};
pub use crate::loss::Targets;
use crate::randomness::Randomness;
use crate::{Ensemble, RunningScores, Settings, TreesError};

/// Most rows: their numbers are kept in 32 bits.
const ROWS_MAX: usize = 1 << 31;

/// Rows of a table.
#[derive(Debug, Clone, Copy)]
pub struct Rows<'a> {
    /// `[rows, numbers + categories]`, row-major; NaN is a number that is missing.
    pub values: &'a [f32],
    /// How many numbers a row begins with.
    pub numbers: usize,
    /// For each category behind them, how many codes it has.
    pub categories: &'a [usize],
}

impl Rows<'_> {
    fn width(&self) -> usize {
        self.numbers + self.categories.len()
    }
}

/// What a step has reached.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Iteration {
    /// Steps done.
    pub steps: usize,
    /// The mean loss of the training rows behind it: log loss, or squared error.
    pub loss: f64,
    /// The root of the mean square of the gradients that it began with.
    pub gradient_norm: f64,
}

/// Adds trees, step by step.
#[derive(Debug)]
pub struct Booster {
    settings: Settings,
    seed: u64,
    targets: Targets,
    weights: Vec<f64>,
    binnings: Vec<Binning>,
    /// The bin of each row, by column.
    bins: Vec<Vec<u8>>,
    /// Of the training rows.
    running: RunningScores,
    ensemble: Ensemble,
}

impl Booster {
    /// Prepares to learn `targets` of `rows`, each of which counts as its weight says.
    ///
    /// # Errors
    /// When rows, targets and weights do not belong together, there is none, or a target is no class or
    /// not finite.
    pub fn new(
        rows: Rows<'_>,
        targets: Targets,
        weights: Vec<f64>,
        settings: Settings,
        seed: u64,
    ) -> Result<Self, TreesError> {
        let refused = |reason: &str| Err(TreesError::Rows(reason.to_owned()));
        let width = rows.width();
        let count = targets.len();
        if count == 0 || width == 0 {
            return refused("there is no row, or no column");
        }
        if count > ROWS_MAX || rows.values.len() != count * width || weights.len() != count {
            return refused("there are not as many rows as targets and weights");
        }
        let is_wrong = match &targets {
            Targets::Classes { labels, count } => {
                *count < 2 || labels.iter().any(|label| label >= count)
            }
            Targets::Numbers(numbers) => numbers.iter().any(|number| !number.is_finite()),
        };
        if is_wrong {
            return refused("a target is none of at least two classes, or no finite number");
        }
        if weights
            .iter()
            .any(|weight| !(*weight > 0.0 && weight.is_finite()))
        {
            return refused("a weight is not above 0");
        }
        let column = |index: usize| rows.values.iter().skip(index).step_by(width).copied();
        let binnings: Vec<Binning> = (0..width)
            .map(|index| match index.checked_sub(rows.numbers) {
                None => Binning::of_numbers(column(index), settings.bins_max),
                Some(category) => {
                    let codes = rows.categories[category];
                    Binning::of_categories(column(index), codes, settings.bins_max)
                }
            })
            .collect();
        let bins = (0..width)
            .map(|index| {
                column(index)
                    .map(|value| binnings[index].bin(value))
                    .collect()
            })
            .collect();
        let outputs = match &targets {
            Targets::Classes { count, .. } => *count,
            Targets::Numbers(_) => 1,
        };
        let ensemble = Ensemble::new(width, outputs, targets.constant(&weights));
        Ok(Self {
            running: RunningScores::new(&ensemble, rows.values.to_vec())?,
            settings,
            seed,
            targets,
            weights,
            binnings,
            bins,
            ensemble,
        })
    }

    /// Adds a tree for each output.
    pub fn step(&mut self) -> Iteration {
        let slopes = self.targets.slopes(self.running.scores(), &self.weights);
        let mut squares = 0.0;
        let mut trees = Vec::with_capacity(slopes.len());
        for (place, slopes) in slopes.iter().enumerate() {
            squares += slopes
                .iter()
                .map(|(gradient, _)| gradient * gradient)
                .sum::<f64>();
            let number = (self.ensemble.steps() * self.targets.trees_per_step() + place) as u64;
            let mut randomness = Randomness::of(self.seed, number);
            let columns = randomness.sample(self.bins.len(), self.settings.column_share);
            let rows = randomness.sample(self.weights.len(), self.settings.row_share);
            let ground = Ground {
                binnings: &self.binnings,
                bins: &self.bins,
                slopes,
                columns: &columns,
                settings: &self.settings,
            };
            trees.push(grow(
                ground,
                rows.into_iter().map(|row| row as u32).collect(),
            ));
        }
        self.ensemble.push(trees);
        self.running.advance(&self.ensemble);
        let scores = self.running.scores();
        Iteration {
            steps: self.ensemble.steps(),
            loss: self.targets.loss(scores, &self.weights),
            gradient_norm: (squares / scores.len() as f64).sqrt(),
        }
    }

    /// The trees so far.
    pub fn ensemble(&self) -> &Ensemble {
        &self.ensemble
    }

    /// The outputs `[rows, outputs]` for the training rows.
    pub fn outputs(&self) -> Vec<f32> {
        self.running.outputs(&self.ensemble)
    }
}
