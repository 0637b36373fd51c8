//! The methods of `inference.GRPCInferenceService`.

use std::sync::Arc;
use std::time::Duration;

use axum::http::request::Parts;
use futures::stream::{self, BoxStream, StreamExt as _};
use mofang_accounts::Action;
use mofang_grpc::inference::grpc_inference_service_server::GrpcInferenceService;
use mofang_grpc::inference::model_metadata_response::TensorMetadata;
use mofang_grpc::inference::repository_index_response::ModelIndex;
use mofang_grpc::inference::{
    DataType, InferStatistics, ModelConfig, ModelConfigRequest, ModelConfigResponse,
    ModelDynamicBatching, ModelInferRequest, ModelInferResponse, ModelInput, ModelMetadataRequest,
    ModelMetadataResponse, ModelOutput, ModelReadyRequest, ModelReadyResponse, ModelStatistics,
    ModelStatisticsRequest, ModelStatisticsResponse, ModelStreamInferResponse,
    RepositoryIndexRequest, RepositoryIndexResponse, RepositoryModelLoadRequest,
    RepositoryModelLoadResponse, RepositoryModelUnloadRequest, RepositoryModelUnloadResponse,
    ServerLiveRequest, ServerLiveResponse, ServerMetadataRequest, ServerMetadataResponse,
    ServerReadyRequest, ServerReadyResponse, StatisticDuration,
};
use mofang_grpc::tonic::{Request, Response, Status, Streaming, async_trait};
use mofang_types::{Coded as _, ErrorCode};

use super::super::answer::{compute, only};
use super::super::input::examples;
use super::super::parameters::apply_to_call;
use super::super::{configuration, metadata, repository, statistics};
use super::contents::{inputs, output, parameters, requested};
use super::status::status;
use crate::auth::{Caller, authenticate};
use crate::call::ModelCall;
use crate::middleware::RequestContext;
use crate::protocols::reference;
use crate::routes::readiness;
use crate::{ApiError, AppState};

/// How many inferences of one stream are inside at once; their answers keep their order.
const STREAM_CONCURRENCY: usize = 32;

/// The service over the state that all protocols share.
#[derive(Debug)]
pub(super) struct InferenceService {
    state: Arc<AppState>,
}

impl InferenceService {
    pub(super) fn new(state: &Arc<AppState>) -> Self {
        Self {
            state: Arc::clone(state),
        }
    }
}

/// What the guard and the frame know of a request.
#[derive(Debug, Clone)]
struct Around {
    caller: Option<Caller>,
    context: RequestContext,
    limit: Option<Duration>,
}

impl Around {
    fn of<T>(request: &Request<T>) -> Result<Self, Status> {
        let context = request.extensions().get::<RequestContext>();
        let context = context
            .cloned()
            .ok_or_else(|| Status::internal("the request has no frame"))?;
        let timeout = request.metadata().get("grpc-timeout");
        let limit = timeout
            .map(|value| {
                value.to_str().ok().and_then(parse_timeout).ok_or_else(|| {
                    Status::invalid_argument("grpc-timeout has to be digits and a unit")
                })
            })
            .transpose()?;
        Ok(Self {
            caller: request.extensions().get::<Caller>().cloned(),
            context,
            limit,
        })
    }

    fn caller(&self) -> Result<&Caller, ApiError> {
        // Only the guard puts it there: a method without one denies.
        self.caller
            .as_ref()
            .ok_or_else(|| ApiError::new(ErrorCode::Unauthenticated, "no credentials"))
    }

    fn answer<T>(&self, answer: Result<T, ApiError>) -> Result<Response<T>, Status> {
        answer
            .map(Response::new)
            .map_err(|error| status(&error, &self.context.request_id))
    }
}

/// A timeout as gRPC writes it: at most eight digits, then `H`, `M`, `S`, `m`, `u` or `n`.
fn parse_timeout(text: &str) -> Option<Duration> {
    let digits = text
        .len()
        .checked_sub(1)
        .filter(|count| (1..=8).contains(count))?;
    let (number, unit) = text.split_at_checked(digits)?;
    // Digits alone: `parse` would also take a sign.
    if !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number: u64 = number.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(number * 3600)),
        "M" => Some(Duration::from_secs(number * 60)),
        "S" => Some(Duration::from_secs(number)),
        "m" => Some(Duration::from_millis(number)),
        "u" => Some(Duration::from_micros(number)),
        "n" => Some(Duration::from_nanos(number)),
        _ => None,
    }
}

