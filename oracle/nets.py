"""Small 2D networks for what torchvision's catalogue lacks: the U-Net decoders met in practice, and single
constructs (normalisations, pixel shuffle, attention over pixels, positional constants). Their forward methods
say "all spatial axes" where they can, so that they also run on volumes.
"""
from math import prod

import torch
from torch import nn
import torch.nn.functional as F


def double_conv(cin, mid, cout, padding=1):
    return nn.Sequential(
        nn.Conv2d(cin, mid, 3, padding=padding), nn.BatchNorm2d(mid), nn.ReLU(inplace=True),
        nn.Conv2d(mid, cout, 3, padding=padding), nn.BatchNorm2d(cout), nn.ReLU(inplace=True))


class _Encode(nn.Module):
    def __init__(self, cin, cout):
        super().__init__()
        self.encode = double_conv(cin, cout, cout)

    def forward(self, x):
        return F.max_pool2d(self.encode(x), 2)


class _Decode(nn.Module):
    def __init__(self, cin, mid, cout):
        super().__init__()
        self.decode = double_conv(cin, mid, cout)

    def forward(self, x):
        return self.decode(x)


class PocUNet(nn.Module):
    """The paper's proof-of-concept U-Net: [n, 1, h, w] → [n, classes, h, w], h and w multiples of 4.

    The skip is the pooled output of the first encoder; parameter names are those of the authors' code.
    """

    def __init__(self, classes=6):
        super().__init__()
        self.enc1, self.enc2 = _Encode(1, 64), _Encode(64, 128)
        self.dec1 = _Decode(192, 64, 32)
        self.final = nn.Conv2d(32, classes, 1)
        self.up = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False)

    def forward(self, x):
        x1 = self.enc1(x)
        x2 = self.enc2(x1)
        return self.final(self.up(self.dec1(torch.cat([x1, self.up(x2)], 1))))


class UNet(nn.Module):
    """Three-level U-Net, [n, 1, h, w] → [n, 3, h', w']; `up` names how the decoder returns to the skip's size."""

    def __init__(self, up, width=16, mode=None, align_corners=None):
        super().__init__()
        padding = 0 if up == "crop" else 1
        w = width
        self.up, self.mode, self.align = up, mode, align_corners
        self.enc = nn.ModuleList([double_conv(1, w, w, padding), double_conv(w, 2 * w, 2 * w, padding)])
        self.bottom = double_conv(2 * w, 4 * w, 4 * w, padding)
        self.dec = nn.ModuleList([double_conv(4 * w, 2 * w, 2 * w, padding), double_conv(2 * w, w, w, padding)])
        self.out = nn.Conv2d(w, 3, 1)
        geometry = {"k3s2p1op1": (3, 2, 1, 1), "k4s2p1": (4, 2, 1, 0)}.get(up, (2, 2, 0, 0))
        if up in ("upsample", "interpolate"):
            self.rise = nn.ModuleList([nn.Conv2d(4 * w, 2 * w, 1), nn.Conv2d(2 * w, w, 1)])
        else:
            self.rise = nn.ModuleList([nn.ConvTranspose2d(4 * w, 2 * w, *geometry), nn.ConvTranspose2d(2 * w, w, *geometry)])

    def forward(self, x):
        skips = []
        for enc in self.enc:
            skips.append(enc(x))
            x = F.max_pool2d(skips[-1], 2)
        x = self.bottom(x)
        for rise, dec, skip in zip(self.rise, self.dec, reversed(skips)):
            x, skip = self.meet(rise(x), skip)
            x = dec(torch.cat([skip, x], 1))
        return self.out(x)

    def meet(self, x, skip):
        """x and skip at one size."""
        if self.up == "upsample":
            x = F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
        elif self.up == "interpolate":
            x = F.interpolate(x, size=skip.shape[2:], mode=self.mode, align_corners=self.align)
        elif self.up == "pad":
            short = [skip.size(axis) - x.size(axis) for axis in reversed(range(2, x.ndim))]
            x = F.pad(x, [side for s in short for side in (s // 2, s - s // 2)])
        elif self.up == "crop":
            starts = [(skip.size(axis) - x.size(axis)) // 2 for axis in range(2, x.ndim)]
            skip = skip[(..., *(slice(s, s + n) for s, n in zip(starts, x.shape[2:])))]
        return x, skip


class NonLocal(nn.Module):
    """Embedded-Gaussian attention over all pixels, with a residual."""

    def __init__(self, c):
        super().__init__()
        self.theta, self.phi, self.g = (nn.Conv2d(c, c // 2, 1) for _ in range(3))
        self.out = nn.Conv2d(c // 2, c, 1)

    def forward(self, x):
        n, _, *sizes = x.shape
        theta, phi, g = (f(x).reshape(n, -1, prod(sizes)) for f in (self.theta, self.phi, self.g))
        attention = torch.softmax(theta.transpose(1, 2) @ phi / 4, dim=-1)
        y = (g @ attention.transpose(1, 2)).reshape(n, -1, *sizes)
        return x + self.out(y)


class CoordConstant(nn.Module):
    """A baked [1, 2, h, w] map of row and column numbers, added to the features."""

    def __init__(self, c, size):
        super().__init__()
        ramp = torch.linspace(-1, 1, size)
        self.register_buffer("coords", torch.stack(torch.meshgrid(ramp, ramp, indexing="ij"))[None])
        self.mix = nn.Conv2d(2, c, 1)

    def forward(self, x):
        return x + self.mix(self.coords)


class CoordRamp(nn.Module):
    """Row numbers computed from the size at run time: a depth axis would need weights nobody has trained."""

    def forward(self, x):
        rows = torch.arange(x.size(2)).to(x.dtype).reshape(1, 1, -1, 1)
        return x + 0.05 * rows


class CoordinateAttention(nn.Module):
    """Gates from the means along one axis at a time."""

    def __init__(self, c):
        super().__init__()
        self.rows, self.columns = nn.Conv2d(c, c, 1), nn.Conv2d(c, c, 1)

    def forward(self, x):
        return x * torch.sigmoid(self.rows(x.mean(3, keepdim=True))) * torch.sigmoid(self.columns(x.mean(2, keepdim=True)))




class FirstOutput(nn.Module):
    """torchvision's segmenters return a dictionary; this returns its `out`."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, x):
        return self.model(x)["out"]


def between(middle, cin=16, cout=16):
    """conv → `middle` → conv, three channels in, four out."""
    return nn.Sequential(nn.Conv2d(3, cin, 3, padding=1), nn.ReLU(), middle, nn.Conv2d(cout, 4, 3, padding=1))
