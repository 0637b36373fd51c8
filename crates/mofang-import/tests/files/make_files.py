"""Writes the files of the tests: `python make_files.py` beside them.

Made with torch 2.15.0 and torchvision 0.29.2. `expected.json` holds the logits of each network for
the image x[i] = sin(0.01 i), computed by PyTorch in double precision. The networks of torchvision are
saved as whole modules whose parameters repeat a few numbers by strides of zero, so that they are small.
"""

import collections
import json
import pathlib

import torch
import torchvision.models as zoo
from torch import nn

HERE = pathlib.Path(__file__).parent


def image(shape):
    count = torch.Size(shape).numel()
    return torch.sin(0.01 * torch.arange(count, dtype=torch.float64)).float().double().reshape(1, *shape)


def sequential():
    """Every layer of torch.nn that is read."""
    torch.manual_seed(1)
    model = nn.Sequential(
        nn.Conv2d(3, 6, 3, padding="same", dilation=2), nn.BatchNorm2d(6, eps=1e-3), nn.LeakyReLU(0.1),
        nn.Sequential(nn.Conv2d(6, 8, (3, 5), stride=(2, 1), padding=(1, 2), groups=2, bias=False),
                      nn.SiLU(), nn.MaxPool2d(2, ceil_mode=True)),
        nn.Conv2d(8, 8, 1, padding="valid"), nn.GELU(), nn.Dropout2d(0.1),
        nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False), nn.Tanh(),
        nn.AdaptiveAvgPool2d((2, 3)), nn.Identity(), nn.Flatten(),
        nn.Linear(48, 12, bias=False), nn.BatchNorm1d(12), nn.ReLU6(), nn.Dropout(0.2),
        nn.Linear(12, 7), nn.Sigmoid(), nn.Linear(7, 4), nn.ReLU(), nn.Linear(4, 4), nn.LogSoftmax(dim=1),
    )
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, (nn.BatchNorm2d, nn.BatchNorm1d)):
                module.running_mean.uniform_(-0.5, 0.5)
                module.running_var.uniform_(0.5, 1.5)
    return model


def small(model):
    """The model with one kernel for all of a layer's channels and one number for the rest."""
    torch.manual_seed(3)
    for module in model.modules():
        for name, parameter in list(module.named_parameters(recurse=False)):
            shape = parameter.shape
            if parameter.dim() == 4:
                kernel = torch.rand(1, 1, *shape[2:]) * 2 - 0.5
                value = kernel * 1.8 / parameter[0].numel()
            elif parameter.dim() == 2:
                value = torch.rand(shape[0], 1) * 2 / shape[1]
            else:
                value = torch.full((1,), 1.0 if isinstance(module, nn.BatchNorm2d) else 0.1)
            setattr(module, name, nn.Parameter(value.expand(shape), requires_grad=False))
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean = torch.tensor([-0.3]).expand(module.num_features)
            module.running_var = torch.tensor([1.5]).expand(module.num_features)
    return model


def alexnet():
    """Fine-tuned: with another classifier than the published one."""
    model = zoo.AlexNet(num_classes=5)
    model.classifier = nn.Sequential(nn.Dropout(), nn.Linear(256 * 36, 8), nn.ReLU(), nn.Linear(8, 5))
    return small(model)


def vgg():
    torch.manual_seed(4)
    features = zoo.vgg.make_layers([8, "M", 12, 12, "M"], batch_norm=True)
    model = zoo.VGG(features, num_classes=5)
    model.classifier = nn.Sequential(nn.Linear(12 * 49, 10), nn.ReLU(), nn.Dropout(), nn.Linear(10, 5))
    return model


class Own(nn.Module):
    """A class of one's own, whose weights are those of LeNet."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 5, padding=2)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(400, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 10)

    def forward(self, x):
        pool = nn.functional.max_pool2d
        x = pool(torch.relu(self.conv1(x)), 2)
        x = pool(torch.relu(self.conv2(x)), 2).flatten(1)
        return self.fc3(torch.relu(self.fc2(torch.relu(self.fc1(x)))))


if __name__ == "__main__":
    options = dict(num_classes=5, weights=None)
    models = {
        "sequential": (sequential(), [3, 12, 11]),
        "own": (small(Own()), [1, 28, 28]),
        "alexnet": (alexnet(), [3, 80, 70]),
        "mobilenet_v2": (small(zoo.mobilenet_v2(width_mult=0.25, **options)), [3, 40, 48]),
        "resnet18": (small(zoo.resnet18(**options)), [3, 40, 48]),
        "squeezenet1_1": (small(zoo.squeezenet1_1(**options)), [3, 51, 48]),
        "vgg": (vgg(), [3, 40, 48]),
    }
    expected = {}
    for name, (model, shape) in models.items():
        model = model.eval()
        torch.save(model, HERE / f"{name}.pth")
        with torch.no_grad():
            logits = model.double()(image(shape))[0]
        expected[name] = {"image_shape": shape, "logits": logits.tolist()}
    strided = small(zoo.resnet18(**options))
    strided.layer4[0].conv1.stride = (1, 1)
    torch.save(strided, HERE / "resnet_strided.pth")
    torch.save(small(zoo.googlenet(init_weights=False, aux_logits=False, **options).conv1),
               HERE / "basic_conv.pth")
    torch.save(nn.Sequential(nn.Conv2d(1, 2, 3, padding_mode="reflect")), HERE / "reflect.pth")
    torch.save(nn.Sequential(collections.OrderedDict(
        encoder=nn.Sequential(nn.LSTM(4, 4)))), HERE / "lstm.pth")
    nan = sequential().state_dict()
    nan["12.weight"][0, 0] = float("nan")
    torch.save(nan, HERE / "nan.pth")
    (HERE / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")
