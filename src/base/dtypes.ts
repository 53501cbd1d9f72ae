/** @file Element types: one table of their sizes and of what formats and libraries call them. */

/** What is known of an element type; what a format does not have, it does not name. */
interface ElementType {
  /** TensorProto.DataType. */
  readonly onnx: number;
  readonly bits: number;
  /** The array that holds the elements in JavaScript; of float16 their bits, since not every engine has a Float16Array. */
  readonly array?: ArrayType;
  /** NumPy's kind and size in bytes. */
  readonly numpy?: string;
  readonly safetensors?: string;
  /** PyTorch's `torch.<name>`. */
  readonly torch?: string;
  /** PyTorch's `torch.<name>Storage`. */
  readonly storage?: string;
  /** Code of the NIfTI header. */
  readonly nifti?: number;
}

/** Constructors of the arrays that hold elements. */
export type ArrayType =
  | typeof Float32Array
  | typeof Float64Array
  | typeof Int8Array
  | typeof Uint8Array
  | typeof Int16Array
  | typeof Uint16Array
  | typeof Int32Array
  | typeof Uint32Array
  | typeof BigInt64Array
  | typeof BigUint64Array;

// prettier-ignore
/** Element types by the names they have here. */
export const DTYPES = {
  float32: { onnx: 1, bits: 32, array: Float32Array, numpy: "f4", safetensors: "F32", torch: "float32", storage: "Float", nifti: 16 },
  uint8: { onnx: 2, bits: 8, array: Uint8Array, numpy: "u1", safetensors: "U8", torch: "uint8", storage: "Byte", nifti: 2 },
  int8: { onnx: 3, bits: 8, array: Int8Array, numpy: "i1", safetensors: "I8", torch: "int8", storage: "Char", nifti: 256 },
  uint16: { onnx: 4, bits: 16, array: Uint16Array, numpy: "u2", safetensors: "U16", torch: "uint16", nifti: 512 },
  int16: { onnx: 5, bits: 16, array: Int16Array, numpy: "i2", safetensors: "I16", torch: "int16", storage: "Short", nifti: 4 },
  int32: { onnx: 6, bits: 32, array: Int32Array, numpy: "i4", safetensors: "I32", torch: "int32", storage: "Int", nifti: 8 },
  int64: { onnx: 7, bits: 64, array: BigInt64Array, numpy: "i8", safetensors: "I64", torch: "int64", storage: "Long", nifti: 1024 },
  string: { onnx: 8, bits: 0 },
  bool: { onnx: 9, bits: 8, array: Uint8Array, numpy: "b1", safetensors: "BOOL", torch: "bool", storage: "Bool" },
  float16: { onnx: 10, bits: 16, array: Uint16Array, numpy: "f2", safetensors: "F16", torch: "float16", storage: "Half" },
  float64: { onnx: 11, bits: 64, array: Float64Array, numpy: "f8", safetensors: "F64", torch: "float64", storage: "Double", nifti: 64 },
  uint32: { onnx: 12, bits: 32, array: Uint32Array, numpy: "u4", safetensors: "U32", torch: "uint32", nifti: 768 },
  uint64: { onnx: 13, bits: 64, array: BigUint64Array, numpy: "u8", safetensors: "U64", torch: "uint64", nifti: 1280 },
  complex64: { onnx: 14, bits: 64, numpy: "c8", torch: "complex64", storage: "ComplexFloat" },
  complex128: { onnx: 15, bits: 128, numpy: "c16", torch: "complex128", storage: "ComplexDouble" },
  bfloat16: { onnx: 16, bits: 16, safetensors: "BF16", torch: "bfloat16", storage: "BFloat16" },
  float8e4m3fn: { onnx: 17, bits: 8, safetensors: "F8_E4M3", torch: "float8_e4m3fn" },
  float8e4m3fnuz: { onnx: 18, bits: 8 },
  float8e5m2: { onnx: 19, bits: 8, safetensors: "F8_E5M2", torch: "float8_e5m2" },
  float8e5m2fnuz: { onnx: 20, bits: 8 },
  uint4: { onnx: 21, bits: 4 },
  int4: { onnx: 22, bits: 4 },
  float4e2m1: { onnx: 23, bits: 4 },
  float8e8m0: { onnx: 24, bits: 8 },
  uint2: { onnx: 25, bits: 2 },
  int2: { onnx: 26, bits: 2 },
} as const satisfies Readonly<Record<string, ElementType>>;

/** The name of an element type. */
export type DType = keyof typeof DTYPES;

/** All that the table says of a type, known or not. */
export const elementType = (dtype: DType): ElementType => DTYPES[dtype];

type Format = Exclude<keyof ElementType, "bits" | "array">;

/** Element types that a format has. */
export type DTypeOf<F extends Format> = {
  [D in DType]: (typeof DTYPES)[D] extends Record<F, unknown> ? D : never;
}[DType];

/** The element type that a format calls `value`. */
export const dtypeBy = <F extends Format>(
  format: F,
  value: NonNullable<ElementType[F]>,
): DTypeOf<F> | undefined =>
  (Object.keys(DTYPES) as DType[]).find((name): name is DTypeOf<F> => elementType(name)[format] === value);

export const dtypeFromOnnx = (code: number): DType | undefined => dtypeBy("onnx", code);
