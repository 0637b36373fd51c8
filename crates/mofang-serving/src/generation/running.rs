//! The reader's side of a text that goes on.

use tokio::sync::{mpsc, oneshot};

use super::work::Ended;
use crate::{GenerateOutcome, GenerationEvent, ServingError};

/// A text that goes on: its pieces, and how it ends. Dropping it ends the text at its next token.
#[derive(Debug)]
pub(crate) struct Running {
    pieces: mpsc::Receiver<String>,
    end: oneshot::Receiver<Ended>,
    /// How it ended, while its last piece is told.
    result: Option<Result<GenerateOutcome, ServingError>>,
}

impl Running {
    pub(super) fn new(pieces: mpsc::Receiver<String>, end: oneshot::Receiver<Ended>) -> Self {
        Self {
            pieces,
            end,
            result: None,
        }
    }

    /// What is told next. Not to be asked again after the end. Dropping the future loses nothing.
    pub(super) async fn next(&mut self) -> GenerationEvent {
        if let Some(result) = self.result.take() {
            return GenerationEvent::End(result);
        }
        if let Some(text) = self.pieces.recv().await {
            return GenerationEvent::Text(text);
        }
        match (&mut self.end).await {
            Ok(Ended { untold, result }) if untold.is_empty() => GenerationEvent::End(result),
            Ok(Ended { untold, result }) => {
                self.result = Some(result);
                GenerationEvent::Text(untold)
            }
            // The thread can only go away unheard when the runtime is shutting down.
            Err(_) => GenerationEvent::End(Err(ServingError::Closing)),
        }
    }

    /// Ends the text at its next token.
    pub(super) fn close(&mut self) {
        self.pieces.close();
    }

    /// Waits for the whole text.
    ///
    /// # Errors
    /// When it ends in one.
    pub(crate) async fn collect(self) -> Result<GenerateOutcome, ServingError> {
        // That there is a receiver is what keeps the text going.
        let Self { pieces, end, .. } = self;
        let outcome = end
            .await
            .map_or(Err(ServingError::Closing), |ended| ended.result);
        drop(pieces);
        outcome
    }
}
