//! Datasets, cleaning, splits, transforms, augmentations, decoders and the data loader.
