import { describe, expect, test } from "vitest";
import { seedFor, uniform } from "../base/random.ts";
import {
  randomCentreCrop,
  randomFlip,
  randomIntensity,
  randomNoise,
  randomRot90,
  randomScale,
} from "./augment.ts";
import type { Example, Random } from "../model/dataset.ts";
import { type Transform, inTurn, mapDataset, sometimes } from "./transform.ts";

type Dims = readonly number[];

/** Image and classes that say the same of every voxel: no two of up to 251 neighbours are equal. */
function exampleOf(dims: Dims, channels = 2): Example {
  const length = dims.reduce((a, b) => a * b);
  const target = Uint8Array.from({ length }, (_, i) => (i * 7 + 1) % 251);
  return {
    name: "a",
    image: {
      dtype: "float32",
      dims: [channels, ...dims],
      data: Float32Array.from(
        { length: channels * length },
        (_, i) => target[i % length]! + 1000 * Math.floor(i / length),
      ),
    },
    target: { dtype: "uint8", dims, data: target },
  };
}

/** Every channel of the image holds the classes, as `exampleOf` made them. */
function expectTogether({ image, target }: Example): void {
  expect(image.dims.slice(1)).toEqual(target.dims);
  const length = target.data.length;
  image.data.forEach((value, i) =>
    expect(value).toBe(target.data[i % length]! + 1000 * Math.floor(i / length)),
  );
}

/** A stream that gives these numbers, so that a transform's every choice is known. */
const choices = (...numbers: readonly number[]): Random => {
  const left = [...numbers];
  return () => {
    expect(left).not.toHaveLength(0);
    return left.shift()!;
  };
};

type Array3 = readonly (readonly (readonly number[])[])[];

const nested = ({ dims, data }: Example["target"]): Array3 =>
  Array.from({ length: dims[0]! }, (_, d) =>
    Array.from({ length: dims[1]! }, (_, h) =>
      Array.from({ length: dims[2]! }, (_, w) => data[(d * dims[1]! + h) * dims[2]! + w]!),
    ),
  );

/** numpy.rot90(array, 1, axes), written out: result[i, j] along the axes is array[j, n − 1 − i]. */
function rot90(array: Array3, [a, b]: readonly [number, number]): Array3 {
  const size = [array.length, array[0]!.length, array[0]![0]!.length];
  const turned = [...size];
  [turned[a], turned[b]] = [size[b]!, size[a]!];
  return Array.from({ length: turned[0]! }, (_, d) =>
    Array.from({ length: turned[1]! }, (_, h) =>
      Array.from({ length: turned[2]! }, (_, w) => {
        const at = [d, h, w];
        const from = [...at];
        from[a] = at[b]!;
        from[b] = size[b]! - 1 - at[a]!;
        return array[from[0]!]![from[1]!]![from[2]!]!;
      }),
    ),
  );
}

const PLANES = [
  [0, 1],
  [0, 2],
  [1, 2],
] as const;

describe("randomRot90", () => {
  test("turns as NumPy does, one plane after the other, each by its own number", () => {
    const example = exampleOf([4, 4, 4]);
    for (let number = 0; number < 64; number++) {
      const turns = [number & 3, (number >> 2) & 3, number >> 4];
      const result = randomRot90(example, choices(...turns.map((k) => k / 4)));
      let expected = nested(example.target);
      PLANES.forEach((plane, i) => {
        for (let k = 0; k < turns[i]!; k++) expected = rot90(expected, plane);
      });
      expect(nested(result.target)).toEqual(expected);
      expectTogether(result);
    }
  });

  test("keeps the sizes: other planes than square ones are turned by halves", () => {
    const example = exampleOf([3, 4, 4]);
    const seen = new Set<string>();
    for (let seed = 0; seed < 200; seed++) {
      const result = randomRot90(example, uniform(seed));
      expect(result.image.dims).toEqual([2, 3, 4, 4]);
      expectTogether(result);
      seen.add(result.target.data.join());
    }
    // The square's four turns, and two ends of the first axis: all symmetries of the box but mirrors.
    expect(seen.size).toBe(8);
    const half = randomRot90(example, choices(0.5, 0, 0));
    expect(nested(half.target)).toEqual(rot90(rot90(nested(example.target), [0, 1]), [0, 1]));
  });

  test("turns a 2D example in its own plane", () => {
    const result = randomRot90(exampleOf([2, 2], 1), choices(0.25));
    expect([...result.target.data]).toEqual([8, 22, 1, 15]); // of 1 8 / 15 22
    expectTogether(result);
  });
});

