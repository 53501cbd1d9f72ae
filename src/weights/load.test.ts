/** @file Weights of files into networks: names, prefixes, sizes, element types, and what the report says. */

import { describe, expect, test } from "vitest";
import { concat, graphOf, node, value } from "../../test/helpers/graphs.ts";
import { type DType, floatTensor, numbersOf, type Tensor, tensorOf } from "../graph/tensor.ts";
import { lift, Model, unlift } from "../model/model.ts";
import { pocUnet } from "../models/unet.ts";
import { loadWeights } from "./load.ts";
import { encodeSafetensors } from "../formats/safetensors.ts";
import { transferred } from "./selection.ts";

const source = pocUnet({ classes: 3, seed: 1 });
const target = pocUnet({ classes: 3, seed: 2 });
/** 7 convolutions with bias, 6 BatchNorms of 4 vectors: 38. */
const WEIGHTS = weightsOf(source);

function weightsOf({ graph }: Model): Map<string, Tensor> {
  return new Map([...graph.initializers].filter(([name]) => /\.(weight|bias|running_\w+)$/.test(name)));
}

/** A file with the source's weights, renamed or changed. */
function file(
  change: (name: string, tensor: Tensor) => readonly [string, Tensor] | undefined = (...same) => same,
  more: Record<string, Tensor> = {},
): Uint8Array {
  const tensors = [...WEIGHTS].flatMap((entry) => {
    const changed = change(...entry);
    return changed ? [changed] : [];
  });
  return concat(
    encodeSafetensors({ tensors: new Map([...tensors, ...Object.entries(more)]), metadata: new Map() }),
  );
}
const prefixed =
  (prefix: string) =>
  (name: string, tensor: Tensor): [string, Tensor] => [prefix + name, tensor];

const values = (model: Model, name: string): number[] => [...numbersOf(model.graph.initializers.get(name)!)];
const expectSame = (actual: Model, expected: Model, names: Iterable<string> = WEIGHTS.keys()): void => {
  for (const name of names) {
    const [a, b] = [actual, expected].map(({ graph }) => Buffer.from(graph.initializers.get(name)!.bytes));
    expect({ name, same: a!.equals(b!) }).toEqual({ name, same: true });
  }
};

describe("prefixes", () => {
  test.each(["", "module.", "state_dict.module.", "model.encoder.net."])(
    '"%s" is found and taken off',
    async (prefix) => {
      const counter = { [`${prefix}enc1.encode.1.num_batches_tracked`]: tensorOf("int64", [], [7]) };
      const { model, report } = await loadWeights(target, file(prefixed(prefix), counter));
      expectSame(model, source);
      expect(report).toMatchObject({ prefix, missing: [], mismatched: [], skipped: [] });
      expect(report.loaded.toSorted()).toEqual([...WEIGHTS.keys()].toSorted());
      expect(report.unexpected).toEqual(["enc1.encode.1.num_batches_tracked"]);
      expect(report.percent).toBe(100);
    },
  );

  test("of two dictionaries that fit the one with the shorter name is taken", async () => {
    const other = Object.fromEntries(
      [...weightsOf(pocUnet({ classes: 3, seed: 3 }))].map(([name, tensor]) => [
        `state_dict_ema.${name}`,
        tensor,
      ]),
    );
    const { model, report } = await loadWeights(target, file(prefixed("state_dict."), other));
    expectSame(model, source);
    expect(report.unexpected.length).toBe(WEIGHTS.size);
    const ema = await loadWeights(target, file(prefixed("state_dict."), other), {
      prefix: "state_dict_ema.",
    });
    expectSame(ema.model, pocUnet({ classes: 3, seed: 3 }));
  });
});

describe("element types", () => {
  test.each<[DType, number]>([
    ["float64", 0],
    ["float16", 2 ** -11],
    ["bfloat16", 2 ** -8],
  ])("%s becomes the network's", async (dtype, rtol) => {
    const { model } = await loadWeights(
      target,
      file((name, { dims, ...tensor }) => [name, tensorOf(dtype, dims, numbersOf({ dims, ...tensor }))]),
    );
    for (const [name, tensor] of WEIGHTS) {
      expect(model.graph.initializers.get(name)!.dtype).toBe("float32");
      expect(values(model, name)).toBeAllClose(numbersOf(tensor), { rtol, atol: 1e-7 });
    }
  });
});

