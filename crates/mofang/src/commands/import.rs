//! `mofang import`

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use clap::Args;
use mofang_import::{ImportFile, ImportOptions, ImportRequest, Preset, files_to_import, is_step};
use mofang_types::{AliasName, ErrorCode, ModelInput, ModelName, SystemClock, Task, TensorSpec};
use serde_json::Value;

use crate::backend::Submission;
use crate::context::Context;
use crate::data_dir::read_text;
use crate::exit::{CodedResult as _, Failure, describe};
use crate::platform::runtime_settings;
use crate::shape::Shape;
use crate::text;

/// Most bytes of a file.
const FILE_BYTES_MAX: u64 = 8 << 30;

/// What to import and what is said of it.
#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// The file: PyTorch's (.pth, .pt, .th, .bin), safetensors or ONNX; or a folder of transformers or
    /// sentence-transformers, with config.json and tokenizer.json
    file: PathBuf,
    /// The model to publish, made when it does not exist
    #[arg(long)]
    name: ModelName,
    /// The architecture, when the file does not show it
    #[arg(long, value_name = "NAME")]
    architecture: Option<String>,
    /// Its configuration: JSON, or a file that ends in .json or .toml
    #[arg(long, value_name = "JSON|FILE", requires = "architecture")]
    architecture_config: Option<String>,
    /// Channels, height and width of an image, e.g. 3x224x224
    #[arg(long, value_name = "CxHxW")]
    image_shape: Option<Shape>,
    /// The number of classes, when neither the file nor --labels tells it
    #[arg(long, value_name = "N")]
    classes: Option<usize>,
    /// What the model does, such as image-classification
    #[arg(long, value_name = "TASK")]
    task: Option<Task>,
    /// How images are prepared
    #[arg(long, value_parser = Preset::ALL.map(|(name, _)| name))]
    preset: Option<String>,
    /// The mean of each channel, in place of the preset's: 0.5 or 0.485,0.456,0.406
    #[arg(
        long,
        value_name = "NUMBERS",
        value_delimiter = ',',
        allow_negative_numbers = true
    )]
    mean: Option<Vec<f32>>,
    /// The standard deviation of each channel, in place of the preset's
    #[arg(long, value_name = "NUMBERS", value_delimiter = ',')]
    std: Option<Vec<f32>>,
    /// The labels of the classes: a file with one on each line, or JSON
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,
    /// The licence of the weights, as an SPDX expression such as Apache-2.0
    #[arg(long, value_name = "SPDX")]
    license: Option<String>,
    /// Where the file comes from, for the bill of materials
    #[arg(long, value_name = "TEXT")]
    source: Option<String>,
    /// A sentence about the model
    #[arg(long, value_name = "TEXT", default_value = "")]
    description: String,
    /// An alias that shall name the version; may be given several times
    #[arg(long = "alias", value_name = "ALIAS")]
    aliases: Vec<AliasName>,
    /// What to remember about the version
    #[arg(long, value_name = "TEXT", default_value = "")]
    note: String,
    /// Only look: tell what would be published
    #[arg(long)]
    dry_run: bool,
}