describe("randomFlip", () => {
  test.each([
    [0, (d: number, h: number, w: number) => [d, h, w]],
    [0.25, (d: number, h: number, w: number) => [1 - d, h, w]],
    [0.5, (d: number, h: number, w: number) => [d, 2 - h, w]],
    [0.75, (d: number, h: number, w: number) => [d, h, 3 - w]],
  ])("mirrors one axis or none (%d)", (choice, from) => {
    const example = exampleOf([2, 3, 4]);
    const result = randomFlip(example, choices(choice));
    const before = nested(example.target);
    nested(result.target).forEach((plane, d) =>
      plane.forEach((row, h) =>
        row.forEach((value, w) => {
          const [z, y, x] = from(d, h, w);
          expect(value).toBe(before[z!]![y!]![x!]);
        }),
      ),
    );
    expectTogether(result);
  });

  test("never mirrors a 2D example along a depth that it has not", () => {
    const example = exampleOf([2, 3]);
    const results = [0, 0.4, 0.7].map((choice) => [...randomFlip(example, choices(choice)).target.data]);
    expect(results).toEqual([
      [1, 8, 15, 22, 29, 36],
      [22, 29, 36, 1, 8, 15],
      [15, 8, 1, 36, 29, 22],
    ]);
  });
});

describe("randomCentreCrop", () => {
  /** The classes of a box of the example; 0 outside. */
  function boxOf({ target }: Example, start: Dims, size: Dims): number[] {
    const array = nested(target);
    const values: number[] = [];
    for (let d = 0; d < size[0]!; d++)
      for (let h = 0; h < size[1]!; h++)
        for (let w = 0; w < size[2]!; w++)
          values.push(array[start[0]! + d]?.[start[1]! + h]?.[start[2]! + w] ?? 0);
    return values;
  }

  test("is centred, but for the jitter of each axis", () => {
    const example = exampleOf([12, 13, 14]);
    const still = randomCentreCrop([4, 4, 4], 0)(example, () => 0.99);
    expect([...still.target.data]).toEqual(boxOf(example, [4, 4, 5], [4, 4, 4]));
    const moved = randomCentreCrop([4, 5, 6], 2)(example, choices(0, 0.5, 0.99)); // −2, 0, +2
    expect([...moved.target.data]).toEqual(boxOf(example, [2, 4, 6], [4, 5, 6]));
    expect(moved.image.dims).toEqual([2, 4, 5, 6]);
    expectTogether(moved);
  });

  test("reaches every place within the jitter, and no other", () => {
    const { name, target } = exampleOf([8, 8, 8]);
    const data = Float32Array.from({ length: 512 }, (_, i) => i);
    const example: Example = { name, target, image: { dtype: "float32", dims: [1, 8, 8, 8], data } };
    const random = uniform(1);
    const starts = new Set<number>();
    for (let i = 0; i < 500; i++) starts.add(randomCentreCrop([2, 2, 2], 1)(example, random).image.data[0]!);
    const along = [2, 3, 4];
    const expected = along.flatMap((d) => along.flatMap((h) => along.map((w) => (d * 8 + h) * 8 + w)));
    expect([...starts].sort((a, b) => a - b)).toEqual(expected);
  });

  test("is zero and background outside", () => {
    const example = exampleOf([2, 2, 2], 1);
    const result = randomCentreCrop([4, 2, 2], 0)(example, () => 0);
    expect([...result.target.data]).toEqual(boxOf(example, [-1, 0, 0], [4, 2, 2]));
    expect([...result.image.data]).toEqual([...result.target.data]);
  });

  test("refuses a size of another rank", () => {
    expect(() => randomCentreCrop([4, 4])(exampleOf([8, 8, 8]), Math.random)).toThrow(
      'A crop of [4, 4] voxels does not fit example "a", [2, 8, 8, 8].',
    );
  });
});

