"""Exports a zoo of 2D networks to ONNX, with inputs and PyTorch's outputs beside them.

    /usr/bin/python3 oracle/export_zoo.py --out DIR [--only resnet18 unet_pad …] [--opset 17]

Writes NAME_{static,dynamic}_{13,17}.onnx, NAME.npz (x2 → y2 at the exported size; x2b → y2b, batch 2 at
another size, where the network takes one) and manifest.json, which grows network by network.
"""
import argparse
import json
import os
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
import time
import warnings

import numpy as np
import torch
from torch import nn
import torchvision.models as tv
import torchvision.models.segmentation as seg

from nets import CoordConstant, CoordinateAttention, CoordRamp, FirstOutput, NonLocal, PocUNet, UNet, between
from weights import images, noise, prepare, seed_of, sensitivity

OPSETS = (13, 17)
FLATTENED_HEAD = "the head reads flattened H×W positions and averages over depth"
POSITIONS = "a constant has height and width, and is repeated along depth"
ZERO_PAD = "zeros are padded on all three axes, so slices near the border of the constant axis differ"


@dataclass
class Net:
    """One network: how to build it, the size it is exported at, and what lifting should make of it."""

    name: str
    build: callable
    size: int
    other: tuple = None  # (h, w) of the second input of a dynamic export
    depth: int = None  # of the volumes the lifted network is tried on; ¾ of the size by default
    channels: int = 3
    static_only: str = ""  # why no dynamic export is tried
    liftable: bool = True
    reason: str = ""
    exceptions: list = field(default_factory=list)  # views whose slice consistency is not exact, and why

    def __post_init__(self):
        self.depth = self.depth or self.size * 3 // 4


def classifier(name, size=64, other=(96, 72), **kwargs):
    options = {k: kwargs.pop(k) for k in ("aux_logits", "init_weights", "transform_input", "image_size") if k in kwargs}
    return Net(name, partial(getattr(tv, name), weights=None, **options), size, other, **kwargs)


def segmenter(name, size=64, other=(80, 104)):
    build = getattr(seg, name)
    return Net(name, lambda: FirstOutput(build(weights=None, weights_backbone=None, aux_loss=None)), size, other)


def unet(name, size=48, other=(40, 56), **kwargs):
    options = {k: kwargs.pop(k) for k in ("up", "mode", "align_corners") if k in kwargs}
    return Net(f"unet_{name}", partial(UNet, **options), size, other, channels=1, **kwargs)


def small(name, build, size=32, other=(40, 48), **kwargs):
    return Net(name, build, size, other, **kwargs)


def views(*names, why):
    return [{"view": v, "why": why} for v in names]


ALL_VIEWS = ("axial", "coronal", "sagittal")
NO_ATTENTION = "tokens and position tables tie it to 2D patches"

# Most wanted first: the list is exported in this order.
NETS = [
    classifier("resnet18"),
    classifier("densenet121"),
    segmenter("deeplabv3_resnet50"),
    classifier("mobilenet_v2"),
    classifier("shufflenet_v2_x1_0"),
    classifier("convnext_tiny"),
    classifier("squeezenet1_1", other=(99, 74)),
    classifier("googlenet", aux_logits=False, init_weights=False, transform_input=False, other=(99, 74)),
    small("poc_unet", PocUNet, 48, (40, 56), channels=1),
    unet("convtranspose_k2s2", up="k2s2"),
    unet("convtranspose_k3s2p1op1", up="k3s2p1op1"),
    unet("convtranspose_k4s2p1", up="k4s2p1"),
    unet("upsample_bilinear", up="upsample"),
    unet("interpolate_bilinear", size=50, depth=46, other=(46, 58), up="interpolate", mode="bilinear", align_corners=False),
    unet("interpolate_align_corners", size=50, depth=46, other=(46, 58), up="interpolate", mode="bilinear", align_corners=True),
    unet("interpolate_nearest", size=50, depth=46, other=(46, 58), up="interpolate", mode="nearest"),
    unet("interpolate_bicubic", size=50, depth=46, other=(46, 58), up="interpolate", mode="bicubic", align_corners=False),
    unet("pad", size=50, depth=46, other=(46, 58), up="pad", exceptions=views(*ALL_VIEWS, why=ZERO_PAD)),
    unet("crop", size=76, depth=60, other=(84, 92), up="crop"),
    small("group_norm", lambda: between(nn.GroupNorm(4, 16))),
    small("instance_norm", lambda: between(nn.InstanceNorm2d(16, affine=True))),
    small("pixel_shuffle", lambda: between(nn.PixelShuffle(2), 16, 4)),
    small("pixel_unshuffle", lambda: between(nn.PixelUnshuffle(2), 8, 32)),
    small("prelu", lambda: between(nn.PReLU(16))),
    small("non_local", lambda: between(NonLocal(16)), 16, (20, 24)),
    small("local_response_norm", lambda: between(nn.LocalResponseNorm(5))),
    small("coord_constant", lambda: between(CoordConstant(16, 32)), static_only="its constant is as large as the image",
          exceptions=views("coronal", "sagittal", why=POSITIONS)),
    small("layer_norm_chw", lambda: between(nn.LayerNorm([16, 32, 32])), static_only="its constants are as large as the image",
          exceptions=views("coronal", "sagittal", why=POSITIONS)),
    small("coordinate_attention", lambda: between(CoordinateAttention(16)),
          exceptions=views("sagittal", why="depth is averaged together with height, never with width")),
    small("coord_ramp", lambda: between(CoordRamp()), liftable=False, reason="row numbers have no counterpart along depth"),
    classifier("resnet50"),
    classifier("mobilenet_v3_large"),
    classifier("efficientnet_b0"),
    classifier("mnasnet1_0"),
    classifier("regnet_y_400mf"),
    segmenter("lraspp_mobilenet_v3_large"),
    segmenter("deeplabv3_mobilenet_v3_large"),
    classifier("inception_v3", 96, (123, 107), depth=80, aux_logits=False, init_weights=False, transform_input=False,
               exceptions=views(*ALL_VIEWS, why=ZERO_PAD)),
    classifier("resnext50_32x4d"),
    segmenter("fcn_resnet50"),
    classifier("efficientnet_v2_s"),
    classifier("alexnet", 224, None, depth=64, exceptions=views("coronal", "sagittal", why=FLATTENED_HEAD)),
    classifier("vit_b_16", 224, None, image_size=224, liftable=False, reason=NO_ATTENTION),
    classifier("swin_t", 64, liftable=False, reason="windows split the height and width axes; " + NO_ATTENTION),
    classifier("resnet101"),
    classifier("wide_resnet50_2"),
    classifier("vgg16", 224, None, depth=32, exceptions=views("coronal", "sagittal", why=FLATTENED_HEAD)),
    classifier("vgg16_bn", 224, None, depth=32, exceptions=views("coronal", "sagittal", why=FLATTENED_HEAD)),
    Net("maxvit_t", lambda: tv.maxvit_t(weights=None), 224, liftable=False, static_only="its windows are cut for one size",
        reason="windows split the height and width axes; " + NO_ATTENTION),
]


