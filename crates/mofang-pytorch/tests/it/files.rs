//! What `torch.save` wrote (see `tests/files/make_files.py`) is what is read.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use mofang_pytorch::{Container, DataType, PytorchError, SavedFile};
use serde::Deserialize;

#[derive(Debug, Deserialize)]
struct Expected {
    data_type: String,
    shape: Vec<usize>,
    values: Vec<f32>,
}

pub(crate) fn file(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/files");
    fs::read(folder.join(name)).unwrap()
}

fn name_of(data_type: DataType) -> &'static str {
    match data_type {
        DataType::BFloat16 => "bfloat16",
        DataType::Bool => "bool",
        DataType::Float16 => "float16",
        DataType::Float32 => "float32",
        DataType::Float64 => "float64",
        DataType::Float8E4M3Fn => "float8_e4m3fn",
        DataType::Float8E5M2 => "float8_e5m2",
        DataType::Int16 => "int16",
        DataType::Int32 => "int32",
        DataType::Int64 => "int64",
        DataType::Int8 => "int8",
        DataType::UInt16 => "uint16",
        DataType::UInt32 => "uint32",
        DataType::UInt64 => "uint64",
        DataType::UInt8 => "uint8",
    }
}

#[test]
fn every_file_holds_what_pytorch_saved() {
    let expected: BTreeMap<String, BTreeMap<String, Expected>> =
        serde_json::from_slice(&file("expected.json")).unwrap();
    assert!(expected.len() >= 8);
    for (name, expected) in expected {
        let bytes = file(&name);
        let saved = SavedFile::open(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        let is_legacy = name.contains("legacy");
        assert_eq!(saved.container() == Container::Legacy, is_legacy, "{name}");
        let state = saved.state_dict().unwrap();
        let names: Vec<&String> = state.tensors.keys().collect();
        assert_eq!(names, expected.keys().collect::<Vec<_>>(), "{name}");
        for (tensor_name, expected) in expected {
            let saved = &state.tensors[&tensor_name];
            assert_eq!(
                name_of(saved.data_type()),
                expected.data_type,
                "{tensor_name}"
            );
            let read = saved
                .read()
                .unwrap_or_else(|error| panic!("{tensor_name}: {error}"));
            assert_eq!(read.shape(), expected.shape, "{name} {tensor_name}");
            assert_eq!(read.data(), expected.values, "{name} {tensor_name}");
        }
    }
}

#[test]
fn the_place_of_the_weights_is_told() {
    let bytes = file("checkpoint.pth");
    let saved = SavedFile::open(&bytes).unwrap();
    assert_eq!(saved.state_dict().unwrap().place, "state_dict");
    assert_eq!(saved.root().get("epoch").unwrap().integer(), Some(3));
    assert_eq!(saved.root().get("accuracy").unwrap().number(), Some(0.5));
    assert!(saved.module().unwrap().is_none());
}

#[test]
fn a_whole_module_tells_its_layers() {
    for name in ["module.pth", "module_legacy.pth"] {
        let bytes = file(name);
        let saved = SavedFile::open(&bytes).unwrap();
        let module = saved.module().unwrap().unwrap();
        assert_eq!(module.class(), "torch.nn.modules.container.Sequential");
        let children: Vec<(&str, &str)> = module
            .children()
            .iter()
            .map(|(name, child)| (*name, child.class_name()))
            .collect();
        let expected = [
            ("features", "Sequential"),
            ("pool", "AdaptiveAvgPool2d"),
            ("flatten", "Flatten"),
            ("drop", "Dropout"),
            ("fc", "Linear"),
        ];
        assert_eq!(children, expected);
        let (_, features) = &module.children()[0];
        let (_, convolution) = &features.children()[0];
        let padding = convolution.attribute("padding").unwrap();
        let padding: Vec<Option<i64>> = padding
            .items()
            .unwrap()
            .map(|item| item.integer())
            .collect();
        assert_eq!(padding, [Some(1), Some(0)]);
        let (_, drop) = &module.children()[3];
        assert_eq!(drop.attribute("p").unwrap().number(), Some(0.25));
    }
}

#[test]
fn what_is_not_weights_says_what_it_is() {
    let open = |bytes: &[u8]| SavedFile::open(bytes).unwrap_err().to_string();
    assert_eq!(
        SavedFile::open(&file("torchscript.pt")).unwrap_err(),
        PytorchError::TorchScript
    );
    assert!(open(&[]).contains("it is empty"));
    assert!(open(b"\x10\0\0\0\0\0\0\0{\"a\":1}").contains("safetensors"));
    assert!(open(b"version https://git-lfs.github.com/spec/v1\n").contains("Git LFS"));
    assert!(open(b"<!DOCTYPE html>").contains("HTML"));
    assert!(open(b"\x80\x04K\x01.").contains("not one of torch.save"));
    assert!(open(&[7; 64]).contains("neither"));
}
