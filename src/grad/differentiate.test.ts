/** @file The engine: broadcasting undone, contributions summed, refusals by name. */

import { describe, expect, test } from "vitest";
import { expectGradients, randomFloats } from "../../test/helpers/gradients.ts";
import { node } from "../../test/helpers/graphs.ts";
import { GraphBuilder } from "../ops/builder.ts";
import { Expressions } from "../ops/expressions.ts";
import { differentiate } from "./differentiate.ts";

describe("differentiate", () => {
  test("undoes broadcasting of rank and of size", async () => {
    await expectGradients({
      nodes: [node("Mul", ["a", "b"], ["p"]), node("Add", ["p", "c"], ["y"])],
      inputs: { a: randomFloats([2, 3, 1, 4]), b: randomFloats([3, 5, 1], 2), c: randomFloats([], 3) },
    });
  });

  test("sums what several readers contribute", async () => {
    await expectGradients({
      nodes: [
        node("Mul", ["x", "x"], ["s"]),
        node("Add", ["s", "x"], ["t"]),
        node("Mul", ["t", "x"], ["u"]),
        node("Sub", ["u", "s"], ["y"]),
      ],
      inputs: { x: randomFloats([3, 2]) },
    });
  });

  const chain = (op: string): Expressions => {
    const builder = new GraphBuilder(18, ["y", "z"]);
    builder.input({ name: "x", dtype: "float32", shape: [2, 3] });
    builder.push(node(op, ["x"], ["y"]));
    builder.push(node("Mul", ["y", "y"], ["z"]));
    return new Expressions(builder);
  };

  test("names the node that has no gradient", () => {
    const algebra = chain("Hardmax");
    expect(() => differentiate(algebra, algebra.sum("z"), ["x"])).toThrow(
      'Cannot train through Hardmax "y": acsconv knows no gradient of Hardmax; freeze the parameters before it, or cut the network there.',
    );
  });

  test("gives nothing for what the loss does not depend on, and writes nothing for it", () => {
    const algebra = chain("Relu");
    const loss = algebra.sum("z");
    const before = algebra.builder.nodes.length;
    expect(differentiate(algebra, loss, ["unknown"]).size).toBe(0);
    expect(algebra.builder.nodes).toHaveLength(before);
  });
});