async fn infer(
    state: &Arc<AppState>,
    around: &Around,
    message: ModelInferRequest,
) -> Result<ModelInferResponse, ApiError> {
    let reference = reference(&message.model_name, Some(&message.model_version))?;
    let caller = around.caller()?;
    let mut call = ModelCall::begin(state, caller, &around.context, &reference, around.limit)?;
    apply_to_call(&mut call, &parameters(message.parameters))?;
    let predictor = call.predictor().await?;
    let spec = only(&predictor.manifest().signature.inputs, "input")?;
    // Whoever sends typed contents can read them; everybody else gets the shorter form.
    let is_typed = message.raw_input_contents.is_empty();
    let inputs = inputs(message.inputs, message.raw_input_contents)?;
    let examples = examples(inputs, spec, call.inputs_max())?;
    let requested = requested(message.outputs)?;
    let computed = compute(&call, &predictor, examples, requested, true).await?;
    let mut outputs = Vec::with_capacity(computed.len());
    let mut raw_output_contents = Vec::new();
    for tensor in computed {
        let (tensor, raw) = output(tensor, is_typed);
        outputs.push(tensor);
        raw_output_contents.extend(raw);
    }
    Ok(ModelInferResponse {
        model_name: message.model_name,
        model_version: call.route().number.to_string(),
        id: message.id,
        parameters: std::collections::HashMap::new(),
        outputs,
        raw_output_contents,
    })
}

#[async_trait]
impl GrpcInferenceService for InferenceService {
    async fn server_live(
        &self,
        _request: Request<ServerLiveRequest>,
    ) -> Result<Response<ServerLiveResponse>, Status> {
        Ok(Response::new(ServerLiveResponse { live: true }))
    }

    async fn server_ready(
        &self,
        _request: Request<ServerReadyRequest>,
    ) -> Result<Response<ServerReadyResponse>, Status> {
        let ready = readiness(&self.state).await.is_ok();
        Ok(Response::new(ServerReadyResponse { ready }))
    }

    async fn model_ready(
        &self,
        request: Request<ModelReadyRequest>,
    ) -> Result<Response<ModelReadyResponse>, Status> {
        let around = Around::of(&request)?;
        let ModelReadyRequest { name, version } = request.into_inner();
        let answer = reference(&name, Some(&version)).and_then(|reference| {
            match self.state.serving.check_ready(&reference) {
                Ok(()) => Ok(ModelReadyResponse { ready: true }),
                Err(error) if error.code() == ErrorCode::Unavailable => {
                    Ok(ModelReadyResponse { ready: false })
                }
                Err(error) => Err(error.into()),
            }
        });
        around.answer(answer)
    }

    async fn server_metadata(
        &self,
        _request: Request<ServerMetadataRequest>,
    ) -> Result<Response<ServerMetadataResponse>, Status> {
        let metadata = metadata::server_metadata();
        Ok(Response::new(ServerMetadataResponse {
            name: metadata.name.to_owned(),
            version: metadata.version.to_owned(),
            extensions: metadata
                .extensions
                .iter()
                .map(ToString::to_string)
                .collect(),
        }))
    }

    async fn model_metadata(
        &self,
        request: Request<ModelMetadataRequest>,
    ) -> Result<Response<ModelMetadataResponse>, Status> {
        let around = Around::of(&request)?;
        let ModelMetadataRequest { name, version } = request.into_inner();
        let found = metadata::model_metadata(&self.state, name, Some(&version)).await;
        around.answer(found.map(ModelMetadataResponse::from))
    }

    async fn model_infer(
        &self,
        request: Request<ModelInferRequest>,
    ) -> Result<Response<ModelInferResponse>, Status> {
        let around = Around::of(&request)?;
        around.answer(infer(&self.state, &around, request.into_inner()).await)
    }

    type ModelStreamInferStream = BoxStream<'static, Result<ModelStreamInferResponse, Status>>;

