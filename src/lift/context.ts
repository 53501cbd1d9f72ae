/** @file What the lift rule of an operator is handed: the node, and what may be asked and written. */

import type { ErrorCode } from "../base/error-codes.ts";
import { liftError } from "../base/errors.ts";
import { type Graph, type Node, nodeLabel } from "../graph/graph.ts";
import { indexOf } from "../graph/graph-index.ts";
import { literalNumbers } from "../graph/nd-array.ts";
import { int64Tensor } from "../graph/tensor.ts";
import { traitsOf } from "../ops/index.ts";
import { type Axes, isHeight, showAxes } from "../ops/roles.ts";
import type { Known, Lifted, LiftContext } from "../ops/rule.ts";
import { type Decisions, Restart } from "./decisions.ts";
import { type DepthPolicy, type Step, undoSteps } from "./depth.ts";
import type { ImageSizes } from "./image-sizes.ts";
import { outputsCutAt, sizeBehind } from "./neighbours.ts";
import { type LiftOptions, P3SC1 } from "./options.ts";
import type { Writer } from "./writer.ts";

/** What is the same for all nodes of a walk. */
export interface Surroundings {
  readonly graph: Graph;
  readonly options: LiftOptions;
  readonly decisions: Decisions;
  readonly sizes: ImageSizes;
  readonly policy: DepthPolicy;
  readonly writer: Writer;
  /** All so far, the image first. */
  readonly values: ReadonlyMap<string, Lifted>;
}

/** A node that is being lifted. */
export interface Visit {
  readonly node: Node;
  readonly inputs: readonly (Lifted | undefined)[];
  /** Types of its outputs in the 2D network. */
  readonly outputs: readonly Known[];
  readonly warnings: string[];
  /** How height was downsampled on the way to its outputs. */
  steps: readonly Step[];
}

/** What the rule of one node is handed. */
export function contextOf(walk: Surroundings, visit: Visit): LiftContext {
  const { graph, options, decisions, sizes, policy, writer } = walk;
  const { node, inputs } = visit;
  const { builder } = writer;
  const refuse = (code: ErrorCode, why: string): never => {
    throw liftError(refusal(walk, visit, code, why), { code });
  };
  const input = (i: number): Lifted => inputs[i] ?? refuse("E_INPUT", `lacks input ${i}`);
  const name = (i: number): string => (node.inputs[i] ? writer.place(input(i)) : "");
  return {
    node,
    inputs,
    outputs: visit.outputs,
    kind: options.kind ?? "acs",
    view: options.view ?? "axial",
    split: options.split,
    psc: { ...P3SC1, ...options.psc },
    fc: options.fc ?? "mean",
    compat: options.compat,
    feedsWindow: traitsOf(indexOf(graph).readers(node.outputs[0]!)[0]).window ?? false,
    poolsDepth: policy.poolsDepth,
    strideOnlyPools: decisions.strideOnlyPools !== undefined,
    requireSameDepth: (operands) => requireSameDepth(walk, node, operands),
    baked: sizes.baked,
    input,
    name,
    names: () => node.inputs.map((_, i) => name(i)),
    emit: (inputs, change = {}) => builder.push({ ...node, inputs, ...change }),
    add: (op, inputs, attrs) => builder.add(op, inputs, attrs, `${node.outputs[0]!}/${op}`),
    finish: (op, inputs, attrs = {}) => builder.push({ ...node, op, domain: "", inputs, attrs }),
    constant: (tensor) => builder.constant(tensor),
    ints: (values) => builder.constant(int64Tensor(values)),
    parameter: (parameter, dims, value) =>
      writer.parameter(parameter, input(1).known.dtype ?? "float32", dims, value),
    shape: (dims) => writer.shape(dims),
    reshape: (x, axes, last = false) => writer.reshape(node, x, axes, last),
    liftedShape: (value) => builder.known(value).shape ?? [],
    probe: (dim) => sizes.number(dim),
    numbers: (i) => literalNumbers(inputs[i]?.known.value),
    tensor: (i) => graph.initializers.get(node.inputs[i] ?? ""),
    depthFactor: (what, height) => {
      const from = inputs[0]!.axes.find(isHeight)![0]!.size;
      const depth = policy.factor(what, from, height);
      visit.steps = [...visit.steps, { height, depth }];
      return depth;
    },
    depthScale: (height) => {
      const { depth, left } = undoSteps(visit.steps, height);
      visit.steps = left;
      return depth;
    },
    bind: (size, role) => sizeBehind(graph, node, role, walk.values, (dim) => sizes.number(dim) === size),
    pin: (why) => {
      if (sizes.baked && decisions.pinned === undefined)
        throw new Restart({ pinned: `${nodeLabel(node)} ${why}` });
    },
    cut: (i) => {
      throw new Restart({ outputs: outputsCutAt(graph, node, node.inputs[i]!) });
    },
    warn: (text) => void visit.warnings.push(`${nodeLabel(node)} ${text}.`),
    refuse,
  };
}

/** Why a node cannot be lifted: with sizes and roles of what it reads, and what to do about it. */
function refusal(
  { graph, sizes }: Surroundings,
  { node, inputs }: Visit,
  code: ErrorCode,
  why: string,
): string {
  const read = inputs.filter((input) => input !== undefined && !input.constant) as readonly Lifted[];
  const roles = read.map(({ axes }) => showAxes(axes));
  const shapes = read.flatMap(({ known: { shape } }) =>
    shape ? [`[${shape.map((dim) => sizes.number(dim)).join(", ")}]`] : [],
  );
  const input = roles.length > 0 ? ` (input ${shapes.join(", ")}, roles ${roles.join(", ")})` : "";
  // A remedy that always helps, where the reason names none.
  const before = read.find(({ name }) => name !== graph.inputs[0]!.name);
  const remedy =
    before && !why.includes(";")
      ? `; to lift what comes before it, name "${before.name}" in \`outputs\``
      : "";
  const title = code === "E_OPERATOR" ? `E_${node.op.toUpperCase()}` : code;
  return `${title}: ${nodeLabel(node)} ${why}${input}${remedy}.`;
}

/**
 * Tensors that are joined or added must agree in depth for some volume. In 2.5d a convolution without padding leaves
 * depth alone where a pool crops it; then pools have to leave it alone, too.
 */
function requireSameDepth(walk: Surroundings, node: Node, operands: readonly Axes[]): void {
  const [first, ...others] = operands.flatMap((axes) =>
    axes.filter((axis) => isHeight(axis) && axis[0]!.size !== 1).map((axis) => axis[0]!.depth ?? 1),
  );
  if (walk.options.kind !== "2.5d" || walk.decisions.strideOnlyPools !== undefined) return;
  if (!others.some((other) => walk.sizes.differ(first!, other))) return;
  throw new Restart({
    strideOnlyPools: `${nodeLabel(node)} joins branches that crop depth differently; pools shrink it by their stride alone, as 2.5d convolutions do.`,
  });
}
