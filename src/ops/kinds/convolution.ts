/**
 * @file A lifted convolution on its way to plain ONNX, as every kind reads it, and the nodes that they write.
 */

import { int, intsAttr, type Node } from "../../graph/graph.ts";
import { int64Tensor, tensorOf } from "../../graph/tensor.ts";
import { groupsOf, type Taps, tapsAttrs, tapsOf, withoutCrops } from "../geometry.ts";
import type { LowerContext } from "../lowering.ts";

const MAX = 2 ** 63;

/** Output channels [start, end). */
export interface Channels {
  readonly start: number;
  readonly end: number;
}

export class LiftedConvolution {
  readonly node: Node;
  readonly x: string;
  /** The 2D kernel: [O, C/g, Kh, Kw], of a transposed convolution [C, O/g, Kh, Kw]. */
  readonly w: string;
  /** "" where there is none. */
  readonly bias: string;
  /** [Kh, Kw] */
  readonly kernel: readonly number[];
  readonly inputs: number;
  readonly outputs: number;
  readonly groups: number;
  /** Of the K³ kernel that gives the operator its size, over [D, H, W]. */
  readonly taps: readonly Taps[];
  readonly add: LowerContext["add"];
  readonly finish: LowerContext["finish"];
  readonly takeActivation: LowerContext["takeActivation"];
  readonly #c: LowerContext;

  constructor(c: LowerContext, isTransposed: boolean) {
    this.#c = c;
    ({ node: this.node, add: this.add, finish: this.finish, takeActivation: this.takeActivation } = c);
    const [x, w, bias = ""] = c.node.inputs as [string, string, string?];
    [this.x, this.w, this.bias] = [x, w, bias];
    const [first, second, ...kernel] = this.sizes(w) as [number, number, ...number[]];
    this.kernel = kernel;
    this.groups = groupsOf(c.node);
    this.inputs = isTransposed ? first : second * this.groups;
    this.outputs = isTransposed ? second * this.groups : first;
    this.taps = tapsOf(c.node, intsAttr(c.node, "kernel_shape")!, [])!;
  }

  ints(values: readonly number[]): string {
    return this.#c.constant(int64Tensor(values));
  }

  /** A scalar in the type of the kernel. */
  scalar(value: number): string {
    return this.#c.constant(tensorOf(this.#c.dtype(this.w) ?? "float32", [], [value]));
  }

  sizes(x: string): readonly number[] {
    return this.#c.shape(x) as readonly number[];
  }

  slice(x: string, axis: number, start: number, end: number): string {
    return this.add("Slice", [x, this.ints([start]), this.ints([end]), this.ints([axis])]);
  }

  unsqueeze(x: string, axis: number): string {
    return this.add("Unsqueeze", [x, this.ints([axis])]);
  }

  /** The sum of three values, as the operator's output. */
  finishSum([a, b, c]: readonly string[]): void {
    this.finish("Add", [this.add("Add", [a!, b!]), c!]);
  }

  isWhole({ start, end }: Channels): boolean {
    return start === 0 && end === this.outputs;
  }

  /** Groups that make these output channels. */
  groupsOf({ start, end }: Channels): number {
    return this.groups === 1 ? 1 : ((end - start) * this.groups) / this.outputs;
  }

  /** The part of a value with an entry per output channel, such as the bias. */
  rows(x: string, part: Channels): string {
    return x === "" || this.isWhole(part) ? x : this.slice(x, 0, part.start, part.end);
  }

  /** Input channels of the groups that make these output channels. */
  inputOf(part: Channels): string {
    if (this.groups === 1 || this.isWhole(part)) return this.x;
    const [perInput, perOutput] = [this.inputs / this.groups, this.outputs / this.groups];
    return this.slice(this.x, 1, (part.start / perOutput) * perInput, (part.end / perOutput) * perInput);
  }

  /** Crops [D, H, W] where padding is negative; the padding that is left. */
  crop(x: string, taps: readonly Taps[]): { x: string; taps: Taps[] } {
    const cut = taps.flatMap((t, i) => (t.before < 0 || t.after < 0 ? [i] : []));
    const left = withoutCrops(taps);
    if (cut.length === 0) return { x, taps: left };
    // A crop of more than one voxel may take more than there is: what is padded on the other side comes first.
    const far = left.map((_, i) => taps[i]!.before < -1 || taps[i]!.after < -1);
    const borders = (end: "before" | "after"): number[] => left.map((t, i) => (far[i] ? t[end] : 0));
    const pads = [0, 0, ...borders("before"), 0, 0, ...borders("after")];
    const wide = pads.some((n) => n > 0) ? this.add("Pad", [x, this.ints(pads)]) : x;
    const cropped = this.add("Slice", [
      wide,
      this.ints(cut.map((i) => Math.max(0, -taps[i]!.before))),
      this.ints(cut.map((i) => (taps[i]!.after < 0 ? taps[i]!.after : MAX))),
      this.ints(cut.map((i) => i + 2)),
    ]);
    return { x: cropped, taps: left.map((t, i) => (far[i] ? { ...t, before: 0, after: 0 } : t)) };
  }

  /** One convolution of the whole input, as the operator's output. */
  finishWhole(kernel: string, taps: readonly Taps[]): void {
    const cropped = this.crop(this.x, taps);
    const attrs = { ...tapsAttrs(cropped.taps), group: int(this.groups) };
    this.finish("Conv", present([cropped.x, kernel, this.bias]), attrs);
  }
}

/** Inputs without an absent last one. */
export const present = (inputs: readonly string[]): string[] =>
  inputs.at(-1) === "" ? inputs.slice(0, -1) : [...inputs];
