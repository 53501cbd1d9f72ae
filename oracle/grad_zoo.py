"""Gradients of whole networks by PyTorch's autograd: networks lifted by `acs.py`, and 3D modules as they are.

    /usr/bin/python3 oracle/grad_zoo.py --out DIR [--only resnet_train_acs group_norm_13 …]

Writes FILE.onnx per network (parameters under PyTorch's names, BatchNorm kept) and NAME.npz per case: `x` and
`target`, `loss`, `grad/PARAMETER`, and `noise/PARAMETER`: how far from that gradient float32 PyTorch comes at most,
as it is and with weights and image changed in their last digit. A Relu or a maximum that rounding decides shows there.
Gradients are computed in float64, so that a deviation is somebody's rounding and not two people's. For soft-acs
also `weight/LOGITS`; for Dropout `mask`; for cases with steps `losses` and `state/TENSOR` after them.
manifest.json lists the cases, and comes last.
"""
import argparse
import copy
import json
import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path
import time
import warnings

import numpy as np
import torch
from torch import nn
import torch.nn.functional as F
import torchvision.models as tv
import torchvision.models.inception as blocks
import torchvision.models.segmentation as seg

from acs import lift
from grad_modules import MODULES, Masked
from nets import FirstOutput, UNet
from weights import prepare, seed_of

CLASSES = 7
# Odd enough that strides leave remainders, and after five of them there are 2³ voxels for BatchNorm to look at.
SIZE = (33, 35, 38)
NUDGES = 6  # enough for what rounding decides to fall on either side
SGD = {"lr": 0.02, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01}


@dataclass
class Net:
    """A 2D network, and what is done with it in 3D."""

    name: str
    build: callable
    cases: tuple = ("train acs",)  # how BatchNorm computes, and the kind of lifting
    size: tuple = SIZE
    channels: int = 3
    squares: bool = False  # mean squared error instead of cross-entropy
    steps: int = 0  # of SGD, after which the state is compared, too


def classifier(name, *cases, size=SIZE, **options):
    return Net(name, partial(getattr(tv, name), num_classes=CLASSES, **options), cases or ("train acs",), size)


def vgg():
    """Ends in a mean: the original's head is tied to an image size."""
    net = tv.vgg11_bn(num_classes=CLASSES)
    features = nn.Sequential(*list(net.features)[:22])  # two more pools would leave single voxels
    return nn.Sequential(features, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, CLASSES))


def segmenter(build, backbone):
    return FirstOutput(build(weights=None, weights_backbone=None, num_classes=CLASSES, aux_loss=None, **backbone))


def resnet():
    return tv.ResNet(tv.resnet.BasicBlock, [1, 1, 1, 1], num_classes=CLASSES)


def densenet():
    return tv.DenseNet(12, (2, 3, 2), 16, num_classes=CLASSES, drop_rate=0)


def convnext():
    setting = tv.convnext.CNBlockConfig
    return tv.ConvNeXt([setting(24, 48, 1), setting(48, 96, 2), setting(96, None, 1)], num_classes=CLASSES)


def resnext():
    return tv.ResNet(tv.resnet.Bottleneck, [1, 1, 1, 1], num_classes=CLASSES, groups=8, width_per_group=8)


def inception():
    """The stem and one module of each kind of Inception v3: kernels 5×5, 1×7, 7×1, 1×3, pools with padding."""
    return nn.Sequential(
        blocks.BasicConv2d(3, 16, kernel_size=3, stride=2), blocks.InceptionA(16, 8), blocks.InceptionB(232),
        blocks.InceptionC(712, 16), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(768, CLASSES))


def lraspp():
    return FirstOutput(seg.lraspp_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=CLASSES))


FIXED = {"aux_logits": False, "init_weights": False, "transform_input": False}

