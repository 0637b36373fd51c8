//! The picture that augmentations work on: a view of the batch that is being made.

/// Samples in [0, 1], `[channels, height, width]`, to change in place.
#[derive(Debug)]
pub(crate) struct Image<'a> {
    pub(crate) height: usize,
    pub(crate) width: usize,
    /// All planes, one after another.
    pub(crate) data: &'a mut [f32],
    /// Room for a copy, kept between images.
    pub(crate) scratch: &'a mut Vec<f32>,
}

impl Image<'_> {
    /// The planes to change, each with a copy of what it was.
    pub(crate) fn planes_with_copies(&mut self) -> impl Iterator<Item = (&mut [f32], &[f32])> {
        self.scratch.clear();
        self.scratch.extend_from_slice(self.data);
        let plane = (self.height * self.width).max(1);
        self.data
            .chunks_exact_mut(plane)
            .zip(self.scratch.chunks_exact(plane))
    }

    /// The rows of all planes.
    pub(crate) fn rows(&mut self) -> impl Iterator<Item = &mut [f32]> {
        self.data.chunks_exact_mut(self.width.max(1))
    }
}
