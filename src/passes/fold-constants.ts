/**
 * @file Computes, ahead of running, what depends on constants alone.
 *
 * 1. A Constant node becomes an initialiser.
 * 2. A node whose inputs are all initialisers, of any size, becomes initialisers.
 * 3. A node whose output elements inference knows (shape arithmetic at fixed
 *    sizes) becomes an initialiser.
 * 4. An If whose condition is known is replaced by its branch.
 *
 * Operators without a value rule are left alone.
 */

import { type Graph, type Node, opsetOf } from "../graph/graph.ts";
import { literalNumbers } from "../graph/nd-array.ts";
import { elementCount, type Tensor, tensorOf } from "../graph/tensor.ts";
import { ruleFor, traitsOf } from "../ops/index.ts";
import { inferTypes } from "../ops/infer.ts";
import type { Known } from "../ops/rule.ts";
import { constantOf, identityNode, knownOf, VALUE_LIMIT } from "../ops/constant-ops.ts";
import { requireConstants, withNode } from "../ops/well-formed.ts";
import { renameReads } from "./tidy.ts";

/** Folding more elements than this would cost more than it saves (32 million: a 128 MB weight). */
const FOLD_LIMIT = 2 ** 25;

/**
 * Elements of a constant that is folded though it is much larger than what it is made of (Expand, Tile, a filled shape),
 * and of all such together. Beyond, the node stays: it says the same in fewer bytes.
 */
const GROWN_LIMIT = 2 ** 20;

/** From how many times its operands' elements on a constant has grown. */
const GROWN = 4;

/** @param folds - whether a node may be folded; all may unless given */
export function foldConstants(graph: Graph, folds: (node: Node) => boolean = () => true): Graph {
  const types = inferTypes(graph);
  const initializers = new Map(graph.initializers);
  const inputs = new Set(graph.inputs.map(({ name }) => name));
  const nodes: Node[] = [];
  const constants = new Set(initializers.keys());
  let grown = 0;
  const isTooLarge = (node: Node): boolean => {
    const made = node.outputs.flatMap((name) => (name === "" ? [] : [types.get(name) ?? {}]));
    if (!node.inputs.every((name) => name === "" || constants.has(name))) return false;
    for (const name of node.outputs) constants.add(name);
    requireConstants(node, made);
    const count = elementsOf(made);
    if (count <= VALUE_LIMIT || count < GROWN * elementsOf(node.inputs.map((name) => types.get(name) ?? {})))
      return false;
    grown += count;
    return grown > GROWN_LIMIT;
  };
  const visit = (node: Node): void => {
    const branch = "then_branch" in node.attrs ? chosenBranch(node, types) : undefined;
    if (branch) {
      for (const inner of inlineBranch(node, branch, initializers)) visit(inner);
      return;
    }
    const folded =
      !isTooLarge(node) && folds(node) ? foldNode(node, types, initializers, opsetOf(graph)) : undefined;
    if (!folded) {
      nodes.push(node);
      return;
    }
    node.outputs.forEach((name, i) => {
      if (!name || inputs.has(name)) return;
      initializers.set(name, folded[i]!);
      constants.add(name);
      if (!types.has(name)) types.set(name, knownOf(folded[i]!));
    });
  };
  graph.nodes.forEach(visit);
  return { ...graph, nodes, initializers };
}

/** Of all values whose sizes are known. */
const elementsOf = (values: readonly Known[]): number =>
  values.reduce((sum, { shape }) => {
    const dims = shape?.filter((n) => typeof n === "number");
    return sum + (dims && dims.length === shape!.length ? elementCount(dims) : 0);
  }, 0);

function foldNode(
  node: Node,
  types: ReadonlyMap<string, Known>,
  initializers: ReadonlyMap<string, Tensor>,
  opset: number,
): Tensor[] | undefined {
  const constant = constantOf(node);
  if (constant) return [constant];
  const literal = node.outputs.map((name) => literalTensor(types.get(name) ?? {}));
  if (node.outputs.every((name, i) => name === "" || literal[i])) return literal.map((t) => t ?? EMPTY);

  const operands = node.inputs.map((name) => (name === "" ? undefined : initializers.get(name)));
  if (node.inputs.length === 0 || operands.some((tensor, i) => !tensor && node.inputs[i] !== ""))
    return undefined;
  const rule = ruleFor(node);
  const size = operands.reduce((sum, tensor) => sum + (tensor ? elementCount(tensor.dims) : 0), 0);
  if (!rule?.value || size > FOLD_LIMIT) return undefined;
  if (traitsOf(node).alias === "same") return [operands[0]!];
  const context = {
    node,
    opset,
    inputs: operands.map((tensor) => tensor && knownOf(tensor, FOLD_LIMIT)),
    fresh: () => Number.NaN,
    subgraph: () => [],
  };
  const { outputs, values } = withNode(node, context.inputs, () => {
    const inferred = rule.infer(context);
    return {
      outputs: inferred,
      values: elementsOf(inferred) > FOLD_LIMIT ? undefined : rule.value?.(context),
    };
  });
  if (!values || !node.outputs.every((_, i) => values[i] && outputs[i]?.dtype)) return undefined;
  const tensors = node.outputs.map((_, i) => literalTensor({ ...outputs[i]!, value: values[i]! }));
  return tensors.every((tensor) => tensor !== undefined) ? tensors : undefined;
}

const EMPTY = tensorOf("float32", [0], []);

function literalTensor(known: Known): Tensor | undefined {
  const numbers = literalNumbers(known.value);
  return numbers && known.dtype && tensorOf(known.dtype, known.value!.dims, numbers);
}

function chosenBranch(node: Node, types: ReadonlyMap<string, Known>): Graph | undefined {
  const condition = literalNumbers(types.get(node.inputs[0]!)?.value)?.[0];
  if (condition === undefined) return undefined;
  const attr = node.attrs[condition ? "then_branch" : "else_branch"];
  return attr?.kind === "graph" ? attr.value : undefined;
}

/** A branch's nodes under names of their own, its outputs under the If's. */
function inlineBranch(node: Node, branch: Graph, initializers: Map<string, Tensor>): Node[] {
  const prefix = `${node.name || node.outputs[0]}/`;
  const names = new Map<string, string>();
  const own = [...branch.initializers.keys(), ...branch.nodes.flatMap(({ outputs }) => outputs)];
  for (const name of own) if (name) names.set(name, prefix + name);
  branch.outputs.forEach(({ name }, i) => {
    if (own.includes(name) && ![...names.values()].includes(node.outputs[i]!))
      names.set(name, node.outputs[i]!);
  });
  const rename = (name: string): string => names.get(name) ?? name;
  for (const [name, tensor] of branch.initializers) initializers.set(rename(name), tensor);
  const nodes = branch.nodes.map((inner) => ({
    ...renameReads(inner, rename),
    outputs: inner.outputs.map((name) => (name === "" ? "" : rename(name))),
  }));
  const passed = branch.outputs.flatMap(({ name }, i) =>
    rename(name) === node.outputs[i] ? [] : [identityNode(rename(name), node.outputs[i]!)],
  );
  return [...nodes, ...passed];
}
