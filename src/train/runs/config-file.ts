/** @file A configuration from a file: JSON, or a module with a default export where the caller can load one. */

import { formatError, messageOf } from "../../base/errors.ts";
import { builtin, ioErrors } from "../../base/files.ts";
import { decodeText } from "../../base/text.ts";
import type { TrainConfig } from "./config.ts";
import { checkConfig, withPaths } from "./config-fields.ts";

/** A configuration is a page of text; anything larger is another file. */
const MAX_BYTES = 1 << 20;

const MODULES = new Set([".ts", ".mts", ".js", ".mjs"]);

/**
 * Reads a configuration file. Paths in it start at its folder.
 *
 * @param importDefault - loads modules, TypeScript included; without it all files are JSON
 */
export async function readConfig(
  path: string,
  importDefault?: (path: string) => Promise<unknown>,
): Promise<TrainConfig> {
  const paths = builtin("node:path");
  const bytes = await ioErrors("read", path, () => builtin("node:fs/promises").readFile(path));
  const isModule = importDefault && MODULES.has(paths.extname(path));
  const found = isModule ? await importDefault(path) : parse(bytes, path);
  return withPaths(checkConfig(found, path), (file) => paths.resolve(paths.dirname(path), file));
}

function parse(bytes: Uint8Array, path: string): unknown {
  if (bytes.length > MAX_BYTES)
    throw formatError(`"${path}" is too large for a configuration: name another file.`);
  try {
    return JSON.parse(decodeText(bytes));
  } catch (error) {
    throw formatError(`"${path}" is no valid JSON: ${messageOf(error).replace(/\.$/, "")}.`);
  }
}
