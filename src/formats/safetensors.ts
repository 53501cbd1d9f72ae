/**
 * @file Named tensors as a safetensors file: weights as the field exchanges
 * them, and our checkpoints. Own code, because the format is a page long:
 *
 *   8 bytes   n, the header's length, little-endian
 *   n bytes   JSON, padded with spaces:
 *             { "__metadata__": { text: text }, name: { "dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24] } }
 *   the rest  elements, little-endian and row-major, without holes
 *
 * A header is foreign: nothing in it is believed before it is checked against
 * the file's size, and nothing is allocated for it.
 *
 * @see https://huggingface.co/docs/safetensors
 */

import { inputError } from "../base/errors.ts";
import { type DType, dtypeBy, DTYPES, elementType } from "../base/dtypes.ts";
import { byteLength, type Tensor } from "../graph/tensor.ts";
import { type Contents, type Fail, failOf } from "./foreign.ts";
import { openSource } from "../base/byte-source.ts";

const METADATA = "__metadata__";
/** The reference implementation's limit. */
const MAX_HEADER_BYTES = 100_000_000;
/** As many axes as NumPy has. */
const MAX_RANK = 64;

/**
 * The parts of a safetensors file; elements are shared, not copied. The same
 * tensors and texts give the same bytes, in whatever order tensors come.
 *
 * @throws {@link AcsconvError} `input` for element types that the format does not have
 */
export function encodeSafetensors({ tensors, metadata }: Contents): Uint8Array[] {
  const sorted = [...tensors].sort(byWidthAndName);
  let offset = 0;
  const entries = sorted.map(([name, { dtype, dims, bytes }]) => {
    const type = elementType(dtype).safetensors;
    if (type === undefined || name === METADATA)
      throw inputError(`A safetensors file cannot hold "${name}", a tensor of ${dtype} elements.`, {
        code: "E_UNSUPPORTED",
      });
    return [name, { dtype: type, shape: dims, data_offsets: [offset, (offset += bytes.length)] }];
  });
  const texts = metadata.size > 0 ? [[METADATA, Object.fromEntries(metadata)]] : [];
  const header = Object.fromEntries([...texts, ...entries]) as unknown;
  const json = new TextEncoder().encode(JSON.stringify(header));
  const start = new Uint8Array(8 + Math.ceil(json.length / 8) * 8).fill(" ".charCodeAt(0));
  new DataView(start.buffer).setBigUint64(0, BigInt(start.length - 8), true);
  start.set(json, 8);
  return [start, ...sorted.map(([, { bytes }]) => bytes)];
}

/** Widest elements first, so that every tensor is aligned in a file that is mapped or read whole. */
function byWidthAndName([a, x]: [string, Tensor], [b, y]: [string, Tensor]): number {
  return DTYPES[y.dtype].bits - DTYPES[x.dtype].bits || (a < b ? -1 : 1);
}

/** Reads a safetensors file. Tensors are views of `bytes`. */
export function decodeSafetensors(bytes: Uint8Array, name: string): Contents {
  const fail: Fail = failOf(name);
  if (bytes.length < 8) fail(`is no safetensors file: it has ${bytes.length} bytes`);
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  // A header is an object; what begins otherwise is some other file.
  if (length > MAX_HEADER_BYTES || (bytes.length > 8 && bytes[8] !== "{".charCodeAt(0)))
    fail("is no safetensors file");
  if (length > bytes.length - 8)
    fail(`is truncated: its header of ${length} bytes does not fit into ${bytes.length}`);
  const data = bytes.subarray(8 + length);
  const { [METADATA]: texts = {}, ...entries } = parseHeader(bytes.subarray(8, 8 + length), fail);

  const metadata = new Map<string, string>();
  for (const [key, text] of Object.entries(
    isRecord(texts) ? texts : fail("is damaged: its metadata is no object"),
  )) {
    metadata.set(key, typeof text === "string" ? text : fail(`is damaged: its metadata "${key}" is no text`));
  }

  const spans = Object.entries(entries)
    .map(([key, entry]) => ({
      key,
      ...spanOf(entry, (what) => fail(`is damaged: its tensor "${key}" ${what}`)),
    }))
    .sort((a, b) => a.begin - b.begin || a.end - b.end);
  let end = 0;
  for (const span of spans) {
    if (span.begin !== end)
      fail(
        `is damaged: its tensor "${span.key}" begins at byte ${span.begin} of the data, and the one before it ends at ${end}`,
      );
    end = span.end;
  }
  if (end > data.length)
    fail(`is truncated: its tensors take ${end} bytes, of which ${data.length} are there`);
  if (end < data.length) fail(`is damaged: ${data.length - end} bytes follow its tensors`);
  const tensors = spans.map(({ key, begin, end, dtype, dims }): [string, Tensor] => [
    key,
    { dtype, dims, bytes: data.subarray(begin, end) },
  ]);
  return { tensors: new Map(tensors), metadata };
}

type Entries = Readonly<Record<string, unknown>>;

const isRecord = (value: unknown): value is Entries =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function parseHeader(bytes: Uint8Array, fail: Fail): Entries {
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    fail("is damaged: its header is no JSON");
  }
  return isRecord(header) ? header : fail("is damaged: its header is no object");
}

/** One tensor's type, sizes and place, all of which agree. */
function spanOf(
  entry: unknown,
  fail: Fail,
): { dtype: DType; dims: readonly number[]; begin: number; end: number } {
  const { dtype: type, shape, data_offsets: offsets } = isRecord(entry) ? entry : fail("is no object");
  const dtype =
    dtypeBy("safetensors", String(type)) ?? fail(`is of an unknown type, ${JSON.stringify(type)}`);
  const dims =
    isSizes(shape) && shape.length <= MAX_RANK ? shape : fail(`has the shape ${JSON.stringify(shape)}`);
  const [begin, end] =
    isSizes(offsets) && offsets.length === 2 ? offsets : fail(`has the offsets ${JSON.stringify(offsets)}`);
  const expected = byteLength(dtype, dims);
  if (end! - begin! !== expected)
    fail(`has ${end! - begin!} bytes, where ${dtype} [${dims.join(", ")}] takes ${expected}`);
  return { dtype, dims, begin: begin!, end: end! };
}

const isSizes = (value: unknown): value is readonly number[] =>
  Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0);

/** Reads a safetensors file from a path. */
export async function readSafetensors(path: string): Promise<Contents> {
  return decodeSafetensors(await (await openSource(path)).bytes(), path);
}
