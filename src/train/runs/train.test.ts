/** @file Whole runs from the library: which network is trained, what it is saved with, and what a run gives and writes. */

import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { folderOf, volumeOf } from "../../../test/helpers/data-folders.ts";
import { graphOf, node } from "../../../test/helpers/graphs.ts";
import { uniform } from "../../base/random.ts";
import { symbol } from "../../graph/dim.ts";
import { ints } from "../../graph/graph.ts";
import { elementCount, floatTensor, numbersOf } from "../../graph/tensor.ts";
import { LIFT_KINDS } from "../../lift/options.ts";
import { Model, lift, load } from "../../model/model.ts";
import type { TrainEvent } from "../events.ts";
import { parametersOf } from "../parameters.ts";
import type { TrainConfig } from "./config.ts";
import { planTraining } from "./plan.ts";
import { train } from "./train.ts";

let folder: string;
const at = (name: string): string => join(folder, name);

/** Two convolutions, 1 channel in and 2 scores out, over images or volumes. */
function network(rank: 2 | 3): Model {
  const sizes = ["D", "H", "W"].slice(3 - rank).map((name) => symbol(name));
  const ones = (n: number): number[] => new Array<number>(rank).fill(n);
  const weights = (...dims: number[]) => floatTensor(dims, new Float32Array(elementCount(dims)).fill(0.1));
  return new Model(
    graphOf(
      [
        node("Conv", ["x", "first.weight", "first.bias"], ["a"], { pads: ints([...ones(1), ...ones(1)]) }),
        node("Relu", ["a"], ["b"]),
        node("Conv", ["b", "head.weight", "head.bias"], ["y"]),
      ],
      {
        inputs: [{ name: "x", dtype: "float32", shape: [symbol("N"), 1, ...sizes] }],
        outputs: [{ name: "y", dtype: "float32", shape: [symbol("N"), 2, ...sizes] }],
        initializers: {
          "first.weight": weights(6, 1, ...ones(3)),
          "first.bias": weights(6),
          "head.weight": weights(2, 6, ...ones(1)),
          "head.bias": weights(2),
        },
      },
    ),
  );
}

/** Every parameter drawn anew, so that no 3D kernel is what lifting would make of a 2D one. */
function drawn(model: Model): Model {
  const next = uniform(5);
  const weights = parametersOf(model.graph, true).map((name) => {
    const { dims } = model.graph.initializers.get(name)!;
    return [
      name,
      floatTensor(
        dims,
        Float32Array.from({ length: elementCount(dims) }, () => next() - 0.5),
      ),
    ] as const;
  });
  return model.withWeights(new Map(weights));
}

/** One epoch of two steps. */
const config = (model: string, more: TrainConfig = {}): TrainConfig => ({
  model: at(model),
  data: at("data"),
  size: [8, 8, 8],
  patchesPerCase: 2,
  epochs: 1,
  learningRate: 1e-4,
  ...more,
});

