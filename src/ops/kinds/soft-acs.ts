/** @file Kind `soft-acs`: every channel has its own mixture of the three views, by a softmax of three logits. */

import { int } from "../../graph/graph.ts";
import { VIEWS } from "../views.ts";
import type { LiftContext } from "../rule.ts";
import { acs } from "./acs.ts";
import type { LiftedConvolution } from "./convolution.ts";
import type { KeptKernel } from "./kind.ts";
import { lowerSum } from "./summed.ts";

export const softAcs: KeptKernel = {
  describes: {
    kernel: "every channel: its own softmax mixture of the three planes",
    parameters: "as in 2D, and 3 logits per output channel",
    run: "one dense convolution with the summed kernel",
  },
  fresh: null,
  parameters: (c, channels) => [logits(c, channels)],
  lower: (conv) => lowerSum(conv, shares),
  taps: (_, volume) => volume,
  transposed: {
    ...acs.transposed,
    instead: {
      kind: "acs",
      because: "a transposed convolution has no soft form: its channels are dealt to the views",
    },
  },
};

/** One logit per output channel and view, uniform in [0, 1) as in the authors' package. */
function logits(c: LiftContext, channels: number): string {
  const name = `${c.name(1).replace(/\.weight$/, "")}.soft_w_core`;
  return c.parameter(name, [channels, 3], (random) => random);
}

/** [O, 1, 1, 1, 1] per view */
function shares(conv: LiftedConvolution): string[] {
  const all = conv.add("Softmax", [conv.node.inputs[3]!], { axis: int(1) });
  return VIEWS.map((_, view) =>
    conv.add("Unsqueeze", [conv.slice(all, 1, view, view + 1), conv.ints([2, 3, 4])]),
  );
}
