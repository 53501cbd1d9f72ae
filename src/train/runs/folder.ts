/**
 * @file The folder of a training run:
 *
 *   config.json         what the run was told, with every default
 *   log.jsonl           every step and epoch
 *   last.safetensors    where it stands
 *   best.safetensors    where it stood after the best epoch
 *   model.onnx          the network of the best epoch
 *   report.html         curves and pictures
 */

import { readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { AcsconvError } from "../../base/errors.ts";
import { ioErrors, makeFolder, writeFiles } from "../../base/files.ts";
import { removeUnfinished } from "../checkpoint.ts";
import type { RunConfig, TrainConfig } from "./config.ts";
import { readConfig } from "./config-file.ts";

const NAMES = {
  config: "config.json",
  log: "log.jsonl",
  last: "last.safetensors",
  best: "best.safetensors",
  model: "model.onnx",
  report: "report.html",
} as const;

/** Paths in the folder of a run. */
export type RunFolder = { readonly [K in keyof typeof NAMES]: string } & { readonly path: string };

export const runFolder = (path: string): RunFolder => ({
  path,
  ...(Object.fromEntries(Object.entries(NAMES).map(([key, name]) => [key, join(path, name)])) as Omit<
    RunFolder,
    "path"
  >),
});

/** Whether the run has come so far that it can go on. */
export const hasCheckpoint = async ({ last }: RunFolder): Promise<boolean> =>
  (await stat(last).catch(() => undefined)) !== undefined;

/** What the run was told when it began. */
export async function configOfRun({ path, config }: RunFolder): Promise<TrainConfig> {
  if (await stat(config).catch(() => undefined)) return readConfig(config);
  throw new AcsconvError(
    "input",
    `There is no run to resume in "${path}", for it has no config.json: leave --resume out to begin one.`,
  );
}

/**
 * Makes sure that a new run replaces nothing.
 *
 * @throws {@link AcsconvError} `input` if there is something in the folder
 */
export async function checkEmpty({ path }: RunFolder): Promise<void> {
  const there = await stat(path).catch(() => undefined);
  if (!there) return;
  if (!there.isDirectory()) {
    throw new AcsconvError("input", `"${path}" is a file: name a folder for the run.`);
  }
  if ((await ioErrors("read", path, () => readdir(path))).length > 0) {
    throw new AcsconvError(
      "input",
      `"${path}" is not empty: go on with the run in it by --resume, begin anew by --overwrite, or name another folder.`,
    );
  }
}

/** Makes the folder, and removes the files of an earlier run; all else in it stays. */
export async function clearRun(folder: RunFolder): Promise<void> {
  await makeFolder(folder.path);
  await ioErrors("write", folder.path, async () => {
    const external = `${folder.model}.data`;
    for (const name of [...Object.keys(NAMES).map((key) => folder[key as keyof typeof NAMES]), external]) {
      await rm(name, { force: true });
    }
  });
}

/** Removes what a killed process has left of files that it was writing. */
export async function tidyRun(folder: RunFolder): Promise<void> {
  for (const key of Object.keys(NAMES)) await removeUnfinished(folder[key as keyof typeof NAMES]);
}

export const writeConfig = ({ config: path }: RunFolder, config: RunConfig): Promise<void> =>
  writeText(path, `${JSON.stringify(config, undefined, 2)}\n`);

export const writeText = (path: string, text: string): Promise<void> =>
  writeFiles([{ path, chunks: [new TextEncoder().encode(text)] }]);
