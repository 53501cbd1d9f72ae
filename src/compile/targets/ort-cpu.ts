/** @file The CPU under Node. */

import { estimateMemory } from "../memory.ts";
import { plain } from "./plain.ts";
import type { Target } from "./target.ts";

export const cpu: Target = {
  ...plain,
  where: "Node; in a browser the same as `wasm`",
  tested: "all tests, Linux x64",
  provider: { node: "cpu", browser: "wasm" },
  memory: estimateMemory,
};
