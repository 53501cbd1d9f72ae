/**
 * @file What a user may say of preparing scans and of computing, as fields: what each holds and, where a command has it as
 * a flag, how that is called, described and read. Training, evaluation and prediction share them.
 */

import {
  type Setting,
  anyNumber,
  count,
  flagged,
  fraction,
  oneOf,
  positive,
  rising,
  text,
  triple,
} from "../base/fields.ts";
import { NODE_DEVICES } from "../compile/targets/index.ts";
import type { Preparation } from "./prepare.ts";

const intensities = "a lower and a higher intensity";

/** How scans are prepared. */
export const PREPARATION = {
  spacing: flagged(
    triple(positive, "depth,height,width in millimetres, such as 3,1,1"),
    "--spacing <d,h,w>",
    "millimetres at which the network works (default: the scan's)",
  ),
  orientation: flagged(
    text,
    "--orient <code>",
    "turn scans for the network, such as LPS for axial slices (default: as they are)",
  ),
  window: flagged(
    rising(anyNumber, `a list of ${intensities}`, `${intensities}, such as -160,240`),
    "--window <low,high>",
    "clamp intensities to this range, which becomes 0 to 1",
  ),
  normalize: flagged(
    oneOf(["zscore", "minmax", "imagenet", "none"]),
    "--normalize <how>",
    "intensities (default: zscore, or none after --window)",
  ),
} as const satisfies Record<keyof Preparation, Setting>;

/** Voxels of a patch. */
export const SIZE: Setting = triple(count, "depth,height,width in voxels, such as 64,128,128");

/** How scans are gone through in windows. */
export const WINDOWS = {
  patch: flagged(
    SIZE,
    "--patch <d,h,w>",
    "voxels the network sees at once (default: the model's size, or up to 96)",
  ),
  overlap: flagged(fraction, "--overlap <part>", "part of a window that the next one covers"),
} as const;

/** Where it is computed. */
export const MACHINE = {
  device: flagged(oneOf(NODE_DEVICES), "--device <name>", "where to compute"),
  threads: flagged(count, "--threads <n>", "CPU threads (default: the physical cores)"),
} as const;
