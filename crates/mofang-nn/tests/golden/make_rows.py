"""Writes the reference numbers of networks on rows: `python make_rows.py` beside the JSON files.

As make_golden.py, whose `pattern` and `fill` it uses. A row has numbers from the pattern, times 3 so that they reach
beyond the bins, and then the code of each category: the row's index plus the category's, modulo its number of codes.
"""

import json
import math
import pathlib

import torch
from torch import nn

from make_golden import BATCH, fill, pattern

NUMBERS = 3
CATEGORIES = [5, 7]


class Features(nn.Module):
    """Gorishniy et al. 2022, sections 3.2 and 3.3, in their own words."""

    def __init__(self, numbers, frequencies, bins, dimension):
        super().__init__()
        self.bins = bins
        self.frequencies = nn.Parameter(torch.zeros(numbers, frequencies)) if frequencies else None
        width = 2 * frequencies if frequencies else bins
        self.weight = nn.Parameter(torch.zeros(numbers, width, dimension))
        self.bias = nn.Parameter(torch.zeros(numbers, dimension))

    def forward(self, x):
        if self.frequencies is not None:
            angles = 2 * math.pi * self.frequencies[None] * x[..., None]
            features = torch.cat([torch.cos(angles), torch.sin(angles)], -1)
        else:
            edges = torch.linspace(-2.5, 2.5, self.bins + 1, dtype=x.dtype)
            columns = []
            for t in range(self.bins):
                share = (x - edges[t]) / (edges[t + 1] - edges[t])
                if t > 0:
                    share = share.clamp(min=0)
                if t < self.bins - 1:
                    share = share.clamp(max=1)
                columns.append(share)
            features = torch.stack(columns, -1)
        return torch.relu(torch.einsum("bni,nio->bno", features, self.weight) + self.bias)


class Mlp(nn.Module):
    def __init__(self, features, dimensions, hidden, batch_norm, outputs):
        super().__init__()
        self.numbers = features
        self.categories = nn.ModuleList(nn.Embedding(n, d) for n, d in zip(CATEGORIES, dimensions))
        width = sum(dimensions) + (features.bias.numel() if features else NUMBERS)
        layers = []
        for size in hidden:
            layers.append(nn.Linear(width, size))
            if batch_norm:
                layers.append(nn.BatchNorm1d(size))
            layers += [nn.ReLU(), nn.Dropout(0.0)]
            width = size
        self.layers = nn.Sequential(*layers, nn.Linear(width, outputs))

    def forward(self, rows):
        x = rows[:, :NUMBERS]
        parts = [self.numbers(x).flatten(1) if self.numbers else x]
        for index, table in enumerate(self.categories):
            parts.append(table(rows[:, NUMBERS + index].long()))
        return self.layers(torch.cat(parts, 1))


def rows():
    numbers = 3 * pattern(BATCH * NUMBERS, 0).reshape(BATCH, NUMBERS)
    codes = [[(row + index) % count for index, count in enumerate(CATEGORIES)] for row in range(BATCH)]
    return torch.cat([numbers.float().double(), torch.tensor(codes).double()], 1)


CASES = {
    "mlp": ({"hidden": [6, 5], "dropout": 0.0, "category_dimension": 2},
            Mlp(None, [2, 2], [6, 5], False, 3)),
    "mlp_batch_norm": ({"hidden": [6], "dropout": 0.0, "batch_norm": True}, Mlp(None, [4, 5], [6], True, 1)),
    "mlp_periodic": ({"hidden": [6], "dropout": 0.0, "category_dimension": 2,
                      "numbers": {"kind": "periodic", "frequencies": 3, "dimension": 4}},
                     Mlp(Features(NUMBERS, 3, 0, 4), [2, 2], [6], False, 2)),
    "mlp_piecewise_linear": ({"hidden": [6], "dropout": 0.0, "category_dimension": 2,
                              "numbers": {"kind": "piecewise_linear", "bins": 5, "dimension": 4}},
                             Mlp(Features(NUMBERS, 0, 5, 4), [2, 2], [6], False, 2)),
}


def main():
    torch.set_grad_enabled(True)
    for name, (config, model) in CASES.items():
        model = model.double()
        with torch.no_grad():
            fill(model)
        state = {key: ["F32" if value.is_floating_point() else "I64", list(value.shape)]
                 for key, value in model.state_dict().items()}
        model.eval()
        evaluation = model(rows())
        model.train()
        training = model(rows())
        (training * pattern(training.numel(), 1).reshape(training.shape)).sum().backward()
        gradients = {key: {"norm": parameter.grad.norm().item(),
                           "projection": (parameter.grad.flatten() * pattern(parameter.numel(), 2)).sum().item(),
                           "first": parameter.grad.flatten()[:4].tolist()}
                     for key, parameter in model.named_parameters()}
        buffers = {key: value.tolist() for key, value in model.named_buffers() if value.is_floating_point()}
        golden = {
            "architecture": {"name": name.split("_")[0] if name.startswith("mlp") else name, "config": config},
            "input": {"kind": "row", "numbers": NUMBERS, "categories": CATEGORIES},
            "outputs": training.shape[1],
            "state": state,
            "evaluation_outputs": evaluation.flatten().tolist(),
            "training_outputs": training.flatten().tolist(),
            "gradients": gradients,
            "buffers_after_one_pass": buffers,
        }
        path = pathlib.Path(__file__).with_name(f"{name}.json")
        path.write_text(json.dumps(golden, indent=1) + "\n")


if __name__ == "__main__":
    main()
