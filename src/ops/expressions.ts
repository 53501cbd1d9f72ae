/** @file {@link Algebra} over a graph that is being built. */

import { type Attrs, int, ints } from "../graph/graph.ts";
import { literalNumbers } from "../graph/nd-array.ts";
import { type DType, DTYPES, elementCount, int64Tensor, type Tensor, tensorOf } from "../graph/tensor.ts";
import type { GraphBuilder } from "./builder.ts";
import type { Algebra, Operand, Reduction } from "./gradient.ts";

/** Fewer elements than this are reduced by one node. */
const AT_ONCE = 1024;

export class Expressions implements Algebra {
  readonly builder: GraphBuilder;
  /** Outputs of the nodes written so far, by operator, inputs and attributes. */
  readonly written: Map<string, string[]>;

  /** The name of the next node and of its output. */
  #wanted: { readonly output: string; readonly name: string } | undefined;

  constructor(builder: GraphBuilder, written = new Map<string, string[]>()) {
    this.builder = builder;
    this.written = written;
  }

  /**
   * What writes one node, whose output gets this name.
   *
   * @param name - of the node
   */
  into(output: string, name = output): Expressions {
    const once = new Expressions(this.builder);
    once.#wanted = { output, name };
    return once;
  }

  op(op: string, inputs: readonly Operand[], attrs: Attrs = {}): string {
    return this.ops(op, 1, inputs, attrs)[0]!;
  }

  ops(op: string, count: number, inputs: readonly Operand[], attrs: Attrs = {}): string[] {
    const names = this.#names(inputs);
    const key = JSON.stringify([op, count, names, attrs], (_, value: unknown) =>
      value instanceof Uint8Array ? [...value] : value,
    );
    const before = this.written.get(key);
    if (before) return before;
    const [name, domain = ""] = op.split(":").reverse() as [string, string?];
    const wanted = this.#wanted;
    this.#wanted = undefined;
    const outputs = wanted ? [wanted.output] : Array.from({ length: count }, () => this.builder.unique(name));
    this.builder.push({ op: name, domain, name: wanted?.name ?? outputs[0]!, inputs: names, outputs, attrs });
    this.written.set(key, outputs);
    return outputs;
  }

