"""Writes the names and shapes of torchvision's networks: `python make_shapes.py` beside the JSON file.

Made with torch 2.15.0 and torchvision 0.29.2. Of networks that are one layer after the other, the
kinds of the feature layers too.
"""

import json
import pathlib

import torch
import torchvision.models as zoo

NAMES = [
    "alexnet", "mobilenet_v2", "resnet18", "resnet34", "resnet50", "resnet101",
    "squeezenet1_0", "squeezenet1_1", "vgg11", "vgg11_bn", "vgg16", "vgg19_bn",
    "wide_resnet50_2", "efficientnet_b0",
]

if __name__ == "__main__":
    networks = {}
    for name in NAMES:
        with torch.device("meta"):
            model = getattr(zoo, name)(weights=None)
        networks[name] = {"shapes": {key: list(value.shape) for key, value in model.state_dict().items()}}
        if name == "alexnet" or name.startswith("vgg"):
            networks[name]["features"] = [type(layer).__name__ for layer in model.features]
    path = pathlib.Path(__file__).parent / "torchvision_shapes.json"
    path.write_text(json.dumps(networks, separators=(",", ":")) + "\n")
