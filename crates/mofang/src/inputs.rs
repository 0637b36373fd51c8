//! What `predict` is asked about: files, patterns, directories, stdin.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use mofang_data::{RawExample, Row, RowFormat, read_rows};
use mofang_types::{ErrorCode, Tensor};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use crate::exit::{CodedResult as _, Failure};
use crate::shape::Shape;

/// The endings of files that a directory is searched for.
const FILE_EXTENSIONS: [&str; 7] = ["bmp", "flac", "jpeg", "jpg", "mp3", "png", "wav"];

/// The endings of files whose rows are inputs.
const TABLE_EXTENSIONS: [&str; 4] = ["csv", "jsonl", "ndjson", "tsv"];

/// Most bytes of one input.
const INPUT_BYTES_MAX: u64 = 64 << 20;

/// One input.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Input {
    /// A file.
    File(PathBuf),
    /// What comes in on stdin.
    Stdin,
    /// A text.
    Text(String),
    /// A row of a table, as a JSON object.
    Row(String),
    /// A row of a file, or why it is none.
    FileRow {
        /// The file and the row's number.
        name: String,
        /// The row.
        row: Result<Row, String>,
    },
    /// Numbers of a normal distribution, as the model takes them.
    Random {
        /// The shape; a batch of one may stand before it.
        shape: Shape,
        /// What they are a function of.
        seed: u64,
    },
}

impl Input {
    /// Its name in results.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Stdin => "-".to_owned(),
            Self::Text(text) | Self::Row(text) => text.clone(),
            Self::FileRow { name, .. } => name.clone(),
            Self::Random { shape, seed } => format!("random {shape} (seed {seed})"),
        }
    }

    /// The example that it is.
    pub(crate) fn read(&self) -> anyhow::Result<RawExample> {
        let mut bytes = Vec::new();
        match self {
            Self::File(path) => fs::File::open(path)
                .and_then(|file| file.take(INPUT_BYTES_MAX + 1).read_to_end(&mut bytes))
                .map_err(|error| {
                    Failure::bad_input(format!("cannot read {}: {error}", path.display()))
                })?,
            Self::Stdin => std::io::stdin()
                .lock()
                .take(INPUT_BYTES_MAX + 1)
                .read_to_end(&mut bytes)
                .context("cannot read stdin")?,
            Self::Text(text) => return Ok(RawExample::Text(text.clone())),
            Self::Row(text) => return row(text),
            Self::FileRow { row, .. } => {
                let row = row.clone().map_err(Failure::bad_input)?;
                return Ok(RawExample::Row(row));
            }
            Self::Random { shape, seed } => return random(shape.example(), *seed),
        };
        if bytes.len() as u64 > INPUT_BYTES_MAX {
            let message = format!("the input has more than {INPUT_BYTES_MAX} bytes");
            return Err(Failure::new(ErrorCode::PayloadTooLarge, message).into());
        }
        Ok(RawExample::Encoded(bytes))
    }
}

fn row(text: &str) -> anyhow::Result<RawExample> {
    let object = serde_json::from_str(text).map_err(|error| {
        Failure::bad_input(format!(
            "\"{text}\" is no row; write a JSON object such as {{\"age\": 39}}: {error}"
        ))
    })?;
    Ok(RawExample::Row(Row::from_json(&object).coded()?))
}

/// Standard normal numbers: Box and Muller 1958, <https://doi.org/10.1214/aoms/1177706645>.
#[expect(clippy::cast_possible_truncation, reason = "the model takes f32")]
fn random(shape: &[usize], seed: u64) -> anyhow::Result<RawExample> {
    let mut generator = ChaCha8Rng::seed_from_u64(seed);
    let values = std::iter::repeat_with(|| {
        // From above 0, so that the logarithm is finite.
        let radius = (-2.0 * (1.0 - generator.random::<f64>()).ln()).sqrt();
        let angle = std::f64::consts::TAU * generator.random::<f64>();
        (radius * angle.cos()) as f32
    });
    let values = values.take(shape.iter().product()).collect();
    let tensor = Tensor::new(shape.to_vec(), values).coded()?;
    Ok(RawExample::Tensor(tensor))
}

