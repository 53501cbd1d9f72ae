/** @file A graph that a training step is written into, with names of its own for what goes in and out. */

import type { Graph, ValueInfo } from "../graph/graph.ts";
import type { DType, Tensor } from "../graph/tensor.ts";
import { GraphBuilder } from "../ops/builder.ts";
import { Expressions } from "../ops/expressions.ts";
import { lowerTrainBatchNorm } from "../passes/train-batch-norm.ts";
import { dropUnused } from "../passes/tidy.ts";
import { rewritten } from "./inference.ts";
import type { Target } from "./targets/target.ts";

export class StepBuilder {
  readonly algebra: Expressions;
  readonly #builder: GraphBuilder;
  readonly #like: Graph;
  readonly #target: Target;

  /** @param graph - what it begins with */
  constructor(graph: Graph, target: Target) {
    this.#target = target;
    // What the file said beside the network does not hold for its training.
    const { carried: _, ...like } = graph;
    this.#like = { ...like, metadata: new Map() };
    this.#builder = GraphBuilder.over(graph);
    for (const node of graph.nodes) this.#builder.push(node);
    this.algebra = new Expressions(this.#builder);
  }

  /** Declares an input and returns its name. */
  input(name: string, dtype: DType, shape: readonly number[]): string {
    this.#builder.input({ name, dtype, shape });
    return name;
  }

  /**
   * Plain ONNX of what these values need.
   *
   * @param constants - inputs that are given once and for all
   */
  finish(outputs: readonly string[], constants: ReadonlyMap<string, Tensor> = new Map()): Graph {
    const infos = outputs.map((name): ValueInfo => {
      const { dtype, shape } = this.#builder.known(name);
      return { dtype, shape, name };
    });
    const written = this.#builder.build(this.#like, infos);
    const plain = lowerTrainBatchNorm({
      ...written,
      nodes: [...written.nodes],
      initializers: new Map([...written.initializers, ...constants]),
    });
    const graph = rewritten(dropUnused(plain), this.#target.rewrites.training.step, this.#target);
    const read = new Set(graph.nodes.flatMap(({ inputs }) => inputs));
    const domains = new Set(graph.nodes.map(({ domain }) => domain));
    return {
      ...graph,
      inputs: graph.inputs.filter(({ name }) => read.has(name) && !constants.has(name)),
      opsets: new Map([...domains].map((domain) => [domain, written.opsets.get(domain) ?? 1])),
    };
  }
}
