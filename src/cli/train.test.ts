/** @file Training from the command line, on small scans with a small network. */

import { copyFile, mkdir, mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { graphOf, node } from "../../test/helpers/graphs.ts";
import { symbol } from "../graph/dim.ts";
import { floatTensor } from "../graph/tensor.ts";
import { ints } from "../graph/graph.ts";
import { uniform } from "../base/random.ts";
import { load, unlift } from "../index.ts";
import { Model } from "../model/model.ts";
import type { TrainEvent } from "../train/events.ts";
import { readLog } from "../train/log.ts";
import { plainGrid, withData, writeVolume } from "../volume/index.ts";
import { exitCodeOf } from "./errors.ts";
import { onInterrupt } from "./interrupt.ts";
import { createProgram } from "./program.ts";

let folder: string;
const at = (name: string): string => join(folder, name);

/** Runs a command line in this process; an argument with an `@` is a path in the folder. */
async function acsconv(args: string): Promise<{ code: number; stdout: string; stderr: string }> {
  let [stdout, stderr] = ["", ""];
  const spies = [
    vi.spyOn(process.stdout, "write").mockImplementation((text) => ((stdout += String(text)), true)),
    vi.spyOn(process.stderr, "write").mockImplementation((text) => ((stderr += String(text)), true)),
  ];
  try {
    const words = args.split(" ").map((arg) => (arg.startsWith("@") ? at(arg.slice(1)) : arg));
    const code = await createProgram()
      .parseAsync(["node", "acsconv", ...words])
      .then(() => 0, exitCodeOf);
    return { code, stdout, stderr };
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
}

/** Two convolutions: [N, 1, H, W] → 8 maps → `classes` scores. */
function network(classes: number): Model {
  const next = uniform(3);
  const weights = (...dims: number[]) =>
    floatTensor(
      dims,
      Array.from({ length: dims.reduce((a, b) => a * b) }, () => next() - 0.5),
    );
  const shape = (channels: number) => [symbol("N"), channels, symbol("H"), symbol("W")];
  const graph = graphOf(
    [
      node("Conv", ["x", "first.weight", "first.bias"], ["a"], { pads: ints([1, 1, 1, 1]) }),
      node("Relu", ["a"], ["b"]),
      node("Conv", ["b", "head.weight", "head.bias"], ["y"]),
    ],
    {
      inputs: [{ name: "x", dtype: "float32", shape: shape(1) }],
      outputs: [{ name: "y", dtype: "float32", shape: shape(classes) }],
      initializers: {
        "first.weight": weights(8, 1, 3, 3),
        "first.bias": weights(8),
        "head.weight": weights(classes, 8, 1, 1),
        "head.bias": weights(classes),
      },
    },
  );
  return new Model(graph);
}

/** Halved by a pool, doubled by nearest upsampling. */
function strided(): Model {
  const { graph } = network(2);
  const nodes = [
    ...graph.nodes.slice(0, 2),
    node("MaxPool", ["b"], ["p"], { kernel_shape: ints([2, 2]), strides: ints([2, 2]) }),
    node("Resize", ["p", "", "scales"], ["u"]),
    { ...graph.nodes[2]!, inputs: ["u", "head.weight", "head.bias"] },
  ];
  const scales = floatTensor([4], [1, 1, 2, 2]);
  return new Model({ ...graph, nodes, initializers: new Map([...graph.initializers, ["scales", scales]]) });
}

/** Scans of noise with a bright cube in them, which is class 1; the label's value for it is `labelOf`. */
async function saveData(name: string, count: number, labelOf = 1): Promise<void> {
  await mkdir(at(name), { recursive: true });
  const names = Array.from({ length: count }, (_, i) => `case${i}`);
  const shape = [10, 12, 14] as const;
  for (const [i, one] of names.entries()) {
    const next = uniform(i);
    const inside = Array.from({ length: 10 * 12 * 14 }, (_, v) => {
      const [d, h, w] = [Math.floor(v / 168), Math.floor(v / 14) % 12, v % 14];
      return [d, h, w].every((x, axis) => x >= 2 + i && x < shape[axis]! - 3);
    });
    const image = Float32Array.from(inside, (cube) => (cube ? 1 : 0) + 2 * next());
    await writeVolume(withData(plainGrid(shape), image), at(`${name}/${one}.nii`));
    const label = Uint8Array.from(inside, (cube) => (cube ? labelOf : 0));
    await writeVolume(withData(plainGrid(shape), label), at(`${name}/${one}_label.nii`));
  }
  await describeData(
    name,
    names.map((one) => ({ image: `${one}.nii`, label: `${one}_label.nii` })),
  );
}

const describeData = (name: string, training: unknown): Promise<void> =>
  writeFile(
    at(`${name}/dataset.json`),
    JSON.stringify({ name: "cubes", labels: { background: 0, cube: 1 }, training }),
  );

const eventsOf = <T extends TrainEvent["type"]>(run: string, type: T) =>
  readLog(at(`${run}/log.jsonl`)).filter((event): event is TrainEvent & { type: T } => event.type === type);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "acsconv-train-"));
  await network(2).save(at("net.onnx"));
  await network(5).save(at("net5.onnx"));
  await saveData("cubes", 3);
});
afterAll(() => rm(folder, { recursive: true }));

