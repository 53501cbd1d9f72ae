/** @file The fast tests, offline and without other software: `npm test`. */

import { defaultServerConditions } from "vite";
import { defineConfig } from "vitest/config";

export default defineConfig({
  // package.json's "imports" then lead to src/ instead of dist/, and so do the paths in tsconfig.json.
  resolve: { tsconfigPaths: true },
  ssr: { resolve: { conditions: ["acsconv-source", ...defaultServerConditions] } },
  test: {
    include: ["src/**/*.test.ts", "experiments/**/*.test.ts", "test/**/*.test.ts"],
    exclude: ["**/*.slow.test.ts", "**/*.browser.test.ts", "**/node_modules/**"],
    setupFiles: ["test/setup.ts"],
    testTimeout: 60_000,
    // Modules are loaded once for all files of a worker: a tenth of the time that all tests take.
    isolate: false,
  },
});
