/** @file Kind `mean-acs`: every channel is the mean of the three views. */

import { VIEWS } from "../views.ts";
import type { KeptKernel } from "./kind.ts";
import { lowerSum } from "./summed.ts";
import { lowerTransposedMean } from "./transposed.ts";

export const meanAcs: KeptKernel = {
  describes: {
    kernel: "every channel: the mean of the three planes",
    parameters: "as in 2D",
    run: "one dense convolution with the summed kernel",
  },
  fresh: null,
  lower: (conv) => lowerSum(conv, (sum) => VIEWS.map(() => sum.scalar(1 / 3))),
  taps: (_, volume) => volume,
  transposed: { lower: lowerTransposedMean, planes: 3 },
};
