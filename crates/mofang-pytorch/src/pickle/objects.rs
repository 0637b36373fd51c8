//! The objects that a pickle describes.

use crate::global::Global;
use crate::limits::{DIMENSIONS_MAX, OBJECTS_MAX};
use crate::tensor::Layout;
use crate::{DataType, PytorchError};

/// Names an object of [`Objects`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ObjectId(usize);

/// A place that bytes are at: the part of a file that a tensor's elements lie in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SavedStorage {
    /// None has elements of one byte and no type.
    pub(crate) data_type: Option<DataType>,
    /// Its name within the file.
    pub(crate) key: String,
    /// The number of elements that it says it has.
    pub(crate) elements: usize,
    /// Where it begins within the storage of that name, in elements.
    pub(crate) offset: usize,
}

/// An object; others within it are named, as several may hold the same one.
#[derive(Debug)]
pub(crate) enum Object {
    None,
    Boolean(bool),
    Integer(i64),
    /// An integer of more than 64 bits; nothing that is read here has one.
    LongInteger,
    Float(f64),
    Text(String),
    /// Bytes, which nothing that is read here has.
    Bytes,
    List(Vec<ObjectId>),
    Tuple(Vec<ObjectId>),
    Set(Vec<ObjectId>),
    Dictionary(Vec<(ObjectId, ObjectId)>),
    Global(Global),
    Storage(SavedStorage),
    Tensor(Layout),
    /// An object of a class, with its state once that is known.
    Instance {
        class: String,
        state: Option<ObjectId>,
    },
}

/// Every object of a pickle. Objects may hold each other in circles.
#[derive(Debug, Default)]
pub(crate) struct Objects {
    objects: Vec<Object>,
}

impl Objects {
    pub(crate) fn add(&mut self, object: Object) -> Result<ObjectId, PytorchError> {
        if self.objects.len() >= OBJECTS_MAX {
            return Err(PytorchError::Unsupported(format!(
                "it describes more than {OBJECTS_MAX} objects"
            )));
        }
        self.objects.push(object);
        Ok(ObjectId(self.objects.len().saturating_sub(1)))
    }

    pub(crate) fn get(&self, id: ObjectId) -> &Object {
        // Ids come from `add` alone, and nothing is ever taken away.
        self.objects.get(id.0).unwrap_or(&Object::None)
    }

    pub(crate) fn get_mut(&mut self, id: ObjectId) -> Option<&mut Object> {
        self.objects.get_mut(id.0)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Object> {
        self.objects.iter()
    }

    pub(crate) fn text(&self, id: ObjectId) -> Option<&str> {
        if let Object::Text(text) = self.get(id) {
            Some(text)
        } else {
            None
        }
    }

    pub(crate) fn tuple(&self, id: ObjectId) -> Option<&[ObjectId]> {
        if let Object::Tuple(items) = self.get(id) {
            Some(items)
        } else {
            None
        }
    }

    /// The integer, when it is one from 0 on.
    pub(crate) fn size(&self, id: ObjectId) -> Option<usize> {
        if let Object::Integer(value) = self.get(id) {
            usize::try_from(*value).ok()
        } else {
            None
        }
    }

    /// The integers of a tuple or list, when they are from 0 on and not more than dimensions may be.
    pub(crate) fn sizes(&self, id: ObjectId) -> Option<Vec<usize>> {
        let (Object::Tuple(items) | Object::List(items)) = self.get(id) else {
            return None;
        };
        if items.len() > DIMENSIONS_MAX {
            return None;
        }
        items.iter().map(|item| self.size(*item)).collect()
    }
}
