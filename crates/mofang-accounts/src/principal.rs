//! Who is asking.

use std::collections::BTreeSet;

use mofang_store::{Role, Scope};

use crate::{AccountError, Action};

/// The user behind a request, with what its credential is good for at this moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// The user's id.
    pub user_id: String,
    /// The user's name.
    pub user_name: String,
    /// What the user may do at most.
    pub role: Role,
    /// What the key is good for; `None` for a session, which may do all that the role allows.
    pub scopes: Option<BTreeSet<Scope>>,
    /// The key, when one was used.
    pub key_id: Option<String>,
    /// The session, when one was used.
    pub session_id: Option<String>,
}

impl Principal {
    /// Whoever can run the program on the data directory itself: the files' owner may do everything.
    pub fn local() -> Self {
        Self {
            user_id: String::new(),
            user_name: "local".to_owned(),
            role: Role::Admin,
            scopes: None,
            key_id: None,
            session_id: None,
        }
    }

    /// The user's id for the audit log; `None` for [`Principal::local`].
    pub fn actor_id(&self) -> Option<String> {
        Some(self.user_id.clone()).filter(|id| !id.is_empty())
    }

    /// Whether the action is allowed.
    ///
    /// # Errors
    /// Which role or scope is missing.
    pub fn authorize(&self, action: Action) -> Result<(), AccountError> {
        let rule = action.rule();
        if self.role < rule.role {
            return Err(AccountError::RoleForbids {
                action,
                role: self.role,
                needed: rule.role,
            });
        }
        match (rule.scope, &self.scopes) {
            (Some(needed), Some(scopes))
                if !scopes.contains(&needed) && !scopes.contains(&Scope::Admin) =>
            {
                Err(AccountError::ScopeForbids { action, needed })
            }
            _ => Ok(()),
        }
    }

    /// Whether the action is allowed.
    pub fn may(&self, action: Action) -> bool {
        self.authorize(action).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The matrix, written out: the lowest role, and the scopes that suffice besides `admin`.
    const EXPECTED: &[(Action, Role, &[Scope])] = &[
        (Action::DeleteModel, Role::Admin, &[Scope::RegistryWrite]),
        (Action::DeleteVersion, Role::Editor, &[Scope::RegistryWrite]),
        (Action::Diagnose, Role::Admin, &[]),
        (Action::Evaluate, Role::Editor, &[Scope::Train]),
        (Action::ManageAliases, Role::Editor, &[Scope::RegistryWrite]),
        (Action::ManageOwnAccount, Role::Viewer, &[]),
        (Action::ManageServing, Role::Editor, &[Scope::RegistryWrite]),
        (Action::ManageTags, Role::Editor, &[Scope::RegistryWrite]),
        (Action::ManageUsers, Role::Admin, &[]),
        (Action::Predict, Role::Caller, &[Scope::Infer]),
        (
            Action::PublishVersion,
            Role::Editor,
            &[Scope::RegistryWrite],
        ),
        (Action::PullDatasets, Role::Editor, &[Scope::Train]),
        (Action::ReadAudit, Role::Admin, &[]),
        (Action::ReadDatasets, Role::Viewer, &[Scope::RegistryRead]),
        (Action::ReadMetrics, Role::Viewer, &[Scope::RegistryRead]),
        (Action::ReadModels, Role::Viewer, &[Scope::RegistryRead]),
        (
            Action::ReadOwnAccount,
            Role::Viewer,
            &[
                Scope::Infer,
                Scope::RegistryRead,
                Scope::RegistryWrite,
                Scope::Train,
            ],
        ),
        (Action::Train, Role::Editor, &[Scope::Train]),
    ];

    #[test]
    fn sec_16_every_action_for_every_role_and_scope() {
        let listed: Vec<Action> = EXPECTED.iter().map(|(action, ..)| *action).collect();
        assert_eq!(listed, Action::all());
        for (action, lowest, sufficient) in EXPECTED {
            for role in Role::all() {
                let mut principal = Principal {
                    role: *role,
                    ..Principal::local()
                };
                assert_eq!(principal.may(*action), role >= lowest, "{role}: {action}");
                for scope in Scope::all() {
                    principal.scopes = Some(BTreeSet::from([*scope]));
                    let expected =
                        role >= lowest && (*scope == Scope::Admin || sufficient.contains(scope));
                    assert_eq!(principal.may(*action), expected, "{role} {scope}: {action}");
                }
            }
        }
    }

    #[test]
    fn a_key_without_scopes_may_do_next_to_nothing() {
        let principal = Principal {
            scopes: Some(BTreeSet::new()),
            ..Principal::local()
        };
        let allowed: Vec<_> = Action::all()
            .iter()
            .filter(|action| principal.may(**action))
            .collect();
        assert_eq!(allowed, [&Action::ReadOwnAccount]);
    }
}
