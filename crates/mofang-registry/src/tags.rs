//! Remarks on versions.

use mofang_types::ModelReference;
use serde_json::json;

use crate::{Actor, Registry, RegistryError};

const KEY_BYTES_MAX: usize = 64;
const VALUE_BYTES_MAX: usize = 1024;
const NOTE_BYTES_MAX: usize = 16 * 1024;

impl Registry {
    /// Puts a remark on a version, in place of the one under the same key.
    ///
    /// # Errors
    /// When the version does not exist or the remark cannot be kept.
    pub async fn tag(
        &self,
        reference: &ModelReference,
        key: &str,
        value: &str,
        actor: &Actor,
    ) -> Result<(), RegistryError> {
        check_tag(key, value)?;
        let route = self.locate(reference)?;
        let subject = format!("{}@{}", route.model, route.number);
        let details = json!({ "key": key, "value": value });
        let audit = self.audit(actor, "version.tag", subject, details);
        self.store
            .set_tag(&route.version_id, key, value, audit)
            .await?;
        Ok(())
    }

    /// Removes a remark.
    ///
    /// # Errors
    /// When the version does not exist or has no remark under the key.
    pub async fn untag(
        &self,
        reference: &ModelReference,
        key: &str,
        actor: &Actor,
    ) -> Result<(), RegistryError> {
        let route = self.locate(reference)?;
        let subject = format!("{}@{}", route.model, route.number);
        let audit = self.audit(actor, "version.untag", subject, json!({ "key": key }));
        self.store.remove_tag(&route.version_id, key, audit).await?;
        Ok(())
    }
}

pub(crate) fn check_tag(key: &str, value: &str) -> Result<(), RegistryError> {
    let well_formed = key
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
    if key.is_empty() || key.len() > KEY_BYTES_MAX || !well_formed {
        return Err(RegistryError::InvalidRemark {
            what: "tag's key",
            reason: "it must be 1 to 64 of a-z, A-Z, 0-9, '-', '_', '.'".to_owned(),
        });
    }
    check_text("tag's value", value, VALUE_BYTES_MAX)
}

pub(crate) fn check_note(note: &str) -> Result<(), RegistryError> {
    check_text("note", note, NOTE_BYTES_MAX)
}

fn check_text(what: &'static str, text: &str, bytes_max: usize) -> Result<(), RegistryError> {
    let reason = if text.len() > bytes_max {
        format!("it is longer than {bytes_max} bytes")
    } else if text.contains('\0') {
        "it contains a NUL".to_owned()
    } else {
        return Ok(());
    };
    Err(RegistryError::InvalidRemark { what, reason })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_that_cannot_be_kept_are_refused() {
        for (key, value) in [
            ("", "x"),
            ("a b", "x"),
            ("a/b", "x"),
            (&"k".repeat(65), "x"),
            ("k", "a\0b"),
            ("k", &"v".repeat(1025)),
        ] {
            assert!(check_tag(key, value).is_err(), "{key:?} = {value:?}");
        }
        assert!(check_tag("stage.1", "größer\nals zuvor").is_ok());
        assert!(check_note(&"n".repeat(NOTE_BYTES_MAX + 1)).is_err());
    }
}