const RUN_FILES = [
  "best.safetensors",
  "config.json",
  "data.json",
  "last.safetensors",
  "log.jsonl",
  "model.onnx",
  "report.html",
];
const TRAIN = "train --model @net.onnx --data @cubes --size 8 --patches 4 --epochs 3 --lr 0.03";

describe("acsconv train", () => {
  test("lifts, trains, validates, and leaves a folder that evaluate measures to the same values", async () => {
    const { code, stdout, stderr } = await acsconv(`${TRAIN} --validation 0.34 --augment flip,noise -o @run`);
    expect(code, stderr).toBe(0);
    expect(await readdir(at("run"))).toEqual(RUN_FILES);
    expect(stderr).toMatch(/^validation {2}1 case$/m);
    expect(stderr).toMatch(/^epoch 3\/3 · loss 0\.\d+ · dice 0\.\d+ · .* s/m);
    expect(stdout).toMatch(
      /^epoch \d, the best:\nclass +dice\n.*\ncube +0\.\d{4}\nall +0\.\d{4}\n\nnetwork {2}/,
    );

    const steps = eventsOf("run", "step");
    expect(steps).toHaveLength(12);
    expect(steps.at(-1)!.loss).toBeLessThan(0.8 * steps[0]!.loss);
    const config = JSON.parse(await readFile(at("run/config.json"), "utf8")) as Record<string, unknown>;
    expect(config).toMatchObject({ kind: "acs", size: [8, 8, 8], epochs: 3, loss: "diceCrossEntropy" });
    const model = await load(at("run/model.onnx"));
    expect(model.lifted?.options.kind).toBe("acs");
    expect(model.task).toMatchObject({ classes: { names: ["background", "cube"] }, patch: [8, 8, 8] });
    expect(unlift(model).graph.initializers.get("first.weight")!.dims).toEqual([8, 1, 3, 3]);
    expect(await readFile(at("run/report.html"), "utf8")).toMatch(
      /^<!doctype html>[^]*<svg[^]*data:image\/png/i,
    );

    // The case that was set aside, on its own: patches and intensities come from the run's config.json.
    const [best] = eventsOf("run", "epoch")
      .filter((event) => event.best)
      .slice(-1);
    const results = await Promise.all(
      [0, 1, 2].map(async (i) => {
        await mkdir(at(`one${i}`));
        await copyFile(at(`cubes/case${i}.nii`), at(`one${i}/image.nii`));
        await copyFile(at(`cubes/case${i}_label.nii`), at(`one${i}/label.nii`));
        await describeData(`one${i}`, [{ image: "image.nii", label: "label.nii" }]);
        const args = `evaluate --model @run/model.onnx --data @one${i} --metrics dice -q --out @r${i}.json`;
        expect(await acsconv(args)).toMatchObject({ code: 0, stdout: "", stderr: "" });
        return (JSON.parse(await readFile(at(`r${i}.json`), "utf8")) as { metrics: unknown }).metrics;
      }),
    );
    expect(results).toContainEqual(best!.metrics);
  });

  test("goes on after an interruption, to the same bits", async () => {
    expect(await acsconv(`${TRAIN} -q -o @straight`)).toMatchObject({ code: 0, stdout: "", stderr: "" });

    let ended = 0;
    onInterrupt(() => ended++);
    // As Ctrl-C would, in the middle of the first epoch.
    const log = at("cut/log.jsonl");
    const waiting = setInterval(() => {
      if (!readLogSafely(log).some(({ type }) => type === "step")) return;
      clearInterval(waiting);
      process.emit("SIGINT");
    }, 1);
    const cut = await acsconv(`${TRAIN} -o @cut`);
    clearInterval(waiting);
    expect(ended).toBe(0);
    expect(cut.code).toBe(130);
    expect(cut.stdout).toBe("");
    expect(cut.stderr).toMatch(
      /^acsconv: interrupted after step \d+ of 18, and saved: "acsconv train --resume -o .*cut" goes on\.$/m,
    );
    expect(await readFile(at("cut/report.html"), "utf8")).toContain("interrupted");
    // Now nothing is at work that would save: the process ends.
    process.emit("SIGINT");
    expect(ended).toBe(1);

    await writeFile(at("cut/config.json.0b1c.tmp"), "{"); // as a killed process may leave it
    expect(await acsconv(`train --resume -q -o @cut`)).toMatchObject({ code: 0, stderr: "" });
    expect(await readdir(at("cut"))).toEqual(RUN_FILES);
    expect((await acsconv(`train --resume -o @cut`)).stderr).toContain(
      "all 3 epochs are done: nothing is left",
    );
    for (const name of ["last.safetensors", "best.safetensors", "model.onnx"]) {
      expect(await readFile(at(`cut/${name}`)), name).toEqual(await readFile(at(`straight/${name}`)));
    }
    expect(eventsOf("cut", "step").map(({ step }) => step)).toEqual(
      Array.from({ length: 18 }, (_, i) => i + 1),
    );
  });

  test("takes a TypeScript configuration, its paths from its folder, and flags before it", async () => {
    await writeFile(
      at("run.ts"),
      `import { defineConfig } from "acsconv";
      const size: number = 8;
      export default defineConfig({
        model: "net5.onnx", data: "cubes", kind: "mean-acs", classes: 2, epochs: 9, patchesPerCase: 2,
        size: [size, size, size], optimiser: { name: "sgd", momentum: 0.9 }, freeze: ["first.*"],
      });`,
    );
    const { code, stderr } = await acsconv("train --config @run.ts --epochs 1 -o @typed");
    expect(code, stderr).toBe(0);
    expect(stderr).toMatch(/^parameters +18 trained, 80 frozen$/m);
    expect(stderr).toMatch(/^optimiser +sgd/m);
    const { lifted, graph } = await load(at("typed/model.onnx"));
    expect(lifted?.options.kind).toBe("mean-acs");
    expect(graph.initializers.get("first.weight")).toEqual(network(5).graph.initializers.get("first.weight"));
  });

  test("shows the plan and its time, and writes nothing", async () => {
    const before = await readdir(folder);
    const { code, stdout, stderr } = await acsconv(
      `${TRAIN} --region left --validation-region right --dry-run`,
    );
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toMatch(/^scans +1 × \[10, 12, 7\] voxels of 1 × 1 × 1 mm \(the first\)$/m);
    expect(stdout).toMatch(/^steps +6 in each of 3 epochs$/m);
    expect(stdout).toMatch(/^time +\d.* s per step, .* in all without validation$/m);
    expect(await readdir(folder)).toEqual(before);
  });
});

