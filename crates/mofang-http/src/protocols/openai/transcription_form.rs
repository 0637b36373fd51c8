//! The form of a request for a transcription.

use axum::http::HeaderMap;
use bytes::Bytes;
use mofang_types::with_suggestion;
use utoipa::ToSchema;

use super::{check_nothing, is_zero};
use crate::ApiError;
use crate::body::{form, refused_form};

/// Longest name of an unknown field that is told.
const NAME_LENGTH_MAX: usize = 80;

/// A request for a transcription.
#[derive(Debug, ToSchema)]
#[schema(as = OpenAiTranscriptionForm)]
#[expect(dead_code, reason = "the fields of the form, for the document")]
pub(crate) struct TranscriptionForm {
    /// The recording: WAV, FLAC or MP3.
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
    /// The model: `speech`, `speech@production`, `speech:3`.
    #[schema(example = "speech")]
    model: String,
    /// `json`, `text`, `srt`, `verbose_json` or `vtt`; `json` when absent.
    #[schema(example = "json")]
    response_format: Option<String>,
    /// `segment` or `word`: what `verbose_json` tells the times of; segments when absent. May be there twice.
    #[schema(rename = "timestamp_granularities[]")]
    timestamp_granularities: Option<Vec<String>>,
    /// Not read: a model writes down the language that it has learned.
    language: Option<String>,
    /// Not implemented; empty or absent.
    prompt: Option<String>,
    /// Not implemented: the text is the most probable one; 0 or absent.
    temperature: Option<f64>,
    /// Not implemented; `false` or absent.
    stream: Option<bool>,
}

/// The fields that are known, for whoever has misspelled one.
const FIELDS: [&str; 8] = [
    "file",
    "language",
    "model",
    "prompt",
    "response_format",
    "stream",
    "temperature",
    "timestamp_granularities[]",
];

/// In which form what was said is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum TranscriptionFormat {
    #[default]
    Json,
    Srt,
    Text,
    VerboseJson,
    Vtt,
}

impl TranscriptionFormat {
    /// Whether it tells when something was said.
    pub(super) fn has_times(self) -> bool {
        match self {
            Self::Srt | Self::VerboseJson | Self::Vtt => true,
            Self::Json | Self::Text => false,
        }
    }
}

/// Of what the times are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Granularity {
    Segment,
    Word,
}

/// What a request asks for.
#[derive(Debug)]
pub(super) struct AskedTranscription {
    pub(super) file: Bytes,
    pub(super) model: String,
    pub(super) format: TranscriptionFormat,
    /// Whether `verbose_json` tells words with their times.
    pub(super) words: bool,
    /// Whether it tells segments.
    pub(super) segments: bool,
}

impl AskedTranscription {
    /// Reads a form.
    ///
    /// # Errors
    /// When it is none, lacks a field, or asks for what is not implemented; the error names the field.
    pub(super) async fn read(headers: &HeaderMap, body: Bytes) -> Result<Self, ApiError> {
        let mut form = form(headers, body).await?;
        let mut fields = Fields::default();
        while let Some(field) = form.next_field().await.map_err(refused_form)? {
            let name = field.name().unwrap_or_default().to_owned();
            if name == "file" {
                let bytes = field.bytes().await.map_err(refused_form)?;
                if fields.file.replace(bytes).is_some() {
                    let refused = "the form has more than one file; send one recording at a time";
                    return Err(ApiError::invalid(refused).about("file"));
                }
            } else {
                fields.take(&name, &field.text().await.map_err(refused_form)?)?;
            }
        }
        fields.into_asked()
    }
}

/// The fields of a form, as far as they were read.
#[derive(Debug, Default)]
struct Fields {
    file: Option<Bytes>,
    model: Option<String>,
    format: Option<TranscriptionFormat>,
    granularities: Vec<Granularity>,
}

impl Fields {
    /// Takes a field that is no file. What is not implemented may be there as long as it asks for nothing.
    fn take(&mut self, name: &str, value: &str) -> Result<(), ApiError> {
        let value = value.trim();
        // Lists and objects have brackets behind their names.
        match name.split('[').next().unwrap_or_default() {
            "model" => self.model = Some(value.to_owned()),
            "response_format" => {
                let formats = [
                    ("json", TranscriptionFormat::Json),
                    ("srt", TranscriptionFormat::Srt),
                    ("text", TranscriptionFormat::Text),
                    ("verbose_json", TranscriptionFormat::VerboseJson),
                    ("vtt", TranscriptionFormat::Vtt),
                ];
                self.format = Some(one_of("response_format", value, &formats)?);
            }
            "timestamp_granularities" => {
                let granularities = [
                    ("segment", Granularity::Segment),
                    ("word", Granularity::Word),
                ];
                let granularity = one_of("timestamp_granularities", value, &granularities)?;
                self.granularities.push(granularity);
            }
            "language" => {}
            "prompt" => check_nothing("prompt", value.is_empty())?,
            "temperature" => {
                check_nothing("temperature", value.parse().is_ok_and(is_zero))?;
            }
            "stream" => {
                let values = [("false", false), ("true", true)];
                let stream = one_of("stream", &value.to_ascii_lowercase(), &values)?;
                check_nothing("stream", !stream)?;
            }
            "chunking_strategy" => check_nothing("chunking_strategy", value.is_empty())?,
            "include" => check_nothing("include", value.is_empty())?,
            "known_speaker_names" => check_nothing("known_speaker_names", value.is_empty())?,
            "known_speaker_references" => {
                check_nothing("known_speaker_references", value.is_empty())?;
            }
            _ => {
                let name: String = name.chars().take(NAME_LENGTH_MAX).collect();
                let known = FIELDS.map(|field| format!("`{field}`")).join(", ");
                let message = format!("unknown field `{name}`, expected one of {known}");
                return Err(ApiError::invalid(with_suggestion(&message)));
            }
        }
        Ok(())
    }

