//! What is different on a device that is reached through Vulkan.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::checks::{cargo, succeed};

/// Mesa's driver in software, lavapipe, and the loader that finds it, by Debian's names.
const PACKAGES: &[&str] = &["libvulkan1", "mesa-vulkan-drivers"];

/// Where a driver says that it is there.
const DRIVERS: &[&str] = &["/etc/vulkan/icd.d", "/usr/share/vulkan/icd.d"];

/// Lints and tests the code of the feature `vulkan`. Where there is no driver and may be one installed, it is; where
/// there is none at all, the tests say that they are skipped.
pub(crate) fn check() -> Result<()> {
    if !DRIVERS.iter().any(|folder| Path::new(folder).exists()) {
        install_driver();
    }
    succeed(cargo().args([
        "clippy",
        "--release",
        "--package",
        "mofang-nn",
        "--all-targets",
        "--features",
        "vulkan",
        "--locked",
        "--",
        "-D",
        "warnings",
    ]))?;
    // Of the whole workspace, so that what the tests of each crate need is built once.
    succeed(cargo().args([
        "test",
        "--release",
        "--workspace",
        "--features",
        "mofang/vulkan",
        "--test",
        "vulkan",
        "--locked",
        "--no-fail-fast",
    ]))
}

/// Installs the driver in software where this is Debian or its like and we may; a fresh machine has no lists of
/// packages yet. A failure is none of ours: the tests say what they miss.
#[expect(
    clippy::print_stderr,
    reason = "a command-line tool reports on the terminal"
)]
fn install_driver() {
    let apt = |arguments: &[&str]| succeed(Command::new("apt-get").args(arguments));
    let install = [&["install", "--yes", "--no-install-recommends"], PACKAGES].concat();
    let installed = apt(&install).or_else(|_| {
        apt(&["update"])?;
        apt(&install)
    });
    if let Err(error) = installed {
        eprintln!("no Vulkan driver was installed: {error:#}");
    }
}
