/** @file What the headers of DICOM files say: which series they belong to, and where each of their images lies. */

import type { AcsconvError } from "../../base/errors.ts";
import type { ByteSource } from "../../base/byte-source.ts";
import { failOf } from "../../formats/foreign.ts";
import { type Vec3, add, cross, scale, unit } from "../vec3.ts";
import { checkExtent } from "./extent.ts";
import { type Otherwise, otherwiseOf } from "./otherwise.ts";
import { hasPixels, parseHeader } from "./parse.ts";
import { type Facts, factsOf } from "./facts.ts";
import { type PixelFormat, pixelElementOf, pixelFormatOf } from "./pixel-format.ts";
import { keyOf, type Tag, Tags } from "./tags.ts";

/** One image: that of a file, or a frame of it. */
export interface Frame {
  /** The centre of its first pixel, LPS millimetres. */
  readonly position?: Vec3;
  /** The directions along a row (W) and along a column (H), as they are written. */
  readonly orientation?: readonly [Vec3, Vec3];
  /** Millimetres between rows (H) and between columns (W). */
  readonly pixelSpacing?: readonly [number, number];
  /** Slope and intercept. */
  readonly rescale: readonly [number, number];
  /** What it can be told by from others at its position. */
  readonly facts: Facts;
}

/** A file with pixels, as far as its header tells. */
export interface DicomFile {
  readonly source: ByteSource;
  readonly study: string;
  readonly series: string;
  readonly seriesNumber: number;
  readonly description: string;
  readonly modality: string;
  readonly sopClass: string;
  readonly instance: string;
  /** InstanceNumber. */
  readonly instanceNumber: number;
  readonly frameOfReference: string;
  readonly transferSyntax: string;
  /** AcquisitionNumber; of CT also when, for two scans of one place may share their number. */
  readonly acquisition: string;
  readonly rows: number;
  readonly columns: number;
  readonly format: PixelFormat;
  /** One, or as many as a multi-frame file has, in the order in which they are stored. */
  readonly frames: readonly Frame[];
  /** Whether the frames say where they lie each for itself; otherwise they are stacked as they are stored. */
  readonly framesPlaced: boolean;
  /** Millimetres from one image to the next where positions do not tell. */
  readonly step?: { readonly mm: number; readonly from: "SpacingBetweenSlices" | "SliceThickness" };
  /** Many images side by side as if they were one, as Siemens stores volumes in time. */
  readonly isMosaic: boolean;
  /** What frames that do not say where they lie are otherwise: times, phases …; the end of a sentence about the file. */
  readonly otherwise?: Otherwise;
  /** Values come from a table (ModalityLUTSequence) instead of slope and intercept. */
  readonly hasLut: boolean;
  /** Gray per stored number, in doses. */
  readonly doseScaling?: number;
  /** Where the pixels begin. */
  readonly pixelOffset: number;
  /** Why it cannot be used; thrown where its series is read. */
  readonly fault?: AcsconvError;
}

/** The header of a file; undefined if it is no DICOM with pixels. */
export async function readHeader(source: ByteSource): Promise<DicomFile | undefined> {
  const parsed = await parseHeader(source);
  if (!parsed || !hasPixels(parsed.set)) return undefined;
  const { set, transferSyntax, shift } = parsed;
  const fail = failOf(source.name);
  const tags = new Tags(set, fail);
  const file = {
    source,
    study: tags.text("StudyInstanceUID"),
    series: tags.text("SeriesInstanceUID"),
    seriesNumber: Number.parseInt(tags.text("SeriesNumber"), 10) || 0,
    description: tags.text("SeriesDescription"),
    modality: tags.text("Modality"),
    sopClass: tags.text("SOPClassUID"),
    instance: tags.text("SOPInstanceUID"),
    instanceNumber: Number.parseInt(tags.text("InstanceNumber"), 10) || 0,
    frameOfReference: tags.text("FrameOfReferenceUID"),
    transferSyntax,
    acquisition: acquisitionOf(tags),
    rows: 0,
    columns: 0,
    format: NO_FORMAT,
    isMosaic: /(^|\\)MOSAIC(\\|$)/.test(tags.text("ImageType")),
    frames: [],
    framesPlaced: false,
    hasLut: tags.items("ModalityLUTSequence").length > 0,
    pixelOffset: set.elements[keyOf(pixelElementOf(tags))]!.dataOffset + shift,
  };
  try {
    const count = checkExtent(tags, transferSyntax, source, file.pixelOffset);
    return {
      ...file,
      rows: tags.short("Rows")!,
      columns: tags.short("Columns")!,
      format: pixelFormatOf(tags),
      framesPlaced: tags.has("PerFrameFunctionalGroupsSequence"),
      frames: framesOf(tags, count),
      step: stepOf(tags),
      otherwise: otherwiseOf(tags),
      doseScaling: tags.decimal("DoseGridScaling"),
    };
  } catch (error) {
    return { ...file, fault: error as AcsconvError };
  }
}

