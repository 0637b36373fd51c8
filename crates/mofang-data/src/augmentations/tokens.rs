//! Tokens in the making.

/// The ids of a text, to be changed in place.
pub(crate) struct Tokens<'a> {
    /// The ids; an augmentation leaves at least one.
    pub(crate) ids: Vec<u32>,
    /// The id that stands for a hidden token.
    pub(crate) mask_id: u32,
    /// Whether an id stands for no text and has to stay where it is.
    pub(crate) is_special: &'a dyn Fn(u32) -> bool,
}

impl Tokens<'_> {
    /// Where tokens of the text stand, special ones left out.
    pub(crate) fn places(&self) -> Vec<usize> {
        let ids = self.ids.iter().enumerate();
        ids.filter(|(_, id)| !(self.is_special)(**id))
            .map(|(place, _)| place)
            .collect()
    }
}
