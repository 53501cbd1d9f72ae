/**
 * @file NumPy's array files (.npy) as tensors.
 *
 * @see https://numpy.org/doc/2.1/reference/generated/numpy.lib.format.html
 */

import { inputError } from "../base/errors.ts";
import { type DTypeOf, dtypeBy, DTYPES, elementType } from "../base/dtypes.ts";
import { type Tensor, byteLength as bytesIn, elementCount } from "../graph/tensor.ts";
import { type Fail, failOf } from "./foreign.ts";
import { type Literal, parseLiteral } from "./python-literal.ts";
import { gatherBytes, swapBytes } from "../base/bytes.ts";

/** NumPy itself refuses longer headers: parsing them costs, and structured types alone need them. */
const MAX_HEADER_BYTES = 10_000;
/** NumPy's own limit was 32, and is 64. */
const MAX_RANK = 64;

/** What the header of a .npy file says. */
export interface NpyHeader {
  /** Undefined for what is no plain number: text, Python objects, structures, dates. */
  readonly dtype: DTypeOf<"numpy"> | undefined;
  readonly dims: readonly number[];
  /** NumPy's own name of the element type, such as `<f4` or `|O`. */
  readonly descr: string;
  readonly bigEndian: boolean;
  readonly fortran: boolean;
  /** Where the elements begin. */
  readonly start: number;
}

/** As many bytes of a .npy file as always hold its header. */
export const NPY_HEADER_BYTES = 12 + MAX_HEADER_BYTES;

/** How many bytes a .npy file has, by its header. */
export const npyBytes = ({ dtype, dims, start }: NpyHeader): number =>
  start + (dtype ? bytesIn(dtype, dims) : 0);

/**
 * Parses the header of a .npy file; the elements need not be there.
 *
 * @throws {@link AcsconvError} `format`
 */
export function readNpyHeader(bytes: Uint8Array, name: string): NpyHeader {
  const fail: Fail = failOf(name);
  if (bytes.length < 12 || String.fromCharCode(...bytes.subarray(1, 6)) !== "NUMPY" || bytes[0] !== 0x93)
    fail("is not a NumPy file");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const version = bytes[6]!;
  const start = version === 1 ? 10 : 12;
  const headerLength = version === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  if (version > 3 || headerLength > MAX_HEADER_BYTES || start + headerLength > bytes.length)
    fail(`is damaged: it has a NumPy header of version ${version} and ${headerLength} bytes`);
  const header = new TextDecoder().decode(bytes.subarray(start, start + headerLength));

  const fields = parseLiteral(header);
  if (!(fields instanceof Map))
    return fail(`is damaged: its NumPy header is no dictionary, but ${JSON.stringify(header.slice(0, 100))}`);
  const [descr, fortran, dims] = ["descr", "fortran_order", "shape"].map((key) => fields.get(key) as Literal);
  if (!isSizes(dims)) fail("is damaged: its NumPy header has no shape");
  if (typeof fortran !== "boolean") fail("is damaged: its NumPy header has no fortran_order");
  const plain = typeof descr === "string" ? /^([<>|=]?)([a-zA-Z])(\d*)$/.exec(descr) : null;
  if (dims.length > MAX_RANK) fail(`is damaged: it has ${dims.length} axes`);
  return {
    dtype: plain ? dtypeBy("numpy", `${plain[2]}${plain[3]}`) : undefined,
    dims,
    descr: typeof descr === "string" ? `'${descr}'` : "a structure",
    bigEndian: plain?.[1] === ">",
    fortran,
    start: start + headerLength,
  };
}

const isSizes = (shape: Literal | undefined): shape is readonly number[] =>
  Array.isArray(shape) && shape.every((size) => Number.isInteger(size) && size >= 0);

/**
 * Parses a .npy file. Big-endian and Fortran-ordered arrays are turned into
 * little-endian, row-major ones; others share the memory of `bytes`.
 *
 * @throws {@link AcsconvError} `format`; Python objects are never unpickled
 */
export function readNpy({ buffer, byteOffset, byteLength }: Uint8Array, name: string): Tensor {
  // As a plain array, because slice() of Node's Buffer would not copy.
  const bytes = new Uint8Array(buffer, byteOffset, byteLength);
  const header = readNpyHeader(bytes, name);
  checkNpy(header, bytes.length, name);
  const { dtype, dims, start } = header;
  let elements = bytes.subarray(start, npyBytes(header));
  const width = DTYPES[dtype].bits / 8;
  if (header.bigEndian && width > 1) {
    elements = elements.slice();
    swapBytes(elements, dtype.startsWith("complex") ? width / 2 : width);
  }
  if (header.fortran) {
    const strides = dims.map((_, axis) => elementCount(dims.slice(0, axis)));
    elements = gatherBytes(elements, { dims, strides }, width);
  }
  return { dtype, dims, bytes: elements };
}

/**
 * Checks that an array is of numbers, and that a file of `size` bytes can hold it.
 *
 * @throws {@link AcsconvError} `format`
 */
export function checkNpy(
  header: NpyHeader,
  size: number,
  name: string,
): asserts header is NpyHeader & { dtype: DTypeOf<"numpy"> } {
  const fail: Fail = failOf(name);
  const { dtype, dims, descr } = header;
  if (!dtype) fail(`holds elements that are not plain numbers of up to 64 bits (${descr})`);
  const needed = npyBytes(header);
  if (!Number.isSafeInteger(needed) || needed > size)
    fail(`is truncated: ${dims.join(" × ")} elements of ${dtype} do not fit into its ${size} bytes`);
}

/**
 * A tensor as the parts of a .npy file: header, elements (shared, not copied).
 *
 * @throws {@link AcsconvError} `input` for element types that NumPy does not have
 */
export function encodeNpy(tensor: Tensor): [Uint8Array<ArrayBuffer>, Uint8Array] {
  const { numpy: code } = elementType(tensor.dtype);
  if (!code) throw inputError(`NumPy has no element type for ${tensor.dtype}.`, { code: "E_UNSUPPORTED" });
  const order = code.endsWith("1") && code.length === 2 ? "|" : "<";
  const shape = tensor.dims.length === 1 ? `${tensor.dims[0]},` : tensor.dims.join(", ");
  const text = `{'descr': '${order}${code}', 'fortran_order': False, 'shape': (${shape}), }`;
  // The elements begin at a multiple of 64.
  const length = Math.ceil((10 + text.length + 1) / 64) * 64;
  const header = `\x93NUMPY\x01\x00\x00\x00${text.padEnd(length - 11)}\n`;
  const bytes = Uint8Array.from(header, (letter) => letter.charCodeAt(0));
  new DataView(bytes.buffer).setUint16(8, length - 10, true);
  return [bytes, tensor.bytes];
}
