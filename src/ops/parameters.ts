/**
 * @file The parameters of a network: which initialisers fill the slots of its operators. Training, weight files,
 * initialisation and counts all ask here.
 */

import type { Graph, Node } from "../graph/graph.ts";
import { elementCount, numbersOf, type Tensor } from "../graph/tensor.ts";
import { constantOf } from "./constant-ops.ts";
import { slotsOfNode, traitsOf } from "./index.ts";
import { isStatistic, type Slot } from "./slots.ts";

/** A slot, and the tensor that fills it, directly or through operators that only regroup its elements. */
export interface FilledSlot extends Slot {
  readonly name: string;
  readonly tensor: Tensor;
  /** Whether the input is the tensor as it is. */
  readonly direct: boolean;
}

/** Whether a node regroups a weight: lifting aligns vectors with volumes so. */
export const regroupsWeight = (graph: Graph, node: Node): boolean =>
  regroups(node, graph.initializers.get(node.inputs[0] ?? ""));

function regroups(node: Node, tensor: Tensor | undefined): boolean {
  const { alias, moves } = traitsOf(node);
  return (
    (alias !== undefined || moves === "permute") &&
    tensor?.dtype === "float32" &&
    elementCount(tensor.dims) > 1
  );
}

/**
 * The filled slots of the nodes that have any.
 *
 * Exporters store equal vectors once (zero biases, unit scales); what was equal before training is not after it. So
 * each slot has a vector of its own here: the first keeps the name, others get `name@2`, `name@3` … Kernels that layers
 * share were meant to be shared, and are; what an Identity makes of an initialiser is another one, under its own name.
 */
export function slotsOf(graph: Graph): ReadonlyMap<Node, readonly FilledSlot[]> {
  const found = new Map<Node, readonly FilledSlot[]>();
  const dependent = new Set<string>();
  const reshaped = new Set<string>();
  const outputs = new Set(graph.outputs.map(({ name }) => name));
  const uses = new Map<string, number>();
  const held = new Map<string, Pick<FilledSlot, "name" | "tensor" | "direct">>();
  for (const [name, tensor] of graph.initializers) held.set(name, { name, tensor, direct: true });
  for (const node of graph.nodes) {
    const output = node.outputs[0]!;
    const { alias } = traitsOf(node);
    const source = held.get(node.inputs[0] ?? "");
    const copy = alias === "same" && source?.direct ? source.tensor : constantOf(node);
    if (copy && !outputs.has(output)) held.set(output, { name: output, tensor: copy, direct: true });
    else if (source && regroups(node, source.tensor)) held.set(output, { ...source, direct: false });
    if (alias === "reshape") reshaped.add(output);
    const slots = slotsOfNode(node).flatMap((slot): FilledSlot[] => {
      const filling = held.get(node.inputs[slot.input] ?? "");
      return filling && isFilled(node, { ...slot, ...filling }, dependent) ? [{ ...slot, ...filling }] : [];
    });
    const own = reshaped.has(node.inputs[0]!) && isNeutral(slots) ? [] : slots.map(separate);
    if (own.length > 0) found.set(node, own);
    if (own.some((slot) => !isStatistic(slot)) || node.inputs.some((name) => dependent.has(name)))
      for (const name of node.outputs) if (name) dependent.add(name);
  }
  return found;

  function separate(slot: FilledSlot): FilledSlot {
    const { dims } = slot.tensor;
    if (!slot.direct || elementCount(dims) !== Math.max(...dims)) return slot;
    const use = (uses.get(slot.name) ?? 0) + 1;
    uses.set(slot.name, use);
    return use === 1 ? slot : { ...slot, name: `${slot.name}@${use}` };
  }
}

/** An addend or factor is a parameter where another one depends on a parameter, and a scalar is a setting. */
const isFilled = (node: Node, { role, input, tensor }: FilledSlot, dependent: ReadonlySet<string>): boolean =>
  (role !== "addend" && role !== "factor") ||
  (elementCount(tensor.dims) > 1 && node.inputs.some((name, i) => i !== input && dependent.has(name)));

/** Whether scales are 1 and shifts 0, in slots that exporters of group normalisation fill so. */
const isNeutral = (slots: readonly FilledSlot[]): boolean =>
  slots.length > 0 &&
  slots.every(
    ({ filledForGroups, role, tensor }) =>
      filledForGroups && numbersOf(tensor).every((element) => element === (role === "scale" ? 1 : 0)),
  );

/** The filled slots that hold parameters, in the order in which the network reads them. */
export const parameterSlots = (graph: Graph): FilledSlot[] =>
  [...slotsOf(graph).values()].flat().filter((slot) => !isStatistic(slot));
