//! What training makes small.

mod connectionist;
mod cross_entropy;
mod next_token;
mod squared_error;

use mofang_data::Target;

pub(crate) use cross_entropy::CrossEntropy;

/// The loss of a batch and what goes with it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct BatchLoss {
    /// The mean over the batch.
    pub(crate) loss: f64,
    /// How many examples' largest logit is the true class, where there are classes; of a language model, how
    /// many tokens'.
    pub(crate) correct: Option<u64>,
    /// The gradient of the mean loss by each output `[batch, outputs]`.
    pub(crate) gradient: Vec<f32>,
}

/// A loss. It is computed on the host together with its gradient, from the one copy of the outputs that
/// the loop reads anyway; autodiff carries the gradient on from there.
#[derive(Debug, Clone)]
pub(crate) enum Loss {
    /// For the labels of recordings, by outputs at each step.
    Connectionist {
        /// Outputs of a step: one for each label, and behind them that of the blank.
        classes: usize,
    },
    /// For classes.
    CrossEntropy(CrossEntropy),
    /// For the token behind each token of a text.
    NextToken {
        /// The share of the target that is spread evenly over all tokens.
        label_smoothing: f64,
    },
    /// For numbers.
    SquaredError,
}

impl Loss {
    /// For outputs `[batch, outputs]`, row-major. A NaN among them makes the loss NaN.
    pub(crate) fn of(&self, outputs: &[f32], targets: &[Target], width: usize) -> BatchLoss {
        match self {
            Self::Connectionist { classes } => {
                connectionist::connectionist(outputs, targets, width, *classes)
            }
            Self::CrossEntropy(loss) => loss.of(outputs, targets, width),
            Self::NextToken { label_smoothing } => {
                next_token::next_token(outputs, targets, width, *label_smoothing)
            }
            Self::SquaredError => squared_error::squared_error(outputs, targets, width),
        }
    }
}
