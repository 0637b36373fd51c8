//! The seam between commands and what they act on: this machine's data directory or a running server.
//!
//! A command asks a [`Backend`] and shows what comes back; it never knows which one answered.

mod remote;
mod views;

use std::fmt::Debug;
use std::ops::ControlFlow;

use mofang_data::{RawExample, SplitReference};
use mofang_import::ImportOptions;
use mofang_registry::VersionDiff;
use mofang_types::{AliasName, GenerationOptions, ModelName, ModelReference, Selector};

pub(crate) use remote::{Body, Remote};
pub(crate) use views::{Generated, NewKey, Predicted};

// Both backends answer with the types of the HTTP interface, so a program that reads `--format json`
// sees the same whichever answered.
pub(crate) use mofang_http::view::{
    AliasMoveView, CardView, CheckView, CreatedKeyView, DatasetView, DoctorView, EvaluationView,
    ImportedView, KeyView, ModelView, UserView, VersionView,
};

/// Files that shall become a version.
#[derive(Debug)]
pub(crate) struct Submission {
    /// The file with the weights and those beside it, by their paths within the folder.
    pub(crate) files: Vec<(String, Vec<u8>)>,
    /// What is said of them.
    pub(crate) options: ImportOptions,
    /// The aliases that shall name the version.
    pub(crate) aliases: Vec<AliasName>,
    /// What to remember about it.
    pub(crate) note: String,
}

/// Everything that can be asked.
pub(crate) trait Backend: Models + Inference + Datasets + Accounts + Debug {
    /// What this machine or the server says about its own health.
    fn doctor(&self) -> anyhow::Result<DoctorView>;
}

/// Models, versions and aliases.
pub(crate) trait Models {
    /// Every model, by name.
    fn models(&self) -> anyhow::Result<Vec<ModelView>>;
    /// Everything about one version.
    fn card(&self, reference: &ModelReference) -> anyhow::Result<CardView>;
    /// The versions of a model, newest first.
    fn versions(&self, model: &ModelName) -> anyhow::Result<Vec<VersionView>>;
    /// Makes a version of a file.
    fn import(&self, model: &ModelName, submission: Submission) -> anyhow::Result<ImportedView>;
    /// What differs between two versions of a model.
    fn diff(
        &self,
        model: &ModelName,
        from: &Selector,
        to: &Selector,
    ) -> anyhow::Result<VersionDiff>;
    /// Puts a remark on a version.
    fn tag(&self, reference: &ModelReference, key: &str, value: &str) -> anyhow::Result<()>;
    /// Removes a remark.
    fn untag(&self, reference: &ModelReference, key: &str) -> anyhow::Result<()>;
    /// Lets an alias name a version.
    fn set_alias(&self, alias: &AliasName, to: &ModelReference) -> anyhow::Result<AliasMoveView>;
    /// Deletes an alias.
    fn delete_alias(&self, model: &ModelName, alias: &AliasName) -> anyhow::Result<()>;
    /// The moves of an alias, newest first.
    fn alias_history(
        &self,
        model: &ModelName,
        alias: &AliasName,
    ) -> anyhow::Result<Vec<AliasMoveView>>;
    /// Moves an alias back to what it named before.
    fn rollback(&self, model: &ModelName, alias: &AliasName) -> anyhow::Result<AliasMoveView>;
    /// Deletes one version.
    fn delete_version(&self, reference: &ModelReference) -> anyhow::Result<()>;
    /// Deletes a model with all its versions.
    fn delete_model(&self, model: &ModelName) -> anyhow::Result<()>;
}

/// Answers of models.
pub(crate) trait Inference {
    /// Asks a model about an example.
    fn predict(
        &self,
        reference: &ModelReference,
        example: RawExample,
        top_k: Option<usize>,
    ) -> anyhow::Result<Predicted>;
    /// Goes on with a text. `told` gets what is sure of it as soon as it is; when it breaks, nothing more is
    /// computed, and what comes back is of no use.
    fn generate(
        &self,
        reference: &ModelReference,
        prompt: &str,
        options: &GenerationOptions,
        told: &mut dyn FnMut(&str) -> ControlFlow<()>,
    ) -> anyhow::Result<Generated>;
    /// Measures a model on a split.
    fn evaluate(
        &self,
        reference: &ModelReference,
        split: &SplitReference,
    ) -> anyhow::Result<EvaluationView>;
}

/// Datasets.
pub(crate) trait Datasets {
    /// Every dataset of the catalogue.
    fn datasets(&self) -> anyhow::Result<Vec<DatasetView>>;
    /// Everything about one.
    fn dataset(&self, name: &str) -> anyhow::Result<DatasetView>;
    /// Fetches its files; `progress` is given the file and how much of it is here.
    fn pull(
        &self,
        name: &str,
        mirror: Option<&str>,
        progress: &mut dyn FnMut(&str, u64, Option<u64>),
    ) -> anyhow::Result<()>;
    /// Checks the digests of its files.
    fn verify(&self, name: &str) -> anyhow::Result<()>;
}

/// Users and keys.
pub(crate) trait Accounts {
    /// Every user, by name.
    fn users(&self) -> anyhow::Result<Vec<UserView>>;
    /// Makes a user.
    fn create_user(
        &self,
        name: &str,
        password: &str,
        role: Option<&str>,
    ) -> anyhow::Result<UserView>;
    /// Gives a user another role.
    fn set_role(&self, name: &str, role: &str) -> anyhow::Result<()>;
    /// Closes or opens an account.
    fn set_disabled(&self, name: &str, disabled: bool) -> anyhow::Result<()>;
    /// Gives a user another password. A server wants the present one as well.
    fn set_password(&self, name: &str, current: Option<&str>, password: &str)
    -> anyhow::Result<()>;
    /// Keys: all of them here, one's own at a server.
    fn keys(&self) -> anyhow::Result<Vec<KeyView>>;
    /// Makes a key and shows it this once.
    fn create_key(&self, key: &NewKey) -> anyhow::Result<CreatedKeyView>;
    /// Revokes a key, at once.
    fn revoke_key(&self, id: &str) -> anyhow::Result<()>;
}
