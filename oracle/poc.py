"""The proof of concept, written a second time: its data, its U-Net and its mAUC, in NumPy and PyTorch.

    poc.py fixture --out DIR                  what the U-Net, in 2D and lifted, and mAUC give for formula weights
    poc.py compare --data DIR --dims 2|3 [--count N] [--rotate published|all]
                                              samples saved by acsconv against as many drawn here

Weights and images of the fixture come from a hash that TypeScript computes to the same bits (`hashed`), so that
only results are stored. `compare` looks at every object: its class, how many voxels it has, how far it extends
along each axis, and the noise; it fails where two means differ by more than five standard errors.
"""
import argparse
import json
import math
import pathlib
import sys
import zlib

import numpy as np
import torch
import torch.nn.functional as F
from scipy.stats import rankdata
from torch import nn

from acs import NORMS, LiftedConv, lifted_norm

CANVAS, HALF = 48, 24
CLASSES = {2: ["square", "circle", "background"],
           3: ["cone", "pyramid", "cube", "cylinder", "ball", "background"]}


# --- data -------------------------------------------------------------------------------------------------------

def middle(n):
    """Coordinates of n voxels from their middle."""
    return np.arange(n) - (n - 1) / 2


def disc(a):
    x = middle(a)
    return x[:, None] ** 2 + x[None, :] ** 2 <= (a / 2) ** 2


def draw_object(rng, dims, rotate):
    """(class, mask) of one random shape."""
    a, h = rng.integers(5, 25, 2)
    name = CLASSES[dims][rng.integers(0, len(CLASSES[dims]) - 1)]
    x = middle(a)
    if name == "square":
        mask = np.ones((a, a), bool)
    elif name == "circle":
        mask = disc(a)
    elif name == "cube":
        mask = np.ones((a, a, a), bool)
    elif name == "ball":
        mask = x[:, None, None] ** 2 + x[None, :, None] ** 2 + x[None, None, :] ** 2 <= (a / 2) ** 2
    elif name == "cylinder":
        mask = np.repeat(disc(a)[..., None], h, 2)
    else:
        radii = np.linspace(0, a / 2, h)
        if name == "cone":
            distance = np.sqrt(x[:, None] ** 2 + x[None, :] ** 2)
        else:
            distance = np.maximum(abs(x[:, None]), abs(x[None, :]))
        mask = distance[..., None] <= radii
    if name in ("cone", "pyramid") or (name == "cylinder" and rotate == "all"):
        for plane in ((0, 1), (0, 2), (1, 2)):
            mask = np.rot90(mask, rng.integers(0, 4), plane)
    return CLASSES[dims].index(name), mask


def draw_sample(rng, dims, rotate):
    """(image, labels) with 3 of 4 quadrants or 4 of 8 octants filled."""
    labels = np.full((CANVAS,) * dims, len(CLASSES[dims]) - 1)
    for part in rng.choice(2 ** dims, dims + 1, replace=False):
        label, mask = draw_object(rng, dims, rotate)
        start = [HALF * (part >> axis & 1) + rng.integers(0, HALF - n + 1) for axis, n in enumerate(mask.shape)]
        labels[tuple(slice(s, s + n) for s, n in zip(start, mask.shape))][mask] = label
    image = (labels != len(CLASSES[dims]) - 1) + 0.5 * rng.standard_normal(labels.shape)
    return image, labels


def load_sample(folder, dims, i):
    """(image, labels) of a file that acsconv wrote."""
    kind = {2: "shape", 3: "voxel"}[dims]
    with np.load(folder / f"{kind}_{i}.npz") as file:
        image, segs = file[kind], file["segs"]
    shape = (CANVAS,) * dims
    if image.shape != shape or image.dtype != np.float32:
        sys.exit(f"{kind}_{i}: {kind} is {image.dtype} {image.shape}")
    if segs.shape != (len(CLASSES[dims]), *shape) or segs.dtype != np.uint8 or (segs.sum(0) != 1).any():
        sys.exit(f"{kind}_{i}: segs is {segs.dtype} {segs.shape}, or not one-hot")
    return image, segs.argmax(0)


def measure(samples, dims):
    """{what: list of observations} over samples: per object by class, and per sample."""
    background = len(CLASSES[dims]) - 1
    seen = {}

    def see(what, value):
        seen.setdefault(what, []).append(value)
    for image, labels in samples:
        see("objects in a sample", 0)
        see("noise: mean", float((image - (labels != background)).mean()))
        see("noise: std", float((image - (labels != background)).std()))
        for part in range(2 ** dims):
            corner = tuple(slice(HALF * (part >> axis & 1), HALF * (part >> axis & 1) + HALF) for axis in range(dims))
            found = np.argwhere(labels[corner] != background)
            see(f"part {part} is filled", float(len(found) > 0))
            if not len(found):
                continue
            seen["objects in a sample"][-1] += 1
            kinds = np.unique(labels[corner][tuple(found.T)])
            if len(kinds) != 1:
                sys.exit(f"two classes in one part: {kinds}")
            name = CLASSES[dims][kinds[0]]
            for each in CLASSES[dims][:-1]:
                see(f"is a {each}", float(each == name))
            see(f"{name}: voxels", len(found))
            for axis, extent in enumerate(np.ptp(found, 0) + 1):
                see(f"{name}: extent along axis {axis}", extent)
                see(f"{name}: middle along axis {axis}", found[:, axis].min() + (extent - 1) / 2)
    return seen


