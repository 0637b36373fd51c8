//! Weights compared tensor by tensor.
//!
//! The norm is the Euclidean one over all elements; the relative change is
//! `‖new − old‖ / ‖old‖`. Sums run in `f64`.

use std::collections::BTreeSet;

use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::{Deserialize, Serialize};

/// The tensors of two versions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WeightsDiff {
    /// Whether both have the same bytes.
    pub identical: bool,
    /// Every tensor that either of them has, by name.
    pub tensors: Vec<TensorChange>,
}

/// One tensor of two versions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TensorChange {
    /// The tensor.
    pub name: String,
    /// Its shape in the first version; `None` when it is not there.
    pub shape_from: Option<Vec<usize>>,
    /// Its shape in the second version; `None` when it is not there.
    pub shape_to: Option<Vec<usize>>,
    /// Its norm in the first version; `None` when it is not there or its type has no numbers that
    /// can be read here.
    pub norm_from: Option<f64>,
    /// Its norm in the second version.
    pub norm_to: Option<f64>,
    /// How far the values moved, relative to the first norm; `None` when the shapes differ or the
    /// first norm is 0.
    pub relative_change: Option<f64>,
}

/// A file of weights that cannot be read.
#[derive(Debug)]
pub(super) struct Fault {
    /// Whether it is the second one.
    pub(super) in_new: bool,
    pub(super) detail: String,
}

pub(super) fn compare(
    old: Option<&[u8]>,
    new: Option<&[u8]>,
) -> Result<Option<WeightsDiff>, Fault> {
    if old.is_none() && new.is_none() {
        return Ok(None);
    }
    let old_tensors = parse(old, false)?;
    let new_tensors = parse(new, true)?;
    let names: BTreeSet<String> = [&old_tensors, &new_tensors]
        .into_iter()
        .flatten()
        .flat_map(|tensors| tensors.names())
        .map(ToOwned::to_owned)
        .collect();
    let find = |tensors: &Option<SafeTensors<'_>>, name: &str| -> Option<Tensor> {
        let view = tensors.as_ref()?.tensor(name).ok()?;
        Some(Tensor {
            shape: view.shape().to_vec(),
            values: values(&view),
        })
    };
    let tensors = names
        .into_iter()
        .map(|name| {
            let (from, to) = (find(&old_tensors, &name), find(&new_tensors, &name));
            change(name, from, to)
        })
        .collect();
    Ok(Some(WeightsDiff {
        identical: old == new,
        tensors,
    }))
}

struct Tensor {
    shape: Vec<usize>,
    values: Option<Vec<f64>>,
}

impl Tensor {
    fn norm(&self) -> Option<f64> {
        self.values
            .as_ref()
            .map(|values| values.iter().map(|value| value * value).sum::<f64>().sqrt())
    }
}

fn change(name: String, from: Option<Tensor>, to: Option<Tensor>) -> TensorChange {
    let norm_from = from.as_ref().and_then(Tensor::norm);
    let norm_to = to.as_ref().and_then(Tensor::norm);
    let relative_change = match (&from, &to) {
        (Some(from), Some(to)) if from.shape == to.shape => from
            .values
            .as_ref()
            .zip(to.values.as_ref())
            .zip(norm_from.filter(|norm| *norm > 0.0))
            .map(|((from, to), norm)| {
                let squares = from.iter().zip(to).map(|(from, to)| (to - from).powi(2));
                squares.sum::<f64>().sqrt() / norm
            }),
        _ => None,
    };
    TensorChange {
        name,
        shape_from: from.map(|tensor| tensor.shape),
        shape_to: to.map(|tensor| tensor.shape),
        norm_from,
        norm_to,
        relative_change,
    }
}

fn parse(bytes: Option<&[u8]>, in_new: bool) -> Result<Option<SafeTensors<'_>>, Fault> {
    bytes
        .map(SafeTensors::deserialize)
        .transpose()
        .map_err(|error| Fault {
            in_new,
            detail: error.to_string(),
        })
}

