/**
 * @file Networks of the kinds that people have: each is lifted and held against
 * its own 2D original, or refused with a reason.
 *
 * A network that is lifted in one plane has to repeat the 2D network on every
 * slice of a volume that is constant across that plane.
 */

import { readFileSync } from "node:fs";
import { InferenceSession, Tensor as OrtTensor } from "onnxruntime-node";
import { describe, expect, test } from "vitest";
import { lift, load, type LiftOptions, type Model, type RunTensor } from "../src/index.ts";
import { relativeDeviation } from "./helpers/compare.ts";

type Float = RunTensor<"float32">;

const SIZE = 16;
const VIEWS: readonly (readonly [name: string, split: readonly [number, number, number]])[] = [
  ["axial", [1, 0, 0]],
  ["coronal", [0, 1, 0]],
  ["sagittal", [0, 0, 1]],
];

interface Case {
  readonly name: string;
  readonly forms: readonly ("static" | "dynamic")[];
  /** Views in which it is no slice-by-slice network, and why. */
  readonly except?: readonly string[];
  /** Where depth enters the output; 2, before height, unless said otherwise. */
  readonly depthAxis?: number;
}

const both = ["static", "dynamic"] as const;
/** A flattened head reads the mean over depth. */
const perDepth = ["coronal", "sagittal"];
const CASES: readonly Case[] = [
  ...["eca", "cbam", "attention_gate", "resolutions", "res2", "spectral_norm", "colour", "zeros", "ones"].map(
    (name) => ({ name, forms: both }),
  ),
  ...["normalize", "anchors", "head_most"].map((name) => ({ name, forms: both })),
  { name: "argmax", forms: both, depthAxis: 1 },
  { name: "pyramid", forms: ["static"] },
  // Exported at a fixed size, it divides by the pixels of a slice.
  { name: "pixel_count", forms: ["dynamic"] },
  { name: "head_window", forms: ["static"] },
  // Its constant is given per pixel, and repeated along depth.
  { name: "constant_map", forms: ["static"], except: perDepth },
  { name: "head_flat", forms: ["static"], except: perDepth },
  { name: "head_channels_last", forms: ["static"], except: perDepth },
  // Depth is pooled together with height, never with width.
  { name: "head_strip", forms: ["static"], except: ["sagittal"] },
];

const open = (name: string, form: string): Promise<Model> =>
  load(readFileSync(new URL(`./fixtures/wild/${name}_${form}.onnx`, import.meta.url)));

/** Deterministic values in [−1, 1], unlike each other. */
const noise = (dims: readonly number[]): Float => ({
  dtype: "float32",
  dims,
  data: Float32Array.from(
    { length: dims.reduce((a, b) => a * b) },
    (_, i) => Math.sin(12.9898 * i + 4.1) * Math.cos(i / 7),
  ),
});

/** The tensor `n` times along a new axis. */
function repeat({ dims, data }: RunTensor, axis: number, n: number): Float {
  const block = dims.slice(axis).reduce((a, b) => a * b, 1);
  const values = data as ArrayLike<number | bigint>;
  const out = Float32Array.from({ length: values.length * n }, (_, i) =>
    Number(values[Math.floor(i / (block * n)) * block + (i % block)]),
  );
  return { dtype: "float32", dims: [...dims.slice(0, axis), n, ...dims.slice(axis)], data: out };
}

/** Runs the plain file of a model, as any ONNX runtime would. */
async function run(model: Model, x: Float): Promise<Float> {
  const session = await InferenceSession.create(model.toBytes(), {
    logSeverityLevel: 4,
    intraOpNumThreads: 1,
  });
  try {
    const { y } = await session.run({ image: new OrtTensor("float32", x.data, x.dims) });
    const data = Float32Array.from(y!.data as ArrayLike<number>, Number);
    return { dtype: "float32", dims: y!.dims, data };
  } finally {
    await session.release();
  }
}

const liftAndRun = async (name: string, form: string, options: LiftOptions, x: Float): Promise<Float> =>
  run(lift(await open(name, form), options), x);

