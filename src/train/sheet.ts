/** @file A graph that a training step is written into, with names of its own for what goes in and out. */

import type { Graph, ValueInfo } from "../graph/graph.ts";
import type { DType, Tensor } from "../graph/tensor.ts";
import { GraphBuilder } from "../ops/builder.ts";
import { Expressions } from "../ops/expressions.ts";
import { lowerTrainBatchNorm } from "../passes/train-batch-norm.ts";
import { mergeAxes } from "../passes/merge-axes.ts";
import { plainSoftmax } from "../passes/plain-softmax.ts";
import { dropUnused } from "../passes/tidy.ts";

export class Sheet {
  readonly algebra: Expressions;
  readonly #builder: GraphBuilder;
  readonly #like: Graph;

  /** @param graph - what it begins with */
  constructor(graph: Graph) {
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
    const infos = outputs.map((name): ValueInfo => ({ ...typeOf(this.#builder, name), name }));
    const written = this.#builder.build(this.#like, infos);
    const plain = lowerTrainBatchNorm({
      ...written,
      nodes: [...written.nodes],
      initializers: new Map([...written.initializers, ...constants]),
    });
    const graph = mergeAxes(plainSoftmax(dropUnused(plain)));
    const read = new Set(graph.nodes.flatMap(({ inputs }) => inputs));
    const domains = new Set(graph.nodes.map(({ domain }) => domain));
    return {
      ...graph,
      inputs: graph.inputs.filter(({ name }) => read.has(name) && !constants.has(name)),
      opsets: new Map([...domains].map((domain) => [domain, written.opsets.get(domain) ?? 1])),
    };
  }
}

const typeOf = (builder: GraphBuilder, name: string): Pick<ValueInfo, "dtype" | "shape"> => {
  const { dtype, shape } = builder.known(name);
  return { ...(dtype && { dtype }), ...(shape && { shape }) };
};
