import { describe, expect, test } from "vitest";
import { folderOf, volumeOf } from "../../test/helpers/data-folders.ts";
import { seedFor, uniform } from "../base/random.ts";
import type { Vec3 } from "../volume/vec3.ts";
import { type Volume, withData } from "../volume/volume.ts";
import { CaseStore } from "./cases.ts";
import type { Dataset, Example } from "../model/dataset.ts";
import { openFolder } from "./folders.ts";
import { IGNORED } from "./labels.ts";
import { type PatchOptions, patches, wholeScans } from "./patches.ts";
import { HALVES, type Region } from "./region.ts";

const SHAPE: Vec3 = [9, 11, 13];
/** The place of each voxel as a number, never 0. */
const place = volumeOf(SHAPE, (d, h, w) => 1 + (d * 11 + h) * 13 + w, "int16");

/** A store of cases whose image says its own place, with these labels. */
async function storeOf(...labels: readonly Volume[]): Promise<CaseStore> {
  const names = labels.map((_, i) => `case${i}`);
  const folder = await openFolder(
    await folderOf({
      "dataset.json": {
        labels: { "0": "background", "1": "a", "2": "b", "3": "c" },
        training: names.map((name) => ({ image: `${name}.nii`, label: `${name}_seg.nii` })),
      },
      ...Object.fromEntries(names.map((name) => [`${name}.nii`, place])),
      ...Object.fromEntries(names.map((name, i) => [`${name}_seg.nii`, labels[i]])),
    }),
  );
  return new CaseStore(folder.cases, folder, { channels: 1, normalize: "none" });
}

const someLabels = volumeOf(SHAPE, (d, h, w) => (d * 7 + h * 5 + w * 3) % 4);
const nothing = volumeOf(SHAPE, () => 0);

const drawn = (dataset: Dataset, count: number, seed = 1): Promise<Example[]> =>
  Promise.all(
    Array.from({ length: count }, async (_, i) =>
      dataset.get(i % dataset.length, uniform(seedFor(seed, String(i)))),
    ),
  );

/** The place of the first voxel of a patch that lies within the scan. */
function startOf({ image }: Example): Vec3 {
  const at = image.data[0]! - 1;
  return [Math.floor(at / 143), Math.floor(at / 13) % 11, at % 13];
}

