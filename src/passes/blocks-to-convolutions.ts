/**
 * @file Rewrites DepthToSpace and SpaceToDepth as the (transposed) convolutions that they are (`ops/blocks.ts`), which
 * can be lifted; and PyTorch's PixelUnshuffle, spelled as regroupings around a Transpose [0,1,3,5,2,4] of
 * [N,C,h,b,w,b]:
 *
 *   y[(c·b + i)·b + j, h, w] = x[c, b·h+i, b·w+j]
 */

import { indexOf } from "../graph/graph-index.ts";
import { liftError } from "../base/errors.ts";
import { type Graph, intsAttr, type Node, nodeLabel } from "../graph/graph.ts";
import { tensorOf } from "../graph/tensor.ts";
import { type Block, blockOf, convolutionOf, oneHot } from "../ops/blocks.ts";
import { traitsOf } from "../ops/index.ts";
import { inferTypes } from "../ops/infer.ts";
import type { Known } from "../ops/rule.ts";
import { dropUnused } from "./tidy.ts";

/** Features of a block, whose square is the size of the kernel: 8192 make one of 268 MB. */
const MAX_FEATURES = 2 ** 13;

export function blocksToConvolutions(graph: Graph): Graph {
  const types = inferTypes(graph);
  const unshuffles = findUnshuffles(graph, types);
  const initializers = new Map(graph.initializers);
  const nodes = graph.nodes.map((node): Node => {
    const block = unshuffles.get(node) ?? blockOf(node);
    const features = block && types.get(block.input)?.shape?.[1];
    if (!block || typeof features !== "number") return node;
    const { input } = block;
    const fine = block.enlarges ? features : features * block.b ** 2;
    if (fine > MAX_FEATURES)
      throw liftError(
        `${nodeLabel(node)} moves ${fine} features into or out of pixels; at most ${MAX_FEATURES} can be lifted: cut the graph before it with \`outputs\`.`,
        { code: "E_LIMIT" },
      );
    const kernel = `${node.outputs[0]!}/blocks`;
    const { dims, bytes } = block.kernel(features);
    initializers.set(
      kernel,
      tensorOf(types.get(input)?.dtype ?? "float32", dims, new Float32Array(bytes.slice().buffer)),
    );
    return convolutionOf(node, block, kernel);
  });
  return nodes.every((node, i) => node === graph.nodes[i])
    ? graph
    : dropUnused({ ...graph, nodes, initializers });
}

/** The last node of each spelled-out PixelUnshuffle. */
function findUnshuffles(graph: Graph, types: ReadonlyMap<string, Known>): Map<Node, Block> {
  const found = new Map<Node, Block>();
  const index = indexOf(graph);
  const rank = (name: string): number | undefined => types.get(name)?.shape?.length;
  for (const node of graph.nodes) {
    if (traitsOf(node).moves !== "permute" || intsAttr(node, "perm")?.join() !== "0,1,3,5,2,4") continue;
    const blocks = types.get(node.inputs[0]!)?.shape;
    const b = blocks?.[5];
    if (typeof b !== "number" || b < 2 || blocks?.[3] !== b) continue;
    let input = node.inputs[0]!;
    while (rank(input) !== 4 && traitsOf(index.producer(input)).alias)
      input = index.producer(input)!.inputs[0]!;
    let last: Node | undefined = node;
    while (last && rank(last.outputs[0]!) !== 4) {
      last = index.readers(last.outputs[0]!).at(-1);
      if (!traitsOf(last).alias) last = undefined;
    }
    if (rank(input) !== 4 || !last) continue;
    found.set(last, {
      enlarges: false,
      input,
      b,
      kernel: (C) => oneHot(C, b, (c, i, j) => (c * b + i) * b + j),
    });
  }
  return found;
}
