/** @file Runs of scans with one class each: which are trained on, in which size they are seen, what is chosen for them. */

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { folderOf, volumeOf } from "../../../test/helpers/data-folders.ts";
import { saveAsArchive, shapeClassifier, shapes } from "../../../test/helpers/shapes.ts";
import { symbol } from "../../graph/dim.ts";
import { int } from "../../graph/graph.ts";
import { node } from "../../../test/helpers/graphs.ts";
import { floatTensor } from "../../graph/tensor.ts";
import { Model } from "../../model/model.ts";
import type { Vec3 } from "../../volume/vec3.ts";
import type { TrainConfig } from "./config.ts";
import { planTraining, type TrainPlan } from "./plan.ts";
import { train } from "./train.ts";

const scan = (shape: Vec3 = [6, 6, 6], value = 1) => volumeOf(shape, (d, h, w) => value + d + h + w);

/** A folder for each class, with a network of `scores` beside it. */
async function plan(
  files: Readonly<Record<string, unknown>>,
  config: TrainConfig = {},
  model = shapeClassifier(2, 2),
): Promise<TrainPlan & { readonly warnings: readonly string[] }> {
  const root = await folderOf(
    Object.fromEntries(Object.entries(files).map(([name, file]) => [`data/${name}`, file])),
  );
  await model.save(join(root, "net.onnx"));
  const onWarning = vi.fn<(sentence: string) => void>();
  const made = await planTraining(
    { batch: 1, ...config, model: join(root, "net.onnx"), data: join(root, "data") },
    { onWarning },
  );
  return { ...made, warnings: onWarning.mock.calls.map(([sentence]) => sentence) };
}
const names = (set: TrainPlan["validation"]) => set?.files.map(({ name }) => name);

describe("which scans", () => {
  const parts = {
    "train/a/1.npy": scan(),
    "train/b/1.npy": scan(),
    "val/a/2.npy": scan(),
    "test/a/3.npy": scan(),
    "test/b/3.npy": scan(),
  };

  test("of the parts that the data come in, and those to test with not", async () => {
    const { training, validation, monitor, stepsPerEpoch } = await plan(parts).then((made) => ({
      ...made,
      stepsPerEpoch: made.trainer.stepsPerEpoch,
    }));
    expect(names(training)).toEqual(["train/a/1.npy", "train/b/1.npy"]);
    expect(names(validation)).toEqual(["val/a/2.npy"]);
    expect({ monitor, stepsPerEpoch }).toEqual({ monitor: "accuracy", stepsPerEpoch: 2 });
    expect((await plan(parts, { validation: 0 })).validation).toBeUndefined();
    const { "train/a/1.npy": _, "train/b/1.npy": __, ...untrained } = parts;
    await expect(plan(untrained)).rejects.toThrow(
      /has no scans to train on \("train"\), only "val" and "test"/,
    );
  });

  test("or a share of every class, which the seed decides", async () => {
    const files = Object.fromEntries(
      [...Array(10).keys()].flatMap(
        (i) =>
          [
            [`a/${i}.npy`, scan()],
            ...(i < 5 ? [[`b/${i}.npy`, scan()]] : []),
            ...(i < 1 ? [["c/0.npy", scan()]] : []),
          ] as [string, unknown][],
      ),
    );
    const three = shapeClassifier(3, 2);
    const { training, validation } = await plan(files, { validation: 0.4, seed: 1 }, three);
    const count = (of: readonly string[] | undefined, letter: string) =>
      of!.filter((name) => name.startsWith(letter)).length;
    expect(["a", "b", "c"].map((letter) => count(names(validation), letter))).toEqual([4, 2, 0]);
    expect(["a", "b", "c"].map((letter) => count(names(training), letter))).toEqual([6, 3, 1]);
    expect(names((await plan(files, { validation: 0.4, seed: 1 }, three)).validation)).toEqual(
      names(validation),
    );
    expect(names((await plan(files, { validation: 0.4, seed: 2 }, three)).validation)).not.toEqual(
      names(validation),
    );
    await expect(plan({ "a/1.npy": scan(), "b/1.npy": scan() }, { validation: 0.5 })).rejects.toThrow(
      /takes two of a class at least/,
    );
  });

  test("or of other data, whose classes are matched by name", async () => {
    const other = await folderOf({ "B/9.npy": scan(), "a/8.npy": scan(), "imagesTr/x.npy": scan() }).then(
      async (root) => {
        const table = join(root, "other.csv");
        writeFileSync(table, "file,label\nB/9.npy,B\na/8.npy,a\n");
        return table;
      },
    );
    const { validation } = await plan(parts, { validation: other });
    const cases: unknown[] = [];
    for await (const { name, label } of validation!.read()) cases.push([name, label]);
    expect(cases).toEqual([
      ["B/9.npy", 1],
      ["a/8.npy", 0],
    ]);
    writeFileSync(other, "file,label\nB/9.npy,B\na/8.npy,z\n");
    await expect(plan(parts, { validation: other })).rejects.toThrow(
      /the training data have a, b: "z" is not among them/,
    );
  });
});

