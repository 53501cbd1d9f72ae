/** @file Any GPU, through WebGPU: in browsers, and under Node. */

import { groupsOf } from "../../ops/geometry.ts";
import { plain } from "./plain.ts";
import type { Target } from "./target.ts";

export const webgpu: Target = {
  ...plain,
  where: "browsers; Node, on Linux with a Vulkan driver",
  tested: "`npm run test:browser`, Chromium on a software adapter; no real GPU yet",
  provider: { node: "webgpu", browser: "webgpu" },
  remedy: {
    node: "webgpu needs a GPU and, on Linux, its Vulkan driver",
    browser: "webgpu needs a browser with WebGPU switched on and a GPU that it accepts",
  },
  // Grouped convolutions and transposed ones of three axes, pooling that says where the largest value was
  // (measured with 1.30).
  lacks: {
    Conv: (node) => groupsOf(node) > 1,
    ConvTranspose: () => true,
    MaxPool: ({ outputs }) => outputs.length > 1,
    MaxUnpool: () => true,
  },
};
