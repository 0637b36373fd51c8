//! Which passwords are accepted: long enough, and not one that everybody tries first. No rules of
//! composition, no truncation, no change of case (TRUST.md SEC-9, SEC-10; NIST SP 800-63B §5.1.1).

use std::collections::HashSet;
use std::sync::LazyLock;

use crate::AccountError;

const LENGTH_MIN: usize = 8;

/// Far above the 64 that must be possible; a bound only so that nobody sends megabytes to hash.
const LENGTH_BYTES_MAX: usize = 4096;

/// The most frequent passwords of at least [`LENGTH_MIN`] characters; see data/ATTRIBUTION.md.
static COMMON: LazyLock<HashSet<&'static str>> = LazyLock::new(|| {
    include_str!("../data/common-passwords.txt")
        .lines()
        .filter(|line| !line.is_empty())
        .collect()
});

/// Whether the password can be accepted for the user of this name.
pub(crate) fn check(password: &str, user_name: &str) -> Result<(), AccountError> {
    let refuse = |reason: &str| {
        Err(AccountError::Invalid {
            reason: reason.to_owned(),
        })
    };
    if password.chars().count() < LENGTH_MIN {
        return refuse("the password has fewer than 8 characters; 15 or more are good");
    }
    if password.len() > LENGTH_BYTES_MAX {
        return refuse("the password is longer than 4096 bytes");
    }
    let folded = password.to_lowercase();
    if COMMON.contains(folded.as_str()) {
        return refuse("the password is one of the most common ones; choose another");
    }
    if folded == user_name {
        return refuse("the password is the user's name; choose another");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sec_10_the_list_has_three_thousand_that_would_pass_otherwise() {
        assert_eq!(COMMON.len(), 3000);
        for password in COMMON.iter() {
            assert!(password.chars().count() >= LENGTH_MIN, "{password}");
            assert_eq!(*password, password.to_lowercase());
            assert!(check(password, "ada").is_err(), "{password}");
        }
    }

    #[test]
    fn sec_9_length_counts_and_composition_does_not() {
        let long = "ü".repeat(64);
        let huge = "x".repeat(4097);
        for (password, accepted) in [
            ("gb4nkqz", false),
            ("gb4nkqzt", true),
            ("zzzzqqqqzzzzqqqq", true),
            ("пароль-и-ещё", true),
            ("PaSsWoRd1", false),
            ("ada.lovelace", false),
            (long.as_str(), true),
            (huge.as_str(), false),
        ] {
            let result = check(password, "ada.lovelace");
            assert_eq!(result.is_ok(), accepted, "{password}");
        }
    }

    #[test]
    fn a_refusal_does_not_repeat_the_password() {
        let error = check("sunshine1", "ada").unwrap_err().to_string();
        assert!(!error.contains("sunshine1"));
    }
}
