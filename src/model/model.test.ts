/** @file The model as users hold it: saved, loaded again, lifted again, unlifted, and run at changing sizes. */

import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { relativeDeviation } from "../../test/helpers/compare.ts";
import { evaluate, type Floats } from "../../test/helpers/graphs.ts";
import { network, random, THOROUGH } from "../../test/helpers/networks.ts";
import type { RunTensor } from "../run/tensor.ts";
import { LIFT_KINDS, type LiftOptions } from "../lift/options.ts";
import { lift, load, Model, unlift } from "./model.ts";
import { decodeModel } from "../onnx/decode.ts";

const EXACT = 0;
/** float32 in another order of operations. */
const CLOSE = 1e-5;

const fed = (model: Model, x: Floats): Record<string, RunTensor> => ({
  [model.inputs[0]!.name]: { dtype: "float32", ...x },
});
const outputOf = (model: Model, y: Record<string, Floats>): Floats => y[model.outputs[0]!.name]!;
/** Without our runtime: what any program makes of the bytes. */
const elsewhere = async (model: Model, x: Floats): Promise<Floats> =>
  outputOf(model, await evaluate(model.toBytes(), { [model.inputs[0]!.name]: x }));

const NAMES = ["unet_train", ...(THOROUGH ? ["resnext", "densenet", "convnext", "deeplab_dynamic"] : [])];
const volumeFor = (model: Model): Floats => random([1, model.inputs[0]!.shape![1] as number, 36, 32, 40]);

describe.each(NAMES)("%s", (name) => {
  test.each(LIFT_KINDS)(
    "%s: saved and loaded, it is the same function and the same network",
    async (kind) => {
      const model = await network(name);
      const lifted = lift(model, { kind });
      const again = await load(lifted.toBytes());
      expect(again.graph.nodes).toEqual(lifted.graph.nodes);
      expect(again.lifted!.options).toEqual({ kind });
      expect([...again.graph.metadata.keys()]).not.toContain("acsconv");
      const x = volumeFor(model);
      const y = await elsewhere(lifted, x);
      expect(relativeDeviation(await elsewhere(again, x), y)).toBe(EXACT);
      if (kind !== "acs") return;
      const run = outputOf(again, (await again.run(fed(again, x))) as Record<string, Floats>);
      await again.dispose();
      expect(relativeDeviation(run, y)).toBeLessThan(CLOSE);
    },
  );

  test("a loaded model lifts to another kind as the 2D model does", async () => {
    const model = await network(name);
    const loaded = await load(lift(model, { kind: "acs" }).toBytes());
    const x = volumeFor(model);
    for (const options of [
      { kind: "i3d" },
      { kind: "mean-acs" },
      { split: [0, 0, 1] },
    ] satisfies LiftOptions[]) {
      const direct = lift(model, options);
      const through = lift(loaded, options);
      expect(through.graph.nodes).toEqual(direct.graph.nodes);
      expect(relativeDeviation(await elsewhere(through, x), await elsewhere(direct, x))).toBe(EXACT);
    }
  });

  test("the saved file holds every 2D weight under its name, bit for bit", async () => {
    const model = await network(name);
    const lifted = lift(model);
    const file = decodeModel(lifted.toBytes());
    const kernels = [...lifted.lifted!.source.initializers].filter(([, { dims }]) => dims.length === 4);
    expect(kernels.length).toBeGreaterThan(3);
    for (const [key, tensor] of kernels) expect(file.initializers.get(key)).toEqual(tensor);
    // In the 2D file too, where the exporter gave them names.
    const known = kernels.filter(([key]) => model.graph.initializers.has(key));
    expect(known.length).toBeGreaterThan(kernels.length / 2);
    for (const [key, tensor] of known) expect(tensor).toEqual(model.graph.initializers.get(key));
    expect(file.nodes.every(({ domain }) => domain === "")).toBe(true);
  });

  test("unlift gives back the 2D weights and the 2D function", async () => {
    const model = await network(name);
    const back = unlift(await load(lift(model, { kind: "soft-acs" }).toBytes()));
    for (const [key, tensor] of back.graph.initializers) {
      const original = model.graph.initializers.get(key);
      if (original) expect(tensor).toEqual(original);
    }
    const shape = model.inputs[0]!.shape!.map((dim, i) =>
      typeof dim === "number" ? dim : [2, 0, 24, 32][i]!,
    );
    const image = random(shape);
    expect(relativeDeviation(await elsewhere(back, image), await elsewhere(model, image))).toBeLessThan(
      CLOSE,
    );
    expect(() => unlift(back)).toThrow(/Expected a model that acsconv lifted/);
  });
});

