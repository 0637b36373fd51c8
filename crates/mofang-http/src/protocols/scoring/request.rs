//! The body of a scoring request in each of MLflow's four forms.

use std::collections::BTreeMap;
use std::sync::Arc;

use mofang_data::{Domain, RawExample, Row};
use serde::Deserialize;
use utoipa::ToSchema;

use super::cell::{Cell, Taken, narrow, tensor};
use crate::ApiError;
use crate::nested::Nested;

/// A scoring request; exactly one of the first four.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ScoringRequest)]
pub(crate) struct Scoring {
    /// A table by rows: `columns` and `data`. Of a model of tables, the columns that it has learned from;
    /// of any other either one column of texts, of images (base64) or of tensors, or one column for each
    /// value of the model's input.
    #[serde(default)]
    dataframe_split: Option<Table>,
    /// A table as a list of objects: of a model of tables, the columns that it has learned from; of any
    /// other one column each, a text, an image (base64) or a tensor.
    #[serde(default)]
    #[schema(value_type = Option<Vec<Object>>)]
    dataframe_records: Option<Vec<BTreeMap<String, Cell>>>,
    /// A list of examples: texts, tensors in nested lists, or images in base64.
    #[serde(default)]
    #[schema(value_type = Option<Vec<Object>>)]
    instances: Option<Vec<Instance>>,
    /// A batch in nested lists, or a list of texts, alone or under the name of the model's input.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    inputs: Option<Batch>,
    /// How to predict.
    #[serde(default)]
    params: Option<Params>,
}

/// A table by rows, as `DataFrame.to_dict(orient="split")` writes it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ScoringTable)]
pub(crate) struct Table {
    /// The names of the rows; not looked at.
    #[serde(default)]
    #[schema(value_type = Option<Vec<Object>>)]
    #[expect(dead_code, reason = "pandas writes it, and nothing depends on it")]
    index: Option<serde::de::IgnoredAny>,
    /// The names of the columns, in order.
    #[serde(default)]
    #[schema(value_type = Option<Vec<Object>>)]
    columns: Option<Vec<serde_json::Value>>,
    /// The rows.
    #[schema(value_type = Vec<Vec<Object>>)]
    data: Vec<Vec<Cell>>,
}

/// How to predict.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ScoringParams)]
pub(crate) struct Params {
    /// How many classes each prediction has; one label alone when absent.
    #[serde(default)]
    pub(super) top_k: Option<usize>,
}

/// An example, alone or under the name of the model's input.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
struct Instance(Cell);

/// Examples of equal shape, alone or under the name of the model's input.
#[derive(Debug)]
enum Batch {
    Alone(Nested),
    Named(BTreeMap<String, Nested>),
}

impl<'de> Deserialize<'de> for Batch {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct BatchVisitor;

        impl<'de> serde::de::Visitor<'de> for BatchVisitor {
            type Value = Batch;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("lists of numbers, or such lists under the name of an input")
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, list: A) -> Result<Batch, A::Error> {
                Nested::from_list(list).map(Batch::Alone)
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<Batch, A::Error> {
                let map = serde::de::value::MapAccessDeserializer::new(map);
                BTreeMap::deserialize(map).map(Batch::Named)
            }
        }

        deserializer.deserialize_any(BatchVisitor)
    }
}

/// What a body asks for.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) examples: Vec<RawExample>,
    pub(super) top_k: Option<usize>,
}

impl Scoring {
    /// The examples of the request for a model that takes `taken`; for one of tables a data frame's
    /// columns are those of the table.
    ///
    /// # Errors
    /// When there is not exactly one form, or its values are no examples; the message names the row.
    pub(super) fn into_asked(self, taken: Taken<'_>) -> Result<Asked, ApiError> {
        let takes_rows = taken.domain == Domain::Table;
        let top_k = self.params.and_then(|params| params.top_k);
        let examples = match (
            self.dataframe_split,
            self.dataframe_records,
            self.instances,
            self.inputs,
        ) {
            (Some(table), None, None, None) if takes_rows && table.columns.is_some() => {
                table.into_rows()
            }
            (Some(table), None, None, None) => table.into_examples(taken),
            (None, Some(records), None, None) if takes_rows => records
                .into_iter()
                .enumerate()
                .map(|(row, record)| in_row(row, row_of(record)))
                .collect(),
            (None, Some(records), None, None) => records
                .into_iter()
                .enumerate()
                .map(|(row, record)| {
                    in_row(
                        row,
                        named(record, taken.name).and_then(|cell| cell.into_example(taken)),
                    )
                })
                .collect(),
            (None, None, Some(instances), None) => instances
                .into_iter()
                .enumerate()
                .map(|(row, Instance(cell))| in_row(row, cell.into_example(taken)))
                .collect(),
            (None, None, None, Some(batch)) => batch.into_examples(taken),
            _ => Err(ApiError::invalid(
                "the body has to have exactly one of dataframe_split, dataframe_records, instances and inputs",
            )),
        }?;
        Ok(Asked { examples, top_k })
    }
}

