"""Seeded weights that make a network's output depend on its input.

torchvision's own initialisation leaves deep networks nearly constant: the logits are the head's bias, and a
wrongly lifted graph passes every comparison. Here every kernel is drawn from N(0, 1.6/fan_in), every
normalisation gets a random affine near (1, 0), and BatchNorm statistics are measured on random images and
then disturbed, so that each layer passes on a signal of about unit size. Squeeze-excitation gates and the ends
of ResNet's branches are damped: undamped, deep networks are chaotic and amplify rounding errors (`noise`).
"""
import copy
import zlib

import torch
from torch import nn
import torch.nn.functional as F
from torchvision.models.resnet import BasicBlock, Bottleneck
from torchvision.ops import SqueezeExcitation

KERNELS = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)
NORMS = (nn.BatchNorm2d, nn.GroupNorm, nn.InstanceNorm2d, nn.LayerNorm)


def seed_of(name):
    """A seed that depends on nothing but the name, so that one network can be re-exported alone."""
    return zlib.crc32(name.encode())


def images(generator, n, channels, height, width):
    """Random images [n, channels, height, width]: noise over a smooth field over a per-channel offset.

    Pure noise would not do: after global pooling all noise images look alike.
    """
    def normal(*shape):
        return torch.randn(*shape, generator=generator)
    field = F.interpolate(normal(n, channels, 4, 4), size=(height, width), mode="bilinear", align_corners=False)
    return 0.5 * normal(n, channels, height, width) + field + 0.5 * normal(n, channels, 1, 1)


@torch.no_grad()
def randomise(model, generator):
    """Draws every parameter anew; see the file's header. BatchNorm statistics are left to `calibrate`."""
    def normal_(t, mean, std):
        t.copy_(mean + std * torch.randn(t.shape, generator=generator))

    touched = set()
    for module in model.modules():
        weight, bias = getattr(module, "weight", None), getattr(module, "bias", None)
        if isinstance(module, KERNELS):
            normal_(weight, 0.0, (1.6 / weight[0].numel()) ** 0.5)
        elif isinstance(module, NORMS) and weight is not None:
            normal_(weight, 1.0, 0.1)
        else:
            continue
        if isinstance(bias, nn.Parameter):
            normal_(bias, 0.0, 0.1)
        touched.update(id(p) for p in (weight, bias))
    for name, p in model.named_parameters():
        if "layer_scale" in name:  # 1e-6 at torchvision's start: the whole block would be invisible
            p.copy_(0.5 + 0.5 * torch.rand(p.shape, generator=generator))
        elif id(p) not in touched and p.ndim > 1:
            normal_(p, 0.0, min(0.2, p[0].numel() ** -0.5))
        elif id(p) not in touched:
            p.add_(0.1 * torch.randn(p.shape, generator=generator))
    for module in model.modules():
        if isinstance(module, SqueezeExcitation):
            module.fc1.weight.mul_(0.3)
            module.fc2.weight.mul_(0.3)
        elif isinstance(module, (BasicBlock, Bottleneck)):
            last = module.bn3 if isinstance(module, Bottleneck) else module.bn2
            last.weight.mul_(0.4)


@torch.no_grad()
def calibrate(model, batch, generator):
    """Sets BatchNorm statistics to those of `batch` [n, c, h, w], then disturbs them by some 10 %."""
    norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
    if not norms:
        return
    momenta = [m.momentum for m in norms]
    for m in norms:
        m.reset_running_stats()
        m.momentum = None  # cumulative average: after one batch, exactly its statistics
        m.train()
    model(batch)
    for m, momentum in zip(norms, momenta):
        m.eval()
        m.momentum = momentum
        std = m.running_var.sqrt()
        m.running_mean.add_(0.1 * std * torch.randn(std.shape, generator=generator))
        m.running_var.mul_(0.8 + 0.4 * torch.rand(std.shape, generator=generator)).clamp_(min=1e-3)


def prepare(name, model, shape):
    """`model` in eval mode with weights that depend on `name` only; `shape` [1, c, h, w] is what it takes."""
    g = torch.Generator().manual_seed(seed_of(name))
    model.eval()
    randomise(model, g)
    _, channels, height, width = shape
    zoom = 2 if height <= 96 else 1  # larger images: at the last stages of small ones there is little but border
    calibrate(model, images(g, 4, channels, zoom * height, zoom * width), g)
    return model


@torch.no_grad()
def sensitivity(model, shape, generator):
    """|f(a) − f(b)| / |f(a)| for two unrelated images a, b."""
    a, b = (model(images(generator, *shape)) for _ in range(2))
    return float((a - b).norm() / a.norm())


@torch.no_grad()
def noise(model, x):
    """max |f32(x) − f64(x)| / max |f64(x)|: no two float32 implementations can be asked to agree much better."""
    exact = copy.deepcopy(model).double()(x.double())
    return float((model(x) - exact).abs().max() / exact.abs().max())
