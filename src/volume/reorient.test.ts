import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { anyGrid, anyOrientation, oblique, randomVolume } from "../../test/helpers/volumes.ts";
import { indexOf, pointOf } from "./geometry.ts";
import { orientationOf, reorient } from "./reorient.ts";
import type { Vec3 } from "./vec3.ts";
import { plainGrid, withData } from "./volume.ts";

describe("orientationOf", () => {
  test("names the fastest axis first", () => {
    // Our plain grid: W to the left, H to the back, D to the head.
    expect(orientationOf(plainGrid([1, 1, 1]))).toBe("LPS");
  });
});

describe("reorient", () => {
  test("transposes and flips", () => {
    const volume = withData(plainGrid([1, 2, 3]), Uint8Array.of(1, 2, 3, 4, 5, 6));
    const turned = reorient(volume, "ARS"); // W: to the front, H: to the right, D: to the head
    expect(turned.shape).toEqual([1, 3, 2]);
    expect([...turned.data]).toEqual([6, 3, 5, 2, 4, 1]);
    expect(turned.origin).toEqual([2, 1, 0]);
  });

  test("any orientation is reached, and left again", () => {
    fc.assert(
      fc.property(anyGrid, anyOrientation, fc.integer({ min: 1, max: 2 }), (grid, code, channels) => {
        const volume = randomVolume("int16", grid, channels);
        const turned = reorient(volume, code);
        expect(orientationOf(turned)).toBe(code);
        const back = reorient(turned, orientationOf(volume));
        expect(back.data).toEqual(volume.data);
        expect(back.shape).toEqual(volume.shape);
        expect(back.origin).toBeAllClose(volume.origin, { rtol: 0, atol: 1e-9 });
        expect(back.spacing).toEqual(volume.spacing);
        expect(back.direction.flat()).toBeAllClose(volume.direction.flat(), { rtol: 0, atol: 1e-12 });
      }),
      { seed: 1, numRuns: 200 },
    );
  });

  test("every point in space keeps its value", () => {
    fc.assert(
      fc.property(anyGrid, anyOrientation, (grid, code) => {
        const volume = randomVolume("float32", grid);
        const turned = reorient(volume, code);
        const [depth, height, width] = volume.shape;
        for (let d = 0; d < depth; d++)
          for (let h = 0; h < height; h++)
            for (let w = 0; w < width; w++) {
              const index = indexOf(turned, pointOf(volume, [d, h, w]));
              const whole = index.map(Math.round) as unknown as Vec3;
              expect(index).toBeAllClose(whole, { rtol: 0, atol: 1e-6 });
              const there = (whole[0] * turned.shape[1] + whole[1]) * turned.shape[2] + whole[2];
              expect(turned.data[there]).toBe(volume.data[(d * height + h) * width + w]);
            }
      }),
      { seed: 2, numRuns: 50 },
    );
  });

  test.each(["", "RA", "RAX", "RLS", "RASA"])('refuses "%s"', (code) => {
    expect(() => reorient(randomVolume("uint8", oblique), code)).toThrow(
      expect.objectContaining({ kind: "input", message: expect.stringContaining(`not "${code}"`) as string }),
    );
  });
});
