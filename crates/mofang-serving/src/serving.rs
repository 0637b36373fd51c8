//! The road of one prediction.

mod texts;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use mofang_data::RawExample;
use mofang_registry::{Registry, Route};
use mofang_runtime::{Predictor, RuntimeSettings};
use mofang_types::{Clock, ModelName, ModelReference, Prediction, Tensor};

use crate::error::panic_message;
use crate::generation::Generations;
use crate::in_flight::InFlight;
use crate::metrics::{Metrics, RequestMeter, VersionMetrics};
use crate::pool::{LoadedVersion, Pool};
use crate::preparation::{Preparation, Prepared};
use crate::queue::{AnswerReceiver, BatchAnswer, Deadline};
use crate::source::RegistrySource;
use crate::{
    InferOutcome, ModelSource, PredictOptions, PredictOutcome, ServingError, ServingMetrics,
    ServingSettings,
};

/// Predicts by reference. One per process, shared by all who ask.
#[derive(Debug)]
pub struct Serving {
    source: Arc<dyn ModelSource>,
    settings: ServingSettings,
    clock: Arc<dyn Clock>,
    pool: Arc<Pool>,
    preparation: Preparation,
    generations: Generations,
    metrics: Metrics,
    in_flight: InFlight,
}

/// How a drain ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DrainOutcome {
    /// How many requests had to be refused because the time was over; zero is a clean end.
    pub abandoned: usize,
}

impl Serving {
    /// Serves the versions of a registry, loaded as `runtime` says.
    pub fn new(
        registry: Arc<Registry>,
        settings: ServingSettings,
        runtime: RuntimeSettings,
        clock: Arc<dyn Clock>,
    ) -> Arc<Self> {
        let source = RegistrySource::new(registry, runtime);
        Self::with_source(Arc::new(source), settings, clock)
    }

    /// Serves the versions of any source.
    pub fn with_source(
        source: Arc<dyn ModelSource>,
        settings: ServingSettings,
        clock: Arc<dyn Clock>,
    ) -> Arc<Self> {
        let settings = settings.clamped();
        Arc::new(Self {
            source,
            pool: Arc::new(Pool::new(settings.clone(), Arc::clone(&clock))),
            preparation: Preparation::new(&settings),
            generations: Generations::new(&settings, Arc::clone(&clock)),
            settings,
            clock,
            metrics: Metrics::default(),
            in_flight: InFlight::default(),
        })
    }

    /// What the caller gets for one example. Dropping the future cancels: an item that still waits
    /// is never computed.
    ///
    /// # Errors
    /// See [`ServingError`]; its code says who can do something about it.
    pub async fn predict(
        &self,
        reference: &ModelReference,
        example: RawExample,
        options: PredictOptions,
    ) -> Result<PredictOutcome, ServingError> {
        let _inside = self.in_flight.enter().ok_or(ServingError::Closing)?;
        let route = self.resolve(reference)?;
        let deadline = self.deadline(options.deadline);
        let metrics = self.metrics.version(&route);
        self.answer(&route, &metrics, example, options.top_k, deadline)
            .await
    }

    /// Computes the model's outputs for examples that the caller has prepared, each without a batch
    /// dimension; all of them are answered, or none. Dropping the future cancels as in
    /// [`Serving::predict`].
    ///
    /// # Errors
    /// See [`ServingError`]; one bad example fails the call.
    pub async fn infer(
        &self,
        reference: &ModelReference,
        examples: Vec<Tensor>,
        deadline: Option<Duration>,
    ) -> Result<InferOutcome, ServingError> {
        let _inside = self.in_flight.enter().ok_or(ServingError::Closing)?;
        let route = self.resolve(reference)?;
        let deadline = self.deadline(deadline);
        let metrics = self.metrics.version(&route);
        let count = examples.len();
        let work = self.infer_all(&route, &metrics, examples, deadline);
        self.metered(&route, &metrics, count, deadline, work).await
    }

    /// Predicts several examples with one version, together where they fit into a batch. Each has
    /// its own answer; a bad one fails alone.
    ///
    /// # Errors
    /// When the reference names no version that can be used, or the server is closing.
    pub async fn predict_all(
        &self,
        reference: &ModelReference,
        examples: Vec<RawExample>,
        options: PredictOptions,
    ) -> Result<Vec<Result<PredictOutcome, ServingError>>, ServingError> {
        let _inside = self.in_flight.enter().ok_or(ServingError::Closing)?;
        let route = self.resolve(reference)?;
        let deadline = self.deadline(options.deadline);
        let metrics = self.metrics.version(&route);
        let answers = examples
            .into_iter()
            .map(|example| self.answer(&route, &metrics, example, options.top_k, deadline));
        Ok(join_all(answers).await)
    }

