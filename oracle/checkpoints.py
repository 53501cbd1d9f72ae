"""Checkpoints of every kind that PyTorch writes, small, and what is in them.

    python3 oracle/checkpoints.py --out test/fixtures/checkpoints/torch

Writes NAME.pth and expected.json: for each file that can be read its tensors by path, with element type, sizes and
bytes in row-major order; for the others the text that the refusal has to contain. Needs PyTorch 1.13.
"""

import argparse
import base64
import collections
import datetime
import io
import json
import pathlib
import pickle
import zipfile

import numpy as np
import torch

FLOATS = {torch.float16, torch.bfloat16, torch.float32, torch.float64}


def drawn(*sizes, seed=0, dtype=torch.float32):
    generator = torch.Generator().manual_seed(seed)
    if dtype in FLOATS:
        return torch.randn(*sizes, generator=generator).to(dtype)
    return torch.randint(0, 100, sizes, generator=generator).to(dtype)


def state_dict(prefix=""):
    net = torch.nn.Sequential(torch.nn.Conv2d(2, 3, 3), torch.nn.BatchNorm2d(3), torch.nn.Linear(3, 2))
    state = net.state_dict(prefix=prefix)
    for i, (name, tensor) in enumerate(state.items()):
        state[name] = drawn(*tensor.shape, seed=i, dtype=tensor.dtype)
    return state


def views():
    base = drawn(6, 8, seed=1)
    return {
        "whole": base,
        "transposed": base.t(),
        "row": base[2],
        "column": base[:, 3],
        "inner": base[1:5:2, 2:7:3],
        "same": base,
        "expanded": drawn(4, 1, seed=2).expand(4, 3),
        "last": drawn(1000, seed=3)[995:],
        "channels_last": drawn(2, 3, 4, 5, seed=4).contiguous(memory_format=torch.channels_last),
        "one_row_strided": base[0:1].t()[3:4],
        "empty": torch.zeros(0, 4),
        "empty_transposed": torch.zeros(0, 4).t(),
        "scalar": torch.tensor(3.25),
    }


def dtypes():
    names = "float64 float32 float16 bfloat16 int64 int32 int16 int8 uint8 bool complex64 complex128".split()
    tensors = {}
    for i, name in enumerate(names):
        dtype = getattr(torch, name)
        real = drawn(3, 2, seed=i)
        tensors[name] = torch.complex(real, -real).to(dtype) if dtype.is_complex else (20 * real).to(dtype)
    return tensors


def parameters():
    plain = torch.nn.Parameter(drawn(2, 3))
    marked = torch.nn.Parameter(drawn(3, seed=1), requires_grad=False)
    marked.note = "with a state"
    attributed = drawn(2, seed=2)
    attributed.note = "with a state, too"
    return {"plain": plain, "marked": marked, "attributed": attributed}


def training():
    """What training scripts keep beside the weights."""
    weight = torch.nn.Parameter(drawn(2, 2))
    optimizer = torch.optim.Adam([weight], lr=1e-3)
    weight.sum().backward()
    optimizer.step()
    return {
        "epoch": 17,
        "best": np.float64(0.8125),
        "count": np.int64(3),
        "args": argparse.Namespace(lr=0.1, arch="resnet18", gpus=[0, 1], path=pathlib.PurePosixPath("/data/x")),
        "when": datetime.datetime(2020, 1, 2, 3, 4),
        "big": 2**80,
        "negative": -129,
        "nothing": None,
        "flags": (True, False),
        "names": {"cat"},
        "milestones": collections.Counter([30, 60]),
        "steps": collections.defaultdict(list, {"a": [1, 2.5]}),
        "queue": collections.deque([1, 2]),
        "bytes": b"\x00\xff",
        "device": torch.device("cuda:0"),
        "dtype": torch.float16,
        "size": torch.Size([2, 3]),
        "mean": np.array([0.5, 0.25], dtype=np.float32),
        "fortran": np.asfortranarray(np.arange(6, dtype=np.int16).reshape(2, 3)),
        "big_endian": np.arange(3, dtype=">f4"),
        "texts": np.array(["a", "bc"]),
        "rng": torch.arange(5, dtype=torch.uint8),
        "list": [drawn(2, seed=5), {"deep": drawn(1, seed=6)}],
        "optimizer": optimizer.state_dict(),
        3: drawn(1, seed=7),
    }


def nested():
    return {"epoch": 3, "state_dict": state_dict("module."), "optimizer": {"lr": 0.1}}