  #names(inputs: readonly Operand[]): string[] {
    // A number takes the type of the first value it meets that is not a condition.
    const like = inputs.find(
      (input) => typeof input === "string" && input !== "" && this.builder.known(input).dtype !== "bool",
    );
    return inputs.map((input) =>
      typeof input === "number" ? this.scalar(input, typeof like === "string" ? like : "") : input,
    );
  }

  readonly add = (a: Operand, b: Operand): string => this.op("Add", [a, b]);
  readonly sub = (a: Operand, b: Operand): string => this.op("Sub", [a, b]);
  readonly mul = (a: Operand, b: Operand): string => this.op("Mul", [a, b]);
  readonly div = (a: Operand, b: Operand): string => this.op("Div", [a, b]);
  readonly pow = (a: Operand, b: Operand): string => this.op("Pow", [a, b]);
  readonly min = (a: Operand, b: Operand): string => this.op("Min", [a, b]);
  readonly equal = (a: Operand, b: Operand): string => this.op("Equal", [a, b]);
  readonly less = (a: Operand, b: Operand): string => this.op("Less", [a, b]);
  readonly lessOrEqual = (a: Operand, b: Operand): string => this.op("LessOrEqual", [a, b]);
  readonly greater = (a: Operand, b: Operand): string => this.op("Greater", [a, b]);
  readonly not = (x: string): string => this.op("Not", [x]);
  readonly abs = (x: string): string => this.op("Abs", [x]);
  readonly exp = (x: string): string => this.op("Exp", [x]);
  readonly log = (x: string): string => this.op("Log", [x]);
  readonly neg = (x: string): string => this.op("Neg", [x]);
  readonly relu = (x: string): string => this.op("Relu", [x]);
  readonly softplus = (x: string): string => this.op("Softplus", [x]);
  readonly sqrt = (x: string): string => this.op("Sqrt", [x]);
  readonly tanh = (x: string): string => this.op("Tanh", [x]);
  readonly softmax = (x: string, axis: number): string => this.op("Softmax", [x], { axis: int(axis) });
  readonly logSoftmax = (x: string, axis: number): string => this.op("LogSoftmax", [x], { axis: int(axis) });
  /** Under another name. */
  readonly identity = (x: string): string => this.op("Identity", [x]);

  total(values: readonly string[]): string {
    return values.length === 1 ? values[0]! : this.op("Sum", values);
  }

  where(condition: string, x: Operand, y: Operand): string {
    return this.op("Where", [condition, x, y]);
  }

  readonly sum: Reduction = (x, axes, keep) => this.#reduce("ReduceSum", x, axes, keep);
  readonly mean: Reduction = (x, axes, keep) => this.#reduce("ReduceMean", x, axes, keep);
  readonly largest: Reduction = (x, axes, keep) => this.#reduce("ReduceMax", x, axes, keep);

  /**
   * Axis by axis, the last first: ONNX Runtime adds up a reduction element by
   * element in float32, which over 10⁵ elements of mean 10σ leaves an error of
   * 10⁻⁵σ. What the further axes add to its time is nothing.
   */
  #reduce(op: string, x: string, axes?: readonly number[], keep = false): string {
    if (axes?.length === 0) return x;
    const attrs = { keepdims: int(keep ? 1 : 0) };
    if (axes?.length === 1) return this.op(op, [x, this.ints(axes)], attrs);
    const sizes = this.shape(x);
    const over = (axes ?? [...sizes.keys()]).map((axis) => (axis < 0 ? axis + sizes.length : axis));
    if (elementCount(over.map((axis) => sizes[axis]!)) < AT_ONCE)
      return this.op(op, axes ? [x, this.ints(axes)] : [x], attrs);
    return over
      .toSorted((a, b) => b - a)
      .reduce((value, axis) => this.op(op, [value, this.ints([axis])], attrs), x);
  }

  reshape(x: string, sizes: readonly number[]): string {
    return same(this.shape(x), sizes) ? x : this.op("Reshape", [x, this.ints(sizes)]);
  }

  transpose(x: string, perm: readonly number[]): string {
    return perm.every((axis, i) => axis === i) ? x : this.op("Transpose", [x], { perm: ints(perm) });
  }

  expand(x: string, sizes: readonly number[]): string {
    return same(this.shape(x), sizes) ? x : this.op("Expand", [x, this.ints(sizes)]);
  }

  slice(
    x: string,
    axes: readonly number[],
    starts: readonly number[],
    ends: readonly number[],
    steps?: readonly number[],
  ): string {
    const inputs = [x, this.ints(starts), this.ints(ends), this.ints(axes)];
    return this.op("Slice", steps ? [...inputs, this.ints(steps)] : inputs);
  }

  pad(x: string, before: readonly number[], after: readonly number[]): string {
    if ([...before, ...after].every((n) => n === 0)) return x;
    return this.op("Pad", [x, this.ints([...before, ...after])]);
  }

  concat(parts: readonly string[], axis: number): string {
    return parts.length === 1 ? parts[0]! : this.op("Concat", parts, { axis: int(axis) });
  }

  cast(x: string, to: DType): string {
    return this.dtype(x) === to ? x : this.op("Cast", [x], { to: int(DTYPES[to].onnx) });
  }

  constant(tensor: Tensor): string {
    return this.builder.constant(tensor);
  }

  ints(values: readonly number[]): string {
    return this.constant(int64Tensor(values));
  }

  scalar(value: number, like: string): string {
    return this.constant(tensorOf(like ? this.dtype(like) : "float32", [], [value]));
  }

  zerosLike(like: string): string {
    return this.expand(this.scalar(0, like), this.shape(like));
  }

  unbroadcast(x: string, sizes: readonly number[]): string {
    const now = this.shape(x);
    if (same(now, sizes)) return x;
    const lead = now.length - sizes.length;
    const stretched = now.flatMap((n, axis) =>
      axis < lead || (sizes[axis - lead] === 1 && n !== 1) ? [axis] : [],
    );
    const summed = this.sum(x, stretched, true);
    if (elementCount(this.shape(summed)) === elementCount(sizes)) return this.reshape(summed, sizes);
    // Smaller than the input: the same for every element that it stands for.
    return this.expand(this.reshape(summed, this.shape(summed).slice(Math.max(0, lead))), sizes);
  }

  shape(x: string): readonly number[] {
    const { shape } = this.builder.known(x);
    if (!shape?.every((n) => typeof n === "number")) {
      throw new Error(`size of "${x}" is not known: [${shape?.join(", ") ?? ""}]`);
    }
    return shape;
  }

  dtype(x: string): DType {
    return this.builder.known(x).dtype ?? "float32";
  }

  numbers(x: string): number[] | undefined {
    return literalNumbers(this.builder.known(x).value);
  }
}

const same = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((n, i) => n === b[i]);
