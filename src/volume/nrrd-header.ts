/**
 * @file The headers of NRRD files (.nrrd, .nhdr): where the numbers lie and what the axes mean, as ITK reads them.
 *
 * @see https://teem.sourceforge.net/nrrd/format.html
 */

import { DTYPES } from "../base/dtypes.ts";
import { type Fail, failOf } from "../formats/foreign.ts";
import { elementCount } from "../graph/tensor.ts";
import type { FileAxes } from "./axes.ts";
import { type DataFiles, MAX_PATTERN, checkFileCount, expandPattern } from "./file-pattern.ts";
import { type Encoding, type RawType, type RawVoxels, checkHeaderEnd } from "./raw-voxels.ts";
import { type Vec3, map3 } from "./vec3.ts";

/** What a NRRD file is, by its header. */
export interface NrrdHeader {
  readonly voxels: RawVoxels;
  readonly axes: FileAxes;
  /** Units of length that are not millimetres. */
  readonly units: readonly string[];
}

const MAX_DIMENSION = 16;

/** Types by all names they have. */
const TYPES: Readonly<Record<string, RawType>> = Object.fromEntries(
  (
    [
      ["int8", "signed char, int8, int8_t"],
      ["uint8", "uchar, unsigned char, uint8, uint8_t"],
      ["int16", "short, short int, signed short, signed short int, int16, int16_t"],
      ["uint16", "ushort, unsigned short, unsigned short int, uint16, uint16_t"],
      ["int32", "int, signed int, int32, int32_t"],
      ["uint32", "uint, unsigned int, uint32, uint32_t"],
      ["int64", "longlong, long long, long long int, signed long long, signed long long int, int64, int64_t"],
      ["uint64", "ulonglong, unsigned long long, unsigned long long int, uint64, uint64_t"],
      ["float32", "float"],
      ["float64", "double"],
    ] as const
  ).flatMap(([type, names]) => names.split(", ").map((name) => [name, type])),
);

const ENCODINGS: Readonly<Record<string, Encoding>> = {
  raw: "raw",
  txt: "text",
  text: "text",
  ascii: "text",
  hex: "hex",
  gz: "gzip",
  gzip: "gzip",
};

/** From the coordinates of a space to LPS. The others are what their users say, and taken as they stand. */
const TO_LPS: Readonly<Record<string, Vec3>> = {
  "left-posterior-superior": [1, 1, 1],
  lps: [1, 1, 1],
  "right-anterior-superior": [-1, -1, 1],
  ras: [-1, -1, 1],
  "left-anterior-superior": [1, -1, 1],
  las: [1, -1, 1],
  "scanner-xyz": [1, 1, 1],
  "3d-right-handed": [1, 1, 1],
  "3d-left-handed": [1, 1, 1],
};

/** Kinds of axes along which one goes through space or time. */
const DOMAIN_KINDS = ["domain", "space", "time", "???", "none"];

/** @param head - the beginning of the file, one character per byte */
export function parseNrrd(head: string, name: string): NrrdHeader {
  const fail = failOf(name);
  const parsed = fieldsOf(head, fail);
  const { fields, files, start } = parsed;
  const need = (key: string): string =>
    fields.get(key) ?? fail(`is not a NRRD file that can be read: its header has no "${key}"`);

  const type =
    TYPES[need("type").toLowerCase()] ??
    fail(`holds elements of type ${JSON.stringify(need("type"))}`, "E_UNSUPPORTED");
  const sizes = numbersIn(need("sizes"));
  const dimension = Number(need("dimension"));
  if (
    !(dimension <= MAX_DIMENSION) ||
    sizes.length !== dimension ||
    !sizes.every((n) => Number.isSafeInteger(n) && n > 0)
  )
    fail(`is damaged: it has ${need("dimension")} dimensions and the sizes ${sizes.join(" × ")}`);
  checkFileCount(parsed, sizes, fail);
  const encoded = need("encoding").toLowerCase();
  const encoding =
    ENCODINGS[encoded] ??
    fail(
      `is encoded as ${JSON.stringify(encoded)}, which is not read here: save it with gzip`,
      "E_UNSUPPORTED",
    );
  const endian = fields.get("endian")?.toLowerCase();
  if (DTYPES[type].bits > 8 && encoding !== "text" && endian !== "little" && endian !== "big")
    fail('is damaged: its header should say "endian: little" or "endian: big"');
  const [lines, skip] = [wholeOf(fields, "lineskip", 0, fail), wholeOf(fields, "byteskip", -1, fail)];
  if (skip === -1 && encoding !== "raw")
    fail(
      'says "byte skip: -1" of voxels that are not raw, which is not read here: save it without a byte skip',
      "E_UNSUPPORTED",
    );
  const littleEndian = endian !== "big";
  return {
    voxels: { type, littleEndian, count: elementCount(sizes), encoding, files, start, lines, skip },
    axes: axesOf(fields, sizes, fail),
    units: [...new Set([...quoted(fields.get("spaceunits")), ...quoted(fields.get("units"))])].filter(
      (unit) => !/^(mm|millimet(er|re)s?|\?*|s|sec|ms)$/i.test(unit),
    ),
  };
}

