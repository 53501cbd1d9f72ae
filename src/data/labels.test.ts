import { expect, test } from "vitest";
import { volumeOf } from "../../test/helpers/data-folders.ts";
import { IGNORED, classesOf, labelTable } from "./labels.ts";

const table = labelTable(
  [
    ["white", [6, 7]],
    ["other", [0]],
    ["CSF", [4]],
  ],
  "here",
  [9, 11],
);

test("labels with gaps become consecutive classes, some together; ignored ones stay apart", () => {
  const labels = [0, 4, 7, 9, 6, 11];
  for (const type of ["uint8", "int16", "float32"] as const) {
    const { data, shape } = classesOf(
      volumeOf([1, 2, 3], (_d, h, w) => labels[3 * h + w]!, type),
      table,
      "there",
    );
    expect(data).toEqual(Uint8Array.of(0, 1, 2, IGNORED, 2, IGNORED));
    expect(shape).toEqual([1, 2, 3]);
  }
});

test.each([
  [5, "5 in 2 voxels"],
  [10, "10 in 2 voxels"],
  [-1, "-1 in 2 voxels"],
  [0.5, "0.5 in 2 voxels"],
  [NaN, "NaN in 2 voxels"],
])("a label %d that is in no class is refused by value, number and file", (value, found) => {
  const volume = volumeOf([1, 1, 4], (_d, _h, w) => (w < 2 ? 4 : value), "float32");
  expect(() => classesOf(volume, table, 'Case "a": "a.nii"')).toThrow(
    `Case "a": "a.nii" has the label ${found}, but the classes are 0 (other), 4 (CSF), 6, 7 (white): add it to "labels" in dataset.json or correct the file.`,
  );
});
