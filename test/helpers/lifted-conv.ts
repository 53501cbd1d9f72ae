/** @file The fixture of lifted convolutions, with the 2D convolution that each case is lifted from. */

import { readFileSync } from "node:fs";
import type { Graph } from "../../src/graph/graph.ts";
import { int, ints } from "../../src/graph/graph.ts";
import { floatTensor } from "../../src/graph/tensor.ts";
import { liftGraph } from "../../src/lift/index.ts";
import type { LiftKind } from "../../src/ops/kinds/index.ts";
import { graphOf, node, value } from "./graphs.ts";

interface Array3d {
  readonly shape: number[];
  readonly data: number[];
}

export interface LiftedConvCase {
  readonly name: string;
  readonly kind: "acs" | "mean" | "soft" | "planar" | "i3d";
  readonly kernel: [number, number];
  readonly stride: number;
  readonly padding: number;
  readonly dilation: number;
  readonly groups: number;
  readonly x: Array3d;
  readonly weight: Array3d;
  readonly bias: number[] | null;
  /** Logits, one per output channel and view. */
  readonly soft: number[] | null;
  readonly y: Array3d;
  /** ∂loss/∂y, and the gradients that follow from it. */
  readonly dy: number[];
  readonly dx: number[];
  readonly dweight: number[];
  readonly dbias: number[] | null;
  readonly dsoft: number[] | null;
}

const file = new URL("../fixtures/lifted_conv.json", import.meta.url);
export const liftedConvCases = (
  JSON.parse(readFileSync(file, "utf8")) as { readonly cases: readonly LiftedConvCase[] }
).cases;

export const LIFT_KINDS: Readonly<Record<LiftedConvCase["kind"], LiftKind>> = {
  acs: "acs",
  mean: "mean-acs",
  soft: "soft-acs",
  planar: "2.5d",
  i3d: "i3d",
};

/** The case's 2D convolution: kernel w, bias b. */
export function conv2d(c: LiftedConvCase): Graph {
  const initializers = {
    w: floatTensor(c.weight.shape, c.weight.data),
    ...(c.bias && { b: floatTensor([c.bias.length], c.bias) }),
  };
  const attrs = {
    kernel_shape: ints(c.kernel),
    strides: ints([c.stride, c.stride]),
    pads: ints(new Array<number>(4).fill(c.padding)),
    dilations: ints([c.dilation, c.dilation]),
    group: int(c.groups),
  };
  const conv = { ...node("Conv", ["x", ...Object.keys(initializers)], ["y"], attrs), name: "conv" };
  return graphOf([conv], {
    inputs: [value("x", [...c.x.shape.slice(0, 2), 32, 32])],
    initializers,
  });
}

/** Name of the logits that lifting adds to {@link conv2d}. */
export const SOFT = "w.soft_w_core";

/** The lifted convolution, with the case's logits in place of random ones. */
export function liftedConv(c: LiftedConvCase): ReturnType<typeof liftGraph> {
  const lifted = liftGraph(conv2d(c), { kind: LIFT_KINDS[c.kind] });
  const random = lifted.graph.initializers.get(SOFT);
  if (!c.soft || !random) return lifted;
  const logits = floatTensor(random.dims, c.soft);
  const initializers = new Map([...lifted.graph.initializers, [SOFT, logits]]);
  return { ...lifted, graph: { ...lifted.graph, initializers } };
}
