/** @file The images that a segmentation is of: where each lies, and what of their headers it repeats. */

import { inputError } from "../../base/errors.ts";
import { isFolder } from "../../base/files.ts";
import { isSegmentationClass } from "../dicom/segmentation-class.ts";
import { withoutCopies } from "../dicom/copies.ts";
import type { DicomInput } from "../dicom/files.ts";
import type { DicomFile } from "../dicom/headers.ts";
import type { Image } from "../dicom/parts.ts";
import { chooseVolume } from "../dicom/read.ts";
import { checkFiles, chooseSeries, openDicom, seriesChoice, seriesName } from "../dicom/series.ts";
import { stackImages } from "../dicom/stack.ts";
import { canReadVolume } from "../read.ts";
import { unit } from "../vec3.ts";
import type { Plane } from "./plane.ts";
import { type Repeated, repeatedOf } from "./repeated.ts";
import { checkUid } from "./uid.ts";

/** An image, or a frame of one. */
export interface SourceImage extends Plane {
  readonly sopClass: string;
  readonly instance: string;
  /** Its number in an image of several, from 1 on. */
  readonly frame?: number;
}

/** A series of images that say where they lie. */
export interface SourceSeries extends Repeated {
  /** How messages call it. */
  readonly name: string;
  readonly series: string;
  readonly seriesNumber: number;
  /** At least one. */
  readonly images: readonly SourceImage[];
  /** All DICOM images beside it on the disk. */
  readonly paths: readonly string[];
}

/**
 * Reads the headers of a series.
 *
 * @param series - which, where there are several
 * @throws {@link AcsconvError} `io`; `format`; `input` if there is no series of images that say where they lie
 */
export async function openSourceSeries(
  input: DicomInput,
  series: string | number | undefined,
  onWarning: (sentence: string) => void,
): Promise<SourceSeries> {
  if (typeof input === "string" && canReadVolume(input) && !(await isFolder(input)))
    throw inputError(
      `A DICOM segmentation refers to the DICOM images that it is of, and "${input}" is none: give their folder, or write .nii.gz.`,
    );
  const all = await openDicom(input, onWarning);
  const chosen = chooseSeries(all, input, series);
  checkFiles(chosen);
  const files = await withoutCopies(chosen.files);
  const name = seriesName(chosen, input);
  const images = imagesOf(files, seriesChoice(series).volume, name).flatMap(imageOf);
  if (images.length === 0)
    throw inputError(
      `${name} does not say where its images lie, which a segmentation of it has to repeat: write .nii.gz instead.`,
    );
  for (const { source, series, sopClass, instance } of files) {
    checkUid(source.name, "SeriesInstanceUID", series);
    checkUid(source.name, "SOPClassUID", sopClass);
    checkUid(source.name, "SOPInstanceUID", instance);
  }
  const instances = new Set(files.map(({ instance }) => instance));
  if (instances.size < files.length)
    onWarning(
      `${name} has ${files.length} images under ${instances.size} SOPInstanceUIDs: viewers cannot tell which of them a segmentation refers to.`,
    );
  const { copied, frameOfReference } = await repeatedOf(files[0]!, name, onWarning);
  const paths = all
    .filter(({ sopClass }) => !isSegmentationClass(sopClass))
    .flatMap((one) => one.files)
    .flatMap(({ source: { path } }) => (path === undefined ? [] : [path]));
  return { name, series: chosen.uid, seriesNumber: chosen.number, frameOfReference, images, paths, copied };
}

/** Those of the volume that was chosen, where a series holds several; else all. */
function imagesOf(files: readonly DicomFile[], volume: number | undefined, name: string): readonly Image[] {
  if (volume === undefined)
    return files.flatMap((file) => file.frames.map((frame, index) => ({ file, frame, index })));
  // What is odd has been told when the volume was read.
  return chooseVolume(
    stackImages(files, name, () => undefined),
    volume,
    name,
  ).images;
}

function imageOf({ file, frame, index }: Image): readonly SourceImage[] {
  const { position, orientation, pixelSpacing } = frame;
  if (!position || !orientation || !pixelSpacing || isPile(file)) return [];
  return [
    {
      sopClass: file.sopClass,
      instance: file.instance,
      ...((file.frames.length > 1 || file.framesPlaced) && { frame: index + 1 }),
      rows: file.rows,
      columns: file.columns,
      position,
      orientation: [unit(orientation[0]), unit(orientation[1])],
      spacing: pixelSpacing,
    },
  ];
}

/** Whether a file has one place for all its frames, which cannot lie there all. */
const isPile = ({ frames, framesPlaced }: DicomFile): boolean =>
  frames.length > 1 &&
  !framesPlaced &&
  frames.every(({ position }) => position?.every((x, axis) => x === frames[0]!.position![axis]));
