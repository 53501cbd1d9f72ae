/**
 * @file Volumes from DICOM folders (Node only). Headers are read with
 * dicom-parser, which tells series apart and places the slices; uncompressed
 * pixels are decoded here, all others by ITK (GDCM), in the order we give it:
 * left to itself it neither reports missing slices nor tells which of several
 * series it took.
 */

import type { Dirent } from "node:fs";
import dicomParser, { type DataSet } from "dicom-parser";
import { inflateSync } from "fflate";
import { AcsconvError } from "../base/errors.ts";
import { builtin, ioErrors, isFolder } from "../base/files.ts";
import { type PixelFormat, decodePixels, narrow, pixelArray } from "./dicom-pixels.ts";
import { type Slice, stackSlices } from "./dicom-slices.ts";
import { type ItkImage, quietly, volumeFromItk } from "./itk.ts";
import type { Vec3 } from "./vec3.ts";
import { type Grid, type Volume, type Voxels, allocate, voxelCount, withData } from "./volume.ts";

const { open, readFile, readdir } = builtin("node:fs/promises");
const paths = builtin("node:path");

export interface DicomOptions {
  /** Which series, where there are several: its UID, or its place (from 0) in the list that the error prints. */
  readonly series?: string | number;
  /** Told of what is odd but can be read. */
  readonly onWarning: (sentence: string) => void;
}

/** More files than any study has: whoever passes `/` shall be told, not kept waiting. */
const MAX_FILES = 50_000;
/** Pixels begin before this in almost all files; where they do not, the whole file is read. */
const HEAD_BYTES = 1 << 16;
/** Files whose headers are read at once. */
const BATCH = 16;
/** An error that lists series names this many. */
const MAX_LISTED = 20;

/**
 * Reads one series from a folder (subfolders included) or a single file.
 *
 * @throws {@link AcsconvError} `format` or `io`; `input`, listing them, if there are several series and none is chosen
 */
export async function readDicom(path: string, { series, onWarning }: DicomOptions): Promise<Volume> {
  const files = await listFiles(path);
  const slices: Slice[] = [];
  const others: string[] = [];
  for (let i = 0; i < files.length; i += BATCH) {
    const names = files.slice(i, i + BATCH);
    const batch = await Promise.all(names.map(readSlice));
    batch.forEach((slice, k) => (slice ? slices.push(slice) : others.push(names[k]!)));
  }
  if (slices.length === 0)
    throw new AcsconvError("format", `"${path}" holds no DICOM images, only ${files.length} other files.`);
  const misnamed = others.filter((name) => /\.(dcm|ima)$/i.test(name));
  if (misnamed.length > 0)
    onWarning(`Files without a DICOM image are left out: ${misnamed.length}, such as "${misnamed[0]!}".`);
  const chosen = chooseSeries(slices, path, series);
  const what = `DICOM series "${chosen[0]!.description || chosen[0]!.series}" in "${path}"`;
  if (chosen.some((slice) => slice.frames > 1)) {
    if (chosen.length > 1)
      throw new AcsconvError(
        "format",
        `${what} holds ${chosen.length} files, some of several frames, each a volume of its own: read one by its path.`,
      );
    // Frames are placed in ways that ITK knows and we do not.
    return decodeWithItk(chosen, what);
  }

  const { slices: sorted, grid } = stackSlices(chosen, what, onWarning);
  const formats = sorted.map((slice) => slice.pixels).filter((format) => format !== undefined);
  if (formats.length === sorted.length) return withData(grid, narrow(await decodeHere(sorted, formats)));
  const [slope, inter] = sorted[0]!.rescale;
  const alike = sorted.every(({ rescale }) => rescale[0] === slope && rescale[1] === inter);
  const image = alike ? await decodeWithItk(sorted, what) : await decodeOneByOne(sorted, grid, what);
  if (image.shape.some((size, i) => size !== grid.shape[i]))
    throw new AcsconvError(
      "format",
      `${what} should be [${grid.shape.join(", ")}] voxels, but decodes to [${image.shape.join(", ")}].`,
    );
  return withData(grid, narrow(image.data), image.channels);
}

