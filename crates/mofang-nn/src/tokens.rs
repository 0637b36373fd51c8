//! A batch of texts as the ids of their tokens.

use std::sync::Arc;

/// Ids of tokens `[batch, length]`, in this process's memory: lengths and masks are read from them, and a
/// table of embeddings takes them to its device.
///
/// A text ends behind its last token that is not the padding.
#[derive(Debug, Clone)]
pub struct Tokens {
    ids: Arc<[i64]>,
    batch: usize,
    length: usize,
    padding_id: i64,
}

impl Tokens {
    /// These, row by row; a padding that no id can be pads nothing.
    pub(crate) fn new(ids: Vec<i64>, [batch, length]: [usize; 2], padding_id: usize) -> Self {
        Self {
            ids: ids.into(),
            batch,
            length,
            padding_id: i64::try_from(padding_id).unwrap_or(-1),
        }
    }

    /// How many texts.
    pub(crate) fn batch(&self) -> usize {
        self.batch
    }

    /// Tokens of the longest text, padding included.
    pub(crate) fn length(&self) -> usize {
        self.length
    }

    pub(crate) fn ids(&self) -> &Arc<[i64]> {
        &self.ids
    }

    /// Whether each token is read, `[batch, length]`.
    pub(crate) fn valid(&self) -> Vec<bool> {
        self.ids.iter().map(|id| *id != self.padding_id).collect()
    }

    /// Tokens of each text, up to its last that is not the padding.
    pub(crate) fn lengths(&self) -> Vec<usize> {
        self.ids
            .chunks(self.length.max(1))
            .map(|ids| {
                let last = ids.iter().rposition(|id| *id != self.padding_id);
                last.map_or(0, |last| last + 1)
            })
            .collect()
    }

    /// With padding behind each text up to `length` tokens; longer ones stay.
    pub(crate) fn padded_to(self, length: usize) -> Self {
        if length <= self.length {
            return self;
        }
        let mut ids = Vec::with_capacity(self.batch * length);
        for row in self.ids.chunks(self.length.max(1)) {
            ids.extend_from_slice(row);
            ids.resize(ids.len() + length - row.len(), self.padding_id);
        }
        Self {
            ids: ids.into(),
            length,
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_ends_behind_its_last_token_that_is_no_padding() {
        let tokens = Tokens::new(vec![5, 0, 7, 0, 0, 0, 0, 0], [2, 4], 0);
        assert_eq!(tokens.lengths(), [3, 0]);
        assert_eq!(tokens.valid()[..4], [true, false, true, false]);
        let longer = tokens.clone().padded_to(6);
        assert_eq!((longer.length(), longer.lengths()), (6, vec![3, 0]));
        assert_eq!(longer.ids()[..6], [5, 0, 7, 0, 0, 0]);
        assert_eq!(tokens.padded_to(2).length(), 4);
    }
}
