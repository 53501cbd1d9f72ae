"""Single constructs for `grad_zoo.py`, each as a 3D network [2, 3, 6, 7, 9] → [2, 4, …]: convolution, construct,
convolution, so that what is compared has passed through the construct's gradient."""
import torch
from torch import nn
import torch.nn.functional as F


class Apply(nn.Module):
    """A function of one tensor as a module."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


class Masked(nn.Module):
    """Dropout, which in evaluation drops by a mask of its own: what the comparison is made with."""

    def __init__(self, p, shape):
        super().__init__()
        self.p, self.mask = p, torch.rand(shape) >= p

    def forward(self, x):
        return F.dropout(x, self.p, True) if self.training else x * self.mask / (1 - self.p)


class LastAxis(nn.Module):
    """`inner` with the channels as last axis."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x):
        return self.inner(x.permute(0, 2, 3, 4, 1)).permute(0, 4, 1, 2, 3)


class Excite(nn.Module):
    """Squeeze-excitation with a hard gate."""

    def __init__(self, c):
        super().__init__()
        self.down, self.up = nn.Conv3d(c, c // 2, 1), nn.Conv3d(c // 2, c, 1)

    def forward(self, x):
        gate = self.up(F.relu(self.down(F.adaptive_avg_pool3d(x, 1))))
        return x * F.hardsigmoid(gate)


class Attention(nn.Module):
    """Softmax attention between all voxels, of two heads."""

    def __init__(self, c):
        super().__init__()
        self.qkv = nn.Linear(c, 3 * c)

    def forward(self, x):
        n, c = x.shape[:2]
        tokens = x.flatten(2).transpose(1, 2)
        q, k, v = self.qkv(tokens).reshape(n, -1, 3, 2, c // 2).permute(2, 0, 3, 1, 4).unbind(0)
        y = torch.softmax(q @ k.transpose(-2, -1) / (c // 2) ** 0.5, -1) @ v
        return y.transpose(1, 2).flatten(2).transpose(1, 2).reshape(x.shape)


class ResponseNorm(nn.Module):
    """ConvNeXt V2's normalisation by the response of each channel."""

    def __init__(self, c):
        super().__init__()
        self.gamma, self.beta = (nn.Parameter(torch.randn(1, c, 1, 1, 1)) for _ in range(2))

    def forward(self, x):
        response = x.pow(2).sum((2, 3, 4), keepdim=True).sqrt()
        return self.gamma * (x * response / (response.mean(1, keepdim=True) + 1e-6)) + self.beta + x


def shuffle(x):
    n, c, *sizes = x.shape
    return x.reshape(n, 2, c // 2, *sizes).transpose(1, 2).reshape(n, c, *sizes)


def voxel_shuffle(x):
    """[n, 8c, d, h, w] → [n, c, 2d, 2h, 2w]."""
    n, c, d, h, w = x.shape
    return x.reshape(n, c // 8, 2, 2, 2, d, h, w).permute(0, 1, 5, 2, 6, 3, 7, 4).reshape(n, c // 8, 2 * d, 2 * h, 2 * w)


def split(x):
    a, b, c = torch.split(x, [2, 5, 1], 1)
    return torch.cat([b * c, a.tanh(), x[:, ::3, 1:, :, :].mean(2, keepdim=True).expand_as(x[:, :3]) * a[:, :1]], 1)[:, :8]


def standardised(x):
    mean, var = x.mean((2, 3, 4), keepdim=True), x.var((2, 3, 4), unbiased=False, keepdim=True)
    return (x - mean) / torch.sqrt(var + 1e-5)


def between(middle, cout=8, cin=8):
    return nn.Sequential(nn.Conv3d(3, cin, 3, padding=1), middle, nn.Conv3d(cout, 4, 2))


def applied(function, cout=8):
    return lambda: between(Apply(function), cout)


def module(build, cout=8):
    return lambda: between(build(), cout)


ACTIVATIONS = {
    "gelu": nn.GELU, "gelu_tanh": lambda: nn.GELU("tanh"), "silu": nn.SiLU, "hardswish": nn.Hardswish,
    "hardsigmoid": nn.Hardsigmoid, "mish": nn.Mish, "elu": lambda: nn.ELU(0.7), "selu": nn.SELU, "celu": lambda: nn.CELU(0.6),
    "leaky_relu": lambda: nn.LeakyReLU(0.2), "prelu": lambda: nn.PReLU(8), "prelu_1": nn.PReLU, "softplus": nn.Softplus,
    "softsign": nn.Softsign, "log_sigmoid": nn.LogSigmoid, "hardtanh": nn.Hardtanh, "relu6": nn.ReLU6,
    "softshrink": nn.Softshrink, "hardshrink": nn.Hardshrink, "threshold": lambda: nn.Threshold(0, 0),
    "tanhshrink": nn.Tanhshrink, "softmax": lambda: nn.Softmax(1), "log_softmax": lambda: nn.LogSoftmax(1)}

LAYERS = {
    "instance_norm": lambda: nn.InstanceNorm3d(8, affine=True), 
    "group_norm": lambda: nn.GroupNorm(4, 8), "group_norm_1": lambda: nn.GroupNorm(1, 8),
    "layer_norm": lambda: LastAxis(nn.LayerNorm(8)), "layer_norm_all": lambda: nn.LayerNorm([8, 6, 7, 9]),
    "linear": lambda: LastAxis(nn.Linear(8, 8)), "excite": lambda: Excite(8), "attention": lambda: Attention(8),
    "response_norm": lambda: ResponseNorm(8), "local_response": lambda: nn.LocalResponseNorm(3, alpha=0.5),
    "reflection_pad": lambda: nn.ReflectionPad3d((1, 2, 3, 0, 2, 1)),
    "replication_pad": lambda: nn.ReplicationPad3d((1, 2, 3, 0, 2, 1)),
    "constant_pad": lambda: nn.ConstantPad3d((1, -2, 3, 0, -1, 1), 0.5),
    "max_pool": lambda: nn.MaxPool3d(3, 2, 1), "max_pool_ceil": lambda: nn.MaxPool3d((2, 3, 2), 2, ceil_mode=True),
    "max_pool_overlap": lambda: nn.MaxPool3d(3, 1, 1), "max_pool_dilated": lambda: nn.MaxPool3d(2, 1, dilation=2),
    "average_pool": lambda: nn.AvgPool3d(3, 2, 1), "average_pool_within": lambda: nn.AvgPool3d(3, 2, 1, count_include_pad=False),
    "average_pool_ceil": lambda: nn.AvgPool3d(2, 2, ceil_mode=True),
    "adaptive_pool": lambda: nn.AdaptiveAvgPool3d((3, 7, 3)),
    "upsample_nearest": lambda: nn.Upsample(scale_factor=2), "upsample_nearest_size": lambda: nn.Upsample((7, 9, 16)),
    "upsample_linear": lambda: nn.Upsample(scale_factor=2, mode="trilinear"),
    "upsample_linear_size": lambda: nn.Upsample((9, 5, 16), mode="trilinear"),
    "upsample_corners": lambda: nn.Upsample((9, 5, 16), mode="trilinear", align_corners=True),
    "transpose": lambda: nn.ConvTranspose3d(8, 8, 3, 2, 1, 1), "transpose_groups": lambda: nn.ConvTranspose3d(8, 8, (2, 3, 4), (2, 1, 3), (0, 1, 1), groups=4),
    "transpose_dilated": lambda: nn.ConvTranspose3d(8, 8, 2, 2, 1, dilation=3), "conv_dilated": lambda: nn.Conv3d(8, 8, 3, padding=2, dilation=2, groups=2),
    "conv_strided": lambda: nn.Conv3d(8, 8, (1, 3, 5), (2, 3, 1), (0, 1, 2)), "conv_depthwise": lambda: nn.Conv3d(8, 8, 3, (2, 1, 2), 1, groups=8),
    "dropout": lambda: Masked(0.3, (2, 8, 6, 7, 9))}

FUNCTIONS = {
    "shuffle": shuffle, "split": split, "standardised": standardised, "clamp": lambda x: x.clamp(-0.3, 0.4),
    "where": lambda x: torch.where(x > 0.1, x * x, x.exp()), "arithmetic": lambda x: (x.abs() + 1).log() / (x * x + 1).sqrt() - x ** 3,
    "norm": lambda x: F.normalize(x, dim=1), "log_sum_exp": lambda x: x * x.logsumexp(1, keepdim=True),
    "extremes": lambda x: x - x.amax((2, 3), keepdim=True) * x.amin(1, keepdim=True), "maximum": lambda x: torch.maximum(x, x.flip(1)),
    "max_axis": lambda x: x * x.max(1, keepdim=True)[0], "gather": lambda x: x[:, [0, 2, 2, 7, 1, 1, 3, 5]],
    "roll": lambda x: torch.roll(x, (1, 2), (2, 4)), "stack": lambda x: torch.stack([x.sin(), x], 2).flatten(1, 2)[:, ::2],
    "einsum": lambda x: torch.einsum("ncdhw,nkdhw->nck", x, x)[..., None, None].mean(2, keepdim=True) * x,
    "erf": torch.erf, "glu": lambda x: F.glu(torch.cat([x, x * 2], 1), 1), "circular": lambda x: torch.cat([x[:, :, -2:], x, x[:, :, :1]], 2),
    "power": lambda x: (x.sigmoid() + 0.1) ** 1.7 * 2 ** x}

MODULES = {**{name: module(build) for name, build in {**ACTIVATIONS, **LAYERS}.items()},
           **{name: applied(function) for name, function in FUNCTIONS.items()},
           "voxel_shuffle": applied(voxel_shuffle, 1)}
