"""Writes what a benchmark against PyTorch needs, so that results can be compared before anything is timed.

    /usr/bin/python3 oracle/bench_models.py --out DIR [--only resnet18 …]

For each case of `bench_cases.py`: NAME.onnx (the 2D network, opset 17, static), NAME.weights.npz (its state
dict), NAME.x3.npy (a volume) and NAME.y3.npy (what the lifted network, kind acs, makes of it).
"""
import argparse
from pathlib import Path
import warnings

import numpy as np
import torch

from acs import lift
from bench_cases import CASES, network, save_weights, volume
from export_zoo import export


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", nargs="+", choices=list(CASES), default=list(CASES))
    args = parser.parse_args()
    warnings.filterwarnings("ignore")
    torch.set_num_threads(2)
    args.out.mkdir(parents=True, exist_ok=True)
    for name in args.only:
        net, x = network(name), volume(name)
        export(net, torch.zeros(CASES[name].shape2d), args.out / f"{name}.onnx", 17, dynamic=False)
        save_weights(args.out / f"{name}.weights.npz", net)
        with torch.no_grad():
            y = lift(net)(x)
        np.save(args.out / f"{name}.x3.npy", x.numpy())
        np.save(args.out / f"{name}.y3.npy", y.numpy())
        print(f"{name:14} x {list(x.shape)} → y {list(y.shape)}, |y| ≤ {y.abs().max():.3g}", flush=True)


if __name__ == "__main__":
    main()
