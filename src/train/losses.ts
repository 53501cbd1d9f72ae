/**
 * @file Losses, written as nodes after a network's output. What they read are
 * logits: softmax and sigmoid are part of the loss.
 *
 * Soft Dice as the authors' code has it (C classes, sums over the whole batch):
 *
 *   Σ_c [Σt_c > 0] · (1 − (2 Σ p_c t_c + ε) / (Σ p_c + Σ t_c + ε)) / C       p = softmax(z)
 *
 * @see Yang et al., arXiv:1911.10477, and its code, experiments/poc (soft Dice)
 * @see https://pytorch.org/docs/stable/nn.html#loss-functions (cross-entropy, binary cross-entropy, MSE)
 * @see Lin et al., Focal Loss for Dense Object Detection, arXiv:1708.02002
 */

import { trainError } from "../base/errors.ts";
import { floatTensor, tensorOf } from "../graph/tensor.ts";
import type { Algebra } from "../ops/gradient.ts";

/** What is minimised. */
export interface Loss {
  readonly name: string;
  /** What it was made with: a run can only go on with the same. */
  readonly options: object;
  /**
   * What it compares with. `classes`: a class per voxel, uint8 [B, ...spatial] (of
   * a classifier: [B]). `values`: float32 of the output's sizes.
   */
  readonly target: "classes" | "values";
  /** Writes it down; the name of a float32 scalar. A loss of `classes` also takes their probabilities as `values`. */
  write(g: Algebra, logits: string, target: string): string;
}

/** What every loss of classes takes. */
export interface ClassOptions {
  /** Voxels of this class count for nothing. */
  readonly ignore?: number | undefined;
}

/** Options of soft Dice. */
export interface DiceOptions extends ClassOptions {
  /** ε. The paper's: 0.01 (proof of concept, the default) and 1 (LIDC). */
  readonly epsilon?: number | undefined;
}

/** Options of the cross-entropy. */
export interface CrossEntropyOptions extends ClassOptions {
  /** One per class. */
  readonly weights?: readonly number[] | undefined;
}

/** Options of the focal loss. */
export interface FocalOptions extends ClassOptions {
  /** γ: how much less a voxel counts the surer it is. */
  readonly gamma?: number | undefined;
}

/** What a loss of classes writes, with what the logits are compared with. */
type Write = (g: Algebra, logits: string, compare: () => Compared) => string;

/** @param least - classes that there must be */
const ofClasses = (
  name: string,
  options: ClassOptions & Readonly<Record<string, unknown>>,
  write: Write,
  least = 2,
): Loss => ({
  name,
  options,
  target: "classes",
  write(g, logits, target) {
    const sizes = g.shape(logits);
    if (least > (sizes[1] ?? 0))
      throw trainError(
        `The ${name} loss compares classes, but the network's output has sizes [${sizes.join(", ")}]; ` +
          `use binaryCrossEntropy, or give the network a head of two classes.`,
      );
    return write(g, logits, () => compared(g, logits, target, options.ignore));
  },
});

/** Soft Dice over softmax, of the classes that are present in the batch. */
export const dice = ({ epsilon = 0.01, ignore }: DiceOptions = {}): Loss =>
  ofClasses("dice", { epsilon, ignore }, (g, logits, compare) =>
    softDice(g, g.softmax(logits, 1), compare(), epsilon),
  );

/** Mean of −w_t log softmax(z)_t over voxels, weighted by w: Σ w_t (−log p_t) / Σ w_t. 0 where nothing counts. */
export const crossEntropy = ({ weights, ignore }: CrossEntropyOptions = {}): Loss =>
  ofClasses("crossEntropy", { weights, ignore }, (g, logits, compare) =>
    softmaxEntropy(g, logits, compare().target, weights),
  );

/** {@link dice} + {@link crossEntropy}. */
export const diceCrossEntropy = ({
  epsilon = 0.01,
  weights,
  ignore,
}: DiceOptions & CrossEntropyOptions = {}): Loss => ({
  name: "diceCrossEntropy",
  options: { epsilon, weights, ignore },
  target: "classes",
  write: (g, logits, target) =>
    g.add(
      dice({ ignore, epsilon }).write(g, logits, target),
      crossEntropy({ ignore, weights }).write(g, logits, target),
    ),
});

/**
 * Every output channel as a question of its own, mean over all of them of
 *
 *   −t log σ(z) − (1 − t) log(1 − σ(z)) = max(z, 0) − z t + log(1 + e^−|z|)
 *
 * A network of one channel takes 0 and 1 as classes.
 */
