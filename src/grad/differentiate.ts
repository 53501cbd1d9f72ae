/**
 * @file Reverse-mode differentiation of a graph: from the last node to the
 * first, every operator's rule turns the gradients of its outputs into those of
 * its inputs.
 *
 *   ∂loss/∂x = Σ over the readers of x of what their rules say
 *
 * @see Griewank, Walther: Evaluating Derivatives, 2008, chapter 3
 */

import { AcsconvError } from "../base/errors.ts";
import { type Node, nodeLabel } from "../graph/graph.ts";
import { readsOf } from "../graph/graph-index.ts";
import type { GradientContext } from "../ops/gradient.ts";
import { Expressions } from "../ops/expressions.ts";
import { ruleFor } from "../ops/index.ts";

const FLOATING = /^(float|bfloat)/;

/**
 * Writes the backward nodes after the forward ones that the builder of
 * `algebra` holds.
 *
 * @param loss - a scalar of those
 * @param wanted - values (parameters, inputs, inner values) to differentiate by
 * @returns the name of ∂loss/∂value for each wanted value that the loss depends on; of the value's sizes
 * @throws {@link AcsconvError} ("train") naming the node on the way that has no gradient
 */
export function differentiate(
  algebra: Expressions,
  loss: string,
  wanted: readonly string[],
): Map<string, string> {
  const forward = [...algebra.builder.nodes];
  const active = dependents(algebra, forward, wanted);
  const parts = new Map<string, string[]>([
    [loss, [algebra.expand(algebra.scalar(1, loss), algebra.shape(loss))]],
  ]);
  const total = (name: string): string | undefined => {
    const terms = parts.get(name);
    if (!terms) return undefined;
    if (terms.length > 1) parts.set(name, [sumOf(algebra, terms)]);
    return parts.get(name)![0];
  };
  for (const node of forward.toReversed()) {
    if (!node.outputs.some((name) => parts.has(name)) || !node.inputs.some((name) => active.has(name)))
      continue;
    const gradients = gradientsAt(algebra, node, total, active);
    node.inputs.forEach((name, i) => {
      const gradient = gradients[i];
      if (gradient === undefined || !active.has(name)) return;
      const own = algebra.unbroadcast(gradient, algebra.shape(name));
      const terms = parts.get(name);
      if (terms) terms.push(own);
      else parts.set(name, [own]);
    });
  }
  return new Map(
    wanted.flatMap((name) => {
      const gradient = total(name);
      return gradient === undefined ? [] : [[name, gradient] as const];
    }),
  );
}

/** Values of floating point that depend on a wanted one. */
function dependents(
  { builder }: Expressions,
  nodes: readonly Node[],
  wanted: readonly string[],
): Set<string> {
  const active = new Set(wanted);
  for (const node of nodes) {
    if (!readsOf(node).some((name) => active.has(name))) continue;
    for (const name of node.outputs) {
      if (name && FLOATING.test(builder.known(name).dtype ?? "float32")) active.add(name);
    }
  }
  return active;
}

function gradientsAt(
  algebra: Expressions,
  node: Node,
  total: (name: string) => string | undefined,
  active: ReadonlySet<string>,
): readonly (string | undefined)[] {
  const refuse = (why: string): never => {
    throw new AcsconvError(
      "train",
      `Cannot train through ${nodeLabel(node)}: ${why}; freeze the parameters before it, or cut the network there.`,
    );
  };
  const rule = ruleFor(node)?.gradient;
  if (!rule) return refuse(`acsconv knows no gradient of ${node.op}`);
  return rule(new AtNode(algebra, { node, total, active, refuse }));
}

/** A node, what is known of the gradients of its outputs, and which inputs are asked for. */
interface Place extends Pick<GradientContext, "node" | "refuse"> {
  readonly total: (name: string) => string | undefined;
  readonly active: ReadonlySet<string>;
}

/** {@link Expressions} of the same graph, seen from a node. */
class AtNode extends Expressions implements GradientContext {
  readonly node: Node;
  readonly refuse: (why: string) => never;
  readonly #place: Place;

  constructor(algebra: Expressions, place: Place) {
    super(algebra.builder, algebra.written);
    this.#place = place;
    ({ node: this.node, refuse: this.refuse } = place);
  }

  x(i = 0): string {
    return this.node.inputs[i] ?? "";
  }

  y(i = 0): string {
    return this.node.outputs[i] ?? "";
  }

  dy(i = 0): string {
    return this.#place.total(this.y(i)) ?? this.zerosLike(this.y(i));
  }

  reaches(i: number): boolean {
    return this.#place.total(this.y(i)) !== undefined;
  }

  needs(i: number): boolean {
    return this.#place.active.has(this.x(i));
  }
}

/** One after the other: of many terms of one Sum all would have to be there at once. */
const sumOf = (algebra: Expressions, terms: readonly string[]): string =>
  terms.reduce((sum, term) => algebra.add(sum, term));