interface Parsed extends DataFiles {
  /** By names in lower case, without spaces. */
  readonly fields: ReadonlyMap<string, string>;
  /** Where the header ends. */
  readonly start: number;
}

function fieldsOf(head: string, fail: Fail): Parsed {
  if (!/^NRRD000\d/.test(head)) fail("is not a NRRD file");
  const fields = new Map<string, string>();
  let data: NamedFiles = { files: [] };
  for (let at = head.indexOf("\n") + 1; at > 0;) {
    const end = head.indexOf("\n", at);
    checkHeaderEnd(head, end, fail);
    const line = head.slice(at, end < 0 ? undefined : end).trim();
    at = end + 1;
    if (line === "") return { fields, ...data, start: at };
    const colon = line.indexOf(":");
    if (data.listed) data.listed.push(line);
    else if (line.startsWith("#") || line[colon + 1] === "=") continue;
    else if (colon < 1) fail(`is damaged: its header has the line ${JSON.stringify(line)}`);
    else {
      const [key, text] = [line.slice(0, colon), line.slice(colon + 1).trim()];
      const field = key.toLowerCase().replaceAll(" ", "");
      if (fields.has(field)) fail(`is damaged: its header says ${JSON.stringify(key)} twice`);
      fields.set(field, text);
      if (field === "datafile") data = dataFiles(text, fail);
    }
  }
  if (!fields.has("datafile")) fail("is truncated: no empty line ends its header");
  return { fields, ...data, start: head.length };
}

interface NamedFiles extends DataFiles {
  /** `files`, where lines that follow name them. */
  readonly listed?: string[];
}

/** `voxels.raw`; `slice%03d.raw 1 20 1`; or LIST, where names follow in lines. */
function dataFiles(text: string, fail: Fail): NamedFiles {
  const [isList, listed = 0] = /^LIST(?:\s+(\d+))?$/.exec(text) ?? [];
  if (isList) {
    const files: string[] = [];
    return { files, listed: files, axesEach: Number(listed) };
  }
  if (text.length > MAX_PATTERN) return { files: [text] };
  const [, pattern, first, last, step, axesEach = 0] =
    /^(.*%\d*d.*?)\s+(-?\d+)\s+(-?\d+)\s+(-?\d+)(?:\s+(\d+))?$/.exec(text) ?? [];
  if (pattern === undefined) return { files: [text] };
  return {
    files: expandPattern(pattern, Number(first), Number(last), Number(step), fail),
    axesEach: Number(axesEach),
  };
}

