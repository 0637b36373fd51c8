//! Automation of the repository: the same commands on a developer's machine and in CI.
//!
//! `cargo xtask ci` runs every check but that of `vulkan`; each check is a command of its own.

mod checks;
mod layers;
mod licenses;
mod test_run;
mod vulkan;

use std::process::ExitCode;

use anyhow::{Result, bail};

const USAGE: &str = "usage: cargo xtask <command>

commands:
  ci       every check below, in this order
  fmt      rustfmt changes nothing
  layers   dependencies between the crates point down, fenced crates stay inside their fence
  licenses every dependency has a licence that we accept
  clippy   no warning from clippy
  features no warning from clippy with every optional feature
  doc      no warning from rustdoc
  test     every test, closed by one line with the totals

and, because it builds nearly everything once more with the feature of that name:
  vulkan   the networks' golden numbers, a run and the binary on a device that is reached through Vulkan";

fn run(command: &str) -> Result<()> {
    match command {
        "ci" => {
            for step in [
                "fmt", "layers", "licenses", "clippy", "features", "doc", "test",
            ] {
                checks::announce(step);
                run(step)?;
            }
            Ok(())
        }
        "fmt" => checks::fmt(),
        "layers" => layers::check(),
        "licenses" => licenses::check(),
        "clippy" => checks::clippy(),
        "features" => checks::features(),
        "doc" => checks::doc(),
        "test" => test_run::run(),
        "vulkan" => vulkan::check(),
        _ => bail!("unknown command \"{command}\"\n{USAGE}"),
    }
}

#[expect(
    clippy::print_stderr,
    reason = "a command-line tool reports on the terminal"
)]
fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let result = match (arguments.next(), arguments.next()) {
        (Some(command), None) => run(&command),
        _ => Err(anyhow::anyhow!("{USAGE}")),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
