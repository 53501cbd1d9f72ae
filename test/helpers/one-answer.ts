/**
 * @file One network on every road: lifted, trained by a step, validated, evaluated, used and returned to 2D, by the command
 * and by the library. Each number has to be the same on all of them.
 */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished } from "vitest";
import { CaseStore, openFolder, wholeScans } from "../../src/data/index.ts";
import { readCase } from "../../src/data/cases.ts";
import { symbol } from "../../src/graph/dim.ts";
import { float, type Graph, int, ints } from "../../src/graph/graph.ts";
import { floatTensor } from "../../src/graph/tensor.ts";
import { lift, load, Model, predictVolume, unlift, type LiftKind } from "../../src/index.ts";
import { dice, rocAuc } from "../../src/metrics/index.ts";
import { evaluate as evaluateExamples, type LabelledCase } from "../../src/model/evaluate.ts";
import { readLog, train } from "../../src/train/index.ts";
import { readVolume, withData, writeVolume } from "../../src/volume/index.ts";
import { plainGrid } from "../../src/volume/volume.ts";
import { acsconv } from "./command-line.ts";
import { evaluate, graphOf, node } from "./graphs.ts";
import { random } from "./networks.ts";

const CLASSES = { background: 0, small: 1, large: 4 };
const NAMES = Object.keys(CLASSES);
const SHAPE = [8, 16, 16] as const;
/** Softmax, or what else is fitted to a class axis of 1. */
const OVER_CLASSES = { axis: int(1) };

/** What a 2D segmenter may end in: the nodes from its scores "s" to its output "y", and how many scores there are. */
export const ENDINGS = {
  logits: { scores: 3, nodes: [node("Identity", ["s"], ["y"])] },
  "softmax, cast to double": {
    scores: 3,
    nodes: [node("Softmax", ["s"], ["p"], OVER_CLASSES), node("Cast", ["p"], ["y"], { to: int(11) })],
    dtype: "float64",
  },
  "softmax, clipped": {
    scores: 3,
    nodes: [node("Softmax", ["s"], ["p"], OVER_CLASSES), node("Clip", ["p", "low", "high"], ["y"])],
  },
  "softmax, channels last": {
    scores: 3,
    nodes: [
      node("Softmax", ["s"], ["p"], OVER_CLASSES),
      node("Transpose", ["p"], ["y"], { perm: ints([0, 2, 3, 1]) }),
    ],
    last: true,
  },
  "log softmax": { scores: 3, nodes: [node("LogSoftmax", ["s"], ["y"], OVER_CLASSES)] },
  "one logit": { scores: 1, nodes: [node("Identity", ["s"], ["y"])] },
  "a sigmoid": { scores: 1, nodes: [node("Sigmoid", ["s"], ["p"]), node("Identity", ["p"], ["y"])] },
  "a piecewise linear sigmoid": {
    scores: 1,
    nodes: [node("HardSigmoid", ["s"], ["y"], { alpha: float(0.2), beta: float(0.5) })],
  },
} as const satisfies Record<string, object>;
export type Ending = keyof typeof ENDINGS;

/** A 2D network of two layers, which knows large values from small ones in part. */
function network2d(ending: Ending): Graph {
  const { scores, nodes, ...more } = ENDINGS[ending];
  const [first, second] = [random([6, 1, 3, 3], 3), random([scores, 6, 1, 1], 4)];
  const [N, H, W] = ["N", "H", "W"].map(symbol) as [never, never, never];
  const dtype = "dtype" in more ? more.dtype : "float32";
  const shape = "last" in more ? [N, H, W, scores] : [N, scores, H, W];
  return graphOf(
    [
      node("Conv", ["x", "first.weight"], ["a"], { pads: ints([1, 1, 1, 1]) }),
      node("Relu", ["a"], ["b"]),
      node("Conv", ["b", "second.weight", "second.bias"], ["s"]),
      ...nodes,
    ],
    {
      inputs: [{ name: "x", dtype: "float32", shape: [N, 1, H, W] }],
      outputs: [{ name: "y", dtype, shape }],
      initializers: {
        "first.weight": floatTensor(first.dims, first.data),
        "second.weight": floatTensor(second.dims, second.data),
        "second.bias": floatTensor([scores], new Float32Array(scores).fill(0.1)),
        low: floatTensor([], [1e-7]),
        high: floatTensor([], [1]),
      },
    },
  );
}

/** Two scans with labels 0, 1 and 4, or with those that one score tells apart. */
async function dataSet(folder: string, scores: number): Promise<void> {
  const labels = scores === 1 ? { background: CLASSES.background, large: CLASSES.large } : CLASSES;
  const names = ["a", "b"];
  for (const [i, name] of names.entries()) {
    const { data } = random([1, 1, ...SHAPE], 10 + i);
    const grid = plainGrid(SHAPE, [2, 1, 1]);
    const values = Object.values(labels);
    const truth = Uint8Array.from(
      data,
      (x) => values[Math.min(Math.floor((x + 1) * 0.5 * values.length), values.length - 1)]!,
    );
    await writeVolume(withData(grid, Float32Array.from(data)), join(folder, `${name}.nii.gz`));
    await writeVolume(withData(grid, truth), join(folder, `${name}_label.nii.gz`));
  }
  const training = names.map((name) => ({ image: `${name}.nii.gz`, label: `${name}_label.nii.gz` }));
  const description = { name: "roads", channel_names: { 0: "MR" }, labels, training };
  writeFileSync(join(folder, "dataset.json"), JSON.stringify(description));
}

