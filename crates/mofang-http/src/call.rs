//! A call of a model: the one road that every route and protocol takes.
//!
//! Authentication, the caller's quota and its right to predict are the guard's business (`access`),
//! which stands before every route. From there on a call resolves its reference once, reads its body
//! within the limits, keeps its deadline, waits in the version's batching queue, and is counted for
//! its caller. What the bytes of the body mean is the route's own affair.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_ENCODING;
use bytes::Bytes;
use futures::future::join_all;
use mofang_data::RawExample;
use mofang_registry::Route;
use mofang_runtime::Predictor;
use mofang_serving::{GenerateOptions, Generation, InferOutcome, PredictOptions, PredictOutcome};
use mofang_types::{ErrorCode, GenerationOptions, ModelReference, Selector, Tensor};
use serde::de::DeserializeOwned;

use crate::auth::Caller;
use crate::body::read_body;
use crate::deadline::remaining;
use crate::extract::{check_json, parse_json};
use crate::metering::CallerLabel;
use crate::middleware::RequestContext;
use crate::{ApiError, AppState};

/// A call of one version of a model by one caller.
#[derive(Debug)]
pub(crate) struct ModelCall {
    state: Arc<AppState>,
    caller: CallerLabel,
    arrived: Duration,
    limit: Option<Duration>,
    route: Route,
    pinned: ModelReference,
    seed: u64,
}

impl ModelCall {
    /// Begins a call. The body need not be there yet: an unknown model costs nothing. From here on
    /// everything goes to the same version, wherever an alias moves meanwhile.
    ///
    /// # Errors
    /// When the reference names no version that can be used.
    pub(crate) fn begin(
        state: &Arc<AppState>,
        caller: &Caller,
        context: &RequestContext,
        reference: &ModelReference,
        limit: Option<Duration>,
    ) -> Result<Self, ApiError> {
        let route = state.registry.resolve(reference)?;
        Ok(Self {
            state: Arc::clone(state),
            caller: caller.label().clone(),
            arrived: context.arrived,
            limit,
            pinned: ModelReference {
                model: route.model.clone(),
                selector: Selector::Version(route.number),
            },
            route,
            seed: seed_of(&context.request_id),
        })
    }

    /// The version that is called.
    pub(crate) fn route(&self) -> &Route {
        &self.route
    }

    /// How many inputs a call may have.
    pub(crate) fn inputs_max(&self) -> usize {
        self.state.settings.inputs_max
    }

    /// Gives the call a shorter time, counted from the arrival of the request.
    pub(crate) fn tighten(&mut self, limit: Duration) {
        self.limit = Some(self.limit.map_or(limit, |before| before.min(limit)));
    }

    /// What the draws of the call are a function of when it names no seed.
    pub(crate) fn seed(&self) -> u64 {
        self.seed
    }

    /// Reads the body of the call within the limits of the settings.
    pub(crate) async fn read_body(
        &self,
        headers: &HeaderMap,
        body: Body,
    ) -> Result<Bytes, ApiError> {
        read_call(&self.state, headers, body).await
    }

    /// The predictor of the version, loaded if need be. While it is held, the version stays loaded.
    pub(crate) async fn predictor(&self) -> Result<Arc<Predictor>, ApiError> {
        let load = self.state.serving.predictor(&self.pinned);
        let Some(rest) = self.rest()? else {
            return Ok(load.await?);
        };
        tokio::time::timeout(rest, load)
            .await
            .map_err(|_| {
                ApiError::new(
                    ErrorCode::Timeout,
                    format!(
                        "the deadline passed before {}@{} was loaded",
                        self.route.model, self.route.number
                    ),
                )
            })?
            .map_err(ApiError::from)
    }

    /// Predicts each input, or says why not, in order; counts them.
    ///
    /// # Errors
    /// When the deadline has passed, or there is nothing to predict because of the server.
    pub(crate) async fn predict(
        &self,
        inputs: Vec<Result<RawExample, ApiError>>,
        top_k: Option<usize>,
    ) -> Result<Vec<Result<PredictOutcome, ApiError>>, ApiError> {
        let options = PredictOptions {
            top_k,
            deadline: self.rest()?,
        };
        if top_k == Some(0) {
            return Err(ApiError::invalid("top_k has to be at least 1"));
        }
        let serving = &self.state.serving;
        let one = async |input: Result<RawExample, ApiError>| -> Result<_, ApiError> {
            Ok(serving.predict(&self.pinned, input?, options).await?)
        };
        let mut results = if inputs.len() == 1 {
            let mut results = Vec::with_capacity(1);
            for input in inputs {
                results.push(one(input).await);
            }
            results
        } else {
            join_all(inputs.into_iter().map(one)).await
        };
        let failed = results.iter().filter(|result| result.is_err()).count();
        self.count(results.len(), failed);
        // Nothing was predicted, and not because of the inputs: that is the server's answer, not
        // theirs.
        if failed == results.len()
            && let Some(index) = results.iter().position(|result| {
                results.len() == 1 || matches!(result, Err(error) if !error.is_about_the_input())
            })
            && let Err(error) = results.swap_remove(index)
        {
            return Err(error);
        }
        Ok(results)
    }

