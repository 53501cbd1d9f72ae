/**
 * @file A DICOM segmentation (SEG) as labels on the grid of an image. Its frames say where they lie; positions without a
 * frame hold nothing.
 *
 * @see https://dicom.nema.org/medical/dicom/current/output/chtml/part03/sect_C.8.20.html
 */

import { AcsconvError, formatError } from "../../base/errors.ts";
import { type ByteSource, openSource } from "../../base/byte-source.ts";
import { printable } from "../../base/printable.ts";
import { failOf } from "../../formats/foreign.ts";
import type { DicomInput } from "../dicom/files.ts";
import { type DicomFile, readHeader } from "../dicom/headers.ts";
import { type ParsedHeader, parseHeader } from "../dicom/parse.ts";
import { LABELMAP, isSegmentationClass } from "../dicom/segmentation-class.ts";
import { DEFLATED, EXPLICIT_BIG, EXPLICIT_LITTLE, IMPLICIT_LITTLE } from "../dicom/syntaxes.ts";
import { Tags, keyOf } from "../dicom/tags.ts";
import { type Vec3, dot, unit } from "../vec3.ts";
import { allocate } from "../../base/memory.ts";
import { type Grid, type Volume, type Voxels, voxelCount, withData } from "../volume.ts";
import { contradiction } from "./belonging.ts";
import { characterSets, textIn } from "./characters.ts";
import {
  type Placing,
  type Plane,
  describeGrid,
  describePlane,
  lastVoxel,
  placePlane,
  stridesOf,
} from "./plane.ts";

/** Frames that lie further from the image's voxels than this, in voxels, are worth a word. */
const WORTH_A_WORD = 0.01;

/** A structure in a segmentation. */
export interface ReadSegment {
  readonly number: number;
  readonly label: string;
}

/** Labels are the numbers of segments; 0 is the background. */
export type SegmentedVolume = Volume & { readonly segments: readonly ReadSegment[] };

/** Whether a file is a DICOM segmentation, by its content. */
export async function isSegmentation(input: string | File): Promise<boolean> {
  const header = await parseHeader(await openSource(input));
  const sopClass = header?.set.string(keyOf("SOPClassUID"))?.replaceAll("\0", "").trim();
  return sopClass !== undefined && isSegmentationClass(sopClass);
}

/** What a segmentation's own file does not say. */
export interface ReadSegmentationOptions {
  /** The images that it is laid on: where they are DICOM, a segmentation of others is worth a warning. */
  readonly images?: DicomInput;
  /** Told what is odd; `console.warn` by default. */
  readonly onWarning?: (sentence: string) => void;
}

/**
 * Reads a DICOM segmentation: binary; fractional ones from one half on, with a warning; label maps.
 *
 * @param input - a path (Node), or a browser's `File`
 * @param grid - of the image; axes of the frames may run along others of its axes, or backwards
 * @returns one channel on `grid`
 * @throws {@link AcsconvError} `io`; `format` if it is no segmentation, damaged, compressed, of another grid, or if
 *   segments overlap
 */
