import { expect, test } from "vitest";
import { folderOf, volumeOf } from "../../test/helpers/data-folders.ts";
import { readChannels } from "./channels.ts";
import type { Vec3 } from "./vec3.ts";
import type { Volume } from "./volume.ts";

const SHAPE: Vec3 = [3, 4, 5];
const a = volumeOf(SHAPE, (d, h, w) => d + 2 * h + 3 * w, "int16");
const b = volumeOf(SHAPE, (d) => d / 4, "float32");
const twoOf = async (second: Volume): Promise<string[]> => {
  const root = await folderOf({ "a.nii": a, "b.nii": second });
  return [`${root}/a.nii`, `${root}/b.nii`];
};

test("gives the files' channels in their order, on the first one's grid", async () => {
  const [first, second] = (await twoOf(b)) as [string, string];
  const read = await readChannels([second, first]);
  expect(read).toMatchObject({ channels: 2, shape: SHAPE });
  expect([...read.data]).toEqual([...b.data, ...a.data]);
  expect((await readChannels([first])).data).toEqual(a.data);
  const bytes = await import("node:fs/promises").then(({ readFile }) => readFile(first));
  const file = new File([bytes], "a.nii");
  expect((await readChannels([file, file])).data).toEqual(Int16Array.of(...a.data, ...a.data));
});

test("tells of a grid that is slightly off, and refuses another", async () => {
  const warnings: string[] = [];
  const slight = await twoOf({ ...b, origin: [0, 0.004, 0] });
  const read = await readChannels(slight, { onWarning: (sentence) => warnings.push(sentence) });
  expect(read.origin).toBeAllClose([0, 0, 0], { rtol: 0, atol: 1e-12 });
  expect(warnings).toEqual([
    `"${slight[0]}" has origin [0, 0, 0], but "${slight[1]}" has origin [0, 0.004, 0], which is 0.0040 of a voxel at the most: both are taken to lie on the first one's grid.`,
  ]);
  await expect(readChannels(await twoOf({ ...b, spacing: [1, 1, 1.01] }))).rejects.toMatchObject({
    kind: "format",
    message: expect.stringMatching(
      /a\.nii" has spacing \[1, 1, 1\], but ".*b\.nii" has spacing \[1, 1, 1\.01\]: both must lie on one grid, so resample one to the other's, or, where only a header is wrong, copy the other's into it\.$/,
    ),
  });
  await expect(readChannels([])).rejects.toThrow("A scan takes one file at least, and none is given.");
});
