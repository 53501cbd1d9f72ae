/** @file Bad input on the command line: exit code 2, one sentence on stderr, nothing written. */

import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { exitCodeOf } from "./exit.ts";
import { PAPER } from "./poc/config.ts";
import { createProgram } from "./program.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "acsconv-experiments-"));
  writeFileSync(join(folder, "empty.onnx"), "");
  for (const [name, config] of Object.entries({ begun: JSON.stringify(PAPER), cut: "{", other: "{}" })) {
    mkdirSync(join(folder, name));
    writeFileSync(join(folder, name, "config.json"), config);
  }
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Its exit code, and what it says on stderr. */
async function experiment(...args: readonly string[]): Promise<{ code: number; stderr: string }> {
  let stderr = "";
  const spy = vi
    .spyOn(process.stderr, "write")
    .mockImplementation((text) => ((stderr += String(text)), true));
  try {
    const code = await createProgram()
      .parseAsync(["node", "experiment", ...args])
      .then(() => 0, exitCodeOf);
    return { code, stderr };
  } finally {
    spy.mockRestore();
  }
}

// An argument with an `@` is a file in the folder.
test.each([
  ["nowhere", "poc", /Name a folder for the experiment/],
  ["a row there is not", "poc -o @o --models acs-q", /There is no model "acs-q": there are 2\.5d-r, /],
  ["a seed that is no number", "poc -o @o --seeds 1,a", /expected a whole number from 0 on/],
  ["fewer images than a step takes", "poc -o @o --images 63", /takes 64 images/],
  ["fewer volumes than a step takes", "poc -o @o --volumes 3", /takes 4 volumes/],
  ["a network that is not there", "brain -o @o --network @none.onnx", /no such file/],
  ["a file that is none", "brain -o @o --network @empty.onnx", /Expected an ONNX model/],
  [
    "a brain's row there is not",
    "brain -o @o --models acs-q",
    /There is no model "acs-q": there are acs-p, /,
  ],
  ["a file for a folder", "poc -o @empty.onnx", /file already exists/],
  ["a folder of other things", "poc -o @", /is not empty, and holds no experiment/],
  ["a configuration that is cut off", "poc -o @cut", /is not the configuration/],
  ["a configuration of something else", "poc -o @other", /it has no "models"/],
  ["other epochs than before", "poc -o @begun --epochs 5", /begun with "epochs" 50/],
  ["another first seed", "poc -o @begun --seeds 1,0", /The first seed .* is 0/],
  ["a stage there is not", "poc -o @begun --stage nope", /There is no stage "nope"/],
  ["a stage of nothing", "poc -o @o --stage unet-2d", /There is no experiment in/],
  ["data into a file", "poc --save @empty.onnx", /file already exists|not a directory/],
  ["an experiment there is not", "pok", /did you mean poc\?/],
] as const)("%s", async (_, line, message) => {
  const args = line.split(" ").map((arg) => (arg.startsWith("@") ? join(folder, arg.slice(1)) : arg));
  const files = readdirSync(folder, { recursive: true });
  const { code, stderr } = await experiment(...args, "--quiet");
  expect(stderr).toMatch(message);
  expect(stderr).toMatch(/^experiment: [^\n]+\.\n$/);
  expect(code).toBe(2);
  expect(readdirSync(folder, { recursive: true })).toEqual(files);
});
