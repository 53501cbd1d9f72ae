/**
 * @file Shape and constant inference: what can be known of every value before
 * running, with sizes as expressions over the inputs' symbols.
 */

import { AcsconvError } from "../base/errors.ts";
import { symbol } from "../graph/dim.ts";
import { atSizes, type Graph, type Node, nodeLabel, opsetOf, type ValueInfo } from "../graph/graph.ts";
import { type NdArray, ndArray } from "../graph/nd-array.ts";
import type { DType } from "../graph/tensor.ts";
import { ruleFor } from "./index.ts";
import type { InferContext, Known, OpRule } from "./rule.ts";
import { knownOf, VALUE_LIMIT } from "./constant-ops.ts";
import { requireInputs, requireSizes, withNode } from "./well-formed.ts";

let unknowns = 0;
/** A size nothing is known of; equal to itself only. */
const fresh = () => symbol(`?${unknowns++}`);

/** What is known of a node's outputs, given what is known of its inputs. */
export function inferNode(
  node: Node,
  inputs: readonly (Known | undefined)[],
  opset: number,
  outer?: ReadonlyMap<string, Known>,
): readonly Known[] {
  const rule = ruleFor(node);
  if (!rule) return node.outputs.map(() => ({}));
  requireInputs(node, rule);
  return withNode(node, inputs, () => inferByRule(rule, node, inputs, opset, outer));
}

function inferByRule(
  rule: OpRule,
  node: Node,
  inputs: readonly (Known | undefined)[],
  opset: number,
  outer?: ReadonlyMap<string, Known>,
): readonly Known[] {
  const context: InferContext = {
    node,
    inputs,
    opset,
    fresh,
    subgraph(name) {
      const attr = node.attrs[name];
      if (attr?.kind !== "graph") return [];
      const types = inferTypes(attr.value, opset, outer);
      return attr.value.outputs.map((output) => types.get(output.name) ?? {});
    },
  };
  const outputs = rule.infer(context);
  requireSizes(node, outputs);
  const values = valuesOf(rule, context, outputs);
  return node.outputs.map((_, i): Known => {
    const value = values?.[i];
    const known = outputs[i] ?? {};
    if (!value || value.data.length > VALUE_LIMIT) return { dtype: known.dtype, shape: known.shape };
    return { dtype: known.dtype, shape: value.dims, value: rounded(value, known.dtype) };
  });
}

/** Numbers as precise as their type: ⌊10·0.7⌋ is 7 in float32, 6 in double. */
const rounded = (value: NdArray, dtype: DType | undefined): NdArray =>
  dtype === "float32"
    ? ndArray(
        value.dims,
        Array.from(value.data, (e) => (typeof e === "number" ? Math.fround(e) : e)),
      )
    : value;

function valuesOf(rule: OpRule, context: InferContext, outputs: readonly Known[]) {
  // Elements are followed only where the result is small.
  const small = outputs.every(({ shape }) => {
    const count = shape?.reduce<number>((n, d) => (typeof d === "number" ? n * d : n), 1) ?? 1;
    return count <= VALUE_LIMIT;
  });
  return small ? rule.value?.(context) : undefined;
}

/**
 * Types and known elements of every value of a graph whose operators are in
 * their current form (`upgradeGraph`).
 *
 * @param opset, outer - of a subgraph: those of its parent, and what it captures
 * @throws {@link AcsconvError} ("graph") naming the node whose inputs contradict its operator
 */
export function inferTypes(
  graph: Graph,
  opset = opsetOf(graph),
  outer?: ReadonlyMap<string, Known>,
): Map<string, Known> {
  const types = new Map<string, Known>(outer);
  for (const { name, dtype, shape } of graph.inputs) types.set(name, { dtype, shape });
  for (const [name, tensor] of graph.initializers) types.set(name, knownOf(tensor));
  for (const node of graph.nodes) {
    const inputs = node.inputs.map((name) => (name === "" ? undefined : (types.get(name) ?? {})));
    const outputs = inferNode(node, inputs, opset, types);
    node.outputs.forEach((name, i) => {
      if (name) types.set(name, withDeclared(outputs[i] ?? {}, graph.valueInfos.get(name)));
    });
  }
  return types;
}

/** The file's own word, where we know nothing. */
const withDeclared = (known: Known, info: ValueInfo | undefined): Known =>
  known.shape || !info?.shape ? known : { ...known, dtype: known.dtype ?? info.dtype, shape: info.shape };

/**
 * Refuses a volume of which some operator leaves nothing; ONNX Runtime would go
 * on with empty tensors and return numbers that mean nothing.
 *
 * @param sizes - numbers for the symbols of the input's sizes
 * @throws {@link AcsconvError} ("input") naming the first operator that has no output
 */
export function requireRoom(graph: Graph, sizes: ReadonlyMap<string, number> = new Map()): void {
  const given = graph.inputs.map((input) => atSizes(input, sizes));
  const input = given.map(({ shape }) => `[${shape?.join(", ") ?? ""}]`).join(", ");
  const types = typesAt({ ...graph, inputs: given }, input);
  const empty = (name: string): boolean => {
    const shape = types.get(name)?.shape;
    return shape?.length === 5 && shape.some((n) => typeof n === "number" && n < 1);
  };
  const node = graph.nodes.find(({ outputs }) => outputs.some(empty));
  if (!node) return;
  throw new AcsconvError(
    "input",
    `The volume ${input} is too small for the network: nothing is left of it after ${nodeLabel(node)}; give a larger one, or lift with depth kept.`,
    { code: "E_TOO_SMALL" },
  );
}

/** Branches of a network meet only at sizes that its strides divide. */
function typesAt(graph: Graph, input: string): ReadonlyMap<string, Known> {
  try {
    return inferTypes(graph);
  } catch (error) {
    if (!(error instanceof AcsconvError)) throw error;
    throw new AcsconvError(
      "input",
      `The network does not take a volume ${input}: ${error.message.replace(/\.$/, "")}; choose sizes that its strides divide, such as multiples of 32.`,
      { cause: error },
    );
  }
}
