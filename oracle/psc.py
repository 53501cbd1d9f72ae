"""Parallel separable convolutions PmSCn (Gonda et al., BMVC 2018) in place of the convolutions of a 2D network.

    net3d = lift(net2d, streams=3, separability=1)      # [n, c, h, w] → …  becomes  [n, c, d, h, w] → …

Stream i has `separability` convolutions in the plane without axis i, a leaky ReLU after each, and one convolution along
axis i; streams are concatenated. Depth acts as height. The first plane and the line carry stride, padding and dilation of
their axes. 1×1 stays 1×1×1, with the 2D kernel's sizes. Whole groups are dealt to the streams.
"""
import copy
from types import MethodType

import torch
from torch import nn
import torch.nn.functional as F

from acs import NORMS, lifted_norm
from functional3d import Functions3d


def dealt(count, streams):
    return [count // streams + (i < count % streams) for i in range(streams)]


def between(c_out, c_in, kernel, axis, streams):
    """Channels after the planes of one stream."""
    volume = kernel[0] * kernel[1] * kernel[2]
    balanced = c_out * c_in * volume // (c_in * volume // kernel[axis] + c_out * kernel[axis])
    return max(1, min(c_out, 512, max(*kernel, balanced) // streams))


class Stream(nn.Module):
    def __init__(self, axis, c_in, mid, c_out, kernel, geometry, groups, bias, separability):
        super().__init__()
        self.count = separability
        stride, padding, dilation = geometry
        plane = [i for i in range(3) if i != axis]

        def along(axes, values, otherwise):
            return [values[i] if i in axes else otherwise for i in range(3)]

        for j in range(separability):
            taps, spread = along(plane, kernel, 1), along(plane, dilation, 1)
            same = [d * (k // 2) for k, d in zip(taps, spread)]
            self.add_module(f"plane{j}", nn.Conv3d(
                c_in if j == 0 else mid, mid, taps, along(plane, stride, 1) if j == 0 else 1,
                along(plane, padding, 0) if j == 0 else same, spread, groups, bias=False))
        longer = 0 if kernel[axis] == 1 else separability - 1
        self.line = nn.Conv3d(
            mid, c_out, along([axis], [k + 2 * longer for k in kernel], 1), along([axis], stride, 1),
            along([axis], [p + d * longer for p, d in zip(padding, dilation)], 0), along([axis], dilation, 1), groups,
            bias=bias)

    def forward(self, x):
        for j in range(self.count):
            x = F.leaky_relu(getattr(self, f"plane{j}")(x), 0.005)
        return self.line(x)


class ParallelSeparable(nn.Module):
    """Of a Conv2d with odd kernels."""

    def __init__(self, conv, streams, separability):
        super().__init__()
        kernel, *geometry = [(v[0], *v) for v in (conv.kernel_size, conv.stride, conv.padding, conv.dilation)]
        groups, c_in, c_out = conv.groups, conv.in_channels // conv.groups, conv.out_channels // conv.groups
        bias = conv.bias is not None
        self.reads, first = [], 0
        if groups == 1:
            for i, width in enumerate(dealt(c_out, streams)):
                if width:
                    mid = between(c_out, c_in, kernel, i, streams)
                    self.add(i, slice(None), Stream(i, c_in, mid, width, kernel, geometry, 1, bias, separability))
            return
        for i, own in enumerate(dealt(groups, streams)):
            if own:
                mid = between(c_out, c_in, kernel, i, 1)
                self.add(i, slice(first * c_in, (first + own) * c_in), Stream(
                    i, own * c_in, own * mid, own * c_out, kernel, geometry, own, bias, separability))
            first += own

    def add(self, i, channels, stream):
        self.add_module(f"stream{i}", stream)
        self.reads.append((i, channels))

    def forward(self, x):
        return torch.cat([getattr(self, f"stream{i}")(x[:, channels]) for i, channels in self.reads], 1)


class Pointwise(nn.Conv3d):
    """1×1×1, with a kernel that has the sizes of the 2D one."""

    def __init__(self, conv):
        super().__init__(conv.in_channels, conv.out_channels, 1, conv.stride[0], groups=conv.groups, bias=conv.bias is not None)
        self.weight = nn.Parameter(self.weight.detach().squeeze(-1))

    def forward(self, x):
        return F.conv3d(x, self.weight[..., None], self.bias, self.stride, groups=self.groups)


def lift(net, streams=3, separability=1):
    """A 3D network with new weights; `net` is left alone."""

    def convert(module):
        if isinstance(module, nn.Conv2d):
            is_pointwise = module.kernel_size == (1, 1)
            return Pointwise(module) if is_pointwise else ParallelSeparable(module, streams, separability)
        if type(module) in NORMS:
            return lifted_norm(module)
        for name, child in module.named_children():
            module._modules[name] = convert(child)
        return module

    def forward(self, x):
        with Functions3d(None, None):
            return type(self).forward(self, x)

    lifted = convert(copy.deepcopy(net))
    lifted.forward = MethodType(forward, lifted)
    return lifted
