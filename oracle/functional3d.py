"""What a network's forward method says about two spatial axes, read for three.

`Functions3d` is a mode under which 2D functions of torch accept [n, c, d, h, w]: pools, interpolation, means,
pixel shuffles. Depth takes height's value. `FORWARDS` replaces the few torchvision forward methods that unpack
or permute exactly four axes. Sources: torchvision 0.14, the classes named below.
"""
from collections import OrderedDict
from types import MethodType

import torch
from torch import nn
import torch.nn.functional as F
from torch.overrides import TorchFunctionMode
from torchvision.models.convnext import CNBlock, LayerNorm2d
from torchvision.models.segmentation._utils import _SimpleSegmentationModel
from torchvision.models.segmentation.deeplabv3 import ASPPPooling
from torchvision.models.segmentation.lraspp import LRASPP, LRASPPHead
from torchvision.models.shufflenetv2 import InvertedResidual
from torchvision.ops import Permute

from nets import CoordConstant


def triple(value):
    """k → (k, k, k); (h, w) → (h, h, w); three values stay."""
    if isinstance(value, (int, float)):
        return (value,) * 3
    value = tuple(value)
    return (value[0], *value) if len(value) == 2 else value


def max_pool(x, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False):
    stride = kernel_size if stride is None else stride
    return F.max_pool3d(x, triple(kernel_size), triple(stride), triple(padding), triple(dilation), ceil_mode, return_indices)


def avg_pool(x, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True, divisor_override=None):
    stride = kernel_size if stride is None else stride
    if not count_include_pad or ceil_mode:
        return F.avg_pool3d(x, triple(kernel_size), triple(stride), triple(padding), ceil_mode, count_include_pad)
    depth, height, width = triple(padding)  # padded by hand: avg_pool3d refuses inputs smaller than its kernel
    return F.avg_pool3d(F.pad(x, [width, width, height, height, depth, depth]), triple(kernel_size), triple(stride))


def adaptive_avg_pool(x, output_size):
    """To 1×1: the mean of everything. To h×w, which torchvision only does before a flattened head: the head has
    weights for h×w positions and none for depth, so the mean over depth is taken."""
    size = triple(output_size)
    return F.adaptive_avg_pool3d(x, size if size == (1, 1, 1) else (1, *size[1:]))


def interpolate(x, size=None, scale_factor=None, mode="nearest", align_corners=None, **rest):
    if size is not None and not isinstance(size, int) and len(size) == 2:
        raise ValueError(f"interpolation of a volume to {tuple(size)}: the depth is not said")
    size = None if size is None else triple(size)
    scale_factor = None if scale_factor is None else triple(scale_factor)
    if mode != "bicubic":
        mode = "trilinear" if mode == "bilinear" else mode
        return F.interpolate(x, size, scale_factor, mode, align_corners, **rest)
    n, c, d, h, w = x.shape  # cubic is separable: first the planes, then depth
    size = size or tuple(int(s * f) for s, f in zip((d, h, w), scale_factor))
    y = F.interpolate(x.reshape(n, c * d, h, w), size[1:], mode=mode, align_corners=align_corners)
    y = F.interpolate(y.reshape(n, c, d, -1), (size[0], size[1] * size[2]), mode=mode, align_corners=align_corners)
    return y.reshape(n, c, *size)


def mean(x, dim=None, keepdim=False, **rest):
    dims = [] if dim is None else [dim] if isinstance(dim, int) else list(dim)
    mapped = [axis for d in dims for axis in {2: (2, 3), 3: (4,)}.get(d, (d,))]
    return x.mean(mapped, keepdim=keepdim, **rest) if dims else x.mean()


def layer_norm(x, normalized_shape, weight=None, bias=None, eps=1e-5):
    """Over [c, h, w], the statistics take depth in and the affine is the same for every slice."""
    if len(normalized_shape) != 3:
        return F.layer_norm(x, normalized_shape, weight, bias, eps)
    y = F.layer_norm(x, x.shape[1:], eps=eps)
    return y * weight.unsqueeze(1) + bias.unsqueeze(1)


