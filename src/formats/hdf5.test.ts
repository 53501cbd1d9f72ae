/** @file HDF5 files, as Keras and h5py write them (`oracle/keras_files.py`): names, types, axes, and what is refused. */

import { readdirSync, readFileSync } from "node:fs";
import { Worker } from "node:worker_threads";
import { describe, expect, test, vi } from "vitest";
import { type Graph, ints } from "../graph/graph.ts";
import { elementCount, floatTensor, numbersOf, type Tensor } from "../graph/tensor.ts";
import { Model } from "../model/model.ts";
import { KERAS_AXES } from "./keras.ts";
import { loadWeights } from "../weights/load.ts";
import { readWeights } from "../weights/read.ts";

const folder = new URL("../../test/fixtures/checkpoints/keras/", import.meta.url);
const file = (name: string): URL => new URL(name, folder);

const count = (tensor: Tensor): number[] => Array.from({ length: elementCount(tensor.dims) }, (_, i) => i);
const sizes = (tensors: ReadonlyMap<string, Tensor>): Record<string, readonly number[]> =>
  Object.fromEntries([...tensors].map(([name, { dims }]) => [name, dims]));

const SMALL = {
  "3dconv1.kernel": [2, 3, 4, 1, 2],
  "conv1.bias": [4],
  "conv1.kernel": [3, 2, 2, 4],
  "conv1_bn.beta": [4],
  "conv1_bn.gamma": [4],
  "conv1_bn.moving_mean": [4],
  "conv1_bn.moving_variance": [4],
  "conv1_scale.beta": [4],
  "conv1_scale.gamma": [4],
  "dense.bias": [2],
  "dense.kernel": [3, 2],
};

describe("reads", () => {
  test.each<[string, Record<string, readonly number[]>, object]>([
    ["weights.h5", SMALL, {}],
    [
      "model.h5",
      {
        ...SMALL,
        "model_weights.top_level": [2],
        "optimizer_weights.SGD.iterations": [],
        "optimizer_weights.training.SGD.Variable": [2],
      },
      { model_config: '{"class_name": "Model"}' },
    ],
    ["nested.h5", { "encoder.a.kernel": [1, 1, 2, 2], "encoder.b.kernel": [1, 1, 2, 2] }, {}],
  ])("%s by layers", async (name, expected, more) => {
    const { format, tensors, metadata } = await readWeights(file(name));
    expect(format).toBe("hdf5");
    expect(sizes(tensors)).toEqual(expected);
    expect(Object.fromEntries(metadata)).toEqual({ backend: "tensorflow", keras_version: "2.0.8", ...more });
    for (const [name, tensor] of tensors)
      if (name.endsWith(".kernel")) expect([...numbersOf(tensor)]).toEqual(count(tensor));
  });

  test("every type, in blocks and compressed, by paths", async () => {
    const { tensors, metadata } = await readWeights(new Blob([readFileSync(file("types.h5"))]));
    const dtypes = Object.fromEntries([...tensors].map(([name, { dtype }]) => [name, dtype]));
    const integers = Object.fromEntries(
      [1, 2, 4, 8].flatMap((size) => [
        [`types.i${size}`, `int${8 * size}`],
        [`types.u${size}`, `uint${8 * size}`],
      ]),
    );
    expect(dtypes).toEqual({
      ...integers,
      "types.f2": "float16",
      "types.f4": "float32",
      "types.f8": "float64",
      "types.>f2": "float16",
      "types.>f4": "float32",
      "types.>f8": "float64",
      "types.>i2": "int16",
      "types.>i8": "int64",
      again: "float32",
      bool: "bool",
      gzip: "float32",
      none: "float32",
      scalar: "float32",
    });
    for (const [name, tensor] of tensors) {
      if (/^(types|gzip)/.test(name)) expect([...numbersOf(tensor)]).toEqual(count(tensor));
    }
    expect(["again", "bool", "none"].map((name) => [...numbersOf(tensors.get(name)!)])).toEqual([
      [3],
      [1, 0],
      [],
    ]);
    expect(Object.fromEntries(metadata)).toEqual({
      epoch: "é 3",
      "/broken": "not read: a broken link",
      "/complex": "not read: records",
      "/empty": "not read: empty",
      "/record": "not read: records",
      "/text": "not read: texts",
    });
  });
});

