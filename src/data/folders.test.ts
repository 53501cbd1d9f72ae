import { writeFileSync } from "node:fs";
import { basename, relative } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { folderOf, volumeOf } from "../../test/helpers/data-folders.ts";
import { openFolder } from "./folders.ts";

const scan = volumeOf([2, 3, 4], (d, h, w) => d + h + w);
const DECATHLON = {
  name: "Liver",
  modality: { "0": "CT" },
  labels: { "0": "background", "1": "liver", "2": "cancer" },
  training: [
    { image: "./imagesTr/liver_1.nii.gz", label: "./labelsTr/liver_1.nii.gz" },
    { image: "./imagesTr/liver_0.nii.gz", label: "./labelsTr/liver_0.nii.gz" },
    { image: "./imagesTr/._liver_0.nii.gz", label: "./labelsTr/._liver_0.nii.gz" },
  ],
  test: ["./imagesTs/liver_2.nii.gz"],
};
const decathlonFiles = {
  "imagesTr/liver_0.nii.gz": scan,
  "imagesTr/liver_1.nii.gz": scan,
  "imagesTr/._liver_0.nii.gz": "leftover",
  "labelsTr/liver_0.nii.gz": scan,
  "labelsTr/liver_1.nii.gz": scan,
};
const NNUNET = {
  channel_names: { "0": "T1", "1": "FLAIR" },
  labels: { background: 0, oedema: 2, core: 1 },
  numTraining: 2,
  file_ending: ".nii.gz",
};
const nnunetFiles = {
  "imagesTr/b_0000.nii.gz": scan,
  "imagesTr/b_0001.nii.gz": scan,
  "imagesTr/a_0000.nii.gz": scan,
  "imagesTr/a_0001.nii.gz": scan,
  "imagesTr/._a_0000.nii.gz": "leftover",
  "imagesTr/notes.txt": "no scan",
  "labelsTr/a.nii.gz": scan,
  "labelsTr/b.nii.gz": scan,
  "labelsTr/._a.nii.gz": "leftover",
};

