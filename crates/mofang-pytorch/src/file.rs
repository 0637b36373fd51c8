//! A file of `torch.save`, opened.

use std::cell::Cell;
use std::collections::BTreeMap;

use crate::archive::{self, Archive};
use crate::error::excerpt;
use crate::global::UnknownClasses;
use crate::legacy::{Legacy, is_legacy};
use crate::limits::EXPANSION_MAX;
use crate::pickle::{self, ObjectId, Objects};
use crate::reader::Reader;
use crate::{Module, PytorchError, StateDict, Value};

/// How a file is put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Container {
    /// The zip archive of PyTorch 1.6 and later.
    Zip,
    /// Pickles in a row, before.
    Legacy,
}

/// A file of `torch.save`, opened: what it describes is known, the values of its tensors are not
/// read yet.
#[derive(Debug)]
pub struct SavedFile<'a> {
    container: Container,
    objects: Objects,
    root: ObjectId,
    storages: BTreeMap<String, &'a [u8]>,
    /// How many values its tensors may still be expanded to.
    values_left: Cell<usize>,
}

impl<'a> SavedFile<'a> {
    /// Opens a file that is in memory.
    ///
    /// # Errors
    /// When it is no file of `torch.save`, damaged, beyond the [`limits`](crate::limits), or names a
    /// global that is not known.
    pub fn open(bytes: &'a [u8]) -> Result<Self, PytorchError> {
        Self::open_with(bytes, UnknownClasses::Refuse)
    }

    /// As [`SavedFile::open`], and says what becomes of classes that are not known.
    ///
    /// # Errors
    /// As [`SavedFile::open`].
    pub fn open_with(
        bytes: &'a [u8],
        unknown_classes: UnknownClasses,
    ) -> Result<Self, PytorchError> {
        let values_left = Cell::new(bytes.len().saturating_add(EXPANSION_MAX));
        if bytes.starts_with(archive::SIGNATURE) {
            let Archive { pickle, storages } = Archive::open(bytes)?;
            let mut objects = Objects::default();
            let mut reader = Reader::new("data.pkl", pickle);
            let root = pickle::run(&mut reader, unknown_classes, &mut objects)?;
            return Ok(Self {
                container: Container::Zip,
                objects,
                root,
                storages,
                values_left,
            });
        }
        if is_legacy(bytes) {
            let Legacy {
                objects,
                root,
                storages,
            } = Legacy::open(bytes, unknown_classes)?;
            return Ok(Self {
                container: Container::Legacy,
                objects,
                root,
                storages,
                values_left,
            });
        }
        Err(PytorchError::NotPytorch(what_it_is(bytes)))
    }

    /// How it is put together.
    pub fn container(&self) -> Container {
        self.container
    }

    /// The object that was saved.
    pub fn root(&self) -> Value<'_> {
        Value::new(self, self.root)
    }

    /// The weights under their names, wherever in the object they are; see [`StateDict::find`].
    ///
    /// # Errors
    /// When there are none, or several could be meant.
    pub fn state_dict(&self) -> Result<StateDict<'_>, PytorchError> {
        StateDict::find(self.root())
    }

    /// The whole module that was saved, if one was; it may lie in a dictionary, as `model`.
    ///
    /// # Errors
    /// When there is one and it is beyond the [`limits`](crate::limits).
    pub fn module(&self) -> Result<Option<Module<'_>>, PytorchError> {
        Module::find(self.root())
    }

    pub(crate) fn objects(&self) -> &Objects {
        &self.objects
    }

    pub(crate) fn storage_bytes(&self, key: &str) -> Result<&'a [u8], PytorchError> {
        self.storages.get(key).copied().ok_or_else(|| {
            PytorchError::damaged(
                "the storages",
                format!("there is none named \"{}\"", excerpt(key)),
            )
        })
    }

    /// Takes from what tensors may be expanded to, before it is allocated.
    pub(crate) fn spend_values(&self, values: usize) -> Result<(), PytorchError> {
        match self.values_left.get().checked_sub(values) {
            Some(left) => {
                self.values_left.set(left);
                Ok(())
            }
            None => Err(PytorchError::Unsupported(
                "its tensors have far more values than the file has bytes".to_owned(),
            )),
        }
    }
}

/// What the bytes look like, for people who mistook the file.
fn what_it_is(bytes: &[u8]) -> String {
    let is_safetensors = bytes.get(8) == Some(&b'{') && bytes.get(..8).is_some();
    let known = match bytes {
        [] => "it is empty",
        _ if is_safetensors => "it looks like safetensors",
        [0x08, _, 0x12, ..] => "it looks like ONNX",
        [0x1F, 0x8B, ..] => "it is compressed with gzip; decompress it first",
        [0x89, b'H', b'D', b'F', ..] => "it is an HDF5 file, perhaps of Keras",
        [b'G', b'G', b'U', b'F', ..] => "it is a GGUF file",
        [0x80, ..] => "it is a pickle, but not one of torch.save",
        [b'v', b'e', b'r', b's', b'i', b'o', b'n', ..] => {
            "it is the pointer of Git LFS; fetch the file itself with `git lfs pull`"
        }
        [b'<', ..] => "it is a page of HTML or XML, perhaps from a failed download",
        _ => "it begins with neither a zip archive nor the magic number of torch.save",
    };
    known.to_owned()
}