    /// The predictor of a version, for evaluation. While it is held, the version stays loaded.
    ///
    /// # Errors
    /// Like [`Serving::predict`], or when the source's models are no predictors.
    pub async fn predictor(
        &self,
        reference: &ModelReference,
    ) -> Result<Arc<Predictor>, ServingError> {
        let _inside = self.in_flight.enter().ok_or(ServingError::Closing)?;
        let route = self.resolve(reference)?;
        let metrics = self.metrics.version(&route);
        let loaded = self.load(&route, &metrics).await?;
        Arc::clone(loaded.queue.model())
            .into_predictor()
            .ok_or_else(|| ServingError::Internal {
                model: loaded.name.clone(),
                message: "this source's models are no predictors".to_owned(),
            })
    }

    /// Loads the version that `reference` means, and lets its model be used again when it was
    /// unloaded.
    ///
    /// # Errors
    /// When there is no such version, or it does not load.
    pub async fn load_model(&self, reference: &ModelReference) -> Result<(), ServingError> {
        let _inside = self.in_flight.enter().ok_or(ServingError::Closing)?;
        let route = self.resolve(reference)?;
        self.pool.allow(&route.model);
        let metrics = self.metrics.version(&route);
        self.load(&route, &metrics).await.map(|_| ())
    }

    /// Unloads every version of a model; requests for it are refused until it is loaded again. This
    /// lasts as long as the process. How many versions were loaded.
    pub fn unload_model(&self, model: &ModelName) -> usize {
        self.pool.unload(model)
    }

    /// Whether a request for `reference` would be taken now.
    ///
    /// # Errors
    /// The reason why not: the server is closing, there is no such version, it is quarantined, or
    /// its model was unloaded.
    pub fn check_ready(&self, reference: &ModelReference) -> Result<(), ServingError> {
        if self.is_draining() {
            return Err(ServingError::Closing);
        }
        let route = self.source.resolve(reference)?;
        self.pool.check_allowed(&route.model)
    }

    /// How much memory, time and patience there is.
    pub fn settings(&self) -> &ServingSettings {
        &self.settings
    }

    /// Lets nobody in any more, waits until everybody inside has an answer or the time is over, and
    /// then refuses the rest; texts that still go on end at their next token.
    pub async fn drain(&self, timeout: Duration) -> DrainOutcome {
        let abandoned = self.in_flight.close(timeout).await;
        self.generations.close();
        self.pool.close();
        DrainOutcome { abandoned }
    }

    /// Whether [`Serving::drain`] was called; a server that drains is not ready.
    pub fn is_draining(&self) -> bool {
        self.in_flight.is_closing()
    }

    /// Everything that is counted, at this moment.
    pub fn snapshot(&self) -> ServingMetrics {
        let pool = self.pool.counters();
        ServingMetrics {
            versions: self.metrics.snapshot(),
            loaded_versions: pool.loaded_versions,
            loaded_bytes: pool.loaded_bytes,
            loads: pool.loads,
            load_failures: pool.load_failures,
            unloads: pool.unloads,
            unresolved: self.metrics.unresolved(),
            in_flight: self.in_flight.count(),
        }
    }

    #[cfg(test)]
    pub(crate) fn generations(&self) -> &Generations {
        &self.generations
    }

    fn resolve(&self, reference: &ModelReference) -> Result<Route, ServingError> {
        self.source
            .resolve(reference)
            .inspect_err(|_| self.metrics.count_unresolved())
    }

    fn deadline(&self, deadline: Option<Duration>) -> Deadline {
        let limit = deadline
            .unwrap_or(self.settings.default_deadline)
            .min(self.settings.deadline_max);
        Deadline {
            at: self.clock.monotonic().saturating_add(limit),
            limit,
        }
    }

    async fn load(
        &self,
        route: &Route,
        metrics: &Arc<VersionMetrics>,
    ) -> Result<Arc<LoadedVersion>, ServingError> {
        if let Some(loaded) = self.pool.ready(&route.version_id) {
            return Ok(loaded);
        }
        self.pool
            .get(route, metrics, || {
                let source = Arc::clone(&self.source);
                let route = route.clone();
                async move { source.load(&route).await }
            })
            .await
    }

    /// A prediction for one example, metered, within its deadline.
    async fn answer(
        &self,
        route: &Route,
        metrics: &Arc<VersionMetrics>,
        example: RawExample,
        top_k: Option<usize>,
        deadline: Deadline,
    ) -> Result<PredictOutcome, ServingError> {
        let work = self.predict_one(route, metrics, example, top_k, deadline);
        self.metered(route, metrics, 1, deadline, work).await
    }

