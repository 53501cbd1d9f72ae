/**
 * @file The folder of a training run:
 *
 *   config.json         what the run was told, with every default
 *   data.json           which cases it is trained on and validated with, as a number (hash)
 *   log.jsonl           every step and epoch
 *   last.safetensors    where it stands
 *   best.safetensors    where it stood after the best epoch
 *   model.onnx          the network of the best epoch
 *   report.html         curves and pictures
 */

import type { Stats } from "node:fs";
import { inputError } from "../../base/errors.ts";
import { builtin, ioErrors, makeFolder, writeFiles } from "../../base/files.ts";
import { removeUnfinished } from "../checkpoint.ts";
import type { TrainConfig } from "./config.ts";
import { DATA_FIELDS, type RunConfig, completeConfig } from "./config-fields.ts";
import { readConfig } from "./config-file.ts";

const NAMES = {
  config: "config.json",
  data: "data.json",
  log: "log.jsonl",
  last: "last.safetensors",
  best: "best.safetensors",
  model: "model.onnx",
  report: "report.html",
} as const;

/** Paths in the folder of a run. */
export type RunFolder = { readonly [K in keyof typeof NAMES]: string } & { readonly path: string };

export function runFolder(path: string): RunFolder {
  const paths = builtin("node:path");
  const files = Object.entries(NAMES).map(([key, name]) => [key, paths.join(path, name)]);
  return { path, ...(Object.fromEntries(files) as Omit<RunFolder, "path">) };
}

const KEYS = Object.keys(NAMES) as (keyof typeof NAMES)[];

const statOf = (path: string): Promise<Stats | undefined> =>
  builtin("node:fs/promises")
    .stat(path)
    .catch(() => undefined);

/** Whether the run has come so far that it can go on. */
export const hasCheckpoint = async ({ last }: RunFolder): Promise<boolean> =>
  (await statOf(last)) !== undefined;

/** What the run was told when it began. */
export async function configOfRun({ path, config }: RunFolder): Promise<TrainConfig> {
  if (await statOf(config)) return readConfig(config);
  throw inputError(
    `There is no run to resume in "${path}", for it has no config.json: leave --resume out to begin one.`,
  );
}

export function checkSameData(before: TrainConfig, now: RunConfig, { path }: RunFolder): void {
  const told = completeConfig({ ...before, model: now.model, data: now.data });
  for (const name of DATA_FIELDS) {
    const [there, here] = [told[name], now[name]];
    // A folder may have been moved.
    if (typeof there === "string" && typeof here === "string" && name === "validation") continue;
    const [a, b] = [there, here].map((value) => JSON.stringify(value) ?? "not set");
    if (a === b) continue;
    throw inputError(
      `The run in "${path}" began with "${name}" ${a}, and here it is ${b}: go on with the same, or begin anew.`,
    );
  }
}

/**
 * Makes sure that the cases of a run that goes on are those that it began with; runs of older versions do not say.
 *
 * @param hash - of {@link hashOfCases}
 */
export async function checkSameCases({ path, data }: RunFolder, hash: string): Promise<void> {
  if (!(await statOf(data))) return;
  const text = await ioErrors("read", data, () => builtin("node:fs/promises").readFile(data, "utf8"));
  if (text.includes(hash)) return;
  throw inputError(
    `The run in "${path}" began with other cases, or cases of other classes or parts, than the data have now: go on with the same, or begin anew by --overwrite.`,
  );
}

/** Remembers the cases of a run. */
export const writeCases = ({ data }: RunFolder, hash: string): Promise<void> =>
  writeText(data, `${JSON.stringify({ cases: hash })}\n`);

/** Makes sure that a new run replaces nothing. */
export async function checkEmpty({ path }: RunFolder): Promise<void> {
  const there = await statOf(path);
  if (!there) return;
  if (!there.isDirectory()) throw inputError(`"${path}" is a file: name a folder for the run.`);
  if ((await ioErrors("read", path, () => builtin("node:fs/promises").readdir(path))).length > 0)
    throw inputError(
      `"${path}" is not empty: go on with the run in it by --resume, begin anew by --overwrite, or name another folder.`,
    );
}

/** Makes the folder, and removes the files of an earlier run; all else in it stays. */
export async function clearRun(folder: RunFolder): Promise<void> {
  await makeFolder(folder.path);
  const { rm } = builtin("node:fs/promises");
  await ioErrors("write", folder.path, async () => {
    // Large weights of the network lie beside it.
    for (const path of [...KEYS.map((key) => folder[key]), `${folder.model}.data`])
      await rm(path, { force: true });
  });
}

/** Removes what a killed process has left of files that it was writing. */
export async function tidyRun(folder: RunFolder): Promise<void> {
  for (const key of KEYS) await removeUnfinished(folder[key]);
}

export const writeConfig = ({ config: path }: RunFolder, config: RunConfig): Promise<void> =>
  writeText(path, `${JSON.stringify(config, undefined, 2)}\n`);

export const writeText = (path: string, text: string): Promise<void> =>
  writeFiles([{ path, chunks: [new TextEncoder().encode(text)] }]);
