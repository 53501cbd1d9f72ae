/**
 * @file Where a run's configuration comes from: a file (JSON, or TypeScript with a default export), and
 * the flags, which go before it.
 */

import { readFile } from "node:fs/promises";
import { dirname, extname, resolve } from "node:path";
import { AcsconvError, messageOf } from "../../base/errors.ts";
import { ioErrors } from "../../base/files.ts";
import { type TrainConfig, checkConfig, defineConfig } from "./config.ts";

/** A configuration is a page of text; anything larger is another file. */
const MAX_BYTES = 1 << 20;

const MODULES = new Set([".ts", ".mts", ".js", ".mjs"]);

/**
 * Reads a configuration file. Paths in it start at its folder.
 *
 * @throws {@link AcsconvError} `io` or `format` if it cannot be read, `input` for what no configuration has
 */
export async function readConfig(path: string): Promise<TrainConfig> {
  const found = MODULES.has(extname(path)) ? await importDefault(path) : await readJson(path);
  const config = checkConfig(found, path);
  const own = (file: string): string => resolve(dirname(path), file);
  return {
    ...config,
    ...(config.model !== undefined && { model: own(config.model) }),
    ...(config.data !== undefined && { data: own(config.data) }),
    ...(typeof config.validation === "string" && { validation: own(config.validation) }),
  };
}

async function readJson(path: string): Promise<unknown> {
  const bytes = await ioErrors("read", path, () => readFile(path));
  if (bytes.length > MAX_BYTES) {
    throw new AcsconvError("format", `"${path}" is too large for a configuration: name another file.`);
  }
  try {
    return JSON.parse(bytes.toString());
  } catch (error) {
    throw new AcsconvError("format", `"${path}" is no valid JSON: ${messageOf(error).replace(/\.$/, "")}.`);
  }
}

/** What a module exports by default. It finds `defineConfig` in "acsconv" wherever acsconv is installed. */
async function importDefault(path: string): Promise<unknown> {
  await ioErrors("read", path, () => readFile(path));
  const { createJiti } = await import("jiti");
  const jiti = createJiti(import.meta.url, {
    fsCache: false,
    moduleCache: false,
    virtualModules: { acsconv: { defineConfig } },
  });
  try {
    return await jiti.import(resolve(path), { default: true });
  } catch (error) {
    const reason = messageOf(error).split("\n")[0]!.replace(/\.$/, "");
    throw new AcsconvError("format", `"${path}" cannot be read as a configuration: ${reason}.`);
  }
}
