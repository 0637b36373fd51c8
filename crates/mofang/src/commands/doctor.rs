//! `mofang doctor`

use mofang_types::ErrorCode;

use crate::backend::{Backend as _, CheckView, DoctorView};
use crate::context::Context;
use crate::data_dir::{Holder, Layout};
use crate::exit::{Failure, describe};
use crate::local::{check, machine, sum_up};

/// Runs the command; fails when something is not in order.
pub(crate) fn run(context: &Context) -> anyhow::Result<()> {
    let report = if context.configuration.get("server").is_some() {
        context.backend()?.doctor()?
    } else {
        match context.local() {
            Ok(local) => local.doctor()?,
            Err(error) => held_or_broken(context, &error)?,
        }
    };
    context.output.record(&report, || {
        let width = report
            .checks
            .iter()
            .map(|check| check.name.len())
            .max()
            .unwrap_or(0);
        let line = |check: &CheckView| {
            let mark = if check.passed { "ok  " } else { "FAIL" };
            format!("{mark}  {:width$}  {}", check.name, check.detail)
        };
        report
            .checks
            .iter()
            .map(line)
            .collect::<Vec<_>>()
            .join("\n")
    })?;
    if report.healthy {
        Ok(())
    } else {
        Err(Failure::new(
            ErrorCode::Unavailable,
            "something is not in order; see the report",
        )
        .into())
    }
}

/// The report when the data directory cannot be opened: in use, which is in order, or broken.
fn held_or_broken(context: &Context, error: &anyhow::Error) -> anyhow::Result<DoctorView> {
    let layout = Layout::new(context.configuration.data_dir()?);
    let mut checks = machine(&layout);
    match Holder::read(&layout) {
        Some(holder) if holder.pid != std::process::id() => {
            checks.push(check(
                "lock",
                Ok(format!(
                    "held by {}; --server asks it for the rest",
                    holder.describe()
                )),
            ));
        }
        _ => checks.push(check("data directory", Err(describe(error)))),
    }
    Ok(sum_up(checks))
}
