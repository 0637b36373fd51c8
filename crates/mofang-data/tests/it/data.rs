//! Where the real data lie.

use std::path::{Path, PathBuf};

/// `relative` below the folder named by `MOFANG_DATA`, or beside the workspace; `None`, with a line
/// that says so, where it is not there.
#[expect(
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "tests find their data by the environment and say when they are skipped"
)]
pub(crate) fn data(relative: &str) -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let root = std::env::var_os("MOFANG_DATA").map_or(beside, PathBuf::from);
    let path = root.join(relative);
    if path.exists() {
        return Some(path);
    }
    eprintln!("skipped: no data at {}", path.display());
    None
}
