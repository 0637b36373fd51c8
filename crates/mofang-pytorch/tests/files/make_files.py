"""Writes the files of the tests: `python make_files.py` beside them. Made with torch 2.15.0.

`expected.json` holds what each file's state dictionary is: names, shapes, types, values.
"""

import collections
import json
import pathlib

import torch
from torch import nn

HERE = pathlib.Path(__file__).parent


def numbers(*shape):
    count = int(torch.tensor(shape).prod())
    return (torch.arange(count, dtype=torch.float32) * 0.25 - 1.5).reshape(shape)


def types():
    base = numbers(4, 6)
    state = {
        name: numbers(2, 3).to(getattr(torch, name))
        for name in ["bfloat16", "float16", "float32", "float64", "float8_e4m3fn", "float8_e5m2",
                     "int8", "int16", "int32", "int64"]
    }
    for name in ["uint8", "uint16", "uint32", "uint64"]:
        state[name] = torch.tensor([0, 1, 200]).to(getattr(torch, name))
    state["bool"] = torch.tensor([True, False])
    state["scalar"] = torch.tensor(42.0)
    state["empty"] = torch.zeros(0, 3)
    state["transposed"] = base.t()
    state["slice"] = base[1:3, ::2]
    state["expanded"] = torch.tensor([7.0]).expand(2, 2)
    state["parameter"] = nn.Parameter(base[0])
    return state


def checkpoint():
    state = collections.OrderedDict(
        ("module." + name, tensor) for name, tensor in module().state_dict().items())
    return {
        "epoch": 3, "accuracy": 0.5, "big": 2**80, "names": {"a", "b"}, "bytes": b"\x00\xff",
        "device": torch.device("cpu"), "dtype": torch.float32, "size": torch.Size([1, 2]),
        "state_dict": state,
        "optimizer": {"state": {0: {"momentum": torch.ones(2)}}, "param_groups": [{"lr": 0.1}]},
    }


def module():
    features = nn.Sequential(
        nn.Conv2d(1, 2, (3, 1), stride=2, padding=(1, 0), bias=False), nn.BatchNorm2d(2), nn.ReLU())
    model = nn.Sequential(collections.OrderedDict(
        features=features, pool=nn.AdaptiveAvgPool2d(1), flatten=nn.Flatten(),
        drop=nn.Dropout(0.25), fc=nn.Linear(2, 3)))
    for index, parameter in enumerate(model.parameters()):
        with torch.no_grad():
            parameter.copy_(numbers(*parameter.shape) + index)
    model.features.register_buffer("transient", torch.ones(1), persistent=False)
    return model


def describe(state):
    return {
        name: {"data_type": str(tensor.dtype).removeprefix("torch."), "shape": list(tensor.shape),
               "values": tensor.detach().to(torch.float32).flatten().tolist()}
        for name, tensor in state.items()
    }


if __name__ == "__main__":
    # The older container keeps the source code of every class, and the path that it was at.
    torch.serialization.get_source_lines_and_file = lambda *_: (["source"], 1, "layer.py")
    files = {
        "types.pth": (types(), types()),
        "checkpoint.pth": (checkpoint(), checkpoint()["state_dict"]),
        "module.pth": (module(), module().state_dict()),
    }
    expected = {}
    for name, (saved, state) in files.items():
        torch.save(saved, HERE / name)
        expected[name] = describe(state)
    old = {name: tensor for name, tensor in types().items()
           if not name.startswith(("float8", "uint16", "uint32", "uint64"))}
    for name, saved, state in [("types_legacy.pth", old, old),
                               ("module_legacy.pth", module(), module().state_dict())]:
        torch.save(saved, HERE / name, _use_new_zipfile_serialization=False)
        expected[name] = describe(state)
    for protocol in (3, 4, 5):
        name = f"checkpoint_protocol{protocol}.pth"
        torch.save(checkpoint(), HERE / name, pickle_protocol=protocol)
        expected[name] = expected["checkpoint.pth"]
    script = torch.jit.script(nn.Linear(1, 1))
    script.save(HERE / "torchscript.pt")
    (HERE / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")
