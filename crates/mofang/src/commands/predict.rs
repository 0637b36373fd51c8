//! `mofang predict`

use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::num::NonZeroUsize;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use mofang_types::{ErrorCode, ModelReference, Prediction};
use serde::Serialize;

use crate::backend::Predicted;
use crate::cli::DeviceArgs;
use crate::context::Context;
use crate::exit::{Failure, code_of, describe};
use crate::inputs::{Input, expand, with_rows};
use crate::output::Format;
use crate::shape::Shape;
use crate::text_lines::{shortened, texts_of};

/// What to ask about.
#[derive(Debug, Args)]
pub(crate) struct PredictArgs {
    /// The version: digits (the latest), digits@2, digits@production
    model: ModelReference,
    /// Files, patterns such as 'images/*.png', directories, tables whose rows are asked about one by one (.csv, .tsv, .jsonl), or - for stdin
    #[arg(required_unless_present_any = ["random", "row", "text"], value_name = "INPUT")]
    inputs: Vec<String>,
    /// Ask about a text; may be given several times
    #[arg(long, value_name = "TEXT")]
    text: Vec<String>,
    /// Ask about every line of the files as a text; of FILE.csv, FILE.tsv and FILE.jsonl about the column
    /// `--column`
    #[arg(long, requires = "inputs")]
    lines: bool,
    /// The column of the texts, with --lines
    #[arg(long, value_name = "NAME", default_value = "text", requires = "lines")]
    column: String,
    /// Ask about a row of a table, as a JSON object of its columns; may be given several times
    #[arg(long, value_name = "JSON")]
    row: Vec<String>,
    /// Ask about random numbers in place of an image, as the model takes them: 1x3x224x224
    #[arg(long, value_name = "SHAPE", conflicts_with_all = ["inputs", "row", "text"])]
    random: Option<Shape>,
    /// What makes the random numbers others
    #[arg(long, value_name = "N", default_value_t = 0, requires = "random")]
    seed: u64,
    /// How many classes to tell, most probable first
    #[arg(long, value_name = "K")]
    top_k: Option<NonZeroUsize>,
    /// Where results go: FILE.jsonl, FILE.csv, or - for stdout
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) device: DeviceArgs,
}

/// The result for one input.
#[derive(Debug, Serialize)]
struct ResultLine {
    input: String,
    #[serde(flatten)]
    predicted: Option<Predicted>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// The form in which results are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Text,
    JsonLines,
    Csv,
}

/// Runs the command.
pub(crate) fn run(context: &Context, args: &PredictArgs) -> anyhow::Result<()> {
    let inputs = expand(&args.inputs)?;
    let mut inputs = if args.lines {
        texts_of(&inputs, &args.column)?
    } else {
        with_rows(inputs)?
    };
    inputs.extend(args.text.iter().cloned().map(Input::Text));
    inputs.extend(args.row.iter().cloned().map(Input::Row));
    inputs.extend(args.random.iter().map(|shape| Input::Random {
        shape: shape.clone(),
        seed: args.seed,
    }));
    let backend = context.backend()?;
    let form = form(context, args)?;
    let mut writer = Writer::new(context, args, form, inputs.len() > 1)?;
    let (mut failed, mut worst) = (0_usize, None);
    let top_k = args.top_k.map(NonZeroUsize::get);
    for input in &inputs {
        let answer = input
            .read()
            .and_then(|example| backend.predict(&args.model, example, top_k));
        let line = match answer {
            Ok(predicted) => ResultLine {
                input: input.name(),
                predicted: Some(predicted),
                error: None,
            },
            Err(error) => {
                let code = code_of(&error);
                // What concerns the model and not the input would fail again for every other input.
                let is_about_input = matches!(
                    code,
                    ErrorCode::InvalidInput
                        | ErrorCode::PayloadTooLarge
                        | ErrorCode::UnsupportedMediaType
                        | ErrorCode::Internal
                );
                if inputs.len() == 1 || !is_about_input {
                    return Err(error.context(format!("failed to predict {}", input.name())));
                }
                failed += 1;
                worst = Some(code);
                context.output.complain(&format!(
                    "error: failed to predict {}: {}",
                    input.name(),
                    describe(&error)
                ));
                ResultLine {
                    input: input.name(),
                    predicted: None,
                    error: Some(describe(&error)),
                }
            }
        };
        writer.write(&line)?;
    }
    writer.finish()?;
    match worst {
        Some(code) => Err(Failure::new(
            code,
            format!("failed to predict {failed} of {} inputs", inputs.len()),
        )
        .into()),
        None => Ok(()),
    }
}

