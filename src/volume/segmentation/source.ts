/** @file The images that a segmentation is of: where each lies, and what of their headers it repeats. */

import { formatError, inputError } from "../../base/errors.ts";
import { isFolder } from "../../base/files.ts";
import { isSegmentationClass } from "../dicom/segmentation-class.ts";
import { withoutCopies } from "../dicom/copies.ts";
import type { DicomInput } from "../dicom/files.ts";
import type { DicomFile, Frame } from "../dicom/headers.ts";
import { parseHeader } from "../dicom/parse.ts";
import { checkFiles, chooseSeries, openDicom, seriesName } from "../dicom/series.ts";
import { canReadVolume } from "../read.ts";
import { unit } from "../vec3.ts";
import { dicomText } from "./characters.ts";
import type { Elements } from "./elements.ts";
import type { Plane } from "./plane.ts";

/** An image, or a frame of one. */
export interface SourceImage extends Plane {
  readonly sopClass: string;
  readonly instance: string;
  /** Its number in an image of several, from 1 on. */
  readonly frame?: number;
}

/** A series of images that say where they lie. */
export interface SourceSeries {
  /** How messages call it. */
  readonly name: string;
  readonly series: string;
  readonly seriesNumber: number;
  readonly frameOfReference: string | undefined;
  /** At least one. */
  readonly images: readonly SourceImage[];
  /** All DICOM images beside it on the disk. */
  readonly paths: readonly string[];
  /** Patient and study, to be repeated. */
  readonly copied: Elements;
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
  const images = files.flatMap((file) => file.frames.flatMap((frame, i) => imageOf(file, frame, i)));
  if (images.length === 0)
    throw inputError(
      `${name} does not say where its images lie, which a segmentation of it has to repeat: write .nii.gz instead.`,
    );
  const instances = new Set(files.map(({ instance }) => instance));
  if (instances.has(""))
    throw formatError(`${name} has images without SOPInstanceUID, to which a segmentation could not refer.`);
  if (instances.size < files.length)
    onWarning(
      `${name} has ${files.length} images under ${instances.size} SOPInstanceUIDs: viewers cannot tell which of them a segmentation refers to.`,
    );
  const { copied, frameOfReference } = await headerOf(files[0]!, name, onWarning);
  const paths = all
    .filter(({ sopClass }) => !isSegmentationClass(sopClass))
    .flatMap((one) => one.files)
    .flatMap(({ source: { path } }) => (path === undefined ? [] : [path]));
  return { name, series: chosen.uid, seriesNumber: chosen.number, frameOfReference, images, paths, copied };
}

function imageOf(file: DicomFile, frame: Frame, index: number): readonly SourceImage[] {
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

/** What is repeated: patient and study, and what of lossy compression. Those marked `empty` have to be there, even so. */
const COPIED: Readonly<Record<string, { readonly key: string; readonly empty?: true }>> = {
  StudyDate: { key: "x00080020", empty: true },
  StudyTime: { key: "x00080030", empty: true },
  AccessionNumber: { key: "x00080050", empty: true },
  ReferringPhysicianName: { key: "x00080090", empty: true },
  StudyDescription: { key: "x00081030" },
  PatientName: { key: "x00100010", empty: true },
  PatientID: { key: "x00100020", empty: true },
  IssuerOfPatientID: { key: "x00100021" },
  PatientBirthDate: { key: "x00100030", empty: true },
  PatientSex: { key: "x00100040", empty: true },
  PatientAge: { key: "x00101010" },
  PatientSize: { key: "x00101020" },
  PatientWeight: { key: "x00101030" },
  StudyInstanceUID: { key: "x0020000d", empty: true },
  StudyID: { key: "x00200010", empty: true },
  PositionReferenceIndicator: { key: "x00201040", empty: true },
  PatientIdentityRemoved: { key: "x00120062" },
  DeidentificationMethod: { key: "x00120063" },
};

async function headerOf(
  file: DicomFile,
  name: string,
  onWarning: (sentence: string) => void,
): Promise<Pick<SourceSeries, "copied" | "frameOfReference">> {
  const { set } = (await parseHeader(file.source))!;
  const plain = (key: string): string => set.string(key)?.replaceAll("\0", "").trim() ?? "";
  const sets = plain("x00080005").split("\\");
  const copied: Record<string, unknown> = {};
  for (const [keyword, { key, empty }] of Object.entries(COPIED)) {
    const element = set.elements[key];
    const bytes = element && set.byteArray.subarray(element.dataOffset, element.dataOffset + element.length);
    const text = bytes && dicomText(bytes, sets)?.replaceAll("\0", "").trim();
    if (bytes && text === undefined)
      onWarning(
        `${name} has a ${keyword} that is no text in its character set (${plain("x00080005") || "none named"}): the segmentation goes without it.`,
      );
    if (text) copied[keyword] = text.includes("\\") ? text.split("\\") : text;
    else if (empty) copied[keyword] = null;
  }
  // By the standard, whoever removed the identity says how.
  if (copied["DeidentificationMethod"] === undefined) delete copied["PatientIdentityRemoved"];
  if (!copied["StudyInstanceUID"])
    throw formatError(`${name} has no StudyInstanceUID, to which a segmentation belongs.`);
  return { copied, frameOfReference: plain("x00200052") || undefined };
}
