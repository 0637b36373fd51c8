//! Metrics side by side.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// One metric of two versions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MetricChange {
    /// The metric.
    pub name: String,
    /// Its value in the first version.
    pub from: Option<f64>,
    /// Its value in the second version.
    pub to: Option<f64>,
    /// Second minus first, when both have it.
    pub difference: Option<f64>,
}

pub(super) fn compare(
    from: &BTreeMap<String, f64>,
    to: &BTreeMap<String, f64>,
) -> Vec<MetricChange> {
    let names: BTreeSet<&String> = from.keys().chain(to.keys()).collect();
    names
        .into_iter()
        .map(|name| {
            let (from, to) = (from.get(name).copied(), to.get(name).copied());
            MetricChange {
                name: name.clone(),
                from,
                to,
                difference: from.zip(to).map(|(from, to)| to - from),
            }
        })
        .collect()
}
