/** @file A configuration as a module: TypeScript or JavaScript with a default export. */

import { resolve } from "node:path";
import { formatError, messageOf } from "../../base/errors.ts";
import { defineConfig } from "../../train/runs/config.ts";

/** What a module exports by default. It finds `defineConfig` in "acsconv" wherever acsconv is installed. */
export async function importDefault(path: string): Promise<unknown> {
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
    throw formatError(`"${path}" cannot be read as a configuration: ${reason}.`);
  }
}