/// The inputs that `texts` name, in order; a directory stands for the images and recordings in it, by
/// name.
pub(crate) fn expand(texts: &[String]) -> anyhow::Result<Vec<Input>> {
    let mut inputs = Vec::new();
    for text in texts {
        let path = Path::new(text);
        if text == "-" {
            inputs.push(Input::Stdin);
        } else if path.is_dir() {
            let found = files_of(path)?;
            if found.is_empty() {
                return Err(Failure::bad_input(format!(
                    "failed to find images or recordings in the directory {text}"
                ))
                .into());
            }
            inputs.extend(found);
        } else if path.exists() || !text.contains(['*', '?', '[']) {
            // A file that is not there fails alone, when it is read.
            inputs.push(Input::File(path.to_owned()));
        } else {
            let paths = glob::glob(text).map_err(|error| {
                Failure::bad_input(format!("failed to read the pattern \"{text}\": {error}"))
            })?;
            let found: Vec<Input> = paths
                .filter_map(Result::ok)
                .filter(|path| path.is_file())
                .map(Input::File)
                .collect();
            if found.is_empty() {
                return Err(Failure::bad_input(format!(
                    "failed to find files that match \"{text}\""
                ))
                .into());
            }
            inputs.extend(found);
        }
    }
    Ok(inputs)
}

/// The inputs with the rows of tables in place of the files that hold them.
pub(crate) fn with_rows(inputs: Vec<Input>) -> anyhow::Result<Vec<Input>> {
    let mut found = Vec::with_capacity(inputs.len());
    for input in inputs {
        if let Input::File(path) = &input
            && path.is_file()
            && TABLE_EXTENSIONS
                .iter()
                .any(|ending| has_extension(path, ending))
        {
            found.extend(rows_of(path)?);
        } else {
            found.push(input);
        }
    }
    Ok(found)
}

fn has_extension(path: &Path, ending: &str) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    extension.is_some_and(|extension| extension.eq_ignore_ascii_case(ending))
}

/// The rows of a table in a file, each an input of its own.
fn rows_of(path: &Path) -> anyhow::Result<Vec<Input>> {
    let failed =
        |reason: String| Failure::bad_input(format!("cannot read {}: {reason}", path.display()));
    let size_bytes = fs::metadata(path)
        .map_err(|error| failed(error.to_string()))?
        .len();
    if size_bytes > INPUT_BYTES_MAX {
        let message = format!("{} has more than {INPUT_BYTES_MAX} bytes", path.display());
        return Err(Failure::new(ErrorCode::PayloadTooLarge, message).into());
    }
    let bytes = fs::read(path).map_err(|error| failed(error.to_string()))?;
    let format = RowFormat::of_name(&path.to_string_lossy());
    // The file's size is all that bounds them.
    let rows = read_rows(format, &bytes, usize::MAX).map_err(|error| failed(error.to_string()))?;
    let rows = rows
        .into_iter()
        .zip(1_usize..)
        .map(|(row, number)| Input::FileRow {
            name: format!("{}:{number}", path.display()),
            row: row.map_err(|error| error.to_string()),
        });
    Ok(rows.collect())
}

fn files_of(folder: &Path) -> anyhow::Result<Vec<Input>> {
    let mut paths = Vec::new();
    let entries =
        fs::read_dir(folder).with_context(|| format!("failed to read {}", folder.display()))?;
    for entry in entries {
        let path = entry
            .with_context(|| format!("failed to read {}", folder.display()))?
            .path();
        let is_input = path
            .extension()
            .and_then(|extension| extension.to_str())
            .is_some_and(|extension| FILE_EXTENSIONS.contains(&extension.to_lowercase().as_str()));
        if is_input && path.is_file() {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths.into_iter().map(Input::File).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_numbers_are_a_function_of_the_seed() {
        let read = |seed| {
            let shape = "1x3x40x40".parse().unwrap();
            let RawExample::Tensor(tensor) = (Input::Random { shape, seed }).read().unwrap() else {
                panic!("no tensor");
            };
            tensor
        };
        let tensor = read(0);
        assert_eq!(tensor.shape(), [3, 40, 40]);
        assert_eq!(tensor, read(0));
        assert_ne!(tensor, read(1));
        let values = tensor.data();
        let mean = values.iter().sum::<f32>() / 4800.0;
        let variance = values.iter().map(|value| value * value).sum::<f32>() / 4800.0;
        assert!(
            mean.abs() < 0.06 && (variance - 1.0).abs() < 0.1,
            "{mean} {variance}"
        );
    }

    #[test]
    fn files_patterns_and_directories_are_found_in_order() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.png", "a.png", "c.wav", "note.txt"] {
            fs::write(folder.path().join(name), b"x").unwrap();
        }
        let text = |name: &str| folder.path().join(name).display().to_string();
        let names = |texts: &[String]| -> Vec<String> {
            let inputs = expand(texts).unwrap();
            inputs
                .iter()
                .map(|input| input.name().rsplit('/').next().unwrap().to_owned())
                .collect()
        };
        assert_eq!(
            names(&[text(""), "-".to_owned()]),
            ["a.png", "b.png", "c.wav", "-"]
        );
        assert_eq!(names(&[text("*.txt")]), ["note.txt"]);
        assert!(expand(&[text("*.jpg")]).is_err());
        assert!(expand(&[text("missing.png")]).unwrap()[0].read().is_err());
    }
}
