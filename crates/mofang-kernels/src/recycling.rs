//! Buffers of outputs and gradients, used again.
//!
//! A training step makes the same large buffers every time. Fresh ones have to be mapped page by page and
//! filled with zeros, which together cost as much as some of the operations; whoever owns a buffer that is
//! no longer needed gives it back here.

use std::sync::{Mutex, PoisonError};

/// Values that all kept buffers have together at most.
const KEPT_MAX: usize = 1 << 26;

/// Least values of a buffer that is worth keeping.
const LENGTH_MIN: usize = 1 << 10;

#[derive(Debug)]
struct Kept {
    buffers: Vec<Vec<f32>>,
    length: usize,
}

static KEPT: Mutex<Kept> = Mutex::new(Kept {
    buffers: Vec::new(),
    length: 0,
});

/// A buffer of `length` values, which may be anything: the caller writes them all.
pub fn recycled(length: usize) -> Vec<f32> {
    let found = (length >= LENGTH_MIN).then(|| {
        let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
        // The last one given back is the likeliest to be in the cache.
        let place = kept
            .buffers
            .iter()
            .rposition(|buffer| buffer.len() == length)?;
        kept.length -= length;
        Some(kept.buffers.remove(place))
    });
    found.flatten().unwrap_or_else(|| vec![0.0; length])
}

/// Gives a buffer back.
pub fn recycle(buffer: Vec<f32>) {
    if buffer.len() < LENGTH_MIN {
        return;
    }
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    kept.length += buffer.len();
    kept.buffers.push(buffer);
    // The oldest go: their lengths may never be asked for again.
    let mut surplus = Vec::new();
    while kept.length > KEPT_MAX && !kept.buffers.is_empty() {
        let oldest = kept.buffers.remove(0);
        kept.length -= oldest.len();
        surplus.push(oldest);
    }
    drop(kept);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_comes_back_for_its_own_length_only() {
        let length = LENGTH_MIN + 12_345;
        let mut buffer = recycled(length);
        buffer[7] = 42.0;
        recycle(buffer);
        assert_eq!(recycled(length + 1).len(), length + 1);
        let again = recycled(length);
        assert_eq!((again.len(), again[7]), (length, 42.0));
    }
}
