/**
 * @file Every architecture of torchvision's zoo, exported and run in 3D by
 * PyTorch (`oracle/export_zoo.py`), against the same files lifted by us.
 *
 * ZOO names the folder of exports.
 */

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { lift, load, type LiftOptions, type Model } from "../src/index.ts";
import { readNpz } from "../src/volume/npz.ts";
import { feedOf, relativeDeviation } from "./helpers/compare.ts";

interface Entry {
  readonly name: string;
  readonly file: string | null;
  readonly dynamic: boolean;
  readonly liftable: boolean;
  readonly reason: string;
}

const folder = process.env["ZOO"] ?? "";
const entries = (JSON.parse(readFileSync(join(folder, "manifest.json"), "utf8")) as Entry[]).filter(
  (entry) => entry.file,
);
const kinds = { acs: "acs", i3d: "i3d", "2.5d": "2.5d" } as const;

const arraysOf = (file: string) => (existsSync(file) ? readNpz(readFileSync(file)) : new Map());

async function outputOf(model: Model, x: ReturnType<typeof feedOf>) {
  const result = await model.run({ [model.inputs[0]!.name]: x });
  await model.dispose();
  return result[model.outputs[0]!.name]!;
}

describe.each(entries)("$file", (entry) => {
  const path = join(folder, entry.file!);
  const two = arraysOf(join(folder, `${entry.name}.npz`));
  const three = arraysOf(join(folder, `${entry.name}.3d.npz`));

  test.runIf(entry.liftable)("2D", { timeout: 300_000 }, async () => {
    const y = await outputOf(await load(path), feedOf(two.get("x2")!));
    expect(relativeDeviation(y, two.get("y2")!)).toBeLessThan(1e-4);
  });

  test.runIf(entry.liftable).each(Object.values(kinds).filter((kind) => three.has(`y3_${kind}`)))(
    "%s",
    { timeout: 300_000 },
    async (kind) => {
      const options: LiftOptions = { kind: kinds[kind] };
      const y = await outputOf(lift(await load(path), options), feedOf(three.get("x3")!));
      expect(relativeDeviation(y, three.get(`y3_${kind}`)!)).toBeLessThan(1e-4);
    },
  );

  test.runIf(entry.liftable && three.has("x3b"))(
    "acs at another size, batch 2",
    { timeout: 300_000 },
    async () => {
      const y = await outputOf(lift(await load(path)), feedOf(three.get("x3b")!));
      expect(relativeDeviation(y, three.get("y3b_acs")!)).toBeLessThan(1e-4);
    },
  );

  // A ramp over height is refused; exported at a fixed size it is a constant per pixel, repeated along depth.
  const refused = !entry.liftable && !(entry.name === "coord_ramp" && !entry.dynamic);
  test.runIf(refused)("is refused with a reason", async () => {
    const model = await load(path);
    expect(() => lift(model)).toThrow(/E_[A-Z_]+/);
  });
});
