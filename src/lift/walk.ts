/**
 * @file Lifting: an abstract interpretation of the 2D graph. Every value gets
 * axis roles; every node emits its 3D form through the rule of its operator.
 *
 * Shape arithmetic is not emitted as it stands. It is followed symbolically,
 * twice: once as the 2D network means it, and once by somebody for whom height
 * is depth (the twin). What a 3D operator needs is then written down afresh,
 * read from the shapes of the lifted tensors.
 */

import { AcsconvError } from "../base/errors.ts";
import type { Dim } from "../graph/dim.ts";
import { evaluateDim, substituteDim, symbol } from "../graph/dim.ts";
import type { Attrs, Graph, Node, ValueInfo } from "../graph/graph.ts";
import { int, nodeLabel, opsetOf } from "../graph/graph.ts";
import { literalNumbers } from "../graph/nd-array.ts";
import { seedFor, uniform } from "../base/random.ts";
import type { Tensor } from "../graph/tensor.ts";
import { DTYPES, elementCount, int64Tensor, tensorOf } from "../graph/tensor.ts";
import { GraphBuilder } from "../ops/builder.ts";
import { verbatim } from "../ops/common.ts";
import { inferNode } from "../ops/infer.ts";
import { ruleFor } from "../ops/index.ts";
import { LIFTED_DOMAIN } from "../ops/lifted.ts";
import type { Axes, Axis } from "../ops/roles.ts";
import {
  hasHeight,
  isHeight,
  liftedAxis,
  liftedShape,
  shapeOfAxes,
  showAxes,
  twinShapeOfAxes,
} from "../ops/roles.ts";
import type { Known, Lifted, LiftContext } from "../ops/rule.ts";
import { knownOf } from "../ops/source.ts";
import { type Decisions, Restart } from "./decisions.ts";
import type { Step } from "./depth.ts";
import { DepthPolicy, undoSteps } from "./depth.ts";
import type { LiftOptions } from "./options.ts";
import { guessLayout, P3SC1 } from "./options.ts";
import { outputsCutAt, siblingsOf } from "./neighbours.ts";
import { imageInput } from "./prepare.ts";
import { countVoxels } from "./voxels.ts";

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

/** Sizes at which a dynamic export is looked at: unequal, and divisible by usual total strides. */
const PROBE = { N: 3, H: 320, W: 448 };

const WINDOWS = new Set(["Conv", "MaxPool", "AveragePool", "LpPool"]);

interface Frame {
  readonly node: Node;
  readonly inputs: readonly (Lifted | undefined)[];
  readonly outputs: readonly Known[];
  readonly warnings: string[];
  steps: readonly Step[];
}

export class Walk {
  readonly #graph: Graph;
  readonly #options: LiftOptions;
  readonly #builder: GraphBuilder;
  readonly #values = new Map<string, Lifted>();
  readonly #policy: DepthPolicy;
  readonly #probe: Map<string, Dim>;
  /** Sizes of the lifted network's input, where they are numbers. */
  readonly #fixed = new Map<string, Dim>();
  readonly #baked: boolean;
  readonly #decisions: Decisions;
  readonly #draws: boolean;
  #zero = new Float32Array(0);
  readonly #reports: NodeReport[] = [];
  /** The first node that reads each value. */
  readonly #readers = new Map<string, Node>();

