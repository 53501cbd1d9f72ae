/** @file Scans with one class each, as folders, tables and archives have them. */

import { cpSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { folderOf, volumeOf } from "../../../test/helpers/data-folders.ts";
import { encodeNpz } from "../../formats/npz.ts";
import { type Tensor, tensorOf } from "../../graph/tensor.ts";
import { openData } from "../open.ts";
import { type ClassificationSet, scansOf, splitsOf, withClasses } from "./data-set.ts";

const scan = (value: number) => volumeOf([2, 3, 4], () => value);

async function opened(path: string): Promise<ClassificationSet> {
  const data = await openData(path);
  if (data.kind !== "classification") throw new Error("expected classes of scans");
  return data;
}

/** Name, class and part of each scan. */
const listed = ({ cases, classes }: ClassificationSet): string[] =>
  cases.map(({ name, label, split }) => `${name} ${classes.names[label]} ${split}`);

describe("a folder for each class", () => {
  test("at any depth, DICOM folders, and without what is no scan", async () => {
    const root = await folderOf({
      "b/x.nii.gz": scan(1),
      "b/deep/er/y.npy": scan(2),
      "b/notes.txt": "text",
      "b/._x.nii.gz": "leftover",
      "a/patient/IM0001": "a slice",
      "a/patient/IM0002.dcm": "a slice",
      "a/other/1.2.840.10008.1": "a slice",
      "a/pictures/shot.png": "a picture",
      ".DS_Store": "leftover",
      "README.md": "text",
      "__MACOSX/b/._x.nii.gz": "leftover",
    });
    const data = await opened(root);
    expect(data.classes).toEqual({ names: ["a", "b"], values: [[0], [1]] });
    expect(listed(data)).toEqual([
      "a/other a undefined",
      "a/patient a undefined",
      "b/x.nii.gz b undefined",
      "b/deep/er/y.npy b undefined",
    ]);
    expect(splitsOf(data)).toEqual([]);
    const volume = await data.cases[3]!.read();
    expect(volume.data[0]).toBe(2);
    expect((await data.cases[2]!.grid())?.shape).toEqual([2, 3, 4]);
    expect(await data.cases[3]!.grid()).toBeUndefined();
  });

  test("divided into parts; links are followed", async () => {
    const root = await folderOf({
      "Training/b/x.npy": scan(1),
      "Training/a/x.npy": scan(1),
      "valid/a/y.npy": scan(1),
      "elsewhere.npy": scan(1),
      "others/z.npy": scan(5),
    });
    const links = await folderOf({ "Training/b/x.npy": scan(1) });
    mkdirSync(join(links, "test"));
    symlinkSync(join(root, "others"), join(links, "test", "a"));
    const data = await opened(links);
    expect(listed(data)).toEqual(["Training/b/x.npy b train", "test/a/z.npy a test"]);
    expect(splitsOf(data)).toEqual(["train", "test"]);
    expect(scansOf(data, "test")).toHaveLength(1);
    expect(() => scansOf(data, "val")).toThrow(
      /has no scans to validate on \("val"\), only "train" and "test"\.$/,
    );
    await expect(openData(root)).rejects.toThrow(/has folders of parts and of classes side by side/);
  });

  test("refuses links that lead in a circle", async () => {
    const root = await folderOf({ "a/x.npy": scan(1), "b/deep/y.npy": scan(1) });
    symlinkSync(join(root, "b"), join(root, "b", "deep", "again"));
    await expect(openData(root)).rejects.toThrow(
      /again" is a link to a folder that it lies in: remove it\.$/,
    );
    const other = await folderOf({ "a/x.npy": scan(1), "b/y.npy": scan(1) });
    symlinkSync(other, join(other, "a", "all"));
    await expect(openData(other)).rejects.toThrow(/all" is a link to a folder/);
  });

  test.each<[string, Record<string, unknown>, RegExp]>([
    [
      "a class without scans",
      { "a/x.npy": scan(1), "b/notes.txt": "" },
      /class folder ".*b" holds no scan: expected volumes/,
    ],
    [
      "volumes beside slices",
      { "a/1.dcm": "", "a/x.npy": scan(1), "b/y.npy": scan(1) },
      /holds volumes and DICOM files side by side \("x\.npy", "1\.dcm"\)/,
    ],
    [
      "slices side by side",
      { "a/1.dcm": "", "a/2.dcm": "", "b/x.npy": scan(1) },
      /"1\.dcm"\), which do not tell where one scan ends/,
    ],
    [
      "parts without classes",
      { "train/x.npy": scan(1), "val/a/x.npy": scan(1) },
      /train" has no folders: expected one for each class/,
    ],
    // Labels of voxels whose description is missing are no classes.
    [
      "folders of segmentations",
      { "imagesTr/x_0000.nii.gz": scan(1), "labelsTr/x.nii.gz": scan(1) },
      /There is no dataset\.json/,
    ],
    ["no folders", { "x.npy": scan(1) }, /There is no dataset\.json .* a folder for each class\.$/],
  ])("refuses %s", async (_, files, message) => {
    await expect(openData(await folderOf(files))).rejects.toThrow(message);
  });
});

describe("a table", () => {
  const files = { "s/a.npy": scan(1), "s/b.npy": scan(2), "s/c, d.npy": scan(3) };
  const tableOf = async (text: string, name = "table.csv"): Promise<string> => {
    const root = await folderOf(files);
    writeFileSync(join(root, name), text);
    return join(root, name);
  };

  test.each([
    ["commas", 'file,label\ns/a.npy,10\ns/b.npy,9\n"s/c, d.npy",10\n', ""],
    [
      "semicolons, a byte order mark, Windows",
      "\uFEFFAge;CLASS;Image Path\r\n3;10;s\\a.npy\r\n4;9;s\\b.npy\r\n5;10;s\\c, d.npy\r\n",
      "",
    ],
    ["tabs, quotes, blank lines", '"scan"\t"Target"\n\ns/a.npy\t10\ns/b.npy\t9\n"s/c, d.npy"\t10\n\t\n', ""],
  ])("with %s", async (_, text) => {
    const data = await opened(await tableOf(text));
    expect(data).toMatchObject({ name: "table", classes: { names: ["9", "10"], values: [[0], [1]] } });
    expect(listed(data)).toEqual(["s/a.npy 10 undefined", "s/b.npy 9 undefined", "s/c, d.npy 10 undefined"]);
    expect((await data.cases[1]!.read()).data[0]).toBe(2);
  });

  test("divided into parts by a column", async () => {
    const text = "file,label,split\ns/a.npy,x,train\ns/b.npy,y,Test\ns/b.npy/../a.npy/../b.npy,y,val\n";
    await expect(openData(await tableOf(text))).rejects.toThrow(
      /lists "s\/b\.npy.*" twice, in lines 3 and 4/,
    );
    const data = await opened(await tableOf("file,label,split\ns/a.npy,x,train\ns/b.npy,y,Test\n"));
    expect(listed(data)).toEqual(["s/a.npy x train", "s/b.npy y test"]);
  });

  test.each(["Set", "partition", "phase", "Usage"])(
    "or a column called %s that holds them",
    async (title) => {
      const data = await opened(await tableOf(`file,label,${title}\ns/a.npy,x,train\ns/b.npy,y,Test\n`));
      expect(listed(data)).toEqual(["s/a.npy x train", "s/b.npy y test"]);
      const other = await opened(await tableOf(`file,label,${title}\ns/a.npy,x,late\ns/b.npy,y,early\n`));
      expect(listed(other)).toEqual(["s/a.npy x undefined", "s/b.npy y undefined"]);
    },
  );

  test("slices are no scans, but a file of all frames is", async () => {
    const dicom = resolve("test/fixtures/volumes/dicom");
    const table = (path: string) => tableOf(`file,label\ns/a.npy,x\n${join(dicom, path)},y\n`);
    await expect(openData(await table("tilt/000.dcm"))).rejects.toThrow(
      /Line 3 .*000\.dcm" is one slice of a DICOM series, of which "001\.dcm" .*: name the folder ".*tilt" as the scan/,
    );
    expect((await opened(await table("frames_rle.dcm"))).cases).toHaveLength(2);
    expect((await opened(await table("tilt"))).cases).toHaveLength(2);
  });

  test("several series in a folder are left to whoever made it", async () => {
    const dicom = resolve("test/fixtures/volumes/dicom");
    const root = await folderOf({ "a/x.npy": scan(1) });
    for (const name of ["tilt", "palette"])
      cpSync(join(dicom, name), join(root, "b/p", name), { recursive: true });
    writeFileSync(join(root, "t.csv"), "file,label\na/x.npy,x\nb/p,y\n");
    const data = await opened(join(root, "t.csv"));
    await expect(data.cases[1]!.read()).rejects.toThrow(
      /holds 2 DICOM series, leave one of them in each folder \(/,
    );
  });

  test.each<[string, string, RegExp]>([
    ["other titles", "name,kind\ns/a.npy,x\n", /it has neither among "name", "kind"/],
    ["no titles", "s/a.npy,x\ns/b.npy,y\n", /should begin with a line of titles/],
    ["no label column", "file,age\ns/a.npy,x\n", /it has no column for the label among "file", "age"/],
    ["an empty file", "", /among none/],
    [
      "two columns of labels",
      "file,label,class\ns/a.npy,x,y\n",
      /several columns for the label, "label" and "class"/,
    ],
    [
      "rows without a label",
      'file,label\ns/a.npy,x\ns/b.npy,\n"s/c, d.npy",\n',
      /2 rows without a label, the first in line 3/,
    ],
    [
      "files that are missing",
      "file,label\ns/a.npy,x\ns/no.npy,y\ns/none.npy,y\n",
      /are missing, 2 of 3: the first is "s\/no\.npy" of line 3, looked for from/,
    ],
    [
      "a file of no format",
      "file,label\ns/a.npy,x\ntable.csv,y\n",
      /Line 3 .*"table\.csv" is no volume that we read/,
    ],
    [
      "rows of other lengths",
      "file,label\ns/a.npy,x\ns/c, d.npy,y\n",
      /Line 3 .* has 3 cells, and there are 2 titles/,
    ],
    [
      "an unknown part",
      "file,label,split\ns/a.npy,x,fold1\n",
      /Line 2 .*the split "fold1": expected train, val or test/,
    ],
    [
      "parts in a column of another name",
      "file,label,cv group\ns/a.npy,x,train\ns/b.npy,y,test\n",
      /The column "cv group" .* holds train, val or test: call it split/,
    ],
    [
      "some that are no parts",
      "file,label,set\ns/a.npy,x,train\ns/b.npy,y,extra\n",
      /Line 3 .*the split "extra"/,
    ],
    [
      "several columns of parts",
      "file,label,set,usage\ns/a.npy,x,train,test\ns/b.npy,y,test,train\n",
      /several columns that hold train, val or test, "set" and "usage"/,
    ],
    [
      "classes that differ in capitals",
      "file,label\ns/a.npy,Benign\ns/b.npy,benign\n",
      /the classes "Benign" and "benign", which differ only in capitals/,
    ],
    [
      "classes that differ in how accents are stored",
      "file,label\ns/a.npy,caf\u00e9\ns/b.npy,cafe\u0301\n",
      /which differ only in .* how accents are stored/,
    ],
    ["a quote that does not end", 'file,label\n"s/a.npy,x\n', /is no table: /],
  ])("refuses %s", async (_, text, message) => {
    await expect(openData(await tableOf(text))).rejects.toThrow(message);
  });
});

describe("an archive of MedMNIST", () => {
  const archiveOf = async (arrays: Record<string, Tensor>): Promise<string> => {
    const root = await folderOf({});
    writeFileSync(join(root, "set.npz"), Buffer.concat(encodeNpz(new Map(Object.entries(arrays)))));
    return join(root, "set.npz");
  };
  const images = (count: number, ...shape: number[]): Tensor => {
    const dims = [count, ...shape];
    const length = dims.reduce((a, b) => a * b);
    return tensorOf(
      "uint8",
      dims,
      Array.from({ length }, (_, i) => i % 251),
    );
  };
  const labels = (...values: number[]): Tensor => tensorOf("uint8", [values.length, 1], values);

  test("scans in their own type, classes by number", async () => {
    const data = await opened(
      await archiveOf({
        test_images: images(2, 3, 4, 5),
        test_labels: labels(2, 10),
        train_images: images(3, 3, 4, 5),
        train_labels: tensorOf("int64", [3], [10, 0, 2]),
      }),
    );
    // Labels count classes: there are eleven, of which three occur.
    expect(data).toMatchObject({ name: "set", classes: { names: [...Array(11).keys()].map(String) } });
    expect(listed(data)).toEqual([
      "train/0 10 train",
      "train/1 0 train",
      "train/2 2 train",
      "test/0 2 test",
      "test/1 10 test",
    ]);
    const volume = await data.cases[1]!.read();
    expect(volume.shape).toEqual([3, 4, 5]);
    expect(volume.data).toEqual(Uint8Array.from({ length: 60 }, (_, i) => 60 + i));
    expect((await data.cases[1]!.grid())?.shape).toEqual([3, 4, 5]);
  });

  test.each<[string, Record<string, Tensor>, RegExp]>([
    [
      "other arrays",
      { x: images(1, 2, 2, 2), y: labels(1) },
      /should hold train_images and train_labels .* and holds x, y\.$/,
    ],
    [
      "images without labels",
      { train_images: images(2, 3, 3, 3), train_labels: labels(0, 1), val_images: images(1, 3, 3, 3) },
      /has val_images and no val_labels: a part needs both/,
    ],
    [
      "2D images",
      { train_images: images(2, 8, 8), train_labels: labels(0, 1) },
      /is uint8 \[2, 8, 8\]: a set of 2D images/,
    ],
    [
      "2D images in colour",
      { train_images: images(2, 8, 8, 3), train_labels: labels(0, 1) },
      /2D images in colour/,
    ],
    [
      "several labels",
      { train_images: images(2, 8, 8, 8), train_labels: tensorOf("uint8", [2, 3], [0, 1, 0, 1, 1, 1]) },
      /is uint8 \[2, 3\]: several labels for each scan/,
    ],
    [
      "numbers to regress",
      { train_images: images(2, 8, 8, 8), train_labels: tensorOf("float32", [2, 1], [0.5, 1]) },
      /is float32 \[2, 1\]: numbers to regress/,
    ],
    [
      "other counts",
      { train_images: images(3, 8, 8, 8), train_labels: labels(0, 1) },
      /is uint8 \[2, 1\], where train_images has 3 scans/,
    ],
  ])("refuses %s", async (_, arrays, message) => {
    await expect(openData(await archiveOf(arrays))).rejects.toThrow(message);
  });
});

test("classes are matched by name, and may be fewer", async () => {
  const data = await opened(await folderOf({ "Cyst/x.npy": scan(1), "benign/y.npy": scan(2) }));
  const { classes, cases } = withClasses(data, ["benign", "malignant", "cyst"], "the network has");
  expect(classes.names).toEqual(["benign", "malignant", "cyst"]);
  expect(cases.map(({ label }) => label)).toEqual([2, 0]);
  expect(() => withClasses(data, ["benign", "malignant"], "the network has")).toThrow(
    /has the classes Cyst, benign, and the network has benign, malignant: "Cyst" is not among them; both need the same names\.$/,
  );
});
