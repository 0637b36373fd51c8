//! Values that go into a model and come out.

use rten::{Value as EngineValue, ValueOrView, ValueView};
use rten_tensor::Layout as _;

use crate::{ElementType, OnnxError};

/// The elements of a value, row-major.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the names are those of ElementType")]
pub enum Array {
    Float(Vec<f32>),
    Double(Vec<f64>),
    Int64(Vec<i64>),
    Int32(Vec<i32>),
    Bool(Vec<bool>),
    Uint8(Vec<u8>),
    Int8(Vec<i8>),
}

impl Array {
    /// The type of the elements.
    pub fn element_type(&self) -> ElementType {
        match self {
            Self::Float(_) => ElementType::Float,
            Self::Double(_) => ElementType::Double,
            Self::Int64(_) => ElementType::Int64,
            Self::Int32(_) => ElementType::Int32,
            Self::Bool(_) => ElementType::Bool,
            Self::Uint8(_) => ElementType::Uint8,
            Self::Int8(_) => ElementType::Int8,
        }
    }

    /// How many elements there are.
    pub fn len(&self) -> usize {
        match self {
            Self::Float(values) => values.len(),
            Self::Double(values) => values.len(),
            Self::Int64(values) => values.len(),
            Self::Int32(values) => values.len(),
            Self::Bool(values) => values.len(),
            Self::Uint8(values) => values.len(),
            Self::Int8(values) => values.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A dense tensor: a shape and row-major elements.
#[derive(Debug, Clone, PartialEq)]
pub struct Value {
    shape: Vec<usize>,
    array: Array,
}

impl Value {
    /// A value of `shape` over `array`.
    ///
    /// # Errors
    /// When the product of `shape` is not the number of elements.
    pub fn new(shape: Vec<usize>, array: Array) -> Result<Self, OnnxError> {
        let elements = shape
            .iter()
            .try_fold(1_usize, |product, size| product.checked_mul(*size));
        if elements == Some(array.len()) {
            Ok(Self { shape, array })
        } else {
            Err(OnnxError::Input(format!(
                "a value of shape {shape:?} does not have {} elements",
                array.len()
            )))
        }
    }

    /// The sizes of the dimensions.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The elements.
    pub fn array(&self) -> &Array {
        &self.array
    }

    /// Shape and elements, without copying them.
    pub fn into_parts(self) -> (Vec<usize>, Array) {
        (self.shape, self.array)
    }

    /// The value as the engine takes it. Types that it has are borrowed, the others converted.
    pub(crate) fn to_engine(&self, name: &str) -> Result<ValueOrView<'_>, OnnxError> {
        let shape = self.shape.as_slice();
        let wrong =
            |error: &dyn std::error::Error| OnnxError::Input(format!("\"{name}\": {error}"));
        let owned = |values: Vec<i32>| {
            EngineValue::from_shape(shape, values)
                .map(ValueOrView::from)
                .map_err(|error| wrong(&error))
        };
        match &self.array {
            Array::Float(values) => ValueView::from_shape(shape, values)
                .map(ValueOrView::from)
                .map_err(|error| wrong(&error)),
            Array::Int32(values) => ValueView::from_shape(shape, values)
                .map(ValueOrView::from)
                .map_err(|error| wrong(&error)),
            Array::Uint8(values) => ValueView::from_shape(shape, values)
                .map(ValueOrView::from)
                .map_err(|error| wrong(&error)),
            Array::Int8(values) => ValueView::from_shape(shape, values)
                .map(ValueOrView::from)
                .map_err(|error| wrong(&error)),
            Array::Bool(values) => owned(values.iter().map(|value| i32::from(*value)).collect()),
            Array::Int64(values) => {
                let narrowed: Result<Vec<i32>, _> =
                    values.iter().map(|value| i32::try_from(*value)).collect();
                owned(narrowed.map_err(|_| {
                    OnnxError::Input(format!(
                        "\"{name}\" has an element that is not between {} and {}, the range that the \
                         engine computes int64 in",
                        i32::MIN,
                        i32::MAX
                    ))
                })?)
            }
            Array::Double(values) => {
                let narrowed: Vec<f32> = values.iter().map(|value| narrow(*value)).collect();
                EngineValue::from_shape(shape, narrowed)
                    .map(ValueOrView::from)
                    .map_err(|error| wrong(&error))
            }
        }
    }

    /// A value of the engine as the type that the model declares; as the engine has it where the
    /// model does not say.
    pub(crate) fn from_engine(
        name: &str,
        value: EngineValue,
        declared: Option<ElementType>,
    ) -> Result<Self, OnnxError> {
        let (shape, array) = match value {
            EngineValue::FloatTensor(tensor) => {
                (tensor.shape().to_vec(), Array::Float(tensor.into_data()))
            }
            EngineValue::Int32Tensor(tensor) => {
                (tensor.shape().to_vec(), Array::Int32(tensor.into_data()))
            }
            EngineValue::UInt8Tensor(tensor) => {
                (tensor.shape().to_vec(), Array::Uint8(tensor.into_data()))
            }
            EngineValue::Int8Tensor(tensor) => {
                (tensor.shape().to_vec(), Array::Int8(tensor.into_data()))
            }
            EngineValue::Sequence(_) | _ => {
                return Err(OnnxError::Unsupported(format!(
                    "its output \"{name}\" is not a tensor"
                )));
            }
        };
        let found = array.element_type();
        let array = match (array, declared) {
            (Array::Float(values), Some(ElementType::Double)) => {
                Array::Double(values.into_iter().map(f64::from).collect())
            }
            // What the engine computes float16 in.
            (array @ Array::Float(_), Some(ElementType::Float16)) | (array, None) => array,
            (Array::Int32(values), Some(ElementType::Int64)) => {
                Array::Int64(values.into_iter().map(i64::from).collect())
            }
            (Array::Int32(values), Some(ElementType::Bool)) => {
                Array::Bool(values.into_iter().map(|value| value != 0).collect())
            }
            (array, Some(declared)) if found == declared => array,
            (_, Some(declared)) => {
                return Err(OnnxError::Engine {
                    action: "run",
                    reason: format!(
                        "its output \"{name}\" is declared as {declared} and came out as {found}"
                    ),
                });
            }
        };
        Self::new(shape, array)
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::as_conversions,
    reason = "the engine computes float64 in f32, which rounds"
)]
fn narrow(value: f64) -> f32 {
    value as f32
}
