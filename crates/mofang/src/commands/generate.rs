//! `mofang generate`

use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use mofang_data::RawExample;
use mofang_data::text::text_of;
use mofang_types::{
    Clock as _, GeneratedText, GenerationOptions, ModelReference, Sampling, SystemClock,
};

use crate::backend::Generated;
use crate::cli::DeviceArgs;
use crate::context::Context;
use crate::exit::{CodedResult as _, Failure};
use crate::inputs::Input;
use crate::output::{Format, Output};
use crate::{randomness, signals};

/// What to go on with, and how.
#[derive(Debug, Args)]
pub(crate) struct GenerateArgs {
    /// The version: stories (the latest), stories@2, stories@production
    model: ModelReference,
    /// The text to go on with, or - for stdin
    #[arg(required_unless_present = "file", conflicts_with = "file")]
    prompt: Option<String>,
    /// Go on with the text in a file; the end of its last line is left out, as it is of stdin
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Most tokens; without this and the following options it goes on as the package says
    #[arg(long, value_name = "N")]
    max_tokens: Option<NonZeroUsize>,
    /// How freely the next token is drawn; 0 takes the most probable one
    #[arg(long, value_name = "NUMBER")]
    temperature: Option<f64>,
    /// Draw among so many of the most probable tokens
    #[arg(long, value_name = "N")]
    top_k: Option<usize>,
    /// Draw among the most probable tokens that together have this probability
    #[arg(long, value_name = "NUMBER")]
    top_p: Option<f64>,
    /// Draw among tokens that have at least this fraction of the greatest probability
    #[arg(long, value_name = "NUMBER")]
    min_p: Option<f64>,
    /// Above 1, tokens that were there already become less probable
    #[arg(long, value_name = "NUMBER")]
    repetition_penalty: Option<f64>,
    /// A text before which to end; may be given several times
    #[arg(long, value_name = "TEXT")]
    stop: Vec<String>,
    /// Draw what was drawn with this seed; another text each time by default
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Write the prompt before the text
    #[arg(long)]
    echo: bool,
    #[command(flatten)]
    pub(crate) device: DeviceArgs,
}

/// Runs the command.
pub(crate) fn run(context: &Context, args: &GenerateArgs) -> anyhow::Result<()> {
    let failed = || format!("failed to generate with {}", args.model);
    let options = args.options()?;
    // Before a model is loaded or a server asked.
    let sampling = options.sampling(Sampling::default());
    sampling.check().coded().with_context(failed)?;
    let prompt = args.prompt().with_context(failed)?;
    let backend = context.backend()?;
    let output = &context.output;
    let mut telling = Telling {
        output,
        shows: output.format() == Format::Text,
        before: if args.echo { &prompt } else { "" },
        clock: SystemClock::new(),
        stop: signals::stop_flag()?,
        began: None,
        ends_line: true,
        end: None,
    };
    let answer = backend.generate(&args.model, &prompt, &options, &mut |piece: &str| {
        telling.tell(piece)
    });
    if let Ok(generated) = &answer
        && generated.generated.text.is_empty()
    {
        // Of a text that ends at once no piece is told, and the prompt is still to be shown.
        let _ = telling.tell("");
    }
    match telling.end.take() {
        Some(End::Gone) => return Ok(()),
        Some(End::Failed(error)) => return Err(error),
        Some(End::Stopped) => {
            telling.end_line()?;
            anyhow::bail!("stopped before the text was over");
        }
        None => telling.end_line()?,
    }
    let generated = answer.with_context(failed)?;
    // JSON has them; CSV has no column for several of anything.
    if output.format() != Format::Json {
        for warning in &generated.warnings {
            output.note(&format!("warning: {warning}"));
        }
    }
    if output.format() != Format::Text {
        return output.record(&generated, String::new);
    }
    output.note(&ending(&generated, telling.elapsed()));
    Ok(())
}

impl GenerateArgs {
    fn options(&self) -> anyhow::Result<GenerationOptions> {
        let seed = match self.seed {
            Some(seed) => seed,
            None => randomness::seed()?,
        };
        Ok(GenerationOptions {
            temperature: self.temperature,
            top_k: self.top_k,
            top_p: self.top_p,
            min_p: self.min_p,
            repetition_penalty: self.repetition_penalty,
            max_tokens: self.max_tokens.map(NonZeroUsize::get),
            stop: Some(self.stop.clone()).filter(|stop| !stop.is_empty()),
            seed: Some(seed),
        })
    }

