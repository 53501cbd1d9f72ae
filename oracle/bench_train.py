"""The PyTorch side of the training benchmark: the paper's proof-of-concept U-Net, soft Dice, Adam (Table 6).

    /usr/bin/python3 oracle/bench_train.py --write DIR
    /usr/bin/python3 oracle/bench_train.py --kind acs --data DIR --steps 5 --json

--write makes DIR/train.onnx (the 2D network, BatchNorm kept), DIR/train.x.npy and
DIR/train.target.npy (batch 4 of 48³: noisy boxes of six classes), and for each kind DIR/train.KIND.npz: the
initial parameters, under the names that the lifted network gives them.

Kinds: acs (each view a Conv3d, concatenated), mean-acs and soft-acs (three Conv3d of all channels, weighed and
added), 2.5d (1×K×K), 3d (K³). With --json the last line of output is one JSON object:
    {"kind", "losses": before each step, "all": seconds of each step after the first, "rssMB", "threads"}
"""
import argparse
import json
from pathlib import Path
import resource
import time
import warnings

import numpy as np
import torch
from torch import nn
import torch.nn.functional as F

from acs import lift
from nets import PocUNet

KINDS = ("acs", "soft-acs", "mean-acs", "3d", "2.5d")
BATCH, SIDE, CLASSES = 4, 48, 6


def dense3d(net):
    """Every K×K convolution replaced by a K³ one with weights of its own."""
    for module in net.modules():
        for name, child in module.named_children():
            if type(child) is nn.Conv2d and child.kernel_size != (1, 1):
                k, p = child.kernel_size[0], child.padding[0]
                module._modules[name] = nn.Conv3d(child.in_channels, child.out_channels, k, padding=p)
    return net


def network(kind):
    torch.manual_seed(0)
    net = PocUNet(CLASSES).train()
    return lift(dense3d(net), "acs") if kind == "3d" else lift(net, kind)


def parameters(net):
    """Parameters by the names that acsconv gives them; logits of 1×1 convolutions weigh nothing."""
    named = {name.removeprefix("net."): p for name, p in net.named_parameters()}
    return {name.replace(".soft", ".soft_w_core"): p for name, p in named.items() if name != "final.soft"}


def soft_dice(logits, target, epsilon=0.01):
    """Σ over classes present of 1 − (2Σpt + ε)/(Σp + Σt + ε), over the number of all classes."""
    p, total = logits.softmax(1), 0
    for c in range(logits.shape[1]):
        t = (target == c).float()
        if t.any():
            total = total + 1 - (2 * (p[:, c] * t).sum() + epsilon) / (p[:, c].sum() + t.sum() + epsilon)
    return total / logits.shape[1]


def scene():
    """Images [BATCH, 1, SIDE³] and classes [BATCH, SIDE³]: boxes in background (the last class), and noise."""
    g = torch.Generator().manual_seed(1)
    target = torch.full((BATCH, SIDE, SIDE, SIDE), CLASSES - 1, dtype=torch.uint8)
    for volume in target:
        for c in range(CLASSES - 1):
            low = torch.randint(0, SIDE - 16, (3,), generator=g).tolist()
            volume[low[0]:low[0] + 14, low[1]:low[1] + 16, low[2]:low[2] + 12] = c
    x = (target < CLASSES - 1).float() + 0.5 * torch.randn(target.shape, generator=g)
    return x.unsqueeze(1), target


def write(folder):
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    net = PocUNet(CLASSES).eval()  # in eval mode and PRESERVE, BatchNorm is neither folded nor its mode fixed
    torch.onnx.export(net, torch.zeros(1, 1, SIDE, SIDE), str(folder / "train.onnx"), opset_version=17,
                      input_names=["input"], output_names=["output"], do_constant_folding=False,
                      training=torch.onnx.TrainingMode.PRESERVE)
    for kind in KINDS:
        np.savez(folder / f"train.{kind}.npz",
                 **{name: p.detach().numpy() for name, p in parameters(network(kind)).items()})
    x, target = scene()
    np.save(folder / "train.x.npy", x.numpy())
    np.save(folder / "train.target.npy", target.numpy())  # last: its presence says that all is there


def timed(kind, folder, steps):
    """Loss before each step, and seconds of every step but the first."""
    net = network(kind)
    x = torch.from_numpy(np.load(folder / "train.x.npy"))
    target = torch.from_numpy(np.load(folder / "train.target.npy"))
    optimiser = torch.optim.Adam(net.parameters(), lr=1e-3)
    losses, seconds = [], []
    for step in range(steps):
        start = time.perf_counter()
        optimiser.zero_grad()
        loss = soft_dice(net(x), target)
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
        if step > 0:
            seconds.append(time.perf_counter() - start)
    return losses, seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", type=Path, metavar="DIR")
    parser.add_argument("--kind", choices=KINDS)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    warnings.filterwarnings("ignore")
    torch.set_num_threads(args.threads)
    if args.write:
        write(args.write)
        return
    losses, seconds = timed(args.kind, args.data, args.steps)
    rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # kilobytes on Linux
    result = {"kind": args.kind, "losses": losses, "all": seconds, "rssMB": round(rss, 1), "threads": args.threads}
    print(json.dumps(result) if args.json else
          f"{args.kind}: fastest step {min(seconds):.2f} s of {len(seconds)}, peak RSS {rss:.0f} MB, losses {losses}")


if __name__ == "__main__":
    main()
