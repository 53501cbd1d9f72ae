/** @file NVIDIA GPUs. Values lie in their memory, of which the system's figures say nothing. */

import { plain } from "./plain.ts";
import type { Target } from "./target.ts";

export const cuda: Target = {
  ...plain,
  where: "Node on Linux x64 with CUDA 12 and cuDNN 9",
  tested: "not yet, beyond the message where it is missing",
  provider: { node: "cuda", browser: null },
  remedy: {
    node: "cuda needs Linux x64, an NVIDIA driver, CUDA 12 with cuDNN 9, and ONNX Runtime's GPU libraries (ONNXRUNTIME_NODE_INSTALL=cuda12 npm rebuild onnxruntime-node)",
  },
};
