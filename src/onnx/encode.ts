/**
 * @file {@link Graph} → the bytes of an ONNX file, as chunks to be written one
 * after the other. Protobuf messages concatenate, so a message is the list of
 * its fields' bytes, and weights stand in that list as they are: a 240 MB model
 * is written without a second copy of it.
 *
 * @see https://protobuf.dev/programming-guides/encoding/
 */

import {
  create,
  type DescField,
  type DescMessage,
  toBinary,
  type MessageInitShape,
} from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { concatBytes } from "../base/bytes.ts";
import { ioError } from "../base/errors.ts";
import { symbolsOf, type Dim } from "../graph/dim.ts";
import { opsetOf, type Attr, type Graph, type Node, type ValueInfo } from "../graph/graph.ts";
import { DTYPES, toInt64, type Tensor } from "../graph/tensor.ts";
import { carriedOf, carriedOfNode, carriedOfValue } from "./carried.ts";
import { ATTR_TYPE, EXTERNAL, IR_WITH_CONSTANTS, irVersionOf, MAX_MODEL_BYTES, UNKNOWN } from "./format.ts";
import {
  AttributeProtoSchema,
  GraphProtoSchema,
  ModelProtoSchema,
  NodeProtoSchema,
  TensorProtoSchema,
  TensorShapeProtoSchema,
  TypeProto_TensorSchema,
  TypeProtoSchema,
  ValueInfoProtoSchema,
  type TensorShapeProto_DimensionSchema,
} from "./onnx_pb.ts";

/** The bytes of one message, in pieces. */
type Chunks = readonly Uint8Array[];

/** A model whose weights stand in a second file. */
export interface ExternalModel {
  /** The `.onnx` file. */
  readonly model: Uint8Array[];
  /** The file at the location that was given. */
  readonly data: Uint8Array[];
}

/** From this size on a tensor is worth an entry in the external file; ONNX's own tools use the same. */
const MIN_EXTERNAL_BYTES = 1024;
/** Where tensors may begin in the external file: cache lines, and any element's alignment. */
const EXTERNAL_ALIGNMENT = 64;

/**
 * Encodes a model as one file.
 *
 * @returns chunks whose concatenation is the file; large ones are the graph's own tensors, not copies
 * @throws {@link AcsconvError} `io` if the file would exceed protobuf's 2 GB: use {@link encodeExternal}
 */
export function encodeModel(graph: Graph): Uint8Array[] {
  const chunks = joinSmall(modelChunks(graph, encodeTensor));
  const size = lengthOf(chunks);
  if (size > MAX_MODEL_BYTES)
    throw ioError(
      `The model takes ${size} bytes, but one ONNX file has at most ${MAX_MODEL_BYTES}; ` +
        `save it to a path, where its weights can go to a second file.`,
      { code: "E_LIMIT" },
    );
  return chunks;
}

/** Encodes a model as one array, as {@link encodeModel} does in chunks. */
export const encodeBytes = (graph: Graph): Uint8Array => concatBytes(encodeModel(graph));

/**
 * Encodes a model as two files: initialisers of 1 kB and more go to the second.
 *
 * @param location - name of the second file, beside the first
 */
export function encodeExternal(graph: Graph, location: string): ExternalModel {
  const data: Uint8Array[] = [];
  let offset = 0;
  const model = modelChunks(graph, (name, tensor) => {
    if (tensor.dtype === "string" || tensor.bytes.length < MIN_EXTERNAL_BYTES)
      return encodeTensor(name, tensor);
    const padding = -offset & (EXTERNAL_ALIGNMENT - 1);
    const entries = { location, offset: offset + padding, length: tensor.bytes.length };
    data.push(new Uint8Array(padding), tensor.bytes);
    offset += padding + tensor.bytes.length;
    const externalData = Object.entries(entries).map(([key, value]) => ({ key, value: String(value) }));
    const header = { ...tensorHeader(name, tensor), dataLocation: EXTERNAL, externalData };
    return [encoded(TensorProtoSchema, header)];
  });
  return { model: joinSmall(model), data: joinSmall(data) };
}

type EncodeTensor = (name: string, tensor: Tensor) => Chunks;

/** ModelProto's producer_name, which is only carried where there is one. */
const PRODUCER_NAME = 2;

const lengthOf = (chunks: Chunks): number => chunks.reduce((sum, chunk) => sum + chunk.length, 0);

const encoded = <S extends DescMessage>(schema: S, init: MessageInitShape<S>): Uint8Array =>
  toBinary(schema, create(schema, init));

/** A length-delimited field: tag, length, content. */
const field = ({ number }: DescField, content: Chunks): Chunks => [
  new BinaryWriter().tag(number, WireType.LengthDelimited).uint32(lengthOf(content)).finish(),
  ...content,
];

function modelChunks(graph: Graph, encodeInitializer: EncodeTensor): Chunks {
  const carried = carriedOf(graph);
  const irVersion = carried?.irVersion ?? irVersionOf(opsetOf(graph));
  const header = {
    irVersion: BigInt(irVersion),
    opsetImport: [...graph.opsets].map(([domain, version]) => ({ domain, version: BigInt(version) })),
    metadataProps: [...graph.metadata].map(([key, value]) => ({ key, value })),
  };
  const constants = irVersion < IR_WITH_CONSTANTS ? [...graph.initializers] : [];
  const repeated = constants.map(([name, { dtype, dims }]) => ({ name, dtype, shape: dims }));
  const content = graphChunks({ ...graph, inputs: [...graph.inputs, ...repeated] }, encodeInitializer);
  return [
    encoded(ModelProtoSchema, header),
    carried?.model ??
      new BinaryWriter().tag(PRODUCER_NAME, WireType.LengthDelimited).string("acsconv").finish(),
    ...field(ModelProtoSchema.field.graph, content),
  ];
}

