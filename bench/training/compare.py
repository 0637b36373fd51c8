#!/usr/bin/env python3
"""Times bench-training and PyTorch in turns and prints their ratio.

    cargo build --release --workspace
    python3 bench/training/compare.py                     # makes its own environment with pip
    python3 bench/training/compare.py --python /usr/bin/python3   # or takes one that has torch and torchvision
    python3 bench/training/compare.py --pairs 7 --write   # and puts the table into bench/README.md

Every time is taken in a process of its own, so that the peak of the memory is that workload's. A pair is
one process of each, one right after the other; the ratio is the median of the pairs' ratios, which a
machine that is busy at times moves less than a ratio of medians.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import venv

ROOT = pathlib.Path(__file__).resolve().parents[2]
HERE = pathlib.Path(__file__).resolve().parent
WORKLOADS = {
    "resnet20-step": "ResNet-20 step, 3×32×32, batch 64, AdamW",
    "lenet-step": "LeNet step, 1×28×28, batch 128, AdamW",
    "fashion-step": "`recipes/fashion-mnist.toml` step, batch 128, AdamW",
    "resnet18-forward-1": "ResNet-18 forward, 224², batch 1",
    "resnet18-forward-8": "ResNet-18 forward, 224², batch 8",
    "mobilenet_v2-forward-1": "MobileNetV2 forward, 224², batch 1",
    "mobilenet_v2-forward-8": "MobileNetV2 forward, 224², batch 8",
}
BEGIN = "<!-- bench/training/compare.py -->"
END = "<!-- end -->"


def environment(folder):
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
        command = [python, "-m", "pip", "install", "torch==2.15.*", "torchvision"]
        subprocess.run(command, check=True)
    return python


def run(command):
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return json.loads(output.strip().splitlines()[-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--python", help="a python that has torch and torchvision")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--times", type=int, default=10, help="times in a process")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--only", help="workloads whose name contains this")
    parser.add_argument("--kernels-off", action="store_true", help="burn's own operations")
    parser.add_argument("--write", action="store_true", help="write the table into bench/README.md")
    arguments = parser.parse_args()
    python = arguments.python or environment(ROOT / "target" / "bench-venv")
    ours = [ROOT / "target" / "release" / "bench-training"]
    if arguments.kernels_off:
        ours.append("--kernels-off")
    rows = []
    for name, title in WORKLOADS.items():
        if arguments.only and arguments.only not in name:
            continue
        options = ["--times", str(arguments.times), "--threads", str(arguments.threads), name]
        pairs = [
            (run([*ours, *options]), run([python, HERE / "torch_workloads.py", *options]))
            for _ in range(arguments.pairs)
        ]
        median = lambda which, key: statistics.median(pair[which][key] for pair in pairs)
        ratio = statistics.median(mine["median_ms"] / other["median_ms"] for mine, other in pairs)
        least = [min(pair[which]["least_ms"] for pair in pairs) for which in (0, 1)]
        memory = [max(pair[which]["peak_mib"] for pair in pairs) for which in (0, 1)]
        row = (
            f"| {title} | {median(0, 'median_ms'):.1f} | {median(1, 'median_ms'):.1f} | {ratio:.2f} "
            f"| {least[0] / least[1]:.2f} ({least[0]:.1f} / {least[1]:.1f}) | {memory[0]} | {memory[1]} |"
        )
        print(row, flush=True)
        rows.append(row)
    if arguments.write:
        readme = ROOT / "bench" / "README.md"
        text = readme.read_text()
        before, rest = text.split(BEGIN)
        _, behind = rest.split(END)
        head = [
            "| workload | Mofang ms | PyTorch ms | ratio | ratio of the least | Mofang MiB | PyTorch MiB |",
            "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
        ]
        table = "\n".join(head + rows)
        readme.write_text(f"{before}{BEGIN}\n\n{table}\n\n{END}{behind}")


if __name__ == "__main__":
    sys.exit(main())
