"""Writes the reference numbers of the golden tests: `python make_golden.py` beside the JSON files.

Made with torch 2.15.0 and torchvision 0.29.2, in double precision, so that the references carry no
rounding of their own. Weights and inputs are formulas of their index (`pattern` below, repeated in
tests/it/golden.rs), so that only results need to be stored.
"""

import collections
import json
import math
import pathlib

import torch
import torch.nn.functional as F
import torchvision
from torch import nn

BATCH = 4


def pattern(count, index):
    """Numbers in [-1, 1) without order: an integer hash (lowbias32) of place and index.

    A formula such as a sine would do for one layer, but its matrices have rank 2, and a deep network
    of those amplifies every rounding of f32.
    """
    mask = 0xFFFFFFFF
    x = (torch.arange(1, count + 1, dtype=torch.int64) + 0x9E3779B1 * index) & mask
    x = (x ^ (x >> 16)) * 0x7FEB352D & mask
    x = (x ^ (x >> 15)) * 0x846CA68B & mask
    x = x ^ (x >> 16)
    return (x.double() / 2**31 - 1).float().double()


def fill(model):
    """Every parameter and buffer by its place among the sorted names."""
    state = model.state_dict()
    names = sorted(name for name in state if not name.endswith("num_batches_tracked"))
    for index, name in enumerate(names):
        tensor = state[name]
        values = pattern(tensor.numel(), index)
        if name.endswith("running_var"):
            values = 1 + 0.2 * values
        elif tensor.dim() > 1:
            values = values * 2 / math.sqrt(tensor[0].numel())
        elif name.endswith("bn3.weight"):
            # Sixteen blocks of full weight would amplify every rounding of f32, PyTorch's too.
            values = 0.3 + 0.03 * values
        elif name.endswith("weight"):
            values = 1 + 0.1 * values
        else:
            values = 0.1 * values
        tensor.copy_(values.float().double().reshape(tensor.shape))


class LeNet(nn.Module):
    def __init__(self, channels, classes, flat):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, 6, 5, padding=2)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(flat, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, classes)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = F.relu(self.fc2(F.relu(self.fc1(x.flatten(1)))))
        return self.fc3(x)


class CifarBlock(nn.Module):
    def __init__(self, channels, width, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.subsamples = stride != 1
        self.padding = (width - channels) // 2

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        if self.subsamples:
            x = F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.padding, self.padding))
        return F.relu(y + x)


