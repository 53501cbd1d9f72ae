"""Networks of `src/models`, in PyTorch: names and sizes of their parameters, and what they compute.

    architectures.py keys --out FILE.json.gz            { network: { parameter: sizes } } of torchvision's networks
    architectures.py outputs --out DIR --only NAME …    NAME.pth (state dict), NAME.npz (x → y, and aux where there is
                                                        one), NAME.onnx where the network is compared lifted
    architectures.py list                               the cases as JSON, for the test that compares them

torchvision's networks are taken as they are. Those that it lacks (U-Nets, the paper's decoders, DeepLabV3+) are
written here a second time, with our names for parameters. A case names the network as `architecture(name, options)`
of the package builds it.
"""
import argparse
from dataclasses import dataclass, field
import gzip
import json
from pathlib import Path
import warnings

import numpy as np
import torch
from torch import nn
import torch.nn.functional as F
import torchvision
import torchvision.models as tv
import torchvision.models.segmentation as seg
from torchvision.models.segmentation.deeplabv3 import ASPP

from export_zoo import export
from weights import images, prepare, seed_of

CLASSIFIERS = """resnet18 resnet34 resnet50 resnet101 resnet152 resnext50_32x4d resnext101_32x8d wide_resnet50_2
    wide_resnet101_2 vgg11 vgg11_bn vgg13 vgg13_bn vgg16 vgg16_bn vgg19 vgg19_bn densenet121 densenet161 densenet169
    densenet201 mobilenet_v2 efficientnet_b0 convnext_tiny convnext_small convnext_base convnext_large""".split()
SEGMENTERS = "fcn_resnet50 fcn_resnet101 deeplabv3_resnet50 deeplabv3_resnet101".split()
LIFTED = """resnet18 resnext50_32x4d densenet121 vgg11_bn mobilenet_v2 convnext_tiny efficientnet_b0 fcn_resnet50
    deeplabv3_resnet50""".split()


# --- networks that torchvision lacks ----------------------------------------------------------------------------

