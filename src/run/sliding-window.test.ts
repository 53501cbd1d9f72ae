import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { PlaneSink } from "./sinks.ts";
import { toProbabilities } from "./sinks.ts";
import { slidingWindow, type SlidingWindowOptions } from "./sliding-window.ts";
import type { RunTensor, Size3 } from "./tensor.ts";
import { axisWindows, type Blending } from "./window-axis.ts";

interface Case {
  readonly shape: Size3;
  readonly patch: Size3;
  readonly channels: number;
  readonly overlap: number;
  readonly blending: Blending;
  readonly batch: number;
}

const size3 = (max: number): fc.Arbitrary<Size3> =>
  fc.tuple(fc.integer({ min: 1, max }), fc.integer({ min: 1, max }), fc.integer({ min: 1, max }));

const cases: fc.Arbitrary<Case> = fc.record({
  shape: size3(12),
  patch: size3(8),
  channels: fc.integer({ min: 1, max: 3 }),
  overlap: fc.constantFrom(0, 0.25, 0.5, 0.7),
  blending: fc.constantFrom("gaussian", "constant"),
  batch: fc.integer({ min: 1, max: 4 }),
});

const count = (size: readonly number[]): number => size.reduce((a, b) => a * b, 1);

const noise = (channels: number, shape: Size3): Float32Array =>
  Float32Array.from({ length: channels * count(shape) }, (_, i) => Math.sin(i * 12.9898) * 2);

/** Reads parts of an image in memory, `[C, D, H, W]`, and refuses to read outside it. */
function readerOf(
  image: Float32Array,
  channels: number,
  [D, H, W]: Size3,
): SlidingWindowOptions<unknown>["read"] {
  return ([z0, y0, x0], [d, h, w], into) => {
    expect(Math.min(z0, y0, x0)).toBeGreaterThanOrEqual(0);
    expect([z0 + d <= D, y0 + h <= H, x0 + w <= W]).toEqual([true, true, true]);
    let i = 0;
    for (let c = 0; c < channels; c++)
      for (let z = z0; z < z0 + d; z++)
        for (let y = y0; y < y0 + h; y++)
          for (let x = x0; x < x0 + w; x++) into[i++] = image[((c * D + z) * H + y) * W + x]!;
  };
}

const run = (c: Case, predict: SlidingWindowOptions<unknown>["predict"]): Promise<Float32Array> =>
  slidingWindow({
    ...c,
    read: readerOf(noise(c.channels, c.shape), c.channels, c.shape),
    predict,
    sink: toProbabilities(c.shape, "probabilities"),
  }).then((result) => result.data);

/** A network whose scores depend on where in the patch a voxel is, so that blending shows. */
function positional({ dims, data }: RunTensor<"float32">): Promise<RunTensor<"float32">> {
  const perPatch = count(dims.slice(1));
  return Promise.resolve({
    dtype: "float32",
    dims,
    data: data.map((v, i) => v * (1 + (i % perPatch) / perPatch)),
  });
}

/** All windows' scores times a 3D weight, summed over the volume, over the sum of the weights. */
function bruteForce({ shape, patch, channels, overlap, blending }: Case): Float64Array {
  const image = noise(channels, shape);
  const [D, H, W] = shape;
  const [d, h, w] = patch;
  const sums = new Float64Array(channels * count(shape));
  const weights = new Float64Array(channels * count(shape));
  const starts = shape.map((size, a) =>
    axisWindows(size, patch[a]!, overlap, blending).map(({ start }) => start),
  );
  for (const z0 of starts[0]!)
    for (const y0 of starts[1]!)
      for (const x0 of starts[2]!)
        for (let i = 0; i < channels * count(patch); i++) {
          const c = Math.floor(i / count(patch));
          const local = [Math.floor(i / (h * w)) % d, Math.floor(i / w) % h, i % w] as const;
          const [z, y, x] = [z0 + local[0], y0 + local[1], x0 + local[2]];
          if (z < 0 || y < 0 || x < 0 || z >= D || y >= H || x >= W) continue;
          const distance = local.reduce(
            (s, v, a) => s + ((v - (patch[a]! - 1) / 2) / (patch[a]! / 8)) ** 2,
            0,
          );
          const weight = blending === "gaussian" ? Math.exp(-distance / 2) : 1;
          const to = ((c * D + z) * H + y) * W + x;
          sums[to]! += weight * image[to]! * (1 + i / (channels * count(patch)));
          weights[to]! += weight;
        }
  return sums.map((sum, i) => sum / weights[i]!);
}

const CASE: Case = {
  shape: [10, 9, 8],
  patch: [4, 4, 4],
  channels: 1,
  overlap: 0.5,
  blending: "gaussian",
  batch: 1,
};

