//! `predict --lines`: every line of a file is a text of its own.

use std::path::Path;

use mofang_data::RawExample;
use mofang_data::text::text_of;
use serde_json::{Map, Value};

use crate::exit::Failure;
use crate::inputs::Input;

/// The texts of the files that `inputs` are, in order; of a table the column `column`.
pub(crate) fn texts_of(inputs: &[Input], column: &str) -> anyhow::Result<Vec<Input>> {
    let mut texts = Vec::new();
    for input in inputs {
        let RawExample::Encoded(bytes) = input.read()? else {
            return Err(Failure::bad_input(format!("{} is no file of lines", input.name())).into());
        };
        let name = input.name();
        let extension = Path::new(&name).extension().and_then(|e| e.to_str());
        let found = match extension.map(str::to_ascii_lowercase).as_deref() {
            Some("csv") => table(&bytes, b',', true, column),
            Some("tsv" | "tab") => table(&bytes, b'\t', false, column),
            Some("jsonl" | "ndjson") => objects(&bytes, column),
            _ => plain(&bytes),
        };
        let found = found
            .map_err(|reason| Failure::bad_input(format!("failed to read {name}: {reason}")))?;
        texts.extend(found.into_iter().map(Input::Text));
    }
    if texts.is_empty() {
        return Err(Failure::bad_input("failed to find a text: every line is empty").into());
    }
    Ok(texts)
}

/// A text for each line that is not empty.
fn plain(bytes: &[u8]) -> Result<Vec<String>, String> {
    let lines = bytes.split(|byte| *byte == b'\n').enumerate();
    lines
        .filter(|(_, line)| !line.trim_ascii().is_empty())
        .map(|(index, line)| {
            let text = text_of(line.strip_suffix(b"\r").unwrap_or(line));
            text.map(str::to_owned)
                .map_err(|error| format!("line {}: {error}", index + 1))
        })
        .collect()
}

fn objects(bytes: &[u8], column: &str) -> Result<Vec<String>, String> {
    let text = |line: String| {
        let object: Map<String, Value> = serde_json::from_str(&line)
            .map_err(|error| format!("\"{}\" is no JSON object: {error}", shortened(&line)))?;
        match object.get(column) {
            Some(Value::String(text)) => Ok(text.clone()),
            _ => Err(format!("\"{}\" has no text \"{column}\"", shortened(&line))),
        }
    };
    plain(bytes)?.into_iter().map(text).collect()
}

fn table(
    bytes: &[u8],
    delimiter: u8,
    is_quoted: bool,
    column: &str,
) -> Result<Vec<String>, String> {
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .quoting(is_quoted)
        .from_reader(bytes);
    let header = reader.headers().map_err(|error| error.to_string())?;
    let place = header.iter().position(|name| name == column);
    let place = place.ok_or_else(|| {
        let names: Vec<&str> = header.iter().take(20).collect();
        format!(
            "it has no column \"{column}\"; there are {} (--column names another)",
            names.join(", ")
        )
    })?;
    let text = |record: csv::Result<csv::StringRecord>| {
        let record = record.map_err(|error| error.to_string())?;
        Ok(record.get(place).unwrap_or_default().to_owned())
    };
    reader.records().map(text).collect()
}

pub(crate) fn shortened(line: &str) -> String {
    line.chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn every_form_gives_its_texts() {
        let folder = tempfile::tempdir().unwrap();
        let texts = |name: &str, content: &[u8], column: &str| {
            let path = folder.path().join(name);
            fs::write(&path, content).unwrap();
            texts_of(&[Input::File(path)], column).map(|inputs| {
                let names = inputs.iter().map(Input::name);
                names.collect::<Vec<String>>()
            })
        };
        let expected = ["a, b", "c"];
        for (name, content, column) in [
            ("a.txt", &b"a, b\r\n\nc\n"[..], "text"),
            ("a.csv", b"id,text\n1,\"a, b\"\n2,c\n", "text"),
            ("a.tsv", b"message\tid\na, b\t1\nc\t2\n", "message"),
            (
                "a.jsonl",
                b"{\"text\": \"a, b\"}\n{\"text\": \"c\"}\n",
                "text",
            ),
        ] {
            assert_eq!(texts(name, content, column).unwrap(), expected, "{name}");
        }
        for (name, content, part) in [
            (
                "b.csv",
                &b"id,message\n1,a\n"[..],
                "has no column \"text\"; there are id, message",
            ),
            (
                "b.txt",
                b"ok\nb\xff\n",
                "line 2: cannot read the text: it is not UTF-8",
            ),
            ("b.jsonl", b"[1]\n", "no JSON object"),
            ("b.txt", b"\n\n", "every line is empty"),
        ] {
            let message = format!("{:#}", texts(name, content, "text").unwrap_err());
            assert!(message.contains(part), "{message}");
        }
    }
}
