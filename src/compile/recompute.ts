/**
 * @file Less memory for more time: values of the forward half that the backward
 * half reads are forgotten, and computed again where they are read.
 *
 * 1. Candidates are the large values that are kept for the backward half. They are
 *    ranked by what computing them again costs per byte, each time from what is
 *    still kept then: normalisation and activations before convolutions.
 * 2. As many are forgotten, best first, as the estimate needs to be within the budget.
 *
 * Two things in ONNX Runtime would undo this. It merges equal nodes: so a copy
 * reads its sources through a Reshape to their own sizes, which are computed in a
 * way that it cannot see through (both branches of a Where). And its order of nodes
 * follows their numbers (`memory.ts`): so copies are written before all that depends
 * on the loss, and hence computed after the gradient that they meet.
 *
 * @see Chen et al., "Training deep nets with sublinear memory cost", arXiv:1604.06174
 */

import { AcsconvError } from "../base/errors.ts";
import { type Graph, type Node, nodeOf } from "../graph/graph.ts";
import { dependentsOf, indexOf, sourcesOf } from "../graph/graph-index.ts";
import { floatTensor, int64Tensor, type Tensor } from "../graph/tensor.ts";
import { costOf, traitsOf } from "../ops/index.ts";
import { inferTypes } from "../ops/infer.ts";
import type { Known } from "../ops/rule.ts";
import { bytesOf, estimateMemory } from "./memory.ts";

/** What copies cost beyond their bytes: the arena splits what was forgotten, and has no place as large for the copy. */
const GAPS_SHARE = 0.25;

/** Smaller values are kept in any case. */
const SMALL_BYTES = 2 ** 16;

/** What there is to know of a training step. */
interface Step {
  /** Its first output is the loss. */
  readonly graph: Graph;
  /** The input that the forward half begins with. */
  readonly image: { readonly name: string; readonly dims: readonly number[] };
}

/**
 * The same step with a peak of at most `budget` bytes, as {@link estimateMemory} reckons it; its results are the
 * same bits. The step itself where it is within the budget already.
 *
 * @throws {@link AcsconvError} ("train") if no choice is within the budget
 */
export function withinMemory<S extends Step>(step: S, budget: number): S {
  const now = estimateMemory(step.graph).peakBytes;
  if (now <= budget) return step;
  const halves = new ForwardAndBackward(step);
  const ranked = halves.ranked();
  const peak = (count: number): number => {
    const { peakBytes, tensorBytes } = estimateMemory(halves.without(ranked.slice(0, count)));
    return peakBytes + GAPS_SHARE * tensorBytes;
  };
  let [low, high] = [0, ranked.length];
  const least = peak(high);
  if (least > budget) {
    const [batch, ...size] = [step.image.dims[0]!, ...step.image.dims.slice(2)];
    throw new AcsconvError(
      "train",
      `A training step on ${batch} examples of ${size.join("×")} takes ${sizeText(now)}, and ${sizeText(Math.min(now, least))} with all that can be computed again; the budget is ${sizeText(budget)}: take a smaller batch (and accumulate), smaller patches, or a larger budget.`,
      { code: "E_MEMORY" },
    );
  }
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (peak(middle) <= budget) high = middle;
    else low = middle;
  }
  // The sizes of copies are for the estimate alone: where ONNX Runtime knows them, it plans blocks for them ahead, and
  // takes a fifth more (measured, U-Net at 48³).
  const { valueInfos } = step.graph;
  return { ...step, graph: { ...halves.without(ranked.slice(0, high)), valueInfos } };
}

