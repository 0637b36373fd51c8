//! The thread that takes batches from a queue and computes them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::time::Duration;

use mofang_types::{Coded as _, ErrorCode, Tensor};

use super::entry::{BatchAnswer, Entry};
use super::{Shared, State};
use crate::ServingError;
use crate::error::panic_message;

/// Takes and computes batches until the queue is closed and empty.
pub(super) fn run(shared: &Shared) {
    while let Some(batch) = next_batch(shared) {
        if !batch.is_empty() {
            compute(shared, batch);
        }
    }
}

/// Waits for a batch to close and takes it; `None` when the queue is closed and empty.
fn next_batch(shared: &Shared) -> Option<Vec<Entry>> {
    let mut state = shared.state.lock();
    while state.entries.is_empty() {
        if state.closed {
            return None;
        }
        shared.arrived.wait(&mut state);
    }
    if !shared.max_queue_delay.is_zero() {
        while let Some(rest) = rest_of_delay(shared, &state) {
            shared.arrived.wait_for(&mut state, rest);
        }
    }
    Some(take(shared, &mut state))
}

/// How much longer the batch may wait for company; `None` when it is closed.
fn rest_of_delay(shared: &Shared, state: &State) -> Option<Duration> {
    let first = state.entries.front()?;
    if state.closed || state.entries.len() >= shared.max_batch_size {
        return None;
    }
    let waited = shared.clock.monotonic().saturating_sub(first.arrived);
    shared
        .max_queue_delay
        .checked_sub(waited)
        .filter(|rest| !rest.is_zero())
}

/// Takes the entries at the front that can be computed together: alive, in time, of one shape.
fn take(shared: &Shared, state: &mut State) -> Vec<Entry> {
    let now = shared.clock.monotonic();
    let mut batch: Vec<Entry> = Vec::new();
    while batch.len() < shared.max_batch_size {
        let Some(entry) = state.entries.pop_front() else {
            break;
        };
        let Some(entry) = shared.keep(entry, now) else {
            continue;
        };
        if batch
            .first()
            .is_some_and(|first| !fit_together(shared, &first.input, &entry.input))
        {
            state.entries.push_front(entry);
            break;
        }
        batch.push(entry);
    }
    batch
}

/// Computes a batch and answers its callers.
fn compute(shared: &Shared, mut batch: Vec<Entry>) {
    let started = shared.clock.monotonic();
    for entry in &batch {
        shared
            .metrics
            .add_queued(started.saturating_sub(entry.arrived));
    }
    let size = batch.len();
    let outcome = infer(shared, &mut batch);
    let computed = shared.clock.monotonic().saturating_sub(started);
    shared.metrics.add_batch(size, computed);
    match outcome {
        Ok(rows) => {
            remember_speed(shared, size, computed);
            for (entry, row) in batch.into_iter().zip(rows) {
                answer(entry, row, started, computed, size);
            }
        }
        // A model that took too long would do so again for each item, while everybody else waits.
        Err(error) if size == 1 || error.code() == ErrorCode::Timeout => {
            for entry in batch {
                entry.refuse(error.clone());
            }
        }
        Err(error) => {
            tracing::warn!(
                model.name = %shared.name,
                batch.size = size,
                error = %error,
                "a batch failed and is computed again item by item"
            );
            for entry in batch {
                let now = shared.clock.monotonic();
                if let Some(entry) = shared.keep(entry, now) {
                    compute_alone(shared, entry);
                }
            }
        }
    }
}

/// Computes one item of a batch that failed.
fn compute_alone(shared: &Shared, mut entry: Entry) {
    let started = shared.clock.monotonic();
    let outcome = infer(shared, std::slice::from_mut(&mut entry));
    let computed = shared.clock.monotonic().saturating_sub(started);
    shared.metrics.add_batch(1, computed);
    match outcome.map(|rows| rows.into_iter().next()) {
        Ok(Some(row)) => answer(entry, row, started, computed, 1),
        Ok(None) => entry.refuse(wrong_output(shared, &[0])),
        Err(error) => entry.refuse(error),
    }
}

fn answer(entry: Entry, row: Vec<f32>, started: Duration, computed: Duration, batch_size: usize) {
    let queued = started.saturating_sub(entry.arrived);
    // A caller that left while its batch ran needs no answer.
    let _ = entry.answer.send(Ok(BatchAnswer {
        row,
        queued,
        computed,
        batch_size,
    }));
}

/// One row of outputs per entry. The unwind boundary of models (TRUST REL-19).
fn infer(shared: &Shared, batch: &mut [Entry]) -> Result<Vec<Vec<f32>>, ServingError> {
    let count = batch.len();
    let output = catch_unwind(AssertUnwindSafe(|| {
        let input = batch_tensor(shared, batch).map_err(ServingError::refused)?;
        shared.model.infer(&input).map_err(ServingError::Refused)
    }))
    .map_err(|panic| ServingError::Panicked {
        model: shared.name.clone(),
        message: panic_message(panic.as_ref()),
    })??;
    match output.shape().split_first() {
        Some((rows, rest)) if *rows == count => {
            let width: usize = rest.iter().product();
            if width == 0 {
                return Err(wrong_output(shared, output.shape()));
            }
            Ok(output
                .data()
                .chunks_exact(width)
                .map(<[f32]>::to_vec)
                .collect())
        }
        _ => Err(wrong_output(shared, output.shape())),
    }
}

/// Whether two inputs can be in one batch: their shapes are the same, or differ in a first dimension
/// that can be filled up. The longer one is at most twice as long, so that a batch is not mostly filling.
fn fit_together(shared: &Shared, a: &Tensor, b: &Tensor) -> bool {
    let (Some((a_length, a_rest)), Some((b_length, b_rest))) =
        (a.shape().split_first(), b.shape().split_first())
    else {
        return a.shape() == b.shape();
    };
    a.shape() == b.shape()
        || (shared.model.padding().is_some()
            && a_rest == b_rest
            && a_length.max(b_length) <= &(2 * a_length.min(b_length)))
}

/// `[d…] × n → [n, d…]`. An item alone is its own batch: its values are taken, not copied, because
/// nothing is computed again after it.
fn batch_tensor(
    shared: &Shared,
    batch: &mut [Entry],
) -> Result<Tensor, mofang_types::TensorShapeError> {
    if let [alone] = batch {
        let input = std::mem::take(&mut alone.input);
        let shape = [[1].as_slice(), input.shape()].concat();
        return Tensor::new(shape, input.into_data());
    }
    let inputs = || batch.iter().map(|entry| &entry.input);
    match shared.model.padding() {
        Some(padding) => Tensor::stack_padded(inputs(), padding),
        None => Tensor::stack(inputs()),
    }
}

fn wrong_output(shared: &Shared, shape: &[usize]) -> ServingError {
    ServingError::Internal {
        model: shared.name.clone(),
        message: format!("the model answered with a tensor of shape {shape:?}"),
    }
}

/// Smooths the time per item, from which a refused caller's time to come back is estimated.
fn remember_speed(shared: &Shared, size: usize, computed: Duration) {
    let nanos = u64::try_from(computed.as_nanos()).unwrap_or(u64::MAX)
        / u64::try_from(size).unwrap_or(1).max(1);
    let before = shared.item_nanos.load(Ordering::Relaxed);
    let after = if before == 0 {
        nanos
    } else {
        before - before / 8 + nanos / 8
    };
    shared.item_nanos.store(after, Ordering::Relaxed);
}
