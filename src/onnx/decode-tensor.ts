/**
 * @file TensorProto → {@link Tensor}. Raw data and typed 32- and 64-bit floats
 * are views of the file; only integers, which protobuf packs as varints, are
 * copied. Nothing is allocated from a declared size: it is held against the
 * bytes present first.
 *
 * @see https://onnx.ai/onnx/repo-docs/IR.html#tensor-definition
 * @see https://onnx.ai/onnx/repo-docs/ExternalData.html
 */

import { BinaryReader } from "@bufbuild/protobuf/wire";
import { concatBytes } from "../base/bytes.ts";
import type { ErrorCode } from "../base/error-codes.ts";
import { AcsconvError, formatError, ioError } from "../base/errors.ts";
import { byteLength, DTYPES, dtypeFromOnnx, elementCount, type DType, type Tensor } from "../graph/tensor.ts";
import { EXTERNAL } from "./format.ts";
import type { TensorProto } from "./onnx_pb.ts";
import { type Fields, parsed, unknownFields, unknownPayloads } from "./wire.ts";

/**
 * Reads `length` bytes from `offset` of the file at `location`, a path relative
 * to the model's folder that has been checked not to lead out of it by name.
 */
export type ReadExternal = (location: string, offset: number, length: number) => Uint8Array;

/** Bits of one tensor: sizes are counted in doubles, which are exact to 2^53. Petabytes; files hold less. */
const MAX_TENSOR_BITS = Number.MAX_SAFE_INTEGER;
/** Axes of one tensor. ONNX sets no limit; NumPy's is 64, and real models stay below 10. */
const MAX_RANK = 64;

const FLOAT_DATA = 4;
const INT32_DATA = 5;
const INT64_DATA = 7;
const DOUBLE_DATA = 10;
const UINT64_DATA = 11;
const TYPED_DATA = [FLOAT_DATA, INT32_DATA, INT64_DATA, DOUBLE_DATA, UINT64_DATA];
const SEGMENT = 3;

/**
 * @param what - how messages name the tensor, such as `initialiser "conv1.weight"`
 * @throws {@link AcsconvError} `format` if it contradicts itself, `io` if its external data is missing
 */
export function decodeTensor(proto: TensorProto, what: string, external?: ReadExternal): Tensor {
  const dtype = dtypeFromOnnx(proto.dataType);
  if (dtype === undefined)
    throw refusal(what, `has element type ${proto.dataType}, which ONNX lacks`, "E_UNSUPPORTED");
  if (unknownPayloads(proto, SEGMENT).length > 0)
    throw refusal(what, "is one segment of a tensor; only whole ones can be read", "E_UNSUPPORTED");
  const dims = decodeDims(proto.dims, dtype, what);
  const expected = dtype === "string" ? elementCount(dims) : byteLength(dtype, dims);
  const checkSize = (found: number): void => {
    if (found === expected) return;
    const unit = dtype === "string" ? "strings" : "bytes";
    throw refusal(
      what,
      `of ${dtype} [${dims.join(", ")}] takes ${expected} ${unit}, but the file has ${found}; ` +
        `it is damaged or was not written completely`,
    );
  };
  if (dtype === "string") {
    checkSize(proto.stringData.length);
    return { dtype, dims, bytes: new Uint8Array(0), strings: proto.stringData };
  }
  const bytes =
    proto.dataLocation === EXTERNAL
      ? externalBytes(proto, what, expected, external)
      : proto.rawData.length > 0
        ? proto.rawData
        : typedBytes(proto, dtype, checkSize);
  checkSize(bytes.length);
  return { dtype, dims, bytes };
}

const refusal = (what: string, problem: string, code?: ErrorCode): AcsconvError =>
  formatError(`The ${what} ${problem}.`, { code });

/** Fields of the tensor that are not its type, sizes or elements. */
export const carriedOfTensor = (proto: TensorProto): Fields => unknownFields(proto, TYPED_DATA);

