//! `POST /openai/v1/audio/transcriptions`.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Json};
use bytes::Bytes;
use mofang_data::{RawExample, recording_seconds};
use mofang_types::{ErrorCode, Prediction, SpokenWord, Task, Transcript};
use serde::Serialize;
use utoipa::ToSchema;

use super::subtitles::{subrip, webvtt};
use super::transcription_form::{AskedTranscription, TranscriptionForm, TranscriptionFormat};
use super::{check_task, started};
use crate::auth::Caller;
use crate::call::read_call;
use crate::extract::media_type;
use crate::middleware::RequestContext;
use crate::{ApiError, AppState};

/// What was said; with `verbose_json` with its times.
#[derive(Debug, Default, Serialize, ToSchema)]
#[schema(as = OpenAiTranscription)]
pub(crate) struct Transcription {
    /// The words.
    #[schema(example = "3 1 4")]
    text: String,
    /// Always `transcribe`; from here on with `verbose_json` alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "transcribe")]
    task: Option<&'static str>,
    /// Always empty: a model does not tell languages apart.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "")]
    language: Option<&'static str>,
    /// How long the recording is, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    duration: Option<f32>,
    /// The words one by one, when they are asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    words: Option<Vec<Word>>,
    /// All of it as one segment, or none when nothing was said.
    #[serde(skip_serializing_if = "Option::is_none")]
    segments: Option<Vec<Segment>>,
}

/// A word and when it was said.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OpenAiTranscriptionWord)]
pub(crate) struct Word {
    /// The word.
    #[schema(example = "3")]
    word: String,
    /// Where it begins, in seconds from the beginning of the recording.
    start: f32,
    /// Where it ends.
    end: f32,
}

/// A part of what was said.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OpenAiTranscriptionSegment)]
pub(crate) struct Segment {
    /// Its place.
    id: usize,
    /// Always 0.
    seek: usize,
    /// Where its first word begins, in seconds from the beginning of the recording.
    start: f32,
    /// Where its last word ends.
    end: f32,
    /// The words.
    #[schema(example = "3 1 4")]
    text: String,
    /// Always empty.
    #[schema(value_type = Vec<Object>)]
    tokens: [usize; 0],
    /// Always 0: the text is the most probable one.
    temperature: f32,
    /// The logarithm of the text's probability, over the number of its words; null where that is 0.
    avg_logprob: f64,
    /// Always null.
    #[schema(value_type = Option<f32>)]
    compression_ratio: (),
    /// Always null.
    #[schema(value_type = Option<f32>)]
    no_speech_prob: (),
}

/// Writes down what is said in a recording, as OpenAI's interface does.
///
/// `text`, `srt` and `vtt` are told as texts of their own types.
#[utoipa::path(
    post, path = "/openai/v1/audio/transcriptions", tag = "openai protocol",
    params(("X-Request-Timeout-Ms" = Option<u64>, Header, description = "how long the answer may take, from the arrival of the request; waiting counts")),
    request_body(content = TranscriptionForm, content_type = "multipart/form-data"),
    responses((status = 200, description = "what is said, in the form that was asked for", content((Transcription = "application/json"), (String = "text/plain"), (String = "application/x-subrip"), (String = "text/vtt")))),
)]
pub(crate) async fn transcriptions(
    State(state): State<Arc<AppState>>,
    caller: Caller,
    Extension(context): Extension<RequestContext>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    if media_type(&headers).as_deref() != Some("multipart/form-data") {
        return Err(ApiError::new(
            ErrorCode::UnsupportedMediaType,
            "the body has to be multipart/form-data with the fields file and model",
        ));
    }
    let body = read_call(&state, &headers, body).await?;
    let mut asked = AskedTranscription::read(&headers, body).await?;
    let call = started(&state, &caller, &context, &headers, &asked.model)?;
    let does = "writes down what is said";
    check_task(&call, &asked.model, Task::SpeechRecognition, does).await?;
    // It is kept where it is read once more, for its length.
    let file = if asked.format.has_times() {
        asked.file.clone()
    } else {
        std::mem::take(&mut asked.file)
    };
    let recording = RawExample::Encoded(file.into());
    let results = call.predict(vec![Ok(recording)], None).await;
    let outcome = results
        .map_err(|error| error.about_the_input("file"))?
        .pop();
    let outcome = outcome.ok_or_else(|| ApiError::internal("a recording has no answer"))??;
    let Prediction::Transcript(transcript) = outcome.prediction else {
        return Err(ApiError::internal("a model of speech gave no transcript"));
    };
    answer(asked, transcript).await
}

/// What was said, in the form that was asked for.
async fn answer(
    asked: AskedTranscription,
    mut transcript: Transcript,
) -> Result<Response, ApiError> {
    let text = |media_type: &'static str, text: String| {
        ([(CONTENT_TYPE, media_type)], text).into_response()
    };
    let (words, segments) = (asked.words, asked.segments);
    Ok(match asked.format {
        TranscriptionFormat::Json => Json(Transcription {
            text: transcript.text,
            ..Transcription::default()
        })
        .into_response(),
        TranscriptionFormat::Text => text("text/plain", format!("{}\n", transcript.text)),
        TranscriptionFormat::Srt => {
            end_with(&mut transcript.words, seconds_of(asked.file).await?);
            text("application/x-subrip", subrip(&transcript.words))
        }
        TranscriptionFormat::Vtt => {
            end_with(&mut transcript.words, seconds_of(asked.file).await?);
            text("text/vtt", webvtt(&transcript.words))
        }
        TranscriptionFormat::VerboseJson => {
            let seconds = seconds_of(asked.file).await?;
            end_with(&mut transcript.words, seconds);
            Json(Transcription {
                task: Some("transcribe"),
                language: Some(""),
                duration: Some(seconds),
                segments: segments.then(|| segments_of(&transcript)),
                words: words.then(|| transcript.words.into_iter().map(Word::from).collect()),
                text: transcript.text,
            })
            .into_response()
        }
    })
}

/// How long a recording is, which takes as long as reading all of it.
async fn seconds_of(file: Bytes) -> Result<f32, ApiError> {
    let seconds = tokio::task::spawn_blocking(move || recording_seconds(&file));
    Ok(seconds.await.map_err(ApiError::internal)??)
}

/// Lets no word end behind the recording: a shorter one was filled up with silence.
fn end_with(words: &mut [SpokenWord], seconds: f32) {
    for word in words {
        word.start_seconds = word.start_seconds.min(seconds);
        word.end_seconds = word.end_seconds.min(seconds);
    }
}

fn segments_of(transcript: &Transcript) -> Vec<Segment> {
    let (Some(first), Some(last)) = (transcript.words.first(), transcript.words.last()) else {
        return Vec::new();
    };
    let logarithm = f64::from(transcript.probability).ln();
    let words = u32::try_from(transcript.words.len()).unwrap_or(u32::MAX);
    vec![Segment {
        id: 0,
        seek: 0,
        start: first.start_seconds,
        end: last.end_seconds,
        text: transcript.text.clone(),
        tokens: [],
        temperature: 0.0,
        avg_logprob: logarithm / f64::from(words),
        compression_ratio: (),
        no_speech_prob: (),
    }]
}

impl From<SpokenWord> for Word {
    fn from(word: SpokenWord) -> Self {
        Self {
            word: word.text,
            start: word.start_seconds,
            end: word.end_seconds,
        }
    }
}
