//! Checks that are one call of cargo each.
//!
//! All of them use the release profile, so that checking, testing and running share one build.

use std::process::Command;

use anyhow::{Context as _, Result, bail};

/// Says on the terminal which check begins.
#[expect(
    clippy::print_stderr,
    reason = "a command-line tool reports on the terminal"
)]
pub(crate) fn announce(step: &str) {
    eprintln!("==> {step}");
}

/// The cargo that runs this.
#[expect(
    clippy::disallowed_methods,
    reason = "cargo names itself to the programs it runs"
)]
pub(crate) fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// Runs a command that has to succeed.
pub(crate) fn succeed(command: &mut Command) -> Result<()> {
    let status = command
        .status()
        .with_context(|| format!("failed to run {command:?}"))?;
    if !status.success() {
        bail!("{command:?} failed: {status}");
    }
    Ok(())
}

pub(crate) fn fmt() -> Result<()> {
    succeed(cargo().args(["fmt", "--all", "--check"]))
}

pub(crate) fn clippy() -> Result<()> {
    succeed(cargo().args([
        "clippy",
        "--release",
        "--workspace",
        "--all-targets",
        "--locked",
        "--",
        "-D",
        "warnings",
    ]))
}

/// The optional features, whose code the default build leaves out.
pub(crate) fn features() -> Result<()> {
    succeed(cargo().args([
        "clippy",
        "--release",
        "--workspace",
        "--features",
        // But for `vulkan`, which `vulkan::check` looks at.
        "mofang/azure,mofang/gcs,mofang/s3",
        "--locked",
        "--",
        "-D",
        "warnings",
    ]))
}

pub(crate) fn doc() -> Result<()> {
    succeed(
        cargo()
            .args(["doc", "--release", "--workspace", "--no-deps", "--locked"])
            .env("RUSTDOCFLAGS", "-D warnings"),
    )
}
