//! Models and a source for the unit tests: no networks, no files.

mod storyteller;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use mofang_data::RawExample;
use mofang_registry::Route;
use mofang_types::{
    ArtifactDigest, ClassProbability, Coded, ErrorCode, ModelReference, Prediction, Selector,
    Tensor,
};
use parking_lot::{Condvar, Mutex};

pub(crate) use self::storyteller::{PANIC_PROMPT, StorySource, Storyteller};
use crate::{ModelSource, ServedModel, ServingError, SharedError};

/// An error with a code.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct TestError(pub(crate) &'static str, pub(crate) ErrorCode);

impl Coded for TestError {
    fn code(&self) -> ErrorCode {
        self.1
    }
}

fn refused(text: &'static str, code: ErrorCode) -> SharedError {
    Arc::new(TestError(text, code))
}

/// A value at which the model panics.
pub(crate) const PANIC: f32 = -1.0;
/// A value at which the model fails the whole batch, as a network that overflows does.
pub(crate) const OVERFLOW: f32 = -2.0;
/// A value at which the model takes longer than it may.
pub(crate) const TOO_LONG: f32 = -3.0;

/// A model that doubles its input of `[n]` values, remembers what it computed, and waits at a gate.
#[derive(Debug, Default)]
pub(crate) struct Doubler {
    pub(crate) size_bytes: u64,
    batches: Mutex<Vec<Vec<f32>>>,
    gate: Mutex<Gate>,
    opened: Condvar,
}

#[derive(Debug, Default)]
struct Gate {
    shut: bool,
    waiting: usize,
}

impl Doubler {
    pub(crate) fn of_size(size_bytes: u64) -> Self {
        Self {
            size_bytes,
            ..Self::default()
        }
    }

    /// Makes every batch wait until [`Doubler::open`].
    pub(crate) fn shut(&self) {
        self.gate.lock().shut = true;
    }

    pub(crate) fn open(&self) {
        self.gate.lock().shut = false;
        self.opened.notify_all();
    }

    /// Waits until a batch stands at the gate.
    pub(crate) fn wait_until_running(&self) {
        while self.gate.lock().waiting == 0 {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// The first values of every batch that was computed, in order.
    pub(crate) fn batches(&self) -> Vec<Vec<f32>> {
        self.batches.lock().clone()
    }

    pub(crate) fn computed(&self) -> Vec<f32> {
        self.batches.lock().concat()
    }
}

impl ServedModel for Doubler {
    fn prepare(&self, example: &RawExample) -> Result<Tensor, SharedError> {
        match example {
            RawExample::Tensor(tensor) => self.check(tensor).map(|()| tensor.clone()),
            RawExample::Encoded(bytes) => bytes
                .first()
                .map(|byte| item(f32::from(*byte)))
                .ok_or_else(|| refused("empty image", ErrorCode::InvalidInput)),
            RawExample::Pixels(_) | RawExample::Row(_) | RawExample::Text(_) => {
                Err(refused("no tensor", ErrorCode::InvalidInput))
            }
        }
    }

    fn check(&self, input: &Tensor) -> Result<(), SharedError> {
        if input.data().iter().all(|value| value.is_finite()) {
            Ok(())
        } else {
            Err(refused("not a number", ErrorCode::InvalidInput))
        }
    }

    fn infer(&self, batch: &Tensor) -> Result<Tensor, SharedError> {
        let rows = batch.unstack();
        let firsts: Vec<f32> = rows.iter().map(|row| row.data()[0]).collect();
        self.batches.lock().push(firsts.clone());
        let mut gate = self.gate.lock();
        gate.waiting += 1;
        while gate.shut {
            self.opened.wait(&mut gate);
        }
        gate.waiting -= 1;
        drop(gate);
        assert!(!firsts.contains(&PANIC), "the model met its poison");
        if firsts.contains(&OVERFLOW) {
            return Err(refused(
                "an output is not a finite number",
                ErrorCode::InvalidInput,
            ));
        }
        if firsts.contains(&TOO_LONG) {
            return Err(refused("the model took too long", ErrorCode::Timeout));
        }
        let doubled = firsts.iter().map(|value| value * 2.0).collect();
        Tensor::new(vec![rows.len(), 1], doubled).map_err(|error| Arc::new(error) as SharedError)
    }

    fn decode(&self, row: &[f32], _top_k: Option<usize>) -> Result<Prediction, SharedError> {
        Ok(Prediction::Classes(vec![ClassProbability {
            label: "doubled".to_owned(),
            index: 0,
            probability: row[0],
        }]))
    }

    fn size_bytes(&self) -> u64 {
        self.size_bytes
    }
}

/// A model input of one value.
pub(crate) fn item(value: f32) -> Tensor {
    Tensor::new(vec![1], vec![value]).unwrap()
}

/// The route of version `number` of `m`.
pub(crate) fn route(number: u32) -> Route {
    Route {
        model: "m".parse().unwrap(),
        number,
        version_id: format!("version-{number}"),
        package_digest: ArtifactDigest::of(&number.to_le_bytes()),
    }
}

/// A source whose versions are all one model; version 13 does not load, 14 panics while loading.
#[derive(Debug, Default)]
pub(crate) struct TestSource {
    pub(crate) model: Arc<Doubler>,
    pub(crate) loads: AtomicUsize,
}

#[async_trait]
impl ModelSource for TestSource {
    fn resolve(&self, reference: &ModelReference) -> Result<Route, ServingError> {
        match reference.selector {
            Selector::Version(number) if number < 100 => Ok(route(number)),
            Selector::Latest => Ok(route(1)),
            Selector::Version(_) | Selector::Alias(_) => Err(ServingError::refused(TestError(
                "no such version",
                ErrorCode::NotFound,
            ))),
        }
    }

    async fn load(&self, route: &Route) -> Result<Arc<dyn ServedModel>, ServingError> {
        self.loads.fetch_add(1, Ordering::SeqCst);
        tokio::task::yield_now().await;
        assert_ne!(route.number, 14, "the loader met its poison");
        if route.number == 13 {
            return Err(ServingError::refused(TestError(
                "m@13 is quarantined: weights are damaged",
                ErrorCode::Unavailable,
            )));
        }
        Ok(Arc::clone(&self.model) as Arc<dyn ServedModel>)
    }
}
