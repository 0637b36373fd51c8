//! From a row of a table to numbers and codes.
//!
//! The steps stand in the order of [`ORDER`], each at most once, and work on the columns that `columns`
//! has found. A row comes out as its numbers, then a 0 or 1 for each column that may miss one, then the
//! code of each category.

use std::borrow::Cow;

use mofang_types::{ModelInput, Tensor};

use super::front::{Augmenting, Front, Staged};
use crate::table::{DateFormat, is_missing, number_of, text_of};
use crate::transforms::table::{
    Bounds, Categories, Column, Columns, DatePart, Scale, UsedKind, known, normal_quantile,
    unfitted,
};
use crate::{Cell, DataError, Example, RawExample, Row, Transform};

/// The order of the steps.
const ORDER: [&str; 7] = [
    "columns",
    "dates",
    "clip_outliers",
    "impute",
    "quantile_normal",
    "standardize",
    "encode_categories",
];

/// Checks which steps there are and how they stand.
pub(super) fn check_order(transforms: &[Transform]) -> Result<(), DataError> {
    let place = |step: &Transform| ORDER.iter().position(|name| *name == step.name());
    for (first, second) in transforms.iter().zip(transforms.iter().skip(1)) {
        if place(first) >= place(second) {
            return Err(DataError::InvalidPipeline(format!(
                "`{}` stands before `{}`; the steps of a table are, in this order, {}",
                first.name(),
                second.name(),
                ORDER.join(", ")
            )));
        }
    }
    let has = |name: &str| transforms.iter().any(|step| step.name() == name);
    if !has("columns") {
        return Err(DataError::InvalidPipeline(
            "the first transform of a table is `columns`".to_owned(),
        ));
    }
    if has("standardize") && has("quantile_normal") {
        return Err(DataError::InvalidPipeline(
            "`standardize` and `quantile_normal` do the same; take one".to_owned(),
        ));
    }
    Ok(())
}

/// Finds what the steps leave to the training examples, each on what those before it make.
pub(super) fn fit(transforms: &mut [Transform], examples: &[Example]) -> Result<(), DataError> {
    check_order(transforms)?;
    for transform in transforms.iter_mut() {
        if let Transform::Columns(step) = transform
            && step.used.is_none()
        {
            step.fit(examples)?;
            for note in step.notes() {
                tracing::warn!("{note}");
            }
        }
    }
    let rows = examples
        .iter()
        .map(row_of)
        .collect::<Result<Vec<&Row>, _>>()?;
    let plan = Plan::new(transforms)?;
    let mut columns = Vec::with_capacity(plan.numbers.len());
    for number in &plan.numbers {
        let read = rows.iter().zip(examples).map(|(row, example)| {
            number
                .read(row, &plan.missing)
                .map_err(|error| DataError::malformed(&example.id, error))
        });
        columns.push((number.name.clone(), read.collect::<Result<Vec<f64>, _>>()?));
    }
    for transform in transforms.iter_mut() {
        fit_numbers(transform, &mut columns);
        if let Transform::EncodeCategories(step) = transform
            && step.categories.is_none()
        {
            for name in &plan.categories {
                let cells = rows.iter().filter_map(|row| row.get(name));
                step.fit(name, cells, &plan.missing);
            }
            step.categories.get_or_insert_default();
        }
    }
    Ok(())
}

/// Fits a step that is about numbers and changes them as it will.
fn fit_numbers(transform: &mut Transform, columns: &mut [(String, Vec<f64>)]) {
    for (name, numbers) in columns {
        if let Transform::ClipOutliers(step) = transform {
            step.fit(name, numbers);
        } else if let Transform::Impute(step) = transform {
            step.fit(name, numbers);
        } else if let Transform::QuantileNormal(step) = transform {
            step.fit(name, numbers);
        } else if let Transform::Standardize(step) = transform {
            step.fit(name, numbers);
        }
    }
}

fn row_of(example: &Example) -> Result<&Row, DataError> {
    row(&example.input)
}

fn row(input: &RawExample) -> Result<&Row, DataError> {
    match input {
        RawExample::Row(row) => Ok(row),
        RawExample::Encoded(_)
        | RawExample::Pixels(_)
        | RawExample::Tensor(_)
        | RawExample::Text(_) => Err(DataError::WrongInput {
            expected: "rows of a table",
            actual: input.kind(),
        }),
    }
}

