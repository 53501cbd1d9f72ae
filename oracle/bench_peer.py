"""Times the PyTorch side of a benchmark: a 2D network lifted by `acs.py` (kind acs), in eval mode, no gradients.

    /usr/bin/python3 oracle/bench_peer.py --case resnet18 --weights DIR/resnet18.weights.npz --repeat 5 --json

One run to warm up, then `--repeat` timed ones. A weights file that does not exist is written from seeded
weights, with the 2D ONNX export beside it (FILE with .weights.npz or .npz replaced by .onnx), so that the other
side can load the same network. With --json the last line of output is one JSON object:
    {"case", "seconds": median, "all": […], "rssMB": peak of this process, "threads", "output": npz of x3 and y3}
"""
import argparse
import json
from pathlib import Path
import resource
import statistics
import time
import warnings

import numpy as np
import torch

from acs import lift
from bench_cases import CASES, network, save_weights, volume


def load_or_create(name, path):
    if path is None or path.exists():
        return network(name, path)
    from export_zoo import export

    net = network(name)
    save_weights(path, net)
    stem = path.name.removesuffix(".npz").removesuffix(".weights")
    export(net, torch.zeros(CASES[name].shape2d), path.with_name(f"{stem}.onnx"), 17, dynamic=False)
    return net


@torch.no_grad()
def timed(net, x, repeat):
    """Seconds of each run after the first, and the output."""
    y = net(x)
    seconds = []
    for _ in range(repeat):
        start = time.perf_counter()
        y = net(x)
        seconds.append(time.perf_counter() - start)
    return seconds, y


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--case", choices=list(CASES), required=True)
    parser.add_argument("--weights", type=Path, help="npz of state-dict names; written if it does not exist")
    parser.add_argument("--input", type=Path, help="npy [n, c, d, h, w]; a seeded volume otherwise")
    parser.add_argument("--output", type=Path, help="npz to write x3 and y3 to")
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    warnings.filterwarnings("ignore")
    torch.set_num_threads(args.threads)
    net = lift(load_or_create(args.case, args.weights))
    x = torch.from_numpy(np.load(args.input)) if args.input else volume(args.case)
    seconds, y = timed(net, x, args.repeat)
    rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # kilobytes on Linux
    if args.output:
        np.savez(args.output, x3=x.numpy(), y3=y.numpy())
    result = {"case": args.case, "seconds": statistics.median(seconds), "all": seconds, "rssMB": round(rss, 1),
              "threads": args.threads, "output": str(args.output) if args.output else None}
    if args.json:
        print(json.dumps(result))
    else:
        print(f"{args.case}: median {result['seconds']:.3f} s of {args.repeat}, peak RSS {rss:.0f} MB")


if __name__ == "__main__":
    main()