async function decodeHere(slices: readonly Slice[], formats: readonly PixelFormat[]): Promise<Voxels> {
  const size = slices[0]!.rows * slices[0]!.columns;
  const data = pixelArray(formats, size * slices.length);
  for (const [i, { path }] of slices.entries()) {
    const header = parseHeader(await ioErrors("read", path, () => readFile(path)))!;
    const { dataOffset } = header.elements[PIXEL_DATA]!;
    const bytes = header.byteArray.subarray(dataOffset);
    decodePixels(bytes, formats[i]!, data.subarray(i * size, (i + 1) * size), path);
  }
  return data;
}

/** Slow; but ITK gives all slices the type that the first one needs, and rounds the others'. */
async function decodeOneByOne(slices: readonly Slice[], grid: Grid, what: string): Promise<Volume> {
  const data = allocate(() => new Float32Array(voxelCount(grid)), 4 * voxelCount(grid));
  const size = grid.shape[1] * grid.shape[2];
  for (const [i, slice] of slices.entries()) {
    const image = await decodeWithItk([slice], what);
    if (image.data.length !== size)
      throw new AcsconvError(
        "format",
        `${what} decodes to ${image.data.length} pixels in "${slice.path}", not ${size}.`,
      );
    data.set(image.data, i * size);
  }
  return withData(grid, data);
}

async function decodeWithItk(slices: readonly Slice[], what: string): Promise<Volume> {
  const { readImageDicomFileSeriesNode } = await import("@itk-wasm/dicom");
  const { outputImage } = await quietly(`the pixels of ${what}`, () =>
    readImageDicomFileSeriesNode({
      inputImages: slices.map((slice) => slice.path),
      singleSortedSeries: true,
    }),
  );
  return volumeFromItk(outputImage as ItkImage, what);
}

/** ITK wants absolute paths. */
async function listFiles(path: string): Promise<string[]> {
  const root = paths.resolve(path);
  const files: string[] = [];
  const walk = async (folder: string): Promise<void> => {
    const entries: Dirent[] = await ioErrors("read", folder, () => readdir(folder, { withFileTypes: true }));
    for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const inner = paths.join(folder, entry.name);
      if (entry.isDirectory()) await walk(inner);
      else if (entry.isFile()) files.push(inner);
      if (files.length > MAX_FILES)
        throw new AcsconvError(
          "input",
          `"${path}" holds more than ${MAX_FILES} files: name the folder of one study.`,
        );
    }
  };
  if (await isFolder(path)) await walk(root);
  else files.push(root);
  return files;
}

function chooseSeries(slices: readonly Slice[], path: string, wanted: string | number | undefined): Slice[] {
  const bySeries = new Map<string, Slice[]>();
  for (const slice of slices) {
    const others = bySeries.get(slice.series);
    if (others) others.push(slice);
    else bySeries.set(slice.series, [slice]);
  }
  const all = [...bySeries.values()].sort(
    ([a], [b]) => a!.seriesNumber - b!.seriesNumber || (a!.series < b!.series ? -1 : 1),
  );
  const chosen =
    wanted === undefined
      ? all.length === 1 && all[0]
      : typeof wanted === "number"
        ? all[wanted]
        : all.find(([slice]) => slice!.series === wanted);
  if (chosen) return chosen;
  const list = all
    .slice(0, MAX_LISTED)
    .map(([slice, ...others], i) => {
      const kind = [slice!.modality, slice!.description && `"${slice!.description}"`]
        .filter(Boolean)
        .join(" ");
      return `${i}: ${kind || "unnamed"}, ${others.length + 1} images, ${slice!.series}`;
    })
    .join("; ");
  const more = all.length > MAX_LISTED ? `; and ${all.length - MAX_LISTED} more` : "";
  const problem =
    wanted === undefined ? "choose one with `series`, by number or UID" : `none of them is "${wanted}"`;
  throw new AcsconvError("input", `"${path}" holds ${all.length} DICOM series, ${problem} (${list}${more}).`);
}

