"""The 3D networks that ACS is compared with, in PyTorch, written from their descriptions, and their published files.

    baselines.py keys --out FILE.json.gz           { case: { parameter: sizes } } of every network, with its head
    baselines.py outputs --out DIR --only NAME …   NAME.pth (or .hdf5), as published; NAME.npz: x → y, and of one step
                                                   of SGD `target`, `losses` before and after, and per parameter, but for
                                                   the largest, `grad/`, `after/`, and `noise/`: how far from that
                                                   gradient float32 PyTorch comes
    baselines.py list                              the cases as JSON, for the test that compares them

Checkpoints have the containers, names and company of the published ones: Med3D's and 2018's videos and Models Genesis are
legacy streams of a model in DataParallel; 2020's videos are zip files without that prefix; H-DenseUNet's are Keras's
(h_denseunet.py), whose networks have sizes of their own. Networks of parallel separable convolutions (psc.py) were never
published, and are plain state dicts. Steps are computed in
float64, so that a deviation is one side's rounding and not two sides'.

The authors' code of shortcuts without parameters lets no gradient through; here it goes through.
"""
import argparse
import copy
from dataclasses import KW_ONLY, dataclass, field
import gzip
import json
from pathlib import Path

import numpy as np
import torch
from torch import nn
import torch.nn.functional as F
from torchvision.models import mobilenet_v2, resnet18
from torchvision.models.mobilenetv2 import InvertedResidual

import h_denseunet
from h_denseunet import DenseUNet2d, HDenseUNet, Scale
from nets import PocUNet
from psc import lift as psc
from weights import seed_of

BASIC, BOTTLENECK = 1, 4  # by how much a block's end is wider
DESIGNS = {
    10: (BASIC, [1, 1, 1, 1]), 18: (BASIC, [2, 2, 2, 2]), 34: (BASIC, [3, 4, 6, 3]), 50: (BOTTLENECK, [3, 4, 6, 3]),
    101: (BOTTLENECK, [3, 4, 23, 3]), 152: (BOTTLENECK, [3, 8, 36, 3]), 200: (BOTTLENECK, [3, 24, 36, 3]),
}
LEARNING_RATE = 0.01
NUDGES = 6  # runs in float32: with weights as they are, and changed in their last digit


# --- networks -------------------------------------------------------------------------------------------------------

class Residual(nn.Module):
    def __init__(self, c_in, width, wider, stride, dilation, zeros):
        super().__init__()
        self.stride, self.c_out, self.wider = stride, width * wider, wider
        wide = dict(kernel_size=3, padding=dilation, dilation=dilation, bias=False)
        if wider == BASIC:
            convs = [nn.Conv3d(c_in, width, stride=stride, **wide), nn.Conv3d(width, width, **wide)]
        else:
            convs = [nn.Conv3d(c_in, width, 1, bias=False), nn.Conv3d(width, width, stride=stride, **wide),
                     nn.Conv3d(width, self.c_out, 1, bias=False)]
        for i, conv in enumerate(convs, 1):
            self.add_module(f"conv{i}", conv)
            self.add_module(f"bn{i}", nn.BatchNorm3d(conv.out_channels))
        self.count = len(convs)
        self.zeros = zeros and (stride != 1 or c_in != self.c_out)
        if not zeros and (stride != 1 or c_in != self.c_out):
            self.downsample = nn.Sequential(nn.Conv3d(c_in, self.c_out, 1, stride, bias=False), nn.BatchNorm3d(self.c_out))

    def forward(self, x):
        y = x
        for i in range(1, self.count + 1):
            y = getattr(self, f"bn{i}")(getattr(self, f"conv{i}")(y))
            y = F.relu(y) if i < self.count else y
        if self.zeros:
            s = self.stride
            x = F.pad(x[:, :, ::s, ::s, ::s], (0, 0, 0, 0, 0, 0, 0, self.c_out - x.shape[1]))
        elif hasattr(self, "downsample"):
            x = self.downsample(x)
        return F.relu(x + y)


