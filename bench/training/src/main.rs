//! Times training steps and forward passes: `bench-training resnet20-step --times 20 --threads 2`.
//!
//! Prints one line of JSON: the median of the milliseconds, their least, and the peak of the resident memory.
//! `compare.py` beside it runs this and PyTorch in turns.
#![expect(clippy::print_stdout, reason = "a program of the command line")]

use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::Parser;
use mofang_nn::{
    DeviceChoice, Kernels, Network, NetworkSpec, step_seed, tensor_from_burn, tensor_to_burn,
};
use mofang_train::optimizer::{OptimizerSpec, OptimizerState, StepSettings};
use mofang_types::{ArchitectureSpec, Clock, ModelInput, SystemClock, Tensor};

/// Times a workload.
#[derive(Debug, Parser)]
struct Arguments {
    /// The workload.
    #[arg(value_parser = WORKLOADS.map(|workload| workload.0))]
    workload: String,
    /// How often it is timed, after two times that do not count.
    #[arg(long, default_value_t = 10)]
    times: usize,
    /// Threads that compute.
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// Without the kernels: burn's own operations.
    #[arg(long)]
    kernels_off: bool,
    /// What computes: cpu, vulkan or auto.
    #[arg(long, default_value_t)]
    device: DeviceChoice,
}

/// Name, architecture, its configuration, image shape, classes, batch, whether it is a training step.
type Workload = (
    &'static str,
    &'static str,
    &'static str,
    [usize; 3],
    usize,
    usize,
    bool,
);

const FASHION: &str = r#"{"blocks": [{"channels": 32}, {"channels": 64}, {"channels": 128}], "hidden": [128], "dropout": 0.25}"#;
const SMALL: [usize; 3] = [1, 28, 28];
const LARGE: [usize; 3] = [3, 224, 224];
const RESNET18: &str = r#"{"depth": 18}"#;

const WORKLOADS: [Workload; 7] = [
    (
        "resnet20-step",
        "resnet",
        r#"{"depth": 20}"#,
        [3, 32, 32],
        10,
        64,
        true,
    ),
    ("lenet-step", "lenet", "{}", SMALL, 10, 128, true),
    ("fashion-step", "simple_cnn", FASHION, SMALL, 10, 128, true),
    (
        "resnet18-forward-1",
        "resnet",
        RESNET18,
        LARGE,
        1000,
        1,
        false,
    ),
    (
        "resnet18-forward-8",
        "resnet",
        RESNET18,
        LARGE,
        1000,
        8,
        false,
    ),
    (
        "mobilenet_v2-forward-1",
        "mobilenet_v2",
        "{}",
        LARGE,
        1000,
        1,
        false,
    ),
    (
        "mobilenet_v2-forward-8",
        "mobilenet_v2",
        "{}",
        LARGE,
        1000,
        8,
        false,
    ),
];

/// Times that warm memory and caches up.
const WARMUP: usize = 2;

fn images(batch: usize, [channels, height, width]: [usize; 3]) -> Result<Tensor> {
    let shape = vec![batch, channels, height, width];
    let count: usize = shape.iter().product();
    let values = (0..count).map(|place| f32::from(u8::try_from(place * 31 % 251).unwrap_or(0)));
    let values = values.map(|value| value / 125.0 - 1.0).collect();
    Ok(Tensor::new(shape, values)?)
}

fn time(
    times: usize,
    clock: &SystemClock,
    mut work: impl FnMut() -> Result<()>,
) -> Result<Vec<Duration>> {
    let mut durations = Vec::new();
    for number in 0..times + WARMUP {
        let began = clock.monotonic();
        work()?;
        if number >= WARMUP {
            durations.push(clock.monotonic().saturating_sub(began));
        }
    }
    Ok(durations)
}

/// Steps of forward, backward and AdamW.
fn train(
    spec: &NetworkSpec,
    batch: usize,
    arguments: &Arguments,
    clock: &SystemClock,
) -> Result<Vec<Duration>> {
    let device = arguments.device.find()?.open()?.autodiff();
    let mut network = Some(Network::new(spec, 1, &device)?);
    let optimizer: OptimizerSpec =
        serde_json::from_str(r#"{"name": "adamw", "learning_rate": 0.001}"#)?;
    let mut optimizer = optimizer.build(&OptimizerState::default());
    let images = images(batch, spec.image_shape()?)?;
    let slope = vec![0.01; batch * spec.outputs];
    let mut step = 0;
    time(arguments.times, clock, || {
        let images = tensor_to_burn::<4>(images.clone(), &device)?;
        let current = network.take().context("a step has failed")?;
        let logits = current.forward_train(images, step_seed(1, step));
        let slope = Tensor::new(vec![batch, spec.outputs], slope.clone())?;
        let slope = tensor_to_burn::<2>(slope, &device)?;
        let gradients = current.gradients(&(logits * slope).sum().backward())?;
        optimizer.begin(StepSettings {
            learning_rate: 0.001,
            gradient_factor: 1.0,
        });
        network = Some(current.map_values(&mut |info, values| {
            let gradient = gradients.get(&info.name)?;
            Some(optimizer.update(&info.name, values, gradient.data(), 1.0))
        })?);
        step += 1;
        Ok(())
    })
}

fn forward(
    spec: &NetworkSpec,
    batch: usize,
    arguments: &Arguments,
    clock: &SystemClock,
) -> Result<Vec<Duration>> {
    let device = arguments.device.find()?.open()?;
    let network = Network::new(spec, 1, &device)?;
    let images = images(batch, spec.image_shape()?)?;
    time(arguments.times, clock, || {
        let images = tensor_to_burn::<4>(images.clone(), &device)?;
        tensor_from_burn(network.forward(images))?;
        Ok(())
    })
}

/// The most memory that this process has had at once.
fn peak_kib() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let text = line.context("the system does not say")?.trim();
    Ok(text.trim_end_matches("kB").trim().parse()?)
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    rayon::ThreadPoolBuilder::new()
        .num_threads(arguments.threads)
        .build_global()?;
    if arguments.kernels_off {
        Kernels::Off.set();
    }
    let found = WORKLOADS
        .iter()
        .find(|workload| workload.0 == arguments.workload);
    let (_, architecture, config, image_shape, classes, batch, is_step) =
        *found.context("there is no such workload")?;
    let spec = NetworkSpec {
        architecture: ArchitectureSpec {
            name: architecture.to_owned(),
            config: serde_json::from_str(config)?,
        },
        input: ModelInput::image(image_shape),
        outputs: classes,
    };
    let clock = SystemClock::new();
    let mut durations = if is_step {
        train(&spec, batch, &arguments, &clock)?
    } else {
        forward(&spec, batch, &arguments, &clock)?
    };
    durations.sort();
    let milliseconds = |duration: Option<&Duration>| duration.map(|d| d.as_secs_f64() * 1e3);
    let line = serde_json::json!({
        "workload": arguments.workload,
        "device": arguments.device.to_string(),
        "median_ms": milliseconds(durations.get(durations.len() / 2)),
        "least_ms": milliseconds(durations.first()),
        "peak_mib": peak_kib()? / 1024,
    });
    println!("{line}");
    Ok(())
}
