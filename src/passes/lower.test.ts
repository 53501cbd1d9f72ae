/** @file Lowering and its inverse, as saved files need them. */

import { describe, expect, test } from "vitest";
import { network } from "../../test/helpers/networks.ts";
import { node } from "../../test/helpers/graphs.ts";
import { plain } from "../compile/targets/plain.ts";
import type { Graph } from "../graph/graph.ts";
import { liftGraph } from "../lift/index.ts";
import { LIFT_KINDS } from "../lift/options.ts";
import { LIFTED_DOMAIN } from "../ops/lifted.ts";
import { lower, raise } from "./lower.ts";

const lifted = async (name: string, kind: (typeof LIFT_KINDS)[number] = "acs"): Promise<Graph> =>
  liftGraph((await network(name)).graph, { kind }).graph;

test.each(LIFT_KINDS)("raise undoes lower: %s", async (kind) => {
  for (const name of ["resnext", "unet_train", "mobilenet_v2"]) {
    const graph = await lifted(name, kind);
    const { graph: lowered, nodes } = lower(graph, plain.fuses);
    expect(lowered.nodes.every(({ domain }) => domain === "")).toBe(true);
    expect([...lowered.opsets.keys()]).toEqual([""]);
    const back = raise(lowered, nodes);
    expect(back.nodes).toEqual(graph.nodes);
    expect(back.opsets).toEqual(graph.opsets);
    for (const [key, tensor] of graph.initializers) expect(lowered.initializers.get(key)).toEqual(tensor);
  }
});

test("names of values stay, and no two values share one", async () => {
  const graph = await lifted("resnext");
  const { graph: lowered } = lower(graph, plain.fuses);
  const outputs = lowered.nodes.flatMap((n) => n.outputs.filter(Boolean));
  expect(new Set([...outputs, ...lowered.initializers.keys()]).size).toBe(
    outputs.length + lowered.initializers.size,
  );
  const kept = new Set(outputs);
  // An activation that moved into the views took the name of the convolution before it along.
  const moved = new Set(
    lower(graph, plain.fuses).nodes.flatMap(({ was }) => (was.length > 1 ? was[0]!.outputs : [])),
  );
  for (const name of graph.nodes.flatMap((n) => n.outputs))
    expect(kept.has(name) || moved.has(name)).toBe(true);
});

describe("a file that somebody changed since", () => {
  test("keeps the operators that were changed as they are, and raises the others", async () => {
    const graph = await lifted("unet");
    const { graph: lowered, nodes } = lower(graph, plain.fuses);
    const gone = nodes[0]!.became.at(-1)!;
    const renamed = (name: string): string => (name === gone ? "renamed" : name);
    const changed = {
      ...lowered,
      nodes: lowered.nodes.map((n) => ({
        ...n,
        inputs: n.inputs.map(renamed),
        outputs: n.outputs.map(renamed),
      })),
    };
    const back = raise(changed, nodes);
    const count = (g: Graph): number => g.nodes.filter(({ domain }) => domain === LIFTED_DOMAIN).length;
    expect(count(back)).toBe(count(graph) - 1);
    expect(back.nodes.some(({ outputs }) => outputs.includes("renamed"))).toBe(true);
  });

  test("with none of our operators left, it is a plain graph", async () => {
    const { graph: lowered, nodes } = lower(await lifted("unet"), plain.fuses);
    const other = {
      ...lowered,
      nodes: [node("Relu", [lowered.inputs[0]!.name], [lowered.outputs[0]!.name])],
    };
    expect(raise(other, nodes)).toBe(other);
  });
});
