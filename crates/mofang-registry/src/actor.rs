//! Who does something, for the audit log.

/// Who does something. Whether they may was decided before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// The id of the user; `None` for the system and for the command line.
    pub id: Option<String>,
    /// The name that the audit log and the records show.
    pub name: String,
}

impl Actor {
    /// The house itself, e.g. when it finds a damaged package.
    pub fn system() -> Self {
        Self {
            id: None,
            name: "system".to_owned(),
        }
    }

    /// A person at the command line of this machine.
    pub fn local() -> Self {
        Self {
            id: None,
            name: "local".to_owned(),
        }
    }

    /// A user.
    pub fn user(id: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            id: Some(id.into()),
            name: name.into(),
        }
    }
}
