/**
 * @file Constants of the file format that reading and writing share.
 *
 * @see https://onnx.ai/onnx/repo-docs/Versioning.html#released-versions
 */

/** Protobuf cannot encode more; larger models keep their weights in external files. */
export const MAX_MODEL_BYTES = 2 ** 31 - 1;

/** AttributeProto.AttributeType */
export const ATTR_TYPE = {
  float: 1,
  int: 2,
  string: 3,
  tensor: 4,
  graph: 5,
  floats: 6,
  ints: 7,
  strings: 8,
} as const;

/** TensorProto.DataLocation: the elements stand in another file. */
export const EXTERNAL = 1;

/** From this format version on a model must say which operator sets it uses. */
export const IR_WITH_OPSETS = 3;
/** From this format version on initialisers need not be repeated as inputs. */
export const IR_WITH_CONSTANTS = 4;

/** Starts the names of sizes that a file leaves open; they are not written. */
export const UNKNOWN = "?";

/** The first operator set of each format version from 3 on. */
const FIRST_OPSETS = [1, 9, 10, 11, 12, 15, 19, 21, 23, 24] as const;

/** The format version that came out with an operator set: what readers of that set understand. */
export const irVersionOf = (opset: number): number =>
  IR_WITH_OPSETS - 1 + FIRST_OPSETS.filter((first) => first <= opset).length;