function decodeDims(dims: readonly bigint[], dtype: DType, what: string): number[] {
  if (dims.length > MAX_RANK)
    throw refusal(what, `has ${dims.length} axes; at most ${MAX_RANK} are possible`, "E_LIMIT");
  const sizes = dims.map(Number);
  // A zero must not hide a neighbour that cannot be counted exactly.
  const bits = sizes.reduce((product, size) => product * Math.max(size, 1), DTYPES[dtype].bits || 8);
  if (sizes.some((size) => size < 0) || bits > MAX_TENSOR_BITS)
    throw refusal(what, `declares sizes that no tensor can have: [${dims.join(", ")}]`);
  return sizes;
}

/** Which typed field holds elements; the others' stand in int32_data, one each or one byte of several. */
const FIELD_OF: Partial<Record<DType, number>> = {
  float32: FLOAT_DATA,
  complex64: FLOAT_DATA,
  float64: DOUBLE_DATA,
  complex128: DOUBLE_DATA,
  int64: INT64_DATA,
  uint32: UINT64_DATA,
  uint64: UINT64_DATA,
};

/** Typed fields, packed or one by one, are the elements' encodings one after the other. */
function typedBytes(proto: TensorProto, dtype: DType, checkSize: (found: number) => void): Uint8Array {
  const field = FIELD_OF[dtype] ?? INT32_DATA;
  const data = concatBytes(unknownPayloads(proto, field));
  if (field === FLOAT_DATA || field === DOUBLE_DATA) return data;
  return varintBytes(data, Math.ceil(DTYPES[dtype].bits / 8), checkSize);
}

/** Varints → little-endian integers of `size` bytes each. */
function varintBytes(varints: Uint8Array, size: number, checkSize: (found: number) => void): Uint8Array {
  // The last byte of a varint, and no other, has its high bit clear.
  let count = 0;
  for (const byte of varints) if (byte < 0x80) count += 1;
  checkSize(count * size);
  const reader = new BinaryReader(varints);
  const elements = parsed("a tensor's list of integers", () =>
    size === 8
      ? BigInt64Array.from({ length: count }, () => BigInt(reader.int64()))
      : new { 1: Uint8Array, 2: Uint16Array, 4: Int32Array }[size as 1 | 2 | 4](count).map(() =>
          reader.int32(),
        ),
  );
  return new Uint8Array(elements.buffer);
}

function externalBytes(
  proto: TensorProto,
  what: string,
  expected: number,
  external: ReadExternal | undefined,
): Uint8Array {
  const entries = new Map(proto.externalData.map(({ key, value }) => [key, value]));
  const location = entries.get("location") ?? "";
  if (!staysInFolder(location)) {
    const problem = `is stored in "${location}", which is not a path inside the model's folder; refusing to read it`;
    throw refusal(what, problem, "E_UNSAFE");
  }
  const offset = Number(entries.get("offset") ?? 0);
  const length = Number(entries.get("length") ?? expected);
  if (!Number.isSafeInteger(offset) || offset < 0 || length !== expected)
    throw refusal(
      what,
      `takes ${expected} bytes, but its entry says ${entries.get("length")} bytes ` +
        `from ${entries.get("offset") ?? 0} of "${location}"`,
    );
  if (expected === 0) return new Uint8Array(0);
  if (external === undefined)
    throw ioError(
      `The ${what} is stored beside the model in "${location}", which cannot be reached from the model's ` +
        `bytes alone; load the model from its path.`,
      { code: "E_NOT_FOUND" },
    );
  return external(location, offset, expected);
}

/** Whether a path is relative and has no way up, by the rules of POSIX and of Windows. */
const staysInFolder = (path: string): boolean =>
  path !== "" && !/^[/\\]|^[A-Za-z]:|\0/.test(path) && path.split(/[/\\]/).every((part) => part !== "..");
