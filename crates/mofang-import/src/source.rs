//! Reads a file of any format that there is.

use mofang_nn::StateDict;
use mofang_pytorch::{Container, SavedFile, UnknownClasses};

use crate::layers::{self, Layers};
use crate::report::FileFormat;
use crate::{ImportError, ImportOptions};

/// What a file holds.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) format: FileFormat,
    pub(crate) place: String,
    pub(crate) state: StateDict,
    /// What a whole module tells of its layers.
    pub(crate) layers: Option<Layers>,
}

impl Source {
    pub(crate) fn read(
        file_name: &str,
        bytes: &[u8],
        options: &ImportOptions,
    ) -> Result<Self, ImportError> {
        // After the length of the header, safetensors are JSON.
        if bytes.get(8) == Some(&b'{') {
            return Ok(Self {
                format: FileFormat::Safetensors,
                place: String::new(),
                state: StateDict::from_safetensors(bytes)?,
                layers: None,
            });
        }
        // Whoever names the architecture does not need the classes of the file.
        let unknown_classes = match options.architecture {
            Some(_) => UnknownClasses::Keep,
            None => UnknownClasses::Refuse,
        };
        let file = SavedFile::open_with(bytes, unknown_classes).map_err(|error| {
            if let mofang_pytorch::PytorchError::NotPytorch(reason) = error {
                ImportError::UnknownFormat {
                    file_name: file_name.chars().take(120).collect(),
                    reason,
                }
            } else {
                error.into()
            }
        })?;
        let layers = match (&options.architecture, file.module()?) {
            (None, Some(module)) => Some(layers::read(&module)?),
            _ => None,
        };
        let saved = file.state_dict()?;
        let mut tensors = Vec::with_capacity(saved.tensors.len());
        for (name, tensor) in saved.tensors {
            // Counters and other integers are no weights.
            if tensor.data_type().is_float() {
                tensors.push((name, tensor.read()?));
            }
        }
        Ok(Self {
            format: match file.container() {
                Container::Zip => FileFormat::PytorchZip,
                Container::Legacy => FileFormat::PytorchLegacy,
            },
            place: saved.place,
            state: StateDict::new(tensors),
            layers,
        })
    }
}
