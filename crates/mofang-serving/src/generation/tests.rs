use std::time::Duration;

use mofang_types::{Coded as _, ErrorCode, ModelReference, Prediction, SystemClock};

use super::*;
use crate::testing::{PANIC_PROMPT, StorySource, Storyteller, TestSource};
use crate::{GenerateOptions, ModelSource, PredictOptions, Serving};

/// One text at a time, and one that waits.
fn narrow() -> ServingSettings {
    ServingSettings {
        concurrent_generations: 1,
        generation_capacity: 1,
        ..ServingSettings::default()
    }
}

fn served_by(model: Storyteller, settings: ServingSettings) -> (Arc<Serving>, Arc<Storyteller>) {
    let model = Arc::new(model);
    let source = Arc::new(StorySource(Arc::clone(&model)));
    let clock = Arc::new(SystemClock::new());
    (Serving::with_source(source, settings, clock), model)
}

fn reference() -> ModelReference {
    "m".parse().unwrap()
}

fn prompt() -> RawExample {
    RawExample::Text("once".to_owned())
}

fn tokens(max_tokens: usize) -> GenerateOptions {
    GenerateOptions {
        options: GenerationOptions {
            max_tokens: Some(max_tokens),
            ..GenerationOptions::default()
        },
        seed: 7,
        deadline: None,
    }
}

async fn begin(serving: &Serving, options: GenerateOptions) -> Result<Generation, ServingError> {
    serving.generate(&reference(), prompt(), options).await
}

/// Waits for something that another thread brings about.
async fn until(condition: impl Fn() -> bool) {
    while !condition() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Every piece, and how it ended.
async fn heard(mut generation: Generation) -> (Vec<String>, Result<GenerateOutcome, ServingError>) {
    let mut pieces = Vec::new();
    loop {
        match generation.next().await.unwrap() {
            GenerationEvent::Text(piece) => pieces.push(piece),
            GenerationEvent::End(result) => {
                assert!(generation.next().await.is_none());
                return (pieces, result);
            }
        }
    }
}

#[tokio::test]
async fn pieces_come_one_by_one_and_are_the_text() {
    let (serving, _) = served_by(Storyteller::new(5), ServingSettings::default());
    let generation = begin(&serving, tokens(3)).await.unwrap();
    assert_eq!(generation.model().as_str(), "m");
    assert_eq!(generation.version(), 1);
    let (pieces, outcome) = heard(generation).await;
    let outcome = outcome.unwrap();
    assert_eq!(pieces.concat(), "7000 7001 7002 ");
    assert_eq!(outcome.generated.text, pieces.concat());
    assert_eq!(outcome.generated.completion_tokens, 3);
    assert_eq!(
        (outcome.seed, outcome.warnings),
        (7, vec!["read once".to_owned()])
    );
    // What the request says wins, and the package says what it does not.
    let options = GenerateOptions {
        options: GenerationOptions {
            seed: Some(2),
            ..GenerationOptions::default()
        },
        ..tokens(1)
    };
    let outcome = begin(&serving, options)
        .await
        .unwrap()
        .collect()
        .await
        .unwrap();
    assert_eq!(outcome.generated.text, "2000 2001 2002 2003 2004 ");
    assert_eq!(outcome.seed, 2);
    let snapshot = serving.snapshot();
    assert_eq!(snapshot.in_flight, 0);
    let version = &snapshot.versions[0];
    assert_eq!(
        (
            version.requests,
            version.successes,
            version.pending,
            version.cancelled
        ),
        (2, 2, 0, 0)
    );
    assert_eq!(version.infer_seconds.count, 2);
}

#[tokio::test]
async fn what_cannot_begin_is_an_error_and_no_text() {
    let settings = ServingSettings {
        max_generation_tokens: 8,
        ..ServingSettings::default()
    };
    let (serving, model) = served_by(Storyteller::new(20), settings);
    let error = begin(&serving, tokens(9)).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidInput);
    assert_eq!(error.parameter(), Some("max_tokens"));
    let text = error.to_string();
    assert!(
        text.contains("the 8 tokens") && text.contains("serving.max_generation_tokens"),
        "{text}"
    );
    assert_eq!(model.told(), 0);
    // A package that says more is cut to it.
    let outcome = begin(&serving, GenerateOptions::default()).await.unwrap();
    let outcome = outcome.collect().await.unwrap();
    assert_eq!(outcome.generated.completion_tokens, 8);
    for (bad, code) in [
        (RawExample::Text(String::new()), ErrorCode::InvalidInput),
        (RawExample::Encoded(vec![1]), ErrorCode::InvalidInput),
        (
            RawExample::Text(PANIC_PROMPT.to_owned()),
            ErrorCode::Internal,
        ),
    ] {
        let error = serving
            .generate(&reference(), bad, tokens(1))
            .await
            .unwrap_err();
        assert_eq!(error.code(), code, "{error}");
    }
    assert!(begin(&serving, tokens(1)).await.is_ok());
    let version = &serving.snapshot().versions[0];
    assert_eq!(version.failures["invalid_input"], 3);
    assert_eq!(version.failures["internal"], 1);
}