def conv_block(c_in, c_out, kernel):
    return nn.Sequential(nn.Conv2d(c_in, c_out, kernel, padding=kernel // 2, bias=False), nn.BatchNorm2d(c_out), nn.ReLU())


class Decoder(nn.Module):
    """Fuses maps, the coarsest first; then 3×3 and 1×1."""

    def __init__(self, channels, widths, hidden, classes, mode):
        super().__init__()
        x = channels[0]
        for i, (finer, width) in enumerate(zip(channels[1:], widths)):
            self.add_module(f"fuse{i + 1}", nn.Conv2d(x + finer, width, 1, bias=False))
            x = width
        self.conv = nn.Conv2d(x, hidden, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(hidden)
        self.classifier = nn.Conv2d(hidden, classes, 1)
        self.options = {"mode": mode} if mode == "nearest" else {"mode": mode, "align_corners": False}

    def forward(self, maps, size):
        x = maps[0]
        for i, finer in enumerate(maps[1:]):
            up = F.interpolate(x, size=finer.shape[-2:], **self.options)
            x = getattr(self, f"fuse{i + 1}")(torch.cat([finer, up], 1))
        x = self.classifier(F.relu(self.norm(self.conv(x))))
        return F.interpolate(x, size=size, mode="bilinear", align_corners=False) if x.shape[-2:] != size else x


class ResNet18Fcn(nn.Module):
    def __init__(self, classes, mode):
        super().__init__()
        net = tv.resnet18(weights=None)
        net.conv1.stride = net.layer3[0].conv1.stride = net.layer3[0].downsample[0].stride = (1, 1)
        for name in ("conv1", "bn1", "layer1", "layer2", "layer3", "layer4"):
            self.add_module(name, getattr(net, name))
        self.head = Decoder([512, 128, 64], [512, 512], 128, classes, mode)

    def forward(self, x):
        a = F.relu(self.bn1(self.conv1(x)))
        b = self.layer2(self.layer1(a))
        return self.head([self.layer4(self.layer3(b)), b, a], x.shape[-2:])


class Sequential(nn.Module):
    """The modules of `features` one after the other, some of whose maps a decoder reads."""

    def __init__(self, features, taps, head):
        super().__init__()
        self.features, self.taps, self.head = features, taps, head

    def forward(self, x):
        maps, size = [], x.shape[-2:]
        for name, module in self.features.named_children():
            x = module(x)
            if name in self.taps:
                maps.insert(0, x)
        return self.head(maps, size)


def vgg16_bn_fcn(classes, mode):
    features = tv.vgg16_bn(weights=None).features
    for module in (6, 23, 43):
        features[module] = nn.Identity()
    return Sequential(features, ["5", "22", "42"], Decoder([512, 256, 64], [256, 64], 16, classes, mode))


def densenet121_fcn(classes, mode):
    features = tv.densenet121(weights=None).features
    features.conv0.stride = (1, 1)
    del features.pool0, features.norm5
    taps = ["relu0", "transition2", "denseblock4"]
    return Sequential(features, taps, Decoder([1024, 256, 64], [256, 64], 16, classes, mode))


def unet_block(c_in, widths):
    layers = []
    for width in widths:
        layers += [nn.Conv2d(c_in, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU()]
        c_in = width
    return nn.Sequential(*layers)


class Unet(nn.Module):
    """Skips before the pools, or after them."""

    def __init__(self, channels, classes, widths, transposed, post_pool):
        super().__init__()
        self.depth, self.transposed, self.post_pool = len(widths), transposed, post_pool
        x = channels
        for i, width in enumerate(widths):
            self.add_module(f"enc{i + 1}", nn.ModuleDict({"encode": unet_block(x, [width, width])}))
            x = width
        for i in reversed(range(self.depth - 1)):
            parts = {"decode": unet_block((widths[i] if transposed else x) + widths[i], [widths[i]] * 2)}
            if transposed:
                parts["up"] = nn.ConvTranspose2d(x, widths[i], 2, stride=2)
            self.add_module(f"dec{i + 1}", nn.ModuleDict(parts))
            x = widths[i]
        if transposed and post_pool:
            self.up = nn.ConvTranspose2d(x, x, 2, stride=2)
        self.final = nn.Conv2d(x, classes, 1)

    def twice(self, x, module):
        return module(x) if self.transposed else F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)

    def forward(self, x):
        skips = []
        for i in range(self.depth):
            full = getattr(self, f"enc{i + 1}")["encode"](x)
            x = F.max_pool2d(full, 2) if self.post_pool or i < self.depth - 1 else full
            skips.append(x if self.post_pool else full)
        for i in reversed(range(self.depth - 1)):
            level = getattr(self, f"dec{i + 1}")
            up = self.twice(x, level["up"] if self.transposed else None)
            x = level["decode"](torch.cat([skips[i], up], 1))
        return self.final(self.twice(x, getattr(self, "up", None)) if self.post_pool else x)


class DeepLabV3Plus(nn.Module):
    """ASPP on the last map, enlarged and joined with 48 channels of the first layer."""

    def __init__(self, backbone, classes, rates):
        super().__init__()
        self.backbone = nn.ModuleDict({k: v for k, v in backbone.named_children() if k not in ("avgpool", "fc")})
        self.classifier = nn.ModuleList([ASPP(2048, rates)])
        self.low_level = conv_block(256, 48, 1)
        self.decoder = nn.ModuleList([conv_block(256 + 48, 256, 3), conv_block(256, 256, 3), nn.Conv2d(256, classes, 1)])

    def forward(self, x):
        maps, y = {}, x
        for name, module in self.backbone.items():
            y = maps[name] = module(y)
        wide = self.classifier[0](maps["layer4"])
        low = self.low_level(maps["layer1"])
        y = torch.cat([low, F.interpolate(wide, size=low.shape[-2:], mode="bilinear", align_corners=False)], 1)
        for module in self.decoder:
            y = module(y)
        return F.interpolate(y, size=x.shape[-2:], mode="bilinear", align_corners=False)


class Outputs(nn.Module):
    """torchvision's dictionary of outputs as a tuple."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, x):
        return tuple(self.net(x).values())


# --- cases --------------------------------------------------------------------------------------------------------

@dataclass
class Case:
    """One network: how it is called in the package, and how PyTorch builds it."""

    name: str
    build: callable
    architecture: str = None
    options: dict = field(default_factory=dict)
    size: tuple = (64, 96)
    channels: int = 3

    def __post_init__(self):
        self.architecture = self.architecture or self.name


def classifier(name, **kwargs):
    return lambda: getattr(tv, name)(weights=None, **kwargs)


def segmenter(name, **kwargs):
    return lambda: getattr(seg, name)(weights=None, weights_backbone=None, **kwargs)


def dilated(name, flags):
    return classifier(name, replace_stride_with_dilation=flags, num_classes=7)


CASES = [
    *(Case(n, classifier(n), size=(224, 224) if n.startswith("vgg") else (64, 96)) for n in CLASSIFIERS),
    # Odd sizes: nothing divides, and maps are brought to sizes that are no multiples.
    *(Case(n, segmenter(n, aux_loss=True), options={"aux": True}, size=(65, 97)) for n in SEGMENTERS),
    Case("resnet50_stride16", dilated("resnet50", [False, False, True]), "resnet50", {"outputStride": 16, "classes": 7}),
    Case("resnext50_stride8", dilated("resnext50_32x4d", [False, True, True]), "resnext50_32x4d", {"outputStride": 8, "classes": 7}),
    Case("resnet50_stride4", dilated("resnet50", [True, True, True]), "resnet50", {"outputStride": 4, "classes": 7}),
    *(
        Case(f"deeplabv3plus_resnet{depth}_stride{stride}",
             lambda d=depth, f=flags, r=rates: DeepLabV3Plus(dilated(f"resnet{d}", f)(), 21, r),
             f"deeplabv3plus_resnet{depth}", {"outputStride": stride}, size=(65, 97))
        for depth, stride, flags, rates in ((50, 16, [False, False, True], [6, 12, 18]), (101, 8, [False, True, True], [12, 24, 36]))
    ),
    *(
        Case(f"{name}_{mode}", lambda b=build, m=mode: b(5, {"linear": "bilinear"}.get(m, m)), name, {"classes": 5, "interpolation": mode})
        for name, build in (("resnet18_fcn", ResNet18Fcn), ("vgg16_bn_fcn", vgg16_bn_fcn), ("densenet121_fcn", densenet121_fcn))
        for mode in ("nearest", "linear")
    ),
    *(
        Case(f"unet_{decoder}_{skips}", lambda t=decoder == "transposed", p=skips == "post-pool": Unet(2, 4, [8, 16, 24], t, p), "unet",
             {"channels": 2, "classes": 4, "widths": [8, 16, 24], "decoder": decoder, "skips": skips}, channels=2)
        for decoder in ("transposed", "interpolating") for skips in ("pre-pool", "post-pool")
    ),
]


def keys():
    """Names and sizes of every weight; counters of batches are none."""
    def sizes(net):
        return {k: list(v.shape) for k, v in net.state_dict().items() if not k.endswith("num_batches_tracked")}
    return {case.name: sizes(case.build()) for case in CASES if case.name in CLASSIFIERS + SEGMENTERS}


@torch.no_grad()
def outputs(case, out):
    shape = (1, case.channels, *case.size)
    net = prepare(case.name, case.build(), shape)
    x = images(torch.Generator().manual_seed(seed_of(case.name + " inputs")), 2, *shape[1:])
    y = net(x)
    arrays = {"out": y} if torch.is_tensor(y) else dict(y)
    torch.save(net.state_dict(), out / f"{case.name}.pth")
    np.savez(out / f"{case.name}.npz", x=x.numpy(), **{k: v.numpy() for k, v in arrays.items()})
    if case.name in LIFTED:
        whole = Outputs(net) if case.name in SEGMENTERS else net
        # VGG takes one size.
        export(whole, x[:1], out / f"{case.name}.onnx", 17, dynamic=case.size != (224, 224))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["keys", "outputs", "list"])
    parser.add_argument("--out", type=Path)
    parser.add_argument("--only", nargs="+", metavar="NAME")
    args = parser.parse_args()
    warnings.filterwarnings("ignore")
    if args.what == "list":
        print(json.dumps([{"name": c.name, "architecture": c.architecture, "options": c.options, "isLifted": c.name in LIFTED}
                          for c in CASES], indent=1))
    elif args.what == "keys":
        text = json.dumps({"source": f"torchvision {torchvision.__version__}", "networks": keys()}, separators=(",", ":"))
        args.out.write_bytes(gzip.compress(text.encode(), 9, mtime=0))
    else:
        args.out.mkdir(parents=True, exist_ok=True)
        for case in CASES:
            if not args.only or case.name in args.only:
                outputs(case, args.out)


if __name__ == "__main__":
    main()
