//! Models, versions, aliases, publishing, comparison and roll-back.
