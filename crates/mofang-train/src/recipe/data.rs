//! `[data]`: what goes in.

use mofang_data::SplitSettings;
use serde::{Deserialize, Serialize};

/// What goes in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataSection {
    /// A dataset of the catalogue, or the path of a dataset's own TOML file.
    pub dataset: String,
    /// How it is split and cleaned.
    #[serde(default)]
    pub split: SplitSettings,
}

impl DataSection {
    /// The section in the text of a recipe; none when there is none that can be read. Nothing else is looked
    /// at: on what a version was trained stays known when something else in its recipe is refused by now.
    pub fn of_text(text: &str) -> Option<Self> {
        #[derive(Deserialize)]
        struct Text {
            data: DataSection,
        }
        toml::from_str::<Text>(text).ok().map(|text| text.data)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_section_is_read_whatever_else_is_in_the_text() {
        let text =
            "strange = 1\n[train]\nepocs = 2\n[data]\ndataset = \"a\"\n[data.split]\nseed = 7\n";
        let section = DataSection::of_text(text).unwrap();
        assert_eq!((section.dataset.as_str(), section.split.seed), ("a", 7));
        assert_eq!(DataSection::of_text("[train]\nseed = 1\n"), None);
        assert_eq!(DataSection::of_text("no TOML"), None);
    }
}