export async function readSegmentation(
  input: string | File,
  grid: Grid,
  { images, onWarning = console.warn }: ReadSegmentationOptions = {},
): Promise<SegmentedVolume> {
  const source = await openSource(input);
  const fail = failOf(source.name);
  const [header, file] = [await parseHeader(source), await readHeader(source)];
  if (!header || !file || !isSegmentationClass(file.sopClass)) return fail("is no DICOM segmentation");
  if (file.fault) throw file.fault;
  const tags = new Tags(header.set, fail);
  const segments = segmentsOf(tags, source.name, onWarning);
  const pixels = await pixelsOf(header, file, tags, onWarning);
  const numbers = pixels.binary ? numbersOf(tags, file) : undefined;
  const declared = new Set(segments.map(({ number }) => number));
  const twice = segments.find(({ number }, i) => segments.findIndex((one) => one.number === number) < i);
  if (twice) tags.fail("SegmentSequence", `describes segment ${twice.number} twice`);
  const checkDeclared = (number: number, frame: number): void => {
    if (declared.has(number)) return;
    tags.fail(
      "SegmentSequence",
      `does not describe segment ${number}, which frame ${frame + 1} holds, but only ${[...declared].join(", ") || "none"}`,
    );
  };
  numbers?.forEach(checkDeclared);
  const largest = (numbers ?? segments.map(({ number }) => number)).reduce((a, b) => Math.max(a, b), 0);
  const count = voxelCount(grid);
  const data: Voxels =
    largest > 255 || pixels.wide
      ? allocate(() => new Uint16Array(count), 2 * count)
      : allocate(() => new Uint8Array(count), count);

  const strides = stridesOf(grid);
  let apart = 0;
  file.frames.forEach((_, frame) => {
    const plane = planeOf(file, frame);
    const placing = placed(plane, grid, frame, source.name);
    apart = Math.max(apart, placing.off);
    const [down, right] = [dot(strides, placing.steps[0]), dot(strides, placing.steps[1])];
    const first = dot(strides, placing.first);
    for (let i = 0; i < file.rows; i++)
      for (let j = 0; j < file.columns; j++) {
        const value = pixels.at((frame * file.rows + i) * file.columns + j);
        if (value === 0) continue;
        const number = numbers ? numbers[frame]! : value;
        if (!numbers) checkDeclared(number, frame);
        const at = first + i * down + j * right;
        if (data[at] !== 0 && data[at] !== number)
          throw overlapping(segments, [data[at]!, number], at, grid, source.name);
        data[at] = number;
      }
  });
  if (apart > WORTH_A_WORD)
    onWarning(
      `"${source.name}" has frames that lie up to ${apart.toFixed(3)} of a voxel off the image's grid: they are taken for its slices.`,
    );
  const other = images && (await contradiction(header.set, source.name, images));
  if (other) onWarning(other);
  return { ...withData(grid, data), segments };
}

function segmentsOf(tags: Tags, name: string, onWarning: (sentence: string) => void): readonly ReadSegment[] {
  const sets = characterSets(tags.set);
  return tags.items("SegmentSequence").map((item) => {
    const number = item.short("SegmentNumber") ?? 0;
    const label = textIn(item.set, keyOf("SegmentLabel"), sets);
    if (label === undefined)
      onWarning(
        `"${name}" has a SegmentLabel of segment ${number} that is no text in its character set, ${printable(sets.join(" ")) || "of which it names none"}: the segment goes without a name.`,
      );
    return { number, label: label ?? "" };
  });
}

/** The segment of each frame. */
function numbersOf(tags: Tags, { frames }: DicomFile): readonly number[] {
  const [shared] = tags.items("SharedFunctionalGroupsSequence");
  const each = tags.items("PerFrameFunctionalGroupsSequence");
  return frames.map((_, i) => {
    const group = [each[i], shared].flatMap((own) => own?.items("SegmentIdentificationSequence") ?? [])[0];
    const number = group?.short("ReferencedSegmentNumber") ?? 0;
    if (number === 0) tags.fail("SegmentIdentificationSequence", `names no segment for frame ${i + 1}`);
    if (group!.set.elements[keyOf("ReferencedSegmentNumber")]!.length > 2)
      tags.fail("SegmentIdentificationSequence", `names several segments for frame ${i + 1}`);
    return number;
  });
}

/** The pixels of all frames, one after the other. */
interface Pixels {
  /** Whether a pixel says that it is in its frame's segment; else it holds the number of its own. */
  readonly binary: boolean;
  /** Whether pixels hold 16 bits. */
  readonly wide: boolean;
  at(index: number): number;
}

