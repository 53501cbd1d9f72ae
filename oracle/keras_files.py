"""HDF5 files as Keras 2.0.8 lays them out, written by h5py; small ones of every kind, and some that must be refused.

    keras_files.py --out DIR      weights.h5, model.h5, keras1.h5, nested.h5, theano.h5, types.h5; refused-*.h5

Elements count up from 0 in each tensor, so that tests need no second file. `write` is also for networks.
"""
import argparse
from pathlib import Path

import h5py
import numpy as np


def write(path, layers, whole=False, backend="tensorflow", version="2.0.8", extra=()):
    """`layers`: { layer: [(weight name, array)] } in the network's order, `whole`: a model with configuration and optimiser."""
    with h5py.File(path, "w") as f:
        root = f.create_group("model_weights") if whole else f
        for owner in {f, root}:
            owner.attrs["backend"] = backend.encode()
            owner.attrs["keras_version"] = version.encode()
        root.attrs["layer_names"] = [name.encode() for name in layers]
        for name, weights in layers.items():
            group = root.create_group(name)
            group.attrs["weight_names"] = [w.encode() for w, _ in weights]
            for w, value in weights:
                group.create_dataset(w, data=value)
        if whole:
            f.attrs["model_config"] = b'{"class_name": "Model"}'
            optimizer = f.create_group("optimizer_weights")
            optimizer.attrs["weight_names"] = [b"training/SGD/Variable:0", b"SGD/iterations:0"]
            optimizer.create_dataset("training/SGD/Variable:0", data=np.zeros(2, np.float32))
            optimizer.create_dataset("SGD/iterations:0", data=np.int64(7))
        for name, kwargs in extra:
            root.create_dataset(name, **kwargs)


def norm(name, channels):
    """BatchNorm and the DenseNets' `Scale`, whose variables have no scope."""
    def variables(of, first):
        return [(f"{of}{k}:0", first + np.arange(channels, dtype=np.float32)) for k in ("gamma", "beta")]
    statistics = [(f"{name}_bn/moving_{k}:0", np.arange(channels, dtype=np.float32)) for k in ("mean", "variance")]
    return {f"{name}_bn": variables(f"{name}_bn/", 0) + statistics, f"{name}_scale": variables(f"{name}_scale_", 10)}


def count(*shape, dtype=np.float32):
    return np.arange(np.prod(shape, dtype=int)).reshape(shape).astype(dtype)


def small():
    return {"data": [], "conv1": [("conv1/kernel:0", count(3, 2, 2, 4)), ("conv1/bias:0", count(4))], **norm("conv1", 4),
            # The scope's number says that this was not the session's first network.
            "3dconv1": [("3dconv1_1/kernel:0", count(2, 3, 4, 1, 2))],
            "dense": [("dense/kernel:0", count(3, 2)), ("dense/bias:0", count(2))]}


def types(path):
    with h5py.File(path, "w", libver="latest") as f:
        for kind in ("f2", "f4", "f8", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", ">f2", ">f4", ">f8", ">i2", ">i8"):
            f.create_dataset(f"types/{kind}", data=count(2, 3, dtype=kind))
        f.create_dataset("bool", data=np.array([True, False]))
        f.create_dataset("scalar", data=np.float32(3))
        f.create_dataset("none", shape=(0, 3), dtype="f4")
        f.create_dataset("gzip", data=count(10, 100), chunks=(3, 50), compression="gzip", shuffle=True, fletcher32=True)
        f.create_dataset("text", data="hello")
        f.create_dataset("record", data=np.zeros(2, dtype=[("a", "f4"), ("b", "i4")]))
        f.create_dataset("complex", data=np.zeros(2, dtype="c8"))
        f.create_dataset("empty", data=h5py.Empty("f4"))
        f["again"] = h5py.SoftLink("/scalar")
        f["broken"] = h5py.SoftLink("/nothing")
        f.attrs["epoch"] = "é 3"
        f.attrs["numbers"] = [1, 2]


def refused(out):
    def file(name):
        return h5py.File(out / f"refused-{name}.h5", "w")

    with file("link") as f:
        f["elsewhere"] = h5py.ExternalLink("/etc/passwd", "/w")
    with file("circle") as f:
        f.create_group("a")["b"] = f["/"]
    with file("compression") as f:
        f.create_dataset("w", data=count(100), compression="lzf")
    with file("huge") as f:
        f.create_dataset("w", shape=(2 ** 40,), dtype="f4", chunks=(1024,))
    with file("chunk") as f:
        f.create_dataset("w", shape=(10,), maxshape=(None,), dtype="f4", chunks=(2 ** 29,))
    with file("virtual") as f:
        layout = h5py.VirtualLayout(shape=(4,), dtype="f4")
        layout[:] = h5py.VirtualSource("/etc/passwd", "w", shape=(4,))
        f.create_virtual_dataset("w", layout)
    with file("external") as f:
        f.create_dataset("w", shape=(4,), dtype="f4", external=[("/etc/passwd", 0, 16)])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    write(out / "weights.h5", small())
    write(out / "model.h5", small(), whole=True, extra=[("top_level", {"data": count(2)})])
    bn = [(f"conv1_bn_{k}:0", count(4)) for k in ("gamma", "beta", "running_mean", "running_std")]
    write(out / "keras1.h5", {"conv1": [("conv1_W:0", count(3, 3, 2, 4)), ("conv1_b:0", count(4))], "conv1_bn": bn}, version="1.2.2")
    write(out / "nested.h5", {"encoder": [("a/kernel:0", count(1, 1, 2, 2)), ("b/kernel:0", count(1, 1, 2, 2))]})
    write(out / "theano.h5", {"conv1": [("conv1/kernel:0", count(4, 2, 3, 2))]}, backend="theano")
    types(out / "types.h5")
    refused(out)


if __name__ == "__main__":
    main()