describe("randomScale", () => {
  /** A ball of intensity and class 1 about the centre. */
  function ball(size: number, radius: number): Example {
    const c = (size - 1) / 2;
    const data = Uint8Array.from({ length: size ** 3 }, (_, i) =>
      Number(
        Math.hypot(Math.floor(i / size ** 2) - c, (Math.floor(i / size) % size) - c, (i % size) - c) <=
          radius,
      ),
    );
    return {
      name: "ball",
      image: { dtype: "float32", dims: [1, size, size, size], data: Float32Array.from(data) },
      target: { dtype: "uint8", dims: [size, size, size], data },
    };
  }

  test.each([0.75, 1, 1.25])("zooms about the centre, image and classes alike (%d)", (factor) => {
    const { image, target } = randomScale([factor, factor])(ball(33, 10), Math.random);
    const wrong = target.data.filter((k, i) => {
      const radius = Math.hypot(Math.floor(i / 1089) - 16, (Math.floor(i / 33) % 33) - 16, (i % 33) - 16);
      // The nearest voxel is up to half a diagonal away.
      const isSure = Math.abs(radius - 10 * factor) > 0.87 * factor;
      // Where all voxels around are of one class, image and class agree.
      const isPure = image.data[i] === 0 || image.data[i] === 1;
      return (isSure && k !== Number(radius < 10 * factor)) || (isPure && k !== image.data[i]);
    });
    expect(wrong).toHaveLength(0);
  });

  test("interpolates linearly: a ramp stays a ramp, steeper or flatter by the factor", () => {
    const [D, H, W] = [5, 6, 7];
    const image = Float32Array.from({ length: D * H * W }, (_, i) => 3 * Math.floor(i / 42) - (i % 7));
    const example: Example = {
      name: "ramp",
      image: { dtype: "float32", dims: [1, D, H, W], data: image },
      target: { dtype: "uint8", dims: [], data: Uint8Array.of(1) },
    };
    const result = randomScale([2, 2])(example, Math.random);
    expect(result.image.data).toBeAllClose(
      image.map((_, i) => 3 * (2 + (Math.floor(i / 42) - 2) / 2) - (3 + ((i % 7) - 3) / 2)),
      { rtol: 0, atol: 1e-5 },
    );
    expect(result.target).toBe(example.target);
  });

  test("made smaller, what was outside is zero and background", () => {
    const { image, target } = randomScale([0.5, 0.5])(exampleOf([8, 8, 8], 1), Math.random);
    const inside = (i: number): boolean =>
      [Math.floor(i / 64), Math.floor(i / 8) % 8, i % 8].every((x) => x >= 2 && x < 6);
    target.data.forEach((k, i) => {
      if (!inside(i)) expect([k, image.data[i]]).toEqual([0, 0]);
    });
    expect(image.data.filter((value) => value > 0)).toHaveLength(64);
  });

  test("draws the factor from its range", () => {
    const example = ball(17, 4);
    const volumes = Array.from(
      { length: 40 },
      (_, seed) => randomScale([0.8, 1.5])(example, uniform(seed)).target.data.filter((k) => k === 1).length,
    );
    const before = example.target.data.filter((k) => k === 1).length;
    expect(Math.min(...volumes)).toBeLessThan(0.8 * before);
    expect(Math.max(...volumes)).toBeGreaterThan(2 * before);
  });
});

describe("randomIntensity", () => {
  const example: Example = {
    name: "a",
    image: { dtype: "float32", dims: [2, 1, 1, 3], data: Float32Array.of(-1, 0, 3, 10, 10, 10) },
    target: { dtype: "uint8", dims: [1, 1, 3], data: Uint8Array.of(0, 1, 2) },
  };

  test("applies gamma between least and largest, then gain and offset; a constant channel stays one", () => {
    const jitter = { gain: [1, 3], offset: [-1, 1], gamma: [0.5, 1.5] } as const;
    const { image, target } = randomIntensity(jitter)(example, choices(0.5, 0.75, 0)); // 2, 0.5, 0.5
    // −1 → −1; 0 → −1 + 4·√(1/4) = 1; 3 → 3
    expect(image.data).toBeAllClose([-1.5, 2.5, 6.5, 20.5, 20.5, 20.5], { rtol: 0, atol: 1e-6 });
    expect(target).toBe(example.target);
    expect([...example.image.data]).toEqual([-1, 0, 3, 10, 10, 10]);
  });

  test("leaves alone what it is not told to change", () => {
    expect(randomIntensity({})(example, Math.random)).toEqual(example);
  });
});

