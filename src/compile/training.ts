/**
 * @file A network made ready to be trained: every size a number, parameters as
 * inputs, plain ONNX operators, and BatchNormalization and Dropout as they are in
 * training.
 */

import { AcsconvError } from "../base/errors.ts";
import { atSizes, type Graph, type Node, type ValueInfo } from "../graph/graph.ts";
import { elementCount } from "../graph/tensor.ts";
import { traitsOf } from "../ops/index.ts";
import { inferTypes, requireRoom } from "../ops/infer.ts";
import { regroupsWeight } from "../ops/parameters.ts";
import { lower } from "../passes/lower.ts";
import { simplify } from "../passes/simplify.ts";
import { dropUnused } from "../passes/tidy.ts";
import { trainBatchNorm, type RunningStatistics } from "../passes/train-batch-norm.ts";
import { separateVectors } from "../passes/separate-vectors.ts";
import { withDropout, withoutDropout, type Mask } from "./dropout.ts";
import { rewritten } from "./inference.ts";
import type { Target } from "./targets/target.ts";

/** What a network is trained on. */
export interface TrainingSize {
  /** Examples that are computed at once. */
  readonly batch: number;
  /** Sizes of an example: [D, H, W], of a 2D network [H, W]. */
  readonly size: readonly number[];
}

/** How BatchNormalization and Dropout are trained. */
export interface TrainingMode {
  /**
   * BatchNormalization with the statistics of the batch (`train`, the default), or
   * as it was loaded, its scale and shift included (`frozen`).
   */
  readonly batchNorm?: "train" | "frozen" | undefined;
  /** Whether the network's Dropout nodes are active. Default true. */
  readonly dropout?: boolean | undefined;
}

/** A network at the size it is trained at. */
export interface SizedNetwork {
  /** The one that was given, each layer with vectors of its own: its initialisers are what training starts with. */
  readonly network: Graph;
  /** The graph of its first output, where every size is a number. */
  readonly sized: Graph;
}

/** A network ready to be trained. */
export interface TrainableNetwork {
  /** Plain ONNX but for TrainingBatchNorm. Inputs: image, masks, parameters. One output. */
  readonly plain: Graph;
  readonly image: ValueInfo & { readonly shape: readonly number[] };
  readonly statistics: readonly RunningStatistics[];
  readonly masks: readonly Mask[];
}

/**
 * @throws {@link AcsconvError} ("train") for a network that has not one image as input, or a batch that it cannot take;
 *   ("input") for sizes that do not fit it
 */
export function sizedForTraining(given: Graph, size: TrainingSize, target: Target): SizedNetwork {
  const network = separateVectors(simplify(given, keepsWeights));
  const sized = simplify(atSize(network, size), keepsWeights);
  return { network, sized: rewritten(sized, target.rewrites.training.lifted, target) };
}

interface Weight {
  readonly name: string;
  readonly dims: readonly number[];
}

/**
 * @param sized - by {@link sizedForTraining}
 * @param parameters - those that are trained: nothing that is computed from them is a constant
 */
export function forTraining(
  sized: Graph,
  parameters: readonly Weight[],
  { batchNorm, dropout }: TrainingMode,
  target: Target,
): TrainableNetwork {
  const lowered = lower(withInputs(sized, parameters), target.fuses).graph;
  const rewrote = rewritten(lowered, target.rewrites.training.plain, target);
  const active = dropout === false ? withoutDropout(rewrote) : rewrote;
  const { graph, masks } = withDropout(simplify(active, keepsWeights));
  const { graph: plain, statistics } =
    batchNorm === "frozen" ? { graph, statistics: [] } : trainBatchNorm(graph);
  return { plain: dropUnused(plain), image: plain.inputs[0] as TrainableNetwork["image"], statistics, masks };
}

/** Weights keep their names: what regroups one is not folded into another. */
const keepsWeights = (graph: Graph, node: Node): boolean => !regroupsWeight(graph, node);

/** The graph that computes the first output, for one batch of one size. */
function atSize(graph: Graph, { batch, size }: TrainingSize): Graph {
  const [image, ...others] = graph.inputs;
  const [output] = graph.outputs;
  if (!image || !output || others.length > 0) {
    const found = graph.inputs.map(({ name }) => `"${name}"`).join(", ") || "none";
    throw new AcsconvError(
      "train",
      `Expected a network with one image input, found ${found}; cut the model to the part that reads one image.`,
    );
  }
  const channels = image.shape?.[1];
  const wanted = [batch, Number(channels), ...size];
  const fits = (axis: number): boolean =>
    typeof image.shape![axis] !== "number" || axis < 2 || image.shape![axis] === wanted[axis];
  if (
    typeof channels !== "number" ||
    image.shape!.length !== wanted.length ||
    !wanted.every((n, axis) => Number.isInteger(n) && n > 0 && fits(axis))
  ) {
    throw new AcsconvError(
      "input",
      `Cannot train on batches of ${batch} examples of ${size.join("×")}: the network's input "${image.name}" is [${image.shape?.join(", ") ?? "unknown"}].`,
    );
  }
  const sizes = new Map(
    image.shape!.flatMap((dim, axis) => (typeof dim === "number" ? [] : [[dim.key, wanted[axis]!] as const])),
  );
  const sized: Graph = {
    ...graph,
    inputs: [{ name: image.name, dtype: image.dtype ?? "float32", shape: wanted }],
    outputs: [atSizes(output, sizes)],
    valueInfos: new Map(),
  };
  if (typeof image.shape![0] === "number" && image.shape![0] !== batch && !fitsBatch(sized)) {
    throw new AcsconvError(
      "train",
      `Cannot train on batches of ${batch}: the network computes with the batch of ${image.shape![0]} that it was exported for; export it with a dynamic batch axis, or train on batches of ${image.shape![0]} and accumulate.`,
    );
  }
  requireRoom(sized);
  return sized;
}

/** Whether the sizes that a fixed export holds as constants go with another batch. */
function fitsBatch(graph: Graph): boolean {
  try {
    const types = inferTypes(graph);
    const count = (name: string | undefined): number =>
      elementCount((types.get(name ?? "")?.shape ?? []).map(Number));
    return graph.nodes.every(
      (node) => !traitsOf(node).alias || count(node.inputs[0]) === count(node.outputs[0]),
    );
  } catch (error) {
    if (error instanceof AcsconvError) return false;
    throw error;
  }
}

function withInputs(graph: Graph, parameters: readonly Weight[]): Graph {
  const initializers = new Map(graph.initializers);
  const inputs = parameters.map(({ name, dims }): ValueInfo => {
    initializers.delete(name);
    return { name, dtype: "float32", shape: dims };
  });
  return { ...graph, inputs: [...graph.inputs, ...inputs], initializers };
}