/// Runs the command.
pub(crate) fn run(context: &Context, args: &ImportArgs) -> anyhow::Result<()> {
    let failed = || format!("failed to import {}", args.file.display());
    let options = options(args).with_context(failed)?;
    let files = read(&args.file).with_context(failed)?;
    if args.dry_run {
        let clock = Arc::new(SystemClock::new());
        let runtime = runtime_settings(&context.configuration, clock)?;
        let files: Vec<ImportFile<'_>> = files
            .iter()
            .map(|(name, bytes)| ImportFile { name, bytes })
            .collect();
        let import = mofang_import::import(&ImportRequest {
            files: &files,
            options: &options,
            created_unix_ms: 0,
            placement: &runtime.placement,
        });
        let report = import.coded().with_context(failed)?.report;
        warn(context, &report.warnings);
        return context
            .output
            .record(&report, || text::import_report(&report));
    }
    let submission = Submission {
        files,
        options,
        aliases: args.aliases.clone(),
        note: args.note.clone(),
    };
    let imported = context
        .backend()?
        .import(&args.name, submission)
        .with_context(failed)?;
    warn(context, &imported.report.warnings);
    context.output.record(&imported, || {
        let version = &imported.version;
        let name = format!("{}@{}", version.model, version.version);
        let signature = &imported.report.signature;
        let example = match &imported.report.input {
            Some(ModelInput::Tokens { .. }) if imported.report.task == Task::TextGeneration => {
                format!("generate {name} \"…\"")
            }
            Some(ModelInput::Tokens { .. }) => format!("predict {name} --text \"…\""),
            Some(ModelInput::Image { .. } | ModelInput::Row { .. }) | None => {
                let sizes = signature.inputs.first().and_then(TensorSpec::example_shape);
                let sizes: Vec<String> = sizes.iter().flatten().map(ToString::to_string).collect();
                format!("predict {name} --random {}", sizes.join("x"))
            }
        };
        format!(
            "{}imported as {name}; try `mofang {example}`\n",
            text::import_report(&imported.report)
        )
    })
}

fn warn(context: &Context, warnings: &[String]) {
    for warning in warnings {
        context.output.note(&format!("warning: {warning}"));
    }
}

fn options(args: &ImportArgs) -> anyhow::Result<ImportOptions> {
    let options = ImportOptions {
        task: args.task,
        architecture: args.architecture.clone(),
        architecture_config: args
            .architecture_config
            .as_deref()
            .map(configuration)
            .transpose()?,
        image_shape: args.image_shape.as_ref().map(Shape::image).transpose()?,
        classes: args.classes,
        preset: Preset::ALL
            .into_iter()
            .find(|(name, _)| Some(*name) == args.preset.as_deref())
            .map(|(_, preset)| preset),
        mean: args.mean.clone(),
        std: args.std.clone(),
        labels: match &args.labels {
            Some(path) => labels(path)?,
            None => Vec::new(),
        },
        license: args.license.clone(),
        source: args.source.clone(),
        description: args.description.clone(),
    };
    options.check().coded()?;
    Ok(options)
}

/// The file, or those of a folder that an import reads.
fn read(path: &Path) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
    if path.to_string_lossy().contains("://") {
        return Err(Failure::bad_input("addresses are not opened: download the file first").into());
    }
    if !fs::metadata(path).map_err(unreadable)?.is_dir() {
        let name = path.file_name().unwrap_or(path.as_os_str());
        let mut bytes_left = FILE_BYTES_MAX;
        return Ok(vec![(
            name.to_string_lossy().into_owned(),
            read_file(path, &mut bytes_left)?,
        )]);
    }
    let mut names = names_in(path, "")?;
    let folders: Vec<String> = names
        .iter()
        .filter(|name| is_step(name) && path.join(name).is_dir())
        .cloned()
        .collect();
    for folder in folders {
        names.extend(names_in(&path.join(&folder), &format!("{folder}/"))?);
    }
    names.retain(|name| path.join(name).is_file());
    names.sort();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let found = files_to_import(&names);
    if found.is_empty() {
        return Err(Failure::bad_input(
            "the folder has no file that an import reads; name the file in it",
        )
        .into());
    }
    let mut bytes_left = FILE_BYTES_MAX;
    found
        .into_iter()
        .map(|name| {
            let bytes = read_file(&path.join(name), &mut bytes_left);
            Ok((name.to_owned(), bytes.with_context(|| name.to_owned())?))
        })
        .collect()
}

#[expect(clippy::needless_pass_by_value, reason = "the form that map_err takes")]
fn unreadable(error: std::io::Error) -> Failure {
    Failure::bad_input(error.to_string())
}