beforeAll(async () => {
  const scan = (seed: number) => {
    const next = uniform(seed);
    return volumeOf([8, 9, 10], (d) => (d > 3 ? 1 : 0) + next(), "float32");
  };
  const label = volumeOf([8, 9, 10], (d) => (d > 3 ? 4 : 0));
  const training = ["a", "b"].map((name) => ({ image: `${name}.nii`, label: `${name}_label.nii` }));
  folder = mkdtempSync(join(tmpdir(), "acsconv-runs-"));
  const files = {
    "data/a.nii": scan(1),
    "data/b.nii": scan(2),
    "data/a_label.nii": label,
    "data/b_label.nii": label,
    "data/dataset.json": {
      name: "halves",
      modality: { 0: "CT" },
      labels: { 0: "background", 4: "upper" },
      training,
    },
  };
  await folderOf(files, folder);
  await network(2).save(at("2d.onnx"));
  await drawn(network(3)).save(at("plain3d.onnx"));
  for (const kind of LIFT_KINDS) await drawn(lift(network(2), { kind })).save(at(`${kind}.onnx`));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Adam moves a weight by the learning rate at most, here in two steps. */
const MOVED = { rtol: 0, atol: 2.1e-4 };

async function expectKernelsOf(file: string, trained: Model): Promise<void> {
  const before = await load(at(file));
  const after = await load(trained.toBytes());
  expect(after.lifted?.options.kind).toBe(before.lifted?.options.kind);
  const names = parametersOf(before.graph, true);
  expect(parametersOf(after.graph, true)).toEqual(names);
  for (const name of names) {
    const [then, now] = [before, after].map(({ graph }) => graph.initializers.get(name)!);
    expect(now!.dims, name).toEqual(then!.dims);
    expect(Float32Array.from(numbersOf(now!)), name).toBeAllClose(Float32Array.from(numbersOf(then!)), MOVED);
    expect(now!.bytes, name).not.toEqual(then!.bytes);
  }
}

describe("the network that is trained", () => {
  test.each(LIFT_KINDS)("of kind %s is trained as it is, whether its kind is named or not", async (kind) => {
    const { model } = await train(config(`${kind}.onnx`));
    await expectKernelsOf(`${kind}.onnx`, model);
    const named = await planTraining(config(`${kind}.onnx`, { kind }));
    expect(named.model.graph.initializers).toEqual((await load(at(`${kind}.onnx`))).graph.initializers);
  });

  test("that nobody lifted is trained as it is, and becomes no other kind", async () => {
    const { model } = await train(config("plain3d.onnx"));
    expect(model.lifted).toBeUndefined();
    await expectKernelsOf("plain3d.onnx", model);
    await expect(planTraining(config("plain3d.onnx", { kind: "acs" }))).rejects.toThrow(
      /is a 3D network that acsconv did not lift, so it cannot become acs: leave the kind out\.$/,
    );
  });

  test("is lifted if it is 2D, or if another kind is asked for, and the configuration says so", async () => {
    const plan = await planTraining(config("2d.onnx"));
    expect([plan.model.lifted?.options.kind, plan.config.kind]).toEqual(["acs", "acs"]);
    const other = await planTraining(config("psc.onnx", { kind: "i3d" }));
    expect([other.model.lifted?.options.kind, other.config.kind]).toEqual(["i3d", "i3d"]);
    expect((await planTraining(config("psc.onnx"))).config.kind).toBeUndefined();
  });
});

describe("a run", () => {
  test("of a 3D network goes on to the same bits after an interruption", async () => {
    const long = config("psc.onnx", { epochs: 2 });
    const straight = await train(long);
    const stop = new AbortController();
    const onEvent = ({ type }: TrainEvent): void => {
      if (type === "step") stop.abort();
    };
    const cut = await train(long, { folder: at("cut"), signal: stop.signal, onEvent });
    expect(cut).toMatchObject({ interrupted: true, steps: 1, best: undefined });
    const ended = await train({}, { folder: at("cut"), resume: true });
    expect(ended).toMatchObject({ interrupted: false, epochs: 2, steps: 4 });
    const saved = readFileSync(at("cut/model.onnx"));
    expect(saved.equals(straight.model.toBytes())).toBe(true);
  });

  test("saves its network with what the numbers mean and how scans were prepared", async () => {
    const told = config("acs.onnx", {
      spacing: [1, 1, 1],
      orientation: "LPS",
      window: [0, 2],
      validation: 0.5,
    });
    const { best, model } = await train(told);
    expect(best).toMatchObject({ type: "epoch", epoch: 1, metrics: { dice: expect.any(Number) as number } });
    const task = {
      scores: "logits",
      classes: { names: ["background", "upper"], values: [0, 4] },
      channels: ["CT"],
      patch: [8, 8, 8],
      preparation: { spacing: [1, 1, 1], orientation: "LPS", window: [0, 2], normalize: "none" },
    };
    expect((await load(model.toBytes())).task).toEqual(task);
  });

  test("writes nothing without a folder, and nothing to the screen", async () => {
    const before = readdirSync(folder);
    const streams = [process.stdout, process.stderr].map((stream) => vi.spyOn(stream, "write"));
    const seen: string[] = [];
    const result = await train(config("2d.onnx"), {
      onPlan: ({ trainer }) => void seen.push(`plan ${trainer.stepsPerEpoch}`),
      onEvent: ({ type }) => void seen.push(type),
    });
    for (const stream of streams) expect(stream).not.toHaveBeenCalled();
    vi.restoreAllMocks();
    expect(seen).toEqual(["plan 2", "start", "step", "step", "epoch", "end"]);
    expect(result).toMatchObject({ epochs: 1, steps: 2, best: { epoch: 1 }, folder: undefined });
    expect(readdirSync(folder)).toEqual(before);
  });

  test.each<[string, TrainConfig, object, RegExp]>([
    [
      "a typo",
      { epoch: 1 } as TrainConfig,
      {},
      /^The training configuration has no setting "epoch": the nearest/,
    ],
    ["two wishes", {}, { folder: "x", resume: true, overwrite: true }, /either resumed or overwritten/],
    ["no folder", {}, { resume: true }, /^To resume a run takes its folder/],
  ])("refuses %s with one sentence", async (_what, given, options, message) => {
    await expect(train(given, options)).rejects.toThrow(message);
  });
});
