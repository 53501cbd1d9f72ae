/** @file Tests against reference software (PyTorch, ONNX's own suite, nibabel …): `npm run test:slow`. */

import { defaultServerConditions } from "vite";
import { defineConfig } from "vitest/config";

export default defineConfig({
  // package.json's "imports" then lead to src/ instead of dist/, and so do the paths in tsconfig.json.
  resolve: { tsconfigPaths: true },
  ssr: { resolve: { conditions: ["acsconv-source", ...defaultServerConditions] } },
  test: {
    include: [
      "src/**/*.slow.test.ts",
      "experiments/**/*.slow.test.ts",
      "test/**/*.slow.test.ts",
      // Fast ones that go through more when they have time.
      "src/model/model.test.ts",
      "test/{consistency,fixtures-models,roads,training}.test.ts",
    ],
    env: { THOROUGH: "1" },
    setupFiles: ["test/setup.ts"],
    testTimeout: 600_000,
    hookTimeout: 600_000,
    // Each of these tests uses every core itself.
    fileParallelism: false,
  },
});
