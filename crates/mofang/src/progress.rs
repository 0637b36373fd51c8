//! What moves while one waits: a bar on a terminal, plain lines elsewhere, nothing when quiet.

use std::cell::RefCell;

use indicatif::{ProgressBar, ProgressStyle};

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
