//! Convolutional image classifiers. One file per architecture.

mod lenet;
mod mobilenet_v2;
mod resnet;
mod sequential;
mod simple_cnn;
mod squeezenet;

pub(crate) use lenet::Lenet;
pub(crate) use mobilenet_v2::MobilenetV2;
pub(crate) use resnet::Resnet;
pub(crate) use sequential::Sequential;
pub(crate) use simple_cnn::SimpleCnn;
pub(crate) use squeezenet::Squeezenet;
