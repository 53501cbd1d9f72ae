/**
 * @file Every architecture of torchvision's zoo, exported and run in 3D by
 * PyTorch (`oracle/`), against the same files lifted by us. `npm run test:slow`
 * exports them first; ZOO names another folder of exports.
 */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { zooEntries, zooFolder } from "../scripts/zoo.mjs";
import type { Tensor } from "../src/graph/tensor.ts";
import { lift, load, type Model } from "../src/index.ts";
import { readNpz } from "../src/formats/npz.ts";
import { feedOf, relativeDeviation } from "./helpers/compare.ts";

interface Entry {
  readonly name: string;
  readonly file: string | null;
  readonly dynamic: boolean;
  readonly liftable: boolean;
}

/** Largest deviation from PyTorch, relative to the largest value. */
const TOLERANCE = 1e-4;

/** A network's arrays, read when they are used, the last network's kept: four files share them. */
const kept = { file: "", arrays: new Map<string, Tensor>() };
function arraysOf(file: string): Map<string, Tensor> {
  if (kept.file !== file) {
    kept.arrays = readNpz(readFileSync(join(zooFolder(), file)), file);
    kept.file = file;
  }
  return kept.arrays;
}

async function outputOf(model: Model, x: Tensor) {
  const result = await model.run({ [model.inputs[0]!.name]: feedOf(x) });
  await model.dispose();
  return result[model.outputs[0]!.name]!;
}

const entries = (zooEntries() as Entry[]).filter((entry) => entry.file !== null);

test("there are exports (`node scripts/zoo.mjs` makes them)", () => {
  expect(entries.length).toBeGreaterThan(0);
});

describe.each(entries.filter(({ liftable }) => liftable))("$file", ({ name, file }) => {
  const path = join(zooFolder(), file!);

  test("2D", async () => {
    const { x2, y2 } = Object.fromEntries(arraysOf(`${name}.npz`));
    expect(relativeDeviation(await outputOf(await load(path), x2!), y2!)).toBeLessThan(TOLERANCE);
  });

  test.for(["acs", "i3d", "2.5d"] as const)("%s", async (kind, { skip }) => {
    const { x3, [`y3_${kind}`]: y3 } = Object.fromEntries(arraysOf(`${name}.3d.npz`));
    if (kind === "2.5d" && !y3) skip("PyTorch's 2.5d cannot join branches that crop depth differently");
    const y = await outputOf(lift(await load(path), { kind }), x3!);
    expect(relativeDeviation(y, y3!)).toBeLessThan(TOLERANCE);
  });

  test("acs at another size, batch 2", async ({ skip }) => {
    const { x3b, y3b_acs: y3b } = Object.fromEntries(arraysOf(`${name}.3d.npz`));
    if (!x3b) skip("the network takes one size only");
    expect(relativeDeviation(await outputOf(lift(await load(path)), x3b!), y3b!)).toBeLessThan(TOLERANCE);
  });
});

// A ramp over height is refused; exported at a fixed size it is a constant per pixel, repeated along depth.
const refused = entries.filter(
  ({ name, liftable, dynamic }) => !liftable && (name !== "coord_ramp" || dynamic),
);
test.each(refused)("$file is refused with a reason", async ({ file }) => {
  const model = await load(join(zooFolder(), file!));
  expect(() => lift(model)).toThrow(/E_[A-Z_]+/);
});