export const binaryCrossEntropy = ({ ignore }: ClassOptions = {}): Loss => {
  const write: Write = (g, logits, compare) => {
    const { target, counts } = compare();
    return meanOver(g, g.sub(g.softplus(logits), g.mul(logits, target)), counts);
  };
  return ofClasses("binaryCrossEntropy", { ignore }, write, 0);
};

/** Mean over voxels of −(1 − p_t)^γ log p_t, p = softmax(z). */
export const focal = ({ gamma = 2, ignore }: FocalOptions = {}): Loss =>
  ofClasses("focal", { gamma, ignore }, (g, logits, compare) => {
    const { target, counts } = compare();
    const log = g.logSoftmax(logits, 1);
    // Rounding may make p a little more than 1.
    const rest = g.relu(g.sub(1, g.exp(log)));
    const each = g.mul(g.mul(target, g.pow(rest, gamma)), log);
    return meanOver(g, g.neg(g.sum(each, [1], true)), counts);
  });

/** Mean of (y − t)² over all elements. */
export const meanSquaredError = (): Loss => ({
  name: "meanSquaredError",
  options: {},
  target: "values",
  write(g, output, target) {
    const difference = g.sub(output, target);
    return g.mean(g.mul(difference, difference));
  },
});

/** 1 − Dice of the classes that are present, over all classes. */
function softDice(g: Algebra, p: string, { target, counts }: Compared, epsilon: number): string {
  const over = g.shape(p).flatMap((_, axis) => (axis === 1 ? [] : [axis]));
  const both = g.sum(g.mul(p, target), over);
  const said = g.sum(counts === undefined ? p : g.mul(p, counts), over);
  const is = g.sum(target, over);
  const score = g.div(g.add(g.mul(both, 2), epsilon), g.add(g.add(said, is), epsilon));
  const present = g.cast(g.greater(is, 0), "float32");
  return g.div(g.sum(g.mul(present, g.sub(1, score))), g.shape(p)[1]!);
}

function softmaxEntropy(g: Algebra, logits: string, target: string, weights?: readonly number[]): string {
  const log = g.logSoftmax(logits, 1);
  const weighted = weights ? g.mul(target, perClass(g, logits, weights)) : target;
  return g.neg(g.div(g.sum(g.mul(weighted, log)), notZero(g, g.sum(weighted))));
}

function perClass(g: Algebra, logits: string, weights: readonly number[]): string {
  const [, classes, ...spatial] = g.shape(logits);
  if (weights.length !== classes)
    throw trainError(
      `Expected a weight for each of the ${classes} classes of the network's output, found ${weights.length}.`,
    );
  return g.constant(floatTensor([1, classes, ...spatial.map(() => 1)], weights));
}

/** What logits are compared with. */
interface Compared {
  /** float32 [B, C, ...]: 1 for the class that is there (or its probability), 0 everywhere in voxels to ignore. */
  readonly target: string;
  /** float32 [B, 1, ...]: 0 in voxels to ignore. */
  readonly counts: string | undefined;
}

function compared(g: Algebra, logits: string, target: string, ignore: number | undefined): Compared {
  if (g.dtype(target) !== "uint8") return { target, counts: undefined };
  const [batch, channels, ...spatial] = g.shape(logits) as [number, number, ...number[]];
  const classes = g.reshape(g.cast(target, "int32"), [batch, 1, ...spatial]);
  const is = g.cast(channels === 1 ? classes : g.equal(classes, range(g, channels, spatial)), "float32");
  if (ignore === undefined) return { target: is, counts: undefined };
  const counts = g.cast(g.not(g.equal(classes, ignore)), "float32");
  return { target: g.mul(is, counts), counts };
}

/** 0 … channels − 1 along axis 1. */
const range = (g: Algebra, channels: number, spatial: readonly number[]): string =>
  g.constant(tensorOf("int32", [1, channels, ...spatial.map(() => 1)], [...new Array(channels).keys()]));

/** Mean over the voxels that count and all channels; 0 where nothing counts. */
function meanOver(g: Algebra, x: string, counts: string | undefined): string {
  if (counts === undefined) return g.mean(x);
  return g.div(g.sum(g.mul(x, counts)), notZero(g, g.mul(g.sum(counts), g.shape(x)[1]!)));
}

const notZero = (g: Algebra, x: string): string => g.where(g.equal(x, 0), 1, x);
