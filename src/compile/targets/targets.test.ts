/** @file The table of devices, and what is derived from it. */

import { expect, test } from "vitest";
import { graphOf, node, value } from "../../../test/helpers/graphs.ts";
import { createProgram } from "../../cli/program.ts";
import { int } from "../../graph/graph.ts";
import { checkConfig } from "../../train/runs/config-fields.ts";
import { leftToCpu, NODE_DEVICES, targetOf, TARGETS } from "./index.ts";

test("WebGPU leaves grouped and transposed convolutions and pools with indices to the CPU; others leave nothing", () => {
  const named = (name: string, op: string, outputs: string[], attrs = {}): ReturnType<typeof node> => ({
    ...node(op, ["x", "w"], outputs, attrs),
    name,
  });
  const graph = graphOf([
    named("whole", "Conv", ["a"]),
    named("grouped", "Conv", ["b"], { group: int(2) }),
    named("up", "ConvTranspose", ["c"]),
    named("pool", "MaxPool", ["d"]),
    named("indices", "MaxPool", ["e", "f"]),
    { ...named("foreign", "ConvTranspose", ["g"]), domain: "other" },
  ]);
  expect(leftToCpu(graph, targetOf("webgpu"))).toEqual(["grouped", "up", "indices"]);
  for (const device of NODE_DEVICES.filter((name) => name !== "webgpu"))
    expect(leftToCpu(graph, targetOf(device))).toEqual([]);
});

test("memory is checked where it is known how it is planned", () => {
  const graph = graphOf([node("Relu", ["x"], ["y"])], { inputs: [value("x", [1024])] });
  expect(targetOf("cpu").memory?.(graph).tensorBytes).toBe(2 * 4 * 1024);
  for (const device of ["cuda", "webgpu", "coreml", "dml", "wasm"] as const)
    expect(targetOf(device).memory).toBeNull();
});

test("the command line and configuration files offer what Node has", () => {
  const { commands } = createProgram();
  const offered = ["predict", "evaluate", "train"].map(
    (name) =>
      commands.find((command) => command.name() === name)!.options.find(({ long }) => long === "--device")!
        .argChoices,
  );
  expect(offered).toEqual([NODE_DEVICES, NODE_DEVICES, NODE_DEVICES]);
  expect(NODE_DEVICES).toEqual(Object.keys(TARGETS).filter((name) => name !== "wasm"));
  const config = (device: string): unknown => checkConfig({ model: "m.onnx", data: "d", device }, "here");
  for (const device of NODE_DEVICES) expect(config(device)).toMatchObject({ device });
  expect(() => config("wasm")).toThrow(/cpu, cuda, webgpu, coreml/);
});
