//! Feeds the trainer of a language model: windows of a stream of tokens, and behind each token the next.
//!
//! In training the windows of an epoch begin at a place of their own and stand in an order of their own, both a
//! function of (seed, epoch), so that (epoch, batch) is the whole state, as it is of the loader of examples. In
//! evaluation every token but the first is asked for once.

use std::sync::Arc;

use mofang_types::{ModelInput, Tensor};
use rand::seq::SliceRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use crate::{Batch, CompiledPipeline, DataError, Split, Target};

/// How windows make batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WindowSettings {
    /// Windows in a batch, at least 1.
    pub batch_size: usize,
    /// The seed of places and orders; none for the windows in their order, every token once.
    pub seed: Option<u64>,
    /// Whether a last batch of an epoch that is not full is left out.
    pub drop_last: bool,
}

/// Makes batches of windows.
#[derive(Debug, Clone)]
pub struct WindowLoader {
    ids: Arc<[u32]>,
    bytes: usize,
    /// Tokens of a window.
    length: usize,
    settings: WindowSettings,
    /// The same in every epoch, and asked for at every step.
    batches_per_epoch: usize,
}

/// A window: where it begins and how many tokens it has.
type Window = (usize, usize);

impl WindowLoader {
    /// Windows of the texts of `split`, as long as the pipeline lets a text be.
    ///
    /// # Errors
    /// When the pipeline takes no texts, the batch size is 0, or the texts have fewer than two tokens.
    pub fn new(
        split: &Split,
        pipeline: &CompiledPipeline,
        settings: WindowSettings,
    ) -> Result<Self, DataError> {
        let stream = pipeline.token_stream(split.examples())?;
        let Some(ModelInput::Tokens { length_max, .. }) = pipeline.input() else {
            return Err(DataError::InvalidPipeline(
                "a language model needs the ids of tokens".to_owned(),
            ));
        };
        if settings.batch_size == 0 {
            return Err(DataError::InvalidSettings(
                "batch_size must be at least 1".to_owned(),
            ));
        }
        if stream.ids.len() < 2 {
            return Err(DataError::InvalidSettings(format!(
                "the texts of the split have {} tokens; a language model needs two at least",
                stream.ids.len()
            )));
        }
        let mut loader = Self {
            ids: stream.ids.into(),
            bytes: stream.bytes,
            length: length_max,
            settings,
            batches_per_epoch: 0,
        };
        loader.batches_per_epoch = loader.batches_of(&loader.windows(0)).len();
        Ok(loader)
    }

    /// How many batches an epoch has.
    pub fn batches_per_epoch(&self) -> usize {
        self.batches_per_epoch
    }

    /// Bytes of the texts.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The batches of an epoch, from `start_batch` on, in order: ids `[windows, length]`, and as many targets as
    /// ids, each the class that the next token is.
    pub fn epoch(
        &self,
        epoch: u64,
        start_batch: usize,
    ) -> impl Iterator<Item = Result<Batch, DataError>> + use<> {
        let windows = self.windows(epoch);
        let batches = self.batches_of(&windows);
        let ids = Arc::clone(&self.ids);
        batches
            .into_iter()
            .skip(start_batch)
            .map(move |batch| batch_of(&ids, &batch))
    }

    fn windows(&self, epoch: u64) -> Vec<Window> {
        // The last token has none behind it.
        let asked = self.ids.len() - 1;
        let Some(seed) = self.settings.seed else {
            let starts = (0..asked).step_by(self.length);
            return starts
                .map(|start| (start, self.length.min(asked - start)))
                .collect();
        };
        let length = self.length.min(asked);
        let mut randomness = ChaCha8Rng::seed_from_u64(seed);
        randomness.set_stream(epoch);
        // The same number of windows fits wherever the first begins.
        let count = ((asked + 1) / length - 1).max(1);
        let place = (asked - count * length).min(length - 1);
        let first = randomness.random_range(0..=place);
        let mut windows: Vec<Window> = (0..count)
            .map(|number| (first + number * length, length))
            .collect();
        windows.shuffle(&mut randomness);
        windows
    }

    /// The windows of each batch; those of one batch are equally long.
    fn batches_of(&self, windows: &[Window]) -> Vec<Vec<Window>> {
        let size = self.settings.batch_size;
        windows
            .chunk_by(|(_, a), (_, b)| a == b)
            .flat_map(|equal| equal.chunks(size))
            .filter(|batch| !self.settings.drop_last || batch.len() == size)
            .map(<[Window]>::to_vec)
            .collect()
    }
}

