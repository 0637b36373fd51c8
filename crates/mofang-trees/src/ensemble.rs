//! Trees that answer together.

use serde::{Deserialize, Serialize};

use crate::TreesError;
use crate::tree::Tree;

/// The version of the file that this code writes, and the highest that it reads.
pub const ENSEMBLE_FORMAT_VERSION: u32 = 1;

/// Most outputs of an ensemble that is read.
const OUTPUTS_MAX: usize = 1 << 16;

/// Trees that answer together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ensemble {
    format_version: u32,
    /// Values of a row.
    width: usize,
    /// Numbers for each row: classes, or 1 for a number.
    outputs: usize,
    /// What is answered without a tree, for each tree of a step.
    constant: Vec<f64>,
    /// The trees of each step.
    steps: Vec<Vec<Tree>>,
}

impl Ensemble {
    pub(crate) fn new(width: usize, outputs: usize, constant: Vec<f64>) -> Self {
        Self {
            format_version: ENSEMBLE_FORMAT_VERSION,
            width,
            outputs,
            // As they are in the file, whose numbers have the precision of the answers.
            constant: constant
                .into_iter()
                .map(|value| f64::from(value as f32))
                .collect(),
            steps: Vec::new(),
        }
    }

    pub(crate) fn push(&mut self, trees: Vec<Tree>) {
        self.steps.push(trees);
    }

    /// The ensemble of the first steps.
    #[must_use]
    pub fn truncated(mut self, steps: usize) -> Self {
        self.steps.truncate(steps);
        self
    }

    /// Values of a row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Numbers for each row.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// How many steps there are.
    pub fn steps(&self) -> usize {
        self.steps.len()
    }

    /// How many leaves all trees have together.
    pub fn leaves(&self) -> usize {
        let nodes = self.steps.iter().flatten().map(|tree| tree.nodes.len());
        nodes.map(|nodes| nodes.div_ceil(2)).sum()
    }

    /// The memory that the trees take.
    pub fn size_bytes(&self) -> usize {
        let nodes: usize = self
            .steps
            .iter()
            .flatten()
            .map(|tree| tree.nodes.len())
            .sum();
        nodes * size_of::<crate::tree::Node>()
    }

    /// Adds what the steps from `first` on say of a row to its scores, one for each tree of a step.
    fn add_scores(&self, row: &[f32], first: usize, scores: &mut [f64]) {
        for trees in self.steps.get(first..).unwrap_or_default() {
            for (score, tree) in scores.iter_mut().zip(trees) {
                *score += f64::from(tree.answer(row));
            }
        }
    }

    /// Outputs `[rows, outputs]` for rows `[rows, width]`, row-major: logits of classes, or a number. A NaN
    /// is a number that is missing.
    ///
    /// # Errors
    /// When the values are no rows of this width.
    pub fn predict(&self, rows: &[f32]) -> Result<Vec<f32>, TreesError> {
        self.check_rows(rows)?;
        let mut outputs = Vec::with_capacity(rows.len() / self.width * self.outputs);
        for row in rows.chunks_exact(self.width) {
            let mut scores = self.constant.clone();
            self.add_scores(row, 0, &mut scores);
            outputs.extend(self.outputs_of(&scores));
        }
        Ok(outputs)
    }

    fn check_rows(&self, rows: &[f32]) -> Result<(), TreesError> {
        if self.width == 0 || !rows.len().is_multiple_of(self.width) {
            return Err(TreesError::Width {
                expected: self.width,
                actual: rows.len(),
            });
        }
        Ok(())
    }

    /// The outputs that scores are: of two classes the first has the logit 0.
    fn outputs_of(&self, scores: &[f64]) -> Vec<f32> {
        let mut outputs: Vec<f32> = scores.iter().map(|score| *score as f32).collect();
        if outputs.len() < self.outputs {
            outputs.insert(0, 0.0);
        }
        outputs
    }

    /// The file.
    pub fn to_bytes(&self) -> Vec<u8> {
        // Plain values, which JSON always has a form for.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// The ensemble of a file.
    ///
    /// # Errors
    /// When it is none, or its trees do not hang together.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, TreesError> {
        let malformed = |reason: String| TreesError::Malformed(reason);
        let ensemble: Self =
            serde_json::from_slice(bytes).map_err(|error| malformed(error.to_string()))?;
        if !(1..=ENSEMBLE_FORMAT_VERSION).contains(&ensemble.format_version) {
            return Err(malformed(format!(
                "it has format {}, this version reads 1 to {ENSEMBLE_FORMAT_VERSION}",
                ensemble.format_version
            )));
        }
        let trees = if ensemble.outputs <= 2 {
            1
        } else {
            ensemble.outputs
        };
        if ensemble.outputs == 0
            || ensemble.outputs > OUTPUTS_MAX
            || ensemble.constant.len() != trees
            || ensemble.steps.iter().any(|step| step.len() != trees)
        {
            return Err(malformed(
                "its trees are not as many as its outputs".to_owned(),
            ));
        }
        if ensemble.constant.iter().any(|value| !value.is_finite()) {
            return Err(malformed("its constant is not finite".to_owned()));
        }
        for tree in ensemble.steps.iter().flatten() {
            tree.check(ensemble.width).map_err(malformed)?;
        }
        Ok(ensemble)
    }
}

/// What a growing ensemble says of some rows, kept, so that a further step costs the work of that step.
#[derive(Debug)]
pub struct RunningScores {
    /// `[rows, width]`, row-major.
    values: Vec<f32>,
    /// `[rows, trees of a step]`
    scores: Vec<f64>,
    /// Steps that are in the scores.
    steps: usize,
}

impl RunningScores {
    /// Scores of rows `[rows, width]` by an ensemble as it is.
    ///
    /// # Errors
    /// When the values are no rows of the ensemble's width.
    pub fn new(ensemble: &Ensemble, values: Vec<f32>) -> Result<Self, TreesError> {
        ensemble.check_rows(&values)?;
        let mut running = Self {
            scores: ensemble.constant.repeat(values.len() / ensemble.width),
            values,
            steps: 0,
        };
        running.advance(ensemble);
        Ok(running)
    }

    /// Adds the steps that the ensemble has had since.
    pub fn advance(&mut self, ensemble: &Ensemble) {
        let rows = self.values.chunks_exact(ensemble.width);
        for (row, scores) in rows.zip(self.scores.chunks_exact_mut(ensemble.constant.len())) {
            ensemble.add_scores(row, self.steps, scores);
        }
        self.steps = ensemble.steps();
    }

    pub(crate) fn scores(&self) -> &[f64] {
        &self.scores
    }

    /// The outputs `[rows, outputs]`, as [`Ensemble::predict`] gives them.
    pub fn outputs(&self, ensemble: &Ensemble) -> Vec<f32> {
        self.scores
            .chunks_exact(ensemble.constant.len())
            .flat_map(|scores| ensemble.outputs_of(scores))
            .collect()
    }
}
