/** @file Small DICOM series on disk, encoded by dcmjs. */

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pointOf } from "../../src/volume/geometry.ts";
import { loadDcmjs } from "../../src/volume/segmentation/dcmjs.ts";
import type { Grid, Volume } from "../../src/volume/volume.ts";

const { DicomDict, DicomMetaDictionary } = await loadDcmjs();

const CLASSES = { ct: "1.2.840.10008.5.1.4.1.1.2", enhanced: "1.2.840.10008.5.1.4.1.1.2.1" } as const;

/** The bytes of a file of these elements. */
export function dicomFile(elements: { readonly [name: string]: unknown }): Uint8Array<ArrayBuffer> {
  const file = new DicomDict(
    DicomMetaDictionary.denaturalizeDataset({
      MediaStorageSOPClassUID: elements["SOPClassUID"],
      MediaStorageSOPInstanceUID: elements["SOPInstanceUID"],
      TransferSyntaxUID: "1.2.840.10008.1.2.1",
      ImplementationClassUID: "1.2.3.4",
    }),
  );
  file.dict = DicomMetaDictionary.denaturalizeDataset({ _vrMap: { PixelData: "OW" }, ...elements });
  return new Uint8Array(file.write());
}

/** Values that the standard does not allow, for `changes`: as of a type that takes any, since dcmjs holds them to it. */
export const illegal = (values: { readonly [name: string]: string }): object => ({
  ...values,
  _vrMap: { PixelData: "OW", ...Object.fromEntries(Object.keys(values).map((name) => [name, "UT"])) },
});

/** What all images of a scan of 16-bit numbers say. */
const common = ({ shape: [, rows, columns] }: Grid, sopClass: string, instance: string): object => ({
  SpecificCharacterSet: "ISO_IR 192",
  SOPClassUID: sopClass,
  SOPInstanceUID: instance,
  StudyDate: "20260102",
  StudyTime: "101112",
  AccessionNumber: "A7",
  Modality: "CT",
  Manufacturer: "nobody",
  StudyDescription: "Abdomen",
  SeriesDescription: "thin",
  PatientName: "Müller^Jörg",
  PatientID: "P-1",
  PatientBirthDate: "19700203",
  PatientSex: "O",
  StudyInstanceUID: "1.2.3.1",
  SeriesInstanceUID: "1.2.3.2",
  StudyID: "S1",
  SeriesNumber: "7",
  FrameOfReferenceUID: "1.2.3.3",
  SamplesPerPixel: 1,
  PhotometricInterpretation: "MONOCHROME2",
  Rows: rows,
  Columns: columns,
  BitsAllocated: 16,
  BitsStored: 16,
  HighBit: 15,
  PixelRepresentation: 1,
});

const placeOf = (grid: Grid, slice: number): object => ({
  ImagePositionPatient: pointOf(grid, [slice, 0, 0]).map((x) => x.toFixed(6)),
});
const orientationOf = ({ direction }: Grid): object => ({
  ImageOrientationPatient: [direction[2], direction[1]].flat().map((x) => x.toFixed(9)),
});
const measuresOf = ({ spacing }: Grid): object => ({
  PixelSpacing: [spacing[1], spacing[2]].map(String),
  SliceThickness: String(spacing[0]),
});

/** An image for each slice, named against their order. @returns their paths, by slice */
export function saveSeries(folder: string, scan: Volume, changes: object = {}): string[] {
  mkdirSync(folder, { recursive: true });
  const [depth, rows, columns] = scan.shape;
  return Array.from({ length: depth }, (_, d) => {
    const pixels = Int16Array.from(scan.data.subarray(d * rows * columns, (d + 1) * rows * columns));
    const path = join(folder, `${depth - d}.dcm`);
    const elements = {
      ...common(scan, CLASSES.ct, `1.2.3.4.${d + 1}`),
      ...placeOf(scan, d),
      ...orientationOf(scan),
      ...measuresOf(scan),
      InstanceNumber: String(d + 1),
      PixelData: pixels.buffer,
      ...changes,
    };
    writeFileSync(path, dicomFile(elements));
    return path;
  });
}

/** One file of several frames, stored from the last slice to the first. @returns its path */
export function saveEnhanced(folder: string, scan: Volume): string {
  mkdirSync(folder, { recursive: true });
  const [depth, rows, columns] = scan.shape;
  const order = Array.from({ length: depth }, (_, i) => depth - 1 - i);
  const size = rows * columns;
  const pixels = Int16Array.from(order.flatMap((d) => [...scan.data.subarray(d * size, (d + 1) * size)]));
  const path = join(folder, "enhanced.dcm");
  const elements = {
    ...common(scan, CLASSES.enhanced, "1.2.3.5"),
    NumberOfFrames: String(depth),
    SharedFunctionalGroupsSequence: [
      { PlaneOrientationSequence: [orientationOf(scan)], PixelMeasuresSequence: [measuresOf(scan)] },
    ],
    PerFrameFunctionalGroupsSequence: order.map((d) => ({ PlanePositionSequence: [placeOf(scan, d)] })),
    PixelData: pixels.buffer,
  };
  writeFileSync(path, dicomFile(elements));
  return path;
}
