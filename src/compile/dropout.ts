/**
 * @file Dropout in training: x/(1 − p) where a mask holds, 0 elsewhere. Masks are
 * inputs, drawn outside from a seed, so that a run that is resumed repeats to the
 * bit. Outside training, and where it is switched off, Dropout is the identity.
 *
 * @see Srivastava et al., Dropout, JMLR 15, 2014
 */

import type { Graph, Node, ValueInfo } from "../graph/graph.ts";
import { floatTensor, numbersOf } from "../graph/tensor.ts";
import { traitsOf } from "../ops/index.ts";
import { inferTypes } from "../ops/infer.ts";
import { renameReads } from "../passes/tidy.ts";

/** A random mask that is fed with every batch: true with probability 1 − ratio. */
export interface Mask {
  readonly name: string;
  readonly dims: readonly number[];
  /** p: the part that is dropped. */
  readonly ratio: number;
}

const isDropout = (node: Node): boolean => traitsOf(node).trainingOnly === true;

/** The graph without its Dropout nodes. */
export function withoutDropout(graph: Graph): Graph {
  const alias = new Map<string, string>();
  const resolve = (name: string): string => alias.get(name) ?? name;
  const nodes = graph.nodes.flatMap((node): Node[] => {
    if (!isDropout(node)) return [renameReads(node, resolve)];
    const [input, output] = [resolve(node.inputs[0]!), node.outputs[0]!];
    if (graph.outputs.some(({ name }) => name === output))
      return [{ ...node, op: "Identity", inputs: [input], outputs: [output], attrs: {} }];
    alias.set(output, input);
    return [];
  });
  return { ...graph, nodes };
}

/**
 * The graph with Dropout as it is in training, and the masks that it reads.
 *
 * @param graph - with sizes that are all numbers
 */
export function withDropout(graph: Graph): { readonly graph: Graph; readonly masks: readonly Mask[] } {
  if (!graph.nodes.some(isDropout)) return { graph, masks: [] };
  const types = inferTypes(graph);
  const initializers = new Map(graph.initializers);
  const masks: Mask[] = [];
  const nodes = graph.nodes.flatMap((node): Node[] => {
    if (!isDropout(node)) return [node];
    const [x, y] = [node.inputs[0]!, node.outputs[0]!];
    const given = graph.initializers.get(node.inputs[1] ?? "");
    const ratio = given ? numbersOf(given)[0]! : 0.5;
    const dims = (types.get(x)?.shape ?? []).map(Number);
    const [mask, scale, zero, scaled] = ["mask", "scale", "zero", "scaled"].map((part) => `${y}/${part}`) as [
      string,
      string,
      string,
      string,
    ];
    masks.push({ name: mask, dims, ratio });
    initializers.set(scale, floatTensor([], [ratio < 1 ? 1 / (1 - ratio) : 0]));
    initializers.set(zero, floatTensor([], [0]));
    const plain = { name: "", domain: "", attrs: {} };
    return [
      { ...plain, op: "Mul", inputs: [x, scale], outputs: [scaled] },
      { ...plain, op: "Where", name: node.name, inputs: [mask, scaled, zero], outputs: [y] },
    ];
  });
  const inputs = masks.map(({ name, dims }): ValueInfo => ({ name, dtype: "bool", shape: dims }));
  return { graph: { ...graph, nodes, initializers, inputs: [...graph.inputs, ...inputs] }, masks };
}
