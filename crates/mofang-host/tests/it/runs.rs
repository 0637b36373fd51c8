//! What a model's process gives is what the model gives.

use std::fs;
use std::time::Duration;

use mofang_host::HostLimits;
use mofang_onnx::{Array, Session, SessionOptions, Value};
use mofang_types::testing::reference_data;
use mofang_types::{Clock as _, SystemClock};

use crate::models::{identity, limits, start};

#[test]
fn a_process_gives_the_bits_that_the_engine_gives_here() {
    let Some(path) = reference_data("models/onnx/mobilenet_v1_0.5_160-dequant.onnx") else {
        return;
    };
    let bytes = fs::read(path).unwrap();
    let host = start(&bytes, limits()).unwrap();
    let session = Session::load(&bytes, SessionOptions::default()).unwrap();
    assert_eq!(host.description(), session.description());
    let values = (0..3 * 160 * 160_u32)
        .map(|index| u16::try_from(index % 1000).unwrap())
        .map(|step| f32::from(step) / 500.0 - 1.0);
    let input = Value::new(vec![1, 3, 160, 160], Array::Float(values.collect())).unwrap();
    let name = host.description().inputs[0].name.clone();
    let inputs = [(name.as_str(), &input)];
    let hosted = host.run(&inputs, None).unwrap();
    assert_eq!(hosted, session.run(&inputs).unwrap());
}

#[test]
fn a_process_in_the_background_stands_back() {
    let background = HostLimits {
        background: true,
        ..limits()
    };
    let ordinary = start(&identity(), limits()).unwrap();
    let behind = start(&identity(), background).unwrap();
    let niceness = |id: Option<u32>| -> i64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", id.unwrap())).unwrap();
        // The 19th field, of which two are before the name's end.
        let fields = stat.rsplit(") ").next().unwrap();
        fields.split(' ').nth(16).unwrap().parse().unwrap()
    };
    let expected = (niceness(ordinary.process_id()) + 10).min(19);
    assert_eq!(niceness(behind.process_id()), expected);
}

/// The cost of the process, printed: a tensor of 600 kB there and back.
#[test]
fn the_time_that_a_process_adds_is_told() {
    let limits = HostLimits {
        threads: 1,
        ..limits()
    };
    let model = identity();
    let host = start(&model, limits).unwrap();
    let options = SessionOptions {
        threads: std::num::NonZeroUsize::new(1),
    };
    let session = Session::load(&model, options).unwrap();
    let shape = vec![1, 3, 224, 224];
    let input = Value::new(shape, Array::Float(vec![0.5; 3 * 224 * 224])).unwrap();
    let clock = SystemClock::new();
    let median = |run: &dyn Fn()| {
        let mut times: Vec<Duration> = (0..300)
            .map(|_| {
                let start = clock.monotonic();
                run();
                clock.monotonic().saturating_sub(start)
            })
            .collect();
        times.sort_unstable();
        times[150]
    };
    let hosted = median(&|| drop(host.run(&[("x", &input)], None).unwrap()));
    let here = median(&|| drop(session.run(&[("x", &input)]).unwrap()));
    println!("600 kB in and out: {here:?} in this process, {hosted:?} in one of its own");
    assert!(hosted < Duration::from_millis(20), "{hosted:?}");
}
