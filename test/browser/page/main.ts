/** @file What the browser test asks of this page: functions on `window.checks`, each returning plain data. */

import {
  createSession,
  lift,
  load,
  type LiftOptions,
  pretrained,
  type RunTensor,
  type SessionOptions,
} from "../../../src/index.ts";
import { tensorOf } from "../../../src/graph/tensor.ts";
import { encodePng, montage } from "../../../src/report/index.ts";
import { adam, dice, TrainingSession, trainingStep } from "../../../src/train/index.ts";
import {
  type Grid,
  encodeSegmentation,
  readSegmentation,
  readVolume,
  withData,
} from "../../../src/volume/index.ts";
import { readNpz } from "../../helpers/npz.ts";

const download = async (url: string): Promise<Uint8Array<ArrayBuffer>> =>
  new Uint8Array(await (await fetch(url)).arrayBuffer());

const largest = (values: Float32Array): number => values.reduce((most, v) => Math.max(most, Math.abs(v)), 0);

/** The largest difference between two tensors, relative to the largest expected value. */
function difference(actual: RunTensor, expected: RunTensor<"float32">): number {
  if (actual.dtype !== "float32" || actual.data.length !== expected.data.length) return Infinity;
  return largest(actual.data.map((v, i) => v - expected.data[i]!)) / largest(expected.data);
}

export const checks = {
  isolated: () => globalThis.crossOriginIsolated,

  /** Runs a fixture's 2D model, twice at once, and compares with PyTorch. */
  async run(name: string, options: SessionOptions) {
    const { x2, y2 } = readNpz(await download(`models/${name}.npz`));
    const session = await createSession(await download(`models/${name}.onnx`), options);
    const results = await Promise.all([session.run({ input: x2! }), session.run({ input: x2! })]);
    await session.dispose();
    return { inputs: session.inputs, differences: results.map(({ output }) => difference(output!, y2!)) };
  },

  /** Loads a fixture's 2D model, lifts it and compares with what PyTorch makes of a volume. */
  async lift(name: string, expected: string, lifting: LiftOptions, options: SessionOptions) {
    const { x3, [expected]: y3 } = readNpz(await download(`models/${name.replace("_dynamic", "")}.npz`));
    const model = lift(await load(new Blob([await download(`models/${name}.onnx`)])), lifting);
    const { output } = await model.run({ input: x3! }, options);
    await model.dispose();
    return difference(output!, y3!);
  },

  /** What the package's own 2D network makes of an image [48, 48]. */
  async pretrained(image: number[]) {
    const model = await pretrained("poc-unet-2d");
    const { final } = await model.run({
      image: { dtype: "float32", dims: [1, 1, 48, 48], data: Float32Array.from(image) },
    });
    await model.dispose();
    return Array.from(final!.data as Float32Array);
  },

  /** The first losses of the fixtures' training run. */
  async train(steps: number, options: SessionOptions) {
    const weights = readNpz(await download("training_weights.npz"));
    const { x, target } = readNpz(await download("training.npz"));
    const model = lift(await load(await download("models/unet_train.onnx")));
    const start = model.withWeights(
      new Map(
        Object.entries(weights).flatMap(([name, tensor]) =>
          tensor && model.graph.initializers.has(name)
            ? [[name, tensorOf("float32", tensor.dims, tensor.data)]]
            : [],
        ),
      ),
    );
    const step = trainingStep(start.graph, {
      loss: dice(),
      optimiser: adam(),
      batch: 2,
      size: [16, 16, 16],
      target: "values",
    });
    const session = await TrainingSession.open(step, options);
    const losses: number[] = [];
    for (let i = 0; i < steps; i++) {
      const { loss } = await session.run({ image: x!, target: target! }, { learningRate: 1e-3, seed: 0 });
      losses.push(loss);
    }
    await session.dispose();
    return losses;
  },

  /** A scan from a file that the user chose, and the bytes of a picture of it. */
  async draw(path: string) {
    const volume = await readVolume(new File([await download(path)], path));
    const { shape, spacing, origin, direction, channels, data } = volume;
    const sum = Array.from(data).reduce((total, value) => total + value);
    const png = Array.from(encodePng(montage(volume)));
    return { grid: { shape, spacing, origin, direction }, channels, sum, png };
  },

  /** Labels as a DICOM segmentation of these files: its bytes, and what is read from them. */
  async segmentation(grid: Grid, labels: readonly number[], files: readonly (readonly number[])[]) {
    const source = files.map((bytes, i) => new File([Uint8Array.from(bytes)], `${i}.dcm`));
    const segments = [{ value: 1, name: "liver", colour: [230, 159, 0] }] as const;
    const parts = await encodeSegmentation(withData(grid, Uint8Array.from(labels)), { source, segments });
    const file = new File(parts, "seg.dcm");
    const read = await readSegmentation(file, grid);
    return { bytes: [...new Uint8Array(await file.arrayBuffer())], labels: [...read.data] };
  },

  /** A DICOM folder, as the files that the user picked in it; and what was told. */
  async dicom(paths: readonly string[]) {
    const files = await Promise.all(paths.map(async (path) => new File([await download(path)], path)));
    const told: string[] = [];
    const volume = await readVolume(files, { onWarning: (sentence) => told.push(sentence) });
    return { volume: { ...volume, data: Array.from(volume.data) }, told };
  },

  /** What a file holds, and what is said of it. */
  async read(content: readonly number[], name: string) {
    const warnings: string[] = [];
    const onWarning = (sentence: string): void => void warnings.push(sentence);
    try {
      const { shape, data } = await readVolume(new File([Uint8Array.from(content)], name), { onWarning });
      return { shape, data: Array.from(data), warnings };
    } catch (error) {
      return { error: String(error), warnings };
    }
  },

  /** The message of the error that opening and running a model ends in. */
  async failure(url: string, options: SessionOptions) {
    try {
      const session = await createSession(url, options);
      await session.run({ input: { dtype: "float32", dims: [1], data: new Float32Array(1) } });
      return "none";
    } catch (error) {
      return String(error);
    }
  },
};

export type Checks = typeof checks;
Object.assign(globalThis, { checks });
