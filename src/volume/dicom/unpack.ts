/**
 * @file The images of a compressed file of several frames, each as a file of its own. dcm2niix decodes such files for some
 * codecs only: of others it refuses them, or takes the first frame for all.
 */

import type { DataSet } from "dicom-parser";
import { cross, dot } from "../vec3.ts";
import { ITEM, SEQUENCE_END } from "./codestream.ts";
import { decimal } from "./decimal.ts";
import type { DicomFile, Frame } from "./headers.ts";
import type { Tag } from "./tags.ts";
import { keyOf } from "./tags.ts";

/** What says how to read the pixels, copied as it stands: unsigned shorts, and one text. */
const PIXEL_TAGS: readonly Tag[] = [
  "SamplesPerPixel",
  "PhotometricInterpretation",
  "PlanarConfiguration",
  "Rows",
  "Columns",
];
const BIT_TAGS: readonly Tag[] = ["BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation"];

const MR_IMAGE = "1.2.840.10008.5.1.4.1.1.4";

/**
 * A file for each frame, in the order of their volumes and in these of their positions: images at one position are
 * those of one volume after the other, as they are stored.
 *
 * @param set - the header of the file
 * @param images - the compressed bytes of each frame, in parts
 * @param asStored - frames are placed one above the other in the order in which they are stored
 */
export function unpackFrames(
  file: DicomFile,
  set: DataSet,
  images: readonly (readonly Uint8Array[])[],
  asStored: boolean,
): readonly Uint8Array[] {
  const seen = new Map<string, number>();
  const ranked = file.frames.map((frame, i) => {
    const key = String(frame.position);
    const volume = asStored ? 0 : (seen.get(key) ?? 0);
    seen.set(key, volume + 1);
    return { frame, image: images[i]!, volume, height: asStored ? i : heightOf(frame) };
  });
  ranked.sort((a, b) => a.volume - b.volume || a.height - b.height);
  return ranked.map(({ frame, image, height }, rank) =>
    encode(file, set, asStored ? standIn(frame, height) : frame, rank, image),
  );
}

const heightOf = ({ position, orientation }: Frame): number => dot(position!, cross(...orientation!));

/** Somewhere above the frame before. */
const standIn = (frame: Frame, height: number): Frame => ({
  ...frame,
  position: [0, 0, height],
  orientation: [
    [1, 0, 0],
    [0, 1, 0],
  ],
  pixelSpacing: [1, 1],
});

function encode(
  file: DicomFile,
  set: DataSet,
  { position, orientation, pixelSpacing, rescale }: Frame,
  rank: number,
  image: readonly Uint8Array[],
): Uint8Array {
  const copy = (tag: Tag): Uint8Array | undefined => {
    const element = set.elements[keyOf(tag)];
    if (!element) return undefined;
    const bytes = set.byteArray.subarray(element.dataOffset, element.dataOffset + element.length);
    return encodeElement(tag, tag === "PhotometricInterpretation" ? "CS" : "US", bytes);
  };
  const text = (tag: Tag, vr: string, ...values: readonly (string | number)[]): Uint8Array =>
    encodeElement(tag, vr, ascii(values.map(String).join("\\")));
  const meta = text("TransferSyntaxUID", "UI", file.transferSyntax);
  return concatenated(
    [
      new Uint8Array(128),
      ascii("DICM"),
      encodeElement("FileMetaInformationGroupLength", "UL", Uint8Array.of(meta.length, 0, 0, 0)),
      meta,
      text("SOPClassUID", "UI", MR_IMAGE),
      text("SOPInstanceUID", "UI", `1.${rank + 1}`),
      text("Modality", "CS", "MR"),
      text("SeriesInstanceUID", "UI", "1.1"),
      text("SeriesNumber", "IS", 1),
      text("InstanceNumber", "IS", rank + 1),
      text("ImagePositionPatient", "DS", ...position!.map(decimal)),
      text("ImageOrientationPatient", "DS", ...orientation!.flat().map(decimal)),
      ...PIXEL_TAGS.map(copy),
      text("PixelSpacing", "DS", ...pixelSpacing!.map(decimal)),
      ...BIT_TAGS.map(copy),
      text("RescaleIntercept", "DS", decimal(rescale[1])),
      text("RescaleSlope", "DS", decimal(rescale[0])),
      encodeElement("PixelData", "OB", undefined),
      ...encapsulated([image]),
    ].filter((part) => part !== undefined),
  );
}

const ascii = (text: string): Uint8Array => new TextEncoder().encode(text);

/** An element in explicit little endian; without value, one of undefined length. */
function encodeElement(tag: Tag, vr: string, value: Uint8Array | undefined): Uint8Array {
  const key = keyOf(tag);
  const long = vr === "OB";
  const size = value ? value.length + (value.length % 2) : 0;
  const bytes = new Uint8Array((long ? 12 : 8) + size);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, Number.parseInt(key.slice(1, 5), 16), true);
  view.setUint16(2, Number.parseInt(key.slice(5), 16), true);
  bytes.set(ascii(vr), 4);
  if (long) view.setUint32(8, value ? size : 0xffffffff, true);
  else view.setUint16(6, size, true);
  // Texts are filled up with a space, UIDs with a zero.
  if (value && vr !== "UI") bytes.fill(0x20, bytes.length - size);
  if (value) bytes.set(value, bytes.length - size);
  return bytes;
}

/** Compressed images as a file has them: an empty table of offsets, an item for each, and the end of the sequence. */
export function encapsulated(images: readonly (readonly Uint8Array[])[]): readonly Uint8Array[] {
  const item = (tag: number, size: number): Uint8Array => {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setUint32(0, tag, true);
    new DataView(bytes.buffer).setUint32(4, size, true);
    return bytes;
  };
  return [
    item(ITEM, 0),
    ...images.flatMap((parts) => [
      item(
        ITEM,
        parts.reduce((sum, part) => sum + part.length, 0),
      ),
      ...parts,
    ]),
    item(SEQUENCE_END, 0),
  ];
}

export function concatenated(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