describe("refuses", () => {
  test.each([
    ["circle", /has groups nested deeper than 32/],
    ["compression", /"\/w", in a compression that is not read, lzf \(32000\): write it with gzip or none/],
    ["chunk", /would expand to more than/],
    ["external", /"\/w" in it cannot be read \(unable to open external raw data file\)/],
    ["huge", /would expand to more than/],
    ["link", /has a link to another file, "\/elsewhere", which is not followed/],
    ["virtual", /"\/w", whose elements are in other files/],
  ])("%s", async (name, message) => {
    const reading = readWeights(file(`refused-${name}.h5`));
    await expect(reading).rejects.toMatchObject({ name: "AcsconvError", kind: "format" });
    await expect(reading).rejects.toThrow(message);
  });

  test("each of the files made to be refused", () => {
    expect(readdirSync(folder).filter((name) => name.startsWith("refused-"))).toHaveLength(7);
  });

  test("a truncated file, and goes on with the next", async () => {
    const bytes = readFileSync(file("weights.h5"));
    await expect(readWeights(bytes.subarray(0, 9000))).rejects.toThrow(/is damaged: .*truncated file/);
    expect((await readWeights(bytes)).tensors.size).toBe(11);
  });

  test("a file that is never done with", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout"] });
    const asked = vi.spyOn(Worker.prototype, "postMessage").mockImplementation(() => {});
    try {
      const refusal = readWeights(readFileSync(file("weights.h5"))).catch(String);
      await vi.waitFor(() => expect(asked).toHaveBeenCalled());
      await vi.advanceTimersByTimeAsync(16_000);
      expect(await refusal).toMatch(/is damaged: reading it did not end within 15 seconds/);
    } finally {
      asked.mockRestore();
      vi.useRealTimers();
    }
  });

  test("all of them where there is no Node", async () => {
    const bytes = readFileSync(file("weights.h5"));
    vi.stubGlobal("process", Object.create(process, { getBuiltinModule: { value: undefined } }));
    try {
      await expect(readWeights(bytes)).rejects.toThrow(/is an HDF5 file, which is read in Node only/);
    } finally {
      vi.unstubAllGlobals();
    }
  });
});

/** A network of the small files' layers, by our names and sizes; `slices`: 2D layers as 3D ones of depth 1. */
function network({ slices = false, axes }: { slices?: boolean; axes?: string } = {}): Model {
  const kernel = slices ? [4, 2, 1, 3, 2] : [4, 2, 3, 2];
  const dims: Record<string, readonly number[]> = {
    "conv1.weight": kernel,
    "conv1.bias": [4],
    ...Object.fromEntries(
      ["weight", "bias", "running_mean", "running_var"].map((of) => [`conv1_bn.${of}`, [4]]),
    ),
    "conv1_scale.weight": slices ? [4, 1, 1, 1] : [4, 1, 1],
    "conv1_scale.bias": slices ? [4, 1, 1, 1] : [4, 1, 1],
    "3dconv1.weight": axes === "HWD" ? [2, 1, 4, 2, 3] : [2, 1, 2, 3, 4],
    "dense.weight": [2, 3],
    "dense.bias": [2],
  };
  const node = (op: string, inputs: string[], output: string): Graph["nodes"][number] => ({
    op,
    domain: "",
    name: output,
    inputs,
    outputs: [output],
    attrs: op === "Conv" ? { kernel_shape: ints(dims[inputs[1]!]!.slice(2)) } : {},
  });
  const norm = ["weight", "bias", "running_mean", "running_var"].map((of) => `conv1_bn.${of}`);
  return new Model({
    name: "small",
    inputs: ["x", "v", "f"].map((name) => ({ name, dtype: "float32" })),
    outputs: ["d", "e", "g"].map((name) => ({ name })),
    nodes: [
      node("Conv", ["x", "conv1.weight", "conv1.bias"], "a"),
      node("BatchNormalization", ["a", ...norm], "b"),
      node("Mul", ["b", "conv1_scale.weight"], "c"),
      node("Add", ["c", "conv1_scale.bias"], "d"),
      node("Conv", ["v", "3dconv1.weight"], "e"),
      node("Gemm", ["f", "dense.weight", "dense.bias"], "g"),
    ],
    initializers: new Map(
      Object.entries(dims).map(([name, of]) => [name, floatTensor(of, new Float32Array(elementCount(of)))]),
    ),
    valueInfos: new Map(),
    opsets: new Map([["", 18]]),
    metadata: new Map(axes === undefined ? [] : [[KERAS_AXES, axes]]),
  });
}

