//! The best epoch so far, and how long ago it was.

use serde::{Deserialize, Serialize};

use crate::metrics::MetricValue;

/// The epoch that was best on the validation split.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Best {
    /// The epoch, counted from 1.
    pub epoch: u64,
    /// The last step of it, whose checkpoint is kept.
    pub step: u64,
    /// The monitored metric.
    #[serde(with = "crate::exact")]
    pub value: f64,
}

/// Follows the monitored metric.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct EarlyStopping {
    pub(crate) best: Option<Best>,
    pub(crate) epochs_without_improvement: u64,
}

impl EarlyStopping {
    /// Takes in the value of another epoch.
    pub(crate) fn observe(&mut self, metric: MetricValue, latest: Best, min_delta: f64) {
        let improves = match &self.best {
            None => !latest.value.is_nan(),
            Some(best) => metric.is_better(latest.value, best.value, min_delta),
        };
        if improves {
            self.best = Some(latest);
            self.epochs_without_improvement = 0;
        } else {
            self.epochs_without_improvement += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::find_value;

    #[test]
    fn the_best_is_kept_and_the_epochs_since_are_counted() {
        let metric = find_value("log_loss").unwrap();
        let mut stopping = EarlyStopping::default();
        for (epoch, value, waited) in [
            (1, f64::NAN, 1),
            (2, 0.5, 0),
            (3, 0.45, 1),
            (4, 0.3, 0),
            (5, 0.4, 1),
            (6, 0.3, 2),
        ] {
            stopping.observe(
                metric,
                Best {
                    epoch,
                    step: epoch * 10,
                    value,
                },
                0.1,
            );
            assert_eq!(stopping.epochs_without_improvement, waited, "epoch {epoch}");
        }
        assert_eq!(stopping.best.as_ref().map(|best| best.step), Some(40));
        let text = serde_json::to_string(&stopping).unwrap();
        assert_eq!(
            serde_json::from_str::<EarlyStopping>(&text).unwrap(),
            stopping
        );
    }
}
