/**
 * @file The three orthogonal views of a 2D kernel in a volume, and how output
 * channels are dealt to them.
 *
 *   axial     1×Kh×Kw   reads H×W, omits depth
 *   coronal   Kh×1×Kw   reads D×W, omits height
 *   sagittal  Kh×Kw×1   reads D×H, omits width
 *
 * The order and the axes are those of the authors' code; the paper's letters
 * name the axes the other way round.
 */

import { AcsconvError } from "../base/errors.ts";
import type { View } from "./rule.ts";

export const VIEWS: readonly View[] = ["axial", "coronal", "sagittal"];

/** The axis of [D, H, W] a view does not read. */
export const omittedAxis = (view: View): number => VIEWS.indexOf(view);

/** The axes of [D, H, W] that kernel rows and columns lie on. */
export const planeAxes = (view: View): readonly [number, number] => {
  const [rows, columns] = [0, 1, 2].filter((axis) => axis !== omittedAxis(view));
  return [rows!, columns!];
};

/**
 * Output channels per view. Whole groups are dealt, in thirds (or in the
 * proportions of `split`), remainders to the first views.
 *
 * @param split - proportions, such as [1, 1, 1] or [1, 0, 0]
 */
export function dealChannels(
  channels: number,
  groups: number,
  split: readonly [number, number, number] = [1, 1, 1],
): [number, number, number] {
  const total = split[0] + split[1] + split[2];
  if (!(total > 0) || split.some((part) => !(part >= 0) || !Number.isFinite(part))) {
    throw new AcsconvError(
      "input",
      `split must be three non-negative numbers with a positive sum, got [${split.join(", ")}].`,
    );
  }
  const units = groups > 1 ? groups : channels;
  const dealt = split.map((part) => Math.floor((units * part) / total)) as [number, number, number];
  let left = units - dealt[0] - dealt[1] - dealt[2];
  while (left > 0) {
    for (let view = 0; view < 3 && left > 0; view++) {
      if (split[view]! > 0) {
        dealt[view]!++;
        left--;
      }
    }
  }
  const perUnit = channels / units;
  return dealt.map((count) => count * perUnit) as [number, number, number];
}
