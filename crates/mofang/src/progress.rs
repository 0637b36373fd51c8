//! What moves while one waits: a bar on a terminal, plain lines elsewhere, nothing when quiet.

use std::cell::RefCell;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use mofang_data::SplitName;
use mofang_nn::LoadReport;
use mofang_train::{EpochProgress, EpochRecord, StepRecord, TrainObserver, TrainStart};

use crate::output::Output;
use crate::time_text;

/// A bar over `total` things, or a hidden one where bars cannot be shown.
pub(crate) fn bar(output: &Output, total: u64, template: &str) -> ProgressBar {
    if !output.shows_progress() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(total);
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("━╸─"));
    }
    bar
}

/// Files on their way in.
pub(crate) struct Transfer<'a> {
    output: &'a Output,
    present: RefCell<Option<(String, ProgressBar)>>,
}

impl<'a> Transfer<'a> {
    /// Nothing yet.
    pub(crate) fn new(output: &'a Output) -> Self {
        Self {
            output,
            present: RefCell::new(None),
        }
    }

    /// `received` bytes of `file` are here.
    pub(crate) fn update(&self, file: &str, received: u64, total: Option<u64>) {
        let mut present = self.present.borrow_mut();
        if present.as_ref().is_none_or(|(name, _)| name != file) {
            if let Some((_, bar)) = present.take() {
                bar.finish_and_clear();
            }
            if !self.output.shows_progress() {
                let size = total
                    .map(|total| format!(" ({})", time_text::size(total)))
                    .unwrap_or_default();
                self.output.note(&format!("fetching {file}{size}"));
            }
            let bar = bar(
                self.output,
                total.unwrap_or(0),
                "{msg} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec}",
            );
            bar.set_message(file.to_owned());
            *present = Some((file.to_owned(), bar));
        }
        if let Some((_, bar)) = present.as_ref() {
            bar.set_position(received);
        }
    }

    /// Everything is here.
    pub(crate) fn finish(&self) {
        if let Some((_, bar)) = self.present.borrow_mut().take() {
            bar.finish_and_clear();
        }
    }
}

/// A training run: a bar over its steps on a terminal, a line for each epoch elsewhere.
pub(crate) struct Training<'a> {
    output: &'a Output,
    bar: ProgressBar,
    /// What the bar says of the epochs that are over.
    validation: String,
}

impl<'a> Training<'a> {
    /// A run that has not begun.
    pub(crate) fn new(output: &'a Output) -> Self {
        Self {
            output,
            bar: ProgressBar::hidden(),
            validation: String::new(),
        }
    }

    /// The run is over, however it ended.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

impl TrainObserver for Training<'_> {
    fn started(&mut self, start: &TrainStart) {
        let resumed = start
            .resumed_step
            .map(|step| format!(", going on after step {step}"))
            .unwrap_or_default();
        self.output.note(&format!(
            "{} parameters, {} examples, {} steps in an epoch{resumed}",
            start.parameters, start.train_examples, start.steps_per_epoch
        ));
        self.bar = match start.steps_total {
            Some(total) => bar(
                self.output,
                total,
                "{msg} {wide_bar} step {pos}/{len}, {eta} left",
            ),
            None => bar(self.output, 0, "{msg} step {pos}, {elapsed}"),
        };
        self.bar.set_position(start.resumed_step.unwrap_or(0));
        self.bar.reset_eta();
    }

    fn initialized(&mut self, report: &LoadReport) {
        self.output.note(&format!("initial weights: {report}"));
    }

    fn step(&mut self, step: &StepRecord, progress: &EpochProgress) {
        self.bar.set_position(step.step);
        self.bar.set_message(format!(
            "epoch {} loss {:.4}{}{}",
            step.epoch,
            progress.mean_loss,
            accuracy(progress.accuracy),
            self.validation
        ));
    }

    fn epoch(&mut self, epoch: &EpochRecord) {
        let value = |name: &str| epoch.validation.get(name);
        self.validation = match (value("accuracy"), value("rmse")) {
            (Some(accuracy), _) => format!(" validation {accuracy:.4}"),
            (None, Some(error)) => format!(" validation rmse {error:.4}"),
            (None, None) => String::new(),
        };
        if !self.output.shows_progress() {
            self.output.note(&format!(
                "epoch {} loss {:.4}{}{}, {:.1} s",
                epoch.epoch,
                epoch.loss,
                accuracy(epoch.accuracy),
                self.validation,
                Duration::from_millis(epoch.elapsed_ms).as_secs_f64()
            ));
        }
    }

    fn evaluating(&mut self, split: SplitName, examples: usize) {
        if split == SplitName::Test {
            self.bar
                .set_message(format!("judging {examples} examples of the test split"));
        }
    }
}

/// The accuracy for people, where there is one.
fn accuracy(accuracy: Option<f64>) -> String {
    accuracy.map_or_else(String::new, |accuracy| format!(" accuracy {accuracy:.4}"))
}
