/** @file Which files `predict` takes as which scans, and how it names what it writes. */

import { readdirSync, symlinkSync } from "node:fs";
import { copyFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { acsconv } from "../../test/helpers/command-line.ts";
import { folderOf, volumeOf } from "../../test/helpers/data-folders.ts";
import { fieldFile, fieldSet } from "../../test/helpers/field-sets.ts";
import { temporaryFolder } from "../../test/helpers/volumes.ts";
import { lift, load } from "../index.ts";
import { predictVolume } from "../model/index.ts";
import { readChannels, readVolume, withData } from "../volume/index.ts";
import { type ScanPlan, planScans } from "./scan-files.ts";

const scan = volumeOf([2, 3, 4], (d) => d);

/** A folder with scans of these names. */
const scansOf = (...names: readonly string[]): Promise<string> =>
  folderOf(Object.fromEntries(names.map((name) => [name, /\.nii/.test(name) ? scan : "{}"])));

interface Planned {
  /** The files of each scan and its result, all by their names. */
  readonly jobs: readonly (readonly [files: string, output: string])[];
  readonly notes: readonly string[];
  readonly warnings: readonly string[];
}

async function plan(
  root: string,
  paths: readonly string[],
  channels: number | undefined,
  more: Partial<ScanPlan> = {},
): Promise<Planned> {
  const [notes, warnings]: [string[], string[]] = [[], []];
  const nameOf = (path: string): string => path.replace(`${root}/`, "");
  const jobs = await planScans(
    paths.map((path) => join(root, path)),
    {
      target: join(root, "out/"),
      what: "labels",
      channels,
      onWarning: (sentence) => warnings.push(sentence),
      onNote: (sentence) => notes.push(sentence),
      ...more,
    },
  );
  return {
    jobs: jobs.map(({ files, output }) => [files.map(nameOf).join("+"), nameOf(output)]),
    notes,
    warnings,
  };
}

describe("files of one channel each", () => {
  test.each<[string, readonly string[], number | undefined, readonly (readonly [string, string])[]]>([
    [
      "are one case, for as many channels as the network takes",
      ["s/b_0001.nii", "s/b_0000.nii", "s/a_0000.nii", "s/a_0001.nii"],
      2,
      [
        ["s/a_0000.nii+s/a_0001.nii", "out/a.nii.gz"],
        ["s/b_0000.nii+s/b_0001.nii", "out/b.nii.gz"],
      ],
    ],
    ["are a case where there is one channel", ["s/t00_0000.nii"], 1, [["s/t00_0000.nii", "out/t00.nii.gz"]]],
    [
      "are a case of any number where the network takes any",
      ["s/t_0000.nii", "s/t_0001.nii", "s/t_0002.nii"],
      undefined,
      [["s/t_0000.nii+s/t_0001.nii+s/t_0002.nii", "out/t.nii.gz"]],
    ],
    [
      "are told from numbered scans, which do not begin with 0",
      ["s/ct_0001.nii", "s/ct_0002.nii", "s/other.nii"],
      2,
      [
        ["s/ct_0001.nii", "out/ct_0001.nii.gz"],
        ["s/ct_0002.nii", "out/ct_0002.nii.gz"],
        ["s/other.nii", "out/other.nii.gz"],
      ],
    ],
    [
      "may stand beside scans of one file; what macOS leaves is none",
      ["s/t_0000.nii", "s/t_0001.nii", "s/all.nii", "s/._t_0000.nii"],
      2,
      [
        ["s/all.nii", "out/all.nii.gz"],
        ["s/t_0000.nii+s/t_0001.nii", "out/t.nii.gz"],
      ],
    ],
  ])("%s", async (_, names, channels, jobs) => {
    const planned = await plan(await scansOf(...names), ["s"], channels);
    expect(planned).toEqual({ jobs, notes: [], warnings: [] });
  });

  test("are one case, too, where they are named one by one", async () => {
    const root = await scansOf("t_0000.nii", "t_0001.nii");
    const { jobs } = await plan(root, ["t_0001.nii", "t_0000.nii"], 2, { target: join(root, "x.nii.gz") });
    expect(jobs).toEqual([["t_0000.nii+t_0001.nii", "x.nii.gz"]]);
  });

  test("are scans of their own for a network of one channel, which is told once", async () => {
    const root = await scansOf("s/a_0000.nii", "s/a_0001.nii", "s/b_0000.nii", "s/b_0001.nii");
    const { jobs, warnings } = await plan(root, ["s"], 1);
    expect(jobs.map(([, output]) => output)).toEqual([
      "out/a_0000.nii.gz",
      "out/a_0001.nii.gz",
      "out/b_0000.nii.gz",
      "out/b_0001.nii.gz",
    ]);
    expect(warnings).toEqual([
      expect.stringMatching(
        /^The network is for images of one channel, so ".*a_0000\.nii", ".*a_0001\.nii" and the like are/,
      ),
    ]);
    expect((await plan(root, ["s/a_0001.nii"], 1)).jobs).toEqual([["s/a_0001.nii", "out/a_0001.nii.gz"]]);
  });

  test.each<[string, readonly string[], readonly string[], RegExp]>([
    [
      "that lack one",
      ["s/t_0000.nii"],
      ["s"],
      /^Case "t": the network takes 2 channels, a file for each, and there is no ".*t_0001\.nii" beside ".*t_0000\.nii": add it/,
    ],
    ["that lack one in the middle", ["s/t_0000.nii", "s/t_0002.nii"], ["s"], /there is no ".*t_0001\.nii"/],
    [
      "of which one is not named",
      ["t_0000.nii", "t_0001.nii"],
      ["t_0001.nii"],
      /^Case "t": .*, and ".*t_0000\.nii" is not among the scans: name it, too\.$/,
    ],
    [
      "of which there are more",
      ["s/t_0000.nii", "s/t_0001.nii", "s/t_0002.nii"],
      ["s"],
      /^Case "t": the network takes 2 channels, .* and there are 3, up to ".*t_0002\.nii": leave out/,
    ],
  ])("are refused %s", async (_, names, paths, message) => {
    await expect(plan(await scansOf(...names), paths, 2)).rejects.toThrow(message);
  });
});

describe("a whole data set", () => {
  test("stands for its imagesTs, which is told", async () => {
    const root = await scansOf("set/dataset.json", "set/imagesTr/a_0000.nii", "set/imagesTs/t_0000.nii");
    const { jobs, notes } = await plan(root, ["set"], 1);
    expect(jobs).toEqual([["set/imagesTs/t_0000.nii", "out/t.nii.gz"]]);
    expect(notes).toEqual([`"${root}/set" is a data set: the scans in its imagesTs are predicted`]);
  });

  test("without scans there says where there may be some", async () => {
    const root = await scansOf("set/dataset.json", "set/imagesTr/a_0000.nii");
    await expect(plan(root, ["set"], 1)).rejects.toThrow(
      /^".*set" is a data set, and there are no scans in ".*imagesTs": name the folder .* such as ".*imagesTr"\.$/,
    );
  });

  test("keeps its own files", async () => {
    const root = await scansOf("set/dataset.json", "set/imagesTr/a_0000.nii.gz", "set/labelsTr/a.nii.gz");
    await expect(plan(root, ["set/imagesTr"], 1, { target: join(root, "set/labelsTr") })).rejects.toThrow(
      /^".*labelsTr\/a\.nii\.gz" belongs to a data set, and would be replaced: choose another folder, or names/,
    );
  });
});

test("files that hold all channels are scans, however they are numbered; folders keep their whole name", async () => {
  const both = withData(scan, Uint8Array.from([...scan.data, ...scan.data]), 2);
  const root = await folderOf({
    "s/p_0000.nii.gz": both,
    "s/p_0001.nii.gz": both,
    "s/q_0000.nii.gz": scan,
    "s/q_0001.nii.gz": scan,
    "pat.anon/a": "slice",
  });
  expect((await plan(root, ["s"], 2)).jobs).toEqual([
    ["s/p_0000.nii.gz", "out/p_0000.nii.gz"],
    ["s/p_0001.nii.gz", "out/p_0001.nii.gz"],
    ["s/q_0000.nii.gz+s/q_0001.nii.gz", "out/q.nii.gz"],
  ]);
  expect((await plan(root, ["s/p_0000.nii.gz", "pat.anon"], 2)).jobs).toEqual([
    ["s/p_0000.nii.gz", "out/p_0000.nii.gz"],
    ["pat.anon", "out/pat.anon.nii.gz"],
  ]);
});

test("a scan's own voxels in another file are not replaced", async () => {
  const root = await folderOf({
    "v.nrrd": "voxels",
    "m.mhd": "NDims = 3\nDimSize = 1 1 6\nElementType = MET_UCHAR\nElementDataFile = v.nrrd\n",
    "n.nhdr": "NRRD0005\ntype: uchar\ndimension: 3\nsizes: 1 1 6\nencoding: raw\ndata file: v.nrrd\n",
  });
  for (const header of ["m.mhd", "n.nhdr"])
    await expect(plan(root, [header], 1, { target: join(root, "v.nrrd") })).rejects.toThrow(
      /v\.nrrd" is one of the scans, and would be replaced: choose another output\.$/,
    );
});

describe("names of results", () => {
  test("are the case's for labels, and say what else it is", async () => {
    const root = await scansOf("s/a.nii", "s/b.nii.gz");
    const outputs = async (more: Partial<ScanPlan>): Promise<readonly string[]> =>
      (await plan(root, ["s"], 1, more)).jobs.map(([, output]) => output);
    expect(await outputs({})).toEqual(["out/a.nii.gz", "out/b.nii.gz"]);
    expect(await outputs({ what: "probabilities" })).toEqual([
      "out/a_probabilities.nii.gz",
      "out/b_probabilities.nii.gz",
    ]);
    expect(await outputs({ pattern: "seg-{output}-{case}.nrrd" })).toEqual([
      "out/seg-labels-a.nrrd",
      "out/seg-labels-b.nrrd",
    ]);
  });

  test("lie in a folder where scans come from one, also for one scan", async () => {
    const root = await scansOf("s/a.nii");
    const { jobs } = await plan(root, ["s"], 1, { target: join(root, "new") });
    expect(jobs).toEqual([["s/a.nii", "new/a.nii.gz"]]);
  });

  test.each<[string, Partial<ScanPlan>, RegExp]>([
    [
      "no case",
      { pattern: "x.nii.gz" },
      /^--name should be the name of a file with \{case\} in it, .* and is "x\.nii\.gz"\.$/,
    ],
    ["an unknown word", { pattern: "{case}_{model}.nii.gz" }, /^--name should be/],
    ["another folder", { pattern: "{case}/x.nii.gz" }, /^--name should be/],
    [
      "no format",
      { pattern: "{case}.png" },
      /^Cannot write a volume to "\{case\}\.png" \(--name\): it should end in/,
    ],
  ])("are refused with %s", async (_, more, message) => {
    const root = await scansOf("s/a.nii", "s/b.nii");
    await expect(plan(root, ["s"], 1, more)).rejects.toThrow(message);
  });

  test("are refused for a file, and where a scan would be replaced, also through a link", async () => {
    const root = await scansOf("s/a.nii.gz", "s/b.nii.gz");
    const target = join(root, "x.nii");
    await expect(plan(root, ["s/a.nii.gz"], 1, { target, pattern: "{case}.nii" })).rejects.toThrow(
      /^--name names the files in a folder, and ".*x\.nii" is a file: leave one of them out\.$/,
    );
    symlinkSync(join(root, "s"), join(root, "link"));
    for (const folder of ["s", "link"]) {
      const among = { target: join(root, folder) };
      await expect(plan(root, ["s"], 1, among)).rejects.toThrow(
        /" holds scans, and results there would have the names of scans: choose another folder, or names such as --name "\{case\}_\{output\}\.nii\.gz"\.$/,
      );
      await expect(plan(root, ["s"], 1, { ...among, pattern: "{case}.nii.gz" })).rejects.toThrow(
        /a\.nii\.gz" is one of the scans, and would be replaced: choose another folder, or names such as --name "\{case\}_\{output\}\.nii\.gz"\.$/,
      );
    }
    const { jobs } = await plan(root, ["s"], 1, {
      target: join(root, "s"),
      pattern: "{case}_{output}.nii.gz",
    });
    expect(jobs[0]).toEqual(["s/a.nii.gz", "s/a_labels.nii.gz"]);
  });
});

test("T11: predict gives one result per case, from both files, and the library the same", async () => {
  const set = fieldSet("T11_two_channels");
  const out = temporaryFolder();
  const lifted = lift(await load(fieldFile("T11_two_channels/two.onnx")));
  await lifted.save(join(out, "net.onnx"));
  const names = ["--name", "{case}_{output}.nii.gz"];
  const args = ["--patch", "32", "--no-preview", ...names];
  const ended = await acsconv("predict", join(out, "net.onnx"), set, "-o", join(out, "all"), ...args);
  expect(ended.code, ended.stderr).toBe(0);
  expect(ended.stdout).toMatch(
    /imagesTs are predicted\n.*t00_0000\.nii\.gz \+ t00_0001\.nii\.gz: 2 × \[24, 28, 26\]/,
  );
  expect(readdirSync(join(out, "all"))).toEqual(["t00_labels.nii.gz"]);
  const { data } = await readVolume(join(out, "all/t00_labels.nii.gz"));

  const files = [0, 1].map((c) => join(set, `imagesTs/t00_000${c}.nii.gz`));
  const [first, second] = await Promise.all(files.map((file) => readVolume(file)));
  const both = await readChannels(files);
  expect(both).toEqual(withData(first!, Int16Array.of(...first!.data, ...second!.data), 2));
  const session = await lifted.session();
  expect((await predictVolume(session, both, { patch: [32, 32, 32] })).data).toEqual(data);
  // Either file alone gives something else.
  for (const one of [first!, second!])
    expect((await predictVolume(session, one, { patch: [32, 32, 32] })).data).not.toEqual(data);
  await session.dispose();

  // A network that was trained on both is not given one of them twice, which another one is.
  const one = ["-o", join(out, "one.nii.gz"), "--no-preview", "--patch", "32"];
  await copyFile(files[0]!, join(out, "scan.nii.gz"));
  const twice = await acsconv("predict", join(out, "net.onnx"), join(out, "scan.nii.gz"), ...one);
  expect(twice).toMatchObject({
    code: 0,
    stdout: expect.stringMatching("one channel feeds all 2 of the network"),
  });
  await lifted.withTask({ channels: ["T1", "FLAIR"] }).save(join(out, "trained.onnx"));
  const refused = await acsconv("predict", join(out, "trained.onnx"), join(out, "scan.nii.gz"), ...one);
  expect(refused).toMatchObject({
    code: 2,
    stderr: "acsconv: The network takes 2 channels (T1, FLAIR), but the volume has 1.\n",
  });

  const evaluate = (data: string) =>
    acsconv("evaluate", "--model", join(out, "net.onnx"), "--data", data, "--patch", "32");
  const evaluated = await evaluate(set);
  expect(evaluated.code, evaluated.stderr).toBe(0);
  expect(evaluated.stdout).toMatch(/^c00 +0\.\d+[^]*^c02 +0\.\d+/m);
  expect(evaluated.stderr).not.toContain("feeds all");
  expect((await evaluate(fieldSet("T04_bom"))).stderr).toMatch(
    /^the images' one channel feeds all 2 of the network$/m,
  );
});

test.each(["x.csv", "x.json", "x.nii.gz"])("no folder is made under the name of a file, %s", async (name) => {
  const root = await scansOf("a.nii", "b.nii");
  const planned = plan(root, ["a.nii", "b.nii"], 1, { target: join(root, name) });
  await expect(planned).rejects.toThrow(/There are 2 scans: name a folder for them, not the file/);
  expect(readdirSync(root)).toHaveLength(2);
});
