/**
 * @file MetaImage (.mha, .mhd), as ITK reads it.
 *
 * @see https://itk.org/Wiki/ITK/MetaIO/Documentation
 */

import type { ByteSource } from "../base/byte-source.ts";
import { type Fail, failOf } from "../formats/foreign.ts";
import { elementCount } from "../graph/tensor.ts";
import { type FileAxes, volumeOfAxes } from "./axes.ts";
import { type DataFiles, MAX_PATTERN, checkFileCount, expandPattern } from "./file-pattern.ts";
import { type RawType, type RawVoxels, checkHeaderEnd, headOf, pathBeside, readRaw } from "./raw-voxels.ts";
import { type Vec3, map3, scale } from "./vec3.ts";
import type { Volume } from "./volume.ts";

/** `MET_LONG` has 32 bits wherever it is written, as ITK takes it. */
const TYPES: Readonly<Record<string, RawType>> = {
  MET_CHAR: "int8",
  MET_UCHAR: "uint8",
  MET_SHORT: "int16",
  MET_USHORT: "uint16",
  MET_INT: "int32",
  MET_UINT: "uint32",
  MET_LONG: "int32",
  MET_ULONG: "uint32",
  MET_LONG_LONG: "int64",
  MET_ULONG_LONG: "uint64",
  MET_FLOAT: "float32",
  MET_DOUBLE: "float64",
};

/** Reads a MetaImage, its voxels in the same file or in others. Components of a voxel and time become channels. */
export async function readMetaImage(
  source: ByteSource,
  onWarning: (sentence: string) => void,
): Promise<Volume> {
  const { fields, start, ...data } = fieldsOf(await headOf(source), failOf(source.name));
  const header = new MetaHeader(fields, failOf(source.name));
  const unit = fields.get("DistanceUnits");
  if (unit !== undefined && !/^(mm|millimet(er|re)s?|\?)$/i.test(unit))
    onWarning(`"${source.name}" says that its lengths are in ${unit}: they are read as mm, as ITK does.`);
  const axes = header.axes();
  const voxels = header.voxels(axes.sizes, data, start);
  return volumeOfAxes(await readRaw(voxels, source), axes, source.name);
}

/** The files that hold the voxels of a MetaImage, other than itself. */
export const metaImageFiles = async (source: ByteSource): Promise<readonly string[]> =>
  Promise.all(
    fieldsOf(await headOf(source), failOf(source.name)).files.map((file) => pathBeside(source, file)),
  );

type MetaFields = ReadonlyMap<string, string>;

/** `Key = Value` in lines, up to where the voxels are said to lie. */
function fieldsOf(
  head: string,
  fail: Fail,
): DataFiles & { readonly fields: MetaFields; readonly start: number } {
  const fields = new Map<string, string>();
  for (let at = 0; at < head.length;) {
    const end = head.indexOf("\n", at);
    checkHeaderEnd(head, end, fail);
    const line = head.slice(at, end < 0 ? undefined : end);
    at = end < 0 ? head.length : end + 1;
    const sign = line.search(/[=:]/);
    const [key, value] = [line.slice(0, sign).trim(), line.slice(sign + 1).trim()];
    if (sign < 0 || key === "") break;
    fields.set(key, value);
    if (key === "ElementDataFile") return { fields, ...filesOf(value, head.slice(at), fail), start: at };
  }
  return fail("is not a MetaImage: its header has no ElementDataFile");
}

function filesOf(text: string, rest: string, fail: Fail): DataFiles {
  if (/^local$/i.test(text)) return { files: [] };
  // "LIST 2D" as well as "LIST 2".
  const [isList, axesEach = 0] = /^LIST(?:\s+(\d+)D?)?$/.exec(text) ?? [];
  if (isList) {
    const files = rest
      .split("\n")
      .map((line) => line.trim())
      .filter((line) => line !== "");
    return { files, axesEach: Number(axesEach) };
  }
  if (text.length > MAX_PATTERN) return { files: [text] };
  const [, pattern, first, last, step] = /^(\S*%\d*d\S*)\s+(-?\d+)\s+(-?\d+)\s+(-?\d+)$/.exec(text) ?? [];
  return pattern === undefined
    ? { files: [text] }
    : { files: expandPattern(pattern, Number(first), Number(last), Number(step), fail), axesEach: 0 };
}

