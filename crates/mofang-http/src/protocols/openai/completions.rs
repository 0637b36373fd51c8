//! `POST /openai/v1/completions`.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::Event;
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Json};
use futures::{Stream, StreamExt as _, stream};
use mofang_serving::{Generation, GenerationEvent};
use mofang_types::FinishReason;

use super::completion::{Choice, Completion, Head, ToldUsage, Usage};
use super::request::{Asked, CompletionRequest};
use super::{error, started};
use crate::auth::Caller;
use crate::call::read_json_call;
use crate::event_stream::{event_stream, json_event};
use crate::middleware::RequestContext;
use crate::problem::log_cause;
use crate::text_call::TextCall;
use crate::{ApiError, AppState};

/// Goes on with texts, as OpenAI's interface does.
///
/// Several texts go on one after another. With `stream`, each event's data are a chunk with a piece of one
/// text; the last ones are the usage, when it is asked for, and `[DONE]`.
#[utoipa::path(
    post, path = "/openai/v1/completions", tag = "openai protocol",
    params(("X-Request-Timeout-Ms" = Option<u64>, Header, description = "how long the answer may take, from the arrival of the request; waiting counts")),
    request_body = CompletionRequest,
    responses((status = 200, description = "the texts, whole or piece by piece", content((Completion = "application/json"), (String = "text/event-stream")))),
)]
pub(crate) async fn completions(
    State(state): State<Arc<AppState>>,
    caller: Caller,
    Extension(context): Extension<RequestContext>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let request: CompletionRequest = read_json_call(&state, &headers, body).await?;
    let call = started(&state, &caller, &context, &headers, &request.model)?;
    let model = request.model.clone();
    // What is repeated of a body is no more than a body may be.
    let asked = request.into_asked(call.inputs_max(), state.settings.body_limit_bytes)?;
    let now = state.clock.now_unix_ms();
    let mut texts = Texts {
        head: Head::new(&context.request_id, now, model, call.route()),
        seed: call.seed(),
        call: TextCall::new(call, asked.texts()),
        asked,
        index: 0,
        running: None,
        usage: Usage::default(),
        is_over: false,
        request_id: context.request_id,
    };
    if texts.asked.stream {
        // What is wrong with the request shows before the first piece, and has a status of its own.
        let beginning = texts.begin().await?;
        return Ok(event_stream(texts.events(beginning)));
    }
    Ok(Json(texts.collect().await?).into_response())
}

/// The texts of a request, one after another.
struct Texts {
    head: Head,
    /// What the draws are a function of when the request names no seed.
    seed: u64,
    call: TextCall,
    asked: Asked,
    /// The place of the text that goes on.
    index: usize,
    running: Option<Running>,
    usage: Usage,
    /// Whether everything was told.
    is_over: bool,
    request_id: Arc<str>,
}

/// A text that goes on.
struct Running {
    generation: Generation,
    /// What stands before it: its prompt when `echo` was asked for, and else nothing.
    echo: String,
    is_first: bool,
}

impl Texts {
    /// All texts as a whole.
    async fn collect(mut self) -> Result<Completion, ApiError> {
        let mut choices = Vec::with_capacity(self.asked.texts());
        while let Some(running) = self.next_running().await? {
            let outcome = self.call.ended(running.generation.collect().await)?;
            self.usage.add(&outcome.generated, running.is_first);
            let text = running.echo + &outcome.generated.text;
            choices.push(self.choice(text, Some(outcome.generated.finish_reason)));
            self.index += 1;
        }
        Ok(Completion {
            head: self.head.clone(),
            choices,
            usage: Some(ToldUsage::Whole(self.usage)),
        })
    }

    /// Begins the text whose turn it is; none when all of them are told.
    async fn next_running(&mut self) -> Result<Option<Running>, ApiError> {
        let Some(text) = self.asked.text(self.index, self.seed) else {
            return Ok(None);
        };
        let echo = if self.asked.echo {
            text.prompt.clone()
        } else {
            String::new()
        };
        Ok(Some(Running {
            generation: self.call.generate(text.prompt, text.options).await?,
            echo,
            is_first: text.is_first,
        }))
    }

    /// Begins the text whose turn it is, or ends the stream: the events of that.
    async fn begin(&mut self) -> Result<Vec<Event>, ApiError> {
        let Some(mut running) = self.next_running().await? else {
            return Ok(self.end());
        };
        let echo = std::mem::take(&mut running.echo);
        self.running = Some(running);
        if echo.is_empty() {
            return Ok(Vec::new());
        }
        Ok(vec![self.chunk(echo, None)])
    }

    /// The next events; none when everything was told.
    async fn next(&mut self) -> Option<Vec<Event>> {
        if self.is_over {
            return None;
        }
        let Some(running) = &mut self.running else {
            let begun = self.begin().await;
            return Some(begun.unwrap_or_else(|error| self.failed(&error)));
        };
        let is_first = running.is_first;
        match running.generation.next().await? {
            GenerationEvent::Text(text) => Some(vec![self.chunk(text, None)]),
            GenerationEvent::End(result) => {
                self.running = None;
                let outcome = match self.call.ended(result) {
                    Ok(outcome) => outcome,
                    Err(error) => return Some(self.failed(&error)),
                };
                self.usage.add(&outcome.generated, is_first);
                let reason = outcome.generated.finish_reason;
                let last = self.chunk(String::new(), Some(reason));
                self.index += 1;
                Some(vec![last])
            }
        }
    }

    /// All events behind those of the beginning.
    fn events(self, beginning: Vec<Event>) -> impl Stream<Item = Event> + Send {
        let rest = stream::unfold(self, |mut texts| async move {
            let events = texts.next().await?;
            Some((stream::iter(events), texts))
        });
        stream::iter(beginning).chain(rest.flatten())
    }

    fn chunk(&self, text: String, finish_reason: Option<FinishReason>) -> Event {
        json_event(&Completion {
            head: self.head.clone(),
            choices: vec![self.choice(text, finish_reason)],
            usage: self.asked.include_usage.then_some(ToldUsage::Later),
        })
    }

    fn choice(&self, text: String, finish_reason: Option<FinishReason>) -> Choice {
        Choice {
            text,
            index: self.index,
            logprobs: (),
            finish_reason,
        }
    }

    fn end(&mut self) -> Vec<Event> {
        self.is_over = true;
        let usage = self.asked.include_usage.then(|| {
            json_event(&Completion {
                head: self.head.clone(),
                choices: Vec::new(),
                usage: Some(ToldUsage::Whole(self.usage)),
            })
        });
        usage.into_iter().chain([done()]).collect()
    }

    /// Ends the stream with an error, which its clients find in the data.
    fn failed(&mut self, failure: &ApiError) -> Vec<Event> {
        self.is_over = true;
        log_cause(failure, &self.request_id);
        vec![Event::default().data(error::body(failure)), done()]
    }
}

/// What ends every stream of the protocol.
fn done() -> Event {
    Event::default().data("[DONE]")
}
