/**
 * @file What an upgrade rule may know of the graph around its node, and how it
 * adds values to it.
 */

import { indexOf } from "../../graph/graph-index.ts";
import type { Graph, Node } from "../../graph/graph.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { createTypes, type Types } from "./types.ts";

/** A value name that nothing in the model uses, made from `base`. */
export type NameMaker = (base: string) => string;

export interface UpgradeContext extends Types {
  /** The constant behind a value, if it is one. */
  constantOf(name: string | undefined): Tensor | undefined;
  /** Whether a node or an output of the model reads a value. */
  isRead(name: string | undefined): boolean;
  readonly fresh: NameMaker;
  /** Adds an initialiser; returns its name. */
  constant(base: string, tensor: Tensor): string;
}

/**
 * One operator's change of form: the nodes that do in the new form what `node` did in the old. The
 * last one is the operator itself, so that rules can follow one another.
 */
export type UpgradeRule = (node: Node, context: UpgradeContext) => readonly Node[];

/** By the version that changed the form, the operators and what to do with them; objects have whole numbers in order. */
export type UpgradeRules = Readonly<Record<number, Readonly<Record<string, UpgradeRule>>>>;

/** Makes names that none of `used` is, each of them once. */
export function nameMaker(used: Set<string>): NameMaker {
  return (base) => {
    let name = base;
    for (let i = 1; used.has(name); i++) name = `${base}_${i}`;
    used.add(name);
    return name;
  };
}

/** Every value name of a graph and its subgraphs. */
export function allNames(graph: Graph, names = new Set<string>()): Set<string> {
  for (const { name } of [...graph.inputs, ...graph.outputs]) names.add(name);
  for (const name of [...graph.initializers.keys(), ...graph.valueInfos.keys()]) names.add(name);
  for (const node of graph.nodes) {
    for (const name of [...node.inputs, ...node.outputs]) names.add(name);
    for (const attr of Object.values(node.attrs)) if (attr.kind === "graph") allNames(attr.value, names);
  }
  return names;
}

/** The context of one graph; `outer` is that of the graph around it. New initialisers go to `added`. */
export function createContext(
  graph: Graph,
  fresh: NameMaker,
  added: Map<string, Tensor>,
  outer?: UpgradeContext,
): UpgradeContext {
  const constants = new Map(graph.initializers);
  for (const { op, domain, attrs, outputs } of graph.nodes) {
    if (op === "Constant" && domain === "" && attrs.value?.kind === "tensor")
      constants.set(outputs[0]!, attrs.value.value);
  }
  const constantOf = (name: string | undefined): Tensor | undefined =>
    name ? (constants.get(name) ?? outer?.constantOf(name)) : undefined;
  return {
    constantOf,
    isRead: (name) => name !== undefined && indexOf(graph).readCount(name) > 0,
    ...createTypes(graph, constantOf, outer),
    fresh,
    constant(base, tensor) {
      const name = fresh(base);
      added.set(name, tensor);
      return name;
    },
  };
}
