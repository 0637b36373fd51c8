//! The container before PyTorch 1.6: pickles in a row, then the storages.
//!
//! Magic number, version of the protocol, what the machine was like, the object, the names of the
//! storages in order; and for each of those the number of its elements and the elements.

use std::collections::BTreeMap;

use crate::global::UnknownClasses;
use crate::pickle::{self, Object, ObjectId, Objects};
use crate::reader::Reader;
use crate::{DataType, PytorchError};

/// The bytes of 0x1950a86a20f9469cfc6c.
const MAGIC: [u8; 10] = [0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19];

/// What a file begins with: protocol 2, and a long integer that is the magic number.
pub(crate) fn is_legacy(bytes: &[u8]) -> bool {
    matches!(bytes, [0x80, _, 0x8A, 0x0A, rest @ ..] if rest.starts_with(&MAGIC))
}

/// The version of the protocol; there has been no other.
const VERSION: i64 = 1001;

/// What lies in the container.
#[derive(Debug)]
pub(crate) struct Legacy<'a> {
    pub(crate) objects: Objects,
    pub(crate) root: ObjectId,
    pub(crate) storages: BTreeMap<String, &'a [u8]>,
}

impl<'a> Legacy<'a> {
    pub(crate) fn open(
        bytes: &'a [u8],
        unknown_classes: UnknownClasses,
    ) -> Result<Self, PytorchError> {
        let mut reader = Reader::new("the file", bytes);
        let mut objects = Objects::default();
        pickle::run(&mut reader, unknown_classes, &mut objects)?;
        let version = pickle::run(&mut reader, unknown_classes, &mut objects)?;
        if !matches!(objects.get(version), Object::Integer(VERSION)) {
            return Err(reader.damaged("its protocol is not the one that there is"));
        }
        let machine = pickle::run(&mut reader, unknown_classes, &mut objects)?;
        check_machine(&objects, machine)?;
        let root = pickle::run(&mut reader, unknown_classes, &mut objects)?;
        let names = pickle::run(&mut reader, unknown_classes, &mut objects)?;
        let Object::List(names) = objects.get(names) else {
            return Err(reader.damaged("the names of its storages are not a list"));
        };
        let types = types(&objects);
        let mut storages = BTreeMap::new();
        for name in names {
            let name = objects
                .text(*name)
                .ok_or_else(|| reader.damaged("the name of a storage is not a text"))?;
            let data_type = types
                .get(name)
                .ok_or_else(|| reader.damaged("a storage is not used by any tensor"))?;
            let elements = reader.u64()?;
            let element_bytes = data_type.map_or(1, DataType::size_bytes);
            let length = usize::try_from(elements)
                .ok()
                .and_then(|elements| elements.checked_mul(element_bytes))
                .unwrap_or(usize::MAX);
            storages.insert(name.to_owned(), reader.take(length)?);
        }
        Ok(Self {
            objects,
            root,
            storages,
        })
    }
}

fn check_machine(objects: &Objects, machine: ObjectId) -> Result<(), PytorchError> {
    let Object::Dictionary(pairs) = objects.get(machine) else {
        return Ok(());
    };
    let is_big_endian = pairs.iter().any(|(key, value)| {
        objects.text(*key) == Some("little_endian")
            && matches!(objects.get(*value), Object::Boolean(false))
    });
    if is_big_endian {
        return Err(PytorchError::Unsupported(
            "its numbers are in big-endian order; save it again on a little-endian machine"
                .to_owned(),
        ));
    }
    Ok(())
}

/// The element type of each storage, by its name.
fn types(objects: &Objects) -> BTreeMap<&str, Option<DataType>> {
    objects
        .iter()
        .filter_map(|object| {
            let Object::Storage(storage) = object else {
                return None;
            };
            Some((storage.key.as_str(), storage.data_type))
        })
        .collect()
}