/// Where the numbers and categories of a row come from.
struct Plan {
    numbers: Vec<Source>,
    categories: Vec<String>,
    missing: Vec<String>,
}

/// Where a number comes from.
#[derive(Debug, Clone, PartialEq)]
struct Source {
    /// The number's own name.
    name: String,
    column: String,
    /// The part of a date that it is.
    part: Option<(DateFormat, DatePart)>,
}

impl Plan {
    fn new(transforms: &[Transform]) -> Result<Self, DataError> {
        let (mut columns, mut parts): (Option<&Columns>, Option<&[DatePart]>) = (None, None);
        for transform in transforms {
            if let Transform::Columns(step) = transform {
                columns = Some(step);
            } else if let Transform::Dates(step) = transform {
                parts = Some(&step.parts);
            }
        }
        let columns = columns.ok_or_else(|| unfitted("columns"))?;
        let used = columns.used.as_ref().ok_or_else(|| unfitted("columns"))?;
        let mut plan = Self {
            numbers: Vec::new(),
            categories: Vec::new(),
            missing: columns.missing.clone(),
        };
        for Column { name, kind } in used {
            match kind {
                UsedKind::Category => plan.categories.push(name.clone()),
                UsedKind::Number => plan.numbers.push(Source {
                    name: name.clone(),
                    column: name.clone(),
                    part: None,
                }),
                UsedKind::Date { format, has_time } => {
                    let parts = parts.ok_or_else(|| {
                        DataError::InvalidPipeline(format!(
                            "the column \"{name}\" holds dates; add `dates`, or make it \"ignored\" or \
                             a \"category\" in the `kinds` of `columns`"
                        ))
                    })?;
                    let parts = parts
                        .iter()
                        .filter(|part| *has_time || **part != DatePart::Hour);
                    plan.numbers.extend(parts.map(|part| Source {
                        name: format!("{name}.{}", part.name()),
                        column: name.clone(),
                        part: Some((*format, *part)),
                    }));
                }
            }
        }
        let has_codes = transforms
            .iter()
            .any(|step| matches!(step, Transform::EncodeCategories(_)));
        match plan.categories.first() {
            Some(name) if !has_codes => Err(DataError::InvalidPipeline(format!(
                "the column \"{name}\" holds categories; add `encode_categories`"
            ))),
            _ => Ok(plan),
        }
    }
}

impl Source {
    /// The number of a row, NaN where there is none.
    fn read(&self, row: &Row, missing: &[String]) -> Result<f64, DataError> {
        let cell = cell_of(row, &self.column)?;
        if is_missing(cell, missing) {
            return Ok(f64::NAN);
        }
        let found = match self.part {
            None => number_of(cell),
            Some((format, part)) => match cell {
                Cell::Text(text) => format.parse(text).map(|moment| part.of(moment)),
                Cell::Missing | Cell::Number(_) => None,
            },
        };
        found.ok_or_else(|| {
            let text: String = text_of(cell).chars().take(40).collect();
            let kind = if self.part.is_some() {
                "dates"
            } else {
                "numbers"
            };
            DataError::InvalidSettings(format!(
                "the column \"{}\" holds {kind}, and \"{text}\" is none",
                self.column
            ))
        })
    }
}

/// The cell of a column that must be there.
fn cell_of<'a>(row: &'a Row, column: &str) -> Result<&'a Cell, DataError> {
    row.get(column).ok_or_else(|| {
        let hint = mofang_types::closest(column, row.columns().iter().map(String::as_str))
            .map_or_else(String::new, |near| format!("; \"{near}\" is there"));
        DataError::InvalidSettings(format!(
            "the row has no column \"{column}\"{hint}; null says that there is no value"
        ))
    })
}

/// What becomes of a number.
#[derive(Debug)]
struct Number {
    source: Source,
    bounds: Option<Bounds>,
    fill: Option<f64>,
    spread: Spread,
}

#[derive(Debug)]
enum Spread {
    AsItIs,
    Scale(Scale),
    Normal(Vec<f64>),
}