    async fn model_stream_infer(
        &self,
        request: Request<Streaming<ModelInferRequest>>,
    ) -> Result<Response<Self::ModelStreamInferStream>, Status> {
        let around = Around::of(&request)?;
        let mut parts = axum::http::Request::new(()).into_parts().0;
        parts.method = axum::http::Method::POST;
        parts.headers = request.metadata().clone().into_headers();
        let session = Arc::new(StreamSession {
            state: Arc::clone(&self.state),
            around,
            parts,
        });
        let incoming = request.into_inner();
        let first = Some(session.around.clone());
        let messages = stream::unfold(
            (session, incoming, first),
            |(session, mut incoming, first)| async move {
                let message = tokio::select! {
                    biased;
                    message = incoming.message() => message.transpose()?,
                    () = session.state.closed() => Err(Status::unavailable("the server is shutting down")),
                };
                let item = message.map(|message| (Arc::clone(&session), first, message));
                Some((item, (session, incoming, None)))
            },
        );
        let answers = messages
            .map(|item| async move {
                let (session, first, message) = item?;
                Ok(session.answer(first, message).await)
            })
            .buffered(STREAM_CONCURRENCY);
        // After a failure of the stream itself nothing can follow.
        let mut has_ended = false;
        let answers = answers.take_while(move |answer| {
            let goes_on = !has_ended;
            has_ended |= answer.is_err();
            std::future::ready(goes_on)
        });
        Ok(Response::new(answers.boxed()))
    }

    async fn model_config(
        &self,
        request: Request<ModelConfigRequest>,
    ) -> Result<Response<ModelConfigResponse>, Status> {
        let around = Around::of(&request)?;
        let ModelConfigRequest { name, version } = request.into_inner();
        let found = configuration::config(&self.state, name, Some(&version)).await;
        around.answer(found.map(|config| ModelConfigResponse {
            config: Some(config.into()),
        }))
    }

    async fn model_statistics(
        &self,
        request: Request<ModelStatisticsRequest>,
    ) -> Result<Response<ModelStatisticsResponse>, Status> {
        let around = Around::of(&request)?;
        let ModelStatisticsRequest { name, version } = request.into_inner();
        let found = statistics::statistics(&self.state, &name, Some(&version));
        around.answer(found.map(|found| ModelStatisticsResponse {
            model_stats: found.model_stats.into_iter().map(Into::into).collect(),
        }))
    }

    async fn repository_index(
        &self,
        request: Request<RepositoryIndexRequest>,
    ) -> Result<Response<RepositoryIndexResponse>, Status> {
        let around = Around::of(&request)?;
        let ready_only = request.into_inner().ready;
        let found = repository::entries(&self.state, ready_only).await;
        around.answer(found.map(|entries| {
            RepositoryIndexResponse {
                models: entries
                    .into_iter()
                    .map(|entry| ModelIndex {
                        name: entry.name,
                        version: entry.version,
                        state: entry.state.to_owned(),
                        reason: entry.reason,
                    })
                    .collect(),
            }
        }))
    }

    async fn repository_model_load(
        &self,
        request: Request<RepositoryModelLoadRequest>,
    ) -> Result<Response<RepositoryModelLoadResponse>, Status> {
        let around = Around::of(&request)?;
        let message = request.into_inner();
        let load = async {
            let names = message.parameters.keys().map(String::as_str);
            let caller = around.caller()?;
            repository::load_model(&self.state, caller, &message.model_name, names).await
        };
        around.answer(load.await.map(|()| RepositoryModelLoadResponse {}))
    }

    async fn repository_model_unload(
        &self,
        request: Request<RepositoryModelUnloadRequest>,
    ) -> Result<Response<RepositoryModelUnloadResponse>, Status> {
        let around = Around::of(&request)?;
        let message = request.into_inner();
        let unloaded = around
            .caller()
            .and_then(|caller| repository::unload_model(&self.state, caller, &message.model_name));
        around.answer(unloaded.map(|()| RepositoryModelUnloadResponse {}))
    }
}

/// A stream of inferences by one caller.
struct StreamSession {
    state: Arc<AppState>,
    around: Around,
    /// The credentials, which every message after the first shows again: each is a request of its own
    /// to the caller's quota, and a key that was revoked meanwhile ends there.
    parts: Parts,
}

