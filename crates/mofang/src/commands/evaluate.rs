//! `mofang evaluate`

use clap::Args;
use mofang_data::SplitReference;
use mofang_types::ModelReference;

use crate::cli::DeviceArgs;
use crate::context::Context;
use crate::text;

/// What to measure.
#[derive(Debug, Args)]
pub(crate) struct EvaluateArgs {
    /// The version: digits (the latest), digits@2, digits@production
    model: ModelReference,
    /// The dataset and its split, e.g. digits:test
    #[arg(long, value_name = "NAME:SPLIT")]
    dataset: SplitReference,
    #[command(flatten)]
    pub(crate) device: DeviceArgs,
}

/// Runs the command.
pub(crate) fn run(context: &Context, args: &EvaluateArgs) -> anyhow::Result<()> {
    let evaluation = context.backend()?.evaluate(&args.model, &args.dataset)?;
    context
        .output
        .record(&evaluation, || text::evaluation(&evaluation))
}
