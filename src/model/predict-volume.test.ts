import { describe, expect, test } from "vitest";
import type { ValueSpec } from "../run/engine.ts";
import type { RunTensor, RunTensors } from "../run/tensor.ts";
import { reorient } from "../volume/reorient.ts";
import type { Vec3 } from "../volume/vec3.ts";
import { type Volume, plainGrid, withData } from "../volume/volume.ts";
import { predictVolume } from "./predict-volume.ts";
import type { PredictOptions } from "./settle.ts";

const EXACT = { rtol: 1e-5, atol: 1e-5 };

interface Fake {
  readonly inputs: ValueSpec[];
  readonly outputs: ValueSpec[];
  run(feeds: RunTensors): Promise<Record<string, RunTensor>>;
}

/** A network that gives back what it is fed, so that everything around it shows. */
function echo(dims: (number | string)[] = ["N", 1, "D", "H", "W"], fed: RunTensor<"float32">[] = []): Fake {
  return {
    inputs: [{ name: "x", dtype: "float32", dims }],
    outputs: [{ name: "y", dtype: "float32", dims: [] }],
    run(feeds) {
      fed.push(feeds["x"] as RunTensor<"float32">);
      return Promise.resolve({ y: feeds["x"]! });
    },
  };
}

/** Values 0 … n − 1 in a scan of odd sizes, somewhere oblique in the patient. */
function scan(shape: Vec3 = [7, 9, 11], channels = 1): Volume {
  const count = channels * shape[0] * shape[1] * shape[2];
  return withData(
    { ...plainGrid(shape, [3, 1, 2]), origin: [-4, 5, 60] },
    Float32Array.from({ length: count }, (_, i) => i),
    channels,
  );
}

const raw: PredictOptions = { output: "features", normalize: "none", patch: [4, 4, 4] };

