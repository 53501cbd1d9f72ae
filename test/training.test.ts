/** @file Every kind of lifting trains: ten steps of falling loss. */

import { test } from "vitest";
import { LIFT_KINDS } from "../src/index.ts";
import { expectFallingLoss } from "./helpers/falling-loss.ts";
import { NETWORKS, THOROUGH } from "./helpers/networks.ts";

/** Dynamic exports lift to the same graphs. */
const names = THOROUGH ? NETWORKS.filter((name) => !name.endsWith("_dynamic")) : ["unet_train"];

test.each(names.flatMap((name) => LIFT_KINDS.map((kind) => [name, kind] as const)))(
  "%s, %s: ten steps of falling loss",
  async (name, kind) => {
    await expectFallingLoss(name, kind);
  },
);
