/** @file What a user may ask of lifting, and its defaults. */

import { inputError } from "../base/errors.ts";
import type { Dim } from "../graph/dim.ts";
import { KINDS, type LiftKind } from "../ops/kinds/index.ts";
import type { View } from "../ops/rule.ts";
import { VIEWS } from "../ops/views.ts";

/** Every kind of lifting. */
export const LIFT_KINDS: readonly LiftKind[] = Object.keys(KINDS) as LiftKind[];

/** What kind `psc` is unless told otherwise. */
export const P3SC1 = { streams: 3, separability: 1 } as const;

/** Planes in a row that a stream of `psc` may have: no network has more than two, and a slip of a digit is caught. */
const MOST_PLANES = 8;

/** One choice for the whole network, or one per downsampling stage in order (the last one repeats). */
type PerStage = "height" | 1 | readonly ("height" | 1)[];

/** How to lift. Every field has a default; the defaults are the paper's conversion. */
export interface LiftOptions {
  /** How a 2D kernel reads a volume. Default `acs`. */
  readonly kind?: LiftKind;
  /** The plane that `2.5d` kernels lie in. Default `axial` (height × width). */
  readonly view?: View;
  /** Proportions of output channels per view (axial, coronal, sagittal). Default thirds. */
  readonly split?: readonly [number, number, number];
  /**
   * The m and n of `psc`, PmSCn: streams, each in a plane of its own, and planar convolutions in each before the one across.
   * Default 3 and 1, as in the paper.
   */
  readonly psc?: { readonly streams?: number; readonly separability?: number };
  /** Input channels of the 3D network. 1 folds an RGB stem: the same as feeding copies. Default: as in 2D. */
  readonly channels?: number;
  /** Fixes [depth, height, width] of the input. Default: any size. */
  readonly size?: readonly [number, number, number];
  /** Whether depth is downsampled as height is (`"height"`, the default) or kept (1), for shallow volumes. */
  readonly depth?: { readonly stride?: PerStage; readonly pool?: PerStage };
  /**
   * Fully connected layers on a flattened map (VGG, AlexNet): read the mean over
   * depth, deal their outputs to the three planes, drop the head, or refuse. Default `mean`.
   */
  readonly fc?: "mean" | "acs" | "cut" | "error";
  /** Values that become the outputs; the graph behind them is dropped. Default: the model's outputs. */
  readonly outputs?: readonly string[];
  /** Layout of the 2D input. Default: read off its sizes. */
  readonly layout?: "NCHW" | "NHWC";
  /** `acsconv-py`: the authors' package's tap for even kernels that halve (ConvNeXt trained there). */
  readonly compat?: "acsconv-py";
}

/** The same lifting by another kind; options that only kind psc has fall away with it. */
export function withKind({ psc, ...options }: LiftOptions, kind: LiftKind): LiftOptions {
  return { ...options, kind, ...(kind === "psc" && psc && { psc }) };
}

function oneOf<T>(name: string, value: T, allowed: readonly T[]): void {
  if (!allowed.includes(value))
    throw inputError(`${name} must be one of ${allowed.join(", ")}, got "${String(value)}".`);
}

/** Refuses options that make no sense, before anything is done with them. */
export function checkOptions(options: LiftOptions): void {
  oneOf("kind", options.kind ?? "acs", LIFT_KINDS);
  oneOf("view", options.view ?? "axial", VIEWS);
  oneOf("fc", options.fc ?? "mean", ["mean", "acs", "cut", "error"]);
  oneOf("layout", options.layout ?? "NCHW", ["NCHW", "NHWC"]);
  checkPsc(options);
  const { size, channels } = options;
  if (size && (size.length !== 3 || !size.every((n) => Number.isInteger(n) && n > 0)))
    throw inputError(
      `size must be three positive whole numbers [depth, height, width], got [${size.join(", ")}].`,
    );
  if (channels !== undefined && !(Number.isInteger(channels) && channels > 0))
    throw inputError(`channels must be a positive whole number, got ${channels}.`);
}

function checkPsc({ kind = "acs", psc }: LiftOptions): void {
  if (!psc) return;
  if (kind !== "psc")
    throw inputError(`psc is for kind "psc", got kind "${kind}"; leave psc out or change kind.`);
  const { streams, separability } = { ...P3SC1, ...psc };
  oneOf("psc.streams", streams, [1, 2, 3]);
  if (!(Number.isInteger(separability) && separability >= 1 && separability <= MOST_PLANES))
    throw inputError(
      `psc.separability must be a whole number from 1 to ${MOST_PLANES}, got ${separability}.`,
    );
}

/** Channels last where the last axis could only be channels (1 to 4) and the second could not. */
export function guessLayout(shape: readonly Dim[]): "NCHW" | "NHWC" {
  const few = (dim: Dim | undefined): boolean => typeof dim === "number" && dim <= 4;
  return !few(shape[1]) && few(shape.at(-1)) ? "NHWC" : "NCHW";
}