def compare(args):
    rng = np.random.default_rng(args.seed)
    ours = measure((load_sample(args.data, args.dims, i) for i in range(args.count)), args.dims)
    theirs = measure((draw_sample(rng, args.dims, args.rotate) for _ in range(args.count)), args.dims)
    print(f"{'':34}{'acsconv':>12}{'here':>12}{'difference / standard error':>32}")
    worst = 0
    for what in sorted(theirs.keys() | ours.keys()):
        a, b = np.array(ours[what], float), np.array(theirs[what], float)
        error = math.sqrt(a.var() / len(a) + b.var() / len(b))
        gap = a.mean() - b.mean()
        z = 0 if gap == 0 else gap / error if error else math.inf
        worst = max(worst, abs(z))
        print(f"{what:34}{a.mean():12.4f}{b.mean():12.4f}{z:32.2f}")
    print(f"{args.count} samples each; largest difference {worst:.2f} standard errors of {len(theirs)}")
    if worst > 5:
        sys.exit("the distributions differ")


# --- network ----------------------------------------------------------------------------------------------------

def hashed(name, count):
    """Numbers in [0, 1) that a name determines: murmur3's finaliser over CRC-32(name) + i · golden ratio."""
    with np.errstate(over="ignore"):
        z = np.uint32(zlib.crc32(name.encode())) + np.arange(count, dtype=np.uint32) * np.uint32(0x9E3779B1)
        for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
            z = (z ^ (z >> np.uint32(shift))) * np.uint32(factor)
        z ^= z >> np.uint32(16)
    return z / 2.0 ** 32


def between(name, shape, low, high):
    values = low + (high - low) * hashed(name, math.prod(shape))
    return torch.tensor(values.astype(np.float32).reshape(tuple(shape)))


# The decoder's channel that a BatchNorm shift of −100 kills.
DEAD = 5


def formula(name, shape):
    """The weights or statistics of that name, between bounds of its kind."""
    kind = name.rsplit(".", 1)[-1]
    if kind == "soft":
        # acsconv keeps these logits under the name that the authors' package has for them.
        return between(name + "_w_core", shape, 0, 2)
    if kind == "weight" and len(shape) > 1:
        bound = math.sqrt(6 / math.prod(shape[1:]))
        return between(name, shape, -bound, bound)
    values = between(name, shape, *((0.5, 1.5) if kind in ("weight", "running_var") else (-0.2, 0.2)))
    if name == "dec1.decode.4.bias":
        values[DEAD] = -100
    return values


class Block(nn.Module):
    """Twice convolution, BatchNorm and ReLU, under the name `encode` or `decode`."""

    def __init__(self, dims, name, *widths):
        super().__init__()
        conv, norm = (nn.Conv2d, nn.BatchNorm2d) if dims == 2 else (nn.Conv3d, nn.BatchNorm3d)
        self.inner = name
        self.add_module(name, nn.Sequential(*[
            layer for before, after in zip(widths, widths[1:])
            for layer in (conv(before, after, 3, padding=1), norm(after), nn.ReLU())]))

    def forward(self, x):
        return getattr(self, self.inner)(x)


class UNet(nn.Module):
    """[n, 1, …] → logits; where `features` says "linear" or "nearest", the decoder's maps, its inner upsampling so."""

    def __init__(self, dims, classes):
        super().__init__()
        self.enc1, self.enc2 = Block(dims, "encode", 1, 64, 64), Block(dims, "encode", 64, 128, 128)
        self.dec1 = Block(dims, "decode", 192, 64, 32)
        self.final = (nn.Conv2d if dims == 2 else nn.Conv3d)(32, classes, 1)
        self.features = None

    def forward(self, x):
        pool, linear = (F.max_pool2d, "bilinear") if x.dim() == 4 else (F.max_pool3d, "trilinear")

        def enlarge(x, how="linear"):
            how = {"mode": "nearest"} if how == "nearest" else {"mode": linear, "align_corners": False}
            return F.interpolate(x, scale_factor=2, **how)
        skip = pool(self.enc1(x), 2)
        deep = pool(self.enc2(skip), 2)
        maps = self.dec1(torch.cat([skip, enlarge(deep, self.features or "linear")], 1))
        return maps if self.features else self.final(enlarge(maps))


