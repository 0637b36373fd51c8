//! Keys and values of the tokens that a decoder has read.

use burn::tensor::Tensor;

/// Keys and values of the tokens of one text that a decoder has read, so that a further token costs one row.
#[derive(Debug, Clone, Default)]
pub(crate) struct Memory {
    layers: Vec<Option<[Tensor<2>; 2]>>,
    length: usize,
}

impl Memory {
    /// Tokens that have been read.
    pub(crate) fn length(&self) -> usize {
        self.length
    }

    /// All keys and values of a layer, those of `rows` behind the ones that there are.
    pub(crate) fn extend(&mut self, layer: usize, rows: [Tensor<2>; 2]) -> [Tensor<2>; 2] {
        if self.layers.len() <= layer {
            self.layers.resize(layer + 1, None);
        }
        let all = match self.layers.get_mut(layer).and_then(Option::take) {
            None => rows,
            Some([keys, values]) => {
                let [further_keys, further_values] = rows;
                [
                    Tensor::cat(vec![keys, further_keys], 0),
                    Tensor::cat(vec![values, further_values], 0),
                ]
            }
        };
        if let Some(place) = self.layers.get_mut(layer) {
            *place = Some(all.clone());
        }
        all
    }

    /// So many tokens have gone through all layers.
    pub(crate) fn advance(&mut self, count: usize) {
        self.length += count;
    }
}