async function pixelsOf(
  header: ParsedHeader,
  { source, transferSyntax, sopClass, frames, rows, columns }: DicomFile,
  tags: Tags,
  onWarning: (sentence: string) => void,
): Promise<Pixels> {
  if (![IMPLICIT_LITTLE, EXPLICIT_LITTLE, EXPLICIT_BIG, DEFLATED].includes(transferSyntax))
    throw formatError(
      `"${source.name}" is a compressed segmentation (transfer syntax ${transferSyntax}): decompress it first, such as by dcmtk's dcmconv, dcmdrle or dcmdjpeg.`,
      { code: "E_UNSUPPORTED" },
    );
  const type = sopClass === LABELMAP ? "LABELMAP" : tags.text("SegmentationType") || "BINARY";
  const bits = tags.short("BitsAllocated");
  const bytes = await bytesOf(source, header);
  const claimed = Math.ceil((frames.length * rows * columns * (bits ?? 0)) / 8);
  // What is deflated has shown its length only now.
  if (bytes.length < claimed)
    throw formatError(
      `"${source.name}" is truncated: it holds ${bytes.length} bytes of pixels, not ${claimed}.`,
    );
  if (type === "BINARY" && bits === 1)
    return { binary: true, wide: false, at: (i) => (bytes[Math.floor(i / 8)]! >> (i % 8)) & 1 };
  if (type === "FRACTIONAL" && bits === 8) {
    const half = (tags.short("MaximumFractionalValue") ?? 255) / 2;
    onWarning(`"${source.name}" holds fractions: a voxel is in a segment from one half on.`);
    return { binary: true, wide: false, at: (i) => (bytes[i]! >= half ? 1 : 0) };
  }
  if (type === "LABELMAP" && bits === 8) return { binary: false, wide: false, at: (i) => bytes[i]! };
  if (type === "LABELMAP" && bits === 16)
    return { binary: false, wide: true, at: (i) => bytes[2 * i]! | (bytes[2 * i + 1]! << 8) };
  throw formatError(
    `"${source.name}" is a segmentation of type ${printable(type)} with ${bits ?? "no"} bits per pixel, where BINARY has 1, FRACTIONAL 8 and LABELMAP 8 or 16.`,
    { code: "E_UNSUPPORTED" },
  );
}

async function bytesOf(
  source: ByteSource,
  { set, shift, transferSyntax }: ParsedHeader,
): Promise<Uint8Array> {
  const { dataOffset, vr } = set.elements[keyOf("PixelData")]!;
  if (transferSyntax === DEFLATED) return set.byteArray.subarray(dataOffset);
  const bytes = (await source.bytes()).subarray(dataOffset + shift);
  // The words of OW are turned; OB is the same in both orders.
  return transferSyntax === EXPLICIT_BIG && vr === "OW" ? bytes.map((_, i) => bytes[i ^ 1] ?? 0) : bytes;
}

function planeOf({ frames, rows, columns, source }: DicomFile, index: number): Plane {
  const { position, orientation, pixelSpacing } = frames[index]!;
  if (!position || !orientation || !pixelSpacing)
    throw formatError(
      `"${source.name}" does not say where its frame ${index + 1} lies: position, orientation or pixel spacing is missing.`,
    );
  return {
    rows,
    columns,
    position,
    orientation: [unit(orientation[0]), unit(orientation[1])],
    spacing: pixelSpacing,
  };
}

function placed(plane: Plane, grid: Grid, frame: number, name: string): Placing {
  const placing = placePlane(grid, plane);
  const isInside = (voxel: Vec3): boolean => voxel.every((x, axis) => x >= 0 && x < grid.shape[axis]!);
  if (placing && isInside(placing.first) && isInside(lastVoxel(placing, plane))) return placing;
  throw formatError(
    `"${name}" does not lie on its image's grid: its frame ${frame + 1} has ${describePlane(plane)}, but the image has ${describeGrid(grid)}.`,
  );
}

function overlapping(
  segments: readonly ReadSegment[],
  pair: readonly [number, number],
  at: number,
  { shape }: Grid,
  name: string,
): AcsconvError {
  const [one, other] = pair.map((number) => {
    const label = segments.find((segment) => segment.number === number)?.label;
    return label ? `${number} ("${printable(label)}")` : String(number);
  });
  const [, height, width] = shape;
  const voxel = [Math.floor(at / (height * width)), Math.floor(at / width) % height, at % width];
  return formatError(
    `"${name}": segments ${one} and ${other} overlap, as in voxel [${voxel.join(", ")}], but a voxel has one label: write the segments without overlap.`,
    { code: "E_UNSUPPORTED" },
  );
}
