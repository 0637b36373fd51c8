//! Feeds a trainer: shuffled mini-batches, prepared ahead on threads of its own.
//!
//! The order of an epoch is a function of (seed, epoch) — and, where batches are grouped by length, of
//! the lengths — and the randomness of an augmentation one of (seed, epoch, example). So (epoch, batch) is the whole state of the loader, and neither the
//! number of threads nor their timing changes a bit of what comes out.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;

use crossbeam_channel::{Receiver, bounded};
use mofang_types::{Tensor, TensorShapeError};
use rand::seq::SliceRandom as _;
use rand::{Rng, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use crate::pipeline::Staged;
use crate::{Augmentation, CompiledPipeline, DataError, Domain, Example, Split, Target};

/// Most bytes of the first stage's results that a loader keeps; what is beyond is transformed anew in each epoch.
const CACHE_BYTES_MAX: usize = 1 << 30;

/// Examples that go through the model together.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// The inputs `[batch, …]`. Where examples have lengths of their own, shorter ones are filled up
    /// along their first dimension.
    pub inputs: Tensor,
    /// What is true of each example, in the units of the model's outputs.
    pub targets: Vec<Target>,
    /// Where each example stands in its split.
    pub indices: Vec<usize>,
}

/// How a loader makes batches.
#[derive(Debug, Clone, PartialEq)]
pub struct LoaderSettings {
    /// Examples in a batch, at least 1.
    pub batch_size: usize,
    /// Whether each epoch has an order of its own; without, the split's order.
    pub shuffle: bool,
    /// The seed of orders and augmentations.
    pub seed: u64,
    /// Random changes of each example.
    pub augmentations: Vec<Augmentation>,
    /// Threads that prepare batches, at least 1.
    pub threads: usize,
    /// Batches that each thread keeps ready.
    pub prefetch_batches: usize,
    /// Whether a last batch that is not full is left out.
    pub drop_last: bool,
    /// Whether examples of about the same length make a batch, so that little of it is filled up. The
    /// batches stand in random order, where `shuffle` is set.
    pub group_by_length: bool,
    /// Whether the result of the first stage (decode, resize, tokenize, …) is kept from an example's
    /// first use, up to 1 GiB in all. Images that no step changes are never copied.
    pub cache_prepared: bool,
}

impl Default for LoaderSettings {
    fn default() -> Self {
        Self {
            batch_size: 64,
            shuffle: false,
            seed: 0,
            augmentations: Vec::new(),
            threads: 1,
            prefetch_batches: 2,
            drop_last: false,
            group_by_length: false,
            cache_prepared: true,
        }
    }
}

/// Batches within whose examples those of about the same length are put together: the more, the less is
/// filled up and the less random is what meets in a batch. The number is that of the
/// `LengthGroupedSampler` of transformers.
const GROUPED_BATCHES: usize = 50;

/// Makes the batches of a split.
#[derive(Debug, Clone)]
pub struct DataLoader {
    work: Arc<Work>,
}

/// What the threads share.
#[derive(Debug)]
struct Work {
    split: Arc<Split>,
    pipeline: Arc<CompiledPipeline>,
    settings: LoaderSettings,
    /// The result of the first stage for each example, kept from its first use.
    staged: Vec<OnceLock<Staged<'static>>>,
    /// What fills up shorter examples of a batch, where they have lengths of their own.
    padding: Option<f32>,
    /// The length of each example after the first stage, where batches are grouped by it.
    lengths: OnceLock<Vec<usize>>,
    /// Bytes in `staged`.
    cached_bytes: AtomicUsize,
}

impl DataLoader {
    /// A loader over `split`.
    ///
    /// # Errors
    /// When a setting is out of its range.
    pub fn new(
        split: Arc<Split>,
        pipeline: Arc<CompiledPipeline>,
        settings: LoaderSettings,
    ) -> Result<Self, DataError> {
        if settings.batch_size == 0 || settings.threads == 0 {
            return Err(DataError::InvalidSettings(
                "batch_size and threads must be at least 1".to_owned(),
            ));
        }
        for augmentation in &settings.augmentations {
            augmentation.check()?;
        }
        let staged = (0..split.len()).map(|_| OnceLock::new()).collect();
        Ok(Self {
            work: Arc::new(Work {
                split,
                padding: pipeline.input().and_then(|input| input.padding()),
                pipeline,
                settings,
                staged,
                lengths: OnceLock::new(),
                cached_bytes: AtomicUsize::new(0),
            }),
        })
    }