describe("patches", () => {
  test("image and classes come from one place, and every place is reached", async () => {
    const size: Vec3 = [4, 5, 6];
    const examples = await drawn(patches(await storeOf(someLabels), { size, foreground: 0 }), 1000);
    const starts = new Set<string>();
    for (const example of examples) {
      expect(example.image.dims).toEqual([1, 4, 5, 6]);
      expect(example.target.dims).toEqual([4, 5, 6]);
      const [d, h, w] = startOf(example);
      starts.add([d, h, w].join());
      const expected = volumeOf(size, (z, y, x) => 1 + ((d + z) * 11 + h + y) * 13 + w + x, "float32");
      expect(example.image.data).toEqual(expected.data);
      expect(example.target.data).toEqual(Uint8Array.from(expected.data, (at) => someLabels.data[at - 1]!));
    }
    // 6 · 7 · 8 starts; a thousand draws leave out 5 % of them.
    expect(starts.size).toBeGreaterThan(300);
    for (const axis of [0, 1, 2]) {
      const along = [...starts].map((start) => Number(start.split(",")[axis]));
      expect([Math.min(...along), Math.max(...along)]).toEqual([0, SHAPE[axis]! - size[axis]!]);
    }
  });

  test("the same index and stream give the same patch, whatever was asked before", async () => {
    const dataset = patches(await storeOf(someLabels, nothing), { size: [4, 4, 4], perCase: 3 });
    expect(dataset.length).toBe(6);
    const forth = await drawn(dataset, 6);
    const store = await storeOf(someLabels, nothing);
    const again = patches(store, { size: [4, 4, 4], perCase: 3 });
    for (const i of [5, 0, 3, 1, 4, 2])
      expect(await again.get(i, uniform(seedFor(1, String(i))))).toEqual(forth[i]);
    expect(forth.map(({ name }) => name)).toEqual(["case0", "case1", "case0", "case1", "case0", "case1"]);
  });

  test("foreground patches have each class that is there as often, each voxel as often, in the middle", async () => {
    // Class 1: 300 voxels; class 3: two. Class 2 is absent.
    const label = volumeOf(SHAPE, (d, h, w) => {
      if (d === 4 && h === 5 && (w === 6 || w === 7)) return 3;
      return d < 3 && h < 10 && w < 10 ? 1 : 0;
    });
    const size: Vec3 = [3, 3, 3];
    const count = 3000;
    const examples = await drawn(patches(await storeOf(label), { size, foreground: 1 }), count);
    const seen = new Map<number, number>();
    for (const example of examples) {
      // Where a patch was moved to stay within the scan its middle is another voxel.
      const start = startOf(example);
      const isMoved = start.some((at, i) => at === 0 || at === SHAPE[i]! - 3);
      const k = example.target.data[13]!;
      if (!isMoved) expect([1, 3]).toContain(k);
      else expect(example.target.data.includes(1)).toBe(true);
      if (k === 3) seen.set(start[2], (seen.get(start[2]) ?? 0) + 1);
    }
    // Half of all patches, in two halves: five standard errors of a binomial count.
    expect([...seen.keys()].sort((a, b) => a - b)).toEqual([5, 6]);
    for (const times of seen.values())
      expect(Math.abs(times - count / 4)).toBeLessThan(5 * Math.sqrt(count * 0.1875));
  });

  test("a third of the patches is drawn from the foreground unless told otherwise", async () => {
    const label = volumeOf(SHAPE, (d, h, w) => Number(d === 4 && h === 5 && w === 6));
    const store = await storeOf(label);
    const centred = async (options: Partial<PatchOptions>): Promise<number> =>
      (await drawn(patches(store, { size: [1, 1, 1], ...options }), 3000)).filter(
        ({ target }) => target.data[0] === 1,
      ).length / 3000;
    expect(Math.abs((await centred({})) - 1 / 3)).toBeLessThan(0.045);
    expect(Math.abs((await centred({ foreground: 0.75 })) - 0.75)).toBeLessThan(0.04);
  });

  test("a case without foreground gives random patches", async () => {
    const examples = await drawn(patches(await storeOf(nothing), { size: [9, 1, 1], foreground: 1 }), 50);
    expect(new Set(examples.map((example) => startOf(example).join())).size).toBeGreaterThan(20);
  });

  test("a scan smaller than the patch stands in its middle, between zeros", async () => {
    const store = await storeOf(someLabels);
    const size: Vec3 = [12, 11, 4];
    for (const foreground of [0, 1]) {
      const [{ image, target }] = (await drawn(patches(store, { size, foreground }), 1)) as [Example];
      // 9 slices in 12: one before, two behind, as windows of a prediction.
      const first = image.data[44]! - 1;
      expect(first).toBeLessThan(10);
      image.data.forEach((value, i) => {
        const [d, h, w] = [Math.floor(i / 44) - 1, Math.floor(i / 4) % 11, i % 4];
        const at = (d * 11 + h) * 13 + w + first;
        const inside = d >= 0 && d < 9;
        expect([value, target.data[i]]).toEqual(inside ? [1 + at, someLabels.data[at]] : [0, 0]);
      });
    }
  });

  test("voxels that nobody has labelled are no foreground", async () => {
    const root = await folderOf({
      "dataset.json": {
        labels: { background: 0, a: 1, ignore: 2 },
        training: [{ image: "x.nii", label: "seg.nii" }],
      },
      "x.nii": place,
      "seg.nii": volumeOf(SHAPE, (d, h, w) => (d === 4 && h === 5 && w === 6 ? 1 : 2)),
    });
    const folder = await openFolder(root);
    const store = new CaseStore(folder.cases, folder, { channels: 1, normalize: "none" });
    for (const { target } of await drawn(patches(store, { size: [1, 1, 1], foreground: 1 }), 20))
      expect(target.data[0]).toBe(1);
    const [{ target }] = (await drawn(wholeScans(store), 1)) as [Example];
    expect(new Set(target.data)).toEqual(new Set([1, IGNORED]));
  });

  test.each([
    [{ size: [0, 4, 4] }, /need whole sizes .* not \[0, 4, 4\] and 1\.$/],
    [{ size: [4, 4, 4], perCase: 0.5 }, /not \[4, 4, 4\] and 0\.5\.$/],
    [{ size: [4, 4, 4], foreground: 1.5 }, /lies between 0 and 1, not at 1\.5\.$/],
  ] as const)("refuses %j", async (options, message) => {
    const store = await storeOf(nothing);
    expect(() => patches(store, options)).toThrow(message);
  });
});