impl Number {
    fn finish(&self, value: f64) -> f64 {
        let mut value = value;
        if let Some(bounds) = self.bounds.filter(|_| !value.is_nan()) {
            value = bounds.clip(value);
        }
        if let Some(fill) = self.fill.filter(|_| value.is_nan()) {
            value = fill;
        }
        match &self.spread {
            Spread::AsItIs => value,
            Spread::Scale(scale) => scale.apply(value),
            Spread::Normal(references) => normal_quantile(references, value),
        }
    }
}

/// The transforms of rows.
#[derive(Debug)]
pub(super) struct TableFront {
    numbers: Vec<Number>,
    /// The places in `numbers` of those with a 0 or 1 beside them.
    indicators: Vec<usize>,
    /// Column and codes of each category.
    categories: Vec<(String, Categories)>,
    codes: Vec<usize>,
    missing: Vec<String>,
    notes: Vec<String>,
}

impl TableFront {
    /// Makes fitted steps ready to run.
    pub(super) fn new(transforms: &[Transform]) -> Result<Self, DataError> {
        check_order(transforms)?;
        for transform in transforms {
            transform.check()?;
        }
        let plan = Plan::new(transforms)?;
        let mut front = Self {
            numbers: plan
                .numbers
                .into_iter()
                .map(|source| Number {
                    source,
                    bounds: None,
                    fill: None,
                    spread: Spread::AsItIs,
                })
                .collect(),
            indicators: Vec::new(),
            categories: Vec::new(),
            codes: Vec::new(),
            missing: plan.missing,
            notes: Vec::new(),
        };
        for transform in transforms {
            front.take(transform, &plan.categories)?;
        }
        Ok(front)
    }

    fn take(&mut self, transform: &Transform, categories: &[String]) -> Result<(), DataError> {
        let numbers = self.numbers.iter_mut();
        if let Transform::ClipOutliers(step) = transform {
            for number in numbers {
                let name = &number.source.name;
                number.bounds = Some(*known("clip_outliers", step.bounds.as_ref(), name)?);
            }
        } else if let Transform::Columns(step) = transform {
            self.notes = step.notes();
        } else if let Transform::EncodeCategories(step) = transform {
            for name in categories {
                let texts = known("encode_categories", step.categories.as_ref(), name)?;
                self.codes.push(Categories::count(texts));
                self.categories.push((name.clone(), Categories::new(texts)));
            }
        } else if let Transform::Impute(step) = transform {
            for (place, number) in numbers.enumerate() {
                let name = &number.source.name;
                number.fill = Some(*known("impute", step.values.as_ref(), name)?);
                if step.indicators.contains(name) {
                    self.indicators.push(place);
                }
            }
        } else if let Transform::QuantileNormal(step) = transform {
            for number in numbers {
                let name = &number.source.name;
                let references = known("quantile_normal", step.references.as_ref(), name)?;
                number.spread = Spread::Normal(references.clone());
            }
        } else if let Transform::Standardize(step) = transform {
            for number in numbers {
                let name = &number.source.name;
                let scale = known("standardize", step.scales.as_ref(), name)?;
                number.spread = Spread::Scale(*scale);
            }
        }
        Ok(())
    }

    fn values(&self, row: &Row) -> Result<Vec<f32>, DataError> {
        let mut values = Vec::with_capacity(self.width());
        let mut is_absent = Vec::with_capacity(self.numbers.len());
        for number in &self.numbers {
            let value = number.source.read(row, &self.missing)?;
            is_absent.push(value.is_nan());
            values.push(number.finish(value) as f32);
        }
        for place in &self.indicators {
            let is_absent = is_absent.get(*place).copied().unwrap_or(false);
            values.push(if is_absent { 1.0 } else { 0.0 });
        }
        for (column, categories) in &self.categories {
            values.push(categories.code(cell_of(row, column)?, &self.missing) as f32);
        }
        Ok(values)
    }

    fn width(&self) -> usize {
        self.numbers.len() + self.indicators.len() + self.categories.len()
    }
}

impl Front for TableFront {
    fn input(&self) -> Option<ModelInput> {
        Some(ModelInput::Row {
            numbers: self.numbers.len() + self.indicators.len(),
            categories: self.codes.clone(),
        })
    }