def save(value, legacy=False, device=None, protocol=2):
    """As torch.save; `device` is what the tag of every storage says."""
    location_tag = torch.serialization.location_tag
    sources = torch.serialization.get_source_lines_and_file
    # PyTorch would write the source code of its own modules into streams.
    torch.serialization.get_source_lines_and_file = lambda _: ([""], 0, "source.py")
    if device:
        torch.serialization.location_tag = lambda _: device
    try:
        file = io.BytesIO()
        torch.save(value, file, pickle_protocol=protocol, _use_new_zipfile_serialization=not legacy)
        return file.getvalue()
    finally:
        torch.serialization.location_tag = location_tag
        torch.serialization.get_source_lines_and_file = sources


def save_parts_of_storages():
    """A stream as PyTorch 0.4 wrote it: tensors in parts of a storage, which has them as its views."""
    numbers = drawn(10, seed=8)

    class Pickler(pickle.Pickler):
        def persistent_id(self, value):
            if isinstance(value, tuple) and value[:1] == ("part",):
                _, offset, size = value
                return ("storage", torch.FloatStorage, "7", "cpu", 10, (f"7.{offset}", offset, size))
            return None

    class Part:
        def __init__(self, offset, sizes, strides):
            self.args = offset, sizes, strides

        def __reduce__(self):
            offset, sizes, strides = self.args
            storage = ("part", offset, 10 - offset)
            return torch._utils._rebuild_tensor, (storage, 1, sizes, strides)

    file = io.BytesIO()
    sizes = dict(protocol_version=1001, little_endian=True, type_sizes=dict(short=2, int=4, long=4))
    for value in (torch.serialization.MAGIC_NUMBER, 1001, sizes):
        pickle.dump(value, file, protocol=2)
    Pickler(file, protocol=2).dump({"a": Part(0, (2, 2), (2, 1)), "b": Part(4, (2, 2), (1, 2))})
    pickle.dump(["7"], file, protocol=2)
    file.write((10).to_bytes(8, "little") + numbers.numpy().tobytes())
    return file.getvalue(), {"a": numbers[1:5].view(2, 2), "b": numbers[5:9].view(2, 2).t()}


def compressed(archive):
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as old, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(zipfile.ZipInfo(name), old.read(name), zipfile.ZIP_DEFLATED)
    return file.getvalue()


def script():
    file = io.BytesIO()
    torch.jit.save(torch.jit.script(torch.nn.Sequential(torch.nn.Linear(1, 1))), file)
    return file.getvalue()


class Command:
    def __reduce__(self):
        import os

        return os.system, ("touch executed",)


def flat(value, path=""):
    """Tensors by path, as the reader names them."""
    if isinstance(value, torch.Tensor):
        return {path: value.detach()}
    if isinstance(value, np.ndarray):
        return {} if value.dtype.kind == "U" else {path: torch.from_numpy(value.astype(value.dtype.newbyteorder("=")))}
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, (list, tuple)) else []
    return {k: v for key, item in items for k, v in flat(item, f"{path}.{key}" if path else str(key)).items()}


def fact(tensor):
    tensor = tensor.contiguous()
    bits = tensor.view(torch.int16) if tensor.dtype == torch.bfloat16 else tensor
    dtype = str(tensor.dtype).replace("torch.", "")
    data = base64.b64encode(bits.numpy().tobytes()).decode()
    return {"dtype": dtype, "dims": list(tensor.shape), "bytes": data}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)

    expected, refused = {}, {}

    def readable(name, content, value):
        (out / f"{name}.pth").write_bytes(content)
        expected[name] = {path: fact(tensor) for path, tensor in flat(value).items()}

    def unreadable(name, content, message):
        (out / f"{name}.pth").write_bytes(content)
        refused[name] = message

    values = dict(nested=nested(), views=views(), dtypes=dtypes(), parameters=parameters(), training=training())
    for name, value in values.items():
        readable(name, save(value), value)
        readable(f"{name}_stream", save(value, legacy=True), value)
    readable("cuda", save(nested(), device="cuda:1"), nested())
    readable("cuda_stream", save(nested(), device="cuda:1", legacy=True), nested())
    readable("protocol4", save(values["training"], protocol=4), values["training"])
    readable("protocol5", save(values["training"], protocol=5), values["training"])
    readable("parts_stream", *save_parts_of_storages())
    readable("tensor", save(drawn(2, 3)), {"tensor": drawn(2, 3)})
    readable("compressed", compressed(save(nested())), nested())
    net = torch.nn.Sequential(torch.nn.Linear(1, 1))
    unreadable("module", save(net), "torch.nn.modules.container.Sequential")
    unreadable("module_stream", save(net, legacy=True), "torch.nn.modules.container.Sequential")
    unreadable("script", script(), "TorchScript")
    unreadable("command", save({"weight": drawn(1), "x": Command()}), "posix.system")
    unreadable("command_stream", save(Command(), legacy=True, protocol=4), "posix.system")
    unreadable("pickle", pickle.dumps({"weight": [1.0]}, protocol=2), "none that torch.save wrote")
    text = json.dumps({"readable": expected, "refused": refused}, indent=0)
    (out / "expected.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
