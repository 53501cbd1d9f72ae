"""Exports small networks with what is met in the wild: attention over channels, pyramids, heads of every spelling.

    /usr/bin/python3 oracle/export_wild.py --out test/fixtures/wild

Writes NAME_static.onnx and NAME_dynamic.onnx (in batch, height and width) where PyTorch can export them, and one
NAME_wide.onnx whose width alone is open. The test
(test/wild.test.ts) needs no outputs of PyTorch's: a network lifted in one plane has to repeat what its 2D original
gives, slice by slice.
"""
import argparse
from pathlib import Path
import warnings

import torch
from torch import nn
import torch.nn.functional as F

from weights import randomise, seed_of

SIZE = 16
C = 6


def conv(cin, cout, kernel=3, **options):
    return nn.Conv2d(cin, cout, kernel, padding=kernel // 2, **options)


class Call(nn.Module):
    """A function as a module."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


def between(middle, cin=C, cout=C):
    """The construct between two convolutions."""
    return nn.Sequential(conv(3, cin), nn.ReLU(), middle, conv(cout, 4))


class EfficientChannelAttention(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(1, 1, 3, padding=1, bias=False)

    def forward(self, x):
        y = F.adaptive_avg_pool2d(x, 1).squeeze(-1).transpose(-1, -2)
        return x * torch.sigmoid(self.conv(y).transpose(-1, -2).unsqueeze(-1))


class BlockAttention(nn.Module):
    """Gates channels by their mean and maximum, then pixels by those over channels."""

    def __init__(self):
        super().__init__()
        self.channels, self.pixels = nn.Sequential(conv(C, 3, 1), nn.ReLU(), conv(3, C, 1)), conv(2, 1, 5)

    def forward(self, x):
        mean, most = F.adaptive_avg_pool2d(x, 1), F.adaptive_max_pool2d(x, 1)
        x = x * torch.sigmoid(self.channels(mean) + self.channels(most))
        return x * torch.sigmoid(self.pixels(torch.cat([x.mean(1, keepdim=True), x.amax(1, keepdim=True)], 1)))


class AttentionGate(nn.Module):
    """One level of an attention U-Net."""

    def __init__(self):
        super().__init__()
        self.first, self.below, self.up = conv(3, C), conv(C, 8), nn.ConvTranspose2d(8, C, 2, 2)
        self.gate, self.skip, self.both, self.last = conv(C, 3, 1), conv(C, 3, 1), conv(3, 1, 1), conv(2 * C, 2)

    def forward(self, x):
        x = self.first(x)
        up = self.up(self.below(F.max_pool2d(x, 2)))
        gate = torch.sigmoid(self.both(F.relu(self.gate(up) + self.skip(x))))
        return self.last(torch.cat([x * gate, up], 1))


class Pyramid(nn.Module):
    """Means over whole, halves and quarters of the map, brought back to its size."""

    def __init__(self):
        super().__init__()
        self.first, self.last = conv(3, C), conv(4 * C, 3)

    def forward(self, x):
        x = self.first(x)
        size = x.shape[2:]
        bins = [F.adaptive_avg_pool2d(x, n) for n in (1, 2, 4)]
        bins = [F.interpolate(b, size=size, mode="bilinear", align_corners=True) for b in bins]
        return self.last(torch.cat([x, *bins], 1))


class Resolutions(nn.Module):
    """Two resolutions that exchange what they see."""

    def __init__(self):
        super().__init__()
        self.fine, self.coarse = conv(3, C), conv(C, 8, stride=2)
        self.down, self.up, self.last = conv(C, 8, stride=2), conv(8, C, 1), conv(C + 8, 3)

    def forward(self, x):
        fine = self.fine(x)
        coarse = self.coarse(fine)
        a = F.relu(fine + F.interpolate(self.up(coarse), scale_factor=2, mode="nearest"))
        b = F.relu(coarse + self.down(fine))
        return self.last(torch.cat([a, F.interpolate(b, size=a.shape[2:], mode="bilinear", align_corners=False)], 1))


class SplitResidual(nn.Module):
    """Res2Net's block: each part of the channels also sees the part before it."""

    def __init__(self):
        super().__init__()
        self.convs = nn.ModuleList(conv(2, 2) for _ in range(2))

    def forward(self, x):
        first, *parts = torch.split(x, 2, 1)
        out = [first]
        for part, convolve in zip(parts, self.convs):
            out.append(F.relu(convolve(part + out[-1])))
        return torch.cat(out, 1) + x


class Constants(nn.Module):
    """Joins features that do not depend on the image."""

    def __init__(self, how):
        super().__init__()
        self.how = how
        self.colour = nn.Parameter(torch.randn(1, 2, 1, 1))
        self.register_buffer("map", torch.randn(1, 2, SIZE, SIZE))

    def forward(self, x):
        n, _, h, w = x.shape
        extra = {"colour": lambda: self.colour.expand(n, 2, h, w), "zeros": lambda: torch.zeros_like(x[:, :2]),
                 "ones": lambda: torch.ones(n, 2, h, w), "map": lambda: self.map}[self.how]()
        return torch.cat([x, extra], 1)


class Head(nn.Module):
    """A classifier; `how` is the way from the map to its features."""

    def __init__(self, how, inputs=C):
        super().__init__()
        self.features, self.how, self.linear = nn.Sequential(conv(3, C, stride=2), nn.ReLU(), conv(C, C, stride=2)), how, nn.Linear(inputs, 4)

    def forward(self, x):
        return self.linear(self.how(self.features(x)))


def strip(x):
    """Height is pooled whole, width becomes a sequence: text recognition."""
    return F.max_pool2d(x, (SIZE // 4, 1)).squeeze(2).permute(2, 0, 1)


MAP = C * (SIZE // 4) ** 2
NETS = {
    "eca": lambda: between(EfficientChannelAttention()),
    "cbam": lambda: between(BlockAttention()),
    "attention_gate": AttentionGate,
    "pyramid": Pyramid,
    "resolutions": Resolutions,
    "res2": lambda: between(SplitResidual()),
    "spectral_norm": lambda: between(nn.utils.spectral_norm(conv(C, C))),
    "colour": lambda: between(Constants("colour"), C, C + 2),
    "zeros": lambda: between(Constants("zeros"), C, C + 2),
    "ones": lambda: between(Constants("ones"), C, C + 2),
    "constant_map": lambda: between(Constants("map"), C, C + 2),
    "normalize": lambda: between(Call(lambda x: F.normalize(x, dim=1))),
    "pixel_count": lambda: between(Call(lambda x: x - x.sum((2, 3), keepdim=True) / (x.shape[2] * x.shape[3]))),
    "argmax": lambda: nn.Sequential(conv(3, 4), Call(lambda x: x.argmax(1))),
    "anchors": lambda: nn.Sequential(conv(3, 6), Call(lambda x: x.view(x.size(0), 2, 3, x.size(2), x.size(3)).permute(0, 1, 3, 4, 2))),
    "head_window": lambda: Head(lambda x: F.avg_pool2d(x, SIZE // 4).flatten(1)),
    "head_most": lambda: Head(lambda x: F.adaptive_max_pool2d(x, 1).flatten(1)),
    "head_channels_last": lambda: Head(lambda x: x.permute(0, 2, 3, 1).flatten(1), MAP),
    "head_flat": lambda: Head(lambda x: x.flatten(1), MAP),
    "head_strip": lambda: Head(strip),
    "mixer": lambda: nn.Sequential(conv(3, C), Call(lambda x: x.flatten(2)), nn.Linear(SIZE * SIZE, 2)),
    "circular": lambda: nn.Conv2d(3, 4, 3, padding=1, padding_mode="circular"),
    "lstm": lambda: nn.Sequential(conv(3, C), Call(lambda x: x.mean(2).permute(2, 0, 1)), nn.LSTM(C, 2)),
}
OPSETS = {"normalize": 9}
FORMS = {"static": {}, "dynamic": {0: "n", 2: "h", 3: "w"}, "wide": {0: "n", 3: "w"}}


def export(name, out):
    torch.manual_seed(seed_of(name))
    model = NETS[name]().eval()
    randomise(model, torch.Generator().manual_seed(seed_of(name)))
    x = torch.randn(1, 3, SIZE, SIZE)
    for form, sizes in FORMS.items():
        if form == "wide" and name != "head_strip":
            continue
        path = out / f"{name}_{form}.onnx"
        axes = {"image": sizes} if sizes else None
        try:
            torch.onnx.export(model, x, str(path), opset_version=OPSETS.get(name, 13), input_names=["image"],
                              output_names=["y"] if name != "lstm" else None, dynamic_axes=axes)
            print(f"{path.name:32} {path.stat().st_size / 1024:5.1f} kB")
        except Exception as error:  # torch refuses with many types
            path.unlink(missing_ok=True)
            print(f"{path.name:32} not exported: {str(error).strip().splitlines()[0][:80]}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", nargs="+", choices=NETS)
    args = parser.parse_args()
    warnings.filterwarnings("ignore")
    args.out.mkdir(parents=True, exist_ok=True)
    for name in args.only or NETS:
        export(name, args.out)


if __name__ == "__main__":
    main()