impl StreamSession {
    async fn answer(
        &self,
        first: Option<Around>,
        message: ModelInferRequest,
    ) -> ModelStreamInferResponse {
        let around = first.map_or_else(|| self.admit(), Ok);
        let id = message.id.clone();
        let model_name = message.model_name.clone();
        let answer = match around {
            Ok(around) => infer(&self.state, &around, message).await,
            Err(error) => Err(error),
        };
        match answer {
            Ok(response) => ModelStreamInferResponse {
                error_message: String::new(),
                infer_response: Some(response),
            },
            Err(error) => {
                crate::problem::log_cause(&error, &self.around.context.request_id);
                ModelStreamInferResponse {
                    error_message: error.detail,
                    // By the id a client finds the request that failed.
                    infer_response: Some(ModelInferResponse {
                        model_name,
                        id,
                        ..ModelInferResponse::default()
                    }),
                }
            }
        }
    }

    fn admit(&self) -> Result<Around, ApiError> {
        let caller = authenticate(&self.state, &self.parts)?;
        caller.principal().authorize(Action::Predict)?;
        Ok(Around {
            caller: Some(caller),
            context: RequestContext {
                arrived: self.state.clock.monotonic(),
                ..self.around.context.clone()
            },
            limit: self.around.limit,
        })
    }
}

impl From<metadata::ModelMetadata> for ModelMetadataResponse {
    fn from(found: metadata::ModelMetadata) -> Self {
        let tensor = |tensor: metadata::TensorMetadata| TensorMetadata {
            name: tensor.name,
            datatype: tensor.datatype,
            shape: tensor.shape,
        };
        Self {
            name: found.name,
            versions: found.versions,
            platform: found.platform.to_owned(),
            inputs: found.inputs.into_iter().map(tensor).collect(),
            outputs: found.outputs.into_iter().map(tensor).collect(),
        }
    }
}

impl From<configuration::ModelConfig> for ModelConfig {
    fn from(config: configuration::ModelConfig) -> Self {
        let data_type = |name: &str| {
            DataType::from_str_name(name)
                .unwrap_or(DataType::TypeInvalid)
                .into()
        };
        let size = |size: usize| i32::try_from(size).unwrap_or(i32::MAX);
        Self {
            name: config.name,
            platform: config.platform.to_owned(),
            backend: config.backend.to_owned(),
            max_batch_size: size(config.max_batch_size),
            input: config
                .input
                .into_iter()
                .map(|tensor| ModelInput {
                    data_type: data_type(tensor.data_type),
                    name: tensor.name,
                    dims: tensor.dims,
                })
                .collect(),
            output: config
                .output
                .into_iter()
                .map(|tensor| ModelOutput {
                    data_type: data_type(tensor.data_type),
                    name: tensor.name,
                    dims: tensor.dims,
                })
                .collect(),
            dynamic_batching: Some(ModelDynamicBatching {
                preferred_batch_size: config
                    .dynamic_batching
                    .preferred_batch_size
                    .into_iter()
                    .map(size)
                    .collect(),
                max_queue_delay_microseconds: config.dynamic_batching.max_queue_delay_microseconds,
            }),
        }
    }
}

impl From<statistics::ModelStatistics> for ModelStatistics {
    fn from(found: statistics::ModelStatistics) -> Self {
        let duration = |duration: statistics::StatisticDuration| {
            Some(StatisticDuration {
                count: duration.count,
                ns: duration.ns,
            })
        };
        let stats = found.inference_stats;
        Self {
            name: found.name,
            version: found.version,
            last_inference: found.last_inference,
            inference_count: found.inference_count,
            execution_count: found.execution_count,
            inference_stats: Some(InferStatistics {
                success: duration(stats.success),
                fail: duration(stats.fail),
                queue: duration(stats.queue),
                compute_input: duration(stats.compute_input),
                compute_infer: duration(stats.compute_infer),
                compute_output: duration(stats.compute_output),
                cache_hit: duration(stats.cache_hit),
                cache_miss: duration(stats.cache_miss),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_are_read_as_grpc_writes_them() {
        assert_eq!(parse_timeout("100m"), Some(Duration::from_millis(100)));
        assert_eq!(parse_timeout("2S"), Some(Duration::from_secs(2)));
        assert_eq!(
            parse_timeout("99999999H"),
            Some(Duration::from_hours(99_999_999))
        );
        for text in ["", "m", "1", "123456789m", "-1m", "1x", "1é", "+1m"] {
            assert_eq!(parse_timeout(text), None, "{text}");
        }
    }
}