fn batch_of(ids: &[u32], windows: &[Window]) -> Result<Batch, DataError> {
    let length = windows.first().map_or(0, |(_, length)| *length);
    let mut inputs = Vec::with_capacity(windows.len() * length);
    let mut targets = Vec::with_capacity(windows.len() * length);
    for (start, length) in windows {
        let window = ids.get(*start..=start + length).unwrap_or_default();
        inputs.extend(window.iter().take(*length).map(|id| *id as f32));
        let next = window.iter().skip(1);
        targets.extend(next.map(|id| Target::Class(*id as usize)));
    }
    let inputs = Tensor::new(vec![windows.len(), length], inputs)
        .map_err(|error| DataError::InvalidSettings(error.to_string()))?;
    Ok(Batch {
        inputs,
        targets,
        indices: windows.iter().map(|(start, _)| *start).collect(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{Example, Pipeline, RawExample};

    /// A loader over the alphabet, character by character, in windows of four.
    fn loader(settings: WindowSettings) -> WindowLoader {
        let text: String = ('a'..='z').collect();
        let split = Split::new(vec![Example {
            id: "alphabet".to_owned(),
            input: RawExample::Text(text),
            target: Target::NextTokens,
        }]);
        let pipeline = Pipeline::from_json(&json!({
            "transforms": [
                {"type": "tokenize", "model": "characters", "min_frequency": 1},
                {"type": "truncate", "length_max": 4},
            ],
            "decoders": [{"type": "sample"}, {"type": "detokenize"}],
        }))
        .unwrap();
        let fitted = pipeline.fit(&split).unwrap();
        let compiled = fitted.pipeline.compile_with(&[], &fitted.files).unwrap();
        WindowLoader::new(&split, &compiled, settings).unwrap()
    }

    fn batches(loader: &WindowLoader, epoch: u64, start: usize) -> Vec<Batch> {
        loader
            .epoch(epoch, start)
            .collect::<Result<_, _>>()
            .unwrap()
    }

    #[test]
    fn in_evaluation_every_token_but_the_first_is_asked_for_once() {
        let loader = loader(WindowSettings {
            batch_size: 4,
            seed: None,
            drop_last: false,
        });
        let batches = batches(&loader, 0, 0);
        let shapes: Vec<&[usize]> = batches.iter().map(|batch| batch.inputs.shape()).collect();
        // 25 tokens are asked for: six windows of four, and one of one.
        assert_eq!(shapes, [[4, 4], [2, 4], [1, 1]]);
        assert_eq!(loader.batches_per_epoch(), 3);
        let asked: Vec<usize> = batches
            .iter()
            .flat_map(|batch| batch.targets.iter().filter_map(Target::class))
            .collect();
        let ids: Vec<usize> = loader.ids.iter().map(|id| *id as usize).collect();
        assert_eq!(asked, ids[1..]);
        assert_eq!(loader.bytes(), 26);
    }

    #[test]
    fn in_training_places_and_orders_are_those_of_the_epoch() {
        let settings = WindowSettings {
            batch_size: 2,
            seed: Some(3),
            drop_last: true,
        };
        let loader = loader(settings);
        let first = batches(&loader, 0, 0);
        assert_eq!(first, batches(&loader, 0, 0));
        assert_eq!(first[1..], batches(&loader, 0, 1));
        assert_ne!(first, batches(&loader, 1, 0));
        for epoch in 0..20 {
            let batches = batches(&loader, epoch, 0);
            assert_eq!(batches.len(), loader.batches_per_epoch());
            for batch in batches {
                assert_eq!(batch.inputs.shape(), [2, 4]);
                let inputs = batch.inputs.data().iter();
                for (id, next) in inputs.zip(&batch.targets) {
                    // The ids of the alphabet follow one another.
                    assert_eq!(next.class(), Some(*id as usize + 1));
                }
            }
        }
        let begins = |epoch| {
            let batches = batches(&loader, epoch, 0);
            let starts = batches.iter().flat_map(|batch| batch.indices.clone());
            starts.min().unwrap() % 4
        };
        let places: std::collections::BTreeSet<usize> = (0..50).map(begins).collect();
        assert_eq!(places.len(), 4, "{places:?}");
    }
}