fn form(context: &Context, args: &PredictArgs) -> anyhow::Result<Form> {
    let by_format = match context.output.format() {
        Format::Text => Form::Text,
        Format::Json => Form::JsonLines,
        Format::Csv => Form::Csv,
    };
    let Some(path) = &args.output else {
        return Ok(by_format);
    };
    if path.as_os_str() == "-" {
        return Ok(if by_format == Form::Text {
            Form::JsonLines
        } else {
            by_format
        });
    }
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("jsonl") => Ok(Form::JsonLines),
        Some("csv") => Ok(Form::Csv),
        _ => Err(Failure::bad_input(format!(
            "failed to write {}: name a file that ends in .jsonl or .csv, or - for stdout",
            path.display()
        ))
        .into()),
    }
}

/// Writes results one by one, so that a long run shows what it has.
struct Writer<'a> {
    context: &'a Context,
    form: Form,
    names_inputs: bool,
    file: Option<(PathBuf, BufWriter<File>)>,
    has_header: bool,
    /// How many results are written.
    written: usize,
}

impl<'a> Writer<'a> {
    fn new(
        context: &'a Context,
        args: &PredictArgs,
        form: Form,
        names_inputs: bool,
    ) -> anyhow::Result<Self> {
        let file = match &args.output {
            Some(path) if path.as_os_str() != "-" => {
                let file = File::create(path)
                    .with_context(|| format!("failed to create {}", path.display()))?;
                Some((path.clone(), BufWriter::new(file)))
            }
            _ => None,
        };
        Ok(Self {
            context,
            form,
            names_inputs,
            file,
            has_header: false,
            written: 0,
        })
    }

    fn write(&mut self, line: &ResultLine) -> anyhow::Result<()> {
        self.written += 1;
        let bytes = match self.form {
            Form::Text => self.text(line),
            Form::JsonLines => {
                let mut bytes = serde_json::to_vec(line).context("failed to write JSON")?;
                bytes.push(b'\n');
                bytes
            }
            Form::Csv => self.csv(line)?,
        };
        match &mut self.file {
            Some((path, file)) => file
                .write_all(&bytes)
                .with_context(|| format!("failed to write {}", path.display())),
            None => self.context.output.raw(&bytes),
        }
    }

    fn text(&self, line: &ResultLine) -> Vec<u8> {
        let Some(predicted) = &line.predicted else {
            return Vec::new();
        };
        let prefix = if self.names_inputs {
            format!("{}: ", line.input)
        } else {
            String::new()
        };
        let mut text = format!("{prefix}{}\n", predicted.prediction.summary());
        if let Prediction::Classes(classes) = &predicted.prediction {
            for class in classes.iter().skip(1) {
                let _ = writeln!(
                    text,
                    "  {} ({:.1} %)",
                    class.label,
                    class.probability * 100.0
                );
            }
        }
        for warning in &predicted.warnings {
            let _ = writeln!(text, "  warning: {warning}");
        }
        text.into_bytes()
    }

    /// One row per class with its probability, per number, or per element of a vector. Warnings, for which
    /// there is no column, go to stderr.
    fn csv(&mut self, line: &ResultLine) -> anyhow::Result<Vec<u8>> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        if !self.has_header {
            self.has_header = true;
            writer.write_record([
                "input", "model", "version", "rank", "label", "value", "error",
            ])?;
        }
        if let Some(predicted) = &line.predicted {
            for warning in &predicted.warnings {
                self.context.output.complain(&format!(
                    "warning: input {} ({}): {warning}",
                    self.written,
                    shortened(&line.input)
                ));
            }
            for (index, (name, value)) in values(&predicted.prediction).into_iter().enumerate() {
                writer.write_record([
                    line.input.as_str(),
                    predicted.model.as_str(),
                    &predicted.version.to_string(),
                    &(index + 1).to_string(),
                    name.as_str(),
                    &value,
                    "",
                ])?;
            }
        } else {
            let error = line.error.as_deref().unwrap_or_default();
            writer.write_record([line.input.as_str(), "", "", "", "", "", error])?;
        }
        writer.into_inner().context("failed to write CSV")
    }

    fn finish(self) -> anyhow::Result<()> {
        let Some((path, mut file)) = self.file else {
            return Ok(());
        };
        file.flush()
            .with_context(|| format!("failed to write {}", path.display()))?;
        self.context
            .output
            .note(&format!("results are in {}", path.display()));
        Ok(())
    }
}

/// The label and the value of each part of an answer.
fn values(prediction: &Prediction) -> Vec<(String, String)> {
    match prediction {
        Prediction::Classes(classes) => classes
            .iter()
            .map(|class| (class.label.clone(), class.probability.to_string()))
            .collect(),
        Prediction::Embedding(values) | Prediction::Values(values) => values
            .iter()
            .enumerate()
            .map(|(index, value)| (index.to_string(), value.to_string()))
            .collect(),
        Prediction::Generation(generated) => {
            vec![(
                generated.finish_reason.name().to_owned(),
                generated.text.clone(),
            )]
        }
        Prediction::Transcript(transcript) => {
            let probability = transcript.probability.to_string();
            vec![(transcript.text.clone(), probability)]
        }
        Prediction::Numbers(numbers) => numbers
            .iter()
            .map(|number| (number.name.clone(), number.value.to_string()))
            .collect(),
    }
}
