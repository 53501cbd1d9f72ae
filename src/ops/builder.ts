/**
 * @file Builds a graph node by node, knowing the type of every value as it goes.
 */

import { type Dim, SymbolicDim } from "../graph/dim.ts";
import { type Attrs, type Graph, int, type Node, nodeOf, opsetOf, type ValueInfo } from "../graph/graph.ts";
import { int64Tensor, type Tensor } from "../graph/tensor.ts";
import { inferNode } from "./infer.ts";
import type { Known } from "./rule.ts";
import { knownOf } from "./constant-ops.ts";

/** Constants up to this size are shared: pads of a tensor of eight axes. */
const SHARED_BYTES = 128;

export class GraphBuilder {
  readonly nodes: Node[] = [];
  readonly initializers = new Map<string, Tensor>();
  readonly types = new Map<string, Known>();
  readonly #inputs: ValueInfo[] = [];
  readonly #taken = new Set<string>();
  /** The next number to try for a hint. */
  readonly #hints = new Map<string, number>();
  readonly #opset: number;
  /** Where each symbolic size can be read off: the first tensor that has it. */
  readonly #sources = new Map<string, { value: string; axis: number }>();
  readonly #sizes = new Map<string, string>();

  /** @param reserved - names that helpers must not take */
  constructor(opset: number, reserved: Iterable<string> = []) {
    this.#opset = opset;
    for (const name of reserved) this.#taken.add(name);
  }

  /** Begins with the inputs and initialisers of a graph; its nodes' names are not taken by helpers. */
  static over(graph: Graph): GraphBuilder {
    // Those of nodes, too: what helpers add is named as its output, and ONNX Runtime wants nodes' names to differ.
    const names = [
      ...graph.initializers.keys(),
      ...graph.nodes.flatMap(({ name, outputs }) => [name, ...outputs]),
    ];
    const builder = new GraphBuilder(opsetOf(graph), names);
    for (const input of graph.inputs) builder.input(input);
    for (const [name, tensor] of graph.initializers) builder.initializer(name, tensor);
    return builder;
  }

