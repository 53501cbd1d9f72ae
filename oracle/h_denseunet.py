"""H-DenseUNet and its 2D network in PyTorch, and their files as Keras keeps them.

The 2D part reads slices as a batch of images, as the authors' does. Modules are called as their Keras layers; widths of
decoders are given, not computed. Volumes are D, H, W here and H, W, D there.
"""
import torch
from torch import nn
import torch.nn.functional as F

import keras_files

DENSE_EPS, KERAS_EPS = 1.1e-5, 1e-3


class Scale(nn.Module):
    """Caffe's: a factor and a shift for each channel."""

    def __init__(self, channels):
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))

    def forward(self, x):
        shape = (1, -1) + (1,) * (x.ndim - 2)
        return x * self.weight.view(shape) + self.bias.view(shape)


class Named(nn.Module):
    """Layers by flat names, made in the order in which they are first used."""

    def __init__(self, dims, prefix=""):
        super().__init__()
        self.dims, self.prefix = dims, prefix

    def conv(self, name, c_in, c_out, k, stride=1, bias=False):
        kind = nn.Conv2d if self.dims == 2 else nn.Conv3d
        self.add_module(self.prefix + name, kind(c_in, c_out, k, stride, k // 2, bias=bias))

    def norm(self, name, c, eps=KERAS_EPS):
        self.add_module(self.prefix + name, (nn.BatchNorm2d if self.dims == 2 else nn.BatchNorm3d)(c, eps=eps))

    def scaled(self, name, c):
        self.norm(f"{name}_bn", c, DENSE_EPS)
        self.add_module(f"{self.prefix}{name}_scale", Scale(c))

    def __getitem__(self, name):
        return self._modules[self.prefix + name]

    def active(self, name, x):
        return F.relu(self[f"{name}_scale"](self[f"{name}_bn"](x)))


class DenseUNet(Named):
    """Gives features. `between` is what transitions halve: [2, 2] or [1, 2, 2]."""

    def __init__(self, dims, prefix, c_in, blocks, growth, widths, skips=False, dropout=0.0):
        super().__init__(dims, prefix)
        self.blocks, self.skips, self.dropout = blocks, skips, dropout
        self.between = (2, 2) if dims == 2 else (1, 2, 2)
        self.conv("conv1", c_in, 96, 7, 2)
        self.scaled("conv1", 96)
        c = 96
        for stage, layers in enumerate(blocks, 2):
            for i in range(1, layers + 1):
                self.scaled(f"conv{stage}_{i}_x1", c)
                self.conv(f"conv{stage}_{i}_x1", c, 4 * growth, 1)
                self.scaled(f"conv{stage}_{i}_x2", 4 * growth)
                self.conv(f"conv{stage}_{i}_x2", 4 * growth, growth, 3)
                c += growth
            self.scaled(f"conv{stage}_blk", c)
            if stage < len(blocks) + 1:
                last, c = c, c // 2
                self.conv(f"conv{stage}_blk", last, c, 1)
        if skips:
            self.conv("line0", last, c, 1, bias=True)
        for i, width in enumerate(widths):
            self.conv(f"conv_up{i}", c, width, 3, bias=True)
            self.norm(f"bn_up{i}", width)
            c = width

    def forward(self, x):
        x = self.active("conv1", self["conv1"](x))
        maps = [x]
        x = (F.max_pool2d if self.dims == 2 else F.max_pool3d)(x, 3, 2, 1)
        for stage, layers in enumerate(self.blocks, 2):
            for i in range(1, layers + 1):
                at = f"conv{stage}_{i}"
                y = self[f"{at}_x1"](self.active(f"{at}_x1", x))
                x = torch.cat([x, self[f"{at}_x2"](self.active(f"{at}_x2", y))], 1)
            maps.append(x)
            x = self.active(f"conv{stage}_blk", x)
            if stage < len(self.blocks) + 1:
                pool = F.avg_pool2d if self.dims == 2 else F.avg_pool3d
                x = pool(self[f"conv{stage}_blk"](x), self.between, self.between)
        for i in range(5):
            x = F.interpolate(x, scale_factor=self.between if i < 3 else (2,) * self.dims, mode="nearest")
            if self.skips and i < 4:
                x = x + (self["line0"](maps[3]) if i == 0 else maps[3 - i])
            x = self[f"conv_up{i}"](x)
            if i == 4:
                x = F.dropout(x, self.dropout, self.training)
            x = F.relu(self[f"bn_up{i}"](x))
        return x


class DenseUNet2d(DenseUNet):
    def __init__(self, channels=3, classes=3, blocks=(6, 12, 36, 24), growth=48, widths=(768, 384, 96, 96, 64), skips=True, dropout=0.3):
        super().__init__(2, "", channels, blocks, growth, widths, skips, dropout)
        self.conv("dense167classifer", widths[-1], classes, 1, bias=True)

    def forward(self, x):
        return self["dense167classifer"](super().forward(x))


class HDenseUNet(nn.Module):
    """Modules of both parts under one roof, so that names have no prefix but the authors'."""

    def __init__(self, classes=3, flat=None, deep=None, dropout=0.3):
        super().__init__()
        flat = DenseUNet2d(3, classes, skips=False, dropout=0, **(flat or {}))
        deep = DenseUNet(3, "3d", 1 + classes, **(deep or dict(blocks=(3, 4, 12, 8), growth=32, widths=(504, 224, 192, 96, 64))))
        last = Named(3)
        last.conv("fianl_conv", 64, 64, 3, bias=True)
        last.norm("final_bn", 64)
        last.conv("2d3dclassifer", 64, classes, 1, bias=True)
        for part in (flat, deep, last):
            for name, module in part.named_children():
                self.add_module(name, module)
        # Not registered as modules a second time.
        self.__dict__.update(flat=flat, deep=deep, last=last, dropout=dropout)

    def forward(self, x):
        n, _, d, h, w = x.shape
        at = torch.arange(d)
        triples = torch.cat([x[:, :, (at + s).clamp(0, d - 1)] for s in (-1, 0, 1)], 1)
        images = triples.transpose(1, 2).reshape(n * d, 3, h, w)
        for part in (self.flat, self.deep):
            part.training = self.training
        features = DenseUNet.forward(self.flat, images)
        logits = self.flat["dense167classifer"](features)
        features, logits = (y.view(n, d, -1, h, w).transpose(1, 2) for y in (features, logits))
        y = self.deep(torch.cat([x, 250 * logits], 1)) + features
        y = F.dropout(self.last["fianl_conv"](y), self.dropout, self.training)
        return self.last["2d3dclassifer"](F.relu(self.last["final_bn"](y)))


def like_package(net, name, value):
    """A parameter of `net` with the sizes that it has in the package."""
    dims = 3 if isinstance(net, HDenseUNet) else 2
    if value.ndim == 4 and dims == 3:
        return value.unsqueeze(2)
    return value.view(-1, *(1,) * dims) if "_scale." in name else value


def save(net, path):
    """As Keras saves a model: kernels [h, w(, d), in, out], a group for each layer."""
    layers = {"volumetric_data" if isinstance(net, HDenseUNet) else "data": []}
    for name, module in net.named_children():
        arrays = {k: v.detach().numpy() for k, v in module.state_dict().items()}
        if isinstance(module, Scale):
            weights = [(f"{name}_gamma", arrays["weight"]), (f"{name}_beta", arrays["bias"])]
        elif "running_mean" in arrays:
            names = {"gamma": "weight", "beta": "bias", "moving_mean": "running_mean", "moving_variance": "running_var"}
            weights = [(f"{name}/{k}", arrays[v]) for k, v in names.items()]
        else:
            kernel = arrays["weight"]
            weights = [(f"{name}/kernel", kernel.transpose((2, 3, 1, 0) if kernel.ndim == 4 else (3, 4, 2, 1, 0)))]
            weights += [(f"{name}/bias", arrays["bias"])] if "bias" in arrays else []
        layers[name] = [(f"{k}:0", v) for k, v in weights]
    keras_files.write(path, layers, whole=True)
