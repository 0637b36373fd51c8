//! The Open Inference Protocol over gRPC, through the stubs of its protocol file.

#![expect(clippy::unwrap_used, reason = "the helpers of tests fail as tests do")]

use std::collections::HashMap;

use bytes::Bytes;
use futures::{StreamExt as _, stream};
use mofang_accounts::{Role, Scope};
use mofang_grpc::health::HealthCheckRequest;
use mofang_grpc::health::health_client::HealthClient;
use mofang_grpc::inference::grpc_inference_service_client::GrpcInferenceServiceClient;
use mofang_grpc::inference::infer_parameter::ParameterChoice;
use mofang_grpc::inference::model_infer_request::{InferInputTensor, InferRequestedOutputTensor};
use mofang_grpc::inference::{
    InferParameter, InferTensorContents, ModelConfigRequest, ModelInferRequest,
    ModelMetadataRequest, ModelReadyRequest, ModelStatisticsRequest, RepositoryIndexRequest,
    RepositoryModelLoadRequest, RepositoryModelUnloadRequest, ServerLiveRequest,
    ServerMetadataRequest, ServerReadyRequest,
};
use mofang_grpc::tonic::{Code, Request, Status};
use mofang_http::Router;
use mofang_testing::{TestApp, TestAppBuilder};

use crate::open_inference::{example, infer, parts, to_bytes};

type Client = GrpcInferenceServiceClient<Router>;

fn client(app: &TestApp) -> Client {
    GrpcInferenceServiceClient::new(mofang_http::grpc_app(&app.state))
        .max_encoding_message_size(usize::MAX)
}

fn by<T>(token: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    if let Ok(value) = format!("Bearer {token}").parse() {
        request.metadata_mut().insert("authorization", value);
    }
    request
}

fn raw(values: &[f32], count: i64) -> ModelInferRequest {
    ModelInferRequest {
        model_name: "digits".to_owned(),
        id: "a".to_owned(),
        inputs: vec![InferInputTensor {
            name: "image".to_owned(),
            datatype: "FP32".to_owned(),
            shape: vec![count, 1, 8, 8],
            ..InferInputTensor::default()
        }],
        raw_input_contents: vec![Bytes::from(to_bytes(values))],
        ..ModelInferRequest::default()
    }
}

async fn refusal(client: &mut Client, key: &str, message: ModelInferRequest) -> Status {
    client.model_infer(by(key, message)).await.unwrap_err()
}

#[tokio::test]
async fn raw_and_typed_tensors_give_what_rest_gives() {
    let app = TestApp::new().await;
    let key = &app.user(Role::Caller).key;
    let mut client = client(&app);
    let rest = infer(
        &app,
        "/v2/models/digits/infer",
        Some("0"),
        to_bytes(&example(0)),
    )
    .await;
    let (_, logits) = parts(&rest.expect(200));
    let answer = client.model_infer(by(key, raw(&example(0), 1))).await;
    let answer = answer.unwrap().into_inner();
    assert_eq!(
        (
            answer.model_name.as_str(),
            answer.model_version.as_str(),
            answer.id.as_str()
        ),
        ("digits", "1", "a")
    );
    assert_eq!(answer.outputs[0].name, "logits");
    assert_eq!(answer.outputs[0].shape, [1, 10]);
    assert_eq!(answer.raw_output_contents.len(), 1);
    assert_eq!(answer.raw_output_contents[0], logits);
    assert!(answer.outputs[0].contents.is_none());
    // Whoever sends typed contents gets typed ones.
    let mut typed = raw(&[], 1);
    typed.raw_input_contents.clear();
    typed.inputs[0].contents = Some(InferTensorContents {
        fp32_contents: example(0),
        ..InferTensorContents::default()
    });
    let answer = client
        .model_infer(by(key, typed))
        .await
        .unwrap()
        .into_inner();
    assert!(answer.raw_output_contents.is_empty());
    let values = &answer.outputs[0].contents.as_ref().unwrap().fp32_contents;
    assert_eq!(to_bytes(values), logits);
    // Classes come as texts behind their length.
    let mut classes = raw(&example(0), 1);
    let three = InferParameter {
        parameter_choice: Some(ParameterChoice::Int64Param(3)),
    };
    classes.outputs = vec![InferRequestedOutputTensor {
        name: "logits".to_owned(),
        parameters: HashMap::from([("classification".to_owned(), three)]),
    }];
    let answer = client
        .model_infer(by(key, classes))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(answer.outputs[0].datatype, "BYTES");
    assert_eq!(answer.outputs[0].shape, [1, 3]);
    let text = &answer.raw_output_contents[0];
    let length = u32::from_le_bytes(text[..4].try_into().unwrap()) as usize;
    let text = std::str::from_utf8(&text[4..4 + length]).unwrap();
    assert_eq!(text.split(':').count(), 3, "{text}");
}

