//! Names of users.

use crate::AccountError;

const LENGTH_MAX: usize = 64;

/// The name in the form in which it is stored and compared: lower case.
pub(crate) fn normalize(name: &str) -> String {
    name.trim().to_ascii_lowercase()
}

/// The normalized name, when it can be one.
pub(crate) fn check(name: &str) -> Result<String, AccountError> {
    let normalized = normalize(name);
    let valid = (1..=LENGTH_MAX).contains(&normalized.len())
        && normalized.bytes().all(|byte| {
            byte.is_ascii_lowercase()
                || byte.is_ascii_digit()
                || matches!(byte, b'-' | b'_' | b'.' | b'@' | b'+')
        })
        && normalized
            .bytes()
            .next()
            .is_some_and(|byte| byte.is_ascii_alphanumeric());
    // They stand for the command line and the program itself in the audit log.
    let reserved = matches!(normalized.as_str(), "local" | "system" | "anonymous");
    if valid && !reserved {
        Ok(normalized)
    } else {
        Err(AccountError::Invalid {
            reason: format!(
                "\"{}\" cannot be a user's name (1 to 64 of a-z, 0-9, '-', '_', '.', '@', '+', \
                 beginning with a letter or digit, and not local, system or anonymous)",
                name.chars().take(80).collect::<String>()
            ),
        })
    }
}
