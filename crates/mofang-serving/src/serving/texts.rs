//! The road of a text that goes on.

use std::sync::Arc;

use mofang_data::RawExample;
use mofang_registry::Route;
use mofang_types::{GenerationOptions, ModelReference, Prediction};

use super::Serving;
use crate::generation::{Asked, Begun, Running};
use crate::metrics::{RequestMeter, VersionMetrics};
use crate::pool::LoadedVersion;
use crate::queue::Deadline;
use crate::{GenerateOptions, GenerateOutcome, Generation, PredictOutcome, ServingError};

impl Serving {
    /// Goes on with a text. What comes back tells it piece by piece, and counts as a request until it is
    /// dropped, which ends the text at its next token. Dropping the future cancels as in
    /// [`Serving::predict`].
    ///
    /// # Errors
    /// See [`ServingError`]; when it fails before its first piece. What fails later is told as its end.
    pub async fn generate(
        &self,
        reference: &ModelReference,
        prompt: RawExample,
        options: GenerateOptions,
    ) -> Result<Generation, ServingError> {
        let inside = self.in_flight.enter().ok_or(ServingError::Closing)?;
        let route = self.resolve(reference)?;
        let deadline = self.deadline(options.deadline);
        let metrics = self.metrics.version(&route);
        let meter = RequestMeter::start(Arc::clone(&metrics), 1, self.clock.as_ref());
        let begun = self.begin_text(&route, metrics, prompt, options, deadline);
        let rest = deadline.at.saturating_sub(self.clock.monotonic());
        let running = tokio::time::timeout(rest, begun).await.unwrap_or_else(|_| {
            Err(deadline.exceeded(&format!("{}@{}", route.model, route.number)))
        });
        let running = match running {
            Ok(running) => running,
            Err(error) => {
                let answer = Err(error);
                meter.end(&answer, self.clock.as_ref());
                return answer;
            }
        };
        let begun = Begun {
            model: route.model,
            version: route.number,
            deadline,
            clock: Arc::clone(&self.clock),
            meter,
            inside,
        };
        Generation::begin(running, begun).await
    }

    async fn begin_text(
        &self,
        route: &Route,
        metrics: Arc<VersionMetrics>,
        prompt: RawExample,
        options: GenerateOptions,
        deadline: Deadline,
    ) -> Result<Running, ServingError> {
        let loaded = self.load(route, &metrics).await?;
        let asked = Asked {
            loaded,
            metrics,
            prompt,
            options: options.options,
            seed: options.seed,
            deadline,
        };
        self.generations.begin(asked).await
    }

    /// The prediction of a language model: the text that goes on by the package's own settings, the same one
    /// each time, in the same room as every other text.
    pub(super) async fn predict_text(
        &self,
        route: &Route,
        metrics: &Arc<VersionMetrics>,
        loaded: Arc<LoadedVersion>,
        prompt: RawExample,
        deadline: Deadline,
    ) -> Result<PredictOutcome, ServingError> {
        let asked = Asked {
            loaded,
            metrics: Arc::clone(metrics),
            prompt,
            options: GenerationOptions::default(),
            seed: 0,
            deadline,
        };
        let GenerateOutcome {
            generated,
            warnings,
            queue_ms,
            infer_ms,
            ..
        } = self.generations.begin(asked).await?.collect().await?;
        Ok(PredictOutcome {
            tokens: Some(generated.prompt_tokens),
            prediction: Prediction::Generation(generated),
            model: route.model.clone(),
            version: route.number,
            queue_ms,
            infer_ms,
            batch_size: 1,
            warnings,
        })
    }
}
