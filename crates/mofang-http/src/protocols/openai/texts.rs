//! A text or several, as the protocol writes them.

use serde_json::Value;

use crate::ApiError;

/// The texts of a value that is one text or a list of texts; `parameter` is where it stands.
///
/// # Errors
/// When it is neither; ids of tokens are told apart.
pub(super) fn texts(value: Value, parameter: &'static str) -> Result<Vec<String>, ApiError> {
    let refused = |reason: String| Err(ApiError::invalid(reason).about(parameter));
    let values = match value {
        Value::String(text) => return Ok(vec![text]),
        Value::Array(values) => values,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => {
            return refused(format!("{parameter} has to be a text or a list of texts"));
        }
    };
    let mut texts = Vec::with_capacity(values.len());
    for value in values {
        match value {
            Value::String(text) => texts.push(text),
            Value::Number(_) | Value::Array(_) => {
                return refused(format!(
                    "{parameter} has ids of tokens, which are not read; send the text itself"
                ));
            }
            Value::Null | Value::Bool(_) | Value::Object(_) => {
                return refused(format!("{parameter} has something that is no text"));
            }
        }
    }
    Ok(texts)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn one_text_and_several_are_read_and_ids_are_named() {
        assert_eq!(texts(json!("a"), "input").unwrap(), ["a"]);
        assert_eq!(texts(json!(["a", "b"]), "input").unwrap(), ["a", "b"]);
        for (value, said) in [
            (json!([1, 2]), "ids of tokens"),
            (json!([[1], [2]]), "ids of tokens"),
            (json!(["a", null]), "no text"),
            (json!(3), "a text or a list"),
        ] {
            let error = texts(value, "prompt").unwrap_err();
            assert_eq!(error.parameter, Some("prompt"));
            assert!(error.detail.contains(said), "{}", error.detail);
        }
    }
}
