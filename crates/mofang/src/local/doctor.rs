//! What this machine and the data directory say about their health.

use std::path::Path;

use mofang_registry::Actor;
use mofang_store::Store as _;
use mofang_types::{ModelReference, Selector};

use super::Local;
use crate::backend::{CheckView, DoctorView, Models as _};
use crate::data_dir::Layout;
use crate::time_text;

/// Below this, training and publishing will soon fail.
const FREE_BYTES_MIN: u64 = 500 << 20;

/// A check and what it found.
pub(crate) fn check(name: &str, found: Result<String, String>) -> CheckView {
    CheckView {
        name: name.to_owned(),
        passed: found.is_ok(),
        detail: found.unwrap_or_else(|fault| fault),
    }
}

/// Sums checks up.
pub(crate) fn sum_up(checks: Vec<CheckView>) -> DoctorView {
    DoctorView {
        healthy: checks.iter().all(|check| check.passed),
        checks,
    }
}

/// The machine, which needs no data directory.
pub(crate) fn machine(layout: &Layout) -> Vec<CheckView> {
    let features = cpu_features();
    let features = if features.is_empty() {
        "none of those that help".to_owned()
    } else {
        features.join(" ")
    };
    vec![
        check(
            "version",
            Ok(format!(
                "{} on {}-{}",
                env!("CARGO_PKG_VERSION"),
                std::env::consts::ARCH,
                std::env::consts::OS
            )),
        ),
        check("devices", Ok(mofang_runtime::devices())),
        check("cpu features", Ok(features)),
        check(
            "sqlite",
            Ok(libsqlite3_sys::SQLITE_VERSION
                .to_string_lossy()
                .into_owned()),
        ),
        check("data directory", Ok(layout.root().display().to_string())),
        check("disk", disk(layout.root())),
    ]
}

/// Everything, with the bytes of every version verified.
pub(super) fn report(local: &Local) -> anyhow::Result<DoctorView> {
    let mut checks = machine(local.layout());
    checks.push(check(
        "lock",
        Ok(format!("held by this process ({})", std::process::id())),
    ));
    let database = local.wait(local.platform.store.verify());
    checks.push(check(
        "database",
        database
            .map(|()| "sound, with the schema of this version".to_owned())
            .map_err(|error| error.to_string()),
    ));
    let (mut whole, mut damaged) = (0_u64, Vec::new());
    for model in local.models()? {
        let model = model.name.parse()?;
        for version in local.versions(&model)? {
            let selector = Selector::Version(version.version);
            let reference = ModelReference {
                model: model.clone(),
                selector,
            };
            match local.wait(local.platform.registry.verify(&reference, &Actor::local())) {
                Ok(_) => whole += 1,
                Err(error) => damaged.push(error.to_string()),
            }
        }
    }
    checks.push(check(
        "artifacts",
        if damaged.is_empty() {
            Ok(format!("every byte of {whole} versions has its digest"))
        } else {
            Err(damaged.join("; "))
        },
    ));
    Ok(sum_up(checks))
}

fn disk(path: &Path) -> Result<String, String> {
    match free_bytes(path) {
        None => Ok("free space unknown".to_owned()),
        Some(free) if free < FREE_BYTES_MIN => Err(format!("only {} free", time_text::size(free))),
        Some(free) => Ok(format!("{} free", time_text::size(free))),
    }
}

fn free_bytes(path: &Path) -> Option<u64> {
    // The directory may not be there yet: its disk is that of the first ancestor that is.
    let path = std::path::absolute(path).ok()?;
    let path = path.ancestors().find(|ancestor| ancestor.exists())?;
    #[cfg(unix)]
    {
        let disk = rustix::fs::statvfs(path).ok()?;
        Some(disk.f_bavail.saturating_mul(disk.f_frsize))
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        None
    }
}

fn cpu_features() -> Vec<&'static str> {
    #[cfg(target_arch = "x86_64")]
    let features = [
        ("sse4.2", std::is_x86_feature_detected!("sse4.2")),
        ("avx", std::is_x86_feature_detected!("avx")),
        ("avx2", std::is_x86_feature_detected!("avx2")),
        ("fma", std::is_x86_feature_detected!("fma")),
        ("avx512f", std::is_x86_feature_detected!("avx512f")),
        ("avx512vnni", std::is_x86_feature_detected!("avx512vnni")),
    ];
    #[cfg(target_arch = "aarch64")]
    let features = [
        ("neon", std::arch::is_aarch64_feature_detected!("neon")),
        (
            "dotprod",
            std::arch::is_aarch64_feature_detected!("dotprod"),
        ),
        ("fp16", std::arch::is_aarch64_feature_detected!("fp16")),
    ];
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    let features: [(&str, bool); 0] = [];
    features
        .into_iter()
        .filter(|(_, present)| *present)
        .map(|(name, _)| name)
        .collect()
}
