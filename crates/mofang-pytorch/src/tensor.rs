//! Tensors: where their elements lie, and their values.

use crate::limits::DIMENSIONS_MAX;
use crate::pickle::{Object, ObjectId, Objects, SavedStorage};
use crate::{DataType, PytorchError, SavedFile};

/// A tensor as it is written: a view of a storage, in elements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Layout {
    pub(crate) storage: SavedStorage,
    pub(crate) data_type: DataType,
    offset: usize,
    shape: Vec<usize>,
    strides: Vec<usize>,
}

impl Layout {
    /// From the arguments of `torch._utils._rebuild_tensor_v2`: storage, offset, shape, strides, and
    /// more that does not matter; `data_type` where the storage does not know it.
    pub(crate) fn from_arguments(
        objects: &Objects,
        arguments: &[ObjectId],
        data_type: Option<DataType>,
    ) -> Result<Self, PytorchError> {
        let damaged = |reason: &str| PytorchError::damaged("a tensor", reason);
        let [storage, offset, shape, strides, ..] = arguments else {
            return Err(damaged("it is rebuilt from fewer than four things"));
        };
        let Object::Storage(storage) = objects.get(*storage) else {
            return Err(damaged("it has no storage"));
        };
        let data_type = data_type
            .or(storage.data_type)
            .ok_or_else(|| damaged("the type of its elements is not known"))?;
        let offset = objects.size(*offset);
        let (Some(offset), Some(shape), Some(strides)) =
            (offset, objects.sizes(*shape), objects.sizes(*strides))
        else {
            return Err(damaged(&format!(
                "its offset, sizes or strides are not numbers from 0 on, or it has more than \
                 {DIMENSIONS_MAX} dimensions"
            )));
        };
        if shape.len() != strides.len() {
            return Err(damaged("it has another number of sizes than of strides"));
        }
        Ok(Self {
            storage: storage.clone(),
            data_type,
            offset,
            shape,
            strides,
        })
    }

    /// The number of values, when it can be counted.
    fn elements(&self) -> Option<usize> {
        self.shape
            .iter()
            .try_fold(1_usize, |product, size| product.checked_mul(*size))
    }

    /// How many elements of its storage it reaches into, from its offset on.
    fn reach(&self) -> Option<usize> {
        if self.shape.contains(&0) {
            return Some(0);
        }
        let mut last = 0_usize;
        for (size, stride) in self.shape.iter().zip(&self.strides) {
            last = last.checked_add(size.saturating_sub(1).checked_mul(*stride)?)?;
        }
        last.checked_add(1)
    }

    fn is_contiguous(&self) -> bool {
        let mut expected = 1_usize;
        for (size, stride) in self.shape.iter().zip(&self.strides).rev() {
            if *size != 1 && *stride != expected {
                return false;
            }
            expected = expected.saturating_mul(*size);
        }
        true
    }
}

/// A tensor of a file, whose values are not read yet.
#[derive(Debug, Clone, Copy)]
pub struct SavedTensor<'f> {
    file: &'f SavedFile<'f>,
    layout: &'f Layout,
}

impl<'f> SavedTensor<'f> {
    pub(crate) fn new(file: &'f SavedFile<'f>, layout: &'f Layout) -> Self {
        Self { file, layout }
    }

    /// The type of the elements in the file.
    pub fn data_type(&self) -> DataType {
        self.layout.data_type
    }

    /// The sizes of the dimensions; a scalar has none.
    pub fn shape(&self) -> &'f [usize] {
        &self.layout.shape
    }

    /// The values, row-major, each to the nearest `f32`.
    ///
    /// # Errors
    /// When it reaches beyond its storage, or the tensors of the file are expanded to more values
    /// than a file of its size may have (see [`limits`](crate::limits)).
    pub fn read(&self) -> Result<mofang_types::Tensor, PytorchError> {
        let layout = self.layout;
        let storage = &layout.storage;
        let damaged = |reason: &str| PytorchError::damaged("a tensor", reason);
        let outside = || damaged("it reaches beyond its storage");
        let elements = layout.elements().ok_or_else(outside)?;
        self.file.spend_values(elements)?;

        // All in bytes from here on.
        let element_bytes = layout.data_type.size_bytes();
        let storage_element_bytes = storage.data_type.map_or(1, DataType::size_bytes);
        let storage_bytes = storage.elements.checked_mul(storage_element_bytes);
        let reach = layout.reach().ok_or_else(outside)?;
        let begin = layout.offset.checked_mul(element_bytes);
        let end = reach
            .checked_add(layout.offset)
            .and_then(|end| end.checked_mul(element_bytes));
        let (Some(storage_bytes), Some(begin), Some(end)) = (storage_bytes, begin, end) else {
            return Err(outside());
        };
        if reach > 0 && end > storage_bytes {
            return Err(outside());
        }
        let window = if reach == 0 {
            &[]
        } else {
            let base = storage
                .offset
                .checked_mul(storage_element_bytes)
                .ok_or_else(outside)?;
            let range = base.checked_add(begin).zip(base.checked_add(end));
            let (begin, end) = range.ok_or_else(outside)?;
            self.file
                .storage_bytes(&storage.key)?
                .get(begin..end)
                .ok_or_else(outside)?
        };
        let values = layout.data_type.decode(window);
        let values = if layout.is_contiguous() {
            values
        } else {
            gather(&values, &layout.shape, &layout.strides, elements)
        };
        mofang_types::Tensor::new(layout.shape.clone(), values)
            .map_err(|error| damaged(&error.to_string()))
    }
}

/// The elements of a strided view, row-major. Every place that it names lies within `values`.
fn gather(values: &[f32], shape: &[usize], strides: &[usize], elements: usize) -> Vec<f32> {
    let mut gathered = Vec::with_capacity(elements);
    let mut index = vec![0_usize; shape.len()];
    for _ in 0..elements {
        let place = index
            .iter()
            .zip(strides)
            .fold(0_usize, |place, (index, stride)| {
                place.saturating_add(index.saturating_mul(*stride))
            });
        gathered.extend(values.get(place));
        for (index, size) in index.iter_mut().zip(shape).rev() {
            *index = index.saturating_add(1);
            if *index < *size {
                break;
            }
            *index = 0;
        }
    }
    gathered
}
