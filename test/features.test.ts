/** @file FEATURES.md says what the code says. */

import { expect, test } from "vitest";
import { features } from "../scripts/features.ts";

test("FEATURES.md is up to date (`npm run features` renews it)", async () => {
  await expect(features()).toMatchFileSnapshot("../FEATURES.md");
});
