//! A row of a table.

use std::collections::BTreeSet;
use std::sync::Arc;

use mofang_types::DigestHasher;
use serde_json::Value;

use crate::DataError;

/// One value of a row.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// There is none.
    Missing,
    /// A number.
    Number(f64),
    /// A text, which may still be that of a number.
    Text(String),
}

/// A row of a table: cells under the names of their columns.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Shared by the rows of a table.
    columns: Arc<[String]>,
    cells: Vec<Cell>,
}

impl Row {
    /// A row of `cells` under `columns`, in the same order.
    ///
    /// # Errors
    /// When there are not as many cells as columns.
    pub fn new(columns: Arc<[String]>, cells: Vec<Cell>) -> Result<Self, DataError> {
        if columns.len() == cells.len() {
            return Ok(Self { columns, cells });
        }
        Err(DataError::WrongShape {
            actual: vec![cells.len()],
            expected: format!("a cell for each of the {} columns", columns.len()),
        })
    }

    /// The row that a JSON object is; null is a missing cell.
    ///
    /// # Errors
    /// When a value is a list or an object.
    pub fn from_json(object: &serde_json::Map<String, Value>) -> Result<Self, DataError> {
        let cell = |(name, value): (&String, &Value)| match value {
            Value::Null => Ok(Cell::Missing),
            Value::Bool(value) => Ok(Cell::Text(value.to_string())),
            Value::Number(number) => Ok(number
                .as_f64()
                .map_or_else(|| Cell::Text(number.to_string()), Cell::Number)),
            Value::String(text) => Ok(Cell::Text(text.clone())),
            Value::Array(_) | Value::Object(_) => Err(DataError::InvalidSettings(format!(
                "the column \"{name}\" is a list or an object; a cell is a number, a text, true, false or null"
            ))),
        };
        Ok(Self {
            columns: object.keys().cloned().collect(),
            cells: object.iter().map(cell).collect::<Result<_, _>>()?,
        })
    }

    /// The row as a JSON object; a missing cell is null.
    pub fn to_json(&self) -> Value {
        let cell = |cell: &Cell| match cell {
            Cell::Missing => Value::Null,
            Cell::Number(number) => Value::from(*number),
            Cell::Text(text) => Value::from(text.as_str()),
        };
        let pairs = self.columns.iter().zip(&self.cells);
        Value::Object(
            pairs
                .map(|(name, value)| (name.clone(), cell(value)))
                .collect(),
        )
    }

    /// The names of the columns.
    pub fn columns(&self) -> &Arc<[String]> {
        &self.columns
    }

    /// The cells, in the order of the columns.
    pub fn cells(&self) -> &[Cell] {
        &self.cells
    }

    /// The cell of a column.
    pub fn get(&self, column: &str) -> Option<&Cell> {
        let position = self.columns.iter().position(|name| name == column)?;
        self.cells.get(position)
    }

    /// The columns that are not in `names`, with their cells.
    pub(crate) fn pairs_without<'a>(
        &'a self,
        names: &'a BTreeSet<String>,
    ) -> impl Iterator<Item = (&'a String, &'a Cell)> {
        let pairs = self.columns.iter().zip(&self.cells);
        pairs.filter(move |(name, _)| !names.contains(*name))
    }

    /// Leaves columns out. Rows that are left with the same names share them through `shared`.
    pub(crate) fn remove_columns(&mut self, names: &BTreeSet<String>, shared: &mut Arc<[String]>) {
        let kept = self
            .columns
            .iter()
            .zip(std::mem::take(&mut self.cells))
            .filter(|(name, _)| !names.contains(*name));
        let (columns, cells): (Vec<String>, Vec<Cell>) =
            kept.map(|(name, cell)| (name.clone(), cell)).unzip();
        if **shared != *columns {
            *shared = columns.into();
        }
        self.columns = Arc::clone(shared);
        self.cells = cells;
    }

    pub(crate) fn update_digest(&self, hasher: &mut DigestHasher) {
        for (name, cell) in self.columns.iter().zip(&self.cells) {
            let (kind, number, text) = match cell {
                Cell::Missing => (0_u8, 0.0, ""),
                Cell::Number(number) => (1, *number, ""),
                Cell::Text(text) => (2, 0.0, text.as_str()),
            };
            for part in [name.as_str(), text] {
                hasher.update(&(part.len() as u64).to_le_bytes());
                hasher.update(part.as_bytes());
            }
            hasher.update(&[kind]);
            hasher.update(&number.to_le_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_object_is_a_row_and_back() {
        let json = json!({"age": 39, "job": "clerk", "gain": null});
        let row = Row::from_json(json.as_object().unwrap()).unwrap();
        assert_eq!(row.get("age"), Some(&Cell::Number(39.0)));
        assert_eq!(row.get("gain"), Some(&Cell::Missing));
        assert_eq!(row.get("name"), None);
        assert_eq!(row.to_json()["job"], "clerk");
        let nested = json!({"age": [39]});
        let error = Row::from_json(nested.as_object().unwrap()).unwrap_err();
        assert!(error.to_string().contains("\"age\""), "{error}");
        assert!(Row::new(["a".to_owned()].into(), vec![]).is_err());
    }
}