/// The values as numbers; `None` for types that have none here.
fn values(view: &TensorView<'_>) -> Option<Vec<f64>> {
    let data = view.data();
    let dtype = view.dtype();
    if dtype == Dtype::F32 {
        Some(read(data, |bytes| f32::from_le_bytes(bytes).into()))
    } else if dtype == Dtype::F64 {
        Some(read(data, f64::from_le_bytes))
    } else if dtype == Dtype::F16 {
        Some(read(data, |bytes| half(u16::from_le_bytes(bytes))))
    } else if dtype == Dtype::BF16 {
        // The upper half of a binary32.
        Some(read(data, |bytes: [u8; 2]| {
            f32::from_le_bytes([0, 0, bytes[0], bytes[1]]).into()
        }))
    } else if dtype == Dtype::U8 {
        Some(read(data, |bytes| u8::from_le_bytes(bytes).into()))
    } else if dtype == Dtype::I32 {
        Some(read(data, |bytes| i32::from_le_bytes(bytes).into()))
    } else if dtype == Dtype::I64 {
        #[expect(clippy::cast_precision_loss, reason = "a norm needs no 64 exact bits")]
        Some(read(data, |bytes| i64::from_le_bytes(bytes) as f64))
    } else {
        None
    }
}

fn read<const N: usize>(data: &[u8], convert: impl Fn([u8; N]) -> f64) -> Vec<f64> {
    data.as_chunks().0.iter().copied().map(convert).collect()
}

/// IEEE 754 binary16.
fn half(bits: u16) -> f64 {
    let sign = if bits >> 15 == 0 { 1.0 } else { -1.0 };
    let exponent = i32::from((bits >> 10) & 0x1f);
    let fraction = f64::from(bits & 0x3ff);
    sign * match exponent {
        0 => fraction * 2_f64.powi(-24),
        31 if fraction > 0.0 => f64::NAN,
        31 => f64::INFINITY,
        _ => (1.0 + fraction / 1024.0) * 2_f64.powi(exponent - 15),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    fn file(tensors: &[(&str, &[usize], &[f32])]) -> Vec<u8> {
        let data: HashMap<String, (Vec<usize>, Vec<u8>)> = tensors
            .iter()
            .map(|(name, shape, values)| {
                let bytes = values
                    .iter()
                    .flat_map(|value| value.to_le_bytes())
                    .collect();
                ((*name).to_owned(), (shape.to_vec(), bytes))
            })
            .collect();
        let views = data.iter().map(|(name, (shape, bytes))| {
            (
                name.clone(),
                TensorView::new(Dtype::F32, shape.clone(), bytes).unwrap(),
            )
        });
        safetensors::serialize(views, None).unwrap()
    }

    fn near(actual: Option<f64>, expected: f64) -> bool {
        actual.is_some_and(|actual| (actual - expected).abs() < 1e-9)
    }

    #[test]
    fn norms_and_changes_are_those_of_the_definition() {
        let old = file(&[
            ("a", &[2], &[3.0, 4.0]),
            ("gone", &[1], &[1.0]),
            ("z", &[1], &[0.0]),
        ]);
        let new = file(&[
            ("a", &[2], &[3.0, 5.0]),
            ("more", &[1, 1], &[2.0]),
            ("z", &[1], &[1.0]),
        ]);
        let diff = compare(Some(&old), Some(&new)).unwrap().unwrap();
        assert!(!diff.identical);
        let names: Vec<&str> = diff
            .tensors
            .iter()
            .map(|tensor| tensor.name.as_str())
            .collect();
        assert_eq!(names, ["a", "gone", "more", "z"]);
        let [a, gone, more, z] = diff.tensors.as_slice() else {
            panic!("four tensors")
        };
        assert!(near(a.norm_from, 5.0) && near(a.norm_to, 34_f64.sqrt()));
        assert!(near(a.relative_change, 0.2));
        assert!(near(gone.norm_from, 1.0) && gone.shape_to.is_none());
        assert_eq!(more.shape_to.as_deref(), Some(&[1, 1][..]));
        assert!(z.relative_change.is_none());
        let same = compare(Some(&old), Some(&old)).unwrap().unwrap();
        assert!(same.identical && near(same.tensors[0].relative_change, 0.0));
    }

    #[test]
    fn files_that_are_none_are_named() {
        let good = file(&[("a", &[1], &[1.0])]);
        assert!(compare(None, None).unwrap().is_none());
        assert!(compare(None, Some(&good)).unwrap().is_some());
        let fault = compare(Some(&good), Some(b"bad")).unwrap_err();
        assert!(fault.in_new, "{}", fault.detail);
    }

    #[test]
    fn half_precision_is_read_exactly() {
        for (bits, expected) in [
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x7bff, 65504.0),
            (0x0001, 5.960_464_477_539_063e-8),
            (0x3555, 0.333_251_953_125),
        ] {
            assert!(near(Some(half(bits)), expected), "{bits:#x}");
        }
        assert!(half(0x7c01).is_nan() && half(0xfc00).is_infinite());
    }
}