NETS = [
    Net("resnet", resnet, ("train acs", "frozen acs", "train soft-acs", "train 2.5d"), steps=3),
    Net("densenet", densenet, ("train acs", "frozen soft-acs")),
    Net("convnext", convnext, ("train acs", "train soft-acs")),
    Net("vgg", vgg),
    Net("resnext", resnext, ("train acs",)),
    classifier("mobilenet_v2", "train acs", "frozen acs"),
    classifier("mobilenet_v3_small", "train acs", "frozen mean-acs"),
    classifier("efficientnet_b0", "train acs"),
    classifier("shufflenet_v2_x0_5"),
    classifier("squeezenet1_1", "train acs", "train i3d"),
    classifier("googlenet", "frozen acs", **FIXED),
    classifier("mnasnet0_5", "frozen acs"),
    classifier("regnet_y_400mf"),
    Net("inception", inception, ("train acs",)),
    Net("deeplab", lambda: segmenter(seg.deeplabv3_mobilenet_v3_large, {}), ("frozen acs",)),
    Net("lraspp", lraspp, ("frozen acs",)),
    Net("unet_k2s2", partial(UNet, "k2s2", 8), ("train acs", "train soft-acs", "train mean-acs"), (16, 20, 24), 1),
    Net("unet_k3s2", partial(UNet, "k3s2p1op1", 8), ("train acs",), (16, 20, 24), 1, True, 3),
    Net("unet_k4s2", partial(UNet, "k4s2p1", 8), ("frozen acs",), (16, 20, 24), 1),
    Net("unet_upsample", partial(UNet, "upsample", 8), ("train acs", "train 2.5d"), (16, 20, 24), 1),
    Net("unet_interpolate", partial(UNet, "interpolate", 8, "bilinear", True), ("train acs",), (18, 22, 25), 1, True),
    Net("unet_pad", partial(UNet, "pad", 8), ("train acs",), (18, 22, 25), 1),
]


def set_mode(net, norms):
    """Everything as in inference (no dropout), BatchNorm as in training where `norms`, and otherwise not trained."""
    net.eval()
    for module in net.modules():
        if isinstance(module, (nn.BatchNorm2d, nn.BatchNorm3d)):
            module.train(norms).requires_grad_(norms)
    return net


def export(net, x, path, opset=17, **options):
    torch.onnx.export(net, x, str(path), opset_version=opset, input_names=["input"], output_names=["output"],
                      do_constant_folding=False, **options)


def named(net):
    """Parameters by the names that acsconv gives them: logits of soft-acs beside their kernels."""
    return {name.removeprefix("net.").replace(".soft", ".soft_w_core"): p for name, p in net.named_parameters()}


def loss_of(y, target, squares):
    return F.mse_loss(y, target) if squares else F.cross_entropy(y, target)


def gradients(net, x, target, squares):
    """The loss, and its gradient by parameter, at a copy of `net`; of what it does not depend on, none."""
    net = copy.deepcopy(net)
    loss = loss_of(net(x), target, squares)
    loss.backward()
    return loss.item(), {name: p.grad for name, p in named(net).items() if p.grad is not None}


@torch.no_grad()
def nudged(net, x, generator):
    """A copy of `net`, and `x`, with rounding errors."""
    def last_digit(t):
        return t * (1 + 3e-7 * torch.randn(t.shape, generator=generator))
    net = copy.deepcopy(net)
    for p in net.parameters():
        p.copy_(last_digit(p))
    return net, last_digit(x)


def case(net, x, generator, squares):
    """Arrays of one case; `net` and `x` in float32."""
    with torch.no_grad():
        y = copy.deepcopy(net)(x)
    target = torch.randn(y.shape, generator=generator) if squares else torch.randint(
        y.shape[1], (y.shape[0], *y.shape[2:]), generator=generator)
    exactly = target.double() if squares else target
    loss, exact = gradients(copy.deepcopy(net).double(), x.double(), exactly, squares)
    rounded = [gradients(*pair, target, squares)[1] for pair in
               [(net, x), *(nudged(net, x, generator) for _ in range(NUDGES))]]
    arrays = {"x": x, "target": target if squares else target.to(torch.uint8), "loss": torch.tensor([loss])}
    for name, gradient in exact.items():
        arrays[f"grad/{name}"] = gradient.float()
        arrays[f"noise/{name}"] = torch.stack([(r[name] - gradient).abs().max() for r in rounded]).max().float().reshape(1)
        if name.endswith(".soft_w_core"):
            arrays[f"weight/{name}"] = named(net)[name].detach()
    return arrays


