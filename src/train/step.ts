/**
 * @file A training step as plain ONNX: a batch, parameters, optimiser state, running statistics and a learning rate in;
 * the loss and all of these anew out.
 *
 * 1. The network at its sizes, parameters made inputs, lowered to plain ONNX.
 * 2. The loss after it, the gradients after that (`grad/differentiate.ts`).
 * 3. Clipping and the optimiser. Where loss or gradient are not finite, the new
 *    parameters and state are the old ones: a step happens wholly or not at all.
 *
 * With micro-batches, 3 is a graph of its own, and between them gradients are added up: g ← g + ∇/k.
 *
 * @see Pascanu et al., arXiv:1211.5063 (clipping by the norm)
 */

import { inputError, trainError } from "../base/errors.ts";
import type { Graph } from "../graph/graph.ts";
import type { Tensor } from "../graph/tensor.ts";
import { differentiate } from "../grad/differentiate.ts";
import type { Mask } from "../compile/dropout.ts";
import { StepBuilder } from "../compile/step-builder.ts";
import { type Device, targetOf } from "../compile/targets/index.ts";
import type { Target } from "../compile/targets/target.ts";
import { forTraining, sizedForTraining, type TrainingMode, type TrainingSize } from "../compile/training.ts";
import { inSinglePrecision } from "../passes/single-precision.ts";
import { channelsFirst } from "./channels-first.ts";
import { lossInput } from "./logits.ts";
import type { Loss } from "./losses.ts";
import type { Optimiser } from "./optimisers.ts";
import { type Parameter, type ParameterGroup, parametersOf, trainedParameters } from "./parameters.ts";
import {
  accumulator,
  type Change,
  GRADIENT_NORM,
  initialState,
  LOSS,
  newStatistics,
  replace,
  replaceIf,
  TARGET,
  writeUpdate,
} from "./update.ts";

/** What a training step is made for. */
export interface StepOptions extends TrainingSize, TrainingMode {
  readonly loss: Loss;
  readonly optimiser: Optimiser;
  /** Where it is to be computed: `cpu` unless given. */
  readonly device?: Device | undefined;
  /** Settings of parameters by name; the first group that matches holds. */
  readonly groups?: readonly ParameterGroup[] | undefined;
  /** The gradient's norm over all parameters is kept at or below this. */
  readonly clipNorm?: number | undefined;
  /** Micro-batches of `batch` examples per update; the gradient is their mean. Default 1. */
  readonly accumulate?: number | undefined;
  /** `values` feeds a loss of classes with their probabilities, float32 of the output's sizes. Default: the loss's own. */
  readonly target?: Loss["target"] | undefined;
}

/** A tensor that is fed. */
export interface Feed {
  readonly name: string;
  readonly dtype: "float32" | "uint8";
  /** For one micro-batch. */
  readonly dims: readonly number[];
}

/** What {@link trainingStep} makes and `TrainingSession` runs. */
export interface TrainingStep {
  /** Plain ONNX: a whole update, or, where micro-batches are accumulated, the gradient of one. */
  readonly graph: Graph;
  /** Plain ONNX: the update from the accumulated gradient; absent where `graph` makes it. */
  readonly update: Graph | undefined;
  /** Plain ONNX: from the batch to the loss; where values that are not finite are looked for. */
  readonly forward: Graph;
  readonly image: Feed;
  readonly target: Feed;
  /** Sizes of the network's output for one micro-batch: [B, C, ...]. */
  readonly output: readonly number[];
  /** Micro-batches per update. */
  readonly accumulate: number;
  /** Those that are trained. */
  readonly parameters: readonly Parameter[];
  /** Where the gradient of each parameter stands in {@link graph}. */
  readonly gradients: ReadonlyMap<string, string>;
  /** Where random masks go. */
  readonly masks: readonly Mask[];
  /** What a run begins with: parameters, optimiser state, running statistics and `step`, the updates done. */
  readonly state: ReadonlyMap<string, Tensor>;
  /**
   * The network that was given, its weights under the names of {@link state}: with those replaced by trained ones it
   * is the trained network.
   */
  readonly network: Graph;
}

