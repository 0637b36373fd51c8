//! Decoding of whole files, golden numbers, and measurements on real recordings.

mod chirp;
mod files;
mod golden;
mod real_recordings;
