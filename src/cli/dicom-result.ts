/** @file A prediction as a DICOM segmentation (SEG) of the series that it was made of. */

import { basename } from "node:path";
import { inputError } from "../base/errors.ts";
import { checkApart, writeFiles } from "../base/files.ts";
import type { TaskClasses } from "../model/task.ts";
import { labelColour } from "../report/colours.ts";
import type { Volume } from "../volume/index.ts";
import type { Segment } from "../volume/segmentation/segment.ts";
import {
  type SegmentationOptions,
  encodeWith,
  openSegmentationSource,
  segmentsIn,
} from "../volume/segmentation/write.ts";

/**
 * Finds the images of a scan, so that what speaks against a segmentation of them is said before the work.
 *
 * @returns writes the labels, once they are there
 */
export async function segmentationWriter(
  scan: Volume,
  path: string,
  options: Pick<SegmentationOptions, "source" | "series" | "onWarning">,
): Promise<(labels: Volume, modelPath: string, classes?: TaskClasses) => Promise<void>> {
  const source = await openSegmentationSource(scan, options);
  await checkApart([...source.series.paths, path]);
  return async (labels, modelPath, classes) => {
    const segments = segmentsOf(labels, classes).map((segment) => ({
      ...segment,
      colour: labelColour(segment.value),
    }));
    const chunks = await encodeWith(labels, source, { segments, algorithm: basename(modelPath) });
    await writeFiles([{ path, chunks }]);
  };
}

/** The network's classes by their names, without the background; where it names none, the labels by their numbers. */
function segmentsOf(labels: Volume, classes: TaskClasses | undefined): readonly Segment[] {
  if (!classes) return segmentsIn(labels);
  if (labels.channels === 1)
    return classes.names
      .map((name, k) => ({ name, value: classes.values[k]! }))
      .filter(({ value }) => value !== 0);
  // Masks that may overlap: one for each name.
  return segmentsIn(labels).map((segment, k) => ({ ...segment, name: classes.names[k] ?? segment.name }));
}

/** @throws {@link AcsconvError} `input` if what is asked for is no labels */
export function checkSegmentable(output: string, path: string): void {
  if (output !== "labels")
    throw inputError(
      `"${path}" would be a DICOM segmentation, which holds labels, not ${output}: write .nii.gz, or leave out --output.`,
    );
}
