use std::sync::atomic::Ordering;

use mofang_types::testing::assert_close;
use mofang_types::{Coded as _, ErrorCode, Prediction, SystemClock};

use super::*;
use crate::testing::{Doubler, PANIC, TestSource, item};

fn serving() -> (Arc<Serving>, Arc<TestSource>) {
    let source = Arc::new(TestSource::default());
    let settings = ServingSettings {
        queue_capacity: 4,
        ..ServingSettings::default()
    };
    let clock = Arc::new(SystemClock::new());
    let serving =
        Serving::with_source(Arc::clone(&source) as Arc<dyn ModelSource>, settings, clock);
    (serving, source)
}

fn reference(text: &str) -> ModelReference {
    text.parse().unwrap()
}

fn tensor(value: f32) -> RawExample {
    RawExample::Tensor(item(value))
}

fn value(outcome: &PredictOutcome) -> f32 {
    let Prediction::Classes(classes) = &outcome.prediction else {
        panic!("no classes");
    };
    classes[0].probability
}

async fn predict(
    serving: &Serving,
    name: &str,
    example: RawExample,
) -> Result<PredictOutcome, ServingError> {
    serving
        .predict(&reference(name), example, PredictOptions::default())
        .await
}

/// Waits until the model's thread stands at the gate, without holding up the runtime.
async fn wait_until_running(model: &Arc<Doubler>) {
    let model = Arc::clone(model);
    tokio::task::spawn_blocking(move || model.wait_until_running())
        .await
        .unwrap();
}

#[tokio::test]
async fn tensors_and_images_are_predicted_by_one_loaded_copy() {
    let (serving, source) = serving();
    let outcome = predict(&serving, "m@1", tensor(3.0)).await.unwrap();
    assert_eq!(outcome.version, 1);
    assert_close(&[value(&outcome)], &[6.0], 0.0);
    let image = RawExample::Encoded(vec![5]);
    let outcome = predict(&serving, "m@latest", image).await.unwrap();
    assert_close(&[value(&outcome)], &[10.0], 0.0);
    assert_eq!(source.loads.load(Ordering::SeqCst), 1);
    let snapshot = serving.snapshot();
    assert_eq!((snapshot.loaded_versions, snapshot.loads), (1, 1));
    let version = &snapshot.versions[0];
    assert_eq!(
        (version.requests, version.successes, version.pending),
        (2, 2, 0)
    );
    assert_eq!(version.infer_seconds.count, 2);
}

#[tokio::test]
async fn failures_keep_their_code_and_are_counted_by_it() {
    let (serving, _) = serving();
    for (name, example, code) in [
        ("m@100", tensor(1.0), ErrorCode::NotFound),
        ("m@1", tensor(f32::NAN), ErrorCode::InvalidInput),
        ("m@1", RawExample::Encoded(vec![]), ErrorCode::InvalidInput),
        ("m@1", tensor(PANIC), ErrorCode::Internal),
        ("m@13", tensor(1.0), ErrorCode::Unavailable),
        ("m@14", tensor(1.0), ErrorCode::Internal),
    ] {
        let error = predict(&serving, name, example).await.unwrap_err();
        assert_eq!(error.code(), code, "{error}");
    }
    let snapshot = serving.snapshot();
    assert_eq!(snapshot.unresolved, 1);
    let first = &snapshot.versions[0];
    assert_eq!(first.failures["invalid_input"], 2);
    assert_eq!(first.failures["internal"], 1);
    assert!(predict(&serving, "m@1", tensor(1.0)).await.is_ok());
}

#[tokio::test]
async fn rel_17_a_bad_item_of_many_fails_alone() {
    let (serving, _) = serving();
    let examples = vec![tensor(1.0), tensor(f32::NAN), tensor(3.0)];
    let answers = serving
        .predict_all(&reference("m"), examples, PredictOptions::default())
        .await
        .unwrap();
    assert_close(&[value(answers[0].as_ref().unwrap())], &[2.0], 0.0);
    assert_eq!(
        answers[1].as_ref().unwrap_err().code(),
        ErrorCode::InvalidInput
    );
    assert_close(&[value(answers[2].as_ref().unwrap())], &[6.0], 0.0);
}

#[tokio::test]
async fn rel_6_a_caller_that_leaves_is_not_computed_and_counted_as_cancelled() {
    let (serving, source) = serving();
    source.model.shut();
    let running = tokio::spawn({
        let serving = Arc::clone(&serving);
        async move { predict(&serving, "m", tensor(1.0)).await }
    });
    wait_until_running(&source.model).await;
    let impatient = predict(&serving, "m", tensor(2.0));
    let left = tokio::time::timeout(Duration::from_millis(10), impatient).await;
    assert!(left.is_err());
    source.model.open();
    running.await.unwrap().unwrap();
    predict(&serving, "m", tensor(3.0)).await.unwrap();
    assert_eq!(source.model.computed(), [1.0, 3.0]);
    let snapshot = serving.snapshot();
    assert_eq!(snapshot.in_flight, 0);
    assert_eq!(
        (snapshot.versions[0].cancelled, snapshot.versions[0].pending),
        (1, 0)
    );
}

#[tokio::test]
async fn rel_8_a_deadline_holds_in_the_queue_too() {
    let (serving, source) = serving();
    source.model.shut();
    let running = tokio::spawn({
        let serving = Arc::clone(&serving);
        async move { predict(&serving, "m", tensor(1.0)).await }
    });
    wait_until_running(&source.model).await;
    let options = PredictOptions {
        deadline: Some(Duration::from_millis(20)),
        ..PredictOptions::default()
    };
    let late = serving.predict(&reference("m"), tensor(2.0), options).await;
    assert_eq!(late.unwrap_err().code(), ErrorCode::Timeout);
    source.model.open();
    running.await.unwrap().unwrap();
    predict(&serving, "m", tensor(3.0)).await.unwrap();
    assert_eq!(source.model.computed(), [1.0, 3.0]);
}