def export(model, x, path, opset, dynamic):
    """Writes `path` aside and renames it, so that a reader never meets half a file.

    Gradients are on, as in a user's session: without them attention takes a fused form torch cannot export.
    """
    aside = path.with_suffix(".partial")
    axes = {"input": {0: "N", 2: "H", 3: "W"}, "output": {0: "N"}} if dynamic else None
    try:
        with torch.enable_grad():
            torch.onnx.export(model, x, str(aside), opset_version=opset, input_names=["input"],
                              output_names=["output"], dynamic_axes=axes)
        os.replace(aside, path)
    finally:
        aside.unlink(missing_ok=True)


def first_line(error):
    text = str(error).strip()
    return f"{type(error).__name__}: {text.splitlines()[0] if text else ''}"[:300]


@torch.no_grad()
def export_net(net, out, opsets):
    """All files of one network; returns its manifest entries."""
    shape = (1, net.channels, net.size, net.size)
    model = prepare(net.name, net.build(), shape)
    g = torch.Generator().manual_seed(seed_of(net.name + " inputs"))
    reaction = sensitivity(model, shape, g)
    x = images(g, *shape)
    y = model(x)
    arrays, rounding = {"x2": x, "y2": y}, noise(model, x)
    if net.other and not net.static_only:
        try:
            xb = images(g, 2, net.channels, *net.other)
            arrays.update(x2b=xb, y2b=model(xb))
            rounding = max(rounding, noise(model, xb))
        except Exception as error:
            print(f"{net.name:32} takes one size only: {first_line(error)}", flush=True)
    entries = []
    for dynamic in (False, True):
        for opset in opsets:
            form = "dynamic" if dynamic else "static"
            entry = {"name": net.name, "file": None, "dynamic": dynamic, "opset": opset, "inputShape": list(shape),
                     "outputs": {"output": list(y.shape)}, "liftable": net.liftable, "reason": net.reason,
                     "sliceConsistentExceptions": net.exceptions, "sensitivity": round(reaction, 4),
                     "float32Noise": float(f"{rounding:.1e}")}
            if dynamic and net.static_only:
                entries.append({**entry, "notExported": net.static_only})
                continue
            path = out / f"{net.name}_{form}_{opset}.onnx"
            try:
                export(model, x, path, opset, dynamic)
                entries.append({**entry, "file": path.name})
            except Exception as error:  # torch refuses with many types; the reason is recorded
                entries.append({**entry, "notExported": first_line(error)})
    aside = out / f"{net.name}.partial.npz"
    np.savez(aside, **{k: v.numpy() for k, v in arrays.items()})
    os.replace(aside, out / f"{net.name}.npz")
    return entries


def merge_manifest(path, entries):
    """Replaces the entries of the same networks, keeps the others."""
    names = {e["name"] for e in entries}
    kept = [e for e in json.loads(path.read_text()) if e["name"] not in names] if path.exists() else []
    aside = path.with_suffix(".partial")
    aside.write_text(json.dumps(kept + entries, indent=1))
    os.replace(aside, path)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", nargs="+", metavar="NAME", help="export these networks only")
    parser.add_argument("--opset", nargs="+", type=int, choices=OPSETS, default=OPSETS, help="default: both")
    args = parser.parse_args()
    unknown = set(args.only or []) - {net.name for net in NETS}
    if unknown:
        parser.error(f"unknown networks {sorted(unknown)}; known: {' '.join(net.name for net in NETS)}")
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")
    args.out.mkdir(parents=True, exist_ok=True)
    for net in NETS:
        if args.only and net.name not in args.only:
            continue
        start = time.time()
        try:
            entries = export_net(net, args.out, args.opset)
        except Exception as error:
            print(f"{net.name:32} FAILED {first_line(error)}", flush=True)
            continue
        merge_manifest(args.out / "manifest.json", entries)
        made = " ".join(f"{'dynamic' if e['dynamic'] else 'static'}_{e['opset']}" for e in entries if e["file"])
        reaction = entries[0]["sensitivity"]
        rounding = entries[0]["float32Noise"]
        warning = "" if reaction >= 0.05 else "  BELOW 5 %"
        print(f"{net.name:32} {time.time() - start:5.1f} s  reacts {100 * reaction:5.1f} %  noise {rounding:.0e}{warning}  {made}", flush=True)


if __name__ == "__main__":
    main()
