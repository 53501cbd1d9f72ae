/**
 * @file The bytes of an ONNX file → {@link Graph}. The file is foreign: it is
 * parsed under named limits, and what breaks ONNX's rules is refused in one
 * sentence. Weights are views of the bytes given, never copies.
 *
 * @see https://onnx.ai/onnx/repo-docs/IR.html
 */

import { fromBinary, isFieldSet, toBinary } from "@bufbuild/protobuf";
import { formatError, graphError } from "../base/errors.ts";
import { symbol, type Dim } from "../graph/dim.ts";
import type { Attr, Graph, Node, ValueInfo } from "../graph/graph.ts";
import { dtypeFromOnnx, toInt64, type Tensor } from "../graph/tensor.ts";
import type { GraphCarried } from "./carried.ts";
import { carriedOfTensor, decodeTensor, type ReadExternal } from "./decode-tensor.ts";
import { ATTR_TYPE, IR_WITH_OPSETS, MAX_MODEL_BYTES, UNKNOWN } from "./format.ts";
import {
  AttributeProtoSchema,
  ModelProtoSchema,
  type AttributeProto,
  type GraphProto,
  type ModelProto,
  type NodeProto,
  type TensorShapeProto_Dimension,
  type ValueInfoProto,
} from "./onnx_pb.ts";
import { inOrder } from "./order.ts";
import { type Fields, countFields, parsed, unknownFields } from "./wire.ts";

/**
 * Messages inside messages. A subgraph takes three (node, attribute, graph), so
 * this allows 30 of them; real models nest up to 3, and recursion must end.
 */
const MAX_MESSAGE_DEPTH = 100;

/**
 * Fields in a model, which become objects: two bytes can make one of a few hundred, so a file could
 * ask for a hundred times its size. A node and the type of its output take about 40; the largest
 * graphs have some 50,000 nodes.
 */
const MAX_FIELDS = 5_000_000;

/**
 * Parses a model.
 *
 * @param bytes - a whole `.onnx` file; the graph's tensors are views of it, so it must not change
 * @param options.external - reads weights that are stored beside the model
 * @throws {@link AcsconvError} `format` if the bytes are no (whole) ONNX model, `graph` if its names or
 *   its order break ONNX's rules, `io` if weights are elsewhere and `external` is missing
 */
export function decodeModel(bytes: Uint8Array, options: { external?: ReadExternal } = {}): Graph {
  const model = parse(bytes);
  if (model.graph === undefined)
    throw formatError(
      `Expected an ONNX model, but these ${bytes.length} bytes contain no graph; the file is damaged, incomplete or something else.`,
    );
  const carried = { irVersion: Number(model.irVersion), model: unknownFields(model) };
  return inOrder({
    ...decodeGraph(model.graph, options.external, carried),
    opsets: decodeOpsets(model),
    metadata: new Map(model.metadataProps.map(({ key, value }) => [key, value])),
  });
}

function parse(bytes: Uint8Array): ModelProto {
  if (bytes.length > MAX_MODEL_BYTES)
    throw formatError(
      `An ONNX file has at most ${MAX_MODEL_BYTES} bytes, but this one has ${bytes.length}.`,
      { code: "E_LIMIT" },
    );
  // As a plain array: of a Buffer, every tensor would be a Buffer.
  const plain = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return parsed(`these ${bytes.length} bytes`, () => {
    if (countFields(ModelProtoSchema, plain, MAX_FIELDS, MAX_MESSAGE_DEPTH) > MAX_FIELDS)
      throw new RangeError(`more than ${MAX_FIELDS} fields`);
    return fromBinary(ModelProtoSchema, plain, { recursionLimit: MAX_MESSAGE_DEPTH });
  });
}

/** `ai.onnx` is another name of ONNX's own domain, "". */
const domainOf = (domain: string): string => (domain === "ai.onnx" ? "" : domain);

function decodeOpsets(model: ModelProto): Map<string, number> {
  const opsets = new Map<string, number>();
  for (const { domain, version } of model.opsetImport) {
    const known = opsets.get(domainOf(domain));
    if (known !== undefined && known !== Number(version))
      throw graphError(
        `The model asks for versions ${known} and ${version} of the operator set "${domain}"; only one can hold.`,
      );
    opsets.set(domainOf(domain), Number(version));
  }
  if (opsets.size === 0) {
    if (Number(model.irVersion) < IR_WITH_OPSETS) return new Map([["", 1]]);
    throw formatError(
      "The model does not say which operator set it uses (opset_import); the file is damaged or incomplete.",
    );
  }
  return opsets;
}

