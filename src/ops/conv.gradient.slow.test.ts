/** @file Gradients of Conv by input, kernel and bias, where it takes several products. */

import { expect, test } from "vitest";
import { expectGradients, randomFloats } from "../../test/helpers/gradients.ts";
import { type Floats, node } from "../../test/helpers/graphs.ts";
import { differentiate } from "../grad/differentiate.ts";
import { type Attrs, ints, type Node } from "../graph/graph.ts";
import { GraphBuilder } from "./builder.ts";
import { Expressions } from "./expressions.ts";

interface Geometry {
  readonly x: readonly number[];
  readonly w: readonly number[];
  readonly attrs?: Attrs;
}

/** Matrix products in the gradient of a convolution by its kernel. */
function productsOf(inputs: Readonly<Record<string, Floats>>, conv: Node): number {
  const builder = new GraphBuilder(18, ["y"]);
  for (const [name, { dims }] of Object.entries(inputs))
    builder.input({ name, dtype: "float32", shape: dims });
  builder.push(conv);
  const algebra = new Expressions(builder);
  differentiate(algebra, algebra.sum("y"), ["w"]);
  return builder.nodes.filter(({ op }) => op === "MatMul").length;
}

/** So large that the kernel's gradient is summed over several ranges of planes, at either operand's shifts. */
const LARGE: Record<string, Geometry> = {
  "shifts of dy": { x: [1, 8, 40, 36, 32], w: [8, 8, 3, 3, 3], attrs: { pads: ints([1, 1, 1, 1, 1, 1]) } },
  "shifts of x": { x: [2, 4, 37, 36, 32], w: [12, 4, 3, 3, 3], attrs: { pads: ints([1, 0, 1, 1, 2, 1]) } },
  stride: { x: [1, 8, 61, 60, 60], w: [16, 8, 3, 3, 3], attrs: { strides: ints([2, 2, 2]) } },
};

test.each(Object.entries(LARGE))("in several products: %s", async (_, { x, w, attrs = {} }) => {
  const inputs = { x: randomFloats(x), w: randomFloats(w, 2) };
  const conv = node("Conv", ["x", "w"], ["y"], attrs);
  expect(productsOf(inputs, conv)).toBeGreaterThan(2);
  await expectGradients({ nodes: [conv], inputs, samples: 9 });
});
