/**
 * @file The model: a typed, name-based dataflow graph, close to ONNX so that
 * nothing is lost between reading and writing.
 *
 * Graphs are plain data. A pass takes one and returns a new one; nodes,
 * tensors and types are never changed in place.
 *
 * @see https://onnx.ai/onnx/repo-docs/IR.html
 */

import { type Dim, substituteDim } from "./dim.ts";
import type { DType, Tensor } from "./tensor.ts";

/** An attribute value, tagged as ONNX tags it (1 and 1.0 are different attributes). */
export type Attr =
  | { readonly kind: "int"; readonly value: number }
  | { readonly kind: "ints"; readonly value: readonly number[] }
  | { readonly kind: "float"; readonly value: number }
  | { readonly kind: "floats"; readonly value: readonly number[] }
  | { readonly kind: "string"; readonly value: string }
  | { readonly kind: "strings"; readonly value: readonly string[] }
  | { readonly kind: "tensor"; readonly value: Tensor }
  | { readonly kind: "graph"; readonly value: Graph }
  /** Kinds we have no rule for (sparse tensors, types, references): carried as they were read. */
  | { readonly kind: "opaque"; readonly value: unknown };

/** Attributes by name. */
export type Attrs = Readonly<Record<string, Attr>>;

/** One operation: named values in, named values out. */
export interface Node {
  /** Operator, such as `Conv`. */
  readonly op: string;
  /** `""` is ONNX's own operator set. */
  readonly domain: string;
  /** May be empty: ONNX does not require names. */
  readonly name: string;
  /** Value names; `""` stands for an optional input that is absent. */
  readonly inputs: readonly string[];
  /** Value names; `""` stands for an optional output nobody wants. */
  readonly outputs: readonly string[];
  readonly attrs: Attrs;
  /** Fields of the file we do not interpret (doc strings, metadata …), written back as read. */
  readonly carried?: unknown;
}

/** What is known of a value before running: any part may be missing. */
export interface ValueType {
  readonly dtype?: DType;
  /** Missing if not even the rank is known. */
  readonly shape?: readonly Dim[];
}

/** A named value and its type: inputs, outputs, and inner values that a file declares. */
export interface ValueInfo extends ValueType {
  readonly name: string;
  /** As {@link Node.carried}; also holds types that are not tensors. */
  readonly carried?: unknown;
}

/** A network, or a subgraph of one. Plain data: change it by making a new one. */
export interface Graph {
  readonly name: string;
  /** Without the initialisers that old files repeat here. */
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
  /** In an order in which every value is computed before it is used. */
  readonly nodes: readonly Node[];
  readonly initializers: ReadonlyMap<string, Tensor>;
  /** Types of inner values that the file declares. */
  readonly valueInfos: ReadonlyMap<string, ValueInfo>;
  /** Operator-set version by domain. Empty for subgraphs, which use their parent's. */
  readonly opsets: ReadonlyMap<string, number>;
  /** The file's `metadata_props`. */
  readonly metadata: ReadonlyMap<string, string>;
  /** Fields of the file we do not interpret, written back as read. */
  readonly carried?: unknown;
}

/** One of ONNX's own nodes, with one output, after which it is called. */
export const nodeOf = (op: string, inputs: readonly string[], output: string, attrs: Attrs = {}): Node => ({
  op,
  domain: "",
  name: output,
  inputs,
  outputs: [output],
  attrs,
});

/** With sizes in place of symbols, where its own are known. */
export const atSizes = (info: ValueInfo, sizes: ReadonlyMap<string, Dim>): ValueInfo =>
  info.shape ? { ...info, shape: info.shape.map((dim) => substituteDim(dim, sizes)) } : info;

/** The version of ONNX's own operators that the graph is written in. */
export const opsetOf = (graph: Graph): number => graph.opsets.get("") ?? graph.opsets.get("ai.onnx") ?? 1;

/** An attribute that is one integer. */
export const int = (value: number): Attr => ({ kind: "int", value });
/** An attribute that is a list of integers. */
export const ints = (value: readonly number[]): Attr => ({ kind: "ints", value });
/** An attribute that is one number. */
export const float = (value: number): Attr => ({ kind: "float", value });
/** An attribute that is a list of numbers. */
export const floats = (value: readonly number[]): Attr => ({ kind: "floats", value });
/** An attribute that is a text. */
export const str = (value: string): Attr => ({ kind: "string", value });
/** An attribute that is a tensor. */
export const tensorAttr = (value: Tensor): Attr => ({ kind: "tensor", value });

/** The integer attribute `name`, or `otherwise` where the node has none. */
export function intAttr(node: Node, name: string, otherwise: number): number {
  const attr = node.attrs[name];
  return attr?.kind === "int" ? attr.value : otherwise;
}

/** The attribute `name`, a list of integers, if the node has it. */
export function intsAttr(node: Node, name: string): readonly number[] | undefined {
  const attr = node.attrs[name];
  return attr?.kind === "ints" ? attr.value : undefined;
}

/** The numeric attribute `name`, or `otherwise` where the node has none. */
export function floatAttr(node: Node, name: string, otherwise: number): number {
  const attr = node.attrs[name];
  return attr?.kind === "float" ? attr.value : otherwise;
}

/** The text attribute `name`, or `otherwise` where the node has none. */
export function stringAttr(node: Node, name: string, otherwise: string): string {
  const attr = node.attrs[name];
  return attr?.kind === "string" ? attr.value : otherwise;
}

/** `Conv "layer1.0.conv1"`, or by its output where the node has no name: how messages name a node. */
export const nodeLabel = (node: Node): string =>
  `${node.domain ? `${node.domain}.` : ""}${node.op} "${node.name || (node.outputs.find((name) => name) ?? "")}"`;