describe("predictVolume", () => {
  test("says once in how many voxels the network gives no numbers", async () => {
    const broken: Fake = {
      ...echo(),
      run(feeds) {
        const { data, dims, ...rest } = feeds["x"] as RunTensor<"float32">;
        const scores = Float32Array.from([...data, ...data]);
        // The voxels 5 and 6 of the first class, 6 and 7 of the second; what cannot be is a number.
        scores.set([NaN, Infinity], 5);
        scores.set([NaN, NaN], data.length + 6);
        scores[0] = -Infinity;
        return Promise.resolve({ y: { ...rest, data: scores, dims: [dims[0]!, 2, ...dims.slice(2)] } });
      },
    };
    for (const output of ["labels", "probabilities"] as const) {
      const warnings: string[] = [];
      await predictVolume(broken, scan([2, 3, 4]), {
        normalize: "none",
        patch: [2, 3, 4],
        output,
        scores: "logits",
        onWarning: (sentence) => warnings.push(sentence),
      });
      expect(warnings).toEqual([
        "The network gives no numbers (NaN or infinity) in 3 of 24 voxels: what is written there means nothing.",
      ]);
    }
  });

  test("gives every voxel its own place back, on the scan's grid", async () => {
    const volume = scan();
    const progress: [number, number][] = [];
    const onProgress = (done: number, total: number): number => progress.push([done, total]);
    const { data, ...grid } = await predictVolume(echo(), volume, { ...raw, onProgress });
    expect(data).toBeAllClose(volume.data, EXACT);
    expect(grid).toMatchObject({ shape: [7, 9, 11], spacing: [3, 1, 2], origin: [-4, 5, 60], channels: 1 });
    expect(progress.at(-1)).toEqual([progress.length, progress.length]);
  });

  test("feeds as many channels as the volume has", async () => {
    const volume = scan([5, 4, 6], 2);
    const result = await predictVolume(echo(["N", "C", 4, 4, 4]), volume, { ...raw });
    expect(result.channels).toBe(2);
    expect(result.data).toBeAllClose(volume.data, EXACT);
  });

  test("copies one channel into three, normalised as ImageNet's after the window", async () => {
    const notes: string[] = [];
    const result = await predictVolume(echo([1, 3, 8, 16, 16]), scan(), {
      output: "features",
      normalize: "imagenet",
      window: [100, 500],
      onNote: (note) => notes.push(note),
    });
    const value = (x: number, c: number): number =>
      (Math.min(Math.max((x - 100) / 400, 0), 1) - [0.485, 0.456, 0.406][c]!) / [0.229, 0.224, 0.225][c]!;
    const expected = Float32Array.from({ length: 3 * 693 }, (_, i) => value(i % 693, Math.floor(i / 693)));
    expect(result.data).toBeAllClose(expected, EXACT);
    expect(notes).toEqual([
      "the volume's one channel feeds all 3 of the network",
      "windows of [8, 16, 16] voxels, intensities: 100 to 500, then imagenet",
    ]);
  });

  test.each([
    // mean (n − 1)/2, deviation √((n² − 1)/12) of 0 … n − 1
    ["zscore", (x: number) => (x - 346) / Math.sqrt((693 ** 2 - 1) / 12)],
    ["minmax", (x: number) => x / 692],
  ] as const)("normalises by %s over the whole volume", async (normalize, formula) => {
    const volume = scan();
    const { data } = await predictVolume(echo(), volume, { ...raw, normalize });
    expect(data).toBeAllClose(Float32Array.from(volume.data, formula), EXACT);
  });

  test("makes labels: a single score by its sign, several by the largest", async () => {
    const volume = scan();
    const single = await predictVolume(echo(), volume, { patch: [4, 4, 4] });
    expect(single.data).toEqual(Uint8Array.from(volume.data, (x) => (x > 346 ? 1 : 0)));
    const two = scan([4, 4, 4], 2);
    const labels = await predictVolume(echo(["N", 2, 4, 4, 4]), two, { normalize: "none" });
    expect(labels).toMatchObject({ channels: 1, data: new Uint8Array(64).fill(1) });
  });

  test("makes probabilities with the activation that fits the classes, or the one given", async () => {
    const one = { ...raw, output: "probabilities" } as const;
    const { data } = await predictVolume(echo(), scan(), { ...one, normalize: "zscore" });
    expect(data[346]).toBeCloseTo(0.5, 6);
    const two = await predictVolume(echo(["N", 2, 4, 4, 4]), scan([4, 4, 4], 2), one);
    expect(two.data).toBeAllClose(
      Float32Array.from({ length: 128 }, (_, i) => (i < 64 ? 0 : 1)),
      { rtol: 0, atol: 1e-6 },
    );
    const none = await predictVolume(echo(), scan(), { ...one, activation: "none" });
    expect(none.data).toBeAllClose(scan().data, EXACT);
  });

  test("works at another spacing, and interpolates the scores back", async () => {
    // A linear function survives interpolation, but for the border of half a coarse voxel.
    const shape: Vec3 = [12, 16, 20];
    const linear = Float32Array.from({ length: 12 * 16 * 20 }, (_, i) => {
      const [d, h, w] = [Math.floor(i / 320), Math.floor(i / 20) % 16, i % 20];
      return 2 * d + h - 3 * w;
    });
    const volume = withData(plainGrid(shape, [1, 1, 1]), linear);
    const fed: RunTensor<"float32">[] = [];
    const { data } = await predictVolume(echo(undefined, fed), volume, {
      ...raw,
      patch: [6, 8, 10],
      spacing: [2, 2, 2],
    });
    expect(fed.map(({ dims }) => dims)).toEqual([[1, 1, 6, 8, 10]]);
    const inside = (_: number, i: number): boolean => {
      const [d, h, w] = [Math.floor(i / 320), Math.floor(i / 20) % 16, i % 20];
      return d > 0 && d < 11 && h > 0 && h < 15 && w > 0 && w < 19;
    };
    expect(data.filter(inside)).toBeAllClose(linear.filter(inside), { rtol: 1e-5, atol: 1e-4 });
  });

  test("turns the scan for the network, and the result back", async () => {
    const fed: RunTensor<"float32">[] = [];
    const volume = scan([3, 4, 5]);
    const options = { ...raw, patch: [5, 4, 3], orientation: "SAR" } as const;
    const result = await predictVolume(echo(undefined, fed), volume, options);
    expect(result.data).toBeAllClose(volume.data, EXACT);
    expect(result).toMatchObject({ shape: volume.shape, origin: volume.origin, direction: volume.direction });
    const turned = reorient(volume, "SAR");
    expect(turned.shape).toEqual([5, 4, 3]);
    expect(fed.map(({ dims }) => dims)).toEqual([[1, 1, 5, 4, 3]]);
    expect(fed[0]!.data).toBeAllClose(turned.data, EXACT);
  });

  test("warns of voxels that are no numbers, and takes them as 0", async () => {
    const volume = scan([2, 2, 2]);
    volume.data[3] = NaN;
    volume.data[5] = Infinity;
    const warnings: string[] = [];
    const { data } = await predictVolume(echo(), volume, {
      ...raw,
      onWarning: (text) => warnings.push(text),
    });
    expect(data).toBeAllClose([0, 1, 2, 0, 4, 0, 6, 7], EXACT);
    expect(warnings).toEqual(["Voxels that are NaN or infinite are taken as 0: 2 of 8."]);
  });

  const open = ["N", 1, "D", "H", "W"];
  const twoInputs: Fake = {
    ...echo(),
    inputs: [...echo().inputs, { name: "z", dtype: "float32", dims: [1] }],
  };
  const classifier: Fake = { ...echo(), outputs: [{ name: "y", dtype: "float32", dims: [1, 1000] }] };
  test.each<[string, Fake, PredictOptions, RegExp]>([
    ["a 2D model", echo([1, 3, 224, 224]), {}, /2D network \("x" is \[1, 3, 224, 224\]\): lift it first/],
    ["no input", { ...echo(), inputs: [] }, {}, /needs a model with one input, the image; this one has none/],
    ["two inputs", twoInputs, {}, /this one has "x", "z"/],
    ["a classifier", classifier, {}, /needs an output with a score for every voxel.*"y" \[1, 1000\]/],
    [
      "another patch",
      echo(["N", 1, 32, 32, 32]),
      { patch: [16, 32, 32] },
      /windows of \[32, 32, 32\] voxels, not/,
    ],
    ["another batch", echo([1, ...open.slice(1)]), { batch: 4 }, /made for batches of 1, not 4/],
    ["ImageNet for one channel", echo(), { normalize: "imagenet" }, /needs a network of 3 channels/],
    ["a falling window", echo(), { window: [5, 5] }, /lower and a higher intensity, not 5 and 5/],
    ["no spacing", echo(), { spacing: [1, 0, 1] }, /three positive numbers of millimetres/],
  ])("refuses %s", async (_name, network, options, message) => {
    await expect(predictVolume(network, scan(), options)).rejects.toThrow(message);
  });

  test("refuses a volume of two channels for a network of three", async () => {
    await expect(predictVolume(echo([1, 3, 4, 4, 4]), scan([4, 4, 4], 2))).rejects.toThrow(
      "The network takes 3 channels, but the volume has 2.",
    );
  });
});