describe("sliding window", () => {
  test("a network that changes nothing gives the image back", async () => {
    await fc.assert(
      fc.asyncProperty(cases, async (c) => {
        const actual = await run(c, (input) => Promise.resolve(input));
        expect(actual).toBeAllClose(noise(c.channels, c.shape), { rtol: 0, atol: 3e-6 });
      }),
    );
  });

  test("equals the weighted mean over all windows", async () => {
    await fc.assert(
      fc.asyncProperty(cases, async (c) => {
        expect(await run(c, positional)).toBeAllClose(bruteForce(c), { rtol: 1e-6, atol: 2e-6 });
      }),
    );
  });

  test("a volume smaller than the patch lies in the middle of zeros", async () => {
    let seen: Float32Array | undefined;
    await run({ ...CASE, shape: [1, 2, 4] }, (input) => {
      seen = input.data;
      return Promise.resolve(input);
    });
    const [a, b] = [noise(1, [1, 2, 4]).subarray(0, 4), noise(1, [1, 2, 4]).subarray(4)];
    const zeros = new Float32Array(16);
    const middle = [...new Float32Array(4), ...a, ...b, ...new Float32Array(4)];
    expect([...seen!]).toEqual([...zeros, ...middle, ...zeros, ...zeros]);
  });

  test("coarser scores are interpolated", async () => {
    const c: Case = { ...CASE, shape: [4, 4, 4], overlap: 0 };
    const actual = await run(c, () =>
      Promise.resolve({
        dtype: "float32",
        dims: [1, 1, 2, 2, 4],
        data: Float32Array.from({ length: 16 }, (_, i) => i),
      }),
    );
    // x[z][y] = 8z + 4y on the coarse grid, sampled at −¼, ¼, ¾, 1¼ and clamped.
    const at = [0, 0.25, 0.75, 1];
    const expected = at.flatMap((z) => at.flatMap((y) => [0, 1, 2, 3].map((x) => 8 * z + 4 * y + x)));
    expect(actual).toBeAllClose(expected, { rtol: 0, atol: 1e-6 });
  });

  test("progress counts windows, planes come in order, and as soon as they are done", async () => {
    const calls: string[] = [];
    const sink: PlaneSink<string[]> = {
      plane: (z, scores, classes) => void calls.push(`plane ${z} ${scores.length} ${classes}`),
      result: () => calls,
    };
    await slidingWindow({
      ...CASE,
      shape: [6, 4, 6],
      batch: 2,
      read: () => undefined,
      predict: (input) => Promise.resolve(input),
      sink,
      onProgress: (done, total) => void calls.push(`${done} of ${total}`),
    });
    const planes = [0, 1, 2, 3, 4, 5].map((z) => `plane ${z} 24 1`);
    expect(calls).toEqual([...planes.slice(0, 2), "2 of 4", ...planes.slice(2), "4 of 4"]);
  });

  test("stops between windows when aborted", async () => {
    const abort = new AbortController();
    let calls = 0;
    const running = slidingWindow({
      ...CASE,
      read: () => undefined,
      predict: (input) => {
        if (++calls === 3) abort.abort(new Error("enough"));
        return Promise.resolve(input);
      },
      sink: toProbabilities(CASE.shape, "probabilities"),
      signal: abort.signal,
    });
    await expect(running).rejects.toThrow("enough");
    expect(calls).toBe(3);
  });

  test.each<{ why: RegExp; change: Partial<Case>; output?: RunTensor }>([
    { why: /patch \[4, 0, 4\]/, change: { patch: [4, 0, 4] } },
    { why: /from 0 to below 1, not 1\.$/, change: { overlap: 1 } },
    { why: /batches of 0\.5/, change: { batch: 0.5 } },
    {
      why: /float32 \[1, K, 4, 4, 4\] or coarser by whole factors, but the network gives float32 \[1, 5\]/,
      change: {},
      output: { dtype: "float32", dims: [1, 5], data: new Float32Array(5) },
    },
    {
      why: /the network gives float32 \[1, 1, 3, 4, 4\]/,
      change: {},
      output: { dtype: "float32", dims: [1, 1, 3, 4, 4], data: new Float32Array(48) },
    },
    {
      why: /the network gives uint8 \[1, 1, 4, 4, 4\]/,
      change: {},
      output: { dtype: "uint8", dims: [1, 1, 4, 4, 4], data: new Uint8Array(64) },
    },
  ])("refuses: $why", async ({ why, change, output }) => {
    const running = run({ ...CASE, ...change }, (input) => Promise.resolve(output ?? input));
    await expect(running).rejects.toThrow(why);
  });
});
