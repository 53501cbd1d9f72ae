/**
 * @file Whether two graphs compute the same: from the same inputs, by the same operators, with the same constants.
 *
 * Every value gets a number that stands for how it is computed: the operator, its attributes, and the numbers of what it
 * reads. Values of both graphs that have the same number are the same, whatever they, and nodes, are called.
 */

import { dimKey } from "./dim.ts";
import type { Attr, Graph, Node, ValueInfo } from "./graph.ts";
import type { Tensor } from "./tensor.ts";

/** Up to this many bytes a tensor's key holds its elements; beyond, tensors of one key are compared. */
const INLINE_BYTES = 256;

/**
 * @param isNamed - initialisers whose values do not matter: of the same name, type and sizes they are the same
 */
export function sameFunction(a: Graph, b: Graph, isNamed: (name: string) => boolean = () => false): boolean {
  const numbers = new Numbers(isNamed);
  const [first, second] = [a, b].map((graph) => numbers.ofGraph(graph, new Map()));
  return first === second;
}

class Numbers {
  readonly #isNamed: (name: string) => boolean;
  readonly #numbers = new Map<string, number>();
  readonly #tensors = new Map<string, { readonly tensor: Tensor; readonly key: string }[]>();

  constructor(isNamed: (name: string) => boolean) {
    this.#isNamed = isNamed;
  }

  /** @param outer - numbers of the values around a subgraph */
  ofGraph(graph: Graph, outer: ReadonlyMap<string, number>): number {
    const values = new Map(outer);
    for (const { name } of graph.inputs) values.set(name, this.#number(["input", name]));
    for (const [name, tensor] of graph.initializers) values.set(name, this.#ofTensor(tensor, name));
    for (const node of graph.nodes) this.#visit(node, values);
    const types = [...graph.inputs, ...graph.outputs].map(typeKey);
    const results = graph.outputs.map(({ name }) => this.#read(name, values));
    return this.#number(["graph", ...types, ...results]);
  }

  #visit(node: Node, values: Map<string, number>): void {
    const inputs = node.inputs.map((name) => (name === "" ? -1 : this.#read(name, values)));
    const attrs = Object.keys(node.attrs)
      .sort()
      .map((name) => [name, this.#ofAttr(node.attrs[name]!, values)]);
    const number = this.#number([node.domain, node.op, inputs, attrs]);
    node.outputs.forEach((name, i) => {
      if (name) values.set(name, this.#number(["output", number, i]));
    });
  }

  /** A value that nothing computes before is like no other. */
  #read = (name: string, values: ReadonlyMap<string, number>): number =>
    values.get(name) ?? this.#number(["unknown", name, this.#numbers.size]);

  #ofAttr(attr: Attr, values: ReadonlyMap<string, number>): unknown {
    if (attr.kind === "tensor") return ["tensor", this.#ofTensor(attr.value)];
    if (attr.kind === "graph") return ["graph", this.ofGraph(attr.value, values)];
    if (attr.kind === "opaque") return ["opaque", Array.from(attr.value as Uint8Array)];
    const { kind, value } = attr;
    // JSON has no numbers for these.
    return [kind, Array.isArray(value) ? value.map(String) : String(value)];
  }

  #ofTensor(tensor: Tensor, name?: string): number {
    const { dtype, dims, bytes, strings } = tensor;
    const type = `${dtype}[${dims.join()}]`;
    if (name !== undefined && this.#isNamed(name)) return this.#number(["named", name, type]);
    if (strings) return this.#number(["strings", type, strings.map((text) => Array.from(text))]);
    if (bytes.length <= INLINE_BYTES) return this.#number(["tensor", type, Array.from(bytes)]);
    const alike = this.#tensors.get(type) ?? [];
    this.#tensors.set(type, alike);
    const known = alike.find((other) => sameBytes(other.tensor.bytes, bytes));
    if (known) return this.#number(["tensor", known.key]);
    const key = `${type}#${alike.length}`;
    alike.push({ tensor, key });
    return this.#number(["tensor", key]);
  }

  #number(of: unknown): number {
    const key = JSON.stringify(of);
    const known = this.#numbers.get(key);
    if (known !== undefined) return known;
    const number = this.#numbers.size;
    this.#numbers.set(key, number);
    return number;
  }
}

const typeKey = ({ name, dtype, shape }: ValueInfo): string =>
  `${name}: ${dtype ?? "?"} [${shape?.map((dim) => openKey(dimKey(dim))).join() ?? "?"}]`;

/** Sizes that a file leaves open have a name that says no more. */
const openKey = (key: string): string => (key.startsWith("?") ? "?" : key);

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  if (a === b || (a.buffer === b.buffer && a.byteOffset === b.byteOffset)) return true;
  return a.every((byte, i) => byte === b[i]);
}
