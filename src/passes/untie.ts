/**
 * @file Which inputs of a node hold weights and running statistics, and one
 * initialiser for each.
 *
 * Parameters are what fills a weight slot of a layer, and what is added to or
 * multiplied with a value that depends on another parameter (biases written as
 * Add, LayerScale). What only meets the image, such as a normalisation by
 * constants, is none.
 */

import type { Graph, Node } from "../graph/graph.ts";
import { elementCount, numbersOf, type Tensor } from "../graph/tensor.ts";
import { LIFTED_DOMAIN } from "../ops/lifted.ts";

/** Inputs that hold weights, by operator. */
const WEIGHTS: Readonly<Record<string, readonly number[]>> = {
  Conv: [1, 2],
  ConvTranspose: [1, 2],
  LiftedConv: [1, 2, 3],
  LiftedConvTranspose: [1, 2, 3],
  Gemm: [1, 2],
  MatMul: [0, 1],
  BatchNormalization: [1, 2],
  InstanceNormalization: [1, 2],
  LayerNormalization: [1, 2],
  GroupNormalization: [1, 2],
  PRelu: [1],
};

/** Inputs that hold running statistics. */
const STATISTICS: Readonly<Record<string, readonly number[]>> = { BatchNormalization: [3, 4] };

const ELEMENTWISE = new Set(["Add", "Mul"]);

/** An input of a node that an initialiser fills, directly or through operators that only regroup its elements. */
interface Slot {
  readonly input: number;
  readonly name: string;
}

/** Which inputs of a node hold parameters, and which running statistics. */
interface Slots {
  readonly parameters: readonly Slot[];
  readonly statistics: readonly Slot[];
}

/** Operators whose output is an initialiser still, under other sizes or in another order. */
const REGROUPINGS = new Set(["Unsqueeze", "Squeeze", "Reshape", "Flatten", "Transpose"]);

/** Whether a node regroups a weight: lifting aligns vectors with volumes so. */
export const regroupsWeight = (graph: Graph, node: Node): boolean => {
  const tensor = REGROUPINGS.has(node.op) ? graph.initializers.get(node.inputs[0]!) : undefined;
  return tensor?.dtype === "float32" && elementCount(tensor.dims) > 1;
};

/** The slots of the nodes that have any, for initialisers of this graph. */
export function slotsOf(graph: Graph): ReadonlyMap<Node, Slots> {
  const found = new Map<Node, Slots>();
  const dependent = new Set<string>();
  const reshaped = new Set<string>();
  const held = new Map([...graph.initializers.keys()].map((name) => [name, name] as const));
  for (const node of graph.nodes) {
    if (node.op === "Reshape") reshaped.add(node.outputs[0]!);
    if (regroupsWeight(graph, node)) held.set(node.outputs[0]!, node.inputs[0]!);
    const filled = (inputs: readonly number[] = []): Slot[] =>
      inputs.flatMap((input) => {
        const name = held.get(node.inputs[input] ?? "");
        return name === undefined ? [] : [{ input, name }];
      });
    const own = node.domain === "" || node.domain === LIFTED_DOMAIN;
    const bare =
      node.op === "InstanceNormalization" && reshaped.has(node.inputs[0]!) && isNeutral(graph, node);
    const added = ELEMENTWISE.has(node.op) ? filled([0, 1]).filter(isAdded(graph, node, dependent)) : [];
    const parameters = own && !bare ? [...filled(WEIGHTS[node.op]), ...added] : [];
    const statistics = own ? filled(STATISTICS[node.op]) : [];
    if (parameters.length + statistics.length > 0) found.set(node, { parameters, statistics });
    if (parameters.length > 0 || node.inputs.some((name) => dependent.has(name)))
      for (const name of node.outputs) if (name) dependent.add(name);
  }
  return found;
}

/**
 * Whether scales are 1 and shifts 0. Of groups, for which channels were reshaped, they are the exporter's, who had to
 * write something: GroupNorm's own come after it, one per channel.
 */
function isNeutral(graph: Graph, { inputs }: Node): boolean {
  const [, scale, shift] = inputs.map((name) => graph.initializers.get(name));
  const all = (tensor: Tensor | undefined, value: number): boolean =>
    tensor !== undefined && numbersOf(tensor).every((element) => element === value);
  return all(scale, 1) && all(shift, 0);
}

/** Whether an operand of Add or Mul is a parameter: the other operand depends on one. */
const isAdded =
  (graph: Graph, node: Node, dependent: ReadonlySet<string>) =>
  ({ input, name }: Slot): boolean =>
    elementCount(graph.initializers.get(name)!.dims) > 1 && dependent.has(node.inputs[1 - input]!);

/**
 * Gives every slot a vector of its own. Exporters store equal vectors once (zero
 * biases, unit scales); what was equal before training is not after it. The first
 * slot keeps the name, others get `name@2`, `name@3` … Kernels that layers share
 * were meant to be shared, and are.
 */
export function untie(graph: Graph): Graph {
  const uses = new Map<string, number>();
  const initializers = new Map(graph.initializers);
  const found = slotsOf(graph);
  const nodes = graph.nodes.map((node) => {
    const slots = found.get(node);
    if (!slots) return node;
    const own = new Set([...slots.parameters, ...slots.statistics].map(({ input }) => input));
    const inputs = node.inputs.map((name, i) => {
      if (!own.has(i) || !graph.initializers.has(name)) return name;
      const tensor = graph.initializers.get(name)!;
      if (elementCount(tensor.dims) !== Math.max(...tensor.dims)) return name;
      const use = (uses.get(name) ?? 0) + 1;
      uses.set(name, use);
      if (use === 1) return name;
      initializers.set(`${name}@${use}`, tensor);
      return `${name}@${use}`;
    });
    return { ...node, inputs };
  });
  return initializers.size === graph.initializers.size ? graph : { ...graph, nodes, initializers };
}
