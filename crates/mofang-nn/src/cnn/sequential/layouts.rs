//! Published networks that are one layer after the other, told by the names and shapes of their
//! weights.

use super::{LayerSpec, NamedLayer, Pair, PoolSpec, SequentialConfig};
use crate::WeightShapes;

/// The network, the channels of its images, and its classes.
type Layout = (SequentialConfig, usize, usize);

/// `AlexNet` for one processor: Krizhevsky 2014, <https://arxiv.org/abs/1404.5997>, as torchvision
/// has it.
pub(super) fn alexnet(weights: &WeightShapes) -> Option<Layout> {
    let [64, channels, 11, 11] = weights.dims("features.0.weight")? else {
        return None;
    };
    let [classes, 4096] = weights.dims("classifier.6.weight")? else {
        return None;
    };
    let pool = || max_pool(3, 2);
    let features = vec![
        convolution(64, 11, 4, 2),
        LayerSpec::Relu {},
        pool(),
        convolution(192, 5, 1, 2),
        LayerSpec::Relu {},
        pool(),
        convolution(384, 3, 1, 1),
        LayerSpec::Relu {},
        convolution(256, 3, 1, 1),
        LayerSpec::Relu {},
        convolution(256, 3, 1, 1),
        LayerSpec::Relu {},
        pool(),
    ];
    let dropout = || LayerSpec::Dropout { probability: 0.5 };
    let classifier = vec![
        dropout(),
        linear(4096),
        LayerSpec::Relu {},
        dropout(),
        linear(4096),
        LayerSpec::Relu {},
        linear(classes),
    ];
    Some((whole(features, 6, classifier), channels, classes))
}

/// VGG: Simonyan and Zisserman 2014, <https://arxiv.org/abs/1409.1556>, as torchvision has it, with
/// and without batch normalization. How many layers there are between the numbers of two
/// convolutions tells where the poolings are.
pub(super) fn vgg(weights: &WeightShapes) -> Option<Layout> {
    let [_, channels, 3, 3] = weights.dims("features.0.weight")? else {
        return None;
    };
    let [classes, 4096] = weights.dims("classifier.6.weight")? else {
        return None;
    };
    let has_batch_norm = weights.dims::<1>("features.1.running_mean").is_some();
    let mut features = Vec::new();
    // All of torchvision's have fewer than 60.
    for index in 0..64_usize {
        let Some([width, _, 3, 3]) = weights.dims(&format!("features.{index}.weight")) else {
            continue;
        };
        match index.checked_sub(features.len()) {
            Some(0) => {}
            Some(1) => features.push(max_pool(2, 2)),
            _ => return None,
        }
        features.push(convolution(width, 3, 1, 1));
        if has_batch_norm {
            features.push(LayerSpec::BatchNorm2d {
                momentum: 0.1,
                epsilon: 1e-5,
            });
        }
        features.push(LayerSpec::Relu {});
    }
    features.push(max_pool(2, 2));
    let dropout = || LayerSpec::Dropout { probability: 0.5 };
    let classifier = vec![
        linear(4096),
        LayerSpec::Relu {},
        dropout(),
        linear(4096),
        LayerSpec::Relu {},
        dropout(),
        linear(classes),
    ];
    Some((whole(features, 7, classifier), channels, classes))
}

fn convolution(channels: usize, kernel: usize, stride: usize, padding: usize) -> LayerSpec {
    LayerSpec::Conv2d {
        channels,
        kernel: Pair::Both(kernel),
        stride: Pair::Both(stride),
        padding: Pair::Both(padding),
        dilation: Pair::Both(1),
        groups: 1,
        bias: true,
    }
}

fn max_pool(kernel: usize, stride: usize) -> LayerSpec {
    LayerSpec::MaxPool2d(PoolSpec {
        kernel: Pair::Both(kernel),
        stride: Some(Pair::Both(stride)),
        padding: Pair::Both(0),
        ceil_mode: false,
        count_include_pad: true,
    })
}

fn linear(features: usize) -> LayerSpec {
    LayerSpec::Linear {
        features: Some(features),
        bias: true,
    }
}

fn unnamed(layers: Vec<LayerSpec>) -> LayerSpec {
    LayerSpec::Sequential {
        layers: layers
            .into_iter()
            .map(|layer| NamedLayer { name: None, layer })
            .collect(),
    }
}

/// Features, the mean over a grid of this size, and the classifier.
fn whole(features: Vec<LayerSpec>, grid: usize, classifier: Vec<LayerSpec>) -> SequentialConfig {
    let size = Pair::Both(grid);
    let layers = [
        ("features", unnamed(features)),
        ("avgpool", LayerSpec::AdaptiveAvgPool2d { size }),
        ("flatten", LayerSpec::Flatten {}),
        ("classifier", unnamed(classifier)),
    ];
    SequentialConfig {
        layers: layers
            .into_iter()
            .map(|(name, layer)| NamedLayer {
                name: Some(name.to_owned()),
                layer,
            })
            .collect(),
    }
}
