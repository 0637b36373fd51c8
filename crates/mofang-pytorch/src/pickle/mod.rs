//! Pickles, as data: the objects that one describes, and the machine that finds them out.

mod machine;
mod objects;

pub(crate) use machine::run;
pub(crate) use objects::{Object, ObjectId, Objects, SavedStorage};