class CifarResNet(nn.Module):
    """He et al. 2015, section 4.2, with the names of akamaster/pytorch_resnet_cifar10."""

    def __init__(self, depth, classes):
        super().__init__()
        blocks = (depth - 2) // 6
        self.conv1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        channels = 16
        for stage, width in enumerate([16, 32, 64], start=1):
            layers = []
            for _ in range(blocks):
                layers.append(CifarBlock(channels, width, width // channels))
                channels = width
            setattr(self, f"layer{stage}", nn.Sequential(*layers))
        self.linear = nn.Linear(64, classes)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.linear(x.mean((2, 3)))


class SimpleCnn(nn.Module):
    def __init__(self, features, classifier):
        super().__init__()
        self.features = nn.Sequential(*features)
        self.classifier = nn.Sequential(nn.Flatten(), *classifier)

    def forward(self, x):
        return self.classifier(self.features(x))


def simple_cnn():
    features = [
        nn.Conv2d(1, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU(),
        nn.Conv2d(8, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(8, 12, 5, padding=2), nn.ReLU(), nn.AvgPool2d(2),
    ]
    classifier = [nn.Linear(12 * 3 * 2, 16), nn.ReLU(), nn.Linear(16, 5)]
    return SimpleCnn(features, classifier)


def simple_cnn_global():
    features = [nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU(),
                nn.AdaptiveAvgPool2d(1)]
    return SimpleCnn(features, [nn.Linear(8, 3)])


def sequential():
    """Every kind of layer that can be written down, with sizes that differ in height and width."""
    features = nn.Sequential(
        nn.Conv2d(3, 8, (3, 5), stride=(2, 1), padding=(1, 2), bias=False),
        nn.BatchNorm2d(8, eps=1e-3, momentum=0.3), nn.SiLU(),
        nn.Conv2d(8, 12, 3, padding=2, dilation=2, groups=4), nn.GELU(),
        nn.MaxPool2d(3, stride=2, padding=1, ceil_mode=True), nn.LeakyReLU(0.2),
        nn.Conv2d(12, 12, 1), nn.Tanh(),
        nn.AvgPool2d((2, 3), stride=(1, 2), padding=(1, 1), count_include_pad=False),
        nn.ReLU6(), nn.Identity(), nn.AdaptiveAvgPool2d((2, 3)),
    )
    classifier = nn.Sequential(
        nn.Dropout(0.0), nn.Linear(72, 16, bias=False), nn.Sigmoid(), nn.Linear(16, 5))
    return nn.Sequential(collections.OrderedDict(
        features=features, flatten=nn.Flatten(), classifier=classifier))


SEQUENTIAL = {"layers": [
    {"name": "features", "type": "sequential", "layers": [
        {"type": "conv2d", "channels": 8, "kernel": [3, 5], "stride": [2, 1], "padding": [1, 2],
         "bias": False},
        {"type": "batch_norm2d", "epsilon": 1e-3, "momentum": 0.3}, {"type": "silu"},
        {"type": "conv2d", "channels": 12, "kernel": 3, "padding": 2, "dilation": 2, "groups": 4},
        {"type": "gelu"},
        {"type": "max_pool2d", "kernel": 3, "stride": 2, "padding": 1, "ceil_mode": True},
        {"type": "leaky_relu", "slope": 0.2},
        {"type": "conv2d", "channels": 12, "kernel": 1}, {"type": "tanh"},
        {"type": "avg_pool2d", "kernel": [2, 3], "stride": [1, 2], "padding": 1,
         "count_include_pad": False},
        {"type": "relu6"}, {"type": "identity"}, {"type": "adaptive_avg_pool2d", "size": [2, 3]},
    ]},
    {"name": "flatten", "type": "flatten"},
    {"name": "classifier", "type": "sequential", "layers": [
        {"type": "dropout", "probability": 0.0}, {"type": "linear", "features": 16, "bias": False},
        {"type": "sigmoid"}, {"type": "linear"},
    ]},
]}

# The images of each network: those whose index is the best of the first 400, where 0 will not do. With 0 a
# value of ResNet-20 lies 4e-7 from a rectifier's corner, one of MobileNetV2 7e-7: then rounding in f32
# decides whether its gradient passes, and shows in every layer before. Here the nearest are 1e-5 and 4e-6 away.
IMAGES = {"resnet20": 90, "mobilenet_v2": 6}

zoo = torchvision.models
CASES = {
    # name: (architecture, configuration, image shape, model)
    "lenet": ("lenet", {}, [1, 28, 28], LeNet(1, 10, 400)),
    "mobilenet_v2": ("mobilenet_v2", {"dropout": 0.0}, [3, 64, 64],
                     zoo.mobilenet_v2(num_classes=10, dropout=0.0)),
    "mobilenet_v2_half": ("mobilenet_v2", {"dropout": 0.0, "width_multiplier": 0.35}, [3, 48, 64],
                          zoo.mobilenet_v2(num_classes=10, dropout=0.0, width_mult=0.35)),
    "resnet18": ("resnet", {"depth": 18}, [3, 64, 64], zoo.resnet18(num_classes=10)),
    "resnet20": ("resnet", {"depth": 20}, [3, 32, 32], CifarResNet(20, 10)),
    "resnet50": ("resnet", {"depth": 50}, [3, 64, 64], zoo.resnet50(num_classes=10)),
    "sequential": ("sequential", SEQUENTIAL, [3, 15, 14], sequential()),
    "simple_cnn": ("simple_cnn", {
        "blocks": [{"channels": 8, "convolutions": 2},
                   {"channels": 12, "kernel": 5, "batch_norm": False, "pool": "average"}],
        "hidden": [16],
    }, [1, 13, 8], simple_cnn()),
    "simple_cnn_global": ("simple_cnn", {
        "blocks": [{"channels": 8, "pool": "none"}], "hidden": [], "global_pool": True,
    }, [3, 8, 8], simple_cnn_global()),
    "squeezenet1_0": ("squeezenet", {"version": "1.0", "dropout": 0.0}, [3, 66, 63],
                      zoo.squeezenet1_0(num_classes=10, dropout=0.0)),
    "squeezenet1_1": ("squeezenet", {"version": "1.1", "dropout": 0.0}, [3, 64, 64],
                      zoo.squeezenet1_1(num_classes=10, dropout=0.0)),
}


# The hundred thousand rectifiers of a deep network have some inputs so near zero that rounding
# decides their sign, and each that turns changes the gradients a little, in float32 of PyTorch too.
GRADIENT_TOLERANCES = {"resnet50": 2e-2}


def rounded(values):
    return [float(f"{value:.8g}") for value in values]


def make(name, architecture, config, image, model):
    images = pattern(BATCH * math.prod(image), IMAGES.get(name, 0)).reshape(BATCH, *image)
    write(name, architecture, config, model, images, {
        "image_shape": image,
        "images": IMAGES.get(name, 0),
    })


def write(name, architecture, config, model, inputs, described, outputs=None):
    """The results of `model` for `inputs`, which `described` tells the test how to make; `outputs` where a network
    gives more than that many: so many at each of several steps."""
    model = model.double()
    state = model.state_dict()
    with torch.no_grad():
        fill(model)
    with torch.no_grad():
        evaluation = model.eval()(inputs)
    training = model.train()(inputs)
    classes = training.shape[1]
    (training * pattern(BATCH * classes, 1).reshape(BATCH, classes)).sum().backward()
    gradients = {}
    for key, parameter in model.named_parameters():
        gradient = parameter.grad.flatten()
        gradients[key] = {
            "norm": rounded([gradient.norm().item()])[0],
            "projection": rounded([(gradient @ pattern(gradient.numel(), 2)).item()])[0],
            "first": rounded(gradient[:3].tolist()),
        }
    buffers = {
        key: rounded(value[:3].tolist())
        for key, value in state.items() if key.endswith(("running_mean", "running_var"))
    }
    dtypes = {torch.float64: "F32", torch.int64: "I64"}
    golden = {
        "architecture": {"name": architecture, "config": config},
        **described,
        "classes": outputs or classes,
        "state": {key: [dtypes[value.dtype], list(value.shape)] for key, value in state.items()},
        "gradient_tolerance": GRADIENT_TOLERANCES.get(name, 1e-4),
        "evaluation_logits": rounded(evaluation.flatten().tolist()),
        "training_logits": rounded(training.flatten().tolist()),
        "gradients": gradients,
        "buffers_after_one_pass": buffers,
    }
    path = pathlib.Path(__file__).parent / f"{name}.json"
    path.write_text(json.dumps(golden, separators=(",", ":"), sort_keys=True) + "\n")
    print(path.name, path.stat().st_size, evaluation[0, :3].tolist())


if __name__ == "__main__":
    for name, case in CASES.items():
        make(name, *case)
