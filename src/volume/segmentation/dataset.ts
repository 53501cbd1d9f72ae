/**
 * @file A segmentation as the data set of a DICOM object, elements by their standard names.
 *
 * @see https://dicom.nema.org/medical/dicom/current/output/chtml/part03/sect_A.51.html
 * @see https://dicom.nema.org/medical/dicom/current/output/chtml/part03/sect_C.8.20.html
 */

import { VERSION } from "../../base/version.ts";
import { decimal } from "./decimal.ts";
import { SEGMENTATION } from "../dicom/segmentation-class.ts";
import { norm, cross, dot } from "../vec3.ts";
import { stepsOf } from "../geometry.ts";
import type { Grid } from "../volume.ts";
import { type Code, meaningOfName } from "./codes.ts";
import { dicomLab } from "./colour.ts";
import { type Elements, dateOf, newUid, textOf, timeOf } from "./elements.ts";
import type { Frame } from "./frames.ts";
import type { Matched } from "./match.ts";
import type { Segment } from "./segment.ts";
import type { SourceImage, SourceSeries } from "./source.ts";

/** What a segmentation says of itself. */
export interface Description {
  readonly segments: readonly Segment[];
  /** Whether a voxel may be in several. */
  readonly overlap: boolean;
  /** What made it, such as the name of a network's file. */
  readonly algorithm: string;
}

/** The series is numbered beside that of its images; scanners' numbers are smaller. */
const SERIES_OFFSET = 1000;

/** All but the pixels. */
export function segmentationDataset(
  grid: Grid,
  source: SourceSeries,
  matched: Matched,
  frames: readonly Frame[],
  { segments, overlap, algorithm }: Description,
): Elements {
  const now = new Date();
  const date = { date: dateOf(now), time: timeOf(now) };
  const dimension = newUid();
  const first = matched.slices[0]![0]!;
  const { copied } = source;
  return {
    LossyImageCompression: "00",
    ...copied,
    SpecificCharacterSet: "ISO_IR 192",
    SOPClassUID: SEGMENTATION,
    SOPInstanceUID: newUid(),
    InstanceCreationDate: date.date,
    InstanceCreationTime: date.time,

    Modality: "SEG",
    SeriesInstanceUID: newUid(),
    SeriesNumber: String(SERIES_OFFSET + Math.min(Math.max(0, source.seriesNumber), 1e6)),
    SeriesDate: date.date,
    SeriesTime: date.time,
    SeriesDescription: textOf(`Segmentation by ${algorithm}`),
    InstanceNumber: "1",
    Manufacturer: "acsconv",
    ManufacturerModelName: "acsconv",
    DeviceSerialNumber: "0",
    SoftwareVersions: VERSION,

    FrameOfReferenceUID: source.frameOfReference ?? newUid(),
    ImageType: ["DERIVED", "PRIMARY"],
    ContentDate: date.date,
    ContentTime: date.time,
    ContentLabel: "SEGMENTATION",
    ContentDescription: textOf(`Segmentation by ${algorithm}`),
    ContentCreatorName: null,
    SamplesPerPixel: 1,
    PhotometricInterpretation: "MONOCHROME2",
    NumberOfFrames: String(frames.length),
    Rows: matched.rows,
    Columns: matched.columns,
    BitsAllocated: 1,
    BitsStored: 1,
    HighBit: 0,
    PixelRepresentation: 0,
    SegmentationType: "BINARY",
    SegmentsOverlap: overlap ? "YES" : "NO",
    SegmentSequence: segments.map((segment, i) => segmentItem(segment, i + 1, algorithm)),

    DimensionOrganizationSequence: [{ DimensionOrganizationUID: dimension }],
    DimensionIndexSequence: [
      {
        DimensionOrganizationUID: dimension,
        DimensionIndexPointer: TAG.ReferencedSegmentNumber,
        FunctionalGroupPointer: TAG.SegmentIdentificationSequence,
        DimensionDescriptionLabel: "Segment",
      },
      {
        DimensionOrganizationUID: dimension,
        DimensionIndexPointer: TAG.ImagePositionPatient,
        FunctionalGroupPointer: TAG.PlanePositionSequence,
        DimensionDescriptionLabel: "Position",
      },
    ],
    ReferencedSeriesSequence: [
      {
        SeriesInstanceUID: source.series,
        ReferencedInstanceSequence: instancesOf(matched.slices.flat()),
      },
    ],
    SharedFunctionalGroupsSequence: [
      {
        PlaneOrientationSequence: [{ ImageOrientationPatient: first.orientation.flat().map(decimal) }],
        PixelMeasuresSequence: [measuresOf(grid, matched)],
      },
    ],
    PerFrameFunctionalGroupsSequence: frames.map(({ segment, slice }) => {
      const images = matched.slices[slice]!;
      return {
        FrameContentSequence: [{ DimensionIndexValues: [segment + 1, slice + 1] }],
        PlanePositionSequence: [{ ImagePositionPatient: images[0]!.position.map(decimal) }],
        SegmentIdentificationSequence: [{ ReferencedSegmentNumber: segment + 1 }],
        DerivationImageSequence: [
          {
            DerivationCodeSequence: [codeItem({ scheme: "DCM", value: "113076", meaning: "Segmentation" })],
            SourceImageSequence: images.map(sourceItem),
          },
        ],
      };
    }),
  };
}