    /// How many batches an epoch has.
    pub fn batches_per_epoch(&self) -> usize {
        let (examples, size) = (self.work.split.len(), self.work.settings.batch_size);
        if self.work.settings.drop_last {
            examples / size
        } else {
            examples.div_ceil(size)
        }
    }

    /// What is true of an example, in the units of the dataset.
    pub fn target(&self, index: usize) -> Option<Target> {
        let example = self.work.split.examples().get(index);
        example.map(|example| example.target.clone())
    }

    /// The batches of an epoch, from `start_batch` on, in order.
    pub fn epoch(
        &self,
        epoch: u64,
        start_batch: usize,
    ) -> impl Iterator<Item = Result<Batch, DataError>> + use<> {
        let (failure, batches) = match self.work.order(epoch) {
            Ok(order) => (
                None,
                Some(self.batches(Arc::new(order), epoch, start_batch)),
            ),
            Err(error) => (Some(Err(error)), None),
        };
        failure.into_iter().chain(batches.into_iter().flatten())
    }

    fn batches(
        &self,
        order: Arc<Vec<usize>>,
        epoch: u64,
        start_batch: usize,
    ) -> impl Iterator<Item = Result<Batch, DataError>> + use<> {
        let threads = self.work.settings.threads;
        let batches = self.batches_per_epoch();
        // Thread k makes every batch whose number is k modulo the number of threads, and has a channel
        // of its own: reading the channels in turn gives the batches in order.
        let receivers: Vec<Receiver<_>> = (0..threads)
            .map(|thread| {
                let (sender, receiver) = bounded(self.work.settings.prefetch_batches.max(1));
                let (work, order) = (Arc::clone(&self.work), Arc::clone(&order));
                let numbers = (start_batch..batches).skip(thread).step_by(threads);
                let run = move || {
                    let mut scratch = Vec::new();
                    for number in numbers {
                        let batch = work.batch(&order, epoch, number, &mut scratch);
                        // The receiver is gone when the epoch is left early.
                        if sender.send(batch).is_err() {
                            break;
                        }
                    }
                };
                // A thread that cannot be started drops its sender, which the receiver reports.
                drop(
                    thread::Builder::new()
                        .name(format!("loader-{thread}"))
                        .spawn(run),
                );
                receiver
            })
            .collect();
        (0..batches.saturating_sub(start_batch)).map_while(move |turn| {
            let receiver = receivers.get(turn % receivers.len().max(1))?;
            Some(receiver.recv().unwrap_or_else(|_| {
                Err(DataError::InvalidSettings(
                    "a loader thread could not be started, or ended early".to_owned(),
                ))
            }))
        })
    }
}

impl Work {
    fn order(&self, epoch: u64) -> Result<Vec<usize>, DataError> {
        let mut order: Vec<usize> = (0..self.split.len()).collect();
        let mut randomness = ChaCha8Rng::seed_from_u64(self.settings.seed);
        randomness.set_stream(epoch);
        if self.settings.shuffle {
            order.shuffle(&mut randomness);
        }
        if !self.settings.group_by_length {
            return Ok(order);
        }
        let lengths = self.lengths()?;
        let size = self.settings.batch_size;
        for group in order.chunks_mut(size.saturating_mul(GROUPED_BATCHES)) {
            // Stable, so that equal lengths stay in the order of the epoch.
            group.sort_by_key(|index| lengths.get(*index).copied().unwrap_or(0));
        }
        if !self.settings.shuffle {
            return Ok(order);
        }
        // The last batch may not be full, and stays the last.
        let mut batches: Vec<&[usize]> = order.chunks_exact(size).collect();
        batches.shuffle(&mut randomness);
        let full = batches.len() * size;
        let mut shuffled = batches.concat();
        shuffled.extend(order.iter().skip(full));
        Ok(shuffled)
    }

    /// The length of every example: its first dimension after the first stage.
    fn lengths(&self) -> Result<&[usize], DataError> {
        if let Some(lengths) = self.lengths.get() {
            return Ok(lengths);
        }
        let lengths = (0..self.split.len())
            .map(|index| Ok(self.staged(index, self.example(index)?)?.length()))
            .collect::<Result<Vec<_>, DataError>>()?;
        Ok(self.lengths.get_or_init(|| lengths))
    }

