//! The globals of Python that a file may name.

use crate::error::excerpt;
use crate::{DataType, PytorchError};

/// Modules whose classes are kept as names: what a whole module that was saved is made of.
const CLASS_MODULES: &[&str] = &[
    "torch.nn.modules.",
    "torchvision.models.",
    "torchvision.ops.",
];

/// What becomes of classes that are not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum UnknownClasses {
    /// A file that names one is refused.
    #[default]
    Refuse,
    /// Their instances are kept as a name and attributes, as those of known classes are. Where a
    /// function that is not known would have to be called, the file is still refused.
    Keep,
}

/// A global that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Global {
    /// `collections.OrderedDict` and `dict`: called with nothing or with a list of pairs.
    Dictionary,
    /// `set` and `frozenset`: called with a list.
    Set,
    /// `torch.Size`: called with a tuple.
    Size,
    /// `_codecs.encode`: how protocol 2 writes bytes, as text in Latin-1.
    Encode,
    /// `copyreg._reconstructor`: called with a class.
    Reconstructor,
    /// `torch._utils._rebuild_tensor`, version 2 too.
    RebuildTensor,
    /// `torch._utils._rebuild_tensor_v3`, which names the type of the elements.
    RebuildTypedTensor,
    /// `torch._utils._rebuild_parameter`: called with a tensor first.
    RebuildParameter,
    /// `torch._tensor._rebuild_from_type_v2`: called with another function and its arguments.
    RebuildFromType,
    /// A class of storages; None has elements of one byte and no type.
    Storage(Option<DataType>),
    /// The type of elements.
    DataType(DataType),
    /// A class whose objects are kept as they are written.
    Class(String),
    /// A class that is not known, which is kept as a name and cannot be called.
    Unknown(String),
    /// Something whose results are of no interest, such as a number of numpy's.
    Opaque(String),
}

impl Global {
    /// The global of this module and name.
    pub(crate) fn find(
        module: &str,
        name: &str,
        unknown_classes: UnknownClasses,
    ) -> Result<Self, PytorchError> {
        let qualified = format!("{module}.{name}");
        if let Some(global) = Self::known(module, name) {
            return Ok(global);
        }
        if CLASS_MODULES
            .iter()
            .any(|prefix| qualified.starts_with(prefix))
            && is_path(&qualified)
        {
            return Ok(Self::Class(qualified));
        }
        match unknown_classes {
            UnknownClasses::Keep if is_path(&qualified) => Ok(Self::Unknown(qualified)),
            UnknownClasses::Keep | UnknownClasses::Refuse => Err(PytorchError::UnknownGlobal {
                name: excerpt(&qualified),
            }),
        }
    }

    fn known(module: &str, name: &str) -> Option<Self> {
        Some(match (module, name) {
            ("collections", "OrderedDict") | ("builtins" | "__builtin__", "dict") => {
                Self::Dictionary
            }
            ("builtins" | "__builtin__", "set" | "frozenset") => Self::Set,
            ("torch", "Size") => Self::Size,
            ("_codecs", "encode") => Self::Encode,
            ("copyreg" | "copy_reg", "_reconstructor") => Self::Reconstructor,
            ("torch._utils", "_rebuild_tensor" | "_rebuild_tensor_v2") => Self::RebuildTensor,
            ("torch._utils", "_rebuild_tensor_v3") => Self::RebuildTypedTensor,
            ("torch._utils", "_rebuild_parameter" | "_rebuild_parameter_with_state") => {
                Self::RebuildParameter
            }
            ("torch._tensor", "_rebuild_from_type_v2") => Self::RebuildFromType,
            ("torch.nn.parameter", "Parameter" | "Buffer") | ("torch", "Tensor") => {
                Self::Class(format!("{module}.{name}"))
            }
            ("torch" | "torch.storage", "UntypedStorage") => Self::Storage(None),
            ("torch" | "torch.cuda", _) if DataType::of_storage(name).is_some() => {
                Self::Storage(DataType::of_storage(name))
            }
            ("torch", _) if DataType::of_name(name).is_some() => {
                Self::DataType(DataType::of_name(name)?)
            }
            ("torch", "device")
            | ("builtins" | "__builtin__", "object")
            | ("numpy", "dtype")
            | ("numpy.core.multiarray" | "numpy._core.multiarray", "scalar") => {
                Self::Opaque(format!("{module}.{name}"))
            }
            _ => return None,
        })
    }
}

/// Whether it is names with dots between, as Python writes them.
fn is_path(qualified: &str) -> bool {
    qualified.split('.').all(|part| {
        !part.is_empty()
            && part
                .chars()
                .all(|character| character.is_ascii_alphanumeric() || character == '_')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_executes_is_refused_by_name() {
        for (module, name) in [
            ("os", "system"),
            ("posix", "system"),
            ("builtins", "eval"),
            ("builtins", "getattr"),
            ("pkgutil", "resolve_name"),
            ("torch", "load"),
            ("torch.hub", "load"),
            ("torch.nn", "modules.conv.Conv2d"),
            ("torch.nn.modules", "conv.Conv2d;x"),
            ("torch.nn.modules..conv", "Conv2d"),
            ("torchvision", "models"),
            ("collections", "OrderedDict.fromkeys"),
            ("torch", "ComplexFloatStorage"),
        ] {
            let error = Global::find(module, name, UnknownClasses::Refuse);
            if (module, name) == ("torch.nn", "modules.conv.Conv2d") {
                // Another way to write a name that is allowed.
                assert!(error.is_ok());
                continue;
            }
            let qualified = format!("{module}.{name}");
            assert_eq!(
                error.unwrap_err(),
                PytorchError::UnknownGlobal { name: qualified }
            );
        }
    }
}
