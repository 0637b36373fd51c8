//! The direction of the arrows between the crates, read from `cargo metadata`.

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

use crate::checks::cargo;

/// The crates from the lowest row up. A crate may depend on lower rows and on names to its left in
/// its own row.
const LAYERS: &[&[&str]] = &[
    &["mofang-types"],
    &[
        "mofang-audio",
        "mofang-data",
        "mofang-pytorch",
        "mofang-onnx",
        "mofang-host",
        "mofang-kernels",
        "mofang-nn",
        "mofang-trees",
        "mofang-train",
        "mofang-import",
    ],
    &["mofang-runtime"],
    &["mofang-store", "mofang-artifacts"],
    &["mofang-registry", "mofang-accounts", "mofang-serving"],
    &["mofang-grpc"],
    &["mofang-http"],
    &["mofang-testing", "mofang"],
];

/// Crates that know `mofang-types` only, whatever their row.
const LEAVES: &[&str] = &["mofang-store", "mofang-artifacts"];

/// A dependency and the only crates of the workspace that may name it.
const FENCES: &[(&str, &[&str])] = &[
    (
        "anyhow",
        &["mofang", "xtask", "bench-service", "bench-training"],
    ),
    ("axum", &["mofang-http"]),
    ("burn", &["mofang-nn", "mofang-train", "mofang-runtime"]),
    ("object_store", &["mofang-artifacts"]),
    ("realfft", &["mofang-audio"]),
    ("sqlx", &["mofang-store"]),
    ("symphonia", &["mofang-audio"]),
    ("rten", &["mofang-onnx"]),
    ("tokenizers", &["mofang-data"]),
    ("tonic", &["mofang-grpc", "mofang-http"]),
    ("zip", &["mofang-pytorch"]),
];

/// Where a crate stands: its row, and its place in the row.
fn place(name: &str) -> Option<(usize, usize)> {
    LAYERS.iter().enumerate().find_map(|(row, names)| {
        names
            .iter()
            .position(|candidate| *candidate == name)
            .map(|column| (row, column))
    })
}

/// What is wrong with the dependencies of one crate; development dependencies are free.
fn faults(name: &str, dependencies: &[&str]) -> Vec<String> {
    let mut faults = Vec::new();
    let own = place(name);
    for dependency in dependencies {
        if let (Some(own), Some(other)) = (own, place(dependency)) {
            if other >= own {
                faults.push(format!(
                    "{name} must not depend on {dependency}, which is not below it"
                ));
            }
            if LEAVES.contains(&name) && *dependency != "mofang-types" {
                faults.push(format!(
                    "{name} must know mofang-types only, not {dependency}"
                ));
            }
        }
        let fence = FENCES.iter().find(|(fenced, _)| fenced == dependency);
        if fence.is_some_and(|(_, allowed)| !allowed.contains(&name)) {
            faults.push(format!(
                "{name} must not name {dependency}, which is fenced"
            ));
        }
    }
    faults
}

/// What is read of the answer of `cargo metadata`.
#[derive(Debug, Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Debug, Deserialize)]
struct Package {
    name: String,
    dependencies: Vec<Dependency>,
}

#[derive(Debug, Deserialize)]
struct Dependency {
    name: String,
    /// `dev` or `build`; none for an ordinary one.
    kind: Option<String>,
}

impl Metadata {
    fn read() -> Result<Self> {
        let output = cargo()
            .args(["metadata", "--no-deps", "--format-version", "1"])
            .output()
            .context("failed to run cargo metadata")?;
        if !output.status.success() {
            bail!(
                "cargo metadata failed: {}",
                String::from_utf8_lossy(&output.stderr)
            );
        }
        serde_json::from_slice(&output.stdout).context("failed to read what cargo metadata says")
    }
}

fn normal_dependencies(package: &Package) -> Vec<&str> {
    package
        .dependencies
        .iter()
        .filter(|dependency| dependency.kind.is_none())
        .map(|dependency| dependency.name.as_str())
        .collect()
}

/// Checks every crate of the workspace.
pub(crate) fn check() -> Result<()> {
    let metadata = Metadata::read()?;
    let mut found = Vec::new();
    for package in &metadata.packages {
        let name = package.name.as_str();
        if name.starts_with("mofang") && place(name).is_none() {
            found.push(format!("{name} has no row in LAYERS (xtask/src/layers.rs)"));
        }
        found.extend(faults(name, &normal_dependencies(package)));
    }
    if !found.is_empty() {
        bail!("{}", found.join("\n"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::faults;

    #[test]
    fn arrows_that_point_down_are_fine() {
        assert!(faults("mofang-http", &["mofang-types", "mofang-registry", "axum"]).is_empty());
        assert!(faults("mofang-train", &["mofang-data", "mofang-nn", "burn"]).is_empty());
    }

    #[test]
    fn arrows_that_point_up_or_sideways_are_found() {
        for (name, dependency) in [
            ("mofang-types", "mofang-data"),
            ("mofang-data", "mofang-train"),
            ("mofang-registry", "mofang-serving"),
            ("mofang-artifacts", "mofang-store"),
            ("mofang-store", "mofang-nn"),
        ] {
            assert!(
                !faults(name, &[dependency]).is_empty(),
                "{name} -> {dependency} was accepted"
            );
        }
    }

    #[test]
    fn fenced_names_are_found() {
        assert!(!faults("mofang-registry", &["sqlx"]).is_empty());
        assert!(!faults("mofang-serving", &["axum"]).is_empty());
        assert!(!faults("mofang-data", &["anyhow"]).is_empty());
    }
}
