/** @file Kind `3d`: a K³ kernel of its own, in place of the 2D one. */

import { int } from "../../graph/graph.ts";
import { elementCount } from "../../graph/tensor.ts";
import { groupsOf, type Taps, tapsAttrs } from "../geometry.ts";
import type { LiftContext } from "../rule.ts";
import { REPEATED } from "./i3d.ts";
import type { FreshKernel } from "./kind.ts";

export const dense: FreshKernel = {
  describes: {
    kernel: "K³, drawn anew (He), for training from scratch",
    parameters: "K times those of 2D",
    run: "one dense convolution",
  },
  fresh: denseConvolution,
  transposed: REPEATED,
};

/** A kernel as He et al. draw it (uniform over fan-in, ±√(6 / fan-in)), under the 2D kernel's name. */
function denseConvolution(c: LiftContext, weight: readonly number[], taps: readonly Taps[]): void {
  const [outputs, inputs, kh, kw] = weight as [number, number, number, number];
  const dims = [outputs, inputs, kh, kh, kw];
  const bound = Math.sqrt((6 * outputs) / elementCount(dims));
  const name = c.tensor(1) ? c.node.inputs[1]! : `${c.node.inputs[1]!}.dense`;
  const kernel = c.parameter(name, dims, (random) => bound * (2 * random - 1));
  c.emit([c.name(0), kernel, ...c.names().slice(2)], {
    attrs: { ...tapsAttrs(taps), group: int(groupsOf(c.node)) },
  });
}
