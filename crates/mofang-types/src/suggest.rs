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

#[cfg(test)]
mod tests {
    use super::closest;

    #[test]
    fn a_typing_error_finds_its_word() {
        let words = ["learning_rate", "batch_size", "momentum"];
        assert_eq!(closest("learning_rat", words), Some("learning_rate"));
        assert_eq!(closest("bacth_size", words), Some("batch_size"));
        assert_eq!(closest("colour", words), None);
    }
}
