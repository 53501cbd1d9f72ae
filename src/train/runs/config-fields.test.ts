import { describe, expect, test } from "vitest";
import { createAugmentation, createLoss, createOptimiser, createSchedule } from "../choices.ts";
import { type TrainConfig, regionOf } from "./config.ts";
import { checkConfig, completeConfig, completeFor, memoryBytes } from "./config-fields.ts";

describe("a configuration", () => {
  test("takes what every field may hold", () => {
    const config: Required<TrainConfig> = {
      model: "unet.onnx",
      kind: "soft-acs",
      classes: 3,
      data: "Task09_Spleen",
      array: "image",
      labelArray: "label",
      validation: 0.2,
      region: "left",
      validationRegion: [
        [0, 0.5],
        [0, 1],
        [0.25, 1],
      ],
      spacing: [3, 1.5, 1.5],
      orientation: "LPS",
      window: [-160, 240],
      normalize: "zscore",
      size: [32, 64, 64],
      batch: 2,
      accumulate: 2,
      patchesPerCase: 4,
      foreground: 0.5,
      augment: ["flip", { name: "noise", deviations: [0, 0.2], share: 0.5 }],
      epochs: 10,
      loss: { name: "focal", gamma: 1 },
      optimiser: "sgd",
      learningRate: 0.01,
      schedule: { name: "multiStep", milestones: [5, 8] },
      freeze: ["enc1.*"],
      groups: [{ match: "enc2.*", learningRate: 0.1, weightDecay: 0 }],
      clipNorm: 12,
      batchNorm: "frozen",
      metrics: ["dice", { name: "dicePerCase", empty: "skip" }],
      monitor: "dice.liver",
      patience: 5,
      saveEvery: 100,
      seed: 0,
      memory: "4GB",
      device: "cpu",
      threads: 2,
    };
    expect(checkConfig(JSON.parse(JSON.stringify(config)), "run.json")).toEqual(config);
    expect(completeConfig(config)).toEqual(config);
  });

  test.each<[string, unknown, RegExp]>([
    ["a list", [], /^"run\.json" should hold an object of settings, and holds \[\]\.$/],
    ["nothing", null, /should hold an object of settings, and holds null\.$/],
    ["a typo", { epoch: 3 }, /^"run\.json" has no setting "epoch": the nearest is "epochs"\.$/],
    ["PyTorch's spelling", { optimizer: "adam" }, /the nearest is "optimiser"\.$/],
    ["a name of its prototype", { toString: 1 }, /has no setting "toString"/],
    ["what is like nothing", { xyzzyxyzzy: 1 }, /has no setting "xyzzyxyzzy": there are model, kind, /],
    ["text for a number", { epochs: "ten" }, /"epochs" should be a whole number from 1 on, not "ten"\.$/],
    ["half an epoch", { epochs: 1.5 }, /whole number from 1 on, not 1\.5\.$/],
    ["no rate", { learningRate: 0 }, /"learningRate" should be a number above 0, not 0\.$/],
    [
      "two sizes",
      { size: [32, 32] },
      /"size" should be a list of 3, each a whole number from 1 on, not \[32,32\]/,
    ],
    ["a kind there is not", { kind: "4d" }, /"kind" should be one of acs, mean-acs, .* not "4d"\.$/],
    [
      "a part above one",
      { validation: 2 },
      /"validation" should be a text or a number from 0 to 1, not 2\.$/,
    ],
    [
      "a region of two axes",
      {
        region: [
          [0, 1],
          [0, 1],
        ],
      },
      /"region" should be one of .*left/,
    ],
    [
      "a group without sense",
      { groups: [{ match: "a", lr: 2 }] },
      /"groups" should be a list, each an object with match, /,
    ],
    ["an amount without unit", { memory: "4" }, /"memory" should be an amount such as 4GB, not "4"\.$/],
    ["a loss without name", { loss: { gamma: 2 } }, /"loss" should be a name, or an object with a "name"/],
    ["a long value", { epochs: "x".repeat(500) }, /not "x{59}…\.$/],
  ])("refuses %s with one sentence", (_what, value, message) => {
    expect(() => checkConfig(value, "run.json")).toThrow(message);
  });

  test("needs a network and data, and fills in the rest", () => {
    expect(() => completeConfig({ data: "d" })).toThrow(/^Training needs a network: give --model, /);
    expect(() => completeConfig({ model: "m" })).toThrow(
      /^Training needs a folder of labelled scans: give --data, /,
    );
    expect(completeConfig({ model: "m", data: "d", epochs: 3 })).toMatchObject({
      model: "m",
      epochs: 3,
      learningRate: 1e-3,
    });
  });

  test("fills in what depends on the data, and refuses what they have no use for", () => {
    const config = completeConfig({ model: "m", data: "d" });
    expect(completeFor(config, "segmentation")).toMatchObject({
      loss: "diceCrossEntropy",
      metrics: ["dice"],
      patchesPerCase: 8,
    });
    const ofScans = completeFor(config, "classification");
    expect(ofScans).toMatchObject({ metrics: ["accuracy", "rocAuc"] });
    expect(ofScans).not.toHaveProperty("patchesPerCase");
    expect(completeFor({ ...config, loss: "focal", metrics: ["recall"] }, "classification")).toMatchObject({
      loss: "focal",
      metrics: ["recall"],
    });
    expect(() => completeFor({ ...config, patchesPerCase: 4 }, "classification")).toThrow(
      '"patchesPerCase" (--patches) is for labels of voxels, and these data have one class for each scan: leave it out.',
    );
  });

  test("names halves of the patient", () => {
    expect(regionOf("right")).toEqual([
      [0, 0.5],
      [0, 1],
      [0, 1],
    ]);
  });

  test.each([
    ["4GB", 4e9],
    ["1.5 GiB", 1.5 * 2 ** 30],
    ["800mb", 8e8],
    ["0GB", undefined],
    ["4", undefined],
    ["lots", undefined],
  ])("reads %s as an amount of memory", (text, bytes) => {
    expect(memoryBytes(text)).toBe(bytes);
  });
});

describe("names", () => {
  test("stand for losses, optimisers, schedules and augmentation, with their options", () => {
    expect(createLoss("dice").name).toBe("dice");
    expect(createOptimiser({ name: "adamW", weightDecay: 0.05 })).toMatchObject({ weightDecay: 0.05 });
    expect(createSchedule({ name: "cosine", warmup: 2 })).toEqual({ name: "cosine", warmup: 2 });
    expect(createAugmentation({ name: "noise", share: 0 })).toBeTypeOf("function");
  });

  test.each<[string, () => unknown, RegExp]>([
    ["a loss", () => createLoss("dise"), /There is no loss "dise": the nearest is "dice", of /],
    ["an optimiser", () => createOptimiser("adem"), /There is no optimiser "adem": the nearest is "adam/],
    [
      "a schedule",
      () => createSchedule("cosin"),
      /There is no schedule "cosin": the nearest is "cosine", of /,
    ],
    [
      "an augmentation",
      () => createAugmentation("flop"),
      /There is no augmentation "flop": the nearest is "flip", of /,
    ],
    [
      "an option",
      () => createOptimiser({ name: "sgd", momentun: 0.9 }),
      /The optimiser "sgd" has no setting "momentun": the nearest is "momentum"\.$/,
    ],
    [
      "an option's value",
      () => createOptimiser({ name: "sgd", momentum: 9 }),
      /The optimiser "sgd": "momentum" should be a number from 0 to 1, not 9\.$/,
    ],
    [
      "a decay that never decays, by which Adam would divide by 0",
      () => createOptimiser({ name: "adam", betas: [0.9, 1] }),
      /"betas" should be a list of 2, each a number from 0 to below 1, not \[0\.9,1\]\.$/,
    ],
    ["milestones", () => createSchedule("multiStep"), /"multiStep" needs "milestones"/],
  ])("refuses %s that there is not", (_what, create, message) => {
    expect(create).toThrow(message);
  });
});