class ResNet(nn.Module):
    """`head`: "seg" is Med3D's, enlarged to the volume; "fc" a classifier; None leaves the last map."""

    def __init__(self, depth, channels, stride, strides, dilations, zeros, head, classes):
        super().__init__()
        wider, blocks = DESIGNS[depth]
        self.conv1 = nn.Conv3d(channels, 64, 7, stride, 3, bias=False)
        self.bn1 = nn.BatchNorm3d(64)
        c = 64
        for i, count in enumerate(blocks):
            layer = []
            for j in range(count):
                layer.append(Residual(c, 64 << i, wider, strides[i] if j == 0 else 1, dilations[i], zeros))
                c = layer[-1].c_out
            self.add_module(f"layer{i + 1}", nn.Sequential(*layer))
        if head == "seg":
            self.conv_seg = nn.Sequential(
                nn.ConvTranspose3d(c, 32, 2, 2), nn.BatchNorm3d(32), nn.ReLU(),
                nn.Conv3d(32, 32, 3, padding=1, bias=False), nn.BatchNorm3d(32), nn.ReLU(),
                nn.Conv3d(32, classes, 1, bias=False))
        if head == "fc":
            self.fc = nn.Linear(c, classes)

    def forward(self, x):
        y = F.max_pool3d(F.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        y = self.layer4(self.layer3(self.layer2(self.layer1(y))))
        if hasattr(self, "conv_seg"):
            return F.interpolate(self.conv_seg(y), size=x.shape[2:], mode="trilinear", align_corners=False)
        return self.fc(y.mean((2, 3, 4))) if hasattr(self, "fc") else y


def med3d(depth, head="seg", classes=2, channels=1):
    return ResNet(depth, channels, 2, [1, 2, 1, 1], [1, 1, 2, 4], depth in (18, 34), head, classes)


def video(depth, generation=2018, classes=None):
    classes = classes or {2018: 400, 2020: 700}[generation]
    return ResNet(depth, 3, (1, 2, 2), [1, 2, 2, 2], [1, 1, 1, 1], generation == 2018 and depth < 50, "fc", classes)


class Unit(nn.Module):
    """BatchNorm by the batch at hand, written out; running statistics are held but not read."""

    def __init__(self, c_in, c_out):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv3d(c_in, c_out, 3, padding=1), nn.BatchNorm3d(c_out)

    def forward(self, x):
        y = self.conv1(x)
        over = (0, 2, 3, 4)
        z = y - y.mean(over, keepdim=True)
        z = z / torch.sqrt((z * z).mean(over, keepdim=True) + self.bn1.eps)
        return F.relu(z * self.bn1.weight.view(1, -1, 1, 1, 1) + self.bn1.bias.view(1, -1, 1, 1, 1))


class Level(nn.Module):
    def __init__(self, c_in, middle, c_out, up=None):
        super().__init__()
        if up:
            self.up_conv = nn.ConvTranspose3d(up, up, 2, 2)
        self.ops = nn.Sequential(Unit(c_in, middle), Unit(middle, c_out))

    def forward(self, x, skip=None):
        return self.ops(x if skip is None else torch.cat([self.up_conv(x), skip], 1))


class Genesis(nn.Module):
    def __init__(self, channels=1, classes=1, classifies=False):
        super().__init__()
        self.classifies, c = classifies, channels
        for width in (64, 128, 256, 512):
            self.add_module(f"down_tr{width}", Level(c, width // 2, width))
            c = width
        if classifies:
            self.dense_1, self.dense_2 = nn.Linear(512, 1024), nn.Linear(1024, classes)
            return
        for width in (256, 128, 64):
            self.add_module(f"up_tr{width}", Level(3 * width, width, width, up=2 * width))
        self.out_tr = nn.ModuleDict({"final_conv": nn.Conv3d(64, classes, 1)})

    def forward(self, x):
        skips = []
        for width in (64, 128, 256, 512):
            x = getattr(self, f"down_tr{width}")(F.max_pool3d(x, 2) if skips else x)
            skips.append(x)
        if self.classifies:
            return self.dense_2(F.relu(self.dense_1(x.mean((2, 3, 4)))))
        for width, skip in zip((256, 128, 64), skips[-2::-1]):
            x = getattr(self, f"up_tr{width}")(x, skip)
        return torch.sigmoid(self.out_tr["final_conv"](x))


# --- cases ----------------------------------------------------------------------------------------------------------

@dataclass
class Case:
    """One network: how it is called in the package, how PyTorch builds it, and how its file is kept."""

    name: str
    build: callable
    architecture: str
    options: dict = field(default_factory=dict)
    channels: int = 1
    size: tuple = (16, 32, 32)
    file: str = "legacy"  # or zip, or keras
    _: KW_ONLY
    # How the package lifts the network, which it builds in 2D.
    lifting: dict = None
    # "classes": cross-entropy; "squares": mean squared error; None: forward only
    loss: str = None


FLAT = dict(blocks=(2, 1, 2, 2), growth=8, widths=(64, 112, 96, 96, 64))
DEEP = dict(blocks=(1, 2, 1, 2), growth=8, widths=(37, 68, 104, 96, 64))

CASES = [
    Case("med3d10", lambda: med3d(10), "med3d10", loss="classes"),
    # Sizes that leave remainders everywhere; at others rounding decides a ReLU, of both sides' float32 alike.
    Case("med3d18", lambda: med3d(18, classes=3), "med3d18", {"classes": 3}, size=(17, 31, 36), loss="classes"),
    Case("med3d18_published", lambda: med3d(18, None), "med3d18", {"outputs": ["layer4"]}),
    Case("med3d18_classifier", lambda: med3d(18, "fc", 4, 2), "med3d18", {"head": "classification", "classes": 4, "channels": 2}, 2),
    Case("med3d34_published", lambda: med3d(34, None), "med3d34", {"outputs": ["layer4"]}),
    Case("med3d50", lambda: med3d(50), "med3d50", file="zip"),
    Case("video_resnet18", lambda: video(18), "video_resnet18", {}, 3, (16, 48, 48), loss="classes"),
    Case("video_resnet18_2020", lambda: video(18, 2020), "video_resnet18", {"generation": 2020}, 3, (16, 48, 48), "zip"),
    Case("video_resnet34", lambda: video(34, classes=5), "video_resnet34", {"classes": 5}, 3, (9, 50, 63)),
    Case("video_resnet50", lambda: video(50), "video_resnet50", {}, 3, (16, 48, 48)),
    Case("models_genesis", Genesis, "models_genesis", loss="squares"),
    Case("models_genesis_classifier", lambda: Genesis(2, 3, True), "models_genesis",
         {"head": "classification", "classes": 3, "channels": 2}, 2, file="zip", loss="classes"),
    # Steps are compared of the U-Nets: a ResNet's takes minutes.
    Case("psc_resnet18", lambda: psc(resnet18(num_classes=3)), "resnet18", {"classes": 3}, 3, (33, 48, 64), "zip",
         lifting={"kind": "psc"}),
    Case("psc_poc_unet", lambda: psc(PocUNet(3)), "poc_unet", {"classes": 3}, 1, (12, 16, 20), "zip",
         lifting={"kind": "psc"}, loss="classes"),
    Case("psc_poc_unet_p2s2", lambda: psc(PocUNet(3), 2, 2), "poc_unet", {"classes": 3}, 1, (12, 16, 20), "zip",
         lifting={"kind": "psc", "psc": {"streams": 2, "separability": 2}}, loss="classes"),
    # Depthwise.
    Case("psc_mobilenet_v2", lambda: psc(mobilenet_v2(num_classes=5)), "mobilenet_v2", {"classes": 5}, 3, (40, 64, 48),
         "zip", lifting={"kind": "psc"}),
    Case("h_denseunet", HDenseUNet, "h_denseunet", size=(8, 32, 64), file="keras"),
    Case("h_denseunet_small", lambda: HDenseUNet(2, FLAT, DEEP, dropout=0), "h_denseunet",
         {"classes": 2, "dropout": 0, "dense2d": {"blocks": FLAT["blocks"], "growth": 8}, "dense3d": {"blocks": DEEP["blocks"], "growth": 8}},
         # On smaller maps single ReLUs decide percents of gradients, in PyTorch alone.
         size=(8, 64, 64), file="keras", loss="classes"),
    Case("denseunet2d_small", lambda: DenseUNet2d(5, 2, **FLAT, dropout=0), "denseunet2d",
         {"channels": 5, "classes": 2, "dropout": 0, "blocks": FLAT["blocks"], "growth": 8}, 5, (64, 96), "keras", loss="classes"),
]


def keys():
    """Names and sizes of every weight, of all depths."""
    nets = {f"med3d{d}": med3d(d) for d in DESIGNS}
    nets.update({f"video_resnet{d}": video(d) for d in DESIGNS if d > 10})
    nets.update({f"video_resnet{d}_2020": video(d, 2020) for d in (18, 34)})
    nets.update(models_genesis=Genesis(), models_genesis_classifier=Genesis(classes=2, classifies=True))
    nets.update(h_denseunet=HDenseUNet(), denseunet2d=DenseUNet2d())

    def shape(net, k, v):
        is_keras = isinstance(net, (HDenseUNet, DenseUNet2d))
        return list((h_denseunet.like_package(net, k, v) if is_keras else v).shape)
    return {name: {k: shape(net, k, v) for k, v in net.state_dict().items() if not k.endswith("num_batches_tracked")}
            for name, net in nets.items()}


# --- what they compute ----------------------------------------------------------------------------------------------

def volumes(g, n, channels, size):
    """Noise over a smooth field over an offset per channel: noise alone looks the same everywhere to a classifier."""
    grid, mode = ((3, 4, 4), "trilinear") if len(size) == 3 else ((4, 4), "bilinear")
    field = F.interpolate(torch.randn(n, channels, *grid, generator=g), size=size, mode=mode, align_corners=False)
    noise = torch.randn(n, channels, *size, generator=g)
    return field + 0.5 * noise + 0.5 * torch.randn(n, channels, *(1 for _ in size), generator=g)


@torch.no_grad()
def prepare(net, x, g):
    """Weights that make the output depend on the input, running statistics near those of `x`."""
    norms = [m for m in net.modules() if isinstance(m, (nn.BatchNorm2d, nn.BatchNorm3d))]
    for m in net.modules():
        if isinstance(m, (nn.Conv2d, nn.Conv3d, nn.ConvTranspose3d, nn.Linear, Scale)) or m in norms:
            is_norm = isinstance(m, Scale) or m in norms
            std = 0.1 if is_norm else (1.6 / m.weight[0].numel()) ** 0.5
            m.weight.copy_(is_norm + std * torch.randn(m.weight.shape, generator=g))
            if m.bias is not None:
                m.bias.copy_(0.1 * torch.randn(m.bias.shape, generator=g))
    for m in net.modules():
        if isinstance(m, Residual):  # undamped, deep networks amplify rounding
            getattr(m, f"bn{m.count}").weight.mul_(0.4)
        elif isinstance(m, InvertedResidual) and m.use_res_connect:
            m.conv[-1].weight.mul_(0.4)
    for m in norms:
        m.momentum = None  # after one batch exactly its statistics
    net.train()(x)
    for m in norms:
        m.momentum = 0.1
        m.running_var.mul_(0.8 + 0.4 * torch.rand(m.running_var.shape, generator=g)).clamp_(min=1e-3)
        m.running_mean.add_(0.1 * m.running_var.sqrt() * torch.randn(m.running_var.shape, generator=g))
    return net.eval()


def loss_of(kind, y, target):
    return F.mse_loss(y, target) if kind == "squares" else F.cross_entropy(y, target)


def gradients(case, net, x, target):
    """In the precision of `x`; the network is changed by BatchNorm's statistics only."""
    net.zero_grad(set_to_none=True)
    loss = loss_of(case.loss, net(x), target.to(x.dtype) if case.loss == "squares" else target)
    loss.backward()
    return loss.detach(), {k: p.grad.clone() for k, p in net.named_parameters() if p.numel() <= 40_000}


def step(case, net, x, g):
    """One step of SGD with momentum, in float64, and its optimiser."""
    exact = copy.deepcopy(net).double().train()
    shape = exact(x.double()).shape
    is_squares = case.loss == "squares"
    # Class numbers have one byte in the package.
    target = torch.rand(shape, generator=g) if is_squares else torch.randint(0, min(shape[1], 256), (shape[0], *shape[2:]), generator=g)

    noise = {}
    for i in range(NUDGES):
        single = copy.deepcopy(net).train()
        with torch.no_grad():
            for p in single.parameters():
                p.mul_(1 + (2e-7 * torch.randn(p.shape, generator=g) if i else 0))
        noise[i] = gradients(case, single, x, target)[1]
    optimizer = torch.optim.SGD(exact.parameters(), lr=LEARNING_RATE, momentum=0.9)
    first, expected = gradients(case, exact, x.double(), target)
    optimizer.step()
    after = {k: p.detach().float() for k, p in exact.named_parameters() if k in expected}
    second, _ = gradients(case, exact, x.double(), target)
    arrays = {"target": target if is_squares else target.to(torch.uint8), "losses": torch.stack([first, second])}
    for k, gradient in expected.items():
        deviations = [(run[k] - gradient).abs().max() for run in noise.values()]
        shaped = lambda v: h_denseunet.like_package(net, k, v) if case.file == "keras" else v
        arrays.update({f"grad/{k}": shaped(gradient.float()), f"after/{k}": shaped(after[k]), f"noise/{k}": max(deviations)})
    for state in optimizer.state.values():
        state["momentum_buffer"] = state["momentum_buffer"].float()
    return arrays, optimizer


def checkpoint(case, net, optimizer):
    """As the authors' training scripts save it."""
    state = net.state_dict()
    wrapped = {f"module.{k}": v for k, v in state.items()}
    beside = optimizer.state_dict() if optimizer else {"state": {}, "param_groups": []}
    if case.lifting:
        return state
    if case.name.endswith("_published"):
        return {"state_dict": wrapped}
    if case.name.startswith("med3d"):
        return {"ecpoch": 3, "batch_id": 40, "state_dict": wrapped, "optimizer": beside}
    if case.name.startswith("models_genesis"):
        return {"epoch": 7, "state_dict": wrapped, "optimizer_state_dict": beside}
    is_old = case.options.get("generation", 2018) == 2018
    return {"epoch": 200, "arch": case.architecture.replace("video_resnet", "resnet-"),
            "state_dict": wrapped if is_old else state, "optimizer": beside}


def outputs(case, out):
    g = torch.Generator().manual_seed(seed_of(case.name))
    net = prepare(case.build(), volumes(g, 4, case.channels, case.size), g)
    x = volumes(g, 2, case.channels, case.size)
    with torch.no_grad():
        arrays = {"x": x, "y": net(x)}
    arrays_of_step, optimizer = step(case, net, x, g) if case.loss else ({}, None)
    if case.file == "keras":
        h_denseunet.save(net, out / f"{case.name}.hdf5")
    else:
        torch.save(checkpoint(case, net, optimizer), out / f"{case.name}.pth",
                   _use_new_zipfile_serialization=case.file == "zip")
    np.savez(out / f"{case.name}.npz", **{k: v.numpy() for k, v in {**arrays, **arrays_of_step}.items()})


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["keys", "outputs", "list"])
    parser.add_argument("--out", type=Path)
    parser.add_argument("--only", nargs="+", metavar="NAME")
    args = parser.parse_args()
    if args.what == "list":
        print(json.dumps([{"name": c.name, "architecture": c.architecture, "options": c.options, "lifting": c.lifting,
                           "loss": c.loss, "file": c.name + (".hdf5" if c.file == "keras" else ".pth")} for c in CASES]))
    elif args.what == "keys":
        args.out.write_bytes(gzip.compress(json.dumps({"networks": keys()}, separators=(",", ":")).encode(), 9, mtime=0))
    else:
        args.out.mkdir(parents=True, exist_ok=True)
        for case in CASES:
            if not args.only or case.name in args.only:
                outputs(case, args.out)


if __name__ == "__main__":
    main()