test("files of one channel each are no scans for a network of several", async () => {
  const { graph } = shapeClassifier(2, 2);
  const weight = floatTensor([2, 2, 3, 3], new Float32Array(36).fill(0.1));
  const two = new Model({
    ...graph,
    inputs: [{ ...graph.inputs[0]!, shape: [symbol("N"), 2, symbol("H"), symbol("W")] }],
    initializers: new Map([...graph.initializers, ["first.weight", weight]]),
  });
  const files = {
    "a/x_0000.npy": scan(),
    "a/x_0001.npy": scan(),
    "b/y_0000.npy": scan(),
    "b/y_0001.npy": scan(),
  };
  await expect(plan(files, {}, two)).rejects.toThrow(
    /takes 2 channels, and files such as "a\/x_0000\.npy" and "a\/x_0001\.npy" look like those of one scan/,
  );
  expect((await plan(files)).training.files).toHaveLength(4);
  const { "a/x_0001.npy": _, ...numbered } = files;
  expect((await plan(numbered, {}, two)).training.files).toHaveLength(3);
});

describe("in which size", () => {
  const of = (...shapes: Vec3[]) =>
    Object.fromEntries(shapes.map((shape, i) => [`${i % 2 === 0 ? "a" : "b"}/${i}.nii`, scan(shape)]));

  test("all scans' own, or what is asked for", async () => {
    const made = await plan(of([5, 6, 7], [5, 6, 7]));
    expect(made.config.size).toEqual([5, 6, 7]);
    expect(made.warnings).toEqual([]);
    expect((await plan(of([5, 6, 7], [5, 6, 7]), { size: [4, 8, 8] })).config.size).toEqual([4, 8, 8]);
    // On the grid on which the network works.
    expect(
      (await plan(of([5, 6, 8], [5, 6, 8]), { spacing: [1, 2, 2], orientation: "SPR" })).config.size,
    ).toEqual([8, 3, 3]);
  });

  test("or their median, with a warning", async () => {
    const { config, warnings } = await plan(of([5, 6, 9], [8, 6, 7], [6, 6, 7]));
    expect(config.size).toEqual([6, 6, 7]);
    expect(warnings).toEqual([
      "The scans have from [5, 6, 7] to [8, 6, 9] voxels: each is cut or padded to [6, 6, 7] around its middle; choose another size by --size, and one spacing for all by --spacing.",
    ]);
  });

  test("or the network's, where it fixes one", async () => {
    const { graph } = shapeClassifier(2, 2);
    // Without its convolutions it takes volumes as it takes images.
    const [pool, ...rest] = graph.nodes.slice(-3);
    const pinned = new Model({
      ...graph,
      nodes: [{ ...pool!, inputs: ["x"] }, ...rest],
      inputs: [{ name: "x", dtype: "float32", shape: [symbol("N"), 1, symbol("D"), 9, 10] }],
      initializers: new Map([
        ["head.weight", floatTensor([2, 1], [1, -1])],
        ["head.bias", floatTensor([2], [0, 0])],
      ]),
    });
    const { config, task } = await plan(of([5, 6, 7], [5, 6, 7]), {}, pinned);
    expect(config.size).toEqual([5, 9, 10]);
    expect(task.patch).toEqual([5, 9, 10]);
  });
});

test("a single score is trained by binary cross-entropy, and found again", async () => {
  const all = shapes({ train: 4, val: 2, test: 2 }, 8);
  const root = await folderOf({});
  saveAsArchive(all, join(root, "set.npz"));
  const { graph } = shapeClassifier(1, 2);
  const nodes = [
    ...graph.nodes.slice(0, -1),
    { ...graph.nodes.at(-1)!, outputs: ["s"] },
    node("Sigmoid", ["s"], ["y"]),
  ];
  for (const [name, model] of [
    ["logit", new Model(graph)],
    ["sigmoid", new Model({ ...graph, nodes })],
  ] as const) {
    await model.save(join(root, `${name}.onnx`));
    const result = await train(
      { model: join(root, `${name}.onnx`), data: join(root, "set.npz"), epochs: 1, batch: 2 },
      {
        onPlan: ({ config }) => expect(config.loss).toBe("binaryCrossEntropy"),
      },
    );
    expect(result.best!.metrics).toMatchObject({
      accuracy: expect.any(Number) as number,
      auc: expect.any(Number) as number,
    });
    const { probabilities } = await result.model.classify(all.at(-1)!.scan);
    expect(probabilities[0]! + probabilities[1]!).toBeCloseTo(1, 6);
  }
});

test("augmentation leaves the class alone", async () => {
  const { options } = await plan(
    { "a/1.npy": scan(), "b/1.npy": scan() },
    { augment: ["flip", "rot90", "noise", "scale"] },
  );
  let seed = 0.1;
  const example = await options.data.get(1, () => (seed = (seed * 7.3) % 1));
  expect(example).toMatchObject({
    name: "b/1.npy",
    target: { dtype: "uint8", dims: [], data: Uint8Array.of(1) },
    image: { dims: [1, 6, 6, 6] },
  });
});

test("an output that is the number of a class cannot be trained", async () => {
  const { graph } = shapeClassifier(2, 2);
  const scores = { ...graph.nodes.at(-1)!, outputs: ["s"] };
  const nodes = [...graph.nodes.slice(0, -1), scores, node("ArgMax", ["s"], ["y"], { axis: int(1) })];
  const outputs = [{ ...graph.outputs[0]!, dtype: "int64" as const, shape: [symbol("N"), 1] }];
  const made = plan({ "a/1.npy": scan(), "b/1.npy": scan() }, {}, new Model({ ...graph, nodes, outputs }));
  await expect(made).rejects.toThrow(/^Cannot train the network: its output/);
});

test("scans to train on have two classes at least", async () => {
  const files = { "train/a/1.npy": scan(), "train/a/2.npy": scan(), "test/b/3.npy": scan() };
  await expect(plan(files)).rejects.toThrow(/scans to train on have one class only, "a"/);
});
