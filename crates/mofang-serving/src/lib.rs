//! The model pool, the batching queue and prediction.