#[tokio::test]
async fn a_model_of_another_task_is_refused() {
    let source = Arc::new(TestSource::default()) as Arc<dyn ModelSource>;
    let clock = Arc::new(SystemClock::new());
    let serving = Serving::with_source(source, ServingSettings::default(), clock);
    let error = begin(&serving, tokens(1)).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidInput);
    assert!(
        error.to_string().contains("m@1 goes on with no texts"),
        "{error}"
    );
}

#[tokio::test]
async fn a_slow_reader_keeps_no_place_and_loses_nothing() {
    let (serving, _) = served_by(Storyteller::new(1), narrow());
    let count = 3 * PIECES_MAX;
    let mut slow = begin(&serving, tokens(count)).await.unwrap();
    until(|| serving.generations().places().free() == 1).await;
    let quick = begin(&serving, tokens(1)).await.unwrap();
    assert!(quick.collect().await.is_ok());
    assert!(matches!(slow.next().await, Some(GenerationEvent::Text(_))));
    let (rest, outcome) = heard(slow).await;
    assert!(rest.len() < count, "{} pieces", rest.len());
    let text = outcome.unwrap().generated.text;
    assert_eq!(format!("7000 {}", rest.concat()), text);
}

#[tokio::test]
async fn rel_6_who_finds_no_place_waits_and_beyond_that_is_refused() {
    let (serving, model) = served_by(Storyteller::new(1), narrow());
    model.allow(1);
    let running = begin(&serving, tokens(2)).await.unwrap();
    let waiting = tokio::spawn({
        let serving = Arc::clone(&serving);
        async move { begin(&serving, tokens(1)).await?.collect().await }
    });
    until(|| serving.generations().places().waiting() == 1).await;
    let error = begin(&serving, tokens(1)).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::Overloaded);
    assert_eq!(error.retry_after(), Some(Duration::from_secs(1)));
    assert!(
        error.to_string().contains("generation is full (1 waiting)"),
        "{error}"
    );
    model.open();
    assert!(running.collect().await.is_ok());
    let waited = waiting.await.unwrap().unwrap();
    assert_eq!(waited.generated.text, "7000 ");
}

#[tokio::test]
async fn rel_8_a_deadline_holds_for_a_place_and_for_each_token() {
    let (serving, model) = served_by(Storyteller::new(1), narrow());
    let late = |limit| GenerateOptions {
        deadline: Some(Duration::from_millis(limit)),
        ..tokens(1000)
    };
    model.allow(1);
    let mut running = begin(&serving, tokens(1000)).await.unwrap();
    let error = begin(&serving, late(20)).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::Timeout);
    assert_eq!(serving.generations().places().waiting(), 0);
    assert!(matches!(
        running.next().await,
        Some(GenerationEvent::Text(_))
    ));
    drop(running);
    model.open();
    until(|| serving.generations().places().free() == 1).await;
    // The model stands still: whoever waits is told all the same, and counted as what it is.
    model.allow(1);
    let (pieces, result) = heard(begin(&serving, late(300)).await.unwrap()).await;
    assert_eq!(pieces, ["7000 "]);
    assert_eq!(result.unwrap_err().code(), ErrorCode::Timeout);
    model.open();
    until(|| serving.generations().places().free() == 1).await;
    let version = &serving.snapshot().versions[0];
    assert_eq!((version.failures["timeout"], version.cancelled), (2, 1));
}

