/** @file Every kind of lifting trains: ten steps of falling loss. All networks under all kinds are a slow test. */

import { test } from "vitest";
import { LIFT_KINDS } from "../src/index.ts";
import { expectFallingLoss } from "./helpers/falling-loss.ts";

test.each(LIFT_KINDS)("unet_train, %s: ten steps of falling loss", async (kind) => {
  await expectFallingLoss("unet_train", kind);
});
