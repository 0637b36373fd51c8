//! Measures the service: latency and throughput of a running `mofang serve`, the cost of the
//! service around a model that does nothing, and start-up time and idle memory.
//!
//! It speaks HTTP/1.1 over kept-alive sockets, to loopback addresses only, and is bounded in time
//! and in requests. One thread makes the load, so that on two cores the service has the other one.
//! Every answer is read and must be a 200; any other ends the measurement with an error.

#![expect(clippy::print_stdout, reason = "a command's result")]

mod connection;
mod load;
mod noop;
mod startup;
mod summary;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::load::Load;

#[derive(Debug, Parser)]
#[command(about = "Measures the service on loopback")]
struct Command {
    #[command(subcommand)]
    measurement: Measurement,
}

#[derive(Debug, Subcommand)]
enum Measurement {
    /// Latency and throughput of predictions by a running server, with a raw tensor as body.
    Predict(PredictArgs),
    /// The same around a model that does nothing: starts its own server in a process of its own.
    Noop(BoundsArgs),
    /// Time from process start to /readyz, and resident memory two seconds later.
    Startup(StartupArgs),
    /// The server of `noop`; prints its address and a key, and ends with its standard input.
    #[command(hide = true)]
    ServeNoop,
}

/// How much load, and for how long.
#[derive(Debug, Clone, Args)]
struct BoundsArgs {
    /// How many connections ask at once; each waits for its answer before it asks again.
    #[arg(long, value_delimiter = ',', default_values_t = [1_usize, 16, 64])]
    connections: Vec<usize>,
    /// How long each measurement takes.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// The most requests of each measurement.
    #[arg(long, default_value_t = 1_000_000)]
    requests_max: usize,
}

#[derive(Debug, Args)]
struct PredictArgs {
    /// The address of the server, e.g. 127.0.0.1:8080.
    #[arg(long)]
    address: SocketAddr,
    /// An API key that may predict.
    #[arg(long)]
    key: String,
    /// The model's reference.
    #[arg(long, default_value = "digits")]
    model: String,
    /// How many values the model's input has.
    #[arg(long, default_value_t = 64)]
    values: usize,
    #[command(flatten)]
    bounds: BoundsArgs,
}

#[derive(Debug, Args)]
struct StartupArgs {
    /// The binary to start.
    #[arg(long, default_value = "target/release/mofang")]
    binary: PathBuf,
    /// How many times.
    #[arg(long, default_value_t = 10)]
    times: usize,
}

impl BoundsArgs {
    fn measure(&self, load: &Load) -> anyhow::Result<()> {
        println!("{}", summary::HEADER);
        for connections in &self.connections {
            let bounds = load::Bounds {
                connections: *connections,
                time: Duration::from_secs(self.seconds),
                requests_max: self.requests_max,
            };
            println!("{}", load.run(&bounds)?);
        }
        Ok(())
    }
}

fn main() -> anyhow::Result<()> {
    match Command::parse().measurement {
        Measurement::Predict(args) => {
            // Middle gray: the values do not change the work.
            let body: Vec<u8> = (0..args.values)
                .flat_map(|_| 0.5_f32.to_le_bytes())
                .collect();
            let path = format!("/v1/models/{}/predict", args.model);
            let kind = "application/octet-stream";
            let load = Load::new(args.address, &args.key, &path, kind, &body)?;
            args.bounds.measure(&load)
        }
        Measurement::Noop(bounds) => {
            let server = noop::NoopProcess::start()?;
            let path = "/v1/models/noop/predict";
            let kind = "application/json";
            let body = br#"{"inputs":[{"shape":[1],"data":[0.5]}]}"#;
            let load = Load::new(server.address, &server.key, path, kind, body)?;
            bounds.measure(&load)
        }
        Measurement::Startup(args) => {
            println!("{}", startup::measure(&args.binary, args.times)?);
            Ok(())
        }
        Measurement::ServeNoop => noop::serve(),
    }
}