/**
 * Makes the training step of a network for one batch size and one size of examples.
 *
 * @param network - with one image input; lifted, or plain 2D or 3D. The loss reads its first output; losses of
 *   classes read the logits behind its last softmax or sigmoid. What is trained, and comes back, is float32
 * @throws {@link AcsconvError} ("train") naming what stands in the way: an operator without a gradient, no
 *   parameters, a group that matches none; ("input") if the sizes do not fit the network
 */
export function trainingStep(network: Graph, options: StepOptions): TrainingStep {
  requireSensible(options);
  const { accumulate = 1 } = options;
  const device = targetOf(options.device);
  const layout = channelsFirst(inSinglePrecision(network, ["float16", "float64"]));
  const { network: given, sized } = sizedForTraining(layout.network, options, device);
  const trained = trainedParameters(
    sized,
    parametersOf(sized, options.batchNorm !== "frozen"),
    options.groups,
  );
  const { plain, image, statistics, masks } = forTraining(sized, trained, options, device);
  const step = new StepBuilder(plain, device);
  const g = step.algebra;
  const output = lossInput(g, layout.network, plain, options.loss);
  const target = labelsOf(options, g.shape(output));
  step.input(target.name, target.dtype, target.dims);
  const loss = g.into(LOSS).identity(options.loss.write(g, output, target.name));

  const names = trained.map(({ name }) => name);
  const gradients = differentiate(g, loss, names);
  const parameters = trained.filter(({ name }) => gradients.has(name));
  if (parameters.length === 0)
    throw trainError(`The loss depends on no parameter: nothing on the way to "${output}" is trained.`);
  const unseen = names.filter((name) => !gradients.has(name));
  const constants = new Map(unseen.map((name) => [name, given.initializers.get(name)!]));
  const finish = (outputs: readonly string[]): Graph => step.finish(outputs, constants);

  const running = newStatistics(step, statistics);
  const common = {
    forward: finish([LOSS]),
    image: { name: image.name, dtype: "float32", dims: image.shape },
    target,
    output: g.shape(output),
    accumulate,
    parameters,
    gradients,
    masks,
    state: initialState(given, statistics, parameters, options.optimiser),
    network: layout.back(given),
  } as const;
  if (accumulate === 1) {
    const { norm, changes } = writeUpdate(step, parameters, gradients, options);
    const outputs = replaceIf(step, g.add(loss, norm), [...running, ...changes]);
    return { ...common, graph: finish([LOSS, GRADIENT_NORM, ...outputs]), update: undefined };
  }
  const sums = parameters.map(({ name, dims }): Change => {
    const sum = step.input(accumulator(name), "float32", dims);
    return [sum, g.add(sum, g.div(gradients.get(name)!, accumulate))];
  });
  return {
    ...common,
    graph: finish([LOSS, ...replace(step, [...running, ...sums])]),
    update: updateGraph(plain, parameters, options, device),
  };
}

function updateGraph(
  like: Graph,
  parameters: readonly Parameter[],
  options: StepOptions,
  device: Target,
): Graph {
  const step = new StepBuilder({ ...like, inputs: [], nodes: [], initializers: new Map() }, device);
  const totals = parameters.map(({ name, dims }) => {
    step.input(name, "float32", dims);
    return [name, step.input(accumulator(name), "float32", dims)] as const;
  });
  const { norm, changes } = writeUpdate(step, parameters, new Map(totals), options);
  return step.finish([GRADIENT_NORM, ...replaceIf(step, norm, changes)]);
}

function requireSensible({ batch, accumulate = 1, clipNorm = 1 }: StepOptions): void {
  const refuse = (what: string, found: number): never => {
    throw inputError(`Expected ${what}, found ${found}.`);
  };
  if (!(Number.isInteger(batch) && batch > 0)) refuse("a batch of one or more examples", batch);
  if (!(Number.isInteger(accumulate) && accumulate > 0))
    refuse("one or more micro-batches to accumulate", accumulate);
  if (!(clipNorm > 0)) refuse("clipNorm above 0", clipNorm);
}

function labelsOf({ loss, target = loss.target }: StepOptions, output: readonly number[]): Feed {
  if (target === "values") return { name: TARGET, dtype: "float32", dims: output };
  return { name: TARGET, dtype: "uint8", dims: output.filter((_, axis) => axis !== 1) };
}
