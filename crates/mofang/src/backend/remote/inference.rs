//! Asking models on a server: predictions, texts that go on, evaluations.

use std::ops::ControlFlow;

use anyhow::Context as _;
use mofang_data::{RawExample, SplitReference};
use mofang_http::view::PredictView;
use mofang_types::{ErrorCode, FinishReason, GeneratedText, GenerationOptions, ModelReference};
use serde::Deserialize;
use serde_json::{Value, json};
use ureq::http::Method;

use super::events::Events;
use super::{ANSWER_BYTES_MAX, Body, Remote, read};
use crate::backend::{EvaluationView, Generated, Inference, Predicted};
use crate::exit::{CodedResult as _, Failure};

impl Inference for Remote {
    fn predict(
        &self,
        reference: &ModelReference,
        example: RawExample,
        top_k: Option<usize>,
    ) -> anyhow::Result<Predicted> {
        let query = top_k
            .map(|top_k| format!("?top_k={top_k}"))
            .unwrap_or_default();
        let path = format!("/v1/models/{reference}/predict{query}");
        let body = match example {
            RawExample::Encoded(bytes) => Body::Bytes(input_media_type(&bytes).into(), bytes),
            RawExample::Pixels(pixels) => Body::Bytes("image/png".into(), pixels.to_png().coded()?),
            RawExample::Row(row) => Body::Json(json!({ "row": row.to_json() })),
            RawExample::Tensor(tensor) => {
                Body::Json(json!({ "shape": tensor.shape(), "data": tensor.data() }))
            }
            RawExample::Text(text) => Body::Json(json!({ "text": text })),
        };
        let answer: PredictView = read(self.send(Method::POST, &path, body)?, &path)?;
        let first = answer.predictions.into_iter().next().unwrap_or_default();
        if let Some(error) = first.error {
            return Err(Failure::bad_input(error.detail).into());
        }
        let warnings = first.warnings.clone();
        let prediction = first
            .into_prediction()
            .with_context(|| format!("{path} answered without a prediction"))?;
        Ok(Predicted {
            model: answer.model,
            version: answer.version,
            prediction,
            warnings,
        })
    }

    fn generate(
        &self,
        reference: &ModelReference,
        prompt: &str,
        options: &GenerationOptions,
        told: &mut dyn FnMut(&str) -> ControlFlow<()>,
    ) -> anyhow::Result<Generated> {
        let path = format!("/v1/models/{reference}/generate");
        let mut body = serde_json::to_value(options).context("failed to write JSON")?;
        body["prompt"] = prompt.into();
        body["stream"] = true.into();
        let mut answer = self.ask(Method::POST, &path, "text/event-stream", Body::Json(body))?;
        if !answer.status().is_success() {
            let bytes = self.read_whole(&mut answer)?;
            return Err(self.refusal(answer.status().as_u16(), &bytes).into());
        }
        let body = answer.body_mut().with_config().limit(ANSWER_BYTES_MAX);
        let mut events = Events::new(body.reader());
        let mut text = String::new();
        while let Some(event) = events.next_event().with_context(|| self.asked())? {
            if event.name == "error" {
                return Err(self.late_refusal(&event.data).into());
            }
            let event: TextEvent = serde_json::from_str(&event.data)
                .with_context(|| format!("failed to understand the server's answer to {path}"))?;
            let ending = match event {
                TextEvent::Ending(ending) => ending,
                TextEvent::Piece { text: piece } => {
                    text.push_str(&piece);
                    if told(&piece).is_break() {
                        anyhow::bail!("the text was left before its end");
                    }
                    continue;
                }
            };
            return Ok(Generated {
                model: ending.model.unwrap_or_else(|| reference.model.to_string()),
                version: ending.version,
                generated: GeneratedText {
                    text,
                    finish_reason: ending.finish_reason,
                    prompt_tokens: ending.prompt_tokens,
                    completion_tokens: ending.completion_tokens,
                },
                seed: ending.seed,
                warnings: ending.warnings,
            });
        }
        let message = "the server's answer broke off before the text was over";
        Err(Failure::new(ErrorCode::Unavailable, message).into())
    }

    fn evaluate(
        &self,
        reference: &ModelReference,
        split: &SplitReference,
    ) -> anyhow::Result<EvaluationView> {
        let path = format!("/v1/models/{reference}/evaluate");
        let body = Body::Json(json!({ "dataset": split.to_string() }));
        read(self.send(Method::POST, &path, body)?, &path)
    }
}

impl Remote {
    /// A failure within an answer that began as a good one.
    fn late_refusal(&self, problem: &str) -> Failure {
        let json: Value = serde_json::from_str(problem).unwrap_or_default();
        let status = json.get("status").and_then(Value::as_u64);
        let status = status.and_then(|status| u16::try_from(status).ok());
        self.refusal(status.unwrap_or(500), problem.as_bytes())
    }
}

/// What an event tells of a text that goes on.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum TextEvent {
    /// How it ended, which is the last.
    Ending(Ending),
    /// A further piece of it.
    Piece {
        /// The piece.
        text: String,
    },
}