    fn batch(
        &self,
        order: &[usize],
        epoch: u64,
        number: usize,
        scratch: &mut Vec<f32>,
    ) -> Result<Batch, DataError> {
        let size = self.settings.batch_size;
        let start = number.saturating_mul(size).min(order.len());
        let end = start.saturating_add(size).min(order.len());
        let indices = order.get(start..end).unwrap_or_default().to_vec();
        let mut targets = Vec::with_capacity(indices.len());
        let mut shapes: Vec<Vec<usize>> = Vec::with_capacity(indices.len());
        let mut values = Vec::new();
        for index in &indices {
            let example = self.example(*index)?;
            targets.push(self.pipeline.encode(&example.target));
            let staged = self.staged(*index, example)?;
            let shape = self.finish(&staged, *index, epoch, &mut values, scratch)?;
            if shapes.is_empty() {
                // Mostly the examples of a batch are equally large.
                values.reserve(values.len() * indices.len().saturating_sub(1));
            }
            shapes.push(shape);
        }
        Ok(Batch {
            inputs: self.joined(&indices, &shapes, values)?,
            targets,
            indices,
        })
    }

    /// The batch of `values`, which are examples of these shapes one after another.
    fn joined(
        &self,
        indices: &[usize],
        shapes: &[Vec<usize>],
        values: Vec<f32>,
    ) -> Result<Tensor, DataError> {
        let invalid = |error: TensorShapeError| DataError::InvalidSettings(error.to_string());
        let first = shapes.first().cloned().unwrap_or_default();
        let Some(other) = shapes.iter().position(|shape| *shape != first) else {
            let shape = [[shapes.len()].as_slice(), &first].concat();
            return Tensor::new(shape, values).map_err(invalid);
        };
        let Some(padding) = self.padding else {
            let id = match indices.get(other) {
                Some(index) => &self.example(*index)?.id,
                None => "an example",
            };
            let step = if self.pipeline.domain() == Domain::Recording {
                "pad_or_trim"
            } else {
                "resize"
            };
            return Err(DataError::InvalidPipeline(format!(
                "{id} has shape {:?}, the others of its batch {first:?}; add a `{step}`",
                shapes.get(other).unwrap_or(&first)
            )));
        };
        let mut rest = values.as_slice();
        let items = shapes.iter().map(|shape| {
            let (own, behind) = rest
                .split_at_checked(shape.iter().product())
                .unwrap_or_default();
            rest = behind;
            Tensor::new(shape.clone(), own.to_vec())
        });
        let items = items.collect::<Result<Vec<_>, _>>().map_err(invalid)?;
        Tensor::stack_padded(items.iter(), padding).map_err(invalid)
    }

    fn example(&self, index: usize) -> Result<&Example, DataError> {
        self.split
            .examples()
            .get(index)
            .ok_or_else(|| DataError::InvalidSettings(format!("there is no example {index}")))
    }

    /// The result of the first stage, kept where the settings and the limit allow it.
    fn staged<'a>(&'a self, index: usize, example: &'a Example) -> Result<Staged<'a>, DataError> {
        let slot = self.staged.get(index);
        if let Some(staged) = slot.and_then(OnceLock::get) {
            return Ok(staged.borrow());
        }
        let staged = self
            .pipeline
            .stage(&example.input)
            .map_err(|error| error.of_example(&example.id))?;
        let (Some(slot), Some(size), true) =
            (slot, staged.owned_bytes(), self.settings.cache_prepared)
        else {
            return Ok(staged);
        };
        // Added before it is checked, so that threads cannot pass the limit together.
        if self.cached_bytes.fetch_add(size, Ordering::Relaxed) + size > CACHE_BYTES_MAX {
            self.cached_bytes.fetch_sub(size, Ordering::Relaxed);
            return Ok(staged);
        }
        Ok(slot.get_or_init(|| staged.into_owned()).borrow())
    }

