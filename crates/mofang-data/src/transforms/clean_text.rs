//! `clean_text`: what only looks different becomes the same.

use serde::{Deserialize, Serialize};

use crate::text::{collapse_whitespace, nfkc, remove_controls, strip_markup};

/// Cleans a text, in this order: markup, Unicode's form, invisible characters, letters, whitespace.
/// Controls and marks of direction always go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CleanText {
    /// Whether tags of HTML and XML go and entities become their characters.
    pub strip_markup: bool,
    /// Whether the text is brought into Unicode's normalization form KC: full-width letters, ligatures
    /// and the like become the plain ones.
    pub nfkc: bool,
    /// Whether letters become small.
    pub lowercase: bool,
    /// Whether whitespace, line ends included, becomes single spaces with none at the ends.
    pub collapse_whitespace: bool,
}

impl Default for CleanText {
    fn default() -> Self {
        Self {
            strip_markup: false,
            nfkc: true,
            lowercase: false,
            collapse_whitespace: true,
        }
    }
}

impl CleanText {
    pub(crate) fn apply(&self, mut text: String) -> String {
        if self.strip_markup {
            text = strip_markup(&text).into_owned();
        }
        if self.nfkc {
            text = nfkc(&text).into_owned();
        }
        text = remove_controls(&text).into_owned();
        if self.lowercase {
            text = text.to_lowercase();
        }
        if self.collapse_whitespace {
            text = collapse_whitespace(&text).into_owned();
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_can_be_left_out() {
        let text = "  <b>Ｆull</b>\u{200b}\n WIDTH ";
        let clean = |json| {
            let step: CleanText = serde_json::from_value(json).unwrap();
            step.apply(text.to_owned())
        };
        assert_eq!(clean(serde_json::json!({})), "<b>Full</b> WIDTH");
        assert_eq!(
            clean(serde_json::json!({"strip_markup": true, "lowercase": true})),
            "full width"
        );
        assert_eq!(
            clean(serde_json::json!({"nfkc": false, "collapse_whitespace": false})),
            "  <b>Ｆull</b>\n WIDTH "
        );
    }
}
