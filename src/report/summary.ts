/**
 * @file What a network costs, layer by layer: parameters, multiply-adds and
 * activation memory (the paper's Table 2, for the network at hand).
 *
 * Multiply-adds are those of the kernels as they are run: K² taps per input
 * channel for acs and 2.5d, those of planes and lines for psc, K³ for i3d and 3d and, since ours are one dense
 * kernel, for mean-acs and soft-acs too.
 */

import { type Dim, evaluateDim } from "../graph/dim.ts";
import { type Graph, type Node, stringAttr } from "../graph/graph.ts";
import { DTYPES, elementCount, type Tensor } from "../graph/tensor.ts";
import { costOf } from "../ops/index.ts";
import { inferTypes } from "../ops/infer.ts";
import { LIFTED_DOMAIN } from "../ops/lifted.ts";
import { slotsOf } from "../ops/parameters.ts";
import { isStatistic } from "../ops/slots.ts";
import { separateVectors } from "../passes/separate-vectors.ts";

/** What one node costs. */
export interface LayerSummary {
  readonly name: string;
  /** Its first output. */
  readonly output: string;
  readonly op: string;
  /** The kind of a lifted convolution. */
  readonly kind?: string;
  readonly outputShape?: readonly (number | string)[];
  readonly parameters: number;
  /** Undefined where a size is not known. */
  readonly multiplyAdds: number | undefined;
  /** Bytes of the layer's outputs. */
  readonly activationBytes: number | undefined;
}

/** What a network costs. */
export interface NetworkSummary {
  readonly layers: readonly LayerSummary[];
  readonly parameters: number;
  readonly parameterBytes: number;
  readonly multiplyAdds: number | undefined;
  /** Bytes of all layers' outputs together: what training would hold. */
  readonly activationBytes: number | undefined;
}

/**
 * Summarises a graph whose operators are in their current form.
 *
 * @param sizes - numbers for the symbols of the input's sizes, such as N, D, H, W
 */
export function summarise(graph: Graph, sizes: ReadonlyMap<string, number>): NetworkSummary {
  const network = separateVectors(graph);
  const types = inferTypes(network);
  const number = (dim: Dim): number | undefined => evaluateDim(dim, sizes);
  const sizesOf = (name: string): number[] | undefined => {
    const dims = types.get(name)?.shape?.map(number);
    return dims?.every((n) => n !== undefined) ? dims : undefined;
  };
  const bytesOf = (name: string): number | undefined => {
    if (name === "") return 0;
    const dims = sizesOf(name);
    const { bits } = DTYPES[types.get(name)?.dtype ?? "float32"];
    return dims && Math.ceil((elementCount(dims) * bits) / 8);
  };
  const slots = slotsOf(network);
  const counted = new Map<string, Tensor>();
  /** Parameters that no node before this one read. */
  const fresh = (node: Node): number =>
    (slots.get(node) ?? []).reduce((total, slot) => {
      if (isStatistic(slot) || counted.has(slot.name)) return total;
      counted.set(slot.name, slot.tensor);
      return total + elementCount(slot.tensor.dims);
    }, 0);
  const layers = network.nodes.map((node): LayerSummary => {
    const output = types.get(node.outputs[0]!);
    const shape = output?.shape?.map((dim) => number(dim) ?? String(dim));
    return {
      name: node.name || node.outputs[0]!,
      output: node.outputs[0]!,
      op: node.op,
      ...(node.domain === LIFTED_DOMAIN && { kind: stringAttr(node, "kind", "acs") }),
      ...(shape && { outputShape: shape }),
      parameters: fresh(node),
      multiplyAdds: costOf(node, sizesOf),
      activationBytes: sum(node.outputs.map(bytesOf)),
    };
  });
  return {
    layers,
    parameters: layers.reduce((total, layer) => total + layer.parameters, 0),
    parameterBytes: [...counted.values()].reduce((total, { bytes }) => total + bytes.length, 0),
    multiplyAdds: sum(layers.map((layer) => layer.multiplyAdds)),
    activationBytes: sum(layers.map((layer) => layer.activationBytes)),
  };
}

/** Of all; undefined where one is. */
export const sum = (values: readonly (number | undefined)[]): number | undefined =>
  values.reduce(
    (total, value) => (total === undefined || value === undefined ? undefined : total + value),
    0,
  );
