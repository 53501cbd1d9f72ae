/**
 * @file The elements of DICOM headers that we read, by their standard names, and reading them strictly: dcm2niix and
 * other readers make something of whatever stands there, a comma in a decimal for one.
 *
 * @see https://dicom.nema.org/medical/dicom/current/output/chtml/part06/chapter_6.html
 */

import type { ElementSet } from "./element-set.ts";
import { printable } from "../../base/printable.ts";
import type { Fail } from "../../formats/foreign.ts";

const TAGS = {
  FileMetaInformationGroupLength: "x00020000",
  TransferSyntaxUID: "x00020010",
  ImageType: "x00080008",
  SOPClassUID: "x00080016",
  SOPInstanceUID: "x00080018",
  AcquisitionDateTime: "x0008002a",
  AcquisitionTime: "x00080032",
  ContentTime: "x00080033",
  Modality: "x00080060",
  SeriesDescription: "x0008103e",
  ReferencedSeriesSequence: "x00081115",
  PatientID: "x00100020",
  FrameType: "x00089007",
  ComplexImageComponent: "x00089208",
  SliceThickness: "x00180050",
  KVP: "x00180060",
  EchoTime: "x00180081",
  InversionTime: "x00180082",
  EchoNumbers: "x00180086",
  SpacingBetweenSlices: "x00180088",
  TriggerTime: "x00181060",
  FrameTime: "x00181063",
  FrameTimeVector: "x00181065",
  ConvolutionKernel: "x00181210",
  FlipAngle: "x00181314",
  FrameAcquisitionDateTime: "x00189074",
  DiffusionGradientDirectionSequence: "x00189076",
  EffectiveEchoTime: "x00189082",
  DiffusionBValue: "x00189087",
  DiffusionGradientOrientation: "x00189089",
  MREchoSequence: "x00189114",
  MRDiffusionSequence: "x00189117",
  CardiacSynchronizationSequence: "x00189118",
  FrameReferenceDateTime: "x00189151",
  MRImageFrameTypeSequence: "x00189226",
  CTImageFrameTypeSequence: "x00189329",
  StudyInstanceUID: "x0020000d",
  SeriesInstanceUID: "x0020000e",
  SeriesNumber: "x00200011",
  AcquisitionNumber: "x00200012",
  InstanceNumber: "x00200013",
  ImagePositionPatient: "x00200032",
  ImageOrientationPatient: "x00200037",
  FrameOfReferenceUID: "x00200052",
  TemporalPositionIdentifier: "x00200100",
  FrameContentSequence: "x00209111",
  PlanePositionSequence: "x00209113",
  PlaneOrientationSequence: "x00209116",
  TemporalPositionIndex: "x00209128",
  NominalCardiacTriggerDelayTime: "x00209153",
  FrameAcquisitionNumber: "x00209156",
  DimensionIndexValues: "x00209157",
  NominalPercentageOfCardiacPhase: "x00209241",
  SamplesPerPixel: "x00280002",
  PhotometricInterpretation: "x00280004",
  PlanarConfiguration: "x00280006",
  NumberOfFrames: "x00280008",
  Rows: "x00280010",
  Columns: "x00280011",
  PixelSpacing: "x00280030",
  BitsAllocated: "x00280100",
  BitsStored: "x00280101",
  HighBit: "x00280102",
  PixelRepresentation: "x00280103",
  RescaleIntercept: "x00281052",
  RescaleSlope: "x00281053",
  ModalityLUTSequence: "x00283000",
  PixelMeasuresSequence: "x00289110",
  PixelValueTransformationSequence: "x00289145",
  EnergyWindowVector: "x00540010",
  DetectorVector: "x00540020",
  PhaseVector: "x00540030",
  RotationVector: "x00540050",
  RRIntervalVector: "x00540060",
  TimeSlotVector: "x00540070",
  SliceVector: "x00540080",
  AngularViewVector: "x00540090",
  TimeSliceVector: "x00540100",
  FrameReferenceTime: "x00541300",
  SegmentationType: "x00620001",
  SegmentSequence: "x00620002",
  SegmentNumber: "x00620004",
  SegmentLabel: "x00620005",
  SegmentIdentificationSequence: "x0062000a",
  ReferencedSegmentNumber: "x0062000b",
  MaximumFractionalValue: "x0062000e",
  GridFrameOffsetVector: "x3004000c",
  DoseGridScaling: "x3004000e",
  SharedFunctionalGroupsSequence: "x52009229",
  PerFrameFunctionalGroupsSequence: "x52009230",
  FloatPixelData: "x7fe00008",
  DoubleFloatPixelData: "x7fe00009",
  PixelData: "x7fe00010",
} as const;