class Functions3d(TorchFunctionMode):
    """The mode. `conv` and `conv_transpose` lift a Conv2d and a ConvTranspose2d; pixel shuffles need them."""

    def __init__(self, conv, conv_transpose):
        super().__init__()
        self.conv, self.conv_transpose = conv, conv_transpose
        self.table = {
            F.max_pool2d: max_pool, F.avg_pool2d: avg_pool, F.adaptive_avg_pool2d: adaptive_avg_pool,
            F.interpolate: interpolate, torch.Tensor.mean: mean, F.layer_norm: layer_norm,
            F.pixel_shuffle: self.pixel_shuffle, F.pixel_unshuffle: self.pixel_unshuffle}

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        lifted = self.table.get(function) if args and isinstance(args[0], torch.Tensor) and args[0].ndim == 5 else None
        return (lifted or function)(*args, **kwargs)

    def pixel_shuffle(self, x, factor):
        """As the transposed convolution with one-hot kernels that it is in 2D."""
        channels = x.shape[1] // factor**2
        shuffle = nn.ConvTranspose2d(x.shape[1], channels, factor, factor, bias=False)
        shuffle.weight.data = one_hot_shuffle(channels, factor).to(x)
        return self.conv_transpose(shuffle)(x)

    def pixel_unshuffle(self, x, factor):
        """As the convolution with one-hot kernels that it is in 2D."""
        unshuffle = nn.Conv2d(x.shape[1], x.shape[1] * factor**2, factor, factor, bias=False)
        unshuffle.weight.data = one_hot_shuffle(x.shape[1], factor).to(x)
        return self.conv(unshuffle)(x)


def one_hot_shuffle(channels, factor):
    """[c·f², c, f, f]: channel (c, i, j) is the pixel at (i, j) of a block of channel c."""
    weight = torch.zeros(channels, factor, factor, channels, factor, factor)
    for c in range(channels):
        for i in range(factor):
            for j in range(factor):
                weight[c, i, j, c, i, j] = 1
    return weight.reshape(channels * factor**2, channels, factor, factor)


def segment(self, x):
    out = self.classifier(self.backbone(x)["out"])
    return OrderedDict(out=F.interpolate(out, size=x.shape[2:], mode="bilinear", align_corners=False))


def lraspp(self, x):
    out = self.classifier(self.backbone(x))
    return OrderedDict(out=F.interpolate(out, size=x.shape[2:], mode="bilinear", align_corners=False))


def lraspp_head(self, features):
    low, high = features["low"], features["high"]
    x = self.cbr(high) * self.scale(high)
    x = F.interpolate(x, size=low.shape[2:], mode="bilinear", align_corners=False)
    return self.low_classifier(low) + self.high_classifier(x)


def aspp_pooling(self, x):
    size = x.shape[2:]
    for layer in self:
        x = layer(x)
    return F.interpolate(x, size=size, mode="bilinear", align_corners=False)


def shuffled_residual(self, x):
    if self.stride == 1:
        kept, x = x.chunk(2, dim=1)
    else:
        kept = self.branch1(x)
    y = torch.cat([kept, self.branch2(x)], 1)
    return y.unflatten(1, (2, -1)).transpose(1, 2).flatten(1, 2)


def channel_last_norm(self, x):
    y = F.layer_norm(x.movedim(1, -1), self.normalized_shape, self.weight, self.bias, self.eps)
    return y.movedim(-1, 1)


def permute(self, x):
    """[0, 2, 3, 1] and [0, 3, 1, 2]: channels to the end, and back."""
    return x.movedim(1, -1) if self.dims[1] == 2 else x.movedim(-1, 1)


def scaled_block(self, x):
    return x + self.layer_scale.unsqueeze(1) * self.block(x)


def add_coordinates(self, x):
    return x + self.mix(self.coords.unsqueeze(2))


FORWARDS = {
    _SimpleSegmentationModel: segment, LRASPP: lraspp, LRASPPHead: lraspp_head, ASPPPooling: aspp_pooling,
    InvertedResidual: shuffled_residual, LayerNorm2d: channel_last_norm, Permute: permute, CNBlock: scaled_block,
    CoordConstant: add_coordinates}


def adopt(module):
    """`module` with its forward replaced where FORWARDS knows its class or a parent of it."""
    for known, forward in FORWARDS.items():
        if isinstance(module, known):
            module.forward = MethodType(forward, module)
    return module