    fn stage<'a>(&self, example: &'a RawExample) -> Result<Staged<'a>, DataError> {
        let values = self.values(row(example)?)?;
        let tensor = Tensor::new(vec![values.len()], values)
            .map_err(|error| DataError::InvalidSettings(error.to_string()))?;
        Ok(Staged::Values(Cow::Owned(tensor)))
    }

    fn finish(
        &self,
        staged: &Staged<'_>,
        _: Option<Augmenting<'_>>,
        values: &mut Vec<f32>,
        _: &mut Vec<f32>,
    ) -> Result<Vec<usize>, DataError> {
        let Staged::Values(tensor) = staged else {
            return Err(DataError::WrongInput {
                expected: "rows of a table",
                actual: "an image",
            });
        };
        values.extend_from_slice(tensor.data());
        Ok(tensor.shape().to_vec())
    }

    fn check(&self, tensor: &Tensor) -> Result<(), DataError> {
        if tensor.shape() != [self.width()] {
            return Err(DataError::WrongShape {
                actual: tensor.shape().to_vec(),
                expected: format!(
                    "[{}]: {} numbers, then the codes of {} categories",
                    self.width(),
                    self.numbers.len() + self.indicators.len(),
                    self.categories.len()
                ),
            });
        }
        let first = self.width() - self.categories.len();
        let codes = tensor
            .data()
            .iter()
            .skip(first)
            .zip(&self.codes)
            .zip(&self.categories);
        for ((code, count), (name, _)) in codes {
            if code.fract() != 0.0 || *code < 0.0 || *code >= *count as f32 {
                return Err(DataError::InvalidSettings(format!(
                    "{code} is no code of \"{name}\": a whole number from 0 to {}",
                    count - 1
                )));
            }
        }
        Ok(())
    }

    fn leaves_missing(&self) -> bool {
        self.numbers.iter().any(|number| number.fill.is_none())
    }

    fn notes(&self) -> Vec<String> {
        self.notes.clone()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::{Pipeline, Split, Target};

    fn pipeline(transforms: &serde_json::Value) -> Pipeline {
        Pipeline::from_json(&json!({
            "transforms": transforms,
            "decoders": [{"type": "softmax"}, {"type": "top_k", "k": 2}, {"type": "labels"}],
        }))
        .unwrap()
    }

    fn split() -> Split {
        let columns: Arc<[String]> = ["age", "job", "since", "id"].map(str::to_owned).into();
        let examples = (0..200)
            .map(|index| {
                let age = match index % 10 {
                    0 => Cell::Missing,
                    _ => Cell::Number(f64::from(20 + index % 37)),
                };
                let job = Cell::Text(["clerk", "smith", "cook"][index as usize % 3].to_owned());
                let since = Cell::Text(format!("2020-0{}-1{}", 1 + index % 9, index % 10));
                let cells = vec![age, job, since, Cell::Number(f64::from(index))];
                Example {
                    id: format!("t.csv:{index}"),
                    input: RawExample::Row(Row::new(Arc::clone(&columns), cells).unwrap()),
                    target: Target::Class(index as usize % 2),
                }
            })
            .collect();
        Split::new(examples)
    }

    fn steps() -> serde_json::Value {
        json!([
            {"type": "columns"}, {"type": "dates", "parts": ["month", "hour"]},
            {"type": "clip_outliers"}, {"type": "impute"}, {"type": "standardize"},
            {"type": "encode_categories"},
        ])
    }

    #[test]
    fn a_row_becomes_numbers_and_codes_by_what_training_has_shown() {
        let fitted = pipeline(&steps()).fit(&split()).unwrap();
        let labels = ["no", "yes"].map(str::to_owned);
        // Whatever was found survives a package.
        let json = serde_json::to_value(&fitted.pipeline).unwrap();
        let compiled = Pipeline::from_json(&json)
            .unwrap()
            .compile(&labels)
            .unwrap();
        let input = ModelInput::Row {
            numbers: 3,
            categories: vec![5],
        };
        assert_eq!(compiled.input(), Some(input));
        assert_eq!(
            compiled.notes(),
            ["the column \"id\" is left out: identifier"]
        );
        let row = |json: serde_json::Value| {
            RawExample::Row(Row::from_json(json.as_object().unwrap()).unwrap())
        };
        let one = row(json!({"age": "30", "job": "smith", "since": "2020-05-01", "more": 1}));
        let prepared = compiled.prepare(&one).unwrap();
        assert_eq!(prepared.shape(), [4]);
        assert!(prepared.data()[0].abs() < 1.0 && prepared.data()[1].abs() < 0.1);
        assert_eq!(prepared.data()[2..], [0.0, 4.0]);
        let unknown = row(json!({"age": null, "job": "king", "since": "2020-05-01"}));
        assert_eq!(compiled.prepare(&unknown).unwrap().data()[2..], [1.0, 0.0]);

        for (json, part) in [
            (
                json!({"agee": 3, "job": "cook", "since": "2020-05-01"}),
                "no column \"age\"; \"agee\" is there",
            ),
            (
                json!({"age": "old", "job": "cook", "since": "2020-05-01"}),
                "the column \"age\" holds numbers, and \"old\" is none",
            ),
            (
                json!({"age": 3, "job": "cook", "since": "May"}),
                "the column \"since\" holds dates, and \"May\" is none",
            ),
            (
                json!({"age": 3, "since": "2020-05-01"}),
                "no column \"job\"",
            ),
        ] {
            let message = compiled.prepare(&row(json)).unwrap_err().to_string();
            assert!(message.contains(part), "{message}");
        }
        let message = compiled
            .prepare(&RawExample::Text("x".to_owned()))
            .unwrap_err();
        assert_eq!(
            message.to_string(),
            "the model takes rows of a table, not a text"
        );
    }

    #[test]
    fn a_ready_tensor_is_checked_down_to_its_codes() {
        let fitted = pipeline(&steps()).fit(&split()).unwrap();
        let compiled = fitted
            .pipeline
            .compile(&["a".to_owned(), "b".to_owned()])
            .unwrap();
        let tensor = |values: &[f32]| Tensor::new(vec![values.len()], values.to_vec()).unwrap();
        assert!(compiled.check(&tensor(&[0.5, 0.5, 1.0, 4.0])).is_ok());
        for values in [
            [0.5, 0.5, 1.0, 5.0].as_slice(),
            &[0.5, 0.5, 1.0, 0.5],
            &[0.5, 0.5, 1.0],
        ] {
            assert!(compiled.check(&tensor(values)).is_err(), "{values:?}");
        }
    }

    #[test]
    fn steps_that_do_not_go_together_are_refused() {
        for (transforms, part) in [
            (
                json!([{"type": "impute"}]),
                "the first transform of a table is `columns`",
            ),
            (
                json!([{"type": "columns"}, {"type": "impute"}, {"type": "dates"}]),
                "`impute` stands before `dates`",
            ),
            (
                json!([{"type": "columns"}, {"type": "quantile_normal"}, {"type": "standardize"}]),
                "take one",
            ),
            (json!([{"type": "columns"}, {"type": "impute"}]), "holds"),
            (
                json!([{"type": "columns", "kinds": {"aeg": "number"}}]),
                "did you mean \"age\"?",
            ),
        ] {
            let message = pipeline(&transforms).fit(&split()).unwrap_err().to_string();
            assert!(message.contains(part), "{message}");
        }
        // What is left to the data is found before anything is compiled.
        let message = pipeline(&steps()).compile(&[]).unwrap_err().to_string();
        assert!(
            message.contains("`columns` has not been fitted"),
            "{message}"
        );
    }

    #[test]
    fn without_a_number_for_it_what_is_missing_stays_so() {
        let transforms = json!([
            {"type": "columns", "kinds": {"since": "ignored"}}, {"type": "encode_categories"},
        ]);
        let fitted = pipeline(&transforms).fit(&split()).unwrap();
        let compiled = fitted
            .pipeline
            .compile(&["a".to_owned(), "b".to_owned()])
            .unwrap();
        assert!(compiled.leaves_missing());
        let first = compiled.prepare(&split().examples()[0].input).unwrap();
        assert!(first.data()[0].is_nan());
    }
}
