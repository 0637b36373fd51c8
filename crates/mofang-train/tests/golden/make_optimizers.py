"""Writes optimizers.json: `python make_optimizers.py` beside it.

Made with torch 2.15.0 in double precision: 20 steps over one parameter whose gradient at step t is
sin(t + 2 i) for element i (the Rust test gives twice that with a clipping factor of one half).
"""

import json
import pathlib

import torch

CASES = [
    ({"name": "sgd", "learning_rate": 0.1}, lambda p: torch.optim.SGD(p, lr=0.1)),
    (
        {"name": "sgd", "learning_rate": 0.1, "momentum": 0.9, "weight_decay": 0.01},
        lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=0.01),
    ),
    (
        {"name": "sgd", "learning_rate": 0.05, "momentum": 0.8, "nesterov": True, "weight_decay": 0.1},
        lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.8, nesterov=True, weight_decay=0.1),
    ),
    ({"name": "adamw", "learning_rate": 0.01}, lambda p: torch.optim.AdamW(p, lr=0.01)),
    (
        {"name": "adamw", "learning_rate": 0.1, "beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-6, "weight_decay": 0.1},
        lambda p: torch.optim.AdamW(p, lr=0.1, betas=(0.8, 0.95), eps=1e-6, weight_decay=0.1),
    ),
]


def main():
    results = []
    for spec, make in CASES:
        weight = torch.tensor([0.5, -1.0, 2.0, 0.0], dtype=torch.float64, requires_grad=True)
        optimizer = make([weight])
        for step in range(20):
            weight.grad = torch.sin(step + 2 * torch.arange(4, dtype=torch.float64))
            optimizer.step()
        results.append({"spec": spec, "values": weight.detach().tolist()})
    path = pathlib.Path(__file__).with_name("optimizers.json")
    path.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
