/** @file What a network's numbers mean, whatever it ends in. */

import { readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "vitest";
import { lift, load } from "./model.ts";
import { readNetwork } from "./scores.ts";

const at = (...names: string[]): string => join(import.meta.dirname, "../../test/fixtures/ends", ...names);
test("x", async () => {
  for (const d of ["3d", "2d", "mean_axes"])
    for (const f of readdirSync(at(d))) {
      const m = await load(at(d, f));
      for (const g of d === "2d" ? [m, lift(m), await load(lift(m).toBytes())] : [m]) {
        const r = readNetwork(g.graph);
        console.log(
          d,
          f,
          r.channelAxis,
          ...[...r.outputs.values()].map(
            (o) => `${o.scores} ${o.sure} axis ${o.axis} K ${o.classes}: ${o.why}`,
          ),
        );
      }
    }
});