#[tokio::test]
async fn rel_8_a_text_that_takes_too_long_ends_within_its_thread() {
    let mut model = Storyteller::new(50);
    model.pause = Duration::from_millis(2);
    let (serving, model) = served_by(model, narrow());
    let options = PredictOptions {
        deadline: Some(Duration::from_millis(10)),
        ..PredictOptions::default()
    };
    let error = serving.predict(&reference(), prompt(), options).await;
    assert_eq!(error.unwrap_err().code(), ErrorCode::Timeout);
    let options = GenerateOptions {
        deadline: Some(Duration::from_millis(300)),
        ..tokens(4000)
    };
    let begun = begin(&serving, options).await.unwrap();
    assert_eq!(
        begun.collect().await.unwrap_err().code(),
        ErrorCode::Timeout
    );
    until(|| serving.generations().places().free() == 1).await;
    assert!(model.told() < 4000, "{} tokens", model.told());
}

#[tokio::test]
async fn dropping_a_text_ends_it_at_its_next_token() {
    let (serving, model) = served_by(Storyteller::new(1), narrow());
    model.allow(2);
    let mut generation = begin(&serving, tokens(1000)).await.unwrap();
    assert!(generation.next().await.is_some());
    until(|| model.told() == 2).await;
    assert_eq!(serving.snapshot().in_flight, 1);
    drop(generation);
    assert_eq!(serving.generations().places().free(), 0);
    model.open();
    until(|| serving.generations().places().free() == 1).await;
    assert_eq!(model.told(), 3);
    let snapshot = serving.snapshot();
    assert_eq!(snapshot.in_flight, 0);
    let version = &snapshot.versions[0];
    assert_eq!(
        (version.requests, version.cancelled, version.pending),
        (1, 1, 0)
    );
}

#[tokio::test]
async fn rel_14_a_drain_waits_for_a_text_until_it_was_read() {
    let (serving, model) = served_by(Storyteller::new(1), narrow());
    model.allow(1);
    let running = begin(&serving, tokens(2)).await.unwrap();
    let draining = tokio::spawn({
        let serving = Arc::clone(&serving);
        async move { serving.drain(Duration::from_secs(10)).await }
    });
    until(|| serving.is_draining()).await;
    let refused = begin(&serving, tokens(1)).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::Unavailable);
    model.open();
    until(|| serving.generations().places().free() == 1).await;
    assert!(!draining.is_finished());
    let outcome = running.collect().await.unwrap();
    assert_eq!(outcome.generated.text, "7000 7001 ");
    assert_eq!(draining.await.unwrap().abandoned, 0);
}

#[tokio::test]
async fn rel_14_a_drain_that_runs_out_of_time_ends_texts() {
    let (serving, model) = served_by(Storyteller::new(1), narrow());
    model.allow(1);
    let running = begin(&serving, tokens(1000)).await.unwrap();
    let waiting = tokio::spawn({
        let serving = Arc::clone(&serving);
        async move { begin(&serving, tokens(1)).await }
    });
    until(|| serving.generations().places().waiting() == 1).await;
    assert_eq!(serving.drain(Duration::from_millis(20)).await.abandoned, 2);
    let refused = waiting.await.unwrap().unwrap_err();
    assert_eq!(refused.code(), ErrorCode::Unavailable);
    model.open();
    let (pieces, result) = heard(running).await;
    assert_eq!(pieces, ["7000 "]);
    assert!(matches!(result, Err(ServingError::Closing)));
    assert_eq!(model.told(), 2);
}

#[tokio::test]
async fn a_prediction_of_a_language_model_is_the_text_by_the_packages_own_settings() {
    let (serving, model) = served_by(Storyteller::new(3), narrow());
    let options = PredictOptions::default();
    let outcome = serving
        .predict(&reference(), prompt(), options)
        .await
        .unwrap();
    let Prediction::Generation(generated) = outcome.prediction else {
        panic!("no text");
    };
    assert_eq!(generated.text, "0 1 2 ");
    assert_eq!((outcome.tokens, outcome.warnings.len()), (Some(4), 1));
    // It waits for a place as every text does.
    model.allow(1);
    let running = begin(&serving, tokens(1000)).await.unwrap();
    let both = tokio::spawn({
        let serving = Arc::clone(&serving);
        let prompts = vec![prompt(), prompt()];
        async move { serving.predict_all(&reference(), prompts, options).await }
    });
    until(|| serving.generations().places().waiting() == 1).await;
    drop(running);
    model.open();
    let codes: Vec<_> = both
        .await
        .unwrap()
        .unwrap()
        .iter()
        .map(|answer| answer.as_ref().err().map(ServingError::code))
        .collect();
    assert_eq!(codes, [None, Some(ErrorCode::Overloaded)]);
}