def with_formula(net):
    """Sets every weight and statistic. 1×1 kernels have no soft-ACS logits in acsconv: all views are the same."""
    shapes = {name: tuple(t.shape) for name, t in net.state_dict().items()}
    state = {name: formula(name, shape) for name, shape in shapes.items() if not name.endswith("num_batches_tracked")}
    net.load_state_dict(state, strict=False)
    return net.eval()


def lifted(kind, classes):
    """The 3D network of a kind: a dense one, or the 2D one with `acs.py`'s convolutions."""
    if kind == "3d":
        return with_formula(UNet(3, classes))
    net = UNet(2, classes)
    for parent in list(net.modules()):
        for name, child in parent.named_children():
            if isinstance(child, nn.Conv2d):
                parent._modules[name] = LiftedConv(child, kind)
            elif type(child) in NORMS:
                parent._modules[name] = lifted_norm(child)
    return with_formula(net)


def rank_auc(scores, positive):
    """The area by midranks: (Σ ranks of positives − P(P + 1)/2) / (P·N)."""
    ranks = rankdata(scores.astype(np.float32))
    p, n = int(positive.sum()), int((~positive).sum())
    return (ranks[positive].sum() - p * (p + 1) / 2) / (p * n)


def formula_volume(i):
    """A volume [48, 48, 48] for the fixture: two boxes in uniform noise, placed by i."""
    inside = np.zeros((CANVAS,) * 3, bool)
    inside[4 + i:20 + i, 6:18, 8:28 - i] = True
    inside[30:40, 26 + 2 * i:44, 30:34 + i] = True
    noise = hashed(f"volume {i}", CANVAS ** 3).reshape(inside.shape)
    return (inside + 2 * noise - 1).astype(np.float32), inside


KINDS = ("acs", "2.5d", "3d", "mean-acs", "soft-acs", "i3d")
SIZE2, SIZE3 = (12, 16), (8, 4, 12)


def fixture(args):
    torch.set_grad_enabled(False)
    arrays, facts = {}, {"shapes": {}, "parameters": {}, "auc": {}}

    flat = with_formula(UNet(2, 3))
    image = between("image", (2, 1, *SIZE2), -1, 2)
    arrays["2d/logits"] = flat(image).numpy()
    for how in ("linear", "nearest"):
        flat.features = how
        arrays[f"2d/features/{how}"] = flat(image).numpy()
    facts["shapes"]["2d"] = {k: list(t.shape) for k, t in flat.state_dict().items() if "num_batches" not in k}
    facts["parameters"]["2d"] = sum(p.numel() for p in flat.parameters())

    small = between("volume", (1, 1, *SIZE3), -1, 2)
    for kind in KINDS:
        net = lifted(kind, 6)
        arrays[f"{kind}/logits"] = net(small).numpy()
        net.features = "nearest"
        arrays[f"{kind}/features/nearest"] = net(small).numpy()
        facts["parameters"][kind] = sum(p.numel() for name, p in net.named_parameters() if name != "final.soft")
    net = lifted("acs", 6)
    for net.features in ("linear", "nearest"):
        facts["auc"][net.features] = mean_auc(net)
    facts["shapes"]["3d"] = {k: list(t.shape) for k, t in UNet(3, 6).state_dict().items() if "num_batches" not in k}

    np.savez_compressed(args.out / "poc_unet.npz", **arrays)
    text = json.dumps(facts, separators=(",", ":"))
    (args.out / "poc_unet.json").write_text(text + "\n")
    print(f"{len(arrays)} arrays; parameters {facts['parameters']}")
    print({how: sum(channels) / len(channels) for how, channels in facts["auc"].items()})


def mean_auc(net, volumes=2):
    """max(AUC, 1 − AUC) of every channel over the voxels of all volumes."""
    maps, inside = [], []
    for i in range(volumes):
        volume, truth = formula_volume(i)
        features = net(torch.tensor(volume)[None, None])
        maps.append(F.interpolate(features, scale_factor=2, mode="trilinear", align_corners=False)[0].numpy())
        inside.append(truth.ravel())
    scores = np.concatenate([m.reshape(len(m), -1) for m in maps], 1)
    areas = [rank_auc(channel, np.concatenate(inside)) for channel in scores]
    return [max(area, 1 - area) for area in areas]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("fixture")
    command.add_argument("--out", type=pathlib.Path, required=True)
    command.set_defaults(run=fixture)
    command = commands.add_parser("compare")
    command.add_argument("--data", type=pathlib.Path, required=True)
    command.add_argument("--dims", type=int, choices=(2, 3), required=True)
    command.add_argument("--count", type=int, default=1000)
    command.add_argument("--rotate", choices=("published", "all"), default="published")
    command.add_argument("--seed", type=int, default=1)
    command.set_defaults(run=compare)
    args = parser.parse_args()
    args.run(args)


if __name__ == "__main__":
    main()
