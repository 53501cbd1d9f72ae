"""Checks `acs.py` against recorded cases: lifted convolutions with their inputs, weights and outputs.

    /usr/bin/python3 oracle/check_acs.py lifted_conv.json

Both forms, three views and dense kernels, must agree with the record to 1e-5·max(1, |y|).
"""
import json
import sys

import torch
from torch import nn

from acs import LiftedConv

KINDS = {"mean": "mean-acs", "soft": "soft-acs", "planar": "2.5d"}


def tensor(record, shape=None):
    data, shape = (record["data"], record["shape"]) if isinstance(record, dict) else (record, shape)
    t = torch.tensor(data)
    return t.reshape(shape) if shape else t


@torch.no_grad()
def error(case, dense):
    """max |Δ| / max(1, |y|) over one case."""
    weight, y = tensor(case["weight"]), tensor(case["y"])
    groups = case["groups"]
    conv = nn.Conv2d(weight.shape[1] * groups, len(weight), case["kernel"], case["stride"], case["padding"],
                     case["dilation"], groups, bias=case["bias"] is not None)
    conv.weight.data = weight
    if case["bias"] is not None:
        conv.bias.data = tensor(case["bias"])
    lifted = LiftedConv(conv, KINDS.get(case["kind"], case["kind"]), dense=dense)
    if case["soft"]:
        lifted.soft.data = tensor(case["soft"], (-1, 3))
    out = lifted(tensor(case["x"]))
    if out.shape != y.shape:
        return float("inf")
    return float(((out - y).abs() / y.abs().clamp(min=1)).max())


def main(path):
    with open(path) as file:
        cases = json.load(file)["cases"]
    worst, failed = 0.0, []
    for case in cases:
        for dense in (False, True):
            e = error(case, dense)
            worst = max(worst, e)
            if not e <= 1e-5:
                failed.append(f"{case['kind']} {case['name']} dense={dense}: {e:.1e}")
    print("\n".join(failed + [f"{len(cases)} cases, both forms: worst {worst:.1e}, {len(failed)} failed"]))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