function decodeGraph(
  proto: GraphProto,
  external: ReadExternal | undefined,
  ofModel: Pick<GraphCarried, "irVersion" | "model"> = {},
): Graph {
  const initializers = new Map<string, Tensor>();
  const tensors = new Map<string, Fields>();
  for (const tensor of proto.initializer) {
    if (initializers.has(tensor.name))
      throw graphError(`The model has two initialisers named "${tensor.name}".`);
    initializers.set(tensor.name, decodeTensor(tensor, `initialiser "${tensor.name}"`, external));
    const fields = carriedOfTensor(tensor);
    if (fields.length > 0) tensors.set(tensor.name, fields);
  }
  const carried: GraphCarried = { ...ofModel, graph: unknownFields(proto), tensors };
  return {
    name: proto.name,
    inputs: proto.input.filter(({ name }) => !initializers.has(name)).map(decodeValueInfo),
    outputs: proto.output.map(decodeValueInfo),
    nodes: proto.node.map((node) => decodeNode(node, external)),
    initializers,
    valueInfos: new Map(proto.valueInfo.map((info) => [info.name, decodeValueInfo(info)])),
    opsets: new Map(),
    metadata: new Map(),
    carried,
  };
}

function decodeNode(proto: NodeProto, external: ReadExternal | undefined): Node {
  const carried = unknownFields(proto);
  const what = `tensor of ${proto.opType} "${proto.name || (proto.output[0] ?? "")}"`;
  return {
    op: proto.opType,
    domain: domainOf(proto.domain),
    name: proto.name,
    inputs: proto.input,
    outputs: proto.output,
    attrs: Object.fromEntries(proto.attribute.map((attr) => [attr.name, decodeAttr(attr, what, external)])),
    ...(carried.length > 0 && { carried }),
  };
}

const ATTR_DOC_STRING = 13;

function decodeAttr(proto: AttributeProto, what: string, external: ReadExternal | undefined): Attr {
  // Anything else that is set (a reference, a sparse tensor, a type) changes what the attribute means.
  if (unknownFields(proto, [ATTR_DOC_STRING]).length === 0) {
    const attr = plainAttr(proto, what, external);
    if (attr !== undefined) return attr;
  }
  return { kind: "opaque", value: toBinary(AttributeProtoSchema, proto) };
}

/** The value, unless its type is unknown or JavaScript would not hold it exactly. */
function plainAttr(proto: AttributeProto, what: string, external?: ReadExternal): Attr | undefined {
  switch (proto.type || impliedType(proto)) {
    case ATTR_TYPE.float:
      return { kind: "float", value: proto.f };
    case ATTR_TYPE.int:
      return isExact(proto.i) ? { kind: "int", value: Number(proto.i) } : undefined;
    case ATTR_TYPE.string: {
      const value = textOf(proto.s);
      return value === undefined ? undefined : { kind: "string", value };
    }
    case ATTR_TYPE.tensor:
      return proto.t && { kind: "tensor", value: decodeTensor(proto.t, what, external) };
    case ATTR_TYPE.graph:
      return proto.g && { kind: "graph", value: decodeGraph(proto.g, external) };
    case ATTR_TYPE.floats:
      return { kind: "floats", value: proto.floats };
    case ATTR_TYPE.ints:
      return proto.ints.every(isExact) ? { kind: "ints", value: proto.ints.map(Number) } : undefined;
    case ATTR_TYPE.strings: {
      const value = proto.strings.map(textOf).filter((text) => text !== undefined);
      return value.length < proto.strings.length ? undefined : { kind: "strings", value };
    }
    default:
      return undefined;
  }
}

/** Before IR version 2 the type was whatever field was set. */
function impliedType(proto: AttributeProto): number | undefined {
  const { f, i, s, t, g, floats, ints, strings } = AttributeProtoSchema.field;
  const fields = { float: f, int: i, string: s, tensor: t, graph: g, floats, ints, strings };
  const set = Object.entries(fields).find(([, field]) => isFieldSet(proto, field));
  return set && ATTR_TYPE[set[0] as keyof typeof fields];
}

/** Whether an int64 survives as a JavaScript number; "to the end", INT64_MAX, does by saturating. */
const isExact = (value: bigint): boolean => toInt64(Number(value)) === value;

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
function textOf(bytes: Uint8Array): string | undefined {
  try {
    return utf8.decode(bytes);
  } catch {
    return undefined;
  }
}

function decodeValueInfo(proto: ValueInfoProto): ValueInfo {
  const tensor = proto.type?.tensorType;
  const dtype = dtypeFromOnnx(tensor?.elemType ?? 0);
  const shape = tensor?.shape?.dim.map((dim, i) => decodeDim(dim, `${UNKNOWN}${proto.name}_${i}`));
  const info = unknownFields(proto);
  const type = proto.type ? unknownFields(proto.type) : new Uint8Array(0);
  return {
    name: proto.name,
    ...(dtype && { dtype }),
    ...(shape && { shape }),
    ...(info.length + type.length > 0 && { carried: { info, type } }),
  };
}

/** Exporters say "unknown" in several ways: nothing, an empty name, "?", a negative number. */
function decodeDim({ value }: TensorShapeProto_Dimension, unknown: string): Dim {
  if (value.case === "dimValue" && value.value >= 0n) return Number(value.value);
  const named = value.case === "dimParam" && value.value !== "" && !value.value.startsWith(UNKNOWN);
  return symbol(named ? value.value : unknown);
}
