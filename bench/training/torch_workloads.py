"""The workloads of bench-training in PyTorch: `torch_workloads.py resnet20-step --times 10 --threads 2`."""

import argparse
import json
import resource
import statistics
import time

import torch
import torch.nn.functional as F
import torchvision
from torch import nn


class Block(nn.Module):
    """A residual block whose shortcut has no parameters."""

    def __init__(self, channels, width, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.padding = (width - channels) // 2
        self.stride = stride

    def forward(self, x):
        around = x
        if self.stride != 1:
            around = F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.padding, self.padding))
        x = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(x)) + around)


def resnet20():
    layers = [nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU()]
    channels = 16
    for stage, width in enumerate((16, 32, 64)):
        for number in range(3):
            layers.append(Block(channels, width, 2 if stage > 0 and number == 0 else 1))
            channels = width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))


def lenet():
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10),
    )


def fashion():
    layers = []
    channels = 1
    for width in (32, 64, 128):
        layers += [nn.Conv2d(channels, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)]
        layers += [nn.ReLU(), nn.MaxPool2d(2)]
        channels = width
    layers += [nn.Flatten(), nn.Dropout(0.25), nn.Linear(1152, 128), nn.ReLU()]
    return nn.Sequential(*layers, nn.Dropout(0.25), nn.Linear(128, 10))


WORKLOADS = {
    "resnet20-step": (resnet20, (64, 3, 32, 32)),
    "lenet-step": (lenet, (128, 1, 28, 28)),
    "fashion-step": (fashion, (128, 1, 28, 28)),
    "resnet18-forward-1": (torchvision.models.resnet18, (1, 3, 224, 224)),
    "resnet18-forward-8": (torchvision.models.resnet18, (8, 3, 224, 224)),
    "mobilenet_v2-forward-1": (torchvision.models.mobilenet_v2, (1, 3, 224, 224)),
    "mobilenet_v2-forward-8": (torchvision.models.mobilenet_v2, (8, 3, 224, 224)),
}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("workload", choices=WORKLOADS)
    parser.add_argument("--times", type=int, default=10)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(1)
    make, shape = WORKLOADS[arguments.workload]
    model = make()
    images = torch.randn(shape)
    if arguments.workload.endswith("step"):
        model.train()
        labels = torch.randint(0, 10, (shape[0],))
        optimizer = torch.optim.AdamW(model.parameters(), lr=0.001)

        def work():
            optimizer.zero_grad()
            F.cross_entropy(model(images), labels).backward()
            optimizer.step()
    else:
        model.eval()

        def work():
            with torch.inference_mode():
                model(images)

    times = []
    for number in range(arguments.times + 2):
        began = time.perf_counter()
        work()
        if number >= 2:
            times.append((time.perf_counter() - began) * 1e3)
    print(json.dumps({
        "workload": arguments.workload,
        "median_ms": statistics.median(times),
        "least_ms": min(times),
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }))


if __name__ == "__main__":
    main()
