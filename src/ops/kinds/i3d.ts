/** @file Kind `i3d`: the 2D kernel, repeated along depth. */

import type { KeptKernel, Transposed } from "./kind.ts";
import { wholePlane } from "./planes.ts";
import { lowerTransposedPlanes } from "./transposed.ts";

export const i3d: KeptKernel = {
  describes: {
    kernel: "repeated K times along depth, divided by K",
    parameters: "as in 2D",
    run: "one dense convolution",
  },
  fresh: null,
  lower(conv) {
    const K = conv.taps[0]!.kernel;
    const scaled = conv.add("Div", [conv.unsqueeze(conv.w, 2), conv.scalar(K)]);
    conv.finishWhole(conv.add("Expand", [scaled, conv.ints([1, 1, K, 1, 1])]), conv.taps);
  },
  taps: (_, volume) => volume,
  transposed: { lower: (conv) => lowerTransposedPlanes(conv, [wholePlane(conv, "axial")]), planes: 1 },
};

/** What kinds that are drawn anew do with transposed convolutions. */
export const REPEATED: Transposed = {
  ...i3d.transposed,
  instead: {
    kind: "i3d",
    because: "a transposed convolution is not initialised anew: it repeats its 2D kernel along depth",
  },
};
