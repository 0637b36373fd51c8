//! Records to test with.

use std::collections::{BTreeMap, BTreeSet};

use mofang_types::{ArtifactDigest, ModelName, Task};
use serde_json::json;

use crate::{
    ApiKeyRecord, NewAuditEntry, NewVersion, PasswordHash, Role, Scope, SecretDigest,
    SessionRecord, UserRecord,
};

/// A name from a literal.
///
/// # Panics
/// When it is not a name.
pub fn model_name(text: &str) -> ModelName {
    match text.parse() {
        Ok(name) => name,
        Err(error) => panic!("{error}"),
    }
}

/// An audit entry with this id about a test.
pub fn audit(id: &str) -> NewAuditEntry {
    NewAuditEntry {
        id: id.to_owned(),
        at_unix_ms: 1_000,
        actor_id: None,
        actor: "tester".to_owned(),
        action: "test".to_owned(),
        subject: "subject".to_owned(),
        details: json!({}),
    }
}

/// A version of `model` whose id and package are made from `id`.
pub fn new_version(model: &str, id: &str) -> NewVersion {
    NewVersion {
        id: id.to_owned(),
        model: model_name(model),
        model_id: format!("model-of-{id}"),
        package_digest: ArtifactDigest::of(id.as_bytes()),
        task: Task::ImageClassification,
        metrics: BTreeMap::from([("accuracy".to_owned(), 0.987_654_321)]),
        size_bytes: 123_456,
        tags: BTreeMap::new(),
        aliases: Vec::new(),
        created_unix_ms: 1_700_000_000_000,
        created_by: "ada".to_owned(),
        note: "a note with 'quotes' and ünïcode".to_owned(),
    }
}

/// A user with this name as id.
pub fn user(name: &str, role: Role) -> UserRecord {
    UserRecord {
        id: format!("id-{name}"),
        name: name.to_owned(),
        role,
        password_hash: PasswordHash::new("$argon2id$test".to_owned()),
        disabled: false,
        created_unix_ms: 1_700_000_000_000,
    }
}

/// A session of the user, used at 1000 and ending at 10 000.
pub fn session(id: &str, user_id: &str) -> SessionRecord {
    SessionRecord {
        id: id.to_owned(),
        user_id: user_id.to_owned(),
        token_digest: secret_digest(id),
        csrf_digest: secret_digest("csrf"),
        address: Some("192.0.2.1".to_owned()),
        created_unix_ms: 1_000,
        last_used_unix_ms: 1_000,
        expires_unix_ms: 10_000,
    }
}

/// A key of the user.
pub fn key(id: &str, user_id: &str) -> ApiKeyRecord {
    ApiKeyRecord {
        id: id.to_owned(),
        user_id: user_id.to_owned(),
        name: "a key".to_owned(),
        key_digest: secret_digest(id),
        last_four: "wxyz".to_owned(),
        scopes: BTreeSet::from([Scope::Infer, Scope::RegistryRead]),
        requests_per_minute: Some(60),
        created_unix_ms: 1_000,
        expires_unix_ms: Some(9_000),
        last_used_unix_ms: None,
        revoked_unix_ms: None,
    }
}

fn secret_digest(text: &str) -> SecretDigest {
    SecretDigest::new(*ArtifactDigest::of(text.as_bytes()).as_bytes())
}