const sizeText = (bytes: number): string =>
  bytes < 1e8 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(2)} GB`;

/** The forward half of a step's graph, and what the backward half keeps of it. */
class ForwardAndBackward {
  readonly #graph: Graph;
  readonly #image: Step["image"];
  readonly #types: ReadonlyMap<string, Known>;
  /** Nodes that the loss or its gradient come from without depending on the network's result. */
  readonly #early: readonly Node[];
  readonly #late: readonly Node[];
  readonly #forward: ReadonlySet<Node>;
  readonly #kept: ReadonlySet<string>;

  constructor({ graph, image }: Step) {
    this.#graph = graph;
    this.#image = image;
    this.#types = inferTypes(graph);
    const loss = graph.outputs[0]!.name;
    const forward = new Set(sourcesOf(graph, [loss]).nodes);
    this.#forward = forward;
    const seesImage = dependentsOf(graph, [image.name]);
    const last = graph.nodes.findLast(
      (node) =>
        forward.has(node) &&
        node.inputs.some((name) => seesImage.has(name)) &&
        node.inputs.some((name) => name !== "" && !seesImage.has(name) && !graph.initializers.has(name)),
    );
    const late = dependentsOf(graph, last?.outputs ?? [loss]);
    const isLate = (node: Node): boolean => node.outputs.some((name) => late.has(name));
    this.#early = graph.nodes.filter((node) => !isLate(node));
    this.#late = graph.nodes.filter(isLate);
    const read = graph.nodes.flatMap((node) => (forward.has(node) ? [] : node.inputs));
    const owners = read.map((name) => this.#owner(name));
    this.#kept = new Set(owners.filter((name) => seesImage.has(name) && this.#isForgettable(name)));
  }

  #producer(name: string): Node | undefined {
    return indexOf(this.#graph).producer(name);
  }

  /** The value in whose memory this one lies. */
  #owner(name: string): string {
    const node = this.#producer(name);
    return node && traitsOf(node).alias && this.#forward.has(node) ? this.#owner(node.inputs[0]!) : name;
  }

  #isForgettable(name: string): boolean {
    const node = this.#producer(name);
    const isEarly = node !== undefined && this.#forward.has(node) && this.#early.includes(node);
    return isEarly && this.#bytes(name) > SMALL_BYTES;
  }

  #bytes(name: string): number {
    return bytesOf(this.#types.get(name));
  }

  /** Kept values, those first that cost least to compute again for each byte saved. */
  ranked(): string[] {
    const left = new Set(this.#kept);
    const order: string[] = [];
    while (left.size > 0) {
      let best = { name: "", price: Infinity };
      for (const name of left) {
        const price = this.#cost(name, left) / this.#bytes(name);
        if (price < best.price) best = { name, price };
      }
      left.delete(best.name);
      order.push(best.name);
    }
    return order;
  }

  /** Nodes that compute `name` from what is kept, inputs first. */
  #chain(name: string, kept: ReadonlySet<string>): Node[] {
    const chain: Node[] = [];
    const seen = new Set<Node>();
    const visit = (value: string, target: boolean): void => {
      const node = this.#producer(value);
      if (!node || seen.has(node) || (!target && (kept.has(value) || this.#bytes(value) <= SMALL_BYTES)))
        return;
      seen.add(node);
      for (const input of node.inputs) visit(input, false);
      chain.push(node);
    };
    visit(name, true);
    return chain;
  }

  /** In units of a multiply-add: passing over a value costs about fifty for each element. */
  #cost(name: string, kept: ReadonlySet<string>): number {
    return this.#chain(name, kept).reduce((sum, node) => {
      const size = (value: string): number => this.#bytes(value) / 4;
      const passes = 50 * (size(node.outputs[0]!) + node.inputs.reduce((all, input) => all + size(input), 0));
      return sum + passes + (costOf(node, (name) => this.#sizes(name)) ?? 0);
    }, 0);
  }

  #sizes(name: string): readonly number[] | undefined {
    const shape = this.#types.get(name)?.shape;
    return shape?.every((n) => typeof n === "number") ? shape : undefined;
  }

  /** The graph that computes these values again for its backward half. */
  without(forgotten: readonly string[]): Graph {
    const graph = this.#graph;
    const kept = new Set([...this.#kept].filter((name) => !forgotten.includes(name)));
    const initializers = new Map(graph.initializers);
    const copies = this.#pixel(initializers);
    const valueInfos = new Map(graph.valueInfos);
    const renamed = new Map<string, string>();
    forgotten.forEach((value, i) => {
      const own = (name: string): string => `${name}/again${i}`;
      const chain = this.#chain(value, kept);
      const made = new Set(chain.flatMap(({ outputs }) => outputs));
      const gates = new Set<string>();
      for (const node of chain) {
        const inputs = node.inputs.map((name) => {
          if (made.has(name)) return own(name);
          if (name === "" || this.#bytes(name) <= SMALL_BYTES) return name;
          gates.add(name);
          return own(name);
        });
        const outputs = node.outputs.map((name) => name && own(name));
        copies.push({ ...node, name: own(node.name), inputs, outputs });
      }
      const sources = [...gates].flatMap((name) => this.#gate(name, own(name), i, initializers));
      for (const name of gates) {
        const { dtype, shape } = this.#types.get(name) ?? {};
        valueInfos.set(own(name), { dtype, shape, name: own(name) });
      }
      copies.splice(copies.length - chain.length, 0, ...sources);
      renamed.set(value, own(value));
    });
    const again = (name: string): string => {
      const owner = this.#owner(name);
      if (owner === name || !renamed.has(owner)) return renamed.get(name) ?? name;
      // A Reshape of a forgotten value: of its copy, then.
      const reshape = this.#producer(name)!;
      const copy = `${name}/again`;
      if (!copies.some(({ outputs }) => outputs[0] === copy)) {
        const inputs = [again(reshape.inputs[0]!), ...reshape.inputs.slice(1)];
        copies.push({ ...reshape, name: copy, inputs, outputs: [copy] });
      }
      return copy;
    };
    const backward = (node: Node): Node =>
      this.#forward.has(node) ? node : { ...node, inputs: node.inputs.map(again) };
    const [early, late] = [this.#early.map(backward), this.#late.map(backward)];
    const first = early.filter((_, i) => this.#forward.has(this.#early[i]!));
    const helpers = early.filter((_, i) => !this.#forward.has(this.#early[i]!));
    return { ...graph, nodes: [...first, ...copies, ...helpers, ...late], initializers, valueInfos };
  }

  /** `name` under its own sizes, by a way that nothing is known of ahead of running, and that is another for each i. */
  #gate(name: string, output: string, i: number, initializers: Map<string, Tensor>): Node[] {
    const limit = placed(initializers, `${output}/limit`, floatTensor([1], [i]));
    const shapeOfName = int64Tensor(this.#types.get(name)!.shape as number[]);
    const sizes = placed(initializers, `${output}/sizes`, shapeOfName);
    const [condition, shape] = [`${output}/condition`, `${output}/shape`];
    return [
      nodeOf("Less", [PIXEL, limit], condition),
      nodeOf("Where", [condition, sizes, sizes], shape),
      nodeOf("Reshape", [name, shape], output),
    ];
  }

  /** One number that is not known ahead of running. */
  #pixel(initializers: Map<string, Tensor>): Node[] {
    const { name, dims } = this.#image;
    const corner = (part: string, at: number): string =>
      placed(initializers, `${PIXEL}/${part}`, int64Tensor(new Array<number>(dims.length).fill(at)));
    const range = [corner("start", 0), corner("end", 1)];
    const one = placed(initializers, `${PIXEL}/sizes`, int64Tensor([1]));
    return [
      nodeOf("Slice", [name, ...range], `${PIXEL}/slice`),
      nodeOf("Reshape", [`${PIXEL}/slice`, one], PIXEL),
    ];
  }
}

const PIXEL = "train/pixel";

function placed(initializers: Map<string, Tensor>, name: string, tensor: Tensor): string {
  initializers.set(name, tensor);
  return name;
}
