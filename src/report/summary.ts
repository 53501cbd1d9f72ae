/**
 * @file What a network costs, layer by layer: parameters, multiply-adds and
 * activation memory (the paper's Table 2, for the network at hand).
 *
 * Multiply-adds are those of the kernels as they are run: K² taps per input
 * channel for acs and 2.5d, those of planes and lines for psc, K³ for i3d and 3d and, since ours are one dense
 * kernel, for mean-acs and soft-acs too.
 */

import { evaluateDim } from "../graph/dim.ts";
import type { Dim } from "../graph/dim.ts";
import type { Graph, Node } from "../graph/graph.ts";
import { intAttr, intsAttr, stringAttr } from "../graph/graph.ts";
import { DTYPES, elementCount } from "../graph/tensor.ts";
import { inferTypes } from "../ops/infer.ts";
import type { Known } from "../ops/rule.ts";

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

/** Inputs that are statistics or settings, not parameters. */
const NOT_PARAMETERS: Readonly<Record<string, readonly number[]>> = {
  BatchNormalization: [3, 4],
  Resize: [1, 2, 3],
  Clip: [1, 2],
  Pad: [1, 2],
  Dropout: [1, 2],
};
/** Operators whose constant inputs are trained; elsewhere constants of one element are settings. */
const FLOATING = /^(float|bfloat)/;

/**
 * Summarises a graph whose operators are in their current form.
 *
 * @param sizes - numbers for the symbols of the input's sizes, such as N, D, H, W
 */
export function summarise(graph: Graph, sizes: ReadonlyMap<string, number>): NetworkSummary {
  const types = inferTypes(graph);
  const number = (dim: Dim): number | undefined => evaluateDim(dim, sizes);
  const counted = new Set<string>();
  const layers = graph.nodes.map((node): LayerSummary => {
    const output = types.get(node.outputs[0]!);
    const shape = output?.shape?.map((dim) => number(dim) ?? String(dim));
    const activations = node.outputs.map((name) => bytesOf(types.get(name), number));
    return {
      name: node.name || node.outputs[0]!,
      output: node.outputs[0]!,
      op: node.op,
      ...(node.op.startsWith("Lifted") && { kind: kindOf(node) }),
      ...(shape && { outputShape: shape }),
      parameters:
        sum(
          parametersOf(graph, node, counted).map((name) => elementCount(graph.initializers.get(name)!.dims)),
        ) ?? 0,
      multiplyAdds: multiplyAdds(node, (name) => types.get(name), number),
      activationBytes: sum(activations),
    };
  });
  return {
    layers,
    parameters: layers.reduce((total, layer) => total + layer.parameters, 0),
    parameterBytes: [...counted].reduce(
      (total, name) => total + graph.initializers.get(name)!.bytes.length,
      0,
    ),
    multiplyAdds: sum(layers.map((layer) => layer.multiplyAdds)),
    activationBytes: sum(layers.map((layer) => layer.activationBytes)),
  };
}

/** Parameters a node reads that no node before it did. */
function parametersOf(graph: Graph, node: Node, counted: Set<string>): string[] {
  const skip = NOT_PARAMETERS[node.op] ?? [];
  return node.inputs.filter((name, i) => {
    const tensor = graph.initializers.get(name);
    if (!tensor || counted.has(name) || skip.includes(i) || !FLOATING.test(tensor.dtype)) return false;
    if (
      elementCount(tensor.dims) <= 1 &&
      !node.op.includes("Conv") &&
      node.op !== "Gemm" &&
      node.op !== "PRelu"
    )
      return false;
    counted.add(name);
    return true;
  });
}

/** Of all; undefined where one is. */
export const sum = (values: readonly (number | undefined)[]): number | undefined =>
  values.reduce(
    (total, value) => (total === undefined || value === undefined ? undefined : total + value),
    0,
  );

function bytesOf(known: Known | undefined, number: (dim: Dim) => number | undefined): number | undefined {
  if (!known?.shape) return known ? undefined : 0;
  const dims = known.shape.map(number);
  return dims.every((n) => n !== undefined)
    ? Math.ceil((elementCount(dims) * DTYPES[known.dtype ?? "float32"].bits) / 8)
    : undefined;
}

function multiplyAdds(
  node: Node,
  type: (name: string) => Known | undefined,
  number: (dim: Dim) => number | undefined,
): number | undefined {
  const shape = (name: string | undefined): number[] | undefined => {
    const dims = type(name ?? "")?.shape?.map(number);
    return dims?.every((n) => n !== undefined) ? dims : undefined;
  };
  const elements = (name: string | undefined): number | undefined => {
    const dims = shape(name);
    return dims && elementCount(dims);
  };
  const output = elements(node.outputs[0]);
  switch (node.op) {
    case "Conv":
    case "LiftedConv": {
      const w = shape(node.inputs[1]);
      return w && output !== undefined ? output * w[1]! * tapsOf(node, w) : undefined;
    }
    case "ConvTranspose":
    case "LiftedConvTranspose": {
      const [w, input] = [shape(node.inputs[1]), elements(node.inputs[0])];
      return w && input !== undefined ? input * w[1]! * tapsOf(node, w) : undefined;
    }
    case "Gemm":
    case "MatMul": {
      const a = shape(node.inputs[0]);
      const inner = a?.at(intAttr(node, "transA", 0) === 1 ? 0 : -1);
      return inner !== undefined && output !== undefined ? output * inner : undefined;
    }
    default:
      return 0;
  }
}

/** Multiply-adds per output element (transposed: per input element) and channel of the group. */
function tapsOf(node: Node, w: readonly number[]): number {
  const plane = elementCount(w.slice(2));
  const kernel = intsAttr(node, "kernel_shape");
  if (!node.op.startsWith("Lifted") || plane === 1 || !kernel) return plane;
  const kind = stringAttr(node, "kind", "acs");
  if (node.op === "LiftedConvTranspose")
    return plane * (kind === "mean-acs" ? 3 : 1) * intsAttr(node, "strides")![0]!;
  return kind === "acs" || kind === "2.5d" ? plane : elementCount(kernel);
}

const kindOf = (node: Node): string => stringAttr(node, "kind", "acs");
