/** @file WebAssembly in a browser. How much memory a page may take, it does not say: nothing is checked. */

import { plain } from "./plain.ts";
import type { Target } from "./target.ts";

export const wasm: Target = {
  ...plain,
  where: "browsers",
  tested: "`npm run test:browser`, Chromium with 1 and 2 threads",
  provider: { node: null, browser: "wasm" },
  remedy: { node: "wasm is for browsers: use cpu" },
};
