//! The thread's side of a text that goes on.

use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mofang_runtime::GenerateSettings;
use mofang_types::Clock;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use super::Asked;
use crate::error::panic_message;
use crate::{GenerateOutcome, ServingError};

/// A text with its place and its reader.
pub(super) struct Work {
    pub(super) asked: Asked,
    pub(super) settings: GenerateSettings,
    /// How long it waited for its place.
    pub(super) queued: Duration,
    pub(super) pieces: mpsc::Sender<String>,
    pub(super) is_over: Arc<AtomicBool>,
    pub(super) clock: Arc<dyn Clock>,
}

/// How a text ended.
#[derive(Debug)]
pub(super) struct Ended {
    /// What of it found no room among the pieces.
    pub(super) untold: String,
    pub(super) result: Result<GenerateOutcome, ServingError>,
}

impl Work {
    /// Goes on with the text to its end.
    pub(super) fn run(self) -> Ended {
        let Asked {
            loaded,
            metrics,
            prompt,
            ..
        } = &self.asked;
        let started = self.clock.monotonic();
        let mut warnings = Vec::new();
        let mut teller = Teller {
            work: &self,
            untold: String::new(),
            refusal: None,
        };
        // Networks, tokenizers and what they read in a package are code of many hands: an unwind boundary.
        let generated = catch_unwind(AssertUnwindSafe(|| {
            let model = loaded.queue.model();
            let mut told = |piece: &str| teller.tell(piece);
            model.generate(prompt, &self.settings, &mut warnings, &mut told)
        }));
        let Teller {
            untold, refusal, ..
        } = teller;
        let computed = self.clock.monotonic().saturating_sub(started);
        metrics.add_queued(self.queued);
        metrics.add_batch(1, computed);
        let result = match (generated, refusal) {
            (Err(panic), _) => Err(ServingError::Panicked {
                model: loaded.name.clone(),
                message: panic_message(panic.as_ref()),
            }),
            (Ok(_), Some(refusal)) => Err(refusal),
            (Ok(Err(error)), None) => Err(ServingError::Refused(error)),
            (Ok(Ok(generated)), None) => Ok(GenerateOutcome {
                generated,
                warnings,
                queue_ms: self.queued.as_secs_f64() * 1e3,
                infer_ms: computed.as_secs_f64() * 1e3,
                seed: self.settings.seed,
            }),
        };
        Ended { untold, result }
    }
}

/// Tells the reader each piece, and finds out whether the text may go on.
struct Teller<'a> {
    work: &'a Work,
    /// What the reader has not been told yet.
    untold: String,
    /// Why the text may not go on.
    refusal: Option<ServingError>,
}

impl Teller<'_> {
    fn tell(&mut self, piece: &str) -> ControlFlow<()> {
        let work = self.work;
        if self.refusal.is_some() || work.pieces.is_closed() {
            return ControlFlow::Break(());
        }
        if work.is_over.load(Ordering::Relaxed) {
            self.refusal = Some(ServingError::Closing);
            return ControlFlow::Break(());
        }
        if work.clock.monotonic() >= work.asked.deadline.at {
            let name = &work.asked.loaded.name;
            self.refusal = Some(work.asked.deadline.exceeded(name));
            return ControlFlow::Break(());
        }
        self.untold.push_str(piece);
        if self.untold.is_empty() {
            return ControlFlow::Continue(());
        }
        match work.pieces.try_send(std::mem::take(&mut self.untold)) {
            Ok(()) => ControlFlow::Continue(()),
            Err(TrySendError::Full(text)) => {
                self.untold = text;
                ControlFlow::Continue(())
            }
            Err(TrySendError::Closed(_)) => ControlFlow::Break(()),
        }
    }
}
