/** @file The network of a run: 3D as it was saved, or lifted here, and fit for the classes of its data. */

import { inputError } from "../../base/errors.ts";
import type { LabelledData } from "../../data/open.ts";
import { withKind } from "../../lift/options.ts";
import { type Model, lift, load } from "../../model/model.ts";
import { isClassifier } from "../../model/network.ts";
import { inputChannels, readNetwork, readScores } from "../../model/scores.ts";
import type { LiftKind } from "../../ops/kinds/index.ts";
import { shapeText } from "../../report/figures.ts";
import { replaceHead } from "../head.ts";
import type { RunConfig } from "./config-fields.ts";

/** How a 2D network is lifted unless its run says. */
const USUAL_KIND = "acs";

const is2d = ({ inputs: [input] }: Model): boolean => input?.shape?.length === 4;

/**
 * The network that a run begins with. One that is 3D already keeps its kernels, unless another kind is asked for.
 *
 * @returns the kind, too, if it was lifted here
 */
export async function networkOfRun(
  { model: path, kind, classes, seed }: RunConfig,
  onWarning: (sentence: string) => void,
): Promise<{ readonly model: Model; readonly kind: LiftKind | undefined }> {
  const loaded = await load(path, { onWarning });
  const { lifted } = loaded;
  const present = lifted && (lifted.options.kind ?? USUAL_KIND);
  const isLifted = is2d(loaded) || (kind !== undefined && kind !== present);
  if (isLifted && !is2d(loaded) && !lifted)
    throw inputError(
      `"${path}" is a 3D network that acsconv did not lift, so it cannot become ${kind}: leave the kind out.`,
    );
  const wanted = kind ?? USUAL_KIND;
  const network = isLifted ? lift(loaded, withKind(lifted?.options ?? {}, wanted)) : loaded;
  for (const warning of network.report?.warnings ?? []) onWarning(warning);
  return {
    model: classes === undefined ? network : replaceHead(network, classes, { seed }),
    kind: isLifted ? wanted : undefined,
  };
}

/**
 * Makes sure that a network is of the kind of its data, and tells their classes apart.
 *
 * @throws {@link AcsconvError} `input` if it does not
 */
export function checkClasses(
  model: Model,
  { kind, classes: { names } }: Pick<LabelledData, "kind" | "classes">,
): void {
  const [input] = model.inputs;
  if (kind === "classification" && names.length < 2)
    throw inputError(
      `The data have one class only, "${names[0]}": to tell classes apart takes two at least, in the data or in the network's task.`,
    );
  if (is2d(model))
    throw inputError(
      `This is a 2D network ("${input!.name}" is ${shapeText(input!.shape)}): lift it first, as with "acsconv lift".`,
    );
  const [output] = model.outputs;
  const shape = output?.shape;
  const isWhole = isClassifier(model.graph);
  if (isWhole && kind === "segmentation")
    throw inputError(
      `The network classifies whole scans ("${output!.name}" is ${shapeText(shape)}), and the data have a label for every voxel: use a segmentation network, with scores [N, K, D, H, W], or data with one class for each scan (a folder for each class, a .csv of file,label, or MedMNIST's .npz).`,
    );
  if (!isWhole && kind === "classification")
    throw inputError(
      `The network gives ${output ? `"${output.name}" ${shapeText(shape)}, ` : ""}no scores of whole scans, [N, K], and the data have one class for each scan (${names.join(", ")}): use a classifier, or data with a label for every voxel (a folder with dataset.json).`,
    );
  const reading = output && readScores(model.graph);
  if (!isWhole && shape && shape.length !== 5 && reading?.axis !== null)
    throw inputError(
      `Expected an output with a score for every voxel, [N, K, D, H, W], and "${output.name}" is ${shapeText(shape)}: use a segmentation network.`,
    );
  const scores = reading?.scores === "labels" ? undefined : reading?.classes;
  // One score tells two classes apart.
  if (typeof scores !== "number" || scores === names.length || (scores === 1 && names.length === 2)) return;
  throw inputError(
    `The network ${scores === 1 ? `gives one score for each ${isWhole ? "scan" : "voxel"}` : `tells ${scores} classes apart`} and the data set has ${names.length} (${names.join(", ")}): ` +
      `train with --classes ${names.length}, which gives the network a new last layer.`,
  );
}

/** The network's input channels; where it leaves them open, those of the data. */
export const channelsOf = ({ graph }: Model, { channels }: LabelledData): number =>
  inputChannels(graph) ?? channels?.length ?? 1;

/** [D, H, W] of the network's input; undefined along axes that it leaves open. */
export function fixedSizes(model: Model): readonly (number | undefined)[] {
  const channels = readNetwork(model.graph).channelAxis ?? 1;
  const sizes = model.inputs[0]?.shape?.filter((_, axis) => axis > 0 && axis !== channels) ?? [];
  return sizes.map((size) => (typeof size === "number" ? size : undefined));
}
