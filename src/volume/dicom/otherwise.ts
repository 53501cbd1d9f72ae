/** @file Frames that say no places, and what they are if they are not the slices of one stack: times, views, energies. */

import type { Tags } from "./tags.ts";

/** What keeps frames without places from being a stack in the order in which they are stored. */
export interface Otherwise {
  readonly says: string;
  /** Whether they surely are none. */
  readonly refused: boolean;
}

/** Elements of nuclear medicine that count frames along something else than slices. */
const VECTORS = [
  "EnergyWindowVector",
  "DetectorVector",
  "PhaseVector",
  "RotationVector",
  "RRIntervalVector",
  "TimeSlotVector",
  "AngularViewVector",
  "TimeSliceVector",
] as const;

/** @param tags - of the file */
export function otherwiseOf(tags: Tags): Otherwise | undefined {
  for (const tag of VECTORS) {
    const kinds = new Set(tags.any(tag).split("\\")).size;
    if (kinds > 1) return { says: `are of ${kinds} kinds, by ${tag}`, refused: true };
  }
  const slices = tags.any("SliceVector").split("\\");
  if (slices.length > 1 && slices.some((slice, i) => Number(slice) !== i + 1))
    return { says: "are stored in another order than that of their slices, by SliceVector", refused: true };
  const time = (["FrameTime", "FrameTimeVector"] as const).find((tag) => tags.has(tag));
  return time && { says: `follow one another in time, by ${time}`, refused: false };
}