    fn finish(
        &self,
        staged: &Staged<'_>,
        index: usize,
        epoch: u64,
        values: &mut Vec<f32>,
        scratch: &mut Vec<f32>,
    ) -> Result<Vec<usize>, DataError> {
        let augmentations = self.settings.augmentations.as_slice();
        if augmentations.is_empty() {
            return self.pipeline.finish_into(staged, None, values, scratch);
        }
        // Each example has a stream of its own; the epoch is in the seed.
        let mut randomness = ChaCha8Rng::seed_from_u64(
            self.settings.seed ^ epoch.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15),
        );
        randomness.set_stream(index as u64);
        let augmenting = Some((augmentations, &mut randomness as &mut dyn Rng));
        self.pipeline
            .finish_into(staged, augmenting, values, scratch)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::augmentations::{RandomCrop, RandomHorizontalFlip};
    use crate::{Pipeline, Pixels, RawExample};

    fn loader(settings: LoaderSettings) -> DataLoader {
        let examples = (0..50_u8)
            .map(|value| Example {
                id: value.to_string(),
                input: RawExample::Pixels(Pixels::new(2, 2, 1, vec![value, 1, 2, 3]).unwrap()),
                target: Target::Class(usize::from(value % 2)),
            })
            .collect();
        let pipeline = Pipeline::from_json(&json!({
            "transforms": [{"type": "normalize", "mean": [0.5], "std": [0.5]}],
            "decoders": [{"type": "softmax"}, {"type": "top_k", "k": 1}, {"type": "labels"}],
        }))
        .unwrap()
        .compile(&["a".to_owned(), "b".to_owned()])
        .unwrap();
        DataLoader::new(Arc::new(Split::new(examples)), Arc::new(pipeline), settings).unwrap()
    }

    fn settings(threads: usize) -> LoaderSettings {
        LoaderSettings {
            batch_size: 8,
            shuffle: true,
            seed: 5,
            threads,
            augmentations: vec![
                Augmentation::RandomCrop(RandomCrop { padding: 1 }),
                Augmentation::RandomHorizontalFlip(RandomHorizontalFlip { probability: 0.5 }),
            ],
            ..LoaderSettings::default()
        }
    }

    fn epoch(threads: usize, epoch: u64, start: usize) -> Vec<Batch> {
        loader(settings(threads))
            .epoch(epoch, start)
            .collect::<Result<_, _>>()
            .unwrap()
    }

    #[test]
    fn threads_do_not_change_a_bit_and_any_batch_can_be_the_first() {
        let batches = epoch(1, 3, 0);
        assert_eq!(batches.len(), 7);
        assert_eq!(batches, epoch(3, 3, 0));
        assert_eq!(batches[2..], epoch(2, 3, 2));
        assert_ne!(batches, epoch(1, 4, 0));
    }

    #[test]
    fn epochs_and_seeds_have_orders_and_augmentations_of_their_own() {
        let first = |seed, epoch, shuffle| {
            let settings = LoaderSettings {
                seed,
                shuffle,
                batch_size: 50,
                ..settings(1)
            };
            loader(settings).epoch(epoch, 0).next().unwrap().unwrap()
        };
        assert_ne!(first(5, 0, true).indices, first(5, 1, true).indices);
        assert_ne!(first(5, 0, true).indices, first(6, 0, true).indices);
        assert_ne!(first(5, 0, false).inputs, first(5, 1, false).inputs);
        assert_ne!(first(5, 0, false).inputs, first(6, 0, false).inputs);
    }

    #[test]
    fn a_batch_is_what_the_pipeline_prepares_one_by_one() {
        let loader = loader(LoaderSettings {
            batch_size: 4,
            ..LoaderSettings::default()
        });
        let batch = loader.epoch(0, 1).next().unwrap().unwrap();
        assert_eq!(batch.indices, [4, 5, 6, 7]);
        assert_eq!(batch.targets, [0, 1, 0, 1].map(Target::Class));
        for (index, image) in batch.indices.iter().zip(batch.inputs.unstack()) {
            let input = &loader.work.split.examples()[*index].input;
            assert_eq!(image, loader.work.pipeline.prepare(input).unwrap());
        }
    }

    #[test]
    fn the_last_batch_can_be_left_out() {
        let kept = loader(LoaderSettings {
            batch_size: 8,
            ..LoaderSettings::default()
        });
        assert_eq!(kept.batches_per_epoch(), 7);
        let left_out = loader(LoaderSettings {
            batch_size: 8,
            drop_last: true,
            ..LoaderSettings::default()
        });
        let sizes: Vec<usize> = left_out
            .epoch(0, 0)
            .map(|batch| batch.unwrap().targets.len())
            .collect();
        assert_eq!(sizes, [8; 6]);
    }

