//! How the learning rate changes over the steps of a run. One file per shape; [`LrScheduleSpec`]
//! is the closed list of them.
//!
//! A schedule is a function of the step's number, so that the number is all its state.

mod constant;
mod cosine;
mod step;

use serde::{Deserialize, Serialize};

pub use constant::Constant;
pub use cosine::Cosine;
pub use step::Step;

/// How the learning rate changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "snake_case")]
pub enum LrScheduleSpec {
    /// See [`Constant`].
    Constant(Constant),
    /// See [`Cosine`].
    Cosine(Cosine),
    /// See [`Step`].
    Step(Step),
}

impl Default for LrScheduleSpec {
    fn default() -> Self {
        Self::Constant(Constant::default())
    }
}

/// The name and a one-line summary of every schedule, alphabetically.
pub fn all() -> &'static [(&'static str, &'static str)] {
    &[
        ("constant", "the same rate at every step after the warm-up"),
        (
            "cosine",
            "half a cosine from the full rate down to a minimum at the last step",
        ),
        ("step", "multiplied by a factor every so many epochs"),
    ]
}

/// The lengths that a schedule is stretched over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    /// Steps in an epoch, at least 1.
    pub(crate) steps_per_epoch: u64,
    /// Steps of the whole run, when its rules fix them.
    pub(crate) steps_total: Option<u64>,
}

impl LrScheduleSpec {
    /// Checks the parameters; `has_end` says whether the run has a fixed number of steps.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub(crate) fn check(&self, has_end: bool) -> Result<(), String> {
        let warmup_epochs = self.warmup_epochs();
        if !(0.0..=1e6).contains(&warmup_epochs) {
            return Err(format!(
                "warmup_epochs = {warmup_epochs} is not between 0 and 1000000"
            ));
        }
        match self {
            Self::Constant(_) => Ok(()),
            Self::Cosine(cosine) => cosine.check(has_end),
            Self::Step(step) => step.check(),
        }
    }

    /// The factor on the base rate at `step`, counted from 0.
    pub(crate) fn factor(&self, step: u64, span: Span) -> f64 {
        let warmup_steps = self.warmup_epochs() * span.steps_per_epoch as f64;
        let position = step as f64;
        if position < warmup_steps {
            // The first step has a rate above 0 and the last one of the warm-up the full one.
            return ((position + 1.0) / warmup_steps).min(1.0);
        }
        match self {
            Self::Constant(_) => 1.0,
            Self::Cosine(cosine) => cosine.factor(position, warmup_steps, span),
            Self::Step(schedule) => schedule.factor(position, span),
        }
    }

    fn warmup_epochs(&self) -> f64 {
        match self {
            Self::Constant(Constant { warmup_epochs })
            | Self::Cosine(Cosine { warmup_epochs, .. })
            | Self::Step(Step { warmup_epochs, .. }) => *warmup_epochs,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPAN: Span = Span {
        steps_per_epoch: 10,
        steps_total: Some(50),
    };

    fn factors(schedule: &LrScheduleSpec, steps: &[u64]) -> Vec<f32> {
        #[expect(clippy::cast_possible_truncation, reason = "compared as f32")]
        steps
            .iter()
            .map(|step| schedule.factor(*step, SPAN) as f32)
            .collect()
    }

    #[test]
    fn each_shape_has_its_values() {
        use mofang_types::testing::assert_close;
        let constant = LrScheduleSpec::Constant(Constant { warmup_epochs: 0.5 });
        assert_close(
            &factors(&constant, &[0, 1, 4, 5, 49]),
            &[0.2, 0.4, 1.0, 1.0, 1.0],
            1e-6,
        );
        let cosine = LrScheduleSpec::Cosine(Cosine {
            warmup_epochs: 1.0,
            minimum_factor: 0.1,
        });
        // 0.1 + 0.9 · (1 + cos(π · (step - 10) / 40)) / 2
        assert_close(
            &factors(&cosine, &[0, 9, 10, 20, 30, 49, 50, 90]),
            &[0.1, 1.0, 1.0, 0.868_198, 0.55, 0.101_387, 0.1, 0.1],
            1e-5,
        );
        let step = LrScheduleSpec::Step(Step {
            warmup_epochs: 0.0,
            every_epochs: 2.0,
            factor: 0.1,
        });
        assert_close(
            &factors(&step, &[0, 19, 20, 39, 40]),
            &[1.0, 1.0, 0.1, 0.1, 0.01],
            1e-6,
        );
    }

    #[test]
    fn impossible_parameters_are_refused() {
        let cosine = |minimum_factor| Cosine {
            warmup_epochs: 0.0,
            minimum_factor,
        };
        assert!(LrScheduleSpec::Cosine(cosine(0.1)).check(true).is_ok());
        assert!(
            LrScheduleSpec::Cosine(cosine(0.1))
                .check(false)
                .unwrap_err()
                .contains("epochs or steps")
        );
        assert!(LrScheduleSpec::Cosine(cosine(1.5)).check(true).is_err());
        let step = |every_epochs, factor| Step {
            warmup_epochs: 0.0,
            every_epochs,
            factor,
        };
        assert!(LrScheduleSpec::Step(step(0.0, 0.1)).check(true).is_err());
        assert!(
            LrScheduleSpec::Step(step(1.0, f64::NAN))
                .check(true)
                .is_err()
        );
        assert!(
            LrScheduleSpec::Constant(Constant {
                warmup_epochs: -1.0
            })
            .check(true)
            .is_err()
        );
    }
}
