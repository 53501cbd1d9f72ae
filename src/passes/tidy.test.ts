/** @file What is dropped because nobody reads it, subgraphs' reads included. */

import { describe, expect, test } from "vitest";
import { graphOf, node, value } from "../../test/helpers/graphs.ts";
import type { Graph, Node } from "../graph/graph.ts";
import { floatTensor } from "../graph/tensor.ts";
import { readsOf } from "../graph/graph-index.ts";
import { dropIdentities, dropUnused, renameReads } from "./tidy.ts";

const tensor = floatTensor([1], [1]);
const branch = (nodes: Node[], outputs: string[], initializers = {}): { kind: "graph"; value: Graph } => ({
  kind: "graph",
  value: graphOf(nodes, { inputs: [], outputs: outputs.map((name) => value(name)), initializers }),
});
const shown = (graph: Graph): string[] =>
  graph.nodes.map(({ inputs, op, outputs }) => `${op}(${inputs.join()})=${outputs.join()}`);

describe("dropUnused", () => {
  test("keeps what outputs depend on, and weights and types of that", () => {
    const nodes = [
      node("Relu", ["x"], ["a"]),
      node("Add", ["a", "w"], ["y"]),
      node("Mul", ["a", "v"], ["dead"]),
      node("Neg", ["dead"], ["deader"]),
    ];
    const graph = {
      ...graphOf(nodes, { initializers: { w: tensor, v: tensor } }),
      valueInfos: new Map(["a", "dead"].map((name) => [name, value(name)])),
    };
    const kept = dropUnused(graph);
    expect(shown(kept)).toEqual(["Relu(x)=a", "Add(a,w)=y"]);
    expect([...kept.initializers.keys()]).toEqual(["w"]);
    expect([...kept.valueInfos.keys()]).toEqual(["a"]);
  });

  test("a node stays for any of its outputs; an initialiser for being one", () => {
    const kept = dropUnused(
      graphOf([node("Split", ["x"], ["a", "y"])], {
        outputs: [value("y"), value("w")],
        initializers: { w: tensor },
      }),
    );
    expect(kept.nodes).toHaveLength(1);
    expect([...kept.initializers.keys()]).toEqual(["w"]);
  });

  test("what a subgraph captures is needed, what it makes itself is not looked for outside", () => {
    const inner = branch([node("Add", ["captured", "own"], ["inner"])], ["inner"], { own: tensor });
    const nodes = [
      node("Relu", ["x"], ["captured"]),
      node("Relu", ["x"], ["inner"]),
      node("If", ["c"], ["y"], { then_branch: inner, else_branch: inner }),
    ];
    const graph = graphOf(nodes, { initializers: { c: tensor, own: tensor } });
    expect(readsOf(nodes[2]!)).toEqual(["c", "captured", "captured"]);
    const kept = dropUnused(graph);
    expect(shown(kept)).toEqual(["Relu(x)=captured", "If(c)=y"]);
    expect([...kept.initializers.keys()]).toEqual(["c"]);
  });
});

describe("dropIdentities", () => {
  test("chains lead to the first value; an output keeps its name", () => {
    const nodes = [
      node("Identity", ["x"], ["a"]),
      node("Identity", ["a"], ["b"]),
      node("Neg", ["b"], ["s"]),
      node("Identity", ["s"], ["y"]),
    ];
    expect(shown(dropIdentities(graphOf(nodes)))).toEqual(["Neg(x)=s", "Identity(s)=y"]);
  });

  test("of a weight they make a weight of its own, under their name", () => {
    const nodes = [
      node("Identity", ["w"], ["bn2.weight"]),
      node("Add", ["x", "bn2.weight"], ["s"]),
      node("Mul", ["s", "w"], ["y"]),
    ];
    const graph = dropIdentities(graphOf(nodes, { initializers: { w: tensor } }));
    expect(shown(graph)).toEqual(["Add(x,bn2.weight)=s", "Mul(s,w)=y"]);
    expect(graph.initializers.get("bn2.weight")).toBe(tensor);
  });

  test("reads inside subgraphs are renamed, names made there are not", () => {
    const inner = branch([node("Add", ["alias", "alias"], ["w"]), node("Neg", ["w"], ["z"])], ["z"]);
    const direct = branch([], ["alias"]);
    const nodes = [
      node("Identity", ["x"], ["alias"]),
      node("If", ["c"], ["y"], { then_branch: inner, else_branch: direct }),
    ];
    const [kept] = dropIdentities(graphOf(nodes, { initializers: { c: tensor } })).nodes;
    const then = (kept!.attrs["then_branch"] as typeof inner).value;
    expect(shown(then)).toEqual(["Add(x,x)=w", "Neg(w)=z"]);
    expect((kept!.attrs["else_branch"] as typeof inner).value.outputs[0]!.name).toBe("x");
  });

  test("another domain's Identity is not ONNX's", () => {
    const graph = graphOf([
      { ...node("Identity", ["x"], ["a"]), domain: "com.example" },
      node("Relu", ["a"], ["y"]),
    ]);
    expect(dropIdentities(graph)).toBe(graph);
  });
});

test("renameReads leaves absent inputs absent", () => {
  expect(renameReads(node("Clip", ["x", "", "max"], ["y"]), (name) => `new ${name}`).inputs).toEqual([
    "new x",
    "",
    "new max",
  ]);
});
