/** @file Tests in Chromium: `npm run test:browser`. */

import { defaultServerConditions } from "vite";
import { defineConfig } from "vitest/config";

export default defineConfig({
  // package.json's "imports" then lead to src/ instead of dist/, and so do the paths in tsconfig.json.
  resolve: { tsconfigPaths: true },
  ssr: { resolve: { conditions: ["acsconv-source", ...defaultServerConditions] } },
  test: {
    include: ["test/browser/*.browser.test.ts"],
    setupFiles: ["test/setup.ts"],
    // A GPU in software takes most of a minute for a training step on two slow cores.
    testTimeout: 180_000,
    hookTimeout: 120_000,
  },
});
