//! Buffers for work in between, used again: fresh memory costs a page fault for every 4 KiB, which is
//! as much as many of the operations here take for as many values.

use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, PoisonError};

/// Buffers that are kept for later.
const KEPT_MAX: usize = 16;

/// Largest buffer that is kept, in values.
const LENGTH_MAX: usize = 1 << 24;

static FREE: Mutex<Vec<Vec<f32>>> = Mutex::new(Vec::new());

/// A buffer of values that may be anything.
#[derive(Debug)]
pub(crate) struct Scratch {
    values: Vec<f32>,
    length: usize,
}

impl Scratch {
    /// A buffer of `length` values.
    pub(crate) fn take(length: usize) -> Self {
        let found = {
            let mut free = FREE.lock().unwrap_or_else(PoisonError::into_inner);
            let best = (0..free.len())
                .filter(|index| free[*index].len() >= length)
                .min_by_key(|index| free[*index].len());
            best.map(|index| free.swap_remove(index))
        };
        let values = found.unwrap_or_else(|| vec![0.0; length]);
        Self { values, length }
    }
}

impl Deref for Scratch {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.values[..self.length]
    }
}

impl DerefMut for Scratch {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.values[..self.length]
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let values = std::mem::take(&mut self.values);
        if values.len() > LENGTH_MAX {
            return;
        }
        let mut free = FREE.lock().unwrap_or_else(PoisonError::into_inner);
        free.push(values);
        if free.len() > KEPT_MAX {
            let smallest = (0..free.len()).min_by_key(|index| free[*index].len());
            smallest.map(|index| free.swap_remove(index));
        }
    }
}
