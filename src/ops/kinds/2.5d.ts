/** @file Kind `2.5d`: every kernel lies in one view; nothing is padded or cropped along the axis that it omits. */

import { omittedAxis } from "../views.ts";
import type { LiftedConvolution } from "./convolution.ts";
import type { KeptKernel } from "./kind.ts";
import { lowerPlanes, type Plane, viewOf, wholePlane } from "./planes.ts";
import { lowerTransposedPlanes } from "./transposed.ts";

const planesOf = (conv: LiftedConvolution): Plane[] => [wholePlane(conv, viewOf(conv.node))];

export const planar: KeptKernel = {
  describes: { kernel: "one plane (`view`)", parameters: "as in 2D", run: "one planar convolution" },
  fresh: null,
  omits: omittedAxis,
  lower: (conv) => lowerPlanes(conv, planesOf(conv)),
  taps: (plane) => plane,
  transposed: { lower: (conv) => lowerTransposedPlanes(conv, planesOf(conv)), planes: 1 },
};