class MetaHeader {
  readonly #fields: MetaFields;
  readonly #fail: Fail;
  readonly #dimension: number;

  constructor(fields: MetaFields, fail: Fail) {
    this.#fields = fields;
    this.#fail = fail;
    this.#dimension = Number(fields.get("NDims"));
    if (![2, 3, 4].includes(this.#dimension))
      fail(`has ${fields.get("NDims")} dimensions, where a volume has 3, or 4 with time`, "E_UNSUPPORTED");
  }

  axes(): FileAxes {
    const dimension = this.#dimension;
    const sizes = this.#numbers(["DimSize"], dimension);
    const channels = Number(this.#fields.get("ElementNumberOfChannels") ?? 1);
    if (!sizes || ![...sizes, channels].every((size) => Number.isSafeInteger(size) && size > 0))
      this.#fail(`is damaged: its sizes are ${this.#fields.get("DimSize")}, of ${channels} channels`);
    const spacing = this.#numbers(["ElementSpacing", "ElementSize"], dimension) ?? sizes.map(() => 1);
    const origin = this.#numbers(["Offset", "Position", "Origin"], dimension) ?? [];
    const matrix = this.#numbers(["TransformMatrix", "Rotation", "Orientation"], dimension ** 2);
    // A line of the matrix for each axis; the fourth is time.
    const spatial = [0, 1, 2].slice(0, dimension);
    const axis = (i: number): Vec3 => {
      const row = matrix?.slice(i * dimension, (i + 1) * dimension);
      return map3([0, 1, 2], (j) => row?.[j] ?? Number(i === j && !row));
    };
    const first = channels > 1 ? 1 : 0;
    return {
      sizes: channels > 1 ? [channels, ...sizes] : sizes,
      spatial: spatial.map((i) => i + first),
      steps: spatial.map((i) => scale(axis(i), spacing[i]!)),
      origin: map3([0, 1, 2], (i) => origin[i] ?? 0),
    };
  }

  voxels(sizes: readonly number[], data: DataFiles, start: number): RawVoxels {
    const { files } = data;
    // Without the components of a voxel.
    checkFileCount(data, sizes.slice(-this.#dimension), this.#fail);
    const element = this.#fields.get("ElementType") ?? "";
    const type =
      TYPES[element.replace(/_ARRAY$/, "")] ??
      this.#fail(`holds elements of type ${JSON.stringify(element)}`, "E_UNSUPPORTED");
    const skip = Number(this.#fields.get("HeaderSize") ?? 0);
    // It counts from the beginning of the file, also where that is the header's own.
    const isBehind = files.length > 0 || skip <= 0 || skip >= start;
    if (!(Number.isSafeInteger(skip) && skip >= -1 && isBehind))
      this.#fail(`is damaged: its HeaderSize is ${this.#fields.get("HeaderSize")}`);
    const isText = this.#fields.get("BinaryData") !== undefined && !this.#isTrue("BinaryData");
    return {
      type,
      // Where the two contradict each other, ITK goes by the first.
      littleEndian: !this.#isTrue(
        this.#fields.has("BinaryDataByteOrderMSB") ? "BinaryDataByteOrderMSB" : "ElementByteOrderMSB",
      ),
      count: elementCount(sizes),
      encoding: isText ? "text" : this.#isTrue("CompressedData") ? "zlib" : "raw",
      files,
      start: skip > 0 ? 0 : start,
      lines: 0,
      skip,
    };
  }

  #isTrue(key: string): boolean {
    return /^(true|1|t)$/i.test(this.#fields.get(key) ?? "");
  }

  /** The first of these fields that there is, as numbers. */
  #numbers(keys: readonly string[], count: number): number[] | undefined {
    const key = keys.find((each) => this.#fields.has(each));
    if (key === undefined) return undefined;
    const numbers = this.#fields.get(key)!.split(/\s+/).map(Number);
    if (numbers.length < count || !numbers.slice(0, count).every(Number.isFinite))
      this.#fail(
        `is damaged: its ${key} should be ${count} numbers, not ${JSON.stringify(this.#fields.get(key))}`,
      );
    return numbers.slice(0, count);
  }
}
