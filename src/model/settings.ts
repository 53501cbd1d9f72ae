/**
 * @file What a user may say of preparing scans and of computing, as fields: what each holds and, where a command has it as
 * a flag, how that is called, described and read. Training, evaluation and prediction share them.
 */

import {
  type Setting,
  count,
  fraction,
  oneOf,
  positive,
  rising,
  anyNumber,
  text,
  triple,
} from "../base/fields.ts";
import type { Preparation } from "./prepare.ts";

export const PREPARATION = {
  spacing: {
    ...triple(positive, "depth,height,width in millimetres, such as 3,1,1"),
    flag: "--spacing <d,h,w>",
    help: "millimetres at which the network works (default: the scan's)",
  },
  orientation: {
    ...text,
    flag: "--orient <code>",
    help: "turn scans for the network, such as LPS for axial slices (default: as they are)",
  },
  window: {
    ...rising(
      anyNumber,
      "a list of a lower and a higher intensity",
      "a lower and a higher intensity, such as -160,240",
    ),
    flag: "--window <low,high>",
    help: "clamp intensities to this range, which becomes 0 to 1",
  },
  normalize: {
    ...oneOf(["zscore", "minmax", "imagenet", "none"]),
    flag: "--normalize <how>",
    help: "intensities (default: zscore, or none after --window)",
  },
} as const satisfies Record<keyof Preparation, Setting>;

/** Voxels of a patch. */
export const SIZE: Setting = triple(count, "depth,height,width in voxels, such as 64,128,128");

/** How scans are gone through in windows. */
export const WINDOWS = {
  patch: {
    ...SIZE,
    flag: "--patch <d,h,w>",
    help: "voxels the network sees at once (default: the model's size, or up to 96)",
  },
  overlap: { ...fraction, flag: "--overlap <part>", help: "part of a window that the next one covers" },
} as const satisfies Record<string, Setting>;

/** Where it is computed. */
export const MACHINE = {
  device: {
    ...oneOf(["cpu", "cuda", "webgpu", "coreml", "dml"]),
    flag: "--device <name>",
    help: "where to compute",
  },
  threads: { ...count, flag: "--threads <n>", help: "CPU threads (default: the physical cores)" },
} as const satisfies Record<string, Setting>;
