"""An independent PyTorch implementation of lifting: a 2D network read as a 3D one, with its 2D weights.

    net3d = lift(net2d, kind="acs")            # [n, c, h, w] → …  becomes  [n, c, d, h, w] → …

A 2D kernel [o, i, kh, kw] becomes a 3D one by laying it into a plane (a "view"):

    axial     1×kh×kw   reads H×W           output channels are dealt to the views in
    coronal   kh×1×kw   reads D×W           thirds, remainders to the first; with groups,
    sagittal  kh×kw×1   reads D×H           whole groups are dealt

Along the omitted axis a view reads the centre tap d·⌊k/2⌋ of the kernel that would be there, so every view
equals a dense Conv3d that is zero off its centre plane; `dense=True` computes exactly that, as a cross-check.
Depth takes the stride, padding and dilation of height.

Kinds: acs; mean-acs (mean of the three views); soft-acs (softmax of `soft` [o, 3] weighs them);
2.5d (one view, nothing padded along the omitted axis); i3d (the kernel repeated along depth, over its length).
"""
import copy
from collections import namedtuple

import torch
from torch import nn
import torch.nn.functional as F

from functional3d import Functions3d, adopt

KINDS = ("acs", "mean-acs", "soft-acs", "2.5d", "i3d")
VIEWS = ("axial", "coronal", "sagittal")

Axis = namedtuple("Axis", "kernel stride dilation padding")  # how a convolution acts along one axis


def plane_axes(conv):
    """How a 2D (transposed) convolution acts along height and along width."""
    return [Axis(*values) for values in zip(conv.kernel_size, conv.stride, conv.dilation, conv.padding)]