describe.each(CASES.flatMap((c) => c.forms.map((form) => ({ except: [], depthAxis: 2, form, ...c }))))(
  "$name, $form",
  ({ name, form, except, depthAxis }) => {
    const x = noise([1, 3, SIZE, SIZE]);
    const original = open(name, form).then((model) => run(model, x));
    /** The 2D output, repeated along an axis of the volume; heads have none. */
    const expected = async (rank: number, axis: number, n: number): Promise<Float> => {
      const y = await original;
      return rank === y.dims.length ? y : repeat(y, depthAxis + axis, n);
    };

    test.each([1, 3])("2.5d on %i equal slices is the 2D network", async (depth) => {
      const keepDepth = { kind: "2.5d", depth: { stride: 1, pool: 1 } } as const;
      const y = await liftAndRun(name, form, keepDepth, repeat(x, 2, depth));
      expect(relativeDeviation(y, await expected(y.dims.length, 0, depth))).toBeLessThan(1e-5);
    });

    test.each(VIEWS.filter(([view]) => !except.includes(view)))(
      "%s kernels alone are the 2D network",
      async (view, split) => {
        const axis = VIEWS.findIndex(([other]) => other === view);
        const y = await liftAndRun(name, form, { split }, repeat(x, 2 + axis, SIZE));
        expect(relativeDeviation(y, await expected(y.dims.length, axis, SIZE))).toBeLessThan(1e-5);
      },
    );

    test("runs the same as a plain file, and is read back", async () => {
      const volume = noise([1, 3, 12, SIZE, SIZE]);
      const model = lift(await open(name, form));
      const { y } = await model.run({ image: volume });
      await model.dispose();
      const again = await load(model.toBytes());
      expect(again.lifted).toBeDefined();
      expect(again.toBytes().length).toBe(model.toBytes().length);
      const plain = await run(again, volume);
      expect(
        relativeDeviation(plain, { ...y!, data: Float32Array.from(y!.data as ArrayLike<number>, Number) }),
      ).toBeLessThan(1e-5);
    });
  },
);

test.each(CASES.filter(({ forms }) => forms.length === 2))(
  "$name: both exports lift to the same function",
  async ({ name }) => {
    const x = noise([2, 3, 12, 24, 20]);
    const [fixed, open] = await Promise.all(
      ["static", "dynamic"].map((form) => liftAndRun(name, form, {}, x)),
    );
    expect(relativeDeviation(fixed!, open!)).toBeLessThan(1e-5);
  },
);

describe("heads that work at one size", () => {
  test.each(["head_flat", "head_channels_last", "head_window"])(
    "%s, exported for any size, asks for it",
    async (name) => {
      const model = await open(name, "dynamic");
      expect(() => lift(model)).toThrow(
        /E_FC_SPATIAL: Gemm ".*" takes \d+ inputs.*one image size only; say which with size/,
      );
      const x = noise([1, 3, 8, SIZE, SIZE]);
      const y = await run(lift(model, { size: [8, SIZE, SIZE] }), x);
      expect(relativeDeviation(y, await liftAndRun(name, "static", {}, x))).toBeLessThan(1e-5);
    },
  );

  test("depth is free, height and width are not", async () => {
    const model = await open("head_flat", "static");
    expect(() => lift(model, { size: [8, 32, 32] })).toThrow(/use height 16 and width 16 \(any depth\)/);
  });
});

test("an export whose width alone is open stays open there", async () => {
  const model = lift(await open("head_strip", "wide"));
  expect(model.inputs[0]!.shape!.map(String)).toEqual(["N", "3", "D", "16", "W"]);
  const y = await run(model, noise([1, 3, 8, SIZE, 20]));
  expect(y.dims).toEqual([5, 1, 4]);
});

test.each([
  ["mixer", "static", /E_MATMUL_PLANE: MatMul ".*" contracts \[H·W\] with a constant/],
  ["circular", "static", /E_CONCAT_SPATIAL: Concat ".*" joins tensors along a spatial axis/],
  [
    "lstm",
    "static",
    /E_UNKNOWN_OP: LSTM ".*" is an operator acsconv has no rule for.*cut the graph before it/,
  ],
  [
    "constant_map",
    "dynamic",
    /E_CONST_CONCAT: Concat ".*" joins a constant of 16×16 pixels.*say which with size/,
  ],
  ["head_strip", "dynamic", /E_SHAPE_VALUE: ".*" computes with the image's height.*export at a fixed size/],
] as const)("%s, %s, is refused with a reason", async (name, form, reason) => {
  const model = await open(name, form);
  expect(() => lift(model)).toThrow(reason);
});