def trajectory(net, arrays, squares, steps):
    """Losses before each of a few steps of SGD in float64, and the state that they lead to."""
    net = copy.deepcopy(net).double()
    x, target = arrays["x"].double(), arrays["target"].double() if squares else arrays["target"].long()
    optimiser, losses = torch.optim.SGD(net.parameters(), **SGD), []
    for _ in range(steps):
        optimiser.zero_grad()
        loss = loss_of(net(x), target, squares)
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    state = {name.removeprefix("net."): value for name, value in net.state_dict().items() if value.is_floating_point()}
    return {"losses": torch.tensor(losses), **{f"state/{name}": value.float() for name, value in state.items()}}


def write(path, arrays):
    aside = path.with_suffix(".partial.npz")
    np.savez(aside, **{name: value.detach().numpy() for name, value in arrays.items()})
    os.replace(aside, path)


def write_net(spec, out, only):
    """Yields a manifest entry for each case of a network."""
    _, height, width = spec.size
    net = prepare(spec.name, spec.build(), (1, spec.channels, height, width))
    file = f"{spec.name}.onnx"
    export(net, torch.zeros(1, spec.channels, height, width), out / file, training=torch.onnx.TrainingMode.PRESERVE,
           dynamic_axes={"input": {0: "N", 2: "H", 3: "W"}})
    for number, wanted in enumerate(spec.cases):
        norms, kind = wanted.split()
        name = f"{spec.name}_{norms}_{kind}"
        if only and name not in only:
            continue
        torch.manual_seed(seed_of(name))  # of the logits
        g = torch.Generator().manual_seed(seed_of(name))
        lifted = set_mode(lift(net, kind), norms == "train")
        x = torch.randn(2, spec.channels, *spec.size, generator=g)
        arrays = case(lifted, x, g, spec.squares)
        steps = spec.steps if number == 0 else 0
        if steps:
            arrays.update(trajectory(lifted, arrays, spec.squares, steps))
        write(out / f"{name}.npz", arrays)
        yield {"name": name, "file": file, "kind": kind, "norms": norms, "squares": spec.squares, "steps": steps}


def write_module(name, build, opset, out):
    """A 3D module between two convolutions."""
    torch.manual_seed(seed_of(name))
    g = torch.Generator().manual_seed(seed_of(name))
    net = build().eval()
    x = torch.randn(2, 3, 6, 7, 9, generator=g)
    with torch.no_grad():
        for p in net.parameters():  # scales of 1 and shifts of 0 would be stored as one
            p.add_(0.1 * torch.randn(p.shape, generator=g))
    dropout = [module for module in net.modules() if isinstance(module, Masked)]
    training = {"training": torch.onnx.TrainingMode.TRAINING if dropout else torch.onnx.TrainingMode.PRESERVE}
    export(net, x, out / f"{name}.onnx", opset, **training)
    net.eval()
    arrays = case(net, x, g, False)
    if dropout:
        arrays["mask"] = dropout[0].mask
    write(out / f"{name}.npz", arrays)
    return {"name": name, "file": f"{name}.onnx", "kind": None, "norms": "train", "squares": False, "steps": 0}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", nargs="+", metavar="NAME", help="these cases only; others stay in the manifest")
    args = parser.parse_args()
    warnings.filterwarnings("ignore")
    args.out.mkdir(parents=True, exist_ok=True)
    entries = []
    for spec in NETS:
        if not args.only or any(name.startswith(spec.name) for name in args.only):
            start = time.time()
            entries += write_net(spec, args.out, args.only)
            print(f"{spec.name:20} {time.time() - start:5.1f} s", flush=True)
    for module, build in MODULES.items():
        for opset in (13, 17):
            name = f"{module}_{opset}"
            if not args.only or name in args.only:
                entries.append(write_module(name, build, opset, args.out))
    path = args.out / "manifest.json"
    names = {entry["name"] for entry in entries}
    kept = [entry for entry in json.loads(path.read_text()) if entry["name"] not in names] if path.exists() else []
    aside = path.with_suffix(".partial")
    aside.write_text(json.dumps(kept + entries, indent=1))
    os.replace(aside, path)


if __name__ == "__main__":
    main()