#[tokio::test]
async fn what_is_wrong_is_said_with_its_code() {
    let mut builder = TestAppBuilder::default();
    builder.http.body_limit_bytes = 1 << 20;
    let app = builder.build().await.unwrap();
    let key = &app.user(Role::Caller).key;
    let mut client = client(&app);
    let good = || raw(&example(0), 1);
    let changed = |change: fn(&mut ModelInferRequest)| {
        let mut message = good();
        change(&mut message);
        message
    };
    for (message, code, said) in [
        (
            changed(|message| message.model_name = "ghost".to_owned()),
            Code::NotFound,
            "ghost",
        ),
        (
            changed(|message| message.model_version = "9".to_owned()),
            Code::NotFound,
            "digits@9",
        ),
        (
            changed(|message| message.model_version = "x y".to_owned()),
            Code::InvalidArgument,
            "x y",
        ),
        (
            changed(|message| message.inputs[0].name = "picture".to_owned()),
            Code::InvalidArgument,
            "\"image\"",
        ),
        (
            changed(|message| message.inputs[0].shape = vec![-1, 1, 8, 8]),
            Code::InvalidArgument,
            "negative",
        ),
        (
            changed(|message| message.inputs[0].shape = vec![i64::MAX, i64::MAX, 8, 8]),
            Code::InvalidArgument,
            "expected",
        ),
        (
            changed(|message| message.inputs[0].shape = vec![2, 1, 8, 8]),
            Code::InvalidArgument,
            "do not fill",
        ),
        (
            changed(|message| message.inputs[0].datatype = "INT99".to_owned()),
            Code::InvalidArgument,
            "INT99",
        ),
        (
            changed(|message| message.inputs[0].datatype = "BYTES".to_owned()),
            Code::InvalidArgument,
            "BYTES",
        ),
        (
            changed(|message| message.raw_input_contents.push(Bytes::new())),
            Code::InvalidArgument,
            "2 raw_input_contents",
        ),
        (
            changed(|message| message.raw_input_contents.clear()),
            Code::InvalidArgument,
            "no contents",
        ),
        (
            changed(|message| message.inputs.clear()),
            Code::InvalidArgument,
            "0 inputs",
        ),
        (
            changed(|message| message.inputs.push(message.inputs[0].clone())),
            Code::InvalidArgument,
            "2 inputs and 1",
        ),
        (
            changed(|message| message.inputs[0].contents = Some(InferTensorContents::default())),
            Code::InvalidArgument,
            "send one of them",
        ),
        (raw(&[f32::NAN; 64], 1), Code::InvalidArgument, "not finite"),
        (
            raw(&vec![0.0; 64 * 300], 300),
            Code::InvalidArgument,
            "at most 256",
        ),
        (
            raw(&vec![0.0; 300_000], 1),
            Code::ResourceExhausted,
            "larger than",
        ),
    ] {
        let status = refusal(&mut client, key, message).await;
        assert_eq!(status.code(), code, "{said}: {status}");
        assert!(status.message().contains(said), "{said} is not in {status}");
    }
    let shared = InferParameter {
        parameter_choice: Some(ParameterChoice::StringParam("region".to_owned())),
    };
    let mut message = good();
    message.inputs[0]
        .parameters
        .insert("shared_memory_region".to_owned(), shared);
    let status = refusal(&mut client, key, message).await;
    assert_eq!(status.code(), Code::Unimplemented, "{status}");
    // Where no tensor is expected, nothing large is read, not even from those who may call.
    let long = RepositoryModelLoadRequest {
        model_name: "x".repeat(100_000),
        ..RepositoryModelLoadRequest::default()
    };
    let editor = &app.user(Role::Editor).key;
    let status = client.repository_model_load(by(editor, long)).await;
    assert_eq!(status.unwrap_err().code(), Code::ResourceExhausted);
    for (timeout, code) in [
        ("1n", Code::DeadlineExceeded),
        ("soon", Code::InvalidArgument),
    ] {
        let mut request = by(key, good());
        request
            .metadata_mut()
            .insert("grpc-timeout", timeout.parse().unwrap());
        let status = client.model_infer(request).await.unwrap_err();
        assert_eq!(status.code(), code, "{timeout}: {status}");
    }
    client.model_infer(by(key, good())).await.unwrap();
}

