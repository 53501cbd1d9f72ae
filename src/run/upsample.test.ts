import fc from "fast-check";
import { expect, test } from "vitest";
import type { Size3 } from "./tensor.ts";
import { upsample } from "./upsample.ts";

const size3 = (max: number): fc.Arbitrary<Size3> =>
  fc.tuple(fc.integer({ min: 1, max }), fc.integer({ min: 1, max }), fc.integer({ min: 1, max }));

/** The eight neighbours of a point in map `m`, weighed by their nearness. */
function trilinear(data: Float32Array, m: number, size: Size3, point: Size3): number {
  const [d, h, w] = size;
  let sum = 0;
  for (let corner = 0; corner < 8; corner++) {
    let weight = 1;
    const at = point.map((s, axis) => {
      const clamped = Math.min(Math.max(s, 0), size[axis]! - 1);
      const t = clamped - Math.floor(clamped);
      const up = (corner >> axis) & 1;
      weight *= up ? t : 1 - t;
      return Math.min(Math.floor(clamped) + up, size[axis]! - 1);
    });
    sum += weight * data[((m * d + at[0]!) * h + at[1]!) * w + at[2]!]!;
  }
  return sum;
}

test("equals the trilinear formula", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 3 }), size3(4), size3(4), (maps, size, factors) => {
      const data = Float32Array.from({ length: maps * size[0] * size[1] * size[2] }, (_, i) =>
        Math.sin(i * 1.7),
      );
      const [D, H, W] = size.map((n, axis) => n * factors[axis]!) as unknown as Size3;
      const expected = new Float32Array(maps * D * H * W);
      let i = 0;
      for (let m = 0; m < maps; m++)
        for (let z = 0; z < D; z++)
          for (let y = 0; y < H; y++)
            for (let x = 0; x < W; x++) {
              const point = [z, y, x].map((v, a) => (v + 0.5) / factors[a]! - 0.5) as unknown as Size3;
              expected[i++] = trilinear(data, m, size, point);
            }
      expect(upsample(data, maps, size, factors)).toBeAllClose(expected, { rtol: 0, atol: 1e-6 });
    }),
  );
});