describe("openFolder", () => {
  test("Medical Segmentation Decathlon", async () => {
    const root = await folderOf({ "dataset.json": DECATHLON, ...decathlonFiles });
    const { cases, ...rest } = await openFolder(root);
    expect(rest).toEqual({
      kind: "segmentation",
      name: "Liver",
      channels: ["CT"],
      classes: { names: ["background", "liver", "cancer"], values: [[0], [1], [2]] },
    });
    expect(cases.map(({ name }) => name)).toEqual(["liver_0", "liver_1"]);
    expect(cases[0]!.images.map((path) => relative(root, path))).toEqual(["imagesTr/liver_0.nii.gz"]);
    expect(relative(root, cases[0]!.label)).toBe("labelsTr/liver_0.nii.gz");
  });

  test("nnU-Net v2", async () => {
    const root = await folderOf({ "dataset.json": NNUNET, ...nnunetFiles });
    const { cases, ...rest } = await openFolder(root);
    expect(rest).toEqual({
      kind: "segmentation",
      name: basename(root),
      channels: ["T1", "FLAIR"],
      classes: { names: ["background", "core", "oedema"], values: [[0], [1], [2]] },
    });
    expect(cases.map(({ name }) => name)).toEqual(["a", "b"]);
    expect(cases[1]!.images.map((path) => relative(root, path))).toEqual([
      "imagesTr/b_0000.nii.gz",
      "imagesTr/b_0001.nii.gz",
    ]);
    expect(relative(root, cases[1]!.label)).toBe("labelsTr/b.nii.gz");
  });

  test("pairs anywhere, of a file for each channel; equal names are told apart", async () => {
    const root = await folderOf({
      "pairs.json": {
        labels: { "0": "other", "4": "CSF", "6": "white" },
        training: [
          { image: ["p/t1.nii", "p/t2.nii"], label: "p/seg.nii" },
          { image: ["q/t1.nii", "q/t2.nii"], label: "q/seg.nii" },
        ],
      },
      ...Object.fromEntries(
        ["p/t1", "p/t2", "p/seg", "q/t1", "q/t2", "q/seg"].map((name) => [`${name}.nii`, scan]),
      ),
    });
    const { cases, channels, classes } = await openFolder(`${root}/pairs.json`);
    expect(cases.map(({ name }) => name)).toEqual(["p/t1", "q/t1"]);
    expect(cases[1]!.images).toHaveLength(2);
    expect(channels).toBeUndefined();
    expect(classes).toEqual({ names: ["other", "CSF", "white"], values: [[0], [4], [6]] });
  });

  test("nnU-Net's ignore label is no class; one class may have several labels", async () => {
    const labels = { background: 0, tumour: [3, 1], ignore: 2 };
    const root = await folderOf({ "dataset.json": { ...NNUNET, labels }, ...nnunetFiles });
    expect((await openFolder(root)).classes).toEqual({
      names: ["background", "tumour"],
      values: [[0], [3, 1]],
      ignore: [2],
    });
  });

  const V1 = {
    modality: { "0": "T1", "1": "FLAIR" },
    labels: { "0": "background", "1": "core" },
    training: ["a", "b"].map((name) => ({
      image: `./imagesTr/${name}.nii.gz`,
      label: `./labelsTr/${name}.nii.gz`,
    })),
  };
  /** The names of each case's images and label. */
  const filesOf = async (path: string): Promise<Readonly<Record<string, readonly string[]>>> => {
    const { cases } = await openFolder(path);
    return Object.fromEntries(
      cases.map((one) => [one.name, [...one.images, one.label].map((file) => basename(file))]),
    );
  };
  const BOTH = {
    a: ["a_0000.nii.gz", "a_0001.nii.gz", "a.nii.gz"],
    b: ["b_0000.nii.gz", "b_0001.nii.gz", "b.nii.gz"],
  };
  const { modality: _modality, ...unnamed } = V1;
  const listed = (image: (name: string) => string) => ({
    ...V1,
    training: ["a", "b"].map((name) => ({ image: image(name), label: `labelsTr/${name}.nii.gz` })),
  });
  test.each<[string, unknown]>([
    ["without their numbers", V1],
    ["without their numbers, and without names of channels", unnamed],
    ["by their first channel", listed((name) => `imagesTr/${name}_0000.nii.gz`)],
    ["with backslashes and other capitals", listed((name) => `.\\ImagesTr\\${name}.NII.GZ`)],
    ["by their paths on another machine", listed((name) => `/home/someone/Task7/imagesTr/${name}.nii.gz`)],
    ["by their paths on Windows", listed((name) => `D:\\data\\Task7\\imagesTr\\${name}_0000.nii.gz`)],
  ])("nnU-Net v1: files of one channel each, listed %s", async (_, description) => {
    const root = await folderOf({ "dataset.json": description, ...nnunetFiles });
    expect(await filesOf(root)).toEqual(BOTH);
  });

  test("nnU-Net v1 of one channel; a list of numbered scans keeps their numbers", async () => {
    const files = ["x_0000", "y_0000", "x_0001"].map((name) => [`imagesTr/${name}.nii`, scan] as const);
    const set = (names: readonly string[]) =>
      folderOf({
        "dataset.json": {
          ...V1,
          modality: { "0": "CT" },
          training: names.map((name) => ({ image: `imagesTr/${name}.nii`, label: "label.nii" })),
        },
        "label.nii": scan,
        ...Object.fromEntries(files),
      });
    expect(Object.keys(await filesOf(await set(["x_0000", "y_0000"])))).toEqual(["x", "y"]);
    expect(await filesOf(await set(["x_0000", "x_0001"]))).toEqual({
      x_0000: ["x_0000.nii", "label.nii"],
      x_0001: ["x_0001.nii", "label.nii"],
    });
  });

  test("names of cases that end as those of channels do", async () => {
    const set = (names: readonly string[], there: readonly string[], modality: object = { "0": "CT" }) =>
      folderOf({
        "dataset.json": {
          ...V1,
          modality,
          training: names.map((name) => ({ image: `imagesTr/${name}.nii`, label: "label.nii" })),
        },
        "label.nii": scan,
        ...Object.fromEntries(there.map((name) => [`imagesTr/${name}.nii`, scan])),
      });
    const images = async (...args: Parameters<typeof set>): Promise<readonly string[]> =>
      (await openFolder(await set(...args))).cases.map(
        ({ name, images }) => `${name}: ${images.map((path) => basename(path, ".nii")).join(" ")}`,
      );
    // nnU-Net v1: the file of that very name is a channel of another case.
    expect(await images(["c", "c_0000"], ["c_0000", "c_0000_0000"])).toEqual([
      "c: c_0000",
      "c_0000: c_0000_0000",
    ]);
    expect(await images(["c", "c_0000"], ["c", "c_0000"])).toEqual(["c: c", "c_0000: c_0000"]);
    await expect(images(["c", "c_0000"], ["c_0000"])).rejects.toThrow(
      /"[^"]*imagesTr\/c_0000\.nii" would be an image of two cases, "c" and "c_0000", by "[^"]*dataset\.json": give each/,
    );
    // Decathlon: each file holds both channels.
    const two = { "0": "T1", "1": "T2" };
    const numbered = ["p_0000", "p_0001", "p_0002"];
    expect(await images(numbered, numbered, two)).toEqual(numbered.map((name) => `${name}: ${name}`));
    await expect(images(["a", "b", "a"], ["a", "b"])).rejects.toThrow(
      /dataset\.json" lists case "[^"]*a" twice, with the image "[^"]*a\.nii": leave one of them out\.$/,
    );
  });

  test("nnU-Net v2: more files of a case than channels", async () => {
    const root = await folderOf({ "dataset.json": NNUNET, ...nnunetFiles, "imagesTr/b_0002.nii.gz": scan });
    await expect(openFolder(root)).rejects.toThrow(
      /^Case "b": ".*dataset\.json" names 2 channels \(T1, FLAIR\), a file for each, and there is ".*b_0002\.nii\.gz": leave out what is no channel\.$/,
    );
  });

  test("nnU-Net v2's list of cases by name, with files anywhere", async () => {
    const other = await folderOf({ "t1.nii.gz": scan, "flair.nii.gz": scan });
    process.env["ACSCONV_TEST_SCANS"] = other;
    onTestFinished(() => void delete process.env["ACSCONV_TEST_SCANS"]);
    const root = await folderOf({
      "dataset.json": {
        ...NNUNET,
        dataset: {
          second: {
            images: ["$ACSCONV_TEST_SCANS/t1.nii.gz", "${ACSCONV_TEST_SCANS}/flair.nii.gz"],
            label: "labelsTr/b.nii.gz",
          },
          first: {
            images: [`${other}/t1.nii.gz`, "imagesTr/a_0001.nii.gz"],
            label: "labelsTr/a.nii.gz",
          },
        },
      },
      ...nnunetFiles,
    });
    expect(await filesOf(root)).toEqual({
      first: ["t1.nii.gz", "a_0001.nii.gz", "a.nii.gz"],
      second: ["t1.nii.gz", "flair.nii.gz", "b.nii.gz"],
    });
  });

  test("what macOS leaves is no label either", async () => {
    const training = [
      ...DECATHLON.training,
      { image: "imagesTr/liver_0.nii.gz", label: ".\\labelsTr\\._liver_0.nii.gz" },
    ];
    const root = await folderOf({ "dataset.json": { ...DECATHLON, training }, ...decathlonFiles });
    expect(Object.keys(await filesOf(root))).toEqual(["liver_0", "liver_1"]);
  });

  test("a description in UTF-16, as PowerShell writes it", async () => {
    const root = await folderOf(nnunetFiles);
    writeFileSync(`${root}/dataset.json`, Buffer.from(`\uFEFF${JSON.stringify(NNUNET)}`, "utf16le"));
    expect(await filesOf(root)).toEqual(BOTH);
  });

  const { "labelsTr/b.nii.gz": _label, ...withoutLabel } = nnunetFiles;
  const { "imagesTr/b_0001.nii.gz": _image, ...withoutChannel } = nnunetFiles;
  const withLabels = (labels: unknown) => ({ "dataset.json": { ...NNUNET, labels }, ...nnunetFiles });
  test.each<[string, Readonly<Record<string, unknown>>, "io" | "format", RegExp]>([
    ["no dataset.json", {}, "io", /^There is no dataset\.json in ".*": expected a data set in the layout/],
    ["what is not JSON", { "dataset.json": "{" }, "format", /dataset\.json" is not JSON: .*\.$/],
    ["a list", { "dataset.json": "[]" }, "format", /should be a JSON object, .* and is a list\.$/],
    [
      "no classes",
      { "dataset.json": { training: [] } },
      "format",
      /"labels" in ".*" should be .* is missing\.$/,
    ],
    [
      "neither list nor file ending",
      { "dataset.json": { labels: { a: 0, b: 1 } } },
      "format",
      /should list "training" pairs .* or have a "file_ending" \(nnU-Net v2\)\.$/,
    ],
    [
      "an empty list",
      { "dataset.json": { ...DECATHLON, training: [] } },
      "io",
      /^The data set ".*" is empty: .* no labelled case\.$/,
    ],
    [
      "empty folders",
      { "dataset.json": NNUNET, "imagesTr/notes.txt": "", "labelsTr/notes.txt": "" },
      "io",
      /is empty/,
    ],
    [
      "no folders",
      { "dataset.json": NNUNET },
      "io",
      /^Cannot read ".*labelsTr": there is no such file or folder\.$/,
    ],
    [
      "a pair without a label",
      { "dataset.json": { ...DECATHLON, training: [{ image: "x.nii" }] } },
      "format",
      /^Entry 0 of "training" in ".*" should be .* and is \{"image":"x\.nii"\}\.$/,
    ],
    [
      "files that are missing",
      { "dataset.json": DECATHLON },
      "io",
      /are missing: ".*imagesTr\/liver_1\.nii\.gz" of case "liver_1" and 3 more\.$/,
    ],
    [
      "a missing label",
      { "dataset.json": NNUNET, ...withoutLabel },
      "io",
      /are missing: ".*labelsTr\/b\.nii\.gz" of case "b"\.$/,
    ],
    [
      "a missing channel",
      { "dataset.json": NNUNET, ...withoutChannel },
      "io",
      /are missing: ".*imagesTr\/b_0001\.nii\.gz" of case "b"\.$/,
    ],
    [
      "an unknown file ending",
      { "dataset.json": { ...NNUNET, file_ending: ".png" } },
      "format",
      /files end in "\.png", which is no format that we read/,
    ],
    [
      "an image of no format",
      {
        "dataset.json": { ...DECATHLON, training: [{ image: "x.png", label: "x.nii" }] },
        "x.png": "png",
        "x.nii": scan,
      },
      "format",
      /^Case "x": ".*x\.png" is no volume that we read/,
    ],
    [
      "regions",
      withLabels({ background: 0, "whole tumour": [1, 2], core: 2 }),
      "format",
      /two classes have the label 2; give each its own \(overlapping regions are not supported\)/,
    ],
    [
      "a label that is no number",
      withLabels({ a: 0, b: null }),
      "format",
      /label of "b" should be a number, and is null\.$/,
    ],
    [
      "a fractional label",
      withLabels({ a: 0, b: 1.5 }),
      "format",
      /labels are whole numbers from 0 to 65535, not 1\.5\.$/,
    ],
    [
      "one label twice",
      withLabels({ a: 0, b: 1, c: 1 }),
      "format",
      /two classes have the label 1; give each its own \(overlapping regions are not supported\)\.$/,
    ],
    [
      "two classes of one name",
      { "dataset.json": { ...V1, labels: { "0": "background", "1": "a", "2": "a" } } },
      "format",
      /two classes are called "a": give each its own name, or, as one class, both labels in a list/,
    ],
    ["one class", withLabels({ a: 0 }), "format", /expected 2 to 255 classes .* found 1\.$/],
    [
      "channels that are not numbered",
      { "dataset.json": { ...NNUNET, channel_names: { T1: 0 } }, ...nnunetFiles },
      "format",
      /channels are numbered from "0" on, and these are "T1"\.$/,
    ],
    [
      "files that end otherwise than described",
      { "dataset.json": { ...NNUNET, file_ending: ".nrrd" }, ...nnunetFiles },
      "format",
      /says that files end in "\.nrrd", so those of ".*labelsTr" should end in "\.nrrd", and one is "a\.nii\.gz": rename them, or write "\.nii\.gz" as "file_ending"\.$/,
    ],
    [
      "images without the channel's number",
      { "dataset.json": NNUNET, "imagesTr/a.nii.gz": scan, "labelsTr/a.nii.gz": scan },
      "format",
      /those of ".*imagesTr" should end in "_0000\.nii\.gz", and one is "a\.nii\.gz": rename them\.$/,
    ],
    [
      "a case by name without images",
      { "dataset.json": { ...NNUNET, dataset: { a: { label: "x.nii" } } } },
      "format",
      /^"a" of "dataset" in ".*" should be \{"images": \["…"\], "label": "…"\} .* and is \{"label":"x\.nii"\}\.$/,
    ],
    [
      "a list that lacks a channel on the disk",
      { "dataset.json": V1, ...withoutChannel },
      "io",
      /are missing: ".*imagesTr\/b_0001\.nii\.gz" of case "b"\.$/,
    ],
    [
      "no channels",
      { "dataset.json": { ...NNUNET, channel_names: undefined }, ...nnunetFiles },
      "format",
      /should name the images' channels in "channel_names"\.$/,
    ],
  ])("refuses %s", async (_what, files, kind, message) => {
    const root = await folderOf(files);
    await expect(openFolder(root)).rejects.toMatchObject({ kind, message: expect.stringMatching(message) });
  });

  test("refuses a folder that does not exist", async () => {
    await expect(openFolder("/nowhere/at-all")).rejects.toThrow(
      /^Cannot read "\/nowhere\/at-all": there is no such/,
    );
  });
});