    /// Runs the work of one request: counted, and given up at its deadline.
    async fn metered<T>(
        &self,
        route: &Route,
        metrics: &Arc<VersionMetrics>,
        items: usize,
        deadline: Deadline,
        work: impl Future<Output = Result<T, ServingError>>,
    ) -> Result<T, ServingError> {
        let meter = RequestMeter::start(Arc::clone(metrics), items, self.clock.as_ref());
        let rest = deadline.at.saturating_sub(self.clock.monotonic());
        let answer = tokio::time::timeout(rest, work).await.unwrap_or_else(|_| {
            Err(deadline.exceeded(&format!("{}@{}", route.model, route.number)))
        });
        meter.end(&answer, self.clock.as_ref());
        answer
    }

    async fn infer_all(
        &self,
        route: &Route,
        metrics: &Arc<VersionMetrics>,
        examples: Vec<Tensor>,
        deadline: Deadline,
    ) -> Result<InferOutcome, ServingError> {
        let loaded = self.load(route, metrics).await?;
        let mut inputs = Vec::with_capacity(examples.len());
        for example in examples {
            let example = RawExample::Tensor(example);
            inputs.push(self.prepare(&loaded, metrics, example).await?.input);
        }
        let mut outcome = InferOutcome {
            rows: Vec::with_capacity(inputs.len()),
            model: route.model.clone(),
            version: route.number,
            queue_ms: 0.0,
            infer_ms: 0.0,
        };
        let receivers = loaded.queue.submit_all(inputs.into_iter(), deadline)?;
        // An error ends the loop, which drops the other receivers and so cancels their items.
        for receiver in receivers {
            let answer = received(&loaded, receiver).await?;
            outcome.queue_ms = outcome.queue_ms.max(milliseconds(answer.queued));
            outcome.infer_ms = outcome.infer_ms.max(milliseconds(answer.computed));
            outcome.rows.push(answer.row);
        }
        Ok(outcome)
    }

    async fn prepare(
        &self,
        loaded: &LoadedVersion,
        metrics: &VersionMetrics,
        example: RawExample,
    ) -> Result<Prepared, ServingError> {
        let started = self.clock.monotonic();
        let prepared = self
            .preparation
            .prepare(&loaded.name, loaded.queue.model(), example)
            .await?;
        metrics.add_prepared(self.clock.monotonic().saturating_sub(started));
        Ok(prepared)
    }

    async fn predict_one(
        &self,
        route: &Route,
        metrics: &Arc<VersionMetrics>,
        example: RawExample,
        top_k: Option<usize>,
        deadline: Deadline,
    ) -> Result<PredictOutcome, ServingError> {
        let loaded = self.load(route, metrics).await?;
        if loaded.queue.model().generation().is_some() {
            return self
                .predict_text(route, metrics, loaded, example, deadline)
                .await;
        }
        let is_text = matches!(example, RawExample::Text(_));
        let Prepared { input, warnings } = self.prepare(&loaded, metrics, example).await?;
        // A text is prepared as the ids of its tokens.
        let tokens = is_text.then(|| input.data().len());
        let answer = received(&loaded, loaded.queue.submit(input, deadline)?).await?;
        let prediction = decode(&loaded, &answer.row, top_k)?;
        Ok(PredictOutcome {
            prediction,
            model: route.model.clone(),
            version: route.number,
            queue_ms: milliseconds(answer.queued),
            infer_ms: milliseconds(answer.computed),
            batch_size: answer.batch_size,
            tokens,
            warnings,
        })
    }
}

/// Waits for the answer to an item.
async fn received(
    loaded: &LoadedVersion,
    receiver: AnswerReceiver,
) -> Result<BatchAnswer, ServingError> {
    receiver.await.map_err(|_| ServingError::Internal {
        model: loaded.name.clone(),
        message: "the model's thread ended without an answer".to_owned(),
    })?
}

/// The decoders of the package are code that reads what a model wrote: an unwind boundary too.
fn decode(
    loaded: &LoadedVersion,
    row: &[f32],
    top_k: Option<usize>,
) -> Result<Prediction, ServingError> {
    catch_unwind(AssertUnwindSafe(|| loaded.queue.model().decode(row, top_k)))
        .map_err(|panic| ServingError::Panicked {
            model: loaded.name.clone(),
            message: panic_message(panic.as_ref()),
        })?
        .map_err(ServingError::Refused)
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

#[cfg(test)]
mod tests;