    #[test]
    fn an_epoch_has_every_example_once() {
        let mut indices: Vec<usize> = epoch(2, 0, 0)
            .into_iter()
            .flat_map(|batch| batch.indices)
            .collect();
        indices.sort_unstable();
        assert_eq!(indices, (0..50).collect::<Vec<_>>());
    }

    #[test]
    fn an_epoch_that_is_left_early_ends_its_threads() {
        let loader = loader(settings(2));
        let first = loader.epoch(0, 0).next();
        assert!(first.is_some_and(|batch| batch.is_ok()));
        for _ in 0..100 {
            if Arc::strong_count(&loader.work) == 1 {
                return;
            }
            thread::sleep(std::time::Duration::from_millis(20));
        }
        panic!("loader threads are still there");
    }

    /// A loader over texts of 1 to 13 characters.
    fn texts(settings: LoaderSettings) -> DataLoader {
        let examples: Vec<Example> = (0..103_usize)
            .map(|number| Example {
                id: number.to_string(),
                input: RawExample::Text("ab".repeat(7)[..=number * 5 % 13].to_owned()),
                target: Target::Class(number % 2),
            })
            .collect();
        let split = Arc::new(Split::new(examples));
        let fitted = Pipeline::from_json(&json!({
            "transforms": [{"type": "tokenize", "model": "characters"}],
            "decoders": [{"type": "softmax"}, {"type": "top_k", "k": 1}, {"type": "labels"}],
        }))
        .unwrap()
        .fit(&split)
        .unwrap();
        let labels = ["a".to_owned(), "b".to_owned()];
        let pipeline = fitted
            .pipeline
            .compile_with(&labels, &fitted.files)
            .unwrap();
        DataLoader::new(split, Arc::new(pipeline), settings).unwrap()
    }

    #[test]
    fn batches_by_length_waste_little_and_any_can_be_the_first() {
        let settings = |group_by_length, threads| LoaderSettings {
            batch_size: 8,
            shuffle: true,
            seed: 5,
            threads,
            group_by_length,
            augmentations: vec![Augmentation::TokenDropout(
                crate::augmentations::TokenDropout { probability: 0.2 },
            )],
            ..LoaderSettings::default()
        };
        let batches = |group, threads, epoch, start| -> Vec<Batch> {
            let batches = texts(settings(group, threads)).epoch(epoch, start);
            batches.collect::<Result<_, _>>().unwrap()
        };
        let filled = |batches: &[Batch]| -> usize {
            let values = batches.iter().flat_map(|batch| batch.inputs.data());
            values.filter(|id| **id == 0.0).count()
        };
        let grouped = batches(true, 1, 3, 0);
        assert!(filled(&grouped) * 3 < filled(&batches(false, 1, 3, 0)));
        assert_eq!(grouped, batches(true, 3, 3, 0));
        assert_eq!(grouped[4..], batches(true, 2, 3, 4));
        assert_ne!(grouped, batches(true, 1, 4, 0));
        let sizes: Vec<usize> = grouped.iter().map(|batch| batch.targets.len()).collect();
        assert_eq!(sizes, [[8; 12].as_slice(), &[7]].concat());
        let mut indices: Vec<usize> = grouped.into_iter().flat_map(|b| b.indices).collect();
        indices.sort_unstable();
        assert_eq!(indices, (0..103).collect::<Vec<_>>());
    }

    #[test]
    fn a_text_that_cannot_be_read_fails_its_epoch_by_name() {
        let mut loader = texts(LoaderSettings {
            group_by_length: true,
            ..LoaderSettings::default()
        });
        let empty = Example {
            id: "set.csv:7".to_owned(),
            input: RawExample::Text(" ".to_owned()),
            target: Target::Class(0),
        };
        let pipeline = Arc::clone(&loader.work.pipeline);
        let settings = loader.work.settings.clone();
        loader = DataLoader::new(Arc::new(Split::new(vec![empty])), pipeline, settings).unwrap();
        let error = loader.epoch(0, 0).next().unwrap().unwrap_err();
        assert!(error.to_string().contains("set.csv:7"), "{error}");
    }
}
