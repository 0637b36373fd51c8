//! A model's process by itself, for the tests of this crate; the house's own is `mofang model-host`.

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let command = arguments.next();
    let memory_bytes = arguments.next().and_then(|text| text.parse().ok());
    match (command.as_deref(), memory_bytes) {
        (Some(mofang_host::HOST_COMMAND), Some(memory_bytes)) => {
            mofang_host::run_host(memory_bytes)
        }
        _ => ExitCode::FAILURE,
    }
}
