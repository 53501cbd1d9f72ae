/**
 * @file Lifting: an abstract interpretation of the 2D graph. Every value gets
 * axis roles; every node emits its 3D form through the rule of its operator.
 *
 * Shape arithmetic is not emitted as it stands. It is followed symbolically,
 * twice: once as the 2D network means it, and once by somebody for whom height
 * is depth (the twin). What a 3D operator needs is then written down afresh,
 * read from the shapes of the lifted tensors.
 */

import { liftError } from "../base/errors.ts";
import { type Graph, type Node, nodeLabel, opsetOf, type ValueInfo } from "../graph/graph.ts";
import { verbatim } from "../ops/common.ts";
import { ruleFor } from "../ops/index.ts";
import { inferNode } from "../ops/infer.ts";
import { LIFTED_DOMAIN } from "../ops/lifted.ts";
import {
  type Axes,
  type Axis,
  hasHeight,
  isHeight,
  liftedAxis,
  liftedShape,
  shapeOfAxes,
  showAxes,
  twinShapeOfAxes,
} from "../ops/roles.ts";
import type { Known, Lifted } from "../ops/rule.ts";
import { knownOf } from "../ops/constant-ops.ts";
import { withNode } from "../ops/well-formed.ts";
import { contextOf, type Surroundings, type Visit } from "./context.ts";
import type { Decisions } from "./decisions.ts";
import { DepthPolicy, type Step } from "./depth.ts";
import { ImageSizes } from "./image-sizes.ts";
import type { LiftOptions } from "./options.ts";
import { imageInput } from "./prepare.ts";
import { Writer } from "./writer.ts";

/** What became of one node of the 2D network. */
export interface NodeReport {
  readonly name: string;
  readonly op: string;
  /** Operators of the nodes it became, in order. */
  readonly became: readonly string[];
  /** First outputs of those nodes, in the same order. */
  readonly values: readonly string[];
  /** Its output in the lifted graph. */
  readonly output: string;
  readonly warnings: readonly string[];
}

export interface Walked {
  readonly graph: Graph;
  readonly nodes: readonly NodeReport[];
  readonly warnings: readonly string[];
}

/** One walk over a 2D graph; throws {@link Restart} where it has to be taken again with another decision. */
export class Walk {
  readonly #graph: Graph;
  readonly #decisions: Decisions;
  readonly #writer: Writer;
  readonly #values = new Map<string, Lifted>();
  readonly #surroundings: Surroundings;
  readonly #reports: NodeReport[] = [];

  constructor(graph: Graph, options: LiftOptions, decisions: Decisions, draws: boolean) {
    const image = imageInput(graph);
    const { name, dtype } = image;
    const sizes = new ImageSizes(image, options, decisions.pinned);
    const writer = new Writer(graph, sizes, draws);
    const policy = new DepthPolicy(options.depth);
    this.#graph = graph;
    this.#decisions = decisions;
    this.#writer = writer;
    this.#surroundings = { graph, options, decisions, sizes, policy, writer, values: this.#values };
    writer.builder.input({ name, dtype, shape: sizes.inLifted(liftedShape(sizes.axes)) });
    this.#values.set(name, valueOf(name, { dtype }, sizes.axes, []));
  }

