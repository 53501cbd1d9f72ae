import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { rasAffine } from "./geometry.ts";
import { orientationOf } from "./reorient.ts";
import { readVolume } from "./read.ts";

const fixtures = fileURLToPath(new URL("../../test/fixtures/volumes/", import.meta.url));

interface Expected {
  readonly affine: number[][];
  /** [C, D, H, W] */
  readonly shape: number[];
  readonly axes: string;
  readonly values: number[];
}

const expected = JSON.parse(readFileSync(`${fixtures}expected.json`, "utf8")) as Record<string, Expected>;

describe("NIfTI, against nibabel", () => {
  test.each(Object.keys(expected))("%s", async (name) => {
    const volume = await readVolume(fixtures + name);
    const { affine, shape, axes, values } = expected[name]!;
    expect([volume.channels, ...volume.shape]).toEqual(shape);
    expect(orientationOf(volume)).toBe(axes);
    rasAffine(volume).forEach((row, r) => {
      row.forEach((x, c) => expect(Math.abs(x - affine[r]![c]!), `affine[${r}][${c}]`).toBeLessThan(1e-5));
    });
    // float32 on both sides: nibabel scales in double and the oracle rounds once.
    expect(Array.from(volume.data)).toEqual(values);
  });
});