/** Before it is read. */
const NO_FORMAT: PixelFormat = {
  element: "PixelData",
  samples: 1,
  colours: "",
  planar: false,
  allocated: 0,
  stored: 0,
  highBit: 0,
  signed: false,
};

function acquisitionOf(tags: Tags): string {
  const number = tags.text("AcquisitionNumber");
  const time = tags.text("Modality") === "CT" ? tags.text("AcquisitionTime") : "";
  return [number, time && `at ${time}`].filter(Boolean).join(" ");
}

function framesOf(tags: Tags, count: number): readonly Frame[] {
  if (count === 1 && !tags.has("PerFrameFunctionalGroupsSequence")) return [frameOf(tags, () => tags)];
  const [shared] = tags.items("SharedFunctionalGroupsSequence");
  const each = tags.items("PerFrameFunctionalGroupsSequence");
  if (each.length === 0) return stackedFrames(tags, count);
  if (each.length !== count)
    tags.fail("PerFrameFunctionalGroupsSequence", `describes ${each.length} frames of ${count}`);
  return each.map((own) => frameOf(tags, (group) => own.items(group)[0] ?? shared?.items(group)[0] ?? tags));
}

/**
 * @param tags - of the file
 * @param groupOf - where the elements of a functional group stand; all in one place if there are none
 */
function frameOf(tags: Tags, groupOf: (group: Tag) => Tags): Frame {
  const values = groupOf("PixelValueTransformationSequence");
  const cosines = groupOf("PlaneOrientationSequence").vector("ImageOrientationPatient", 6);
  const slope = values.decimal("RescaleSlope") ?? 1;
  if (slope === 0) values.fail("RescaleSlope", "is 0, which makes all values the same");
  return {
    position: groupOf("PlanePositionSequence").vector("ImagePositionPatient", 3) as Vec3 | undefined,
    orientation: cosines && ([cosines.slice(0, 3), cosines.slice(3)] as unknown as [Vec3, Vec3]),
    pixelSpacing: spacingOf(groupOf("PixelMeasuresSequence")),
    rescale: [slope, values.decimal("RescaleIntercept") ?? 0],
    facts: factsOf(tags, groupOf),
  };
}

function spacingOf(tags: Tags): [number, number] | undefined {
  const spacing = tags.vector("PixelSpacing", 2);
  if (spacing?.some((mm) => !(mm > 0)))
    tags.fail("PixelSpacing", `is ${spacing.join(" and ")} mm, where positive numbers should stand`);
  return spacing as [number, number] | undefined;
}

/** Frames that follow one another at offsets (doses), or at one place of which the file says no more. */
function stackedFrames(tags: Tags, count: number): readonly Frame[] {
  const frame = frameOf(tags, () => tags);
  const offsets = tags.vector("GridFrameOffsetVector", count);
  const { position, orientation } = frame;
  if (!offsets || !position || !orientation) return Array.from({ length: count }, () => frame);
  const normal = unit(cross(...orientation));
  return offsets.map((offset) => ({
    ...frame,
    position: add(position, scale(normal, offset - offsets[0]!)),
  }));
}

function stepOf(tags: Tags): DicomFile["step"] {
  const groups = [
    tags,
    ...tags.items("SharedFunctionalGroupsSequence").flatMap((group) => group.items("PixelMeasuresSequence")),
    ...tags
      .items("PerFrameFunctionalGroupsSequence")
      .slice(0, 1)
      .flatMap((group) => group.items("PixelMeasuresSequence")),
  ];
  for (const from of ["SpacingBetweenSlices", "SliceThickness"] as const)
    for (const group of groups) {
      const mm = Math.abs(group.decimal(from) ?? 0);
      if (mm > 0) return { mm, from };
    }
  return undefined;
}
