//! "Did you mean …?"

/// The candidate closest to `text`, when it is close enough to be what was meant.
pub fn closest<'a>(text: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(text, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= 1 + candidate.len().min(text.len()) / 4)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Adds a suggestion to a message of serde about an unknown field or variant, such as
/// ``unknown field `bacth_size`, expected one of `batch_size`, `seed` ``.
///
/// Other messages come back unchanged.
pub fn with_suggestion(message: &str) -> String {
    let mut quoted = message.split('`').skip(1).step_by(2);
    let is_unknown = message.contains("unknown field") || message.contains("unknown variant");
    let suggestion = quoted
        .next()
        .filter(|_| is_unknown)
        .and_then(|word| closest(word, quoted));
    match suggestion {
        Some(suggestion) => format!("{message}; did you mean `{suggestion}`?"),
        None => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::{closest, with_suggestion};

    #[test]
    fn an_unknown_field_gets_a_suggestion() {
        let message = "unknown field `bacth_size`, expected one of `batch_size`, `seed`";
        assert_eq!(
            with_suggestion(message),
            format!("{message}; did you mean `batch_size`?")
        );
        assert_eq!(
            with_suggestion("missing field `seed`"),
            "missing field `seed`"
        );
    }

    #[test]
    fn a_typing_error_finds_its_word() {
        let words = ["learning_rate", "batch_size", "momentum"];
        assert_eq!(closest("learning_rat", words), Some("learning_rate"));
        assert_eq!(closest("bacth_size", words), Some("batch_size"));
        assert_eq!(closest("colour", words), None);
    }
}
