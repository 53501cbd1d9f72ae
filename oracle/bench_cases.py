"""The networks that benchmarks compare on: how to build them, and the sizes they run at."""
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
import torchvision.models as tv
from torchvision.models.segmentation import deeplabv3_resnet50

from nets import FirstOutput, PocUNet
from weights import images, prepare, seed_of


@dataclass
class Case:
    build: callable
    shape2d: tuple  # of the 2D ONNX export
    shape3d: tuple  # of the timed input


CASES = {
    "poc-unet": Case(PocUNet, (1, 1, 48, 48), (1, 1, 48, 48, 48)),
    "resnet18": Case(lambda: tv.resnet18(weights=None), (1, 3, 64, 64), (1, 3, 64, 64, 64)),
    "deeplabv3_r50": Case(
        lambda: FirstOutput(deeplabv3_resnet50(weights=None, weights_backbone=None, aux_loss=None)),
        (1, 3, 96, 96), (1, 3, 32, 96, 96)),
    "acs-layer": Case(lambda: nn.Conv2d(64, 64, 3, padding=1), (1, 64, 48, 48), (1, 64, 48, 48, 48)),
}


def network(name, weights=None):
    """The 2D network in eval mode, with seeded weights or those of an npz of state-dict names."""
    case = CASES[name]
    if weights is None:
        return prepare(name, case.build(), case.shape2d)
    with np.load(weights) as arrays:
        state = {key: torch.from_numpy(arrays[key]) for key in arrays.files}
    net = case.build()
    net.load_state_dict(state)
    return net.eval()


def volume(name):
    """The timed input [n, c, d, h, w]: slices of one random image that drift into those of another."""
    n, c, d, h, w = CASES[name].shape3d
    first, last = images(torch.Generator().manual_seed(seed_of(name + " volume")), 2 * n, c, h, w).split(n)
    mix = torch.linspace(0, 1, d)[:, None, None]
    noise = torch.randn(n, c, d, h, w, generator=torch.Generator().manual_seed(seed_of(name)))
    return first.unsqueeze(2) * (1 - mix) + last.unsqueeze(2) * mix + 0.3 * noise


def save_weights(path, net):
    np.savez(path, **{key: value.numpy() for key, value in net.state_dict().items()})
