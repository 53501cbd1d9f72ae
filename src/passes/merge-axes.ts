/**
 * @file 3D convolutions that leave out the middle or the last axis, as coronal and
 * sagittal views do, as 2D convolutions over two merged axes, which runtimes
 * compute faster. Where sizes are numbers and strides are 1, the axis that is left
 * out can be merged with the one it follows in memory, whose taps then lie a whole
 * row apart. Nothing is copied.
 *
 *   coronal   K×1×K   [D·H, W]   rows H apart
 *   sagittal  K×K×1   [D, H·W]   columns W apart
 */

import { type Attrs, type Graph, int, type Node, nodeOf } from "../graph/graph.ts";
import { indexOf } from "../graph/graph-index.ts";
import { int64Tensor } from "../graph/tensor.ts";
import type { GraphBuilder } from "../ops/builder.ts";
import { convSize, groupsOf, type Taps, tapsAttrs, tapsOf } from "../ops/geometry.ts";
import { type Fused, fusedReader } from "./lower.ts";
import { rewrite } from "./rewrite.ts";

/** @param fuses - activations that stay beside their convolution, where the runtime fuses them */
export function mergeAxes(graph: Graph, fuses: Fused): Graph {
  const index = indexOf(graph);
  const absorbed = new Set<Node>();
  return rewrite(graph, ({ builder }, node) => {
    if (absorbed.has(node)) return true;
    const merged = mergedForm(builder, node);
    if (!merged) return false;
    const activation = fusedReader(index, node, fuses, (name) => builder.types.has(name));
    if (activation) absorbed.add(activation);
    write(builder, node, activation, merged);
    return true;
  });
}

/** A convolution over two of the three axes, one of them merged with the third. */
interface Merged {
  readonly taps: readonly [Taps, Taps];
  /** Of the input. */
  readonly sizes: readonly [number, number];
  /** Of the output: D, H, W. */
  readonly out: readonly number[];
}

function mergedForm(builder: GraphBuilder, node: Node): Merged | undefined {
  if (node.op !== "Conv" || node.domain !== "") return undefined;
  const sizes = builder.known(node.inputs[0]!).shape?.slice(2);
  const kernel = builder.known(node.inputs[1]!).shape?.slice(2);
  const known = (dims: typeof sizes): dims is number[] =>
    dims?.length === 3 && dims.every((n) => typeof n === "number");
  if (!known(sizes) || !known(kernel)) return undefined;
  const taps = tapsOf(node, kernel, sizes)!;
  const [d, h, w] = taps as [Taps, Taps, Taps];
  const [D, H, W] = sizes as [number, number, number];
  const omitted = h.kernel === 1 ? h : w;
  // Borders of the omitted axis could not be told from the rows that it is merged with.
  const bare = omitted.kernel === 1 && omitted.before === 0 && omitted.after === 0;
  if (!bare || d.kernel === 1 || taps.some((t) => t.stride !== 1)) return undefined;
  const out = taps.map((t, i) => convSize(sizes[i]!, t) as number);
  const spread = (t: Taps, by: number): Taps => ({
    ...t,
    dilation: t.dilation * by,
    before: t.before * by,
    after: t.after * by,
  });
  return omitted === h
    ? { taps: [spread(d, H), w], sizes: [D * H, W], out }
    : { taps: [d, spread(h, W)], sizes: [D, H * W], out };
}

function write(
  builder: GraphBuilder,
  node: Node,
  activation: Node | undefined,
  { taps, sizes, out }: Merged,
): void {
  const last = activation ?? node;
  const output = last.outputs[0]!;
  const add = (op: string, inputs: readonly string[], attrs?: Attrs): string =>
    builder.add(op, inputs, attrs, `${output}/${op}`);
  const shape = (dims: readonly number[]): string => builder.constant(int64Tensor(dims));
  const [x, w, ...bias] = node.inputs as [string, string, ...string[]];
  const [outputs, inputs] = builder.known(w).shape as [number, number];
  const kernel = add("Reshape", [w, shape([outputs, inputs, ...taps.map((t) => t.kernel)])]);
  const attrs = { ...tapsAttrs(taps), group: int(groupsOf(node)) };
  let y = add("Conv", [add("Reshape", [x, shape([0, 0, ...sizes])]), kernel, ...bias], attrs);
  if (activation) y = add(activation.op, [y, ...activation.inputs.slice(1)], activation.attrs);
  builder.push({ ...nodeOf("Reshape", [y, shape([0, 0, ...out])], output), name: last.name });
}