#[tokio::test]
async fn rel_14_a_drain_answers_who_is_inside_and_refuses_who_comes() {
    let (serving, source) = serving();
    source.model.shut();
    let inside = tokio::spawn({
        let serving = Arc::clone(&serving);
        async move { predict(&serving, "m", tensor(1.0)).await }
    });
    wait_until_running(&source.model).await;
    let draining = tokio::spawn({
        let serving = Arc::clone(&serving);
        async move { serving.drain(Duration::from_secs(10)).await }
    });
    while !serving.is_draining() {
        tokio::task::yield_now().await;
    }
    let refused = predict(&serving, "m", tensor(2.0)).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::Unavailable);
    source.model.open();
    assert_close(&[value(&inside.await.unwrap().unwrap())], &[2.0], 0.0);
    assert_eq!(draining.await.unwrap(), DrainOutcome { abandoned: 0 });
    assert_eq!(serving.snapshot().loaded_versions, 0);
}

#[tokio::test]
async fn a_drain_that_runs_out_of_time_refuses_what_waits() {
    let (serving, source) = serving();
    source.model.shut();
    let spawn = |value: f32| {
        let serving = Arc::clone(&serving);
        tokio::spawn(async move { predict(&serving, "m", tensor(value)).await })
    };
    let running = spawn(1.0);
    wait_until_running(&source.model).await;
    let waiting = spawn(2.0);
    while serving.snapshot().in_flight < 2 {
        tokio::task::yield_now().await;
    }
    tokio::task::yield_now().await;
    let outcome = serving.drain(Duration::from_millis(20)).await;
    assert_eq!(outcome.abandoned, 2);
    let refused = waiting.await.unwrap().unwrap_err();
    assert_eq!(refused.code(), ErrorCode::Unavailable);
    source.model.open();
    running.await.unwrap().unwrap();
}

#[tokio::test]
async fn the_examples_of_one_call_are_computed_together_and_counted_once() {
    let (serving, source) = serving();
    let examples = vec![item(1.0), item(2.0), item(3.0)];
    let outcome = serving
        .infer(&reference("m@1"), examples, None)
        .await
        .unwrap();
    assert_eq!(outcome.rows, [[2.0], [4.0], [6.0]]);
    assert_eq!(outcome.version, 1);
    assert_eq!(source.model.batches(), [vec![1.0, 2.0, 3.0]]);
    let version = &serving.snapshot().versions[0];
    assert_eq!((version.requests, version.successes), (3, 3));
    assert_eq!(version.answered_seconds.count, 1);
    assert!(version.last_answer_unix_ms > 0);
}

#[tokio::test]
async fn one_bad_example_fails_its_call_and_no_other() {
    let (serving, source) = serving();
    let bad = vec![item(1.0), item(f32::NAN)];
    let error = serving
        .infer(&reference("m@1"), bad, None)
        .await
        .unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidInput);
    assert!(source.model.computed().is_empty(), "it was computed");
    let version = reference("m@1");
    let good = serving.infer(&version, vec![item(1.0)], None);
    assert_eq!(good.await.unwrap().rows, [[2.0]]);
    let version = &serving.snapshot().versions[0];
    assert_eq!(version.failed_seconds.count, 1);
    assert_eq!(version.failures.get("invalid_input"), Some(&2));
    assert_eq!((version.requests, version.pending), (3, 0));
}

#[tokio::test]
async fn rel_8_a_call_ends_at_its_deadline_and_what_waits_is_not_computed() {
    let (serving, source) = serving();
    source.model.shut();
    let first = tokio::spawn({
        let serving = Arc::clone(&serving);
        async move { predict(&serving, "m@1", tensor(1.0)).await }
    });
    wait_until_running(&source.model).await;
    let version = reference("m@1");
    let late = serving.infer(
        &version,
        vec![item(7.0), item(8.0)],
        Some(Duration::from_millis(30)),
    );
    assert_eq!(late.await.unwrap_err().code(), ErrorCode::Timeout);
    source.model.open();
    first.await.unwrap().unwrap();
    serving.drain(Duration::from_secs(5)).await;
    assert_eq!(source.model.computed(), [1.0]);
}

#[tokio::test]
async fn an_unloaded_model_is_refused_until_it_is_loaded_again() {
    let (serving, source) = serving();
    predict(&serving, "m@1", tensor(1.0)).await.unwrap();
    predict(&serving, "m@2", tensor(1.0)).await.unwrap();
    assert!(serving.check_ready(&reference("m@1")).is_ok());
    let model = "m".parse().unwrap();
    assert_eq!(serving.unload_model(&model), 2);
    assert_eq!(serving.snapshot().loaded_versions, 0);
    for name in ["m@1", "m@3"] {
        let error = predict(&serving, name, tensor(1.0)).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::Unavailable);
        assert!(error.to_string().contains("load it"), "{error}");
        assert!(serving.check_ready(&reference(name)).is_err());
    }
    let loads = source.loads.load(Ordering::SeqCst);
    serving.load_model(&reference("m@2")).await.unwrap();
    assert_eq!(source.loads.load(Ordering::SeqCst), loads + 1);
    predict(&serving, "m@2", tensor(1.0)).await.unwrap();
    assert!(serving.check_ready(&reference("m@1")).is_ok());
    let missing = serving.load_model(&reference("m@100")).await.unwrap_err();
    assert_eq!(missing.code(), ErrorCode::NotFound);
}