function axesOf(fields: Parsed["fields"], sizes: readonly number[], fail: Fail): FileAxes {
  const kinds = (fields.get("kinds") ?? "").toLowerCase().split(/\s+/);
  if (kinds.some((kind) => kind === "complex"))
    fail("holds complex numbers: save their magnitude instead", "E_UNSUPPORTED");
  const vectors = fields.has("spacedirections") ? vectorsIn(fields.get("spacedirections")!) : undefined;
  if (vectors && vectors.length !== sizes.length)
    fail(`is damaged: it has ${sizes.length} axes and ${vectors.length} space directions`);
  const all = sizes.map((_, axis) => axis);
  const domain = all.filter(
    (axis) => DOMAIN_KINDS.includes(kinds[axis] || "none") && vectors?.[axis] !== null,
  );
  if (vectors && all.some((axis) => vectors[axis] === null && ["domain", "space"].includes(kinds[axis]!)))
    fail(`is damaged: it has an axis in space without a direction (${fields.get("spacedirections")})`);
  // Time is the last of four, unless another axis is said to be it.
  const spatial = domain.filter((axis) => kinds[axis] !== "time").slice(0, 3);
  // Slices are 2D only where there is no third axis that could lie in space.
  const isCounted = (axis: number): boolean =>
    spatial.includes(axis) || !DOMAIN_KINDS.includes(kinds[axis] || "none");
  const isPlane = spatial.length === 2 && all.every(isCounted);
  if (!(spatial.length === 3 || isPlane) || domain.length > 4)
    fail(
      `has ${domain.length} axes in space and time, where a volume has 3, or 4 with time: its sizes are ${sizes.join(" × ")}`,
      "E_UNSUPPORTED",
    );
  const space = (fields.get("space") ?? "")
    .toLowerCase()
    .replace(/-time$/, "")
    .replace(/^(ras|las|lps)t$/, "$1");
  const signs: Vec3 =
    space === ""
      ? [1, 1, 1]
      : (TO_LPS[space] ??
        fail(`lies in the space ${JSON.stringify(space)}, which is not known`, "E_UNSUPPORTED"));
  const inLps = (vector: readonly number[]): Vec3 => map3(signs, (sign, i) => (vector[i] ?? 0) * sign + 0);
  const spacings = numbersIn(fields.get("spacings") ?? "");
  const spacing = (axis: number): number => (Number.isFinite(spacings[axis]) ? spacings[axis]! : 1);
  const steps = spatial.map((axis, i): Vec3 => {
    const vector = vectors?.[axis];
    if (vector && vector.length < Math.min(3, spatial.length))
      fail(`is damaged: its space has ${vector.length} dimensions, fewer than its axes`);
    return inLps(vector ?? [0, 1, 2].map((j) => (i === j ? spacing(axis) : 0)));
  });
  const [origin] = vectorsIn(fields.get("spaceorigin") ?? "");
  return { sizes, spatial, steps, origin: inLps(origin ?? minsOf(fields, spatial, spacing)) };
}

/** The centres of the first voxels along each axis, where no space says where they lie. */
function minsOf(
  fields: Parsed["fields"],
  spatial: readonly number[],
  spacing: (axis: number) => number,
): number[] {
  const mins = numbersIn(fields.get("axismins") ?? "");
  const centerings = (fields.get("centerings") ?? fields.get("centers") ?? "").toLowerCase().split(/\s+/);
  if (!fields.has("spacings") || !spatial.every((axis) => Number.isFinite(mins[axis]))) return [];
  return spatial.map((axis) => mins[axis]! + (centerings[axis] === "node" ? 0 : spacing(axis) / 2));
}

const numbersIn = (text: string): number[] =>
  text
    .split(/\s+/)
    .filter((word) => word !== "")
    .map(Number);

/** `(1,0,0) none` as vectors; null for what is none. */
const vectorsIn = (text: string): (number[] | null)[] =>
  [...text.matchAll(/\(([^)]*)\)|[^\s(]+/g)].map(([, inside]) => {
    const vector = inside?.split(",").map(Number);
    return vector?.every(Number.isFinite) ? vector : null;
  });

const quoted = (text = ""): string[] => [...text.matchAll(/"([^"]*)"/g)].map(([, inside]) => inside!.trim());

function wholeOf(fields: Parsed["fields"], key: string, least: number, fail: Fail): number {
  const value = Number(fields.get(key) ?? 0);
  if (!(Number.isSafeInteger(value) && value >= least))
    fail(`is damaged: its "${key}" is ${fields.get(key)}`);
  return value;
}
