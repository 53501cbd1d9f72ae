/**
 * @file What a file holds beyond what we interpret, kept so that it can be
 * written back: protobuf fields, still encoded, beside the message they stood in.
 * Messages concatenate in protobuf, so writing them back is appending them.
 *
 * Not kept, because a pass would make them wrong: denotations of single
 * dimensions and doc strings of attributes.
 *
 * @see https://protobuf.dev/programming-guides/encoding/#last-one-wins
 */

import { fromBinary } from "@bufbuild/protobuf";
import type { Graph, Node, ValueInfo } from "../graph/graph.ts";
import { GraphProtoSchema, SparseTensorProtoSchema } from "./onnx_pb.ts";
import { type Fields, parsed, unknownPayloads } from "./wire.ts";

/** `carried` of a {@link Graph}. */
export interface GraphCarried {
  /** Version of the file format. Missing for subgraphs. */
  readonly irVersion?: number;
  /** Fields of ModelProto: producer, functions, training info … Missing for subgraphs. */
  readonly model?: Fields;
  /** Fields of GraphProto: doc string, sparse initialisers, quantisation annotations … */
  readonly graph: Fields;
  /** Fields of initialisers, by name: doc strings, metadata. */
  readonly tensors: ReadonlyMap<string, Fields>;
}

/** `carried` of a {@link ValueInfo}. */
export interface ValueCarried {
  /** Fields of ValueInfoProto: doc string, metadata. */
  readonly info: Fields;
  /** Fields of TypeProto: a type that is no tensor, a denotation. */
  readonly type: Fields;
}

export const carriedOf = (graph: Graph): GraphCarried | undefined =>
  graph.carried as GraphCarried | undefined;
export const carriedOfValue = (info: ValueInfo): ValueCarried | undefined =>
  info.carried as ValueCarried | undefined;
export const carriedOfNode = (node: Node): Fields | undefined => node.carried as Fields | undefined;

const SPARSE_INITIALIZER = 15;

/** Names that nodes may read and only carried fields define: those of sparse initialisers. */
export function carriedNames(graph: Graph): string[] {
  const fields = carriedOf(graph)?.graph;
  if (fields === undefined || fields.length === 0) return [];
  return parsed("the graph's sparse initialisers", () =>
    // The fields that GraphProto does not know are unknown once more.
    unknownPayloads(fromBinary(GraphProtoSchema, fields), SPARSE_INITIALIZER).map(
      (bytes) => fromBinary(SparseTensorProtoSchema, bytes).values?.name ?? "",
    ),
  );
}
