/**
 * @file Sizes of the image: what the export says of them, what the lifted network is fixed to, and the numbers at which
 * open ones are looked at.
 */

import { liftError } from "../base/errors.ts";
import { type Dim, evaluateDim, substituteDim, symbol } from "../graph/dim.ts";
import type { ValueInfo } from "../graph/graph.ts";
import type { Axes, Axis } from "../ops/roles.ts";
import { guessLayout, type LiftOptions } from "./options.ts";

/** Sizes at which a dynamic export is looked at: unequal, and divisible by usual total strides. */
const PROBE = { N: 3, H: 320, W: 448 };

/** Depths at which two sizes are compared. */
const DEPTHS = Array.from({ length: 64 }, (_, i) => 128 + i);

/** Sizes of the 2D image and of the volume that it becomes. */
export class ImageSizes {
  /** Roles of the image's axes. */
  readonly axes: Axes;
  /** Whether the export has height or width as numbers. */
  readonly baked: boolean;
  readonly #probe: ReadonlyMap<string, Dim>;
  /** Sizes of the lifted network's input, where they are numbers. */
  readonly #fixed: ReadonlyMap<string, Dim>;

  /**
   * @param pinned - why the network works at its exported height and width only, if it does
   * @throws {@link AcsconvError} `lift` if the number of channels is open, or the size asked for is not the one it works at
   */
  constructor(image: ValueInfo, options: LiftOptions, pinned: string | undefined) {
    const shape = image.shape!;
    const layout = options.layout ?? guessLayout(shape);
    const sizeOf = (role: string): Dim => shape[layout.indexOf(role)]!;
    const channels = sizeOf("C");
    if (typeof channels !== "number")
      throw liftError(
        `The input "${image.name}" [${shape.join(", ")}] does not say how many channels it has (axis ${layout.indexOf("C")}); export it with that number fixed.`,
      );
    const exported = { H: sizeOf("H"), W: sizeOf("W") };
    this.baked = typeof exported.H === "number" || typeof exported.W === "number";
    const [, height, width] = options.size ?? [0, PROBE.H, PROBE.W];
    this.#probe = new Map(
      Object.entries({ N: PROBE.N, H: height, W: width }).map(([role, open]) => {
        const size = sizeOf(role);
        return [role, typeof size === "number" ? size : open];
      }),
    );
    this.#fixed = fixedSizes(exported, options.size, pinned);
    const byRole: Record<string, Axis> = {
      N: [{ role: "N", size: symbol("N") }],
      C: [{ role: "C", size: channels }],
      H: [{ role: "H", size: symbol("H"), depth: this.#fixed.get("D") ?? symbol("D") }],
      W: [{ role: "W", size: symbol("W") }],
    };
    this.axes = [...layout].map((role) => byRole[role]!);
  }

  /** A size's number in the network as exported; NaN where it is not known. */
  number(dim: Dim): number {
    return evaluateDim(dim, this.#probe) ?? NaN;
  }

  /** Sizes of the 2D network, or of depth, in terms of the lifted network's input. */
  inLifted(dims: readonly Dim[]): Dim[] {
    return dims.map((dim) => substituteDim(dim, this.#fixed));
  }

  /** Whether two sizes along depth differ for every volume. */
  differ(a: Dim, b: Dim): boolean {
    const at = (dim: Dim, depth: number): number | undefined =>
      evaluateDim(dim, new Map([...this.#probe, ["D", depth], ...this.#fixed]));
    return DEPTHS.every((depth) => at(a, depth) !== at(b, depth));
  }
}

/** @param exported - the 2D image's size, where the export fixes it */
function fixedSizes(
  exported: Readonly<Record<"H" | "W", Dim>>,
  asked: LiftOptions["size"],
  pinned: string | undefined,
): ReadonlyMap<string, Dim> {
  const fixed = new Map((["D", "H", "W"] as const).flatMap((name, i) => (asked ? [[name, asked[i]!]] : [])));
  if (pinned === undefined) return fixed;
  for (const name of ["H", "W"] as const) {
    const only = exported[name];
    if (typeof only !== "number") continue;
    if (asked && fixed.get(name) !== only) {
      const text = (dim: Dim): string => (typeof dim === "number" ? String(dim) : "any");
      throw liftError(
        `${pinned}, so the network only works at the exported size, got size ${asked.join("×")}: use height ${text(exported.H)} and width ${text(exported.W)} (any depth).`,
      );
    }
    fixed.set(name, only);
  }
  return fixed;
}