    fn into_asked(self) -> Result<AskedTranscription, ApiError> {
        let file = self.file.ok_or_else(|| {
            ApiError::invalid("the form has no field file with a recording").about("file")
        })?;
        let model = self.model.ok_or_else(|| {
            ApiError::invalid("the form has no field model with the name of a model").about("model")
        })?;
        let format = self.format.unwrap_or_default();
        if !self.granularities.is_empty() && format != TranscriptionFormat::VerboseJson {
            let refused = "timestamp_granularities belongs to a request with the response_format verbose_json";
            return Err(ApiError::invalid(refused).about("timestamp_granularities"));
        }
        let asks_for = |granularity| self.granularities.contains(&granularity);
        Ok(AskedTranscription {
            file,
            model,
            format,
            words: asks_for(Granularity::Word),
            segments: self.granularities.is_empty() || asks_for(Granularity::Segment),
        })
    }
}

/// The value of a field that has one of a few.
fn one_of<T: Copy>(
    parameter: &'static str,
    value: &str,
    all: &[(&'static str, T)],
) -> Result<T, ApiError> {
    let found = all.iter().find(|(name, _)| *name == value);
    found.map(|(_, value)| *value).ok_or_else(|| {
        let names: Vec<&str> = all.iter().map(|(name, _)| *name).collect();
        let message = format!("{parameter} has to be one of {}", names.join(", "));
        ApiError::invalid(message).about(parameter)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(fields: &[(&str, &str)]) -> Result<AskedTranscription, ApiError> {
        let mut taken = Fields {
            file: Some(Bytes::from_static(b"RIFF")),
            ..Fields::default()
        };
        taken.take("model", "speech")?;
        for (name, value) in fields {
            taken.take(name, value)?;
        }
        taken.into_asked()
    }

    #[test]
    fn what_asks_for_nothing_may_be_there() {
        let asked = asked(&[
            ("language", "en"),
            ("prompt", ""),
            ("temperature", "0.0"),
            ("stream", "False"),
        ])
        .unwrap();
        assert_eq!(asked.model, "speech");
        assert_eq!(asked.format, TranscriptionFormat::Json);
    }

    #[test]
    fn times_are_of_segments_of_words_or_of_both() {
        let times = |granularities: &[&str]| {
            let mut fields = vec![("response_format", "verbose_json")];
            fields.extend(
                granularities
                    .iter()
                    .map(|value| ("timestamp_granularities[]", *value)),
            );
            let asked = asked(&fields).unwrap();
            (asked.segments, asked.words)
        };
        assert_eq!(times(&[]), (true, false));
        assert_eq!(times(&["word"]), (false, true));
        assert_eq!(times(&["word", "segment"]), (true, true));
    }

    #[test]
    fn what_is_not_implemented_or_no_value_is_named() {
        for (name, value, parameter) in [
            ("prompt", "Names: Ada", "prompt"),
            ("temperature", "0.2", "temperature"),
            ("temperature", "warm", "temperature"),
            ("stream", "true", "stream"),
            ("stream", "2", "stream"),
            ("include[]", "logprobs", "include"),
            ("chunking_strategy[type]", "server_vad", "chunking_strategy"),
            ("response_format", "diarized_json", "response_format"),
            (
                "timestamp_granularities[]",
                "word",
                "timestamp_granularities",
            ),
            (
                "timestamp_granularities[]",
                "letter",
                "timestamp_granularities",
            ),
        ] {
            let error = asked(&[(name, value)]).unwrap_err();
            assert_eq!(error.parameter, Some(parameter), "{name}");
            assert_eq!(error.code(), "invalid_input");
        }
        let unknown = asked(&[("langauge", "en")]).unwrap_err();
        assert!(
            unknown.detail.ends_with("did you mean `language`?"),
            "{}",
            unknown.detail
        );
        let empty = Fields::default().into_asked().unwrap_err();
        assert_eq!(empty.parameter, Some("file"));
    }
}
