//! An output that several threads write, each its own part.
#![expect(
    unsafe_code,
    reason = "columns of a matrix cannot be borrowed apart by slices"
)]

use std::marker::PhantomData;

/// A slice of which several threads take disjoint parts.
pub(crate) struct SharedOutput<'a> {
    start: *mut f32,
    length: usize,
    borrowed: PhantomData<&'a mut [f32]>,
}

// SAFETY: it stands for a `&mut [f32]`, which can be sent; `new` says what its users keep to.
unsafe impl Send for SharedOutput<'_> {}
// SAFETY: as above; through a shared reference memory is reached by `part` only.
unsafe impl Sync for SharedOutput<'_> {}

impl<'a> SharedOutput<'a> {
    /// Shares `output` out.
    ///
    /// # Safety
    /// Parts that share a value must never live at the same time: neither two of a thread nor two of
    /// different threads.
    pub(crate) unsafe fn new(output: &'a mut [f32]) -> Self {
        Self {
            start: output.as_mut_ptr(),
            length: output.len(),
            borrowed: PhantomData,
        }
    }

    /// `length` values from `start` on.
    ///
    /// # Panics
    /// When they do not lie within the output.
    #[inline]
    #[expect(clippy::mut_from_ref, reason = "that is what it is for")]
    pub(crate) fn part(&self, start: usize, length: usize) -> &mut [f32] {
        let end = start.checked_add(length);
        assert!(
            end.is_some_and(|end| end <= self.length),
            "{length} values from {start} of {}",
            self.length
        );
        // SAFETY: it lies within the slice that is borrowed for 'a, and whoever called `new` has
        // promised that no other part with these values lives.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(start), length) }
    }
}