/** Takes a network of this kind and ending along every road. */
export async function expectOneAnswer(kind: LiftKind, ending: Ending): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "acsconv-roads-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const at = (name: string): string => join(folder, name);
  const run = async (...args: string[]): Promise<void> =>
    expect(await acsconv(...args, "--quiet")).toEqual({ code: 0, stdout: "", stderr: "" });
  const json = (name: string): { metrics: object } => JSON.parse(readFileSync(at(name), "utf8")) as never;
  await dataSet(folder, ENDINGS[ending].scores);
  const source = new Model(network2d(ending));
  await source.save(at("2d.onnx"));

  // Lifting.
  await run("lift", at("2d.onnx"), "-o", at("3d.onnx"), "--kind", kind);
  const lifted = await load(at("3d.onnx"));
  const here = await load(lift(await load(at("2d.onnx")), { kind }).toBytes());
  expect(lifted.graph.nodes).toEqual(here.graph.nodes);
  expect(lifted.graph.initializers).toEqual(here.graph.initializers);

  // Back to 2D.
  const image = random([1, 1, 12, 10], 7);
  const [before, after] = await Promise.all(
    [source, unlift(lifted)].map((model) => evaluate(model.toBytes(), { x: image })),
  );
  expect(after!["y"]!.data).toBeAllClose(before!["y"]!.data, { rtol: 0, atol: 1e-6 });

  const data = await openFolder(folder);
  const cases: LabelledCase[] = [];
  for (const files of data.cases) cases.push({ name: files.name, ...(await readCase(files, data)) });
  const of = { classes: data.classes.names };
  const metrics = () => [dice(of), rocAuc(of)];
  const patch = SHAPE;

  /** Prediction, evaluation and validation of one file. */
  const agreed = async (name: string, model: Model, values: readonly number[]): Promise<object> => {
    await run(
      "predict",
      at(name),
      at("a.nii.gz"),
      "-o",
      at("seg.nii.gz"),
      "--patch",
      patch.join(),
      "--no-preview",
    );
    const [scan, written] = [await readVolume(at("a.nii.gz")), await readVolume(at("seg.nii.gz"))];
    const predicted = await model.predict(scan, { patch });
    expect(Array.from(predicted.data)).toEqual(Array.from(written.data));
    expect([...new Set(written.data)].filter((value) => !values.includes(value))).toEqual([]);
    const session = await model.session({ size: patch });
    expect((await predictVolume(session, scan, { patch })).data).toEqual(predicted.data);
    await session.dispose();

    const out = ["--metrics", "dice,rocAuc", "--out", at("evaluated.json"), "--patch", patch.join()];
    await run("evaluate", "--model", at(name), "--data", folder, ...out);
    const evaluated = json("evaluated.json").metrics;
    const options = { patch, labels: data.classes.names, metrics, needsScores: true };
    expect((await model.evaluate(cases, options)).metrics).toEqual(evaluated);
    return evaluated;
  };
  const classes = data.classes.names.map((_, k) => k);
  const evaluated = await agreed("3d.onnx", lifted, classes);
  // Examples that are prepared already.
  const store = new CaseStore(data.cases, data, { channels: 1, normalize: "zscore" });
  const validated = await evaluateExamples(lifted, wholeScans(store), [dice(of)], { size: patch });
  expect(evaluated).toMatchObject(validated);

  // A step of training at another spacing; the best epoch is the only one.
  // A loss of classes compares scores with each other.
  const loss = ENDINGS[ending].scores === 1 ? "binaryCrossEntropy" : "diceCrossEntropy";
  // By another name than what is trained on, of which a warning would tell.
  const validation = join(folder, "dataset.json");
  const config = {
    data: folder,
    validation,
    size: patch,
    epochs: 1,
    patchesPerCase: 1,
    loss,
    spacing: [1.5, 1, 1],
    metrics: ["dice", "rocAuc"],
  } as const;
  const flags = `--data ${folder} --validation ${validation} --size ${patch.join()} --epochs 1 --patches 1 --spacing 1.5,1,1`;
  const more = ["--loss", loss, "--metrics", "dice,rocAuc", "-o", at("run")];
  await run("train", "--model", at("3d.onnx"), ...flags.split(" "), ...more);
  const { best } = await train({ ...config, model: at("3d.onnx") }, { folder: at("library") });
  for (const file of ["last.safetensors", "model.onnx"])
    expect(Buffer.compare(readFileSync(at(`run/${file}`)), readFileSync(at(`library/${file}`)))).toBe(0);
  const [step, epoch] = ["step", "epoch"].map((type) =>
    readLog(at("run/log.jsonl")).find((event) => event.type === type),
  );
  expect(step).toMatchObject({ step: 1 });
  expect(epoch).toMatchObject({ loss: best!.loss, metrics: best!.metrics });

  const trained = await load(at("run/model.onnx"));
  expect(trained.lifted?.options.kind).toBe(kind);
  expect(trained.task).toMatchObject({ classes: { names: data.classes.names }, patch });
  const values = NAMES.filter((name) => data.classes.names.includes(name)).map(
    (name) => CLASSES[name as "small"],
  );
  expect(await agreed("run/model.onnx", trained, values)).toEqual(best!.metrics);
}