describe("loads", () => {
  const read = ({ graph }: Model, name: string): number[] => [...numbersOf(graph.initializers.get(name)!)];

  test.each([{}, { slices: true }, { axes: "HWD" }])("a whole model into a network %o", async (options) => {
    const { model, report } = await loadWeights(network(options), file("model.h5"));
    expect(report).toMatchObject({ percent: 100, missing: [], mismatched: [] });
    expect(report.unexpected).toEqual([
      "model_weights.top_level",
      "optimizer_weights.SGD.iterations",
      "optimizer_weights.training.SGD.Variable",
    ]);
    const conv = read(model, "conv1.weight");
    // Element (o, i, kh, kw) of ours is element (kh, kw, i, o) of Keras's [3, 2, 2, 4], which counts them.
    for (const [o, i, h, w] of [
      [1, 0, 0, 0],
      [0, 1, 0, 0],
      [0, 0, 1, 0],
      [3, 1, 2, 1],
    ] as const)
      // prettier-ignore
      expect(conv[((o * 2 + i) * 3 + h) * 2 + w]).toBe(((h * 2 + w) * 2 + i) * 4 + o);
    const volume = read(model, "3dconv1.weight");
    // Keras's [2, 3, 4, 1, 2] has the window's axes in the order of `axes`.
    for (const [o, a, b, c] of [
      [1, 0, 0, 0],
      [0, 1, 0, 0],
      [0, 0, 1, 0],
      [1, 1, 2, 3],
    ] as const)
      // prettier-ignore
      expect(volume["axes" in options ? ((o * 4 + c) * 2 + a) * 3 + b : ((o * 2 + a) * 3 + b) * 4 + c]).toBe(
        ((a * 3 + b) * 4 + c) * 2 + o,
      );
    expect(read(model, "dense.weight")).toEqual([0, 2, 4, 1, 3, 5]);
    expect(read(model, "conv1_scale.bias")).toEqual([10, 11, 12, 13]);
    expect(read(model, "conv1_bn.running_var")).toEqual([0, 1, 2, 3]);
  });

  test("the names of Keras 1", async () => {
    const { report } = await loadWeights(network(), file("keras1.h5"), { strict: false });
    expect(report.loaded).toEqual([
      "conv1.bias",
      ...["weight", "bias", "running_mean", "running_var"].map((of) => `conv1_bn.${of}`),
    ]);
    expect(report.mismatched).toEqual([
      { name: "conv1.weight", expected: [4, 2, 3, 2], found: [4, 2, 3, 3] },
    ]);
  });

  test("other names by a map, after they have been translated", async () => {
    const map = { "conv1.": "dense.", "dense.": "conv1." };
    const { report } = await loadWeights(network(), file("weights.h5"), { map, strict: false });
    expect(report.mismatched).toContainEqual({ name: "dense.weight", expected: [2, 3], found: [4, 2, 3, 2] });
  });

  test("not those of Theano, whose kernels are turned round", async () => {
    await expect(loadWeights(network(), file("theano.h5"), { strict: false })).rejects.toThrow(
      /"[^"]*theano\.h5" was written by Keras with Theano, whose kernels are turned round/,
    );
  });
});
