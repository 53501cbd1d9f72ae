/** @file Labels as a DICOM segmentation (SEG) of the images that they were made of. */

import { inputError } from "../../base/errors.ts";
import { checkApart, writeFiles } from "../../base/files.ts";
import type { DicomInput } from "../dicom/files.ts";
import { type Grid, type Volume, checkVolume } from "../volume.ts";
import { segmentationDataset } from "./dataset.ts";
import type { Segment } from "./segment.ts";
import { encodeDicom } from "./encode.ts";
import { packFrames } from "./frames.ts";
import { type Matched, matchImages } from "./match.ts";
import { type SourceSeries, openSourceSeries } from "./source.ts";

/** What the labels are of, and what they mean. */
export interface SegmentationOptions {
  /** The images: their folder or file (Node), or their files. */
  readonly source: DicomInput;
  /** Which series, where the source holds several: its UID, or its place (from 0) in the error's list. */
  readonly series?: string | number;
  /** What each label, or each channel, is; by default `label 1` … for the labels that are there. At least one. */
  readonly segments?: readonly Segment[];
  /** What made the labels, such as the name of a network's file: `acsconv` unless given. */
  readonly algorithm?: string;
  /** Told what is odd; `console.warn` by default. */
  readonly onWarning?: (sentence: string) => void;
}

/** A series, and which of its images a grid's slices are. */
export interface SegmentationSource {
  readonly series: SourceSeries;
  readonly matched: Matched;
}

/**
 * Reads the headers of the images, and finds those that a grid's slices are: all that can fail before there are labels.
 *
 * @throws {@link AcsconvError} as {@link encodeSegmentation}
 */
export async function openSegmentationSource(
  grid: Grid,
  { source, series, onWarning = console.warn }: Omit<SegmentationOptions, "segments" | "algorithm">,
): Promise<SegmentationSource> {
  const opened = await openSourceSeries(source, series, onWarning);
  const matched = matchImages(grid, opened);
  // Of nothing: whether what the images say can be written is known before the labels are.
  const trial = { segments: [{ value: 1, name: "trial" }], overlap: false, algorithm: "acsconv" };
  const dataset = segmentationDataset(grid, opened, matched, [{ segment: 0, slice: 0 }], trial);
  await encodeDicom(dataset, new Uint8Array());
  return { series: opened, matched };
}

/**
 * The bytes of a DICOM segmentation: binary, a segment for each label, or for each channel of masks, which may overlap;
 * a frame for each slice that has voxels of it. It belongs to the study of the images, refers to each of them, and
 * repeats what they say of the patient. Codes for what a segment is (SNOMED CT) follow from common names.
 *
 * @param labels - whole numbers in one channel, 0 is the background; or masks in several. On the images' own grid,
 *   to a tenth of a voxel; axes may be turned.
 * @returns parts of the file, one after the other
 * @throws {@link AcsconvError} `input` if the labels do not lie on the images, or are not among the segments;
 *   `format` or `io` if the images cannot be read
 */
export async function encodeSegmentation(
  labels: Volume,
  options: SegmentationOptions,
): Promise<Uint8Array<ArrayBuffer>[]> {
  checkVolume(labels);
  return encodeWith(labels, await openSegmentationSource(labels, options), options);
}

/** As {@link encodeSegmentation}, of images that were found before. */
export async function encodeWith(
  labels: Volume,
  { series, matched }: SegmentationSource,
  {
    segments = segmentsIn(labels),
    algorithm = "acsconv",
  }: Pick<SegmentationOptions, "segments" | "algorithm">,
): Promise<Uint8Array<ArrayBuffer>[]> {
  const overlap = labels.channels > 1;
  if (segments.length === 0 || (overlap && segments.length !== labels.channels))
    throw inputError(
      `A segmentation needs ${overlap ? `a segment for each of the ${labels.channels} masks` : "at least one segment"}, not ${segments.length}.`,
    );
  const values = segments.map(({ value }) => value);
  const double = values.find((value, i) => values.indexOf(value) !== i);
  if (double !== undefined && !overlap)
    throw inputError(`Two segments have the label ${double}: give each its own.`);
  const { frames, bits } = packFrames(labels, matched, values);
  const dataset = segmentationDataset(labels, series, matched, frames, { segments, overlap, algorithm });
  return encodeDicom(dataset, bits);
}

/**
 * Writes {@link encodeSegmentation}'s bytes to a file (Node). The file appears when it is complete.
 *
 * @param path - ends in .dcm, as a rule
 * @throws {@link AcsconvError} as {@link encodeSegmentation}, and `io`
 */
export async function writeSegmentation(
  labels: Volume,
  path: string,
  options: SegmentationOptions,
): Promise<void> {
  checkVolume(labels);
  const source = await openSegmentationSource(labels, options);
  await checkApart([...source.series.paths, path]);
  await writeFiles([{ path, chunks: await encodeWith(labels, source, options) }]);
}

/** More labels than this get segments without the gaps between them. */
const MAX_SEGMENTS = 255;

/** One for each channel, or for each label up to the largest, so that segments have the labels' numbers. At least one. */
export function segmentsIn({ data, channels }: Volume): readonly Segment[] {
  const labels = channels > 1 ? [channels] : [...new Set<number>(data)].filter((label) => label !== 0);
  const largest = Math.max(1, ...labels);
  const isShort = largest <= MAX_SEGMENTS && labels.every((label) => Number.isInteger(label) && label > 0);
  const values = isShort ? Array.from({ length: largest }, (_, i) => i + 1) : labels.sort((a, b) => a - b);
  return values.map((value) => ({ value, name: `label ${value}` }));
}