    /// Computes the model's outputs for examples that the caller has prepared; counts them.
    ///
    /// # Errors
    /// When one of them has no output.
    pub(crate) async fn infer(&self, examples: Vec<Tensor>) -> Result<InferOutcome, ApiError> {
        let rest = self.rest()?;
        let count = examples.len();
        let outcome = self.state.serving.infer(&self.pinned, examples, rest).await;
        self.count(count, if outcome.is_ok() { 0 } else { count });
        Ok(outcome?)
    }

    /// Begins to go on with a text; [`TextCall`](crate::text_call::TextCall) counts it.
    ///
    /// # Errors
    /// When the deadline has passed, or the text fails before its first piece.
    pub(crate) async fn generate(
        &self,
        prompt: String,
        options: GenerationOptions,
    ) -> Result<Generation, ApiError> {
        let options = GenerateOptions {
            options,
            seed: self.seed,
            deadline: self.rest()?,
        };
        let prompt = RawExample::Text(prompt);
        let serving = &self.state.serving;
        Ok(serving.generate(&self.pinned, prompt, options).await?)
    }

    /// Gives a call of several requests the time of one, from now: at most what one may take, and what one has by
    /// default when the call names no deadline.
    pub(crate) fn limit_as_one(&mut self) {
        let settings = self.state.serving.settings();
        let (default, max) = (settings.default_deadline, settings.deadline_max);
        let elapsed = self.elapsed();
        self.limit
            .get_or_insert_with(|| elapsed.saturating_add(default));
        self.tighten(elapsed.saturating_add(max));
    }

    /// Counts the call for its caller.
    pub(crate) fn count(&self, inputs: usize, failed: usize) {
        self.state.metering.count_usage(
            &self.caller,
            self.route.model.as_str(),
            self.route.number,
            inputs,
            failed,
        );
    }

    /// What is left of the caller's time.
    fn rest(&self) -> Result<Option<Duration>, ApiError> {
        let elapsed = self.elapsed();
        self.limit
            .map(|limit| remaining(limit, elapsed))
            .transpose()
    }

    fn elapsed(&self) -> Duration {
        self.state.clock.monotonic().saturating_sub(self.arrived)
    }
}

/// As [`ModelCall::read_body`], for a body that may say itself which model is called.
pub(crate) async fn read_call(
    state: &AppState,
    headers: &HeaderMap,
    body: Body,
) -> Result<Bytes, ApiError> {
    let coding = headers
        .get(CONTENT_ENCODING)
        .filter(|value| *value != "identity");
    if coding.is_some() {
        return Err(ApiError::new(
            ErrorCode::UnsupportedMediaType,
            "compressed bodies are not read; send the body without Content-Encoding",
        ));
    }
    let settings = &state.settings;
    read_body(
        headers,
        body,
        settings.body_limit_bytes,
        settings.body_timeout(),
    )
    .await
}

/// As [`read_call`], for a body of JSON.
pub(crate) async fn read_json_call<T: DeserializeOwned>(
    state: &AppState,
    headers: &HeaderMap,
    body: Body,
) -> Result<T, ApiError> {
    check_json(headers)?;
    parse_json(&read_call(state, headers, body).await?)
}

/// The random part of a request's id, by which its draws can be repeated. It is below 2^48, so that every
/// program that reads JSON has a number for it.
fn seed_of(request_id: &str) -> u64 {
    let random = request_id.rsplit('-').next().unwrap_or_default();
    u64::from_str_radix(random, 16).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_the_random_part_of_an_id() {
        assert_eq!(
            seed_of("01a21425-ed9c-71da-a3ea-00000000002a"),
            42,
            "the last twelve digits"
        );
        assert_eq!(seed_of("no id"), 0);
    }
}
