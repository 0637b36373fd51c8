//! Which paths a package may contain.

use crate::ArtifactError;

const PATH_BYTES_MAX: usize = 512;
const PART_BYTES_MAX: usize = 255;

/// Checks that `path` stays within a package wherever it is unpacked: relative, `/` between its
/// parts, no `..`, no NUL, nothing that another operating system reads otherwise.
///
/// # Errors
/// When it does not.
pub fn check_package_path(path: &str) -> Result<(), ArtifactError> {
    match fault(path) {
        None => Ok(()),
        Some(reason) => Err(ArtifactError::InvalidPath {
            path: path.chars().take(80).collect(),
            reason,
        }),
    }
}

fn fault(path: &str) -> Option<&'static str> {
    if path.is_empty() {
        return Some("it is empty");
    }
    if path.len() > PATH_BYTES_MAX {
        return Some("it is longer than 512 bytes");
    }
    if path.starts_with('/') {
        return Some("it is absolute");
    }
    if path.chars().any(char::is_control) {
        return Some("it contains a control character");
    }
    if path.contains(['\\', ':']) {
        return Some("it contains '\\' or ':'");
    }
    path.split('/').find_map(|part| match part {
        "" => Some("a part of it is empty"),
        "." | ".." => Some("it contains \".\" or \"..\" as a part"),
        part if part.len() > PART_BYTES_MAX => Some("a part of it is longer than 255 bytes"),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_leave_the_package_are_refused() {
        for path in [
            "",
            "/etc/passwd",
            "..",
            "../x",
            "a/../../x",
            "a/..",
            "./a",
            "a//b",
            "a/",
            "a\0b",
            "a\nb",
            "C:\\x",
            "c:x",
            "a\\..\\b",
            &"a".repeat(256),
            &"a/".repeat(300),
        ] {
            assert!(check_package_path(path).is_err(), "{path:?} was accepted");
        }
        for path in ["model.safetensors", "a/b/c.json", "..a", "a..b", "名.txt"] {
            assert!(check_package_path(path).is_ok(), "{path:?} was refused");
        }
    }
}
