//! The golden numbers on a device that is reached through Vulkan, be it one in software. Where there is none the
//! tests say so and pass.
#![expect(clippy::unwrap_used, reason = "helpers of tests may fail loudly")]

#[path = "../it/golden.rs"]
mod golden;

use std::io::Write as _;

use burn::tensor::Device;
use mofang_nn::{ComputeDevice, DeviceChoice, DeviceKind, Network, NetworkSpec, cpu_device};
use mofang_types::{ArchitectureSpec, ModelInput, Tensor};

/// How near golden numbers have to be: drivers add in orders of their own.
const TOLERANCE: f64 = 1e-3;

/// How near golden gradients have to be. For these weights and images values of MobileNetV2 lie at the kinks of
/// rectifiers: PyTorch's own gradients move by 1.4 % of their norm when one part of 10⁷ is added to the input in
/// double precision, and by 3.8 % at one part of 10⁶. Its logits are within 3e-5 here.
fn gradient_tolerance(architecture: &str) -> f64 {
    if architecture == "mobilenet_v2" {
        50.0 * TOLERANCE
    } else {
        TOLERANCE
    }
}

/// What golden tests compute on; none where there is none.
fn device() -> Option<Device> {
    let Ok(found) = DeviceChoice::Vulkan.find() else {
        // Past the capture of what tests print: it is to be seen.
        let _ = writeln!(std::io::stderr(), "skipped: no Vulkan device");
        return None;
    };
    Some(found.open().unwrap())
}

#[test]
fn a_device_is_found_once_and_opens_as_often_as_one_likes() {
    let Some(device) = device() else {
        return;
    };
    let all = ComputeDevice::all();
    assert_eq!(all, ComputeDevice::all());
    let (first, others) = all.split_first().unwrap();
    assert_eq!(*first, ComputeDevice::cpu());
    assert!(others.iter().all(|other| other.kind() != DeviceKind::Cpu));
    assert_eq!(others[0].open().unwrap(), device);
    assert_ne!(cpu_device(), device);
}

#[test]
fn a_text_goes_on_as_on_the_processor() {
    let Some(device) = device() else {
        return;
    };
    let spec = NetworkSpec {
        architecture: ArchitectureSpec {
            name: "llama".to_owned(),
            config: serde_json::json!({
                "hidden_size": 12, "num_attention_heads": 3, "num_hidden_layers": 1,
                "intermediate_size": 16,
            }),
        },
        input: ModelInput::Tokens {
            vocabulary_size: 40,
            length_max: 12,
            padding_id: 0,
        },
        outputs: 40,
    };
    let [expected, actual] = [cpu_device(), device].map(|device| {
        let network = Network::new(&spec, 1, &device).unwrap();
        let mut text = network.continuation().unwrap();
        let beginning = text.read(&[3, 1, 4]).unwrap();
        let next = text.read(&[15]).unwrap();
        let whole = Tensor::new(vec![1, 4], vec![3.0, 1.0, 4.0, 15.0]).unwrap();
        let steps = network.infer_steps(&whole).unwrap();
        [beginning, next, steps.into_data()].concat()
    });
    for (actual, expected) in actual.iter().zip(&expected) {
        let difference = f64::from((actual - expected).abs());
        assert!(difference < TOLERANCE, "{actual} is not {expected}");
    }
}
