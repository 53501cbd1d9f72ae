"""Lifts the networks of `export_zoo.py` with `acs.py` and writes what they make of volumes.

    /usr/bin/python3 oracle/lift_zoo.py --out DIR [--only resnet18 unet_pad …] [--check]

NAME.3d.npz: x3 [1, c, d, size, size], d unlike size, with y3_acs, y3_mean-acs, y3_2.5d, y3_i3d; for networks with
a dynamic export also x3b [2, c, d, h, w], three unlike sizes, with y3b_acs. Weights are those of the ONNX files:
they depend on the network's name only. `--check` prints two self-tests of the oracle: views against dense
kernels, and slice consistency (all channels in one view, a volume constant along the axis it omits: every slice
is the 2D output).
"""
import argparse
import os
from pathlib import Path
import time
import warnings

import numpy as np
import torch

from acs import VIEWS, lift
from export_zoo import NETS, first_line
from weights import images, prepare, seed_of

KINDS = ("acs", "mean-acs", "2.5d", "i3d")


def volume(generator, n, channels, depth, height, width):
    """Slices of one random image that drift into those of another, with noise."""
    first, last = images(generator, 2 * n, channels, height, width).split(n)
    mix = torch.linspace(0, 1, depth)[:, None, None]
    noise = torch.randn(n, channels, depth, height, width, generator=generator)
    return first.unsqueeze(2) * (1 - mix) + last.unsqueeze(2) * mix + 0.3 * noise


def apart(a, b):
    return float((a - b).abs().max() / b.abs().max())


def slice_error(net, view, x2, y2):
    """max |Δ| / max |y2| over all slices, for a volume constant along the axis that the view omits."""
    axis = 2 + VIEWS.index(view)
    x3 = x2.unsqueeze(axis).repeat_interleave(x2.shape[2], axis)
    y3 = lift(net, only=view)(x3)
    return apart(y3, y2.unsqueeze(axis).expand_as(y3) if y3.ndim == 5 else y2)


@torch.no_grad()
def lift_net(spec, out, check):
    shape = (1, spec.channels, spec.size, spec.size)
    net = prepare(spec.name, spec.build(), shape)
    g = torch.Generator().manual_seed(seed_of(spec.name + " volumes"))
    x3 = volume(g, 1, spec.channels, spec.depth, spec.size, spec.size)
    arrays, refused = {"x3": x3}, ""
    for kind in KINDS:
        try:
            arrays[f"y3_{kind}"] = lift(net, kind)(x3)
        except RuntimeError as error:  # 2.5d never crops depth, so branches that crop differently may not meet
            refused += f"no {kind}: {first_line(error)}  "
    if spec.other and not spec.static_only and "y2b" in np.load(out / f"{spec.name}.npz").files:
        arrays["x3b"] = volume(g, 2, spec.channels, spec.depth, *spec.other)
        arrays["y3b_acs"] = lift(net)(arrays["x3b"])
    aside = out / f"{spec.name}.3d.partial.npz"
    np.savez(aside, **{key: value.numpy() for key, value in arrays.items()})
    os.replace(aside, out / f"{spec.name}.3d.npz")
    if not check:
        return refused
    dense = f"{apart(lift(net, dense=True)(x3), arrays['y3_acs']):.0e}"
    if spec.size > 128:  # a cube of this size would take minutes
        return f"{refused}dense {dense}"
    x2 = images(g, *shape)
    slices = " ".join(f"{view} {slice_error(net, view, x2, net(x2)):.0e}" for view in VIEWS)
    return f"{refused}dense {dense}  slices {slices}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="where export_zoo.py wrote")
    parser.add_argument("--only", nargs="+", metavar="NAME")
    parser.add_argument("--check", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")
    for spec in NETS:
        if not spec.liftable or args.only and spec.name not in args.only:
            continue
        start = time.time()
        try:
            report = lift_net(spec, args.out, args.check)
        except Exception as error:
            report = f"FAILED {first_line(error)}"
        print(f"{spec.name:32} {time.time() - start:5.1f} s  {report}", flush=True)


if __name__ == "__main__":
    main()
