//! Tests on real data and over real sockets.

mod fashion_mnist;
mod mirror;
mod own_datasets;
mod photographs_of_clothing;
mod photos;
mod spoken_digits;
mod texts;
