//! What came of a run.

use std::collections::BTreeMap;

use mofang_data::FittedPipeline;
use mofang_nn::NetworkSpec;
use mofang_types::{
    ArtifactDigest, MANIFEST_FORMAT_VERSION, ModelSignature, PackageManifest, Provenance,
    UnixMillis,
};

use crate::evaluation::Evaluation;
use crate::gate::GateResult;
use crate::report::Report;
use crate::run_state::EpochRecord;
use crate::{Recipe, StopReason};

/// The folder of the report within a package.
const REPORT_FOLDER: &str = "report";

/// The recipe within a package.
const RECIPE_FILE: &str = "recipe.toml";

/// How a run ended.
#[derive(Debug, Clone, PartialEq)]
pub enum RunStatus {
    /// By a rule of its recipe.
    Completed {
        /// The rule.
        reason: StopReason,
    },
    /// It was asked to stop. A network can go on from its checkpoint; trees, which have none, begin again.
    Interrupted {
        /// The last step that was done, which is that of a network's checkpoint.
        step: u64,
    },
}

/// What came of a run.
#[derive(Debug, Clone)]
pub struct TrainOutcome {
    /// The run, by the name of its folder.
    pub run_id: String,
    /// How it ended.
    pub status: RunStatus,
    /// The weights: safetensors under PyTorch's names, or an ensemble of trees.
    pub weights: Vec<u8>,
    /// The path of the weights within a package.
    pub weights_file: &'static str,
    /// How good they are on the test split; none without one or when the run was interrupted.
    pub evaluation: Option<Evaluation>,
    /// Whether they are good enough to be published.
    pub gate: GateResult,
    /// The report, which is also in the run's folder; none when the run was interrupted.
    pub report: Option<Report>,
    /// What the network is built from.
    pub network_spec: NetworkSpec,
    /// The steps around it, and the files that they name.
    pub pipeline: FittedPipeline,
    /// The labels of the classes, by index.
    pub labels: Vec<String>,
    /// The epochs.
    pub history: Vec<EpochRecord>,
    /// Steps done, resumed parts added up.
    pub steps: u64,
    /// The digest of each split, by `dataset:split`.
    pub dataset_digests: BTreeMap<String, ArtifactDigest>,
    /// The version whose weights it began with.
    pub parent: Option<String>,
    /// When it ended.
    pub created_unix_ms: UnixMillis,
    /// The recipe.
    pub recipe: Recipe,
}

impl TrainOutcome {
    /// The manifest, still without its list of files, and the files of a package by path: weights,
    /// recipe and report.
    pub fn into_package(self) -> (PackageManifest, BTreeMap<String, Vec<u8>>) {
        let manifest = PackageManifest {
            format_version: MANIFEST_FORMAT_VERSION,
            task: self.recipe.model.task,
            architecture: self.network_spec.architecture,
            signature: ModelSignature::of(
                &self.network_spec.input,
                self.recipe.model.task,
                self.network_spec.outputs,
            ),
            // The signature tells all of an image.
            input: Some(self.network_spec.input).filter(|input| input.image_shape().is_none()),
            // A pipeline is a list of plain values, which JSON always has a form for.
            pipeline: serde_json::to_value(&self.pipeline.pipeline).unwrap_or_default(),
            labels: self.labels,
            metrics: self
                .evaluation
                .map(|evaluation| evaluation.metrics)
                .unwrap_or_default(),
            provenance: Provenance {
                recipe: Some(self.recipe.text().to_owned()),
                run_id: Some(self.run_id),
                dataset_digests: self.dataset_digests,
                code_version: env!("CARGO_PKG_VERSION").to_owned(),
                parent: self.parent,
                source_files: BTreeMap::new(),
            },
            description: self.recipe.model.description.clone(),
            created_unix_ms: self.created_unix_ms,
            files: Vec::new(),
        };
        let mut files = BTreeMap::from([
            (self.weights_file.to_owned(), self.weights),
            (
                RECIPE_FILE.to_owned(),
                self.recipe.text().as_bytes().to_vec(),
            ),
        ]);
        files.extend(self.pipeline.files);
        for (name, bytes) in self.report.iter().flat_map(Report::files) {
            files.insert(format!("{REPORT_FOLDER}/{name}"), bytes.to_vec());
        }
        (manifest, files)
    }
}
