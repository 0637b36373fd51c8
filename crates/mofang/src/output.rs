//! Everything that the program says: results on stdout in the asked format, remarks on stderr.

use std::io::{self, IsTerminal as _, Write};
use std::ops::ControlFlow;
use std::sync::Mutex;

use anyhow::Context as _;
use clap::ValueEnum;
use serde::Serialize;
use serde_json::Value;

use crate::text::aligned;

/// The form of results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Text,
    /// For programs: one JSON document.
    Json,
    /// For spreadsheets, with a header line.
    Csv,
}

/// A listing: rows for people and spreadsheets, and the same as JSON for programs.
#[derive(Debug)]
pub(crate) struct Table {
    columns: Vec<&'static str>,
    rows: Vec<Vec<String>>,
    json: Value,
}

impl Table {
    /// A listing of `json`, an array, whose rows are made by `row`.
    pub(crate) fn new<T: Serialize>(
        columns: &[&'static str],
        items: &[T],
        row: impl FnMut(&T) -> Vec<String>,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            columns: columns.to_vec(),
            rows: items.iter().map(row).collect(),
            json: serde_json::to_value(items).context("failed to write JSON")?,
        })
    }

    fn text(&self) -> String {
        if self.rows.is_empty() {
            return "nothing yet\n".to_owned();
        }
        let header = self
            .columns
            .iter()
            .map(|column| (*column).to_owned())
            .collect();
        let rows: Vec<Vec<String>> = std::iter::once(header)
            .chain(self.rows.iter().cloned())
            .collect();
        aligned(&rows)
    }
}

/// The one way out: stdout for results, stderr for everything else.
pub(crate) struct Output {
    format: Format,
    is_quiet: bool,
    stdout: Mutex<Box<dyn Write + Send>>,
    stderr: Mutex<Box<dyn Write + Send>>,
    shows_progress: bool,
}

impl std::fmt::Debug for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Output")
            .field("format", &self.format)
            .field("is_quiet", &self.is_quiet)
            .finish_non_exhaustive()
    }
}

impl Output {
    /// Over the process's own streams.
    pub(crate) fn new(format: Format, is_quiet: bool) -> Self {
        Self {
            format,
            is_quiet,
            stdout: Mutex::new(Box::new(io::stdout())),
            stderr: Mutex::new(Box::new(io::stderr())),
            shows_progress: io::stderr().is_terminal() && !is_quiet,
        }
    }

    /// The form of results.
    pub(crate) fn format(&self) -> Format {
        self.format
    }

    /// Whether a moving progress bar can be shown.
    pub(crate) fn shows_progress(&self) -> bool {
        self.shows_progress
    }

    /// Writes to stdout as it is. A reader that has gone away (`| head`) is no failure.
    pub(crate) fn raw(&self, bytes: &[u8]) -> anyhow::Result<()> {
        self.write(bytes).map(|_| ())
    }

    /// A piece of a text that is still being made; breaks when its reader has gone away.
    pub(crate) fn piece(&self, text: &str) -> anyhow::Result<ControlFlow<()>> {
        self.write(text.as_bytes())
    }

    fn write(&self, bytes: &[u8]) -> anyhow::Result<ControlFlow<()>> {
        let mut stdout = lock(&self.stdout);
        match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
            Ok(()) => Ok(ControlFlow::Continue(())),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(ControlFlow::Break(())),
            Err(error) => Err(error).context("failed to write to stdout"),
        }
    }

    /// A line of a result.
    pub(crate) fn line(&self, text: &str) -> anyhow::Result<()> {
        self.raw(format!("{text}\n").as_bytes())
    }

    /// A remark for people: what happens, what to do next. Goes to stderr; `--quiet` silences it.
    pub(crate) fn note(&self, text: &str) {
        if !self.is_quiet {
            self.complain(text);
        }
    }

    /// Something on stderr that `--quiet` does not silence.
    pub(crate) fn complain(&self, text: &str) {
        // Nobody is left to be told when stderr itself is gone.
        let _ = writeln!(lock(&self.stderr), "{text}");
    }

    /// A listing in the asked format.
    pub(crate) fn table(&self, table: &Table) -> anyhow::Result<()> {
        match self.format {
            Format::Text => self.raw(table.text().as_bytes()),
            Format::Json => self.json(&table.json),
            Format::Csv => {
                let header: Vec<String> = table
                    .columns
                    .iter()
                    .map(|column| column.to_lowercase().replace(' ', "_"))
                    .collect();
                self.csv(std::iter::once(&header).chain(&table.rows))
            }
        }
    }

    /// One thing: its text for people, its JSON for programs; as CSV, its scalar fields in one row.
    pub(crate) fn record(
        &self,
        value: &impl Serialize,
        text: impl FnOnce() -> String,
    ) -> anyhow::Result<()> {
        let json = serde_json::to_value(value).context("failed to write JSON")?;
        match self.format {
            Format::Text => self.line(text().trim_end()),
            Format::Json => self.json(&json),
            Format::Csv => {
                let fields: Vec<(String, String)> = json
                    .as_object()
                    .into_iter()
                    .flatten()
                    .filter_map(|(key, value)| Some((key.clone(), scalar(value)?)))
                    .collect();
                let (names, values): (Vec<String>, Vec<String>) = fields.into_iter().unzip();
                self.csv([&names, &values].into_iter())
            }
        }
    }

    /// What was done: a sentence for people on stdout, the JSON for programs.
    pub(crate) fn done(&self, value: &impl Serialize, text: &str) -> anyhow::Result<()> {
        self.record(value, || text.to_owned())
    }

    fn json(&self, value: &Value) -> anyhow::Result<()> {
        self.line(&serde_json::to_string_pretty(value).context("failed to write JSON")?)
    }

    fn csv<'a>(&self, rows: impl Iterator<Item = &'a Vec<String>>) -> anyhow::Result<()> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        for row in rows {
            writer.write_record(row).context("failed to write CSV")?;
        }
        self.raw(&writer.into_inner().context("failed to write CSV")?)
    }
}

/// A value that fits into one cell.
fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::Null => Some(String::new()),
        Value::Bool(value) => Some(value.to_string()),
        Value::Number(value) => Some(value.to_string()),
        Value::String(value) => Some(value.clone()),
        Value::Array(_) | Value::Object(_) => None,
    }
}

fn lock(stream: &Mutex<Box<dyn Write + Send>>) -> std::sync::MutexGuard<'_, Box<dyn Write + Send>> {
    stream
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}