  constructor(graph: Graph, options: LiftOptions, decisions: Decisions, draws: boolean) {
    this.#graph = graph;
    this.#options = options;
    this.#decisions = decisions;
    this.#draws = draws;
    this.#policy = new DepthPolicy(options.depth);
    for (const node of graph.nodes.toReversed())
      for (const name of node.inputs) this.#readers.set(name, node);
    const names = graph.nodes.flatMap(({ name, outputs }) => [name, ...outputs]);
    this.#builder = new GraphBuilder(opsetOf(graph), [...names, ...graph.initializers.keys()]);
    const image = imageInput(graph);
    const layout = options.layout ?? guessLayout(image.shape!);
    const [h, w, channel] = layout === "NCHW" ? [2, 3, 1] : [1, 2, 3];
    const at = (axis: number, otherwise: number): number => {
      const size = image.shape![axis]!;
      return typeof size === "number" ? size : otherwise;
    };
    const [, height, width] = options.size ?? [0, PROBE.H, PROBE.W];
    this.#baked = typeof image.shape![h] === "number" || typeof image.shape![w] === "number";
    this.#probe = new Map<string, Dim>([
      ["N", at(0, PROBE.N)],
      ["H", at(h, height)],
      ["W", at(w, width)],
    ]);
    const channels = image.shape![channel]!;
    if (typeof channels !== "number") {
      throw new AcsconvError(
        "lift",
        `The input "${image.name}" [${image.shape!.join(", ")}] does not say how many channels it has (axis ${channel}); export it with that number fixed.`,
      );
    }
    this.#fixSizes({ H: image.shape![h]!, W: image.shape![w]! });
    const dim = (name: string): Dim => this.#fixed.get(name) ?? symbol(name);
    const byRole: Record<string, Axis> = {
      N: [{ role: "N", size: symbol("N") }],
      C: [{ role: "C", size: channels }],
      H: [{ role: "H", size: symbol("H"), depth: dim("D") }],
      W: [{ role: "W", size: symbol("W") }],
    };
    const axes = [...layout].map((role) => byRole[role]!);
    this.#builder.input({ name: image.name, dtype: image.dtype, shape: this.#inLifted(liftedShape(axes)) });
    this.#values.set(image.name, this.#value(image.name, { dtype: image.dtype }, axes, []));
  }

  /** @param exported - the 2D image's size, where the export fixes it */
  #fixSizes(exported: { readonly H: Dim; readonly W: Dim }): void {
    const { size } = this.#options;
    if (size) {
      (["D", "H", "W"] as const).forEach((name, i) => this.#fixed.set(name, size[i]!));
    }
    const { pinned } = this.#decisions;
    if (pinned === undefined) return;
    const { H, W } = exported;
    for (const [name, only] of Object.entries(exported)) {
      if (typeof only !== "number") continue;
      const asked = this.#fixed.get(name);
      if (asked !== undefined && asked !== only) {
        const [height, width] = [H, W].map((n) => (typeof n === "number" ? String(n) : "any"));
        throw new AcsconvError(
          "lift",
          `${pinned}, so the network only works at the exported size, got size ${this.#options.size!.join("×")}: use height ${height!} and width ${width!} (any depth).`,
        );
      }
      this.#fixed.set(name, only);
    }
  }

  run(): Walked {
    for (const [name, tensor] of this.#graph.initializers) {
      const known = knownOf(tensor);
      this.#values.set(name, {
        name,
        known,
        twin: known,
        axes: tensor.dims.map(() => []),
        constant: true,
        steps: [],
      });
    }
    for (const node of this.#graph.nodes) this.#visit(node);
    const outputs = this.#graph.outputs.map((output) => this.#output(output));
    const opsets = new Map(this.#graph.opsets);
    if (this.#builder.nodes.some(({ domain }) => domain === LIFTED_DOMAIN)) opsets.set(LIFTED_DOMAIN, 1);
    return {
      graph: this.#builder.build(this.#graph, outputs, opsets),
      nodes: this.#reports,
      warnings: [
        ...(this.#decisions.strideOnlyPools === undefined ? [] : [this.#decisions.strideOnlyPools]),
        ...this.#reports.flatMap(({ warnings }) => warnings),
      ],
    };
  }

  #output(output: ValueInfo): ValueInfo {
    const value = this.#values.get(output.name);
    if (value?.constant && !this.#builder.types.has(output.name)) {
      this.#place(value);
      if (this.#graph.initializers.has(output.name)) {
        throw new AcsconvError(
          "lift",
          `The output "${output.name}" is a constant; name outputs that depend on the image.`,
        );
      }
    }
    const { dtype, shape } = this.#builder.known(output.name);
    return {
      ...output,
      ...((dtype ?? output.dtype) && { dtype: dtype ?? output.dtype }),
      ...(shape && { shape }),
    };
  }

  #visit(node: Node): void {
    const inputs = node.inputs.map((name) => (name === "" ? undefined : this.#values.get(name)!));
    const frame: Frame = {
      node,
      inputs,
      outputs: this.#infer(node, inputs),
      warnings: [],
      steps: stepsOf(inputs),
    };
    if (this.#followValues(frame)) return;
    const first = this.#builder.nodes.length;
    if (inputs.length > 0 && inputs.every((input) => !input || input.constant)) {
      this.#copyConstant(frame);
      return;
    }
    const rule = ruleFor(node);
    const context = this.#context(frame);
    if (!rule) {
      return context.refuse(
        "E_UNKNOWN_OP",
        `is an operator acsconv has no rule for (domain "${node.domain || "ai.onnx"}"); cut the graph before it with \`outputs\``,
      );
    }
    const { lift } = rule;
    const image = inputs.some((input) => input && hasHeight(input.axes));
    if (typeof lift !== "function" && image) context.refuse(`E_${node.op.toUpperCase()}`, lift.refuse);
    const axes = typeof lift === "function" ? lift(context) : verbatim(context);
    node.outputs.forEach((name, i) => {
      if (name) this.#record(name, frame, i, axes[i] ?? axes[0]!);
    });
    const became = this.#builder.nodes.slice(first);
    this.#reports.push({
      name: node.name || node.outputs[0]!,
      op: node.op,
      became: became.map(({ op }) => op),
      values: became.map(({ outputs }) => outputs[0]!),
      output: node.outputs[0]!,
      warnings: frame.warnings,
    });
  }

  #infer(node: Node, inputs: readonly (Lifted | undefined)[]): readonly Known[] {
    return inferNode(
      node,
      inputs.map((input) => input?.known),
      opsetOf(this.#graph),
    );
  }

  /** Shape arithmetic: outputs whose elements are known are kept as values, not nodes. */
  #followValues({ node, inputs, outputs, steps }: Frame): boolean {
    const wanted = node.outputs.flatMap((name, i) => (name === "" ? [] : [outputs[i]]));
    if (!wanted.every((known) => known?.value)) return false;
    const twins = inferNode(
      node,
      inputs.map((input) => input?.twin),
      opsetOf(this.#graph),
    );
    const constant = inputs.every((input) => !input || input.constant);
    node.outputs.forEach((name, i) => {
      if (!name) return;
      const known = outputs[i]!;
      const twin = twins[i]?.value ? twins[i] : known;
      const axes = (known.shape ?? []).map((): Axis => []);
      this.#values.set(name, { name, known, twin, axes, constant, steps });
    });
    return true;
  }

  /** What depends on constants alone has no roles and is the same in 3D. */
  #copyConstant({ node, inputs, outputs }: Frame): void {
    for (const input of inputs) if (input) this.#place(input);
    this.#builder.push(node);
    node.outputs.forEach((name, i) => {
      if (!name) return;
      const known = outputs[i] ?? {};
      const axes = (known.shape ?? []).map((): Axis => []);
      this.#values.set(name, { name, known, twin: known, axes, constant: true, steps: [] });
    });
  }

  /** Notes roles of an output, with depths as the lifted graph has them. */
  #record(name: string, frame: Frame, i: number, axes: Axes): void {
    const shape = this.#builder.known(name).shape;
    const rank = liftedShape(axes).length;
    if (shape && shape.length !== rank) {
      throw new Error(
        `${nodeLabel(frame.node)}: roles ${showAxes(axes)} make rank ${rank}, but the lifted node has shape [${shape.join(", ")}]`,
      );
    }
    const withDepth = axes.map((axis, k): Axis => {
      if (!isHeight(axis)) return axis;
      const depth = shape?.[liftedAxis(axes, k) - 1] ?? axis[0]!.depth ?? axis[0]!.size;
      return [{ ...axis[0]!, depth }];
    });
    this.#values.set(name, this.#value(name, frame.outputs[i] ?? {}, withDepth, frame.steps));
  }

  #value(name: string, known: Known, axes: Axes, steps: readonly Step[]): Lifted {
    const dtype = known.dtype && { dtype: known.dtype };
    return {
      name,
      known: { ...dtype, shape: shapeOfAxes(axes) },
      twin: { ...dtype, shape: twinShapeOfAxes(axes) },
      axes,
      constant: false,
      steps,
    };
  }

  /** A size of the 2D network, or of depth, in terms of the lifted network's input. */
  #inLifted(dims: readonly Dim[]): Dim[] {
    return dims.map((dim) => substituteDim(dim, this.#fixed));
  }

  /** Makes a value available in the lifted graph, if it is not yet. */
  #place(value: Lifted): string {
    if (this.#builder.types.has(value.name)) return value.name;
    const tensor = this.#graph.initializers.get(value.name);
    if (tensor) return this.#builder.initializer(value.name, tensor);
    const elements = value.known.value;
    if (!elements) throw new Error(`value "${value.name}" was not lifted before it was used`);
    const dtype = value.known.dtype ?? "int64";
    const numbers = literalNumbers(elements);
    if (numbers) return this.#builder.initializer(value.name, tensorOf(dtype, elements.dims, numbers));
    const twin = value.twin.value ?? elements;
    const data = Array.from(elements.data, (dim, i) => {
      const voxels = countVoxels(dim, twin.data[i] ?? dim);
      if (voxels !== undefined) return voxels;
      throw new AcsconvError(
        "lift",
        `E_SHAPE_VALUE: "${value.name}" computes with the image's height as a number (${Array.from(elements.data).join(", ")}), which does not say what depth means there; export at a fixed size.`,
      );
    });
    const flat = this.#builder.shape(this.#inLifted(data));
    const shaped = this.#builder.add("Reshape", [
      flat,
      this.#builder.constant(int64Tensor(elements.dims)),
    ])[0]!;
    if (dtype === "int64") return shaped;
    return this.#builder.add("Cast", [shaped], { to: int(DTYPES[dtype].onnx) })[0]!;
  }

  #context(frame: Frame): LiftContext {
    const builder = this.#builder;
    const { node } = frame;
    const refuse = (code: string, why: string): never => {
      const roles = frame.inputs.flatMap((input) => (input && !input.constant ? [showAxes(input.axes)] : []));
      const sizes = frame.inputs.flatMap((input) =>
        input && !input.constant && input.known.shape
          ? [`[${input.known.shape.map((d) => this.#number(d)).join(", ")}]`]
          : [],
      );
      const input = roles.length > 0 ? ` (input ${sizes.join(", ")}, roles ${roles.join(", ")})` : "";
      // A remedy that always helps, where the reason names none.
      const before = frame.inputs.find(
        (input) => input && !input.constant && input.name !== this.#graph.inputs[0]!.name,
      );
      const remedy =
        before && !why.includes(";")
          ? `; to lift what comes before it, name "${before.name}" in \`outputs\``
          : "";
      throw new AcsconvError("lift", `${code}: ${nodeLabel(node)} ${why}${input}${remedy}.`);
    };
    const input = (i: number): Lifted => frame.inputs[i] ?? refuse("E_INPUT", `lacks input ${i}`);
    const name = (i: number): string => (node.inputs[i] ? this.#place(input(i)) : "");
    const add = (op: string, inputs: readonly string[], attrs: Attrs = {}): string =>
      builder.add(op, inputs, attrs, `${node.outputs[0]!}/${op}`)[0]!;
    return {
      node,
      inputs: frame.inputs,
      outputs: frame.outputs,
      kind: this.#options.kind ?? "acs",
      view: this.#options.view ?? "axial",
      split: this.#options.split,
      psc: { ...P3SC1, ...this.#options.psc },
      fc: this.#options.fc ?? "mean",
      compat: this.#options.compat,
      feedsWindow: WINDOWS.has(this.#readers.get(node.outputs[0]!)?.op ?? ""),
      poolsDepth: this.#policy.poolsDepth,
      strideOnlyPools: this.#decisions.strideOnlyPools !== undefined,
      requireSameDepth: (axes) => this.#requireSameDepth(frame, axes),
      baked: this.#baked,
      input,
      name,
      names: () => node.inputs.map((_, i) => name(i)),
      emit: (inputs, change = {}) => builder.push({ ...node, inputs, ...change }),
      add,
      finish: (op, inputs, attrs = {}) => builder.push({ ...node, op, domain: "", inputs, attrs }),
      constant: (tensor, hint) => builder.constant(tensor, hint),
      parameter: (parameter, dims, value) => {
        const count = elementCount(dims);
        const values = this.#draws ? drawn(count, parameter, value) : this.#zeros(count);
        return builder.initializer(parameter, tensorOf(input(1).known.dtype ?? "float32", dims, values));
      },
      shape: (dims) => builder.shape(this.#inLifted(dims)),
      reshape: (x, axes, last = false) => this.#reshape(frame, x, axes, last),
      liftedShape: (value) => builder.known(value).shape ?? [],
      probe: (dim) => this.#number(dim),
      numbers: (i) => literalNumbers(frame.inputs[i]?.known.value),
      tensor: (i) => this.#tensor(node.inputs[i] ?? ""),
      depthFactor: (what, height) => {
        const from = frame.inputs[0]!.axes.find(isHeight)![0]!.size;
        const depth = this.#policy.factor(what, from, height);
        frame.steps = [...frame.steps, { height, depth }];
        return depth;
      },
      depthScale: (height) => {
        const { depth, left } = undoSteps(frame.steps, height);
        frame.steps = left;
        return depth;
      },
      bind: (size, role) => this.#bind(node, size, role),
      pin: (why) => {
        if (this.#baked && this.#decisions.pinned === undefined)
          throw new Restart({ pinned: `${nodeLabel(node)} ${why}` });
      },
      cut: (i) => {
        throw new Restart({ outputs: outputsCutAt(this.#graph, node, node.inputs[i]!) });
      },
      warn: (text) => void frame.warnings.push(`${nodeLabel(node)} ${text}.`),
      refuse,
    };
  }

  /**
   * Tensors that are joined or added must agree in depth for some volume. In
   * 2.5d a convolution without padding leaves depth alone where a pool crops it.
   */
  #requireSameDepth({ node }: Frame, operands: readonly Axes[]): void {
    const [first, ...others] = operands.flatMap((axes) =>
      axes.filter((axis) => isHeight(axis) && axis[0]!.size !== 1),
    );
    const depthAt = (axis: Axis, D: number): number | undefined =>
      evaluateDim(axis[0]!.depth ?? 1, new Map<string, Dim>([...this.#probe, ["D", D], ...this.#fixed]));
    const never = others.some((other) =>
      Array.from({ length: 64 }, (_, i) => 128 + i).every((D) => depthAt(first!, D) !== depthAt(other, D)),
    );
    if (never && this.#options.kind === "2.5d" && this.#decisions.strideOnlyPools === undefined) {
      throw new Restart({
        strideOnlyPools: `${nodeLabel(node)} joins branches that crop depth differently; pools shrink it by their stride alone, as 2.5d convolutions do.`,
      });
    }
  }

  /** Zeros that all parameters share which are not drawn. */
  #zeros(count: number): Float32Array {
    if (count > this.#zero.length) this.#zero = new Float32Array(count);
    return this.#zero.subarray(0, count);
  }

  #number(dim: Dim): number {
    const value = evaluateDim(dim, this.#probe);
    return value ?? Number.NaN;
  }

  #tensor(name: string): Tensor | undefined {
    return this.#graph.initializers.get(name);
  }

  /** Reshape to the lifted sizes of `axes`, reading as few of them as possible while running. */
  #reshape({ node }: Frame, x: string, axes: Axes, last: boolean): string {
    const sizes = this.#inLifted(liftedShape(axes));
    const from = this.#builder.known(x).shape ?? [];
    const target: Dim[] = sizes.map((dim, i) =>
      typeof dim !== "number" && from[i] !== undefined && String(from[i]) === String(dim) ? 0 : dim,
    );
    const open = target.flatMap((dim, i) => (typeof dim === "number" ? [] : [i]));
    if (open.length > 0) target[open.at(-1)!] = -1;
    const inputs = [x, this.#builder.shape(target)];
    const output = last ? node.outputs[0]! : this.#builder.unique(`${node.outputs[0]!}/Reshape`);
    const reshape: Node = {
      op: "Reshape",
      domain: "",
      name: last ? node.name : output,
      inputs,
      outputs: [output],
      attrs: {},
    };
    this.#builder.push(reshape, [sizes]);
    return output;
  }

  /**
   * What a baked-in size stands for: (i) the size of what the result meets next,
   * (ii) the input's, (iii) that of any tensor so far.
   */
  #bind(node: Node, size: number, role: "H" | "W"): { size: Dim; depth?: Dim } | undefined {
    const candidates = [
      siblingsOf(node.outputs[0]!, this.#readers, this.#values),
      [...this.#values.values()],
    ].flat();
    for (const value of candidates) {
      if (value.constant) continue;
      const found = value.axes.find(
        (axis) => axis.length === 1 && axis[0]!.role === role && this.#number(axis[0]!.size) === size,
      );
      if (found) return found[0];
    }
    return undefined;
  }
}

/** So many values of random numbers, which a name seeds. */
function drawn(count: number, name: string, value: (random: number) => number): Float32Array {
  const random = uniform(seedFor(0, name));
  const values = new Float32Array(count);
  for (let i = 0; i < count; i++) values[i] = value(random());
  return values;
}

const stepsOf = (inputs: readonly (Lifted | undefined)[]): readonly Step[] =>
  inputs.find((input) => input && !input.constant && hasHeight(input.axes))?.steps ?? [];
