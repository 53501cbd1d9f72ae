/**
 * @file A network made ready to be trained: every size a number, parameters as
 * inputs, plain ONNX operators, and BatchNormalization and Dropout as they are in
 * training.
 */

import { AcsconvError } from "../base/errors.ts";
import { substituteDim } from "../graph/dim.ts";
import type { Graph, ValueInfo } from "../graph/graph.ts";
import { elementCount } from "../graph/tensor.ts";
import { upgradeGraph } from "../onnx/upgrade.ts";
import { traitsOf } from "../ops/index.ts";
import { inferTypes, requireRoom } from "../ops/infer.ts";
import { regroupsWeight } from "../ops/parameters.ts";
import { convolveBeforeResize } from "../passes/convolve-before-resize.ts";
import { foldConstants } from "../passes/fold-constants.ts";
import { lower } from "../passes/lower.ts";
import { resizeByProducts } from "../passes/resize-by-products.ts";
import { dropIdentities, dropUnused } from "../passes/tidy.ts";
import { trainBatchNorm, type RunningStatistics } from "../passes/train-batch-norm.ts";
import { separateVectors } from "../passes/separate-vectors.ts";
import { withDropout, withoutDropout, type Mask } from "./dropout.ts";
import { parametersOf, trainedParameters, type Parameter } from "./parameters.ts";
import type { StepOptions } from "./step.ts";

/** A network ready to be trained. */
export interface Prepared {
  /** The one that was given, each layer with vectors of its own: its initialisers are what training starts with. */
  readonly network: Graph;
  /** Plain ONNX but for TrainingBatchNorm. Inputs: image, masks, parameters. One output. */
  readonly plain: Graph;
  readonly image: ValueInfo & { readonly shape: readonly number[] };
  readonly parameters: readonly Parameter[];
  readonly statistics: readonly RunningStatistics[];
  readonly masks: readonly Mask[];
}

/** @throws {@link AcsconvError} as {@link trainingStep} */
export function prepareNetwork(given: Graph, options: StepOptions): Prepared {
  const network = separateVectors(tidy(upgradeGraph(given)));
  const sized = convolveBeforeResize(tidy(atSize(network, options)));
  const trainsNorms = options.batchNorm !== "frozen";
  const parameters = trainedParameters(sized, parametersOf(sized, trainsNorms), options.groups);
  const lowered = resizeByProducts(lower(withInputs(sized, parameters)).graph);
  const active = options.dropout === false ? withoutDropout(lowered) : lowered;
  const { graph, masks } = withDropout(tidy(active));
  const { graph: plain, statistics } = trainsNorms ? trainBatchNorm(graph) : { graph, statistics: [] };
  const image = plain.inputs[0] as Prepared["image"];
  return { network, plain: dropUnused(plain), image, parameters, statistics, masks };
}

/** Weights keep their names: what regroups one is not folded into another. */
function tidy(graph: Graph): Graph {
  const current = dropIdentities(graph);
  return dropUnused(dropIdentities(foldConstants(current, (node) => !regroupsWeight(current, node))));
}

/** The graph that computes the first output, for one batch of one size. */
function atSize(graph: Graph, { batch, size }: StepOptions): Graph {
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
    outputs: [
      { ...output, ...(output.shape && { shape: output.shape.map((dim) => substituteDim(dim, sizes)) }) },
    ],
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

/** Parameters as inputs: nothing that is computed from them is a constant. */
function withInputs(graph: Graph, parameters: readonly Parameter[]): Graph {
  const initializers = new Map(graph.initializers);
  const inputs = parameters.map(({ name, dims }): ValueInfo => {
    initializers.delete(name);
    return { name, dtype: "float32", shape: dims };
  });
  return { ...graph, inputs: [...graph.inputs, ...inputs], initializers };
}
