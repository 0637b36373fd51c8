//! The file in memory through which elements go from one process to the other.

use std::fs::File;
use std::io::{Error, ErrorKind, Result};
use std::os::unix::fs::FileExt as _;

use bytemuck::{AnyBitPattern, NoUninit, cast_slice, cast_slice_mut};
use mofang_onnx::{Array, Value};

use crate::message::{TensorHeader, WireType};

/// An empty file that has no name and lies in memory.
#[cfg(target_os = "linux")]
pub(crate) fn memory_file(name: &str) -> Result<File> {
    use rustix::fs::{MemfdFlags, memfd_create};
    Ok(File::from(memfd_create(name, MemfdFlags::CLOEXEC)?))
}

/// An empty file that has no name.
#[cfg(not(target_os = "linux"))]
pub(crate) fn memory_file(_name: &str) -> Result<File> {
    tempfile::tempfile()
}

/// Writes tensors one after the other and gives their headers.
pub(crate) fn write<'a>(
    exchange: &File,
    tensors: impl Iterator<Item = (&'a str, &'a Value)>,
) -> Result<Vec<TensorHeader>> {
    let mut offset = 0;
    let mut headers = Vec::new();
    for (name, value) in tensors {
        let (bytes, element_type) = elements_of(value);
        exchange.write_all_at(bytes, offset)?;
        offset += bytes.len() as u64;
        headers.push(TensorHeader {
            name: name.to_owned(),
            element_type,
            shape: value.shape().to_vec(),
        });
    }
    Ok(headers)
}

/// The bytes that tensors take in the exchange.
pub(crate) fn size_bytes<'a>(tensors: impl Iterator<Item = &'a Value>) -> u64 {
    tensors.map(|value| elements_of(value).0.len() as u64).sum()
}

fn elements_of(value: &Value) -> (&[u8], WireType) {
    match value.array() {
        Array::Float(values) => (cast_slice(values), WireType::Float),
        Array::Double(values) => (cast_slice(values), WireType::Double),
        Array::Int64(values) => (cast_slice(values), WireType::Int64),
        Array::Int32(values) => (cast_slice(values), WireType::Int32),
        Array::Bool(values) => (cast_slice(values), WireType::Bool),
        Array::Uint8(values) => (cast_slice(values), WireType::Uint8),
        Array::Int8(values) => (cast_slice(values), WireType::Int8),
    }
}

/// Reads the tensors of these headers. They are allocated once the file is known to hold them.
pub(crate) fn read(exchange: &File, headers: Vec<TensorHeader>) -> Result<Vec<(String, Value)>> {
    let length = exchange.metadata()?.len();
    let mut offset: u64 = 0;
    let mut tensors = Vec::with_capacity(headers.len());
    for header in headers {
        let elements = header
            .shape
            .iter()
            .try_fold(1_usize, |product, size| product.checked_mul(*size))
            .ok_or_else(too_large)?;
        let size_bytes = elements
            .checked_mul(element_bytes(header.element_type))
            .ok_or_else(too_large)? as u64;
        let end = offset
            .checked_add(size_bytes)
            .filter(|end| *end <= length)
            .ok_or_else(too_large)?;
        let array = read_array(exchange, offset, elements, header.element_type)?;
        let value = Value::new(header.shape, array).map_err(Error::other)?;
        tensors.push((header.name, value));
        offset = end;
    }
    Ok(tensors)
}

fn too_large() -> Error {
    Error::new(
        ErrorKind::InvalidData,
        "a tensor is larger than what was exchanged",
    )
}

fn element_bytes(element_type: WireType) -> usize {
    match element_type {
        WireType::Double | WireType::Int64 => 8,
        WireType::Float | WireType::Int32 => 4,
        WireType::Bool | WireType::Uint8 | WireType::Int8 => 1,
    }
}

fn read_array(
    exchange: &File,
    offset: u64,
    elements: usize,
    element_type: WireType,
) -> Result<Array> {
    fn elements_at<T: Default + Clone + NoUninit + AnyBitPattern>(
        exchange: &File,
        offset: u64,
        elements: usize,
    ) -> Result<Vec<T>> {
        let mut values = vec![T::default(); elements];
        exchange.read_exact_at(cast_slice_mut(&mut values), offset)?;
        Ok(values)
    }
    Ok(match element_type {
        WireType::Float => Array::Float(elements_at(exchange, offset, elements)?),
        WireType::Double => Array::Double(elements_at(exchange, offset, elements)?),
        WireType::Int64 => Array::Int64(elements_at(exchange, offset, elements)?),
        WireType::Int32 => Array::Int32(elements_at(exchange, offset, elements)?),
        WireType::Bool => {
            let bytes: Vec<u8> = elements_at(exchange, offset, elements)?;
            Array::Bool(bytes.into_iter().map(|byte| byte != 0).collect())
        }
        WireType::Uint8 => Array::Uint8(elements_at(exchange, offset, elements)?),
        WireType::Int8 => Array::Int8(elements_at(exchange, offset, elements)?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let exchange = memory_file("test").unwrap();
        let value = |array: Array| Value::new(vec![array.len()], array).unwrap();
        let values = [
            value(Array::Float(vec![1.5, -2.0])),
            value(Array::Bool(vec![true, false, true])),
            value(Array::Int64(vec![-1, 1 << 40])),
            value(Array::Double(vec![0.1])),
            value(Array::Int32(vec![])),
            value(Array::Uint8(vec![255])),
            value(Array::Int8(vec![-128])),
        ];
        let headers = write(&exchange, values.iter().map(|value| ("a", value))).unwrap();
        let read: Vec<Value> = read(&exchange, headers)
            .unwrap()
            .into_iter()
            .map(|(_, value)| value)
            .collect();
        assert_eq!(read, values);
    }

    #[test]
    fn a_header_that_says_more_than_there_is_is_refused() {
        let exchange = memory_file("test").unwrap();
        exchange.set_len(64).unwrap();
        for shape in [
            vec![17],
            vec![usize::MAX, 2],
            vec![1 << 60],
            vec![usize::MAX],
        ] {
            let header = TensorHeader {
                name: "a".to_owned(),
                element_type: WireType::Float,
                shape: shape.clone(),
            };
            assert!(read(&exchange, vec![header]).is_err(), "{shape:?}");
        }
    }
}