test("the intensities of every channel are those of the scan, padding is zero after them", async () => {
  const two = withData(place, Int16Array.of(...place.data, ...place.data.map((x) => -2 * x)), 2);
  const root = await folderOf({
    "dataset.json": {
      labels: { "0": "background", "1": "a" },
      training: [{ image: "x.nii", label: "y.nii" }],
    },
    "x.nii": two,
    "y.nii": nothing,
  });
  const folder = await openFolder(root);
  const store = new CaseStore(folder.cases, folder, { channels: 2 });
  const [{ image }] = (await drawn(patches(store, { size: [9, 11, 15] }), 1)) as [Example];
  // Both channels are the same line, once rising and once falling.
  const n = 9 * 11 * 13;
  const deviation = Math.sqrt((n ** 2 - 1) / 12);
  expect(image.dims).toEqual([2, 9, 11, 15]);
  for (const [c, sign] of [
    [0, 1],
    [1, -1],
  ] as const) {
    const expected = volumeOf(
      [9, 11, 15],
      (d, h, w) => (w < 1 || w > 13 ? 0 : (sign * ((d * 11 + h) * 13 + w - 1 - (n - 1) / 2)) / deviation),
      "float32",
    );
    expect(image.data.slice(c * 1485, (c + 1) * 1485)).toBeAllClose(expected.data, { rtol: 0, atol: 1e-6 });
  }
});

describe("a real scan", () => {
  const scan = new URL("../../test/fixtures/t1-kmeans/", import.meta.url).pathname;
  async function tissues(region?: Region): Promise<CaseStore> {
    const root = await folderOf({
      "dataset.json": {
        labels: { "0": "other", "4": "CSF", "5": "grey matter", "6": "white matter" },
        training: [
          {
            image: new URL("../../assets/t1-kmeans/imagesTr/t1.nii.gz", import.meta.url).pathname,
            label: `${scan}KmeansTest_T1RawSkullStrip.nii.gz`,
          },
        ],
      },
    });
    const folder = await openFolder(root);
    return new CaseStore(folder.cases, folder, { channels: 1, ...(region && { region }) });
  }

  test("gives patches of one half, with foreground in them", async () => {
    // Its axes are LSA: D runs to the front, H to the head, W to the left.
    const [[whole], [left], [right]] = (await Promise.all(
      [undefined, HALVES.left, HALVES.right].map(async (region) =>
        drawn(wholeScans(await tissues(region)), 1),
      ),
    )) as [[Example], [Example], [Example]];
    expect(whole.target.dims).toEqual([62, 128, 128]);
    expect([left.target.dims, right.target.dims]).toEqual([
      [62, 128, 64],
      [62, 128, 64],
    ]);
    const isLeft = (_: unknown, i: number): boolean => i % 128 >= 64;
    // Half a million voxels are too many for toEqual.
    const classes = whole.target.data.filter(isLeft);
    expect(left.target.data.every((k, i) => k === classes[i])).toBe(true);
    const intensities = whole.image.data.filter((x, i) => !isLeft(x, i));
    expect(right.image.data.every((x, i) => x === intensities[i])).toBe(true);
    expect(new Set(left.target.data)).toEqual(new Set([0, 1, 2, 3]));

    const examples = await drawn(patches(await tissues(HALVES.left), { size: [24, 48, 48] }), 12);
    expect(examples.every(({ image }) => image.data.every(Number.isFinite))).toBe(true);
    expect(examples.filter(({ target }) => target.data.some((k) => k > 0)).length).toBeGreaterThan(3);
  });
});
