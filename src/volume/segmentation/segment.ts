/** @file What callers say of a structure: public, so without the types of what reads headers. */

/** A structure that was segmented. */
export interface Segment {
  /** Its voxels' label; of masks in several channels, the channel's number, from 1 on. */
  readonly value: number;
  readonly name: string;
  /** How viewers should show it: sRGB, each 0 to 255. */
  readonly colour?: readonly [number, number, number];
}
