/**
 * @file What a prediction goes by: what the caller says, else what the model's task says, else what the network itself
 * shows. Whatever the caller changes of a task, and whatever is only assumed, is told in a line.
 */

import { inputError } from "../base/errors.ts";
import type { Activation, Scores } from "../run/sinks.ts";
import type { Session } from "../run/session.ts";
import type { Blending } from "../run/window-axis.ts";
import type { Vec3 } from "../volume/vec3.ts";
import { factsOf, INTEGER, type Layout, type Network } from "./network.ts";
import type { Preparation } from "./prepare.ts";
import type { Reading } from "./scores.ts";
import { PREPARATION } from "./settings.ts";
import type { Task, TaskClasses } from "./task.ts";

/**
 * - `labels`: the most probable class of each voxel, under the number that the task gives it (else its own); 1 where a
 *   single score is above one half; of classes that may overlap a mask each, one channel after the other
 * - `probabilities`: of every class, float32, one channel each
 * - `features`: the network's output as it is, one channel each
 */
export type PredictionKind = "labels" | "probabilities" | "features";

/** How to predict. Every field has a default: the model's task, if it has one, else what suits most scans. */
export interface PredictOptions extends Preparation {
  /** `labels` unless given. */
  readonly output?: PredictionKind;
  /**
   * Voxels [D, H, W] that the network sees at once; by default as in its training, the model's own size, or what suits
   * the volume.
   */
  readonly patch?: Vec3;
  /** Part of a window that its neighbour covers at least: 0.5 unless given. */
  readonly overlap?: number;
  /** How overlapping windows are weighed: `gaussian` unless given. */
  readonly blending?: Blending;
  /** Windows at once: the model's own batch size, else 1. */
  readonly batch?: number;
  /** What the network's numbers are: by default what its task says, or what it ends in. */
  readonly scores?: Scores;
  /** What turns scores into probabilities, `none` if they are: a narrower way to say `scores`. */
  readonly activation?: Activation;
  /** The classes' names and labels; by default the task's. */
  readonly classes?: TaskClasses;
  /** Where the network keeps channels and classes, if it does not tell. */
  readonly layout?: Layout;
  /** Told what is odd, such as voxels that are no numbers. */
  readonly onWarning?: (sentence: string) => void;
  /** Told what was chosen where the options leave it open. */
  readonly onNote?: (sentence: string) => void;
  /** Told how many windows are done. */
  readonly onProgress?: (done: number, total: number) => void;
  /** Ends the work between two windows. */
  readonly signal?: AbortSignal;
}

/** What a prediction goes by. */
export interface Settled {
  readonly options: PredictOptions;
  readonly output: PredictionKind;
  readonly preparation: Preparation;
  readonly patch: Vec3 | undefined;
  readonly scores: Scores;
  /** Whether nothing says that the scores are what they are taken for. */
  readonly assumed: boolean;
  readonly activation: Activation | undefined;
  /** What the classes are called, where known. */
  readonly classes: TaskClasses | undefined;
  /** The label of each class, where known, for a network of so many scores; without it, its number. */
  readonly values: ((scores: number) => readonly number[]) | undefined;
}

export function settle(
  session: Pick<Session, "outputs">,
  network: Network,
  options: PredictOptions,
): Settled {
  const { output = "labels" } = options;
  const others = session.outputs.filter(({ name }) => name !== network.output);
  if (others.length > 0)
    options.onNote?.(
      `of the network's outputs "${network.output}" is used, and ${others.map(({ name }) => `"${name}"`).join(", ")} not`,
    );
  const task = factsOf(session)?.task ?? {};
  const { normalize = INTEGER.test(network.dtype) && !options.window ? "none" : undefined, ...rest } =
    preparationOf(task, options);
  const classes = options.classes ?? task.classes;
  const meaning = meaningOf(session, network, task, options);
  return {
    options,
    output,
    preparation: { ...rest, ...(normalize && { normalize }) },
    patch: patchOf(task, network, options),
    ...meaning,
    activation: options.activation,
    classes,
    values: classes && ((count) => valuesOf(classes, meaning.scores, count)),
  };
}

function preparationOf(task: Task, options: PredictOptions): Preparation {
  const { preparation: trained = {} } = task;
  const used: Record<string, unknown> = {};
  const taken: string[] = [];
  for (const name of Object.keys(PREPARATION) as (keyof Preparation)[]) {
    const [own, given] = [trained[name], options[name]];
    const value = given ?? own;
    if (value !== undefined) used[name] = value;
    if (own === undefined) continue;
    if (given === undefined) taken.push(`${name} ${textOf(own)}`);
    else tellOverride(options, name, own, given);
  }
  if (taken.length > 0) options.onNote?.(`as the model was trained: ${taken.join(", ")}`);
  return used;
}

const textOf = (value: unknown): string => (Array.isArray(value) ? value.join(" × ") : String(value));

function tellOverride({ onNote }: PredictOptions, name: string, own: unknown, given: unknown): void {
  if (textOf(own) === textOf(given)) return;
  onNote?.(`${name} ${textOf(given)} as asked for, where the model was trained with ${textOf(own)}`);
}

/** The patch of the training, unless the file fixes another. */
function patchOf({ patch }: Task, network: Network, options: PredictOptions): Vec3 | undefined {
  if (options.patch && patch) tellOverride(options, "patch", patch, options.patch);
  if (options.patch) return options.patch;
  return patch?.every((size, axis) => (network.size[axis] ?? size) === size) ? patch : undefined;
}

function meaningOf(
  session: object,
  { reading }: Network,
  task: Task,
  options: PredictOptions,
): Pick<Settled, "scores" | "assumed"> {
  const { output = "labels", activation, onNote, onWarning } = options;
  const found = task.scores ?? (reading?.sure ? reading.scores : undefined);
  const given = options.scores ?? (activation && (activation === "none" ? "probabilities" : "logits"));
  if (output === "features") return { scores: given ?? found ?? "logits", assumed: false };
  if (given && found && found !== given)
    onNote?.(`scores taken for ${given} as asked for, where the network gives ${found}`);
  const scores = given ?? settledScores(session, reading, onWarning);
  if (output === "probabilities" && scores === "labels")
    throw inputError("The network gives labels, of which there are no probabilities: ask for labels.");
  return { scores, assumed: given === undefined && factsOf(session) === undefined };
}

/**
 * What the numbers of a session's network are, as its task says, or as it shows itself. Of a network of which nothing
 * is known they are taken for logits.
 */
export function settledScores(
  session: object,
  reading: Reading | undefined,
  onWarning?: (sentence: string) => void,
): Scores {
  const told = factsOf(session)?.task?.scores;
  if (told) return told;
  if (!reading) return "logits";
  if (!reading.scores)
    throw inputError(
      `What the network's scores are cannot be told, because its output ${reading.why}: say logits, probabilities, regions or labels by the option scores (--scores).`,
    );
  if (!reading.sure)
    onWarning?.(
      `The network's scores are taken for ${reading.scores}, though its output ${reading.why}: if they are not, say so by the option scores (--scores).`,
    );
  return reading.scores;
}

/** The labels of the classes that so many scores tell apart: a single score tells two. */
function valuesOf({ names, values }: TaskClasses, scores: Scores, count: number): readonly number[] {
  if (scores === "labels" || count === names.length || (count === 1 && names.length === 2)) return values;
  throw inputError(
    `The network gives ${count} scores for each voxel, and its task names ${names.length} classes (${names.join(", ")}): name its own by the option classes.`,
  );
}
