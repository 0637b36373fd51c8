//! A look at the objects of a file.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "an object is asked for one kind and is none of the others"
)]

use crate::pickle::{Object, ObjectId};
use crate::{SavedFile, SavedTensor};

/// An object of a file. Objects may hold each other in circles: who descends keeps count.
#[derive(Debug, Clone, Copy)]
pub struct Value<'f> {
    file: &'f SavedFile<'f>,
    id: ObjectId,
}

impl<'f> Value<'f> {
    pub(crate) fn new(file: &'f SavedFile<'f>, id: ObjectId) -> Self {
        Self { file, id }
    }

    fn object(&self) -> &'f Object {
        self.file.objects().get(self.id)
    }

    fn of(&self, id: ObjectId) -> Self {
        Self {
            file: self.file,
            id,
        }
    }

    /// Whether it is `None`.
    pub fn is_none(&self) -> bool {
        matches!(self.object(), Object::None)
    }

    /// The truth value.
    pub fn boolean(&self) -> Option<bool> {
        if let Object::Boolean(value) = self.object() {
            Some(*value)
        } else {
            None
        }
    }

    /// The integer.
    pub fn integer(&self) -> Option<i64> {
        if let Object::Integer(value) = self.object() {
            Some(*value)
        } else {
            None
        }
    }

    /// The number, an integer's too.
    #[expect(
        clippy::as_conversions,
        clippy::cast_precision_loss,
        reason = "the nearest number is what is asked for"
    )]
    pub fn number(&self) -> Option<f64> {
        match self.object() {
            Object::Float(value) => Some(*value),
            Object::Integer(value) => Some(*value as f64),
            _ => None,
        }
    }

    /// The text.
    pub fn text(&self) -> Option<&'f str> {
        if let Object::Text(text) = self.object() {
            Some(text)
        } else {
            None
        }
    }

    /// The items of a list, tuple or set.
    pub fn items(&self) -> Option<impl Iterator<Item = Self> + use<'f>> {
        let value = *self;
        match self.object() {
            Object::List(items) | Object::Tuple(items) | Object::Set(items) => {
                Some(items.iter().map(move |id| value.of(*id)))
            }
            _ => None,
        }
    }

    /// The entries of a dictionary whose keys are texts, in order; other keys are left out.
    pub fn entries(&self) -> Option<impl Iterator<Item = (&'f str, Self)> + use<'f>> {
        let value = *self;
        match self.object() {
            Object::Dictionary(pairs) => Some(pairs.iter().filter_map(move |(key, id)| {
                let key = value.of(*key).text()?;
                Some((key, value.of(*id)))
            })),
            _ => None,
        }
    }

    /// The entry of a dictionary under `key`; of several, the last, as in Python.
    pub fn get(&self, key: &str) -> Option<Self> {
        self.entries()?
            .filter(|(name, _)| *name == key)
            .map(|(_, value)| value)
            .last()
    }

    /// The class of an instance, e.g. `torch.nn.modules.conv.Conv2d`.
    pub fn class(&self) -> Option<&'f str> {
        if let Object::Instance { class, .. } = self.object() {
            Some(class)
        } else {
            None
        }
    }

    /// The state of an instance: its attributes, as a dictionary.
    pub fn state(&self) -> Option<Self> {
        if let Object::Instance { state, .. } = self.object() {
            state.map(|id| self.of(id))
        } else {
            None
        }
    }

    /// The attribute of an instance.
    pub fn attribute(&self, name: &str) -> Option<Self> {
        self.state()?.get(name)
    }

    /// The tensor.
    pub fn tensor(&self) -> Option<SavedTensor<'f>> {
        if let Object::Tensor(layout) = self.object() {
            Some(SavedTensor::new(self.file, layout))
        } else {
            None
        }
    }

    /// What it is, for messages.
    pub fn kind(&self) -> &'static str {
        match self.object() {
            Object::None => "nothing",
            Object::Boolean(_) => "a truth value",
            Object::Integer(_) | Object::LongInteger => "an integer",
            Object::Float(_) => "a number",
            Object::Text(_) => "a text",
            Object::Bytes => "bytes",
            Object::List(_) => "a list",
            Object::Tuple(_) => "a tuple",
            Object::Set(_) => "a set",
            Object::Dictionary(_) => "a dictionary",
            Object::Global(_) => "a class",
            Object::Storage(_) => "a storage",
            Object::Tensor(_) => "a tensor",
            Object::Instance { .. } => "an object",
        }
    }
}
