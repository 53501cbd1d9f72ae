/** @file Checkpoints come back as they were, and only to the run that they are of. */

import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { graphOf, node, value } from "../../test/helpers/graphs.ts";
import { int } from "../graph/graph.ts";
import { floatTensor, type Tensor, tensorOf } from "../graph/tensor.ts";
import { encodeSafetensors } from "../formats/safetensors.ts";
import {
  checkAgreement,
  type Checkpoint,
  networkFingerprint,
  readCheckpoint,
  removeUnfinished,
  writeCheckpoints,
} from "./checkpoint.ts";

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "acsconv-checkpoint-"));
  path = join(folder, "last.safetensors");
});
afterEach(() => rmSync(folder, { recursive: true }));

const STATE = new Map<string, Tensor>([
  ["w", floatTensor([2], [0.1, -0.2])],
  ["w.momentum", floatTensor([2], [3, 4])],
  ["step", tensorOf("float64", [], [7])],
]);
const CHECKPOINT: Checkpoint = {
  progress: { epoch: 2, batch: 1, lossSum: 0.1 + 0.2, best: { epoch: 2, value: 1 / 3 } },
  settings: { seed: 1, size: [8, 8, 8], schedule: undefined, loss: "dice" },
  network: "abc",
  state: STATE,
};

test("comes back as it was, and the same run gives the same bytes", async () => {
  const other = join(folder, "best.safetensors");
  await writeCheckpoints([path, other], CHECKPOINT);
  const back = await readCheckpoint(path);
  expect(back).toEqual({ ...CHECKPOINT, settings: { seed: 1, size: [8, 8, 8], loss: "dice" } });
  expect(readFileSync(path)).toEqual(readFileSync(other));
  expect(() => checkAgreement(back, CHECKPOINT, path)).not.toThrow();
});

describe("is refused", () => {
  test("if it is cut short, wherever", async () => {
    await writeCheckpoints([path], CHECKPOINT);
    const bytes = readFileSync(path);
    for (const length of [0, 5, 100, bytes.length - 1]) {
      writeFileSync(path, bytes.subarray(0, length));
      await expect(readCheckpoint(path)).rejects.toThrow(
        /last.safetensors" is (truncated|no safetensors file)/,
      );
    }
  });

  test.each([
    [{}, "is a safetensors file, but no checkpoint of acsconv."],
    [
      { format: "acsconv-checkpoint-9" },
      "is a checkpoint of another version of acsconv: go on with that version.",
    ],
    [{ format: "acsconv-checkpoint-1" }, "is damaged: its metadata does not say where the run stands."],
    [
      { format: "acsconv-checkpoint-1", progress: '{"epoch":"1"}', settings: "{}" },
      "is damaged: its metadata does not say where the run stands.",
    ],
  ])("if its metadata is %o", async (metadata, message) => {
    const texts = new Map(Object.entries(metadata as Record<string, string>));
    writeFileSync(path, Buffer.concat(encodeSafetensors({ tensors: STATE, metadata: texts })));
    await expect(readCheckpoint(path)).rejects.toThrow(`"${path}" ${message}`);
  });

  test.each<[Partial<Checkpoint>, string]>([
    [
      { state: new Map([...STATE, ["w", floatTensor([3], [1, 2, 3])]]) },
      'network or optimiser: "w" is float32 [2] there and is float32 [3] here.',
    ],
    [
      { state: new Map([...STATE].filter(([name]) => name !== "w.momentum")) },
      'network or optimiser: "w.momentum" is float32 [2] there and is missing here.',
    ],
    [
      { state: new Map([...STATE, ["w.exp_avg", floatTensor([2], [0, 0])]]) },
      'network or optimiser: "w.exp_avg" is missing there and is float32 [2] here.',
    ],
    [
      { network: "abd" },
      "network: its weights have the same names and sizes, but its layers or frozen weights differ.",
    ],
    [
      { settings: { ...CHECKPOINT.settings, size: [8, 8, 16] } },
      'run: "size" was [8,8,8] there and is [8,8,16] here; go on with the same, or begin anew.',
    ],
    [
      { settings: { ...CHECKPOINT.settings, clipNorm: 1 } },
      'run: "clipNorm" was not set there and is 1 here',
    ],
  ])("by a run that differs in %o", (run, difference) => {
    expect(() => checkAgreement(CHECKPOINT, { ...CHECKPOINT, ...run }, "last")).toThrow(
      `"last" is a checkpoint of another ${difference}`,
    );
  });
});

test("the fingerprint tells layers and frozen weights, but not what is trained, or an order", () => {
  const graph = (weights: Record<string, Tensor>, axis = 1) =>
    graphOf(
      [
        node("Add", ["x", "w"], ["a"]),
        node("Mul", ["a", "v"], ["b"]),
        node("Softmax", ["b"], ["y"], { axis: int(axis) }),
      ],
      {
        inputs: [value("x", [1, 2])],
        initializers: weights,
      },
    );
  const [w, v, other] = [floatTensor([2], [1, 2]), floatTensor([2], [3, 4]), floatTensor([2], [5, 6])];
  const trained = new Map([["w", w]]);
  const fingerprint = networkFingerprint(graph({ w, v }), trained);
  expect(networkFingerprint(graph({ v, w: other }), trained)).toBe(fingerprint);
  expect(networkFingerprint(graph({ w, v: other }), trained)).not.toBe(fingerprint);
  expect(networkFingerprint(graph({ w, v }, 0), trained)).not.toBe(fingerprint);
});

test("what a killed process left of it is removed, and nothing else", async () => {
  for (const name of ["last.safetensors", "last.safetensors.1-2.tmp", "best.safetensors.1.tmp", "x.tmp"])
    writeFileSync(join(folder, name), "");
  await removeUnfinished(path);
  expect(readdirSync(folder).sort()).toEqual(["best.safetensors.1.tmp", "last.safetensors", "x.tmp"]);
});
