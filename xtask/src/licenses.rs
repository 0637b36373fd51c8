//! Every dependency has a licence that we accept.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, bail};
use spdx::{Expression, LicenseReq, ParseMode};

use crate::checks::cargo;

/// SPDX identifiers of the licences that a dependency may offer.
const ACCEPTED: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "MPL-2.0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

fn is_accepted(expression: &str) -> Result<bool> {
    let expression = Expression::parse_mode(expression, ParseMode::LAX)
        .with_context(|| format!("\"{expression}\" is not a licence expression"))?;
    Ok(expression.evaluate(|required: &LicenseReq| {
        required
            .license
            .id()
            .is_some_and(|id| ACCEPTED.contains(&id.name))
    }))
}

/// Checks the licence of every package that reaches a build of the workspace.
///
/// `cargo tree` resolves features as a build does; `cargo metadata` would also name packages that
/// only a feature that no build switches on would bring.
pub(crate) fn check() -> Result<()> {
    let output = cargo()
        .args([
            "tree",
            "--workspace",
            "--features",
            "mofang/azure,mofang/gcs,mofang/s3,mofang/vulkan",
            "--edges",
            "normal,build",
            "--prefix",
            "none",
        ])
        .args(["--locked", "--format", "{p}\t{l}"])
        .output()
        .context("failed to run cargo tree")?;
    if !output.status.success() {
        bail!(
            "cargo tree failed: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    let listing = String::from_utf8(output.stdout).context("cargo tree did not print UTF-8")?;
    let packages: BTreeSet<(&str, &str)> = listing
        .lines()
        .filter_map(|line| line.split_once('\t'))
        .collect();
    let mut found = Vec::new();
    for (package, license) in packages {
        let license = license.trim_end_matches(" (*)");
        if license.is_empty() || !is_accepted(license)? {
            found.push(format!("{package}: {license}"));
        }
    }
    if !found.is_empty() {
        bail!("licences that are not accepted:\n{}", found.join("\n"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::is_accepted;

    #[test]
    fn one_accepted_alternative_is_enough_and_every_conjunct_is_needed() {
        for (expression, accepted) in [
            ("MIT", true),
            ("MIT/Apache-2.0", true),
            ("GPL-3.0-only OR MIT", true),
            ("GPL-3.0-only", false),
            ("AGPL-3.0-only AND MIT", false),
            ("(MIT OR Apache-2.0) AND Unicode-3.0", true),
        ] {
            assert_eq!(is_accepted(expression).unwrap(), accepted, "{expression}");
        }
        assert!(is_accepted("my own").is_err());
    }
}