/** Elements that hold numbers in binary form, which implicit syntaxes do not tell. */
const BINARY: { readonly [tag in keyof typeof TAGS]?: "uint16" | "uint32" | "double" } = {
  TemporalPositionIndex: "uint32",
  DimensionIndexValues: "uint32",
  FrameAcquisitionNumber: "uint16",
  SliceVector: "uint16",
  EnergyWindowVector: "uint16",
  DetectorVector: "uint16",
  PhaseVector: "uint16",
  RotationVector: "uint16",
  RRIntervalVector: "uint16",
  TimeSlotVector: "uint16",
  AngularViewVector: "uint16",
  TimeSliceVector: "uint16",
  EffectiveEchoTime: "double",
  DiffusionBValue: "double",
  DiffusionGradientOrientation: "double",
  NominalCardiacTriggerDelayTime: "double",
  NominalPercentageOfCardiacPhase: "double",
};
const SIZES = { uint16: 2, uint32: 4, double: 8 } as const;

/** An element by its standard name. */
export type Tag = keyof typeof TAGS;

/** What dicom-parser calls an element. */
export const keyOf = (tag: Tag): string => TAGS[tag];

/** As people look it up: `PixelSpacing (0028,0030)`. */
export const titleOf = (tag: Tag): string => `${tag} (${TAGS[tag].slice(1, 5)},${TAGS[tag].slice(5)})`;

/** Digits with a point, and an exponent: what the standard calls a decimal string, and nothing that only begins like one. */
const DECIMAL = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

/** Reads the elements of one data set, which is a file's or an item's of a sequence in it. */
export class Tags {
  readonly set: ElementSet;
  readonly #fail: Fail;

  /** @param fail - how the file is refused */
  constructor(set: ElementSet, fail: Fail) {
    this.set = set;
    this.#fail = fail;
  }

  has(tag: Tag): boolean {
    return this.set.elements[TAGS[tag]] !== undefined;
  }

  /** Its text; empty if it is absent. */
  text(tag: Tag): string {
    return this.set.string(TAGS[tag])?.replaceAll("\0", "").trim() ?? "";
  }

  /** Its value as text, numbers in binary form too, with backslashes between several; empty if it is absent. */
  any(tag: Tag): string {
    const type = BINARY[tag];
    if (!type) return this.text(tag);
    const count = Math.floor((this.set.elements[TAGS[tag]]?.length ?? 0) / SIZES[type]);
    return Array.from({ length: count }, (_, i) => String(this.set[type](TAGS[tag], i))).join("\\");
  }

  /** All its decimals; undefined if it is absent or empty. */
  decimals(tag: Tag): readonly number[] | undefined {
    const text = this.text(tag);
    if (text === "") return undefined;
    const values = text.split("\\").map((part) => part.trim());
    const numbers = values.map((value) => (DECIMAL.test(value) ? Number(value) : NaN));
    if (!numbers.every(Number.isFinite))
      this.#fail(
        `is damaged: its ${titleOf(tag)} is "${printable(text)}", where decimal numbers should stand`,
      );
    return numbers;
  }

  /** So many decimals; undefined if it is absent or empty. */
  vector(tag: Tag, count: number): readonly number[] | undefined {
    const numbers = this.decimals(tag);
    if (numbers && numbers.length !== count)
      this.#fail(
        `is damaged: its ${titleOf(tag)} holds ${numbers.length} numbers, "${printable(this.text(tag))}", where ${count} should stand`,
      );
    return numbers;
  }

  decimal(tag: Tag): number | undefined {
    return this.vector(tag, 1)?.[0];
  }

  /** An unsigned 16-bit number. */
  short(tag: Tag): number | undefined {
    const element = this.set.elements[TAGS[tag]];
    if (element && element.length !== 0 && element.length < 2)
      this.#fail(`is damaged: its ${titleOf(tag)} is cut off`);
    return this.set.uint16(TAGS[tag]);
  }

  /** The items of a sequence. */
  items(tag: Tag): readonly Tags[] {
    const items = this.set.elements[TAGS[tag]]?.items ?? [];
    return items.flatMap(({ dataSet }) => (dataSet ? [new Tags(dataSet, this.#fail)] : []));
  }

  fail(tag: Tag, problem: string): never {
    return this.#fail(`is damaged: its ${titleOf(tag)} ${problem}`);
  }
}