    fn prompt(&self) -> anyhow::Result<String> {
        let input = match (&self.file, self.prompt.as_deref()) {
            (Some(path), _) => Input::File(path.clone()),
            (None, Some("-")) => Input::Stdin,
            (None, text) => Input::Text(text.unwrap_or_default().to_owned()),
        };
        match input.read()? {
            RawExample::Encoded(bytes) => {
                let text = text_of(&bytes).coded()?;
                let text = text.strip_suffix('\n').unwrap_or(text);
                Ok(text.strip_suffix('\r').unwrap_or(text).to_owned())
            }
            RawExample::Text(text) => Ok(text),
            RawExample::Pixels(_) | RawExample::Row(_) | RawExample::Tensor(_) => {
                Err(Failure::bad_input("a prompt is a text").into())
            }
        }
    }
}

/// Why nobody hears the rest of a text.
enum End {
    /// Who read stdout has gone.
    Gone,
    /// Stdout cannot be written.
    Failed(anyhow::Error),
    /// A signal came.
    Stopped,
}

/// Shows a text piece by piece.
struct Telling<'a> {
    output: &'a Output,
    /// Whether pieces are shown at all.
    shows: bool,
    /// What is shown before the first piece.
    before: &'a str,
    clock: SystemClock,
    stop: Arc<AtomicBool>,
    /// When the first piece came.
    began: Option<Duration>,
    /// Whether what is shown ends with a line, or is nothing.
    ends_line: bool,
    end: Option<End>,
}

impl Telling<'_> {
    /// A further piece.
    fn tell(&mut self, piece: &str) -> ControlFlow<()> {
        if self.stop.load(Ordering::Relaxed) {
            self.end = Some(End::Stopped);
            return ControlFlow::Break(());
        }
        let before = if self.began.is_none() {
            self.began = Some(self.clock.monotonic());
            self.before
        } else {
            ""
        };
        let text = format!("{before}{piece}");
        if !self.shows || text.is_empty() {
            return ControlFlow::Continue(());
        }
        self.ends_line = text.ends_with('\n');
        self.end = match self.output.piece(&text) {
            Ok(ControlFlow::Continue(())) => return ControlFlow::Continue(()),
            Ok(ControlFlow::Break(())) => Some(End::Gone),
            Err(error) => Some(End::Failed(error)),
        };
        ControlFlow::Break(())
    }

    /// Ends the line that is shown.
    fn end_line(&self) -> anyhow::Result<()> {
        if self.ends_line {
            return Ok(());
        }
        self.output.line("")
    }

    /// The time since the first piece.
    fn elapsed(&self) -> Option<Duration> {
        let began = self.began?;
        Some(self.clock.monotonic().saturating_sub(began))
    }
}

/// How a text ended, for people. `elapsed` is the time since the first token.
#[expect(clippy::cast_precision_loss, reason = "a text has few tokens")]
fn ending(generated: &Generated, elapsed: Option<Duration>) -> String {
    let GeneratedText {
        finish_reason,
        prompt_tokens,
        completion_tokens,
        ..
    } = &generated.generated;
    // The first token took the time of reading the prompt, which says nothing about the others.
    let further = completion_tokens.saturating_sub(1);
    let rate = elapsed
        .filter(|elapsed| further > 0 && !elapsed.is_zero())
        .map(|elapsed| format!(", {:.1} tokens/s", further as f64 / elapsed.as_secs_f64()))
        .unwrap_or_default();
    format!(
        "ended ({}): {completion_tokens} tokens behind {prompt_tokens} of the prompt{rate}, seed {}",
        finish_reason.name(),
        generated.seed
    )
}

#[cfg(test)]
mod tests {
    use mofang_types::FinishReason;

    use super::*;

    #[test]
    fn the_end_of_a_text_is_told() {
        let generated = |completion_tokens| Generated {
            model: "stories".to_owned(),
            version: Some(1),
            generated: GeneratedText {
                text: String::new(),
                finish_reason: FinishReason::Stop,
                prompt_tokens: 4,
                completion_tokens,
            },
            seed: 7,
            warnings: Vec::new(),
        };
        assert_eq!(
            ending(&generated(31), Some(Duration::from_millis(1500))),
            "ended (stop): 31 tokens behind 4 of the prompt, 20.0 tokens/s, seed 7"
        );
        for elapsed in [None, Some(Duration::from_secs(1))] {
            assert_eq!(
                ending(&generated(1), elapsed),
                "ended (stop): 1 tokens behind 4 of the prompt, seed 7"
            );
        }
    }
}
