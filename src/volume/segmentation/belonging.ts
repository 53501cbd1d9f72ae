/** @file Whether a segmentation is of the images that it is laid on, by what the headers of both say. */

import type { ElementSet } from "../dicom/element-set.ts";
import { AcsconvError } from "../../base/errors.ts";
import { printable } from "../../base/printable.ts";
import { type DicomInput, inputName } from "../dicom/files.ts";
import { parseHeader } from "../dicom/parse.ts";
import { isSegmentationClass } from "../dicom/segmentation-class.ts";
import { type DicomSeries, openDicom } from "../dicom/series.ts";
import { type Tag, keyOf, titleOf } from "../dicom/tags.ts";
import { characterSets, textIn } from "./characters.ts";

/** What images and a segmentation of them have in common. */
const SHARED = ["PatientID", "StudyInstanceUID", "FrameOfReferenceUID"] as const satisfies readonly Tag[];

/**
 * In what a segmentation contradicts the images that it lies on, as a warning; undefined where it does not, where the
 * images are no DICOM, and in what one of both leaves out.
 */
export async function contradiction(
  segmentation: ElementSet,
  name: string,
  images: DicomInput,
): Promise<string | undefined> {
  const all = await seriesOf(images);
  const referred = (segmentation.elements[keyOf("ReferencedSeriesSequence")]?.items ?? []).flatMap(
    ({ dataSet }) => (dataSet && textOf(dataSet, "SeriesInstanceUID")) || [],
  );
  const series = all.find(({ uid }) => referred.includes(uid)) ?? all[0];
  const header = series && (await parseHeader(series.files[0]!.source));
  if (!header) return undefined;
  const different = SHARED.flatMap((tag) => {
    const [is, ought] = [textOf(segmentation, tag), textOf(header.set, tag)];
    return is && ought && is !== ought ? [`its ${titleOf(tag)} is ${quoted(is)}, not ${quoted(ought)}`] : [];
  });
  if (referred.length > 0 && !referred.includes(series.uid))
    different.push(`it refers to series ${referred.map(quoted).join(", ")}, not ${quoted(series.uid)}`);
  return different.length === 0
    ? undefined
    : `"${name}" is by its header not of "${inputName(images)}": ${different.join("; ")}; it is taken because its frames lie on the same grid.`;
}

/** The series of images, none where they are no DICOM. */
async function seriesOf(images: DicomInput): Promise<readonly DicomSeries[]> {
  try {
    const all = await openDicom(images, () => undefined);
    return all.filter(({ sopClass }) => !isSegmentationClass(sopClass));
  } catch (error) {
    if (error instanceof AcsconvError && error.kind === "format") return [];
    throw error;
  }
}

const textOf = (set: ElementSet, tag: Tag): string | undefined => textIn(set, keyOf(tag), characterSets(set));

const quoted = (text: string): string => `"${printable(text.slice(0, 80))}"`;