function graphChunks(graph: Graph, encodeInitializer: EncodeTensor): Chunks {
  const carried = carriedOf(graph);
  const { node, initializer, input, output, valueInfo } = GraphProtoSchema.field;
  const initializers = [...graph.initializers].flatMap(([name, tensor]) => {
    const fields = carried?.tensors.get(name) ?? new Uint8Array(0);
    return field(initializer, [...encodeInitializer(name, tensor), fields]);
  });
  return [
    encoded(GraphProtoSchema, { name: graph.name }),
    ...graph.nodes.flatMap((each) => field(node, nodeChunks(each, encodeInitializer))),
    ...initializers,
    ...graph.inputs.flatMap((info) => field(input, infoChunks(info))),
    ...graph.outputs.flatMap((info) => field(output, infoChunks(info))),
    ...[...graph.valueInfos.values()].flatMap((info) => field(valueInfo, infoChunks(info))),
    ...(carried ? [carried.graph] : []),
  ];
}

function nodeChunks(node: Node, encodeInitializer: EncodeTensor): Chunks {
  const { op, domain, name, inputs, outputs } = node;
  const ids = { ...(name && { name }), ...(domain && { domain }) };
  const carried = carriedOfNode(node);
  return [
    encoded(NodeProtoSchema, { input: [...inputs], output: [...outputs], opType: op, ...ids }),
    ...Object.entries(node.attrs).flatMap(([key, attr]) =>
      field(NodeProtoSchema.field.attribute, attrChunks(key, attr, encodeInitializer)),
    ),
    ...(carried ? [carried] : []),
  ];
}

function attrChunks(name: string, attr: Attr, encodeInitializer: EncodeTensor): Chunks {
  const fields = (init: MessageInitShape<typeof AttributeProtoSchema>): Uint8Array =>
    encoded(AttributeProtoSchema, { name, ...init });
  const { t, g } = AttributeProtoSchema.field;
  switch (attr.kind) {
    case "float":
      return [fields({ type: ATTR_TYPE.float, f: attr.value })];
    case "floats":
      return [fields({ type: ATTR_TYPE.floats, floats: [...attr.value] })];
    case "int":
      return [fields({ type: ATTR_TYPE.int, i: toInt64(attr.value) })];
    case "ints":
      return [fields({ type: ATTR_TYPE.ints, ints: attr.value.map(toInt64) })];
    case "string":
      return [fields({ type: ATTR_TYPE.string, s: utf8.encode(attr.value) })];
    case "strings":
      return [fields({ type: ATTR_TYPE.strings, strings: attr.value.map((text) => utf8.encode(text)) })];
    case "tensor":
      return [fields({ type: ATTR_TYPE.tensor }), ...field(t, encodeTensor("", attr.value))];
    case "graph":
      return [fields({ type: ATTR_TYPE.graph }), ...field(g, graphChunks(attr.value, encodeInitializer))];
    case "opaque":
      // Encoded with the name it was read under; of a field that comes twice the last holds.
      return [attr.value as Uint8Array, fields({})];
  }
}

const utf8 = new TextEncoder();

const tensorHeader = (name: string, { dtype, dims }: Tensor) => ({
  dims: dims.map(BigInt),
  dataType: DTYPES[dtype].onnx,
  ...(name && { name }),
});

function encodeTensor(name: string, tensor: Tensor): Chunks {
  const strings = tensor.strings && { stringData: [...tensor.strings] };
  return [
    encoded(TensorProtoSchema, { ...tensorHeader(name, tensor), ...strings }),
    ...(tensor.dtype === "string" ? [] : field(TensorProtoSchema.field.rawData, [tensor.bytes])),
  ];
}

function infoChunks(info: ValueInfo): Chunks {
  const { name, dtype, shape } = info;
  const carried = carriedOfValue(info);
  const tensorType = encoded(TypeProto_TensorSchema, {
    ...(dtype && { elemType: DTYPES[dtype].onnx }),
    ...(shape && { shape: create(TensorShapeProtoSchema, { dim: shape.map(dimInit) }) }),
  });
  const type: Chunks = [
    ...(dtype || shape ? field(TypeProtoSchema.field.tensorType, [tensorType]) : []),
    ...(carried ? [carried.type] : []),
  ];
  return [
    encoded(ValueInfoProtoSchema, { name }),
    ...(lengthOf(type) > 0 ? field(ValueInfoProtoSchema.field.type, type) : []),
    ...(carried ? [carried.info] : []),
  ];
}

/** Expressions are written as text: ONNX's names of sizes are free-form. */
function dimInit(dim: Dim): MessageInitShape<typeof TensorShapeProto_DimensionSchema> {
  if (typeof dim === "number") return { value: { case: "dimValue", value: BigInt(dim) } };
  if ([...symbolsOf(dim)].some((name) => name.startsWith(UNKNOWN))) return {};
  return { value: { case: "dimParam", value: dim.key } };
}

/** Chunks below this size are copied together, so that a file is a few large writes. */
const MIN_CHUNK_BYTES = 2 ** 16;

function joinSmall(chunks: Chunks): Uint8Array[] {
  const joined: Uint8Array[] = [];
  let small: Uint8Array[] = [];
  const flush = (): void => {
    const bytes = concatBytes(small);
    if (bytes.length > 0) joined.push(bytes);
    small = [];
  };
  for (const chunk of chunks) {
    if (chunk.length < MIN_CHUNK_BYTES) {
      small.push(chunk);
      continue;
    }
    flush();
    joined.push(chunk);
  }
  flush();
  return joined;
}