/// The row of a table that a record is.
fn row_of(record: BTreeMap<String, Cell>) -> Result<RawExample, ApiError> {
    let mut columns = Vec::with_capacity(record.len());
    let mut cells = Vec::with_capacity(record.len());
    for (name, cell) in record {
        cells.push(cell.into_table_cell(&name)?);
        columns.push(name);
    }
    Ok(RawExample::Row(Row::new(columns.into(), cells)?))
}

/// The one value of a record, whose column is the model's input or the only one.
fn named(mut record: BTreeMap<String, Cell>, input: &str) -> Result<Cell, ApiError> {
    let columns = record.len();
    match record.pop_first() {
        Some((_, cell)) if columns == 1 => Ok(cell),
        _ => Err(ApiError::invalid(format!(
            "a record has {columns} columns, whose order JSON does not keep; send one column \"{input}\", or dataframe_split"
        ))),
    }
}

impl Table {
    /// The rows of a table, whose columns are named.
    fn into_rows(self) -> Result<Vec<RawExample>, ApiError> {
        let names = self.columns.unwrap_or_default().into_iter();
        let names: Arc<[String]> = names
            .map(|name| match name.as_str() {
                Some(text) => text.to_owned(),
                None => name.to_string(),
            })
            .collect();
        self.data
            .into_iter()
            .enumerate()
            .map(|(row, cells)| {
                if cells.len() != names.len() {
                    return Err(ApiError::invalid(format!(
                        "row {row}: it has {} values and there are {} columns",
                        cells.len(),
                        names.len()
                    )));
                }
                let cells = cells.into_iter().zip(names.iter());
                let cells = cells.map(|(cell, name)| cell.into_table_cell(name));
                let cells = in_row(row, cells.collect::<Result<Vec<_>, _>>())?;
                Ok(RawExample::Row(Row::new(Arc::clone(&names), cells)?))
            })
            .collect()
    }

    fn into_examples(self, taken: Taken<'_>) -> Result<Vec<RawExample>, ApiError> {
        let columns = self.columns.map(|columns| columns.len());
        self.data
            .into_iter()
            .enumerate()
            .map(|(row, mut cells)| {
                if columns.is_some_and(|columns| columns != cells.len()) {
                    let found = cells.len();
                    return Err(ApiError::invalid(format!(
                        "row {row}: it has {found} values and there are {} columns",
                        columns.unwrap_or_default()
                    )));
                }
                let example = match cells.pop() {
                    Some(cell) if cells.is_empty() => cell.into_example(taken),
                    Some(last) => {
                        cells.push(last);
                        features(cells, taken.name).and_then(|values| {
                            tensor(vec![values.len()], values, taken.example_shape)
                        })
                    }
                    None => Err(ApiError::invalid("it has no values")),
                };
                in_row(row, example)
            })
            .collect()
    }
}

/// A row of numbers.
fn features(cells: Vec<Cell>, input: &str) -> Result<Vec<f32>, ApiError> {
    cells
        .into_iter()
        .map(|cell| match cell {
            Cell::Number(value) => Ok(narrow(value)),
            Cell::Tensor(_)
            | Cell::Text(_)
            | Cell::Bytes(_)
            | Cell::Missing
            | Cell::Truth(_) => Err(ApiError::invalid(format!(
                "several columns have to be numbers; send a tensor or an image in one column \"{input}\""
            ))),
        })
        .collect()
}

impl Batch {
    fn into_examples(self, taken: Taken<'_>) -> Result<Vec<RawExample>, ApiError> {
        let Taken {
            name: input,
            example_shape,
            ..
        } = taken;
        let nested = match self {
            Self::Alone(nested) => nested,
            Self::Named(by_name) => of_input(by_name, input)?,
        };
        if nested.facts.has_booleans {
            return Err(ApiError::invalid(
                "inputs: true or false stands where a number has to",
            ));
        }
        let Some((count, inner)) = nested.shape.split_first() else {
            return Err(ApiError::invalid("inputs: there is nothing in it"));
        };
        let width = nested.values.len().checked_div(*count).unwrap_or(0);
        if inner.is_empty() || width == 0 {
            return Err(ApiError::invalid(
                "inputs: a batch has a list for each example; one example alone is a batch of one",
            ));
        }
        nested
            .values
            .chunks_exact(width)
            .enumerate()
            .map(|(row, values)| {
                in_row(row, tensor(inner.to_vec(), values.to_vec(), example_shape))
            })
            .collect()
    }
}

/// What stands under the name of the model's one input.
pub(super) fn of_input<T>(mut by_name: BTreeMap<String, T>, input: &str) -> Result<T, ApiError> {
    let value = by_name
        .remove(input)
        .ok_or_else(|| ApiError::invalid(format!("inputs: the input \"{input}\" is missing")))?;
    if let Some((unknown, _)) = by_name.pop_first() {
        let unknown: String = unknown.chars().take(80).collect();
        return Err(ApiError::invalid(format!(
            "inputs: unexpected input \"{unknown}\"; the model has the input \"{input}\""
        )));
    }
    Ok(value)
}

fn in_row<T>(row: usize, value: Result<T, ApiError>) -> Result<T, ApiError> {
    value.map_err(|mut error| {
        error.detail = format!("row {row}: {}", error.detail);
        error
    })
}
