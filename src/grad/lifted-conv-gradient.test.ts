/** @file Gradients of lifted convolutions against PyTorch's, by input, kernel, bias and logits: 75 cases, five kinds. */

import { describe, expect, test } from "vitest";
import { evaluate, graphOf, type Floats } from "../../test/helpers/graphs.ts";
import {
  LIFT_KINDS,
  liftedConv,
  liftedConvCases,
  type LiftedConvCase,
  SOFT,
} from "../../test/helpers/lifted-conv.ts";
import { numbersOf } from "../graph/tensor.ts";
import { GraphBuilder } from "../ops/builder.ts";
import { Expressions } from "../ops/expressions.ts";
import { lower } from "../passes/lower.ts";
import { differentiate } from "./differentiate.ts";

/** Gradients of Σ dy·y by x and by the parameters. */
async function gradientsOf(c: LiftedConvCase): Promise<ReadonlyMap<string, Float32Array>> {
  const { graph } = liftedConv(c);
  const values = new Map<string, Floats>([
    ["x", { dims: c.x.shape, data: Float32Array.from(c.x.data) }],
    ["dy", { dims: c.y.shape, data: Float32Array.from(c.dy) }],
  ]);
  for (const [name, tensor] of graph.initializers)
    if (tensor.dtype === "float32")
      values.set(name, { dims: tensor.dims, data: Float32Array.from(numbersOf(tensor)) });
  const inputs = [...values].map(([name, { dims }]) => ({ name, dtype: "float32", shape: dims }) as const);
  const constants = new Map([...graph.initializers].filter(([name]) => !values.has(name)));
  const plain = lower({ ...graph, inputs, initializers: constants }).graph;

  const builder = new GraphBuilder(
    18,
    plain.nodes.flatMap(({ outputs }) => outputs),
  );
  for (const input of inputs) builder.input(input);
  for (const [name, tensor] of plain.initializers) builder.initializer(name, tensor);
  for (const node of plain.nodes) builder.push(node);
  const algebra = new Expressions(builder);
  const wanted = [...values.keys()].filter((name) => name !== "dy");
  const gradients = differentiate(algebra, algebra.sum(algebra.mul("y", "dy")), wanted);
  const step = builder.build(
    graphOf([]),
    [...gradients.values()].map((name) => ({ ...builder.known(name), name })),
  );
  const results = await evaluate(step, Object.fromEntries(values));
  return new Map([...gradients].map(([name, gradient]) => [name, results[gradient]!.data]));
}

describe.each(Object.keys(LIFT_KINDS) as LiftedConvCase["kind"][])("%s", (kind) => {
  test.each(liftedConvCases.filter((c) => c.kind === kind))("$name", async (c) => {
    const gradients = await gradientsOf(c);
    const expected = { x: c.dx, w: c.dweight, b: c.dbias, [SOFT]: c.dsoft };
    for (const [name, want] of Object.entries(expected)) {
      if (!want) continue;
      // What the loss does not depend on has no gradient: logits of a 1×1 kernel.
      const got = gradients.get(name) ?? new Float32Array(want.length);
      expect(got, `number of elements of the gradient by ${name}`).toHaveLength(want.length);
      const largest = Math.max(...want.map(Math.abs));
      const worst = Math.max(...want.map((value, i) => Math.abs(got[i]! - value)));
      expect(worst / (largest || 1), `gradient by ${name}`).toBeLessThanOrEqual(1e-4);
    }
  });
});