const readLogSafely = (path: string): readonly TrainEvent[] => {
  try {
    return readLog(path);
  } catch {
    return [];
  }
};

describe("bad input", () => {
  beforeAll(async () => {
    await network(2).save(at("flat.onnx"));
    await strided().save(at("strided.onnx"));
    await saveData("grids", 1);
    const label = withData(plainGrid([10, 12, 13]), new Uint8Array(1560));
    await writeVolume(label, at("grids/case0_label.nii"));
    await saveData("late", 3);
    await writeVolume(label, at("late/case2_label.nii"));
    await saveData("labels", 1, 7);
    await saveData("none", 1);
    await describeData("none", []);
    await saveData("nan", 1);
    await writeFile(at("typo.json"), '{"model":"net.onnx","data":"cubes","epoch":3}');
    await writeFile(at("broken.json"), "{");
    await writeFile(at("broken.ts"), "export default {");
    for (const run of ["done", "damaged"]) {
      await acsconv(`${TRAIN} -q -o @${run}`);
    }
    const last = await readFile(at("damaged/last.safetensors"));
    await writeFile(at("damaged/last.safetensors"), last.subarray(0, 700));
  });

  const train = (rest: string): string => `${TRAIN} -o @new ${rest}`;
  test.each<[string, string, RegExp]>([
    ["no folder for the run", TRAIN, /Name a folder for the run: -o FOLDER\.\n$/],
    ["no network", "train --data @cubes -o @new", /Training needs a network: give --model, /],
    ["a run in the folder", `${TRAIN} -o @done`, /is not empty: go on with the run in it by --resume/],
    ["a file for a folder", `${TRAIN} -o @net.onnx`, /is a file: name a folder/],
    ["nothing to resume", "train --resume -o @cubes", /no run to resume in .* no config\.json/],
    ["resuming and replacing", "train --resume --overwrite -o @done", /leave --overwrite out/],
    ["no data", "train --model @net.onnx --data @nowhere -o @new", /Cannot read ".*nowhere"/],
    ["an empty data set", train("--data @none"), /is empty|holds no|no labelled case|"training"/],
    ["grids that differ", train("--data @grids"), /Case "case0": .* both must lie on one grid/],
    [
      "grids that differ in the last case",
      train("--data @late"),
      /Case "case2": .* both must lie on one grid/,
    ],
    ["a region of nothing", train("--region 0,0.5,,1,0,1"), /expected right, left, .*, or six parts such as/],
    [
      "resuming on other data",
      "train --resume --augment noise -o @done",
      /began with "augment" \[\], and here it is \["noise"\]: go on with the same, or begin anew/,
    ],
    [
      "labels outside the classes",
      train("--data @labels"),
      /has the label 7 in \d+ voxels, but the classes are 0 /,
    ],
    ["other classes", train("--model @net5.onnx"), /tells 5 classes apart and .* has 2 .*--classes 2/],
    [
      "a typo in a file",
      "train --config @typo.json -o @new",
      /no setting "epoch": the nearest is "epochs"\.\n$/,
    ],
    ["broken JSON", "train --config @broken.json -o @new", /broken\.json" is no valid JSON: /],
    [
      "broken TypeScript",
      "train --config @broken.ts -o @new",
      /broken\.ts" cannot be read as a configuration: /,
    ],
    ["no file", "train --config @nofile.ts -o @new", /Cannot read ".*nofile\.ts": there is no such file/],
    ["a loss there is not", train("--loss dise"), /no loss "dise": the nearest is "dice", of /],
    ["a metric there is not", train("--metrics iuo"), /no metric "iuo"/],
    [
      "an optimiser there is not",
      train("--optimiser adem"),
      /no optimiser "adem": the nearest is "adam", of /,
    ],
    [
      "an option there is not",
      train('--loss {"name":"focal","gama":1}'),
      /has no setting "gama": the nearest is "gamma"/,
    ],
    ["a value to watch there is not", train("--monitor iou"), /Cannot watch "iou"/],
    ["parameters there are not", train("--freeze enc*"), /No parameter matches the group "enc\*"/],
    ["a batch too large", train("--batch 100"), /takes 100 examples, but the data set has 12/],
    ["one case to set aside", train("--data @nan --validation 0.5"), /takes two at least, and there is 1/],
    ["a truncated checkpoint", "train --resume -o @damaged", /last\.safetensors" is truncated/],
    [
      "a checkpoint of another network",
      "train --resume --model @net5.onnx --classes 2 --kind i3d -o @done",
      /is a checkpoint of another network/,
    ],
    [
      "another optimiser",
      "train --resume --optimiser sgd -o @done",
      /is a checkpoint of another network or optimiser/,
    ],
    [
      "too little memory",
      train("--memory 1MB"),
      /A training step on 2 examples of 8×8×8 takes .* the budget is /,
    ],
    [
      "a size that strides do not divide",
      train("--model @strided.onnx --size 7"),
      /scores of \[6, 6, 6\] voxels for patches of \[7, 7, 7\], .* strides/,
    ],
    ["half an epoch", train("--epochs 0.5"), /expected a whole number from 1 on/],
    ["an unknown flag", train("--epoch 1"), /did you mean --epochs\?/],
    [
      "a 2D network to evaluate",
      "evaluate --model @flat.onnx --data @cubes",
      /This is a 2D network .*: lift it first/,
    ],
    [
      "a metric to evaluate",
      "evaluate --model @done/model.onnx --data @cubes --metrics dise",
      /no metric "dise"/,
    ],
    [
      "a result in no folder",
      "evaluate --model @done/model.onnx --data @cubes --out @none/x/r.json",
      /no such file or folder/,
    ],
  ])("%s", async (_what, args, message) => {
    const { code, stderr } = await acsconv(`${args} -q`);
    expect(stderr).toMatch(message);
    expect(stderr).toMatch(/^acsconv: [^\n]+\n$/);
    expect(code).toBe(2);
    expect(await readdir(folder)).not.toContain("new");
  });

  test("a loss that is no number ends training, and says where it came from", async () => {
    const data = new Float32Array(1680).fill(1e38);
    await writeVolume(
      withData(
        plainGrid([10, 12, 14]),
        data.map((x, i) => (i % 2 ? x : -x)),
      ),
      at("nan/case0.nii"),
    );
    const { code, stderr } = await acsconv(`${TRAIN} --data @nan --normalize none -q -o @overflown`);
    expect(stderr).toMatch(/^acsconv: .*(not finite|infinite|NaN).*\n$/);
    expect(code).toBe(2);
  });
});
