//! The reader cases of burn, where they are: every tensor of every file, or why it is refused.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;

use mofang_pytorch::SavedFile;
use mofang_types::testing::reference_data;

#[test]
fn every_case_is_read() {
    let Some(path) = reference_data("models/pytorch/burn-pt-reader-cases.tar") else {
        return;
    };
    let archive = fs::read(path).unwrap();
    let mut cases = BTreeMap::new();
    let mut archive = tar::Archive::new(archive.as_slice());
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let name = entry.path().unwrap().display().to_string();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        cases.insert(name, bytes);
    }
    assert_eq!(cases.len(), 30);
    assert!(SavedFile::open(&cases.remove("broken.pt").unwrap()).is_err());
    let mut values = BTreeMap::new();
    for (case, bytes) in &cases {
        let saved = SavedFile::open(bytes).unwrap_or_else(|error| panic!("{case}: {error}"));
        for (name, tensor) in &saved.state_dict().unwrap().tensors {
            let tensor = tensor
                .read()
                .unwrap_or_else(|error| panic!("{case}: {error}"));
            values.insert(format!("{case}:{name}"), tensor);
        }
    }
    // As PyTorch reads them.
    let data = |name: &str| values[name].data().to_vec();
    let ramp = |first: u16, step: f32, count: u16| -> Vec<f32> {
        (0..count)
            .map(|index| f32::from(first) + f32::from(index) * step)
            .collect()
    };
    assert_eq!(data("bfloat16.pt:tensor"), [1.5, -2.5, 3.5]);
    assert_eq!(data("bool.pt:tensor"), [1.0, 0.0, 1.0, 1.0, 0.0]);
    assert_eq!(data("buffers.pt:buffer1"), [1.0, 2.0, 3.0]);
    assert_eq!(
        data("extreme_values.pt:tensor"),
        [1e-30, 1e30, -1e-30, -1e30]
    );
    assert_eq!(data("float16.pt:tensor"), [1.5, -2.25, 3.125]);
    assert_eq!(data("float64.pt:tensor"), [1.1, 2.2, 3.3]);
    assert_eq!(data("int16.pt:tensor"), [1000.0, -2000.0, 3000.0]);
    assert_eq!(data("int64.pt:tensor"), [100.0, -200.0, 300.0, 0.0]);
    assert_eq!(data("int8.pt:tensor"), [127.0, -128.0, 0.0, 50.0]);
    assert_eq!(data("legacy_uncloned_views.pt:tensor1"), ramp(10, 1.0, 10));
    assert_eq!(data("legacy_uncloned_views.pt:tensor2"), ramp(50, 1.0, 10));
    mofang_types::testing::assert_close(
        &data("legacy_with_offsets.pt:tensor1"),
        &ramp(1, 0.01, 10),
        1e-5,
    );
    mofang_types::testing::assert_close(
        &data("legacy_with_offsets.pt:tensor3"),
        &ramp(3, 0.1, 5),
        1e-5,
    );
    assert_eq!(data("scalar.pt:tensor"), [42.0]);
    assert!(values["scalar.pt:tensor"].shape().is_empty());
    assert_eq!(data("uint8.pt:tensor"), [0.0, 128.0, 255.0, 42.0]);
    assert!(data("special_values.pt:tensor")[0].is_nan());
    assert_eq!(values["large_shape.pt:tensor"].shape(), [100, 100]);
    assert_eq!(data("large_shape.pt:tensor")[9999..], [3.0]);
    assert_eq!(values["nested_dict.pt:layer2.weight"].shape(), [4, 2]);
    assert_eq!(
        values["complex_structure.pt:state.encoder.layer_0.weight"].shape(),
        [4, 3]
    );
    assert!(values.contains_key("checkpoint.pt:fc1.weight"));
    assert_eq!(data("legacy_shared_storage.pt:view1").len(), 10);
}