/** What the pointers of dimensions point to: group and element. */
const TAG = {
  ReferencedSegmentNumber: 0x0062000b,
  SegmentIdentificationSequence: 0x0062000a,
  ImagePositionPatient: 0x00200032,
  PlanePositionSequence: 0x00209113,
} as const;

function segmentItem({ name, colour }: Segment, number: number, algorithm: string): Elements {
  const { category, type, modifier } = meaningOfName(name);
  return {
    SegmentNumber: number,
    SegmentLabel: textOf(name),
    SegmentAlgorithmType: "AUTOMATIC",
    SegmentAlgorithmName: textOf(algorithm),
    SegmentedPropertyCategoryCodeSequence: [codeItem(category)],
    SegmentedPropertyTypeCodeSequence: [
      {
        ...codeItem(type),
        ...(modifier && { SegmentedPropertyTypeModifierCodeSequence: [codeItem(modifier)] }),
      },
    ],
    ...(colour && { RecommendedDisplayCIELabValue: dicomLab(colour) }),
  };
}

const codeItem = ({ scheme, value, meaning }: Code): Elements => ({
  CodeValue: value,
  CodingSchemeDesignator: scheme,
  CodeMeaning: meaning,
});

function sourceItem({ sopClass, instance, frame }: SourceImage): Elements {
  const purpose = { scheme: "DCM", value: "121322", meaning: "Source image for image processing operation" };
  return {
    ReferencedSOPClassUID: sopClass,
    ReferencedSOPInstanceUID: instance,
    ...(frame !== undefined && { ReferencedFrameNumber: String(frame) }),
    PurposeOfReferenceCodeSequence: [codeItem(purpose)],
    SpatialLocationsPreserved: "YES",
  };
}

/** Each instance once; frames are named where they are used. */
function instancesOf(images: readonly SourceImage[]): readonly Elements[] {
  const instances = new Map(images.map((image) => [image.instance, image.sopClass]));
  return [...instances].map(([ReferencedSOPInstanceUID, ReferencedSOPClassUID]) => ({
    ReferencedSOPClassUID,
    ReferencedSOPInstanceUID,
  }));
}

function measuresOf(grid: Grid, { slices }: Matched): Elements {
  const { spacing, orientation } = slices[0]![0]!;
  const normal = cross(orientation[0], orientation[1]);
  // Along the normal: the planes of a tilted gantry are closer than their first pixels.
  const between = Math.max(...stepsOf(grid).map((step) => Math.abs(dot(step, normal))));
  return {
    SliceThickness: decimal(between / norm(normal)),
    SpacingBetweenSlices: decimal(between / norm(normal)),
    PixelSpacing: spacing.map(decimal),
  };
}
