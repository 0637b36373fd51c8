//! What can be done, and who may: the one table.

use std::fmt;

use mofang_store::{Role, Scope};

/// Something that a request wants to do. The list is closed: what is not on it cannot be allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// Deletes a model with all its versions.
    DeleteModel,
    /// Deletes a version.
    DeleteVersion,
    /// Reads the state of the installation.
    Diagnose,
    /// Evaluates a version on a dataset.
    Evaluate,
    /// Moves and deletes aliases.
    ManageAliases,
    /// Creates and revokes own keys, ends own sessions, changes the own password.
    ManageOwnAccount,
    /// Loads models into memory and unloads them for everybody.
    ManageServing,
    /// Puts remarks on versions.
    ManageTags,
    /// Makes accounts, gives roles, closes accounts, sees and revokes the keys of others.
    ManageUsers,
    /// Asks a model for predictions.
    Predict,
    /// Publishes a version.
    PublishVersion,
    /// Downloads and verifies datasets.
    PullDatasets,
    /// Reads the audit log.
    ReadAudit,
    /// Lists datasets.
    ReadDatasets,
    /// Reads the server's figures.
    ReadMetrics,
    /// Lists models and reads their cards.
    ReadModels,
    /// Sees own name, role, keys and sessions.
    ReadOwnAccount,
    /// Runs training.
    Train,
}

/// What an action needs: the role always, the scope when the credential is a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// The lowest role.
    pub role: Role,
    /// The scope of the key; `None` when any key will do.
    pub scope: Option<Scope>,
}

const fn rule(role: Role, scope: Option<Scope>) -> Rule {
    Rule { role, scope }
}

impl Action {
    /// Every action, alphabetical.
    pub fn all() -> &'static [Self] {
        &[
            Self::DeleteModel,
            Self::DeleteVersion,
            Self::Diagnose,
            Self::Evaluate,
            Self::ManageAliases,
            Self::ManageOwnAccount,
            Self::ManageServing,
            Self::ManageTags,
            Self::ManageUsers,
            Self::Predict,
            Self::PublishVersion,
            Self::PullDatasets,
            Self::ReadAudit,
            Self::ReadDatasets,
            Self::ReadMetrics,
            Self::ReadModels,
            Self::ReadOwnAccount,
            Self::Train,
        ]
    }

    /// The table.
    pub fn rule(self) -> Rule {
        match self {
            Self::DeleteModel => rule(Role::Admin, Some(Scope::RegistryWrite)),
            Self::DeleteVersion
            | Self::ManageAliases
            | Self::ManageServing
            | Self::ManageTags
            | Self::PublishVersion => rule(Role::Editor, Some(Scope::RegistryWrite)),
            Self::Evaluate | Self::PullDatasets | Self::Train => {
                rule(Role::Editor, Some(Scope::Train))
            }
            Self::Predict => rule(Role::Caller, Some(Scope::Infer)),
            Self::ReadDatasets | Self::ReadMetrics | Self::ReadModels => {
                rule(Role::Viewer, Some(Scope::RegistryRead))
            }
            Self::ReadOwnAccount => rule(Role::Viewer, None),
            // A key that could make keys could give itself every scope.
            Self::ManageOwnAccount => rule(Role::Viewer, Some(Scope::Admin)),
            Self::Diagnose | Self::ManageUsers | Self::ReadAudit => {
                rule(Role::Admin, Some(Scope::Admin))
            }
        }
    }

    /// The action as it reads behind "may not".
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DeleteModel => "delete a model",
            Self::DeleteVersion => "delete a version",
            Self::Diagnose => "read the state of the installation",
            Self::Evaluate => "evaluate a version",
            Self::ManageAliases => "move an alias",
            Self::ManageOwnAccount => "change the account",
            Self::ManageServing => "load or unload a model",
            Self::ManageTags => "tag a version",
            Self::ManageUsers => "manage users",
            Self::Predict => "ask for predictions",
            Self::PublishVersion => "publish a version",
            Self::PullDatasets => "pull a dataset",
            Self::ReadAudit => "read the audit log",
            Self::ReadDatasets => "list datasets",
            Self::ReadMetrics => "read the server's figures",
            Self::ReadModels => "read models",
            Self::ReadOwnAccount => "read the account",
            Self::Train => "train",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