test("a folded stem is kept: channels: 1, saved, loaded, lifted again", async () => {
  const model = await network("resnet_basic");
  const one = lift(model, { channels: 1 });
  const x = random([1, 1, 20, 32, 32]);
  const again = await load(one.toBytes());
  expect(again.inputs[0]!.shape![1]).toBe(1);
  expect(relativeDeviation(await elsewhere(again, x), await elsewhere(one, x))).toBe(EXACT);
  const other = lift(again, { kind: "i3d" });
  const direct = lift(model, { channels: 1, kind: "i3d" });
  expect(relativeDeviation(await elsewhere(other, x), await elsewhere(direct, x))).toBe(EXACT);
});

test("trained weights of a lifted model are those of its unlifted one", async () => {
  const lifted = lift(await network("resnet_basic"));
  const [name, tensor] = [...lifted.graph.initializers].find(([, { dims }]) => dims.length === 4)!;
  const trained = { ...tensor, bytes: tensor.bytes.map((byte, i) => (i % 4 === 0 ? byte ^ 1 : byte)) };
  const model = new Model(
    { ...lifted.graph, initializers: new Map([...lifted.graph.initializers, [name, trained]]) },
    lifted.lifted,
  );
  expect(unlift(model).graph.initializers.get(name)).toEqual(trained);
  const loaded = await load(model.toBytes());
  expect(unlift(loaded).graph.initializers.get(name)).toEqual(trained);
  expect(lift(loaded, { kind: "i3d" }).graph.initializers.get(name)).toEqual(trained);
});

test("save writes the bytes of toBytes", async () => {
  const folder = mkdtempSync(join(tmpdir(), "acsconv-model-"));
  try {
    const path = join(folder, "model.onnx");
    const lifted = lift(await network("unet"));
    await lifted.save(path);
    expect(existsSync(path)).toBe(true);
    const x = random([1, 1, 8, 16, 16]);
    const loaded = await load(path);
    expect(relativeDeviation(await elsewhere(loaded, x), await elsewhere(lifted, x))).toBe(EXACT);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("metadata that is not ours to read leaves a plain model", async () => {
  const { graph } = lift(await network("unet"));
  const model = await load(lift(await network("unet")).toBytes());
  expect(model.lifted).toBeDefined();
  const broken = decodeModel(model.toBytes());
  for (const value of ["", "{}", '{"format":99}', "[1]", "null"]) {
    const bytes = new Model({ ...broken, metadata: new Map([["acsconv", value]]) }).toBytes();
    const warnings: string[] = [];
    const plain = await load(bytes, { onWarning: (sentence) => warnings.push(sentence) });
    expect(warnings).toHaveLength(1);
    expect(plain.lifted).toBeUndefined();
    expect(plain.graph.nodes.length).toBeGreaterThan(graph.nodes.length);
  }
});

test("a volume of which nothing is left is refused, at any run, and so is such a size", async () => {
  const model = await network("densenet");
  const lifted = lift(model);
  const small = random([1, 3, 16, 32, 32]);
  const message =
    /^The volume \[N, 3, 16, 32, 32\] is too small for the network: nothing is left of it after AveragePool ".*transition3.*"; .*\.$/;
  await expect(lifted.run(fed(lifted, small))).rejects.toThrow(message);
  await lifted.run(fed(lifted, random([1, 3, 32, 32, 32])));
  await expect(lifted.run(fed(lifted, small))).rejects.toThrow(message);
  await lifted.dispose();
  expect(() => lift(model, { size: [16, 32, 32] })).toThrow(message);
  expect(() => lift(model, { size: [16, 32, 32], depth: { stride: 1, pool: 1 } })).not.toThrow();
});

describe("runs of changing sizes", () => {
  const volumes = [random([1, 1, 8, 16, 16], 1), random([1, 1, 12, 16, 20], 2), random([2, 1, 8, 16, 16], 3)];

  test("one after the other", async () => {
    const model = lift(await network("unet_train"));
    for (const i of [0, 1, 0, 2, 1, 1, 0]) {
      const y = outputOf(model, (await model.run(fed(model, volumes[i]!))) as Record<string, Floats>);
      expect(relativeDeviation(y, await elsewhere(model, volumes[i]!))).toBeLessThan(CLOSE);
    }
    await model.dispose();
  });

  test("all at once", async () => {
    const model = lift(await network("unet_train"));
    const ys = await Promise.all(
      [0, 1, 2, 1, 0].map(async (i) => [i, await model.run(fed(model, volumes[i]!))] as const),
    );
    for (const [i, y] of ys) {
      const expected = await elsewhere(model, volumes[i]!);
      expect(relativeDeviation(outputOf(model, y as Record<string, Floats>), expected)).toBeLessThan(CLOSE);
    }
    await model.dispose();
  });

  test("after dispose", async () => {
    const model = lift(await network("unet_train"));
    const first = await model.run(fed(model, volumes[0]!));
    await model.dispose();
    const second = await model.run(fed(model, volumes[0]!));
    await model.dispose();
    expect(second).toEqual(first);
  });
});