test("randomNoise adds noise of the deviation that it draws, of its own in every channel", () => {
  const dims = [20, 20, 20];
  const example: Example = {
    name: "flat",
    image: { dtype: "float32", dims: [2, ...dims], data: new Float32Array(16000).fill(5) },
    target: { dtype: "uint8", dims, data: new Uint8Array(8000) },
  };
  const stream = uniform(9);
  let draws = 0;
  // The first number chooses the deviation: 0.3.
  const { image } = randomNoise([0.2, 0.4])(example, () => (draws++ === 0 ? 0.5 : stream()));
  const noise = [...image.data].map((value) => value - 5);
  const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b) / values.length;
  // Five standard errors.
  expect(Math.abs(mean(noise))).toBeLessThan((5 * 0.3) / Math.sqrt(16000));
  expect(Math.abs(mean(noise.map((x) => x ** 2)) / 0.09 - 1)).toBeLessThan(5 * Math.sqrt(2 / 16000));
  expect(Math.abs(mean(noise.slice(0, 8000).map((x, i) => x * noise[8000 + i]!)) / 0.09)).toBeLessThan(
    5 / Math.sqrt(8000),
  );
});

const ALL: Transform = inTurn(
  randomCentreCrop([8, 8, 8], 2),
  randomRot90,
  randomFlip,
  randomScale([0.8, 1.2]),
  randomIntensity({ gain: [0.9, 1.1], offset: [-0.1, 0.1], gamma: [0.7, 1.5] }),
  sometimes(0.5, randomNoise([0, 0.1])),
);

test("the same stream gives the same example, and no example is changed in place", async () => {
  const example = exampleOf([12, 12, 12]);
  const copy = structuredClone(example);
  const dataset = mapDataset({ length: 3, get: () => example }, ALL);
  const random = (i: number): Random => uniform(seedFor(1, String(i)));
  const [a, b] = [await dataset.get(0, random(0)), await dataset.get(1, random(1))];
  expect(dataset.length).toBe(3);
  expect(await dataset.get(1, random(1))).toEqual(b);
  expect(await dataset.get(0, random(0))).toEqual(a);
  expect(a.image.data).not.toEqual(b.image.data);
  expect(example).toEqual(copy);
});

test("sometimes is as often as said", () => {
  const random = uniform(1);
  const mark: Transform = (example) => ({ ...example, name: "marked" });
  const example = exampleOf([1, 1, 1]);
  const count = Array.from({ length: 10_000 }, () => sometimes(0.3, mark)(example, random)).filter(
    ({ name }) => name === "marked",
  ).length;
  expect(Math.abs(count / 10_000 - 0.3)).toBeLessThan(5 * Math.sqrt(0.21 / 10_000));
});

describe("targets", () => {
  test("a class for all stays; numbers per voxel move and are interpolated as the image is", () => {
    const { image } = exampleOf([4, 4, 4], 2);
    const values: Example = { name: "v", image, target: image };
    const result = inTurn(randomRot90, randomFlip, randomScale([1.1, 1.3]))(values, uniform(5));
    expect(result.target.data).toEqual(result.image.data);
    expect(result.target.dims).toEqual([2, 4, 4, 4]);
    const whole: Example = { name: "c", image, target: { dtype: "uint8", dims: [], data: Uint8Array.of(3) } };
    expect(randomRot90(whole, uniform(5)).target).toBe(whole.target);
  });

  test("of other sizes than the image are refused", () => {
    const { image } = exampleOf([4, 4, 4]);
    const { target } = exampleOf([2, 2, 2]);
    expect(() => randomFlip({ name: "b", image, target }, () => 0.9)).toThrow(
      'Example "b" has an image of [4, 4, 4] voxels and a target of [2, 2, 2]: both must be moved alike.',
    );
  });
});