/// A file, when all together are not too large.
fn read_file(path: &Path, bytes_left: &mut u64) -> anyhow::Result<Vec<u8>> {
    let length = fs::metadata(path).map_err(unreadable)?.len();
    let Some(left) = bytes_left.checked_sub(length) else {
        let message = format!("it has more than {FILE_BYTES_MAX} bytes");
        return Err(Failure::new(ErrorCode::PayloadTooLarge, message).into());
    };
    *bytes_left = left;
    Ok(fs::read(path).map_err(unreadable)?)
}

/// What is in a folder, each with `prefix` before it.
fn names_in(folder: &Path, prefix: &str) -> anyhow::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let name = entry.map_err(unreadable)?.file_name();
        names.push(format!("{prefix}{}", name.to_string_lossy()));
    }
    Ok(names)
}

/// A configuration written on the line, or in a file.
fn configuration(text: &str) -> anyhow::Result<Value> {
    let path = Path::new(text);
    let extension = path.extension().and_then(|extension| extension.to_str());
    let failed =
        |error: &str| Failure::bad_input(format!("the architecture's configuration: {error}"));
    match extension {
        Some("json") => parse_json(&file_text(path)?).map_err(|error| failed(&error).into()),
        Some("toml") => {
            let table: toml::Table = file_text(path)?
                .parse()
                .map_err(|error: toml::de::Error| failed(&error.to_string()))?;
            serde_json::to_value(table).context("failed to read TOML as JSON")
        }
        _ => parse_json(text).map_err(|error| failed(&error).into()),
    }
}

fn file_text(path: &Path) -> anyhow::Result<String> {
    read_text(path).map_err(|error| Failure::bad_input(describe(&error)).into())
}

fn parse_json(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}

/// Labels from lines; from a JSON list of texts; or from a JSON table of class to text, or to a
/// list whose last item is the text, as the lists of ImageNet's classes are kept.
fn labels(path: &Path) -> anyhow::Result<Vec<String>> {
    let text = file_text(path)?;
    let failed =
        |reason: &str| Failure::bad_input(format!("the labels in {}: {reason}", path.display()));
    let trimmed = text.trim_start();
    if !trimmed.starts_with(['[', '{']) {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        return Ok(lines.map(str::to_owned).collect());
    }
    let label = |value: &Value| {
        let value = value.as_array().map_or(Some(value), |items| items.last());
        value.and_then(Value::as_str).map(str::to_owned)
    };
    let json = parse_json(trimmed).map_err(|error| failed(&error))?;
    let found: Option<Vec<String>> = if let Some(table) = json.as_object() {
        (0..table.len())
            .map(|class| label(table.get(&class.to_string())?))
            .collect()
    } else {
        json.as_array()
            .and_then(|items| items.iter().map(label).collect())
    };
    found.ok_or_else(|| failed("they are no list of texts and no table of 0, 1, … to texts").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_read_from_lines_and_from_json() {
        let folder = tempfile::tempdir().unwrap();
        let read = |text: &str| {
            let path = folder.path().join("labels");
            fs::write(&path, text).unwrap();
            labels(&path)
        };
        let expected = ["tench", "goldfish"];
        for text in [
            "tench\n\ngoldfish\n",
            "[\"tench\", \"goldfish\"]",
            "{\"1\": \"goldfish\", \"0\": \"tench\"}",
            "{\"0\": [\"n01440764\", \"tench\"], \"1\": [\"n01443537\", \"goldfish\"]}",
        ] {
            assert_eq!(read(text).unwrap(), expected, "{text}");
        }
        for text in ["[1, 2]", "{\"0\": \"a\", \"2\": \"b\"}", "[", "{\"0\": []}"] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_configuration_is_json_or_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c.toml");
        fs::write(&path, "depth = 50").unwrap();
        let expected = serde_json::json!({"depth": 50});
        assert_eq!(
            configuration(&path.display().to_string()).unwrap(),
            expected
        );
        assert_eq!(configuration("{\"depth\": 50}").unwrap(), expected);
        assert!(configuration("depth=50").is_err());
        assert!(configuration("missing.json").is_err());
    }
}
