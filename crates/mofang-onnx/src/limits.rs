//! What a file may ask for.

/// Largest file: what a Protocol Buffers message may have.
pub const FILE_BYTES_MAX: usize = (1 << 31) - 1;

/// Most objects of a file, that is messages and texts: a network of a thousand layers has some
/// twenty thousand.
pub const OBJECTS_MAX: usize = 1 << 20;

/// Most sets of operators that a file names, some twice; the engine is asked about each node with all
/// of them.
pub const OPSET_IMPORTS_MAX: usize = 64;

/// How deep graphs may lie within each other, as the branches of `If` do.
pub const GRAPH_DEPTH_MAX: usize = 16;

/// How deep types may lie within each other: a sequence of optional tensors has three.
pub const TYPE_DEPTH_MAX: usize = 8;

/// Most dimensions of a tensor.
pub const DIMENSIONS_MAX: usize = 16;

/// Most elements of one tensor, and of an input or output as far as its sizes are fixed.
pub const ELEMENTS_MAX: u64 = 1 << 31;

/// Longest name, in bytes.
pub const NAME_BYTES_MAX: usize = 1 << 12;

/// Most operators that are told of one file as unsupported.
pub const UNSUPPORTED_MAX: usize = 64;

/// Longest excerpt of a text of the file in a message.
pub(crate) const EXCERPT_MAX: usize = 120;