  /** A name no value has, made from `hint`. */
  unique(hint: string): string {
    let name = hint;
    let count = this.#hints.get(hint) ?? 1;
    while (this.#taken.has(name)) name = `${hint}_${count++}`;
    this.#hints.set(hint, count);
    this.#taken.add(name);
    return name;
  }

  input(info: ValueInfo): void {
    this.#inputs.push(info);
    this.#learn(info.name, { dtype: info.dtype, shape: info.shape });
  }

  initializer(name: string, tensor: Tensor): string {
    this.#taken.add(name);
    this.initializers.set(name, tensor);
    this.types.set(name, knownOf(tensor));
    return name;
  }

  /** A constant; equal small ones are shared. */
  constant(tensor: Tensor, hint = "const"): string {
    if (tensor.bytes.length > SHARED_BYTES) return this.initializer(this.unique(hint), tensor);
    const key = `${tensor.dtype}[${tensor.dims.join()}]${tensor.bytes.join()}`;
    const shared = this.#sizes.get(key);
    if (shared !== undefined) return shared;
    const name = this.initializer(this.unique(hint), tensor);
    this.#sizes.set(key, name);
    return name;
  }

  /** Adds a node as it is. */
  push(node: Node, shapes?: readonly (readonly Dim[] | undefined)[]): void {
    this.nodes.push(node);
    const inputs = node.inputs.map((name) => (name === "" ? undefined : (this.types.get(name) ?? {})));
    const outputs = inferNode(node, inputs, this.#opset, this.types);
    node.outputs.forEach((name, i) => {
      if (!name) return;
      const known = outputs[i] ?? {};
      this.#learn(name, shapes?.[i] ? { ...known, shape: shapes[i] } : known);
    });
  }

  /** Adds a node whose output gets a fresh name made from `hint`, and returns that. */
  add(op: string, inputs: readonly string[], attrs: Attrs = {}, hint: string = op): string {
    const output = this.unique(hint);
    this.push(nodeOf(op, inputs, output, attrs));
    return output;
  }

  known(name: string): Known {
    return this.types.get(name) ?? {};
  }

  /**
   * A 1-D int64 value holding these sizes: a constant, or read from the shapes
   * of tensors while running.
   */
  shape(dims: readonly Dim[]): string {
    if (dims.every((dim) => typeof dim === "number")) return this.constant(int64Tensor(dims), "sizes");
    const parts: string[] = [];
    let literals: number[] = [];
    const flush = (): void => {
      if (literals.length > 0) parts.push(this.constant(int64Tensor(literals), "sizes"));
      literals = [];
    };
    for (const dim of dims) {
      if (typeof dim === "number") {
        literals.push(dim);
      } else {
        flush();
        parts.push(this.size(dim));
      }
    }
    flush();
    return parts.length === 1 ? parts[0]! : this.add("Concat", parts, { axis: int(0) }, "shape");
  }

  /** One size as an int64 [1]. Read from the first tensor that has it, else computed. */
  size(dim: Dim): string {
    if (typeof dim === "number") return this.constant(int64Tensor([dim]), "size");
    const known = this.#sizes.get(dim.key);
    if (known) return known;
    const name = this.#read(dim) ?? this.#compute(dim);
    this.#sizes.set(dim.key, name);
    return name;
  }

  #read(dim: SymbolicDim): string | undefined {
    const source = this.#sources.get(dim.key);
    if (!source) return undefined;
    const key = `shape of ${source.value}`;
    let shape = this.#sizes.get(key);
    if (!shape) {
      shape = this.add("Shape", [source.value], {}, `${source.value}/shape`);
      this.#sizes.set(key, shape);
    }
    const axis = this.constant(int64Tensor([source.axis]));
    return this.add("Gather", [shape, axis], { axis: int(0) }, "size");
  }

  #compute(dim: SymbolicDim): string {
    const binary = (op: string, a: string, b: string): string => this.add(op, [a, b], {}, "size");
    const terms = dim.terms.map((term) => {
      const factors = term.atoms.map((atom) => {
        if (atom.kind === "symbol") {
          const read = this.#read(new SymbolicDim([{ coefficient: 1, atoms: [atom] }]));
          if (!read) throw new Error(`size ${atom.name} is not the size of any tensor`);
          return read;
        }
        const [a, b] = atom.args.map((arg) => this.size(arg)) as [string, string];
        // Sizes are not negative, so ONNX's truncating Div is the floor.
        const op = { floor: "Div", div: "Div", mod: "Mod", min: "Min", max: "Max" }[atom.op];
        return binary(op, a, b);
      });
      const product = factors.reduce<string | undefined>(
        (p, f) => (p === undefined ? f : binary("Mul", p, f)),
        undefined,
      );
      if (product === undefined) return this.size(term.coefficient);
      return term.coefficient === 1 ? product : binary("Mul", product, this.size(term.coefficient));
    });
    return terms.reduce((sum, term) => binary("Add", sum, term));
  }

  #learn(name: string, known: Known): void {
    this.#taken.add(name);
    this.types.set(name, known);
    known.shape?.forEach((dim, axis) => {
      if (typeof dim !== "number" && !dim.key.includes("?") && !this.#sources.has(dim.key)) {
        this.#sources.set(dim.key, { value: name, axis });
      }
    });
  }

  /** The finished graph; everything else is as in `like`. */
  build(
    like: Graph,
    outputs: readonly ValueInfo[],
    opsets: ReadonlyMap<string, number> = like.opsets,
  ): Graph {
    return {
      ...like,
      opsets,
      inputs: this.#inputs,
      outputs,
      nodes: this.nodes,
      initializers: this.initializers,
      valueInfos: new Map(),
    };
  }
}
