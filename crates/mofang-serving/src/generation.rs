//! Texts that go on, each in a thread of its own: a bounded number at once, a bounded number waiting.
//!
//! A thread never waits for whoever reads: pieces that nobody takes are joined to the next. So a slow reader
//! keeps no place from others, and a text takes no more memory than its most tokens.

mod running;
mod work;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use mofang_data::RawExample;
use mofang_runtime::GenerateSettings;
use mofang_types::{Clock, GenerationOptions, ModelName};
use tokio::sync::{mpsc, oneshot};

pub(crate) use self::running::Running;
use self::work::Work;
use crate::in_flight::InFlightGuard;
use crate::metrics::{RequestMeter, VersionMetrics};
use crate::places::Places;
use crate::pool::LoadedVersion;
use crate::queue::Deadline;
use crate::{GenerateOutcome, GenerationEvent, ServingError, ServingSettings};

/// Pieces that are kept apart while nobody takes them.
const PIECES_MAX: usize = 32;

/// The bounded room in which texts go on.
#[derive(Debug)]
pub(crate) struct Generations {
    places: Places,
    tokens_max: usize,
    /// Whether texts have to end at their next token.
    is_over: Arc<AtomicBool>,
    clock: Arc<dyn Clock>,
}

/// A text that is to go on.
pub(crate) struct Asked {
    pub(crate) loaded: Arc<LoadedVersion>,
    pub(crate) metrics: Arc<VersionMetrics>,
    pub(crate) prompt: RawExample,
    pub(crate) options: GenerationOptions,
    /// What the draws are a function of when the options name no seed.
    pub(crate) seed: u64,
    pub(crate) deadline: Deadline,
}

impl Generations {
    pub(crate) fn new(settings: &ServingSettings, clock: Arc<dyn Clock>) -> Self {
        Self {
            places: Places::new(
                "generation",
                settings.concurrent_generations,
                settings.generation_capacity,
            ),
            tokens_max: settings.max_generation_tokens,
            is_over: Arc::new(AtomicBool::new(false)),
            clock,
        }
    }

    /// Waits for a place and lets the text go on in it. Dropping what comes back ends it at its next token.
    ///
    /// # Errors
    /// When the model goes on with no texts, too many tokens are asked for, or there is no room.
    pub(crate) async fn begin(&self, asked: Asked) -> Result<Running, ServingError> {
        let settings = self.settings(&asked)?;
        let arrived = self.clock.monotonic();
        let place = self.places.take().await?;
        let (pieces, receiver) = mpsc::channel(PIECES_MAX);
        let (end, ended) = oneshot::channel();
        let work = Work {
            asked,
            settings,
            queued: self.clock.monotonic().saturating_sub(arrived),
            pieces,
            is_over: Arc::clone(&self.is_over),
            clock: Arc::clone(&self.clock),
        };
        tokio::task::spawn_blocking(move || {
            let outcome = work.run();
            // The place is free before anybody hears of the end.
            drop(place);
            // Whoever has left needs no answer.
            let _ = end.send(outcome);
        });
        Ok(Running::new(receiver, ended))
    }

    /// What the request says, within what the server goes on with.
    fn settings(&self, asked: &Asked) -> Result<GenerateSettings, ServingError> {
        let defaults = asked.loaded.queue.model().generation().ok_or_else(|| {
            ServingError::NoLanguageModel {
                model: asked.loaded.name.clone(),
            }
        })?;
        if let Some(asked) = asked.options.max_tokens
            && asked > self.tokens_max
        {
            return Err(ServingError::TooManyTokens {
                asked,
                max: self.tokens_max,
            });
        }
        let mut settings = GenerateSettings::new(&asked.options, defaults, asked.seed);
        // The package may be made for a larger server, which is no fault of the request.
        settings.max_tokens = settings.max_tokens.min(self.tokens_max);
        Ok(settings)
    }

    /// Ends what goes on at its next token, and refuses whoever waits or comes.
    pub(crate) fn close(&self) {
        self.is_over.store(true, Ordering::Relaxed);
        self.places.close();
    }

    #[cfg(test)]
    pub(crate) fn places(&self) -> &Places {
        &self.places
    }
}

/// A text that goes on. Dropping it ends the text at its next token.
pub struct Generation {
    model: ModelName,
    version: u32,
    /// What was told before anybody could ask.
    first: Option<GenerationEvent>,
    running: Running,
    deadline: Deadline,
    clock: Arc<dyn Clock>,
    /// Until the end was told.
    meter: Option<RequestMeter>,
    _inside: InFlightGuard,
}

impl fmt::Debug for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Generation")
            .field("model", &self.model)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

/// Whose text it is, and how it is counted.
pub(crate) struct Begun {
    pub(crate) model: ModelName,
    pub(crate) version: u32,
    pub(crate) deadline: Deadline,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) meter: RequestMeter,
    pub(crate) inside: InFlightGuard,
}

impl Generation {
    /// Waits for the first piece, so that a request that fails before it has an error and no text.
    ///
    /// # Errors
    /// When the text ends in one before its first piece.
    pub(crate) async fn begin(running: Running, begun: Begun) -> Result<Self, ServingError> {
        let mut generation = Self {
            model: begun.model,
            version: begun.version,
            first: None,
            running,
            deadline: begun.deadline,
            clock: begun.clock,
            meter: Some(begun.meter),
            _inside: begun.inside,
        };
        match generation.next().await {
            Some(GenerationEvent::End(Err(error))) => Err(error),
            first => {
                generation.first = first;
                Ok(generation)
            }
        }
    }

    /// The model that goes on.
    pub fn model(&self) -> &ModelName {
        &self.model
    }

    /// The number of its version.
    pub fn version(&self) -> u32 {
        self.version
    }

    /// What is told next; nothing after the end. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<GenerationEvent> {
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        self.meter.as_ref()?;
        let rest = self.deadline.at.saturating_sub(self.clock.monotonic());
        let event = tokio::time::timeout(rest, self.running.next())
            .await
            .unwrap_or_else(|_| {
                // What nobody hears any more need not go on.
                self.running.close();
                let name = format!("{}@{}", self.model, self.version);
                GenerationEvent::End(Err(self.deadline.exceeded(&name)))
            });
        if let GenerationEvent::End(result) = &event
            && let Some(meter) = self.meter.take()
        {
            meter.end(result, self.clock.as_ref());
        }
        Some(event)
    }

    /// Waits for the whole text.
    ///
    /// # Errors
    /// When it ends in one.
    pub async fn collect(mut self) -> Result<GenerateOutcome, ServingError> {
        while let Some(event) = self.next().await {
            if let GenerationEvent::End(result) = event {
                return result;
            }
        }
        // The end was taken already, after which there is nothing.
        Err(ServingError::Closing)
    }
}

#[cfg(test)]
mod tests;
