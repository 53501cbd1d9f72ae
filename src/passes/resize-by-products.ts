/**
 * @file Upsampling a volume as a product with a small matrix per axis, which
 * ONNX Runtime does several times faster than its Resize over three axes
 * ([4, 32, 24³] → 48³, linear: 12 against 56 ms; nearest: 85).
 *
 * Done where every size is a number, a volume is enlarged, and along no axis by
 * a matrix so large that the product would cost more than the interpolation.
 *
 * Nothing else is changed: the matrices are what Resize makes of the identity.
 */

import type { Dim } from "../graph/dim.ts";
import type { Graph } from "../graph/graph.ts";
import { traitsOf } from "../ops/index.ts";
import { inferTypes } from "../ops/infer.ts";
import { resizeMaps } from "../ops/resize-gradient.ts";
import { pushForward } from "../ops/separable.ts";
import { rewrite } from "./rewrite.ts";

/** Elements along an axis up to which a product is the faster one. */
const LONGEST = 128;

export function resizeByProducts(graph: Graph): Graph {
  const types = inferTypes(graph);
  return rewrite(graph, (g, node) => {
    if (!traitsOf(node).resamples) return false;
    const [x, y] = [node.inputs[0]!, node.outputs[0]!];
    const [from, to] = [types.get(x)?.shape, types.get(y)?.shape];
    if (!numbers(from) || !numbers(to) || !enlarges(from, to)) return false;
    const maps = resizeMaps(g, node, to);
    if (typeof maps === "string") return false;
    g.into(y, node.name).identity(pushForward(g, x, maps));
    return true;
  });
}

const numbers = (shape: readonly Dim[] | undefined): shape is readonly number[] =>
  shape?.every((n) => typeof n === "number") ?? false;

/** Whether this is a volume, made larger by axes of moderate length. */
const enlarges = (from: readonly number[], to: readonly number[]): boolean =>
  from.length === 5 && from.every((n, axis) => n === to[axis] || (n < to[axis]! && n <= LONGEST));