#[tokio::test]
async fn sec_16_methods_admit_whom_the_routes_of_rest_admit() {
    let app = TestApp::new().await;
    let infer_key = app.key(&[Scope::Infer], None).await.unwrap();
    let token = |role| app.user(role).token.clone();
    let callers = [
        ("anonymous", String::new()),
        ("viewer", token(Role::Viewer)),
        ("caller", token(Role::Caller)),
        ("editor", token(Role::Editor)),
        ("infer_key", infer_key),
    ];
    let everybody = ["anonymous", "viewer", "caller", "editor", "infer_key"];
    let mut client = client(&app);
    let mut faults = Vec::new();
    for (caller, token) in &callers {
        let mut check = |method: &str, admitted: &[&str], outcome: Result<(), Status>| {
            let code = outcome.err().map_or(Code::Ok, |status| status.code());
            let refused = matches!(code, Code::Unauthenticated | Code::PermissionDenied);
            let right = *caller != "anonymous" || !refused || code == Code::Unauthenticated;
            if refused == admitted.contains(caller) || !right {
                faults.push(format!("{method} as {caller}: {code:?}"));
            }
        };
        let name = || "ghost".to_owned();
        let version = String::new;
        let readers = &everybody[1..];
        check(
            "ServerLive",
            &everybody,
            client
                .server_live(by(token, ServerLiveRequest {}))
                .await
                .map(drop),
        );
        check(
            "ServerReady",
            &everybody,
            client
                .server_ready(by(token, ServerReadyRequest {}))
                .await
                .map(drop),
        );
        check(
            "ServerMetadata",
            readers,
            client
                .server_metadata(by(token, ServerMetadataRequest {}))
                .await
                .map(drop),
        );
        check(
            "ModelReady",
            readers,
            client
                .model_ready(by(
                    token,
                    ModelReadyRequest {
                        name: name(),
                        version: version(),
                    },
                ))
                .await
                .map(drop),
        );
        check(
            "ModelMetadata",
            readers,
            client
                .model_metadata(by(
                    token,
                    ModelMetadataRequest {
                        name: name(),
                        version: version(),
                    },
                ))
                .await
                .map(drop),
        );
        check(
            "ModelConfig",
            readers,
            client
                .model_config(by(
                    token,
                    ModelConfigRequest {
                        name: name(),
                        version: version(),
                    },
                ))
                .await
                .map(drop),
        );
        check(
            "ModelStatistics",
            readers,
            client
                .model_statistics(by(
                    token,
                    ModelStatisticsRequest {
                        name: name(),
                        version: version(),
                    },
                ))
                .await
                .map(drop),
        );
        check(
            "ModelInfer",
            &["caller", "editor", "infer_key"],
            client
                .model_infer(by(token, raw(&example(0), 1)))
                .await
                .map(drop),
        );
        let messages = || stream::iter([raw(&example(0), 1)]);
        check(
            "ModelStreamInfer",
            &["caller", "editor", "infer_key"],
            client
                .model_stream_infer(by(token, messages()))
                .await
                .map(drop),
        );
        check(
            "RepositoryIndex",
            &["viewer", "caller", "editor"],
            client
                .repository_index(by(token, RepositoryIndexRequest::default()))
                .await
                .map(drop),
        );
        let load = RepositoryModelLoadRequest {
            model_name: name(),
            ..RepositoryModelLoadRequest::default()
        };
        check(
            "RepositoryModelLoad",
            &["editor"],
            client
                .repository_model_load(by(token, load))
                .await
                .map(drop),
        );
        let unload = RepositoryModelUnloadRequest {
            model_name: name(),
            ..RepositoryModelUnloadRequest::default()
        };
        check(
            "RepositoryModelUnload",
            &["editor"],
            client
                .repository_model_unload(by(token, unload))
                .await
                .map(drop),
        );
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

#[tokio::test]
async fn a_model_is_described_listed_unloaded_and_loaded() {
    let app = TestApp::new().await;
    let editor = &app.user(Role::Editor).key;
    let mut client = client(&app);
    let named = || ("digits".to_owned(), String::new());
    let (name, version) = named();
    let metadata = client
        .model_metadata(by(editor, ModelMetadataRequest { name, version }))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(metadata.versions, ["1"]);
    assert_eq!(metadata.inputs[0].shape, [-1, 1, 8, 8]);
    let (name, version) = named();
    let config = client
        .model_config(by(editor, ModelConfigRequest { name, version }))
        .await
        .unwrap()
        .into_inner()
        .config
        .unwrap();
    assert_eq!(config.max_batch_size, 256);
    assert_eq!(config.input[0].dims, [1, 8, 8]);
    assert_eq!(config.input[0].data_type().as_str_name(), "TYPE_FP32");
    client
        .model_infer(by(editor, raw(&example(0), 1)))
        .await
        .unwrap();
    let (name, version) = named();
    let stats = client
        .model_statistics(by(editor, ModelStatisticsRequest { name, version }))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(stats.model_stats[0].inference_count, 1);
    assert_eq!(
        stats.model_stats[0]
            .inference_stats
            .as_ref()
            .unwrap()
            .success
            .unwrap()
            .count,
        1
    );
    let unload = RepositoryModelUnloadRequest {
        model_name: "digits".to_owned(),
        ..RepositoryModelUnloadRequest::default()
    };
    client
        .repository_model_unload(by(editor, unload))
        .await
        .unwrap();
    let (name, version) = named();
    assert!(
        !client
            .model_ready(by(editor, ModelReadyRequest { name, version }))
            .await
            .unwrap()
            .into_inner()
            .ready
    );
    assert_eq!(
        refusal(&mut client, editor, raw(&example(0), 1))
            .await
            .code(),
        Code::Unavailable
    );
    let index = client
        .repository_index(by(editor, RepositoryIndexRequest::default()))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(index.models[0].state, "UNAVAILABLE");
    let load = RepositoryModelLoadRequest {
        model_name: "digits".to_owned(),
        ..RepositoryModelLoadRequest::default()
    };
    client
        .repository_model_load(by(editor, load))
        .await
        .unwrap();
    client
        .model_infer(by(editor, raw(&example(0), 1)))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_stream_answers_in_order_and_each_message_counts_for_the_quota() {
    let mut builder = TestAppBuilder::default();
    builder.accounts.requests_per_minute = Some(6);
    let app = builder.build().await.unwrap();
    let key = &app.user(Role::Caller).key;
    let mut client = client(&app);
    let messages: Vec<ModelInferRequest> = (0..9_u8)
        .map(|number| ModelInferRequest {
            id: number.to_string(),
            model_name: if number == 2 { "ghost" } else { "digits" }.to_owned(),
            ..raw(&example(number), 1)
        })
        .collect();
    let stream = client
        .model_stream_infer(by(key, stream::iter(messages)))
        .await
        .unwrap();
    let answers: Vec<_> = stream.into_inner().map(Result::unwrap).collect().await;
    assert_eq!(answers.len(), 9);
    for (number, answer) in answers.iter().enumerate() {
        let response = answer.infer_response.as_ref().unwrap();
        assert_eq!(response.id, number.to_string());
        let error = &answer.error_message;
        match number {
            2 => assert!(error.contains("ghost"), "{error}"),
            0..=5 => assert_eq!(error, ""),
            _ => assert!(error.contains("requests"), "{error}"),
        }
    }
    // The quota is the key's, whichever way its requests come.
    let status = refusal(&mut client, key, raw(&example(0), 1)).await;
    assert_eq!(status.code(), Code::ResourceExhausted, "{status}");
    assert!(status.metadata().get("retry-after").is_some(), "{status:?}");
}

#[tokio::test]
async fn use_and_failures_are_counted_as_over_http() {
    let app = TestApp::new().await;
    let caller = app.user(Role::Caller);
    let mut client = client(&app);
    client
        .model_infer(by(&caller.key, raw(&example(0), 1)))
        .await
        .unwrap();
    let mut ghost = raw(&example(0), 1);
    ghost.model_name = "ghost".to_owned();
    refusal(&mut client, &caller.key, ghost).await;
    refusal(&mut client, "mf_wrong", raw(&example(0), 1)).await;
    let admin = &app.user(Role::Admin).key;
    let metrics = app
        .get("/metrics")
        .bearer(admin)
        .send()
        .await
        .expect(200)
        .text();
    let route = "route=\"/inference.GRPCInferenceService/ModelInfer\",method=\"POST\"";
    for line in [
        format!(
            "mofang_usage_requests_total{{caller=\"key:{}\",model=\"digits\",version=\"1\"}} 1",
            caller.key_id
        ),
        format!("mofang_http_request_duration_seconds_count{{{route},status=\"200\"}} 1"),
        format!("mofang_http_request_duration_seconds_count{{{route},status=\"404\"}} 1"),
        format!("mofang_http_request_duration_seconds_count{{{route},status=\"401\"}} 1"),
    ] {
        assert!(
            metrics.lines().any(|found| found == line),
            "{line} is not in\n{metrics}"
        );
    }
}

#[tokio::test]
async fn health_is_told_and_watched_until_the_end() {
    let app = TestApp::new().await;
    let mut health = HealthClient::new(mofang_http::grpc_app(&app.state));
    let ask = |service: &str| HealthCheckRequest {
        service: service.to_owned(),
    };
    for service in ["", "inference.GRPCInferenceService"] {
        let answer = health.check(ask(service)).await.unwrap().into_inner();
        assert_eq!(answer.status().as_str_name(), "SERVING");
    }
    let unknown = health.check(ask("ghost")).await.unwrap_err();
    assert_eq!(unknown.code(), Code::NotFound);
    let mut watched = health.watch(ask("")).await.unwrap().into_inner();
    let mut unknown = health.watch(ask("ghost")).await.unwrap().into_inner();
    let first = watched.message().await.unwrap().unwrap();
    assert_eq!(first.status().as_str_name(), "SERVING");
    let first = unknown.message().await.unwrap().unwrap();
    assert_eq!(first.status().as_str_name(), "SERVICE_UNKNOWN");
    app.state.begin_shutdown();
    let last = watched.message().await.unwrap().unwrap();
    assert_eq!(last.status().as_str_name(), "NOT_SERVING");
    assert_eq!(watched.message().await.unwrap(), None);
    assert!(unknown.message().await.is_err());
    let mut client = client(&app);
    assert!(
        !client
            .server_ready(ServerReadyRequest {})
            .await
            .unwrap()
            .into_inner()
            .ready
    );
}