describe("lifted networks", () => {
  test.each(["acs", "soft-acs", "2.5d", "i3d"] as const)("%s takes the 2D network's file", async (kind) => {
    const { model, report } = await loadWeights(lift(target, { kind }), file());
    expectSame(unlift(model), source);
    expect(report.missing).toEqual([]);
    // Soft-ACS's logits are parameters that no 2D file has.
    expect(report.percent).toBeGreaterThan(kind === "soft-acs" ? 99 : 99.999);
  });

  test("3d kernels want 3D files", async () => {
    const model3d = lift(target, { kind: "3d" });
    await expect(loadWeights(model3d, file())).rejects.toThrow(
      /have other sizes \(enc1\.encode\.0\.weight: expected \[64, 1, 3, 3, 3\], found \[64, 1, 3, 3\]/,
    );
    const kernels = [...model3d.graph.initializers].filter(([, { dims }]) => dims.length === 5);
    const drawn = Object.fromEntries(
      kernels.map(([name, { dims }]) => [
        name,
        floatTensor(dims, new Float32Array(dims.reduce((a, b) => a * b)).fill(3)),
      ]),
    );
    const { model } = await loadWeights(model3d, file(undefined, drawn));
    expect(new Set(values(model, "enc1.encode.0.weight"))).toEqual(new Set([3]));
  });
});

describe("maps", () => {
  const old = (name: string): string => name.replace("enc1.encode", "encoder.first").replace("final", "head");
  const renamed = file((name, tensor) => [`model.${old(name)}`, tensor]);
  test.each([
    ["a function", (name: string) => name.replace("encoder.first", "enc1.encode").replace("head", "final")],
    [
      "a record",
      { "encoder.first.": "enc1.encode.", "head.weight": "final.weight", "head.bias": "final.bias" },
    ],
  ])("%s", async (_, map) => {
    const { model, report } = await loadWeights(target, renamed, { map });
    expectSame(model, source);
    expect(report.prefix).toBe("model.");
  });

  test("a known one by name, suggested where it would fit", async () => {
    const { graph } = target;
    const rename = (name: string): string => (WEIGHTS.has(name) ? `backbone.${name}` : name);
    const initializers = new Map([...graph.initializers].map(([name, tensor]) => [rename(name), tensor]));
    const nodes = graph.nodes.map((node) => ({ ...node, inputs: node.inputs.map(rename) }));
    const network = new Model({ ...graph, initializers, nodes });
    await expect(loadWeights(network, file())).rejects.toThrow(
      /its names are those of the map "torchvision-backbone": give it\.$/,
    );
    const { report } = await loadWeights(network, file(), { map: "torchvision-backbone" });
    expect(report.percent).toBe(100);
    await expect(loadWeights(network, file(), { map: "torchvisoin" as "torchvision" })).rejects.toThrow(
      /There is no map of names "torchvisoin": the nearest is "torchvision"/,
    );
  });
});

describe("what is taken", () => {
  // Two times a convolution and BatchNorm each: 640 + 128 + 36,928 + 128, and 73,856 + 256 + 147,584 + 256.
  const ENCODER = 259_776;
  const ALL = 389_187;

  test("the encoder alone", async () => {
    const only = transferred("encoder");
    const { model, report } = await loadWeights(target, file(), { only });
    const names = [...WEIGHTS.keys()];
    expectSame(
      model,
      source,
      names.filter((name) => name.startsWith("enc")),
    );
    expectSame(
      model,
      target,
      names.filter((name) => !name.startsWith("enc")),
    );
    expect(report).toMatchObject({ loadedBytes: 4 * ENCODER, totalBytes: 4 * ALL, missing: [] });
    expect(report.percent).toBeCloseTo((100 * ENCODER) / ALL, 10);
    expect(report.skipped.toSorted()).toEqual(names.filter((name) => !name.startsWith("enc")).toSorted());
  });

  test.each([
    ["a name", "final.bias", ["final.bias"]],
    ["any letters", "final.*", ["final.bias", "final.weight"]],
    ["letters between", "enc*.3.w*t", ["enc1.encode.3.weight", "enc2.encode.3.weight"]],
    ["an expression", /^final\./, ["final.bias", "final.weight"]],
    ["an expression with a memory", /final/g, ["final.bias", "final.weight"]],
    ["several", ["final.bias", /enc1.*0\.bias/], ["enc1.encode.0.bias", "final.bias"]],
    ["all but", transferred({ include: "final*", exclude: "*bias" }), ["final.weight"]],
  ])("%s", async (_, only, names) => {
    const { report } = await loadWeights(target, file(), { only });
    expect(report.loaded.toSorted()).toEqual(names);
  });

  test("nothing is an error that names what there is", async () => {
    await expect(loadWeights(target, file(), { only: "backbone.*" })).rejects.toThrow(
      "None of the network's 38 weights is among those to load; their names begin with enc1, enc2, dec1, final.",
    );
  });
});

describe("what does not fit", () => {
  const head = { "final.weight": floatTensor([5, 32, 1, 1], new Float32Array(160)) };
  const other = file((name, tensor) => (name === "enc1.encode.0.bias" ? undefined : [name, tensor]), head);

  test("is an error with names and sizes", async () => {
    await expect(loadWeights(target, other)).rejects.toMatchObject({
      kind: "input",
      message:
        '"the file" does not fit the network: of its 38 weights 1 are missing (enc1.encode.0.bias) and 1 have other ' +
        "sizes (final.weight: expected [3, 32, 1, 1], found [5, 32, 1, 1]); load what fits with strict: false, " +
        "leave weights out with only, or give a map.",
    });
  });

  test("is left out when it may be", async () => {
    const { model, report } = await loadWeights(target, other, { strict: false });
    expect(report.missing).toEqual(["enc1.encode.0.bias"]);
    expect(report.mismatched).toEqual([
      { name: "final.weight", expected: [3, 32, 1, 1], found: [5, 32, 1, 1] },
    ]);
    expectSame(model, target, ["enc1.encode.0.bias", "final.weight"]);
    expect(report.loadedBytes).toBe(4 * (389_187 - 64 - 96));
  });

  test("another network's weights say which names disagree first, and how many", async () => {
    const foreign = file((name, tensor) => [`blocks.${name.replaceAll(/[a-z]+/g, "x")}`, tensor]);
    const message =
      /of its 38 weights 38 are missing \(enc1\.encode\.0\.weight, enc1\.encode\.0\.bias, enc1\.encode\.1\.weight, …\); the file has \d+ others \(blocks\.x.*, …\); it seems to be of another network/;
    await expect(loadWeights(target, foreign)).rejects.toThrow(message);
    await expect(loadWeights(target, foreign, { strict: false })).rejects.toThrow(message);
  });

  test("axes of length 1 at the end do not matter, others do", async () => {
    const shaped = (dims: readonly number[]): Uint8Array =>
      file((name, tensor) => [name, name === "final.weight" ? { ...tensor, dims } : tensor]);
    const { model } = await loadWeights(target, shaped([3, 32]));
    expectSame(model, source);
    expect(model.graph.initializers.get("final.weight")!.dims).toEqual([3, 32, 1, 1]);
    await expect(loadWeights(target, shaped([1, 3, 32, 1]))).rejects.toThrow(/found \[1, 3, 32, 1\]/);
    await expect(loadWeights(target, shaped([32, 3]))).rejects.toThrow(/found \[32, 3\]/);
  });
});

test("what an exporter stored once gets a value each", async () => {
  const zeros = floatTensor([4], [0, 0, 0, 0]);
  const kernel = floatTensor([4, 4, 1, 1], new Float32Array(16).fill(1));
  const graph = graphOf(
    [
      node("Identity", ["a.bias"], ["b.bias"]),
      node("Conv", ["x", "a.weight", "a.bias"], ["h"]),
      node("Conv", ["h", "b.weight", "b.bias"], ["y"]),
    ],
    {
      inputs: [value("x", [1, 4, 8, 8])],
      initializers: { "a.weight": kernel, "b.weight": kernel, "a.bias": zeros },
    },
  );
  const trained = new Map([
    ["a.weight", kernel],
    ["a.bias", floatTensor([4], [1, 2, 3, 4])],
    ["b.weight", kernel],
    ["b.bias", floatTensor([4], [5, 6, 7, 8])],
  ]);
  const bytes = concat(encodeSafetensors({ tensors: trained, metadata: new Map() }));
  const { model, report } = await loadWeights(new Model(graph), bytes);
  expect(report.loaded.length).toBe(4);
  expect(values(model, "a.bias")).toEqual([1, 2, 3, 4]);
  expect(values(model, "b.bias")).toEqual([5, 6, 7, 8]);
  const { y } = await model.run({ x: { dtype: "float32", dims: [1, 4, 8, 8], data: new Float32Array(256) } });
  // Σ of the first biases, through a kernel of ones, and the second bias.
  expect([0, 64, 128, 192].map((i) => y!.data[i])).toEqual([15, 16, 17, 18]);
  await model.dispose();
});
