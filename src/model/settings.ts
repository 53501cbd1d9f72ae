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
  triple,
} from "../base/fields.ts";
import { NODE_DEVICES } from "../compile/targets/index.ts";
import { SCORES } from "../run/sinks.ts";
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
    {
      expects: "three letters such as LPS",
      accepts: (value) => typeof value === "string" && /^(?=.*[LR])(?=.*[AP])(?=.*[IS]).{3}$/i.test(value),
    },
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
  overlap: flagged(fraction, "--overlap <part>", "part of a window that the next one covers", {
    default: 0.5,
  }),
} as const;

/** What the network's numbers are and where it keeps them, where it does not show. */
export const NETWORK = {
  scores: flagged(
    oneOf(SCORES),
    "--scores <what>",
    "what the network's numbers are (default: what it shows)",
  ),
  layout: flagged(
    oneOf(["channels-first", "channels-last"]),
    "--layout <how>",
    "where the network keeps its channels (default: what it shows)",
  ),
} as const;

/** Where it is computed. */
export const MACHINE = {
  device: flagged(oneOf(NODE_DEVICES), "--device <name>", "where to compute", { default: "cpu" }),
  threads: flagged(count, "--threads <n>", "CPU threads (default: the physical cores)"),
} as const;

/** The same fields where a model's task may know: what it says goes before the default. */
export const asTrained = <S extends Readonly<Record<string, Setting>>>(settings: S): S =>
  Object.fromEntries(
    Object.entries(settings).map(([name, setting]) => {
      const [what, rest] = setting.help!.split(" (default: ");
      const help = `${what} (default: as it was trained${rest === undefined ? ")" : `, else ${rest}`}`;
      return [name, { ...setting, help }];
    }),
  ) as S;
