//! The report of a run: JSON for programs, Markdown for people, pictures as SVG.

mod confusion_picture;
mod facts;
mod loss_curve;
mod markdown;
mod mistakes_picture;
mod numbers_picture;
mod svg;

use std::collections::BTreeMap;
use std::path::Path;

pub(crate) use facts::RunFacts;

use crate::evaluation::Evaluation;
use crate::files::{FileError, write_atomic};
use crate::gate::GateResult;
use crate::{StopReason, TrainError};

/// The version of the report's format.
const REPORT_FORMAT_VERSION: u32 = 1;

/// The files of a report: `report.json`, `report.md`, `loss.svg` and, where a test split was
/// judged, `confusion.svg` of classes or `numbers.svg` of numbers and, of images, `most_confused.svg`.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    files: BTreeMap<&'static str, Vec<u8>>,
}

impl Report {
    /// The report of a run that is over.
    pub(crate) fn new(
        facts: &RunFacts<'_>,
        reason: &StopReason,
        evaluation: Option<&Evaluation>,
        gate: &GateResult,
    ) -> Result<Self, TrainError> {
        let mistakes = evaluation.map(|evaluation| evaluation.most_confused.as_slice());
        let pictures = match mistakes {
            Some(mistakes) => facts.images_of(mistakes)?,
            None => None,
        };
        let mut files = BTreeMap::from([
            ("report.json", facts::json(facts, reason, evaluation, gate)),
            (
                "report.md",
                markdown::write(facts, reason, evaluation, pictures.is_some(), gate).into_bytes(),
            ),
            (
                "loss.svg",
                loss_curve::draw(&facts.losses, &facts.state.history).into_bytes(),
            ),
        ]);
        if let Some(evaluation) = evaluation {
            let labels = &facts.dataset.labels;
            if let Some(residuals) = &evaluation.residuals {
                let name = labels.first().map_or("", String::as_str);
                let picture = numbers_picture::draw(&residuals.pairs, name);
                files.insert("numbers.svg", picture.into_bytes());
            } else if !evaluation.classes.is_empty() {
                let picture = confusion_picture::draw(&evaluation.confusion, labels);
                files.insert("confusion.svg", picture.into_bytes());
            }
            if let Some(pictures) = &pictures
                && !evaluation.classes.is_empty()
            {
                let picture = mistakes_picture::draw(&evaluation.most_confused, pictures);
                files.insert("most_confused.svg", picture.into_bytes());
            }
        }
        Ok(Self { files })
    }

    /// The files, by name.
    pub fn files(&self) -> impl Iterator<Item = (&'static str, &[u8])> {
        self.files
            .iter()
            .map(|(name, bytes)| (*name, bytes.as_slice()))
    }

    /// Writes the files into `folder`, in place of those of the same names.
    ///
    /// # Errors
    /// When the operating system refuses.
    pub fn write(&self, folder: &Path) -> Result<(), FileError> {
        self.files()
            .try_for_each(|(name, bytes)| write_atomic(&folder.join(name), bytes))
    }
}