def deal(channels, groups=1, only=None):
    """Output channels per view; `only` names a view that gets them all."""
    units = groups if groups > 1 else channels
    if only:
        dealt = [units if view == only else 0 for view in VIEWS]
    else:
        dealt = [units // 3 + (view < units % 3) for view in range(3)]
    return [d * channels // units for d in dealt]


def portions(x, weight, bias, groups, counts):
    """Yields (view, x, weight, bias, groups) for each view's share of the output channels, whole groups each."""
    per_group_out, per_group_in, start = len(weight) // groups, weight.shape[1], 0
    for view, count in enumerate(counts):
        if count:
            share = count // per_group_out if groups > 1 else 1
            first = start // per_group_out if groups > 1 else 0
            part = x.narrow(1, first * per_group_in, share * per_group_in) if groups > 1 else x
            yield view, part, weight[start:start + count], None if bias is None else bias[start:start + count], share
        start += count


def in_view(weight, view):
    """[o, i, kh, kw] → the same with a unit axis where `view` omits one: [o, i, ·, ·, ·]."""
    return weight.unsqueeze(2 + view)


def in_plane(view, rows, columns, omitted):
    """[D, H, W] values from those of kernel rows, kernel columns and the omitted axis."""
    values = [rows, columns]
    values.insert(view, omitted)
    return values


def margins(axis, kernel, dilation):
    """Padding (negative: crop) before and after, for `kernel` taps to sit at the centre of `axis`' own taps.

    e = d(k−1), c = d⌊k/2⌋:   before = p − c + c′,   after = p − (e − c) + (e′ − c′)
    """
    extent, centre = axis.dilation * (axis.kernel - 1), axis.dilation * (axis.kernel // 2)
    extent2, centre2 = dilation * (kernel - 1), dilation * (kernel // 2)
    return axis.padding - centre + centre2, axis.padding - (extent - centre) + (extent2 - centre2)


def aligned_conv3d(x, weight, bias, axes, dilations, groups, bare=None):
    """F.conv3d whose taps are centred on those of `axes`; crops and pads x only where conv3d itself cannot.

    `bare` is the number of an axis that is neither padded nor cropped.
    """
    padding, spare = [], []
    for i, (axis, kernel, dilation) in enumerate(zip(axes, weight.shape[2:], dilations)):
        before, after = (0, 0) if i == bare else margins(axis, kernel, dilation)
        if min(before, after) < 0:
            lost = max(0, -before)
            x = x.narrow(2 + i, lost, x.shape[2 + i] - lost - max(0, -after))
            before, after = max(0, before), max(0, after)
        both = before if before == after else 0
        padding.append(both)
        spare = [before - both, after - both] + spare
    if any(spare):
        x = F.pad(x, spare)
    return F.conv3d(x, weight, bias, [axis.stride for axis in axes], padding, dilations, groups)


def acs_conv(x, weight, bias, axes, groups, counts):
    """Each view convolves all of x to its own output channels."""
    rows, columns = axes[1].dilation, axes[2].dilation
    return torch.cat([
        aligned_conv3d(part, in_view(w, view), b, axes, in_plane(view, rows, columns, 1), g)
        for view, part, w, b, g in portions(x, weight, bias, groups, counts)], 1)


def weighted_conv(x, weight, bias, axes, groups, alpha):
    """Σ_view alpha[:, view] · conv in that view; alpha [o, 3]."""
    rows, columns = axes[1].dilation, axes[2].dilation
    y = sum(aligned_conv3d(x, in_view(weight * alpha[:, view, None, None, None], view), None, axes,
                           in_plane(view, rows, columns, 1), groups) for view in range(3))
    return y if bias is None else y + bias[:, None, None, None]


def dense_kernel(weight, alpha):
    """[o, i, kh, kw] → [o, i, K, K, K], K = max(kh, kw): the centre-plane kernels, weighed by alpha [o, 3], summed."""
    kh, kw = weight.shape[2:]
    size = max(kh, kw)
    dense = weight.new_zeros(*weight.shape[:2], size, size, size)
    for view in range(3):
        place = [slice(size // 2 - k // 2, size // 2 - k // 2 + k) for k in in_plane(view, kh, kw, 1)]
        dense[(..., *place)] += in_view(weight * alpha[:, view, None, None, None], view)
    return dense


def planar_conv(x, weight, bias, axes, groups, view):
    """2.5d: along the omitted axis only the stride acts."""
    dilations = in_plane(view, axes[1].dilation, axes[2].dilation, 1)
    return aligned_conv3d(x, in_view(weight, view), bias, axes, dilations, groups, bare=view)


def view_conv_transpose(x, weight, view, axis, output_padding, groups):
    """One view of a transposed convolution that acts like `axis` on all three; no bias.

    Along the omitted axis every sample is repeated `stride` times: output j is sample ⌊(j + before)/s⌋, which
    lines up with the centre tap of the other axes, and the size is theirs, s(n−1) − 2p + d(k−1) + 1 + op. Where
    that reaches beyond the samples, the last one is repeated.
    """
    k, s, d, p = axis
    y = F.conv_transpose3d(
        x, in_view(weight, view), None, in_plane(view, s, s, 1), in_plane(view, p, p, 0),
        in_plane(view, output_padding, output_padding, 0), groups, in_plane(view, d, d, 1))
    n, extent = x.shape[2 + view], d * (k - 1)
    size = s * (n - 1) - 2 * p + extent + 1 + output_padding
    before = p + (s - 1 - extent) // 2
    source = torch.div(torch.arange(size) + before, s, rounding_mode="floor").clamp(0, n - 1)
    return y.index_select(2 + view, source)


class LiftedConv(nn.Module):
    """A Conv2d that reads [n, c, d, h, w]; parameters keep their 2D shapes and names."""

    def __init__(self, conv, kind, only=None, view="axial", dense=False):
        super().__init__()
        if conv.padding_mode != "zeros" or isinstance(conv.padding, str):
            raise ValueError(f"only explicit zero padding is lifted, got {conv.padding_mode} {conv.padding}")
        height, width = plane_axes(conv)
        if dense and height.dilation != width.dilation:
            raise ValueError(f"a dense kernel needs one dilation, got {conv.dilation}")
        self.weight, self.bias = conv.weight, conv.bias
        self.axes, self.groups, self.kind, self.dense = (height, height, width), conv.groups, kind, dense
        self.view = VIEWS.index(view)
        self.counts = deal(conv.out_channels, conv.groups, only)
        if kind == "soft-acs":
            self.soft = nn.Parameter(torch.rand(conv.out_channels, 3))

    def alpha(self):
        """[o, 3]: what each view contributes to each output channel."""
        w = self.weight
        if self.kind == "soft-acs":
            return self.soft.softmax(1)
        if self.kind == "mean-acs":
            return w.new_full((len(w), 3), 1 / 3)
        owner = torch.repeat_interleave(torch.arange(3), torch.tensor(self.counts))
        return F.one_hot(owner, 3).to(w)

    def forward(self, x):
        w, bias, axes, groups = self.weight, self.bias, self.axes, self.groups
        if w.shape[2:] == (1, 1):
            return aligned_conv3d(x, w[..., None], bias, axes, [1, 1, 1], groups)
        if self.kind == "2.5d":
            return planar_conv(x, w, bias, axes, groups, self.view)
        dilations = [axis.dilation for axis in axes]
        if self.kind == "i3d":
            k = w.shape[2]
            inflated = w.unsqueeze(2).expand(-1, -1, k, -1, -1) / k
            return aligned_conv3d(x, inflated, bias, axes, dilations, groups)
        if self.dense:
            return aligned_conv3d(x, dense_kernel(w, self.alpha()), bias, axes, dilations, groups)
        if self.kind == "acs":
            return acs_conv(x, w, bias, axes, groups, self.counts)
        return weighted_conv(x, w, bias, axes, groups, self.alpha())


class LiftedConvTranspose(nn.Module):
    """A ConvTranspose2d that acts alike on both axes, reading [n, c, d, h, w].

    soft-acs has no transposed form: channels are dealt as for acs. i3d inflates to the length of the stride, not of
    the kernel, or slices would differ in level; that is the axial view.
    """

    def __init__(self, conv, kind, only=None, view="axial"):
        super().__init__()
        self.axis, width = plane_axes(conv)
        self.output_padding = conv.output_padding[0]
        if self.axis != width or conv.output_padding[1] != self.output_padding:
            raise ValueError(f"a transposed convolution must act alike on height and width, got {self.axis} and {width}")
        self.weight, self.bias, self.groups, self.kind = conv.weight, conv.bias, conv.groups, kind
        self.view = VIEWS.index(view)
        self.counts = deal(conv.out_channels, conv.groups, only)

    def forward(self, x):
        if self.kind in ("2.5d", "i3d"):
            y = self.in_view(self.view if self.kind == "2.5d" else 0, x, self.weight, self.groups)
        elif self.kind == "mean-acs":
            y = sum(self.in_view(view, x, self.weight, self.groups) for view in range(3)) / 3
        else:
            y = torch.cat([self.in_view(*share) for share in self.shares(x)], 1)
        return y if self.bias is None else y + self.bias[:, None, None, None]

    def in_view(self, view, x, weight, groups):
        return view_conv_transpose(x, weight, view, self.axis, self.output_padding, groups)

    def shares(self, x):
        """Yields each view's (view, x, weight [i, o/g, kh, kw], groups): columns of the weight, or whole groups' rows."""
        inputs, outputs, start = len(self.weight) // self.groups, self.weight.shape[1], 0
        for view, count in enumerate(self.counts):
            if count and self.groups == 1:
                yield view, x, self.weight[:, start:start + count], 1
            elif count:
                rows = slice(start // outputs * inputs, (start + count) // outputs * inputs)
                yield view, x[:, rows], self.weight[rows], count // outputs
            start += count


NORMS = {nn.BatchNorm2d: nn.BatchNorm3d, nn.InstanceNorm2d: nn.InstanceNorm3d}


def lifted_norm(norm):
    """The 3D norm with the same parameters and statistics."""
    options = {"affine": norm.affine, "track_running_stats": norm.track_running_stats}
    new = NORMS[type(norm)](norm.num_features, norm.eps, norm.momentum, **options)
    new.load_state_dict(norm.state_dict())
    return new.train(norm.training)


class Lifted(nn.Module):
    """Runs a converted network with the 2D functions in its forward methods read as 3D ones."""

    def __init__(self, net, functions):
        super().__init__()
        self.net, self.functions = net, functions

    def forward(self, x):
        with self.functions:
            return self.net(x)


def lift(net, kind="acs", only=None, view="axial", dense=False):
    """A 3D network [n, c, d, h, w] with the weights of the 2D `net`, which is left alone.

    kind   one of KINDS                                only   a view that gets all channels (acs)
    view   the view of kind 2.5d                       dense  convolve with K×K×K kernels (not 2.5d)
    """
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {KINDS}, got {kind!r}")

    def conv(module):
        return LiftedConv(module, kind, only, view, dense)

    def conv_transpose(module):
        return LiftedConvTranspose(module, kind, only, view)

    def convert(module):
        if type(module) is nn.Conv2d:
            return conv(module)
        if type(module) is nn.ConvTranspose2d:
            return conv_transpose(module)
        if type(module) in NORMS:
            return lifted_norm(module)
        for name, child in module.named_children():
            module._modules[name] = convert(child)
        return adopt(module)

    return Lifted(convert(copy.deepcopy(net)), Functions3d(conv, conv_transpose)).train(net.training)
