//! What a file may ask for.

/// Most objects of a file: a network of a thousand layers has some ten thousand.
pub const OBJECTS_MAX: usize = 4 << 20;

/// Most dimensions of a tensor.
pub const DIMENSIONS_MAX: usize = 8;

/// How many more values than the file has bytes all tensors together may be expanded to: those of
/// shared storages count each time.
pub const EXPANSION_MAX: usize = 16 << 20;

/// Most entries of an archive.
pub const ENTRIES_MAX: usize = 1 << 18;

/// How deep dictionaries, lists and modules may lie within each other.
pub const DEPTH_MAX: usize = 64;

/// Most modules of a whole module that was saved, each place where a shared one stands counted.
pub const MODULES_MAX: usize = 1 << 14;

/// Most attributes of a module; those of `torch.nn` have some twenty.
pub const ATTRIBUTES_MAX: usize = 1 << 10;

/// Most tensors of a state dictionary.
pub const TENSORS_MAX: usize = 1 << 17;

/// Longest name of a tensor, in bytes.
pub const NAME_BYTES_MAX: usize = 1 << 10;

/// Longest excerpt of a name in a message.
pub(crate) const EXCERPT_MAX: usize = 120;
