/** @file Flags from a table of fields: which there are, what they mean, and what is said of a wrong one. */

import { Command } from "commander";
import { expect, test } from "vitest";
import type { Setting } from "../base/fields.ts";
import { checkConfig, CONFIG_FIELDS, CONFIG_GROUPS } from "../train/runs/config-fields.ts";
import type { TrainConfig } from "../train/runs/config.ts";
import { addFlags, valuesOfFlags } from "./flags.ts";

function command(): Command {
  const made = new Command().exitOverride().configureOutput({ writeErr: () => undefined });
  addFlags(made, CONFIG_GROUPS);
  return made;
}

const read = (...words: string[]): TrainConfig =>
  valuesOfFlags<TrainConfig>(CONFIG_FIELDS, command().parse(words, { from: "user" }).opts());

test("every field of a configuration but groups has a flag, in the part of the help that it belongs to", () => {
  const without = Object.entries<Setting>(CONFIG_FIELDS).filter(([, { flag }]) => !flag);
  expect(without.map(([name]) => name)).toEqual(["groups"]);
  const help = command().helpInformation();
  expect(help).toMatch(
    /Network:\n +--model [^]*\n\nData:\n +--data [^]*\n\nTraining:\n +--epochs [^]*\n\nMachine:/,
  );
  expect(help).toMatch(/--lr <rate> +learning rate \(default: 0\.001\)/);
  expect(help).toMatch(/--device <name> +where to compute \(default: cpu\) \(choices:/);
});

test("defaults are told, and not set", () => {
  expect(read()).toEqual({});
});

test.each<[string, string, Partial<TrainConfig>]>([
  ["--model", "net.onnx", { model: "net.onnx" }],
  ["--validation", "0.2", { validation: 0.2 }],
  ["--validation", "held", { validation: "held" }],
  ["--region", "left", { region: "left" }],
  [
    "--validation-region",
    "0,0.5, 0,1,0.25,1",
    {
      validationRegion: [
        [0, 0.5],
        [0, 1],
        [0.25, 1],
      ],
    },
  ],
  ["--spacing", "1.5", { spacing: [1.5, 1.5, 1.5] }],
  ["--size", "64x128x128", { size: [64, 128, 128] }],
  ["--window", "-160,240", { window: [-160, 240] }],
  ["--freeze", "enc1.*, enc2.*", { freeze: ["enc1.*", "enc2.*"] }],
  ["--augment", "flip, noise", { augment: ["flip", "noise"] }],
  [
    "--metrics",
    '["dice",{"name":"dicePerCase","empty":"skip"}]',
    { metrics: ["dice", { name: "dicePerCase", empty: "skip" }] },
  ],
  ["--loss", '{"name":"focal","gamma":1}', { loss: { name: "focal", gamma: 1 } }],
  ["--lr", "1e-4", { learningRate: 1e-4 }],
  ["--memory", "4GB", { memory: "4GB" }],
  ["--batch-norm", "frozen", { batchNorm: "frozen" }],
])("%s %s is what a file would hold", (flag, text, expected) => {
  expect(read(flag, text)).toEqual(expected);
  expect(checkConfig(expected, "run.json")).toEqual(expected);
});

test.each([
  ["--epochs", "1.5", "Expected a whole number from 1 on."],
  ["--epochs", "", "Expected a whole number from 1 on."],
  ["--seed", "0x10", "Expected a whole number from 0 on."],
  ["--lr", "0", "Expected a number above 0."],
  ["--size", "64,64", "Expected depth,height,width in voxels, such as 64,128,128."],
  ["--window", "240,-160", "Expected a lower and a higher intensity, such as -160,240."],
  ["--foreground", "2", "Expected a number from 0 to 1, such as 0.2."],
  ["--validation", "2", "Expected a folder, or a number from 0 to 1, such as 0.2."],
  [
    "--region",
    "0,0.5,0,1,0",
    "Expected right, left, front, back, lower, upper, or six parts such as 0,0.5,0,1,0,1.",
  ],
  ["--loss", '{"name":', 'Expected a name, or JSON such as {"name":"sgd","momentum":0.9}.'],
  ["--augment", '[{"share":1}]', 'Expected a name, or JSON such as {"name":"sgd","momentum":0.9}.'],
  ["--memory", "lots", "Expected an amount such as 4GB or 800MB."],
  ["--kind", "4d", "Allowed choices are acs, mean-acs, "],
])("%s %s is refused with one sentence", (flag, text, sentence) => {
  expect(() => read(flag, text)).toThrow(sentence);
});
