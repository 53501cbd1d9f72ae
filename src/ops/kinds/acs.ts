/** @file Kind `acs`: output channels are dealt to the three views. */

import type { KeptKernel } from "./kind.ts";
import { dealtPlanes, lowerPlanes } from "./planes.ts";
import { lowerTransposedPlanes } from "./transposed.ts";

export const acs: KeptKernel = {
  describes: {
    kernel: "thirds of the output channels read H×W, D×W and D×H",
    parameters: "as in 2D",
    run: "a convolution per plane, joined",
  },
  fresh: null,
  lower: (conv) => lowerPlanes(conv, dealtPlanes(conv)),
  taps: (plane) => plane,
  transposed: { lower: (conv) => lowerTransposedPlanes(conv, dealtPlanes(conv)), planes: 1 },
};