  run(): Walked {
    for (const [name, tensor] of this.#graph.initializers) this.#constant(name, knownOf(tensor));
    for (const node of this.#graph.nodes) this.#visit(node);
    const outputs = this.#graph.outputs.map((output) => this.#output(output));
    const opsets = new Map(this.#graph.opsets);
    if (this.#writer.builder.nodes.some(({ domain }) => domain === LIFTED_DOMAIN))
      opsets.set(LIFTED_DOMAIN, 1);
    return {
      graph: this.#writer.builder.build(this.#graph, outputs, opsets),
      nodes: this.#reports,
      warnings: [
        ...(this.#decisions.strideOnlyPools === undefined ? [] : [this.#decisions.strideOnlyPools]),
        ...this.#reports.flatMap(({ warnings }) => warnings),
      ],
    };
  }

  #output(output: ValueInfo): ValueInfo {
    const value = this.#values.get(output.name);
    if (value?.constant && !this.#writer.builder.types.has(output.name)) {
      this.#writer.place(value);
      if (this.#graph.initializers.has(output.name))
        throw liftError(`The output "${output.name}" is a constant; name outputs that depend on the image.`);
    }
    const { dtype, shape } = this.#writer.builder.known(output.name);
    return { ...output, dtype: dtype ?? output.dtype, shape: shape ?? output.shape };
  }

  #visit(node: Node): void {
    const inputs = node.inputs.map((name) => (name === "" ? undefined : this.#values.get(name)!));
    const known = inputs.map((input) => input?.known);
    const outputs = this.#infer(node, known);
    const visit: Visit = { node, inputs, outputs, warnings: [], steps: stepsOf(inputs) };
    if (this.#followValues(visit)) return;
    const first = this.#writer.builder.nodes.length;
    if (inputs.length > 0 && inputs.every((input) => !input || input.constant)) {
      this.#copyConstant(visit);
      return;
    }
    const rule = ruleFor(node);
    const context = contextOf(this.#surroundings, visit);
    if (!rule) {
      return context.refuse(
        "E_UNKNOWN_OP",
        `is an operator acsconv has no rule for (domain "${node.domain || "ai.onnx"}"); cut the graph before it with \`outputs\``,
      );
    }
    const { lift } = rule;
    const image = inputs.some((input) => input && hasHeight(input.axes));
    if (typeof lift !== "function" && image) context.refuse("E_OPERATOR", lift.refuse);
    const axes = withNode(node, known, () =>
      typeof lift === "function" ? lift(context) : verbatim(context),
    );
    node.outputs.forEach((name, i) => {
      if (name) this.#record(name, visit, i, axes[i] ?? axes[0]!);
    });
    const became = this.#writer.builder.nodes.slice(first);
    this.#reports.push({
      name: node.name || node.outputs[0]!,
      op: node.op,
      became: became.map(({ op }) => op),
      values: became.map(({ outputs }) => outputs[0]!),
      output: node.outputs[0]!,
      warnings: visit.warnings,
    });
  }

  #infer(node: Node, inputs: readonly (Known | undefined)[]): readonly Known[] {
    return inferNode(node, inputs, opsetOf(this.#graph));
  }

  /** Shape arithmetic: outputs whose elements are known are kept as values, not nodes. */
  #followValues({ node, inputs, outputs, steps }: Visit): boolean {
    const wanted = node.outputs.flatMap((name, i) => (name === "" ? [] : [outputs[i]]));
    if (!wanted.every((known) => known?.value)) return false;
    const seen = inputs.map((input) => input?.twin);
    const twins = this.#infer(node, seen);
    const constant = inputs.every((input) => !input || input.constant);
    node.outputs.forEach((name, i) => {
      if (!name) return;
      const known = outputs[i]!;
      const twin = twins[i]?.value ? twins[i] : known;
      this.#values.set(name, { name, known, twin, axes: withoutRoles(known), constant, steps });
    });
    return true;
  }

  /** What depends on constants alone has no roles and is the same in 3D. */
  #copyConstant({ node, inputs, outputs }: Visit): void {
    for (const input of inputs) if (input) this.#writer.place(input);
    this.#writer.builder.push(node);
    node.outputs.forEach((name, i) => {
      if (name) this.#constant(name, outputs[i] ?? {});
    });
  }

  #constant(name: string, known: Known): void {
    const axes = withoutRoles(known);
    this.#values.set(name, { name, known, twin: known, axes, constant: true, steps: [] });
  }

  /** Notes roles of an output, with depths as the lifted graph has them. */
  #record(name: string, visit: Visit, i: number, axes: Axes): void {
    const shape = this.#writer.builder.known(name).shape;
    const rank = liftedShape(axes).length;
    if (shape && shape.length !== rank) {
      throw liftError(
        `E_ROLE_MIX: ${nodeLabel(visit.node)} reads tensors whose axes do not stand for the same: they make ${showAxes(axes)}, of which 3D has ${rank} axes, and [${shape.join(", ")}] comes out; cut the graph before it with \`outputs\`.`,
        { code: "E_ROLE_MIX" },
      );
    }
    const withDepth = axes.map((axis, k): Axis => {
      if (!isHeight(axis)) return axis;
      const depth = shape?.[liftedAxis(axes, k) - 1] ?? axis[0]!.depth ?? axis[0]!.size;
      return [{ ...axis[0]!, depth }];
    });
    this.#values.set(name, valueOf(name, visit.outputs[i] ?? {}, withDepth, visit.steps));
  }
}

function valueOf(name: string, known: Known, axes: Axes, steps: readonly Step[]): Lifted {
  const { dtype } = known;
  const [shape, twin] = [shapeOfAxes(axes), twinShapeOfAxes(axes)];
  return { name, known: { dtype, shape }, twin: { dtype, shape: twin }, axes, constant: false, steps };
}

const withoutRoles = ({ shape = [] }: Known): Axes => shape.map((): Axis => []);

const stepsOf = (inputs: readonly (Lifted | undefined)[]): readonly Step[] =>
  inputs.find((input) => input && !input.constant && hasHeight(input.axes))?.steps ?? [];