/// How a text ended.
#[derive(Debug, Deserialize)]
struct Ending {
    finish_reason: FinishReason,
    prompt_tokens: usize,
    completion_tokens: usize,
    seed: u64,
    #[serde(default)]
    warnings: Vec<String>,
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    version: Option<u32>,
}

/// What a file to be predicted is sent as: what its first bytes say, and else a text, whose bytes the
/// server checks.
fn input_media_type(bytes: &[u8]) -> &'static str {
    const PNG: &[u8] = &[0x89, b'P', b'N', b'G'];
    const BMP: &[u8] = b"BM";
    match media_type(bytes) {
        "image/png" if !bytes.starts_with(PNG) && bytes.starts_with(BMP) && bytes.contains(&0) => {
            "image/bmp"
        }
        "image/png" if !bytes.starts_with(PNG) && std::str::from_utf8(bytes).is_ok() => {
            "text/plain"
        }
        known => known,
    }
}

/// The media type by the first bytes; the server looks for itself anyway.
fn media_type(file: &[u8]) -> &'static str {
    if file.starts_with(&[0xff, 0xd8, 0xff]) {
        "image/jpeg"
    } else if file.starts_with(b"RIFF") {
        "audio/wav"
    } else if file.starts_with(b"fLaC") {
        "audio/flac"
    } else if file.starts_with(b"ID3") || file.starts_with(&[0xff]) {
        "audio/mpeg"
    } else {
        "image/png"
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;

    use super::*;

    /// What a server that answers in these pieces makes of a request, what it was told piece by piece, and
    /// the request.
    fn generated(pieces: &'static [&'static str]) -> (anyhow::Result<Generated>, String, String) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"}") {
                let mut buffer = [0; 4096];
                let length = stream.read(&mut buffer).unwrap();
                request.extend_from_slice(&buffer[..length]);
            }
            for piece in pieces {
                // Who has heard enough may have gone.
                let _ = stream.write_all(piece.as_bytes());
            }
            String::from_utf8(request).unwrap()
        });
        let remote = Remote::new(&url, Some("mf_key".to_owned())).unwrap();
        let options = GenerationOptions {
            top_k: Some(3),
            ..GenerationOptions::default()
        };
        let mut told = String::new();
        let mut listen = |piece: &str| {
            told.push_str(piece);
            told.push('|');
            if piece == "enough" {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        };
        let reference: ModelReference = "stories@2".parse().unwrap();
        let answer = remote.generate(&reference, "Once", &options, &mut listen);
        (answer, told, server.join().unwrap())
    }

    const STREAM: &str =
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";

    #[test]
    fn a_text_is_told_piece_by_piece() {
        let (answer, told, request) = generated(&[
            STREAM,
            "data: {\"text\": \" up",
            "on\"}\n\ndata: {\"text\": \"\"}\n\n",
            ": still here\n\ndata: {\"text\": \" a\"}\n\n",
            "data: {\"finish_reason\": \"length\", \"prompt_tokens\": 1, \"completion_tokens\": 3,",
            " \"seed\": 7, \"warnings\": [\"w\"]}\n\n",
        ]);
        assert!(request.starts_with("POST /v1/models/stories@2/generate "));
        let (_, body) = request.split_once("\r\n\r\n").unwrap();
        let body: Value = serde_json::from_str(body).unwrap();
        assert_eq!(
            body,
            json!({ "prompt": "Once", "stream": true, "top_k": 3 })
        );
        assert_eq!(told, " upon|| a|");
        let answer = serde_json::to_value(answer.unwrap()).unwrap();
        let expected = json!({
            "model": "stories", "text": " upon a", "finish_reason": "length", "prompt_tokens": 1,
            "completion_tokens": 3, "seed": 7, "warnings": ["w"],
        });
        assert_eq!(answer, expected);
    }

    #[test]
    fn a_text_that_fails_on_its_way_says_why() {
        let piece = "data: {\"text\": \"one\"}\n\n";
        let problem = "event: error\ndata: {\"code\": \"overloaded\", \"status\": 503,\n\
                       data: \"detail\": \"no room\"}\n\n";
        let refused = "HTTP/1.1 404 Not Found\r\nconnection: close\r\n\r\n\
                       {\"code\": \"not_found\", \"detail\": \"no such model\"}";
        for (pieces, code, part, heard) in [
            (
                vec![STREAM, piece, problem],
                ErrorCode::Overloaded,
                "no room (status 503)",
                "one|",
            ),
            (vec![refused], ErrorCode::NotFound, "no such model", ""),
            (
                vec![STREAM, piece],
                ErrorCode::Unavailable,
                "broke off",
                "one|",
            ),
            (
                vec![STREAM, "data: [DONE]\n\n"],
                ErrorCode::Internal,
                "failed to understand",
                "",
            ),
            (
                vec![STREAM, "data: {\"text\": \"enough\"}\n\n", piece],
                ErrorCode::Internal,
                "before its end",
                "enough|",
            ),
        ] {
            let (answer, told, _) = generated(pieces.leak());
            let error = answer.unwrap_err();
            assert_eq!(crate::exit::code_of(&error), code);
            assert!(error.to_string().contains(part), "{error}");
            assert_eq!(told, heard);
        }
    }
}