/** The header of a file; undefined if it is no DICOM image. */
async function readSlice(path: string): Promise<Slice | undefined> {
  const head = await ioErrors("read", path, async () => {
    const file = await open(path);
    try {
      const { buffer, bytesRead } = await file.read(new Uint8Array(HEAD_BYTES), 0, HEAD_BYTES, 0);
      return buffer.subarray(0, bytesRead);
    } finally {
      await file.close();
    }
  });
  if (String.fromCharCode(...head.subarray(128, 132)) !== "DICM") return undefined;
  const header = parseHeader(head) ?? parseHeader(await ioErrors("read", path, () => readFile(path)));
  if (!header)
    throw new AcsconvError("format", `"${path}" is a damaged DICOM file: its header cannot be read.`);
  return header.elements[PIXEL_DATA] ? sliceOf(header, path) : undefined;
}

const PIXEL_DATA = "x7fe00010";
const BIG_ENDIAN = "1.2.840.10008.1.2.2";

function parseHeader(bytes: Uint8Array): DataSet | undefined {
  try {
    return dicomParser.parseDicom(bytes, { untilTag: PIXEL_DATA, inflater });
  } catch {
    // Cut off, or damaged: the caller tries again with all of it.
    return undefined;
  }
}

/** The deflated transfer syntax: everything after the file's own header is compressed. */
function inflater(bytes: Uint8Array, position: number): Uint8Array {
  const inflated = inflateSync(bytes.subarray(position));
  const whole = new Uint8Array(position + inflated.length);
  whole.set(bytes.subarray(0, position));
  whole.set(inflated, position);
  return whole;
}

function sliceOf(header: DataSet, path: string): Slice {
  const numbers = (tag: string, count: number): number[] | undefined => {
    const values = Array.from({ length: count }, (_, i) => header.floatString(tag, i));
    return values.every((value) => value !== undefined && Number.isFinite(value))
      ? (values as number[])
      : undefined;
  };
  const cosines = numbers("x00200037", 6);
  const frames = header.intString("x00280008") ?? 1;
  const rescale = [header.floatString("x00281053") ?? 1, header.floatString("x00281052") ?? 0] as const;
  return {
    path,
    instance: header.string("x00080018") ?? "",
    series: header.string("x0020000e") ?? "",
    seriesNumber: header.intString("x00200011") ?? 0,
    description: header.string("x0008103e") ?? "",
    modality: header.string("x00080060") ?? "",
    rows: header.uint16("x00280010") ?? 0,
    columns: header.uint16("x00280011") ?? 0,
    frames,
    pixels: frames === 1 ? pixelFormatOf(header, rescale) : undefined,
    rescale,
    position: numbers("x00200032", 3) as Vec3 | undefined,
    orientation: cosines && ([cosines.slice(0, 3), cosines.slice(3)] as unknown as [Vec3, Vec3]),
    pixelSpacing: numbers("x00280030", 2) as [number, number] | undefined,
    thickness: numbers("x00180088", 1)?.[0] ?? numbers("x00180050", 1)?.[0],
  };
}

/** Transfer syntaxes whose pixels stand in the file as they are (deflated ones, once inflated). */
const UNCOMPRESSED = ["1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.1.99", BIG_ENDIAN];

function pixelFormatOf(header: DataSet, [slope, inter]: Slice["rescale"]): PixelFormat | undefined {
  const syntax = header.string("x00020010") ?? "";
  const grey =
    header.string("x00280004")?.startsWith("MONOCHROME") && (header.uint16("x00280002") ?? 1) === 1;
  const bitsAllocated = header.uint16("x00280100");
  if (!grey || !UNCOMPRESSED.includes(syntax)) return undefined;
  if (bitsAllocated !== 8 && bitsAllocated !== 16 && bitsAllocated !== 32) return undefined;
  const bitsStored = header.uint16("x00280101") ?? bitsAllocated;
  const highBit = header.uint16("x00280102") ?? bitsStored - 1;
  if (bitsStored < 1 || bitsStored > bitsAllocated || highBit !== bitsStored - 1) return undefined;
  return {
    bitsAllocated,
    bitsStored,
    signed: header.uint16("x00280103") === 1,
    littleEndian: syntax !== BIG_ENDIAN,
    slope,
    inter,
  };
}
