/**
 * What people have: each folder of test/fixtures/cases is a situation from public bug reports, and of
 * test/fixtures/hostile an input that broke something. By the library, and by the command.
 */

import { cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { type Ended, acsconv } from "../../../test/helpers/command-line.ts";
import { readVolume } from "../read.ts";
import type { Volume } from "../volume.ts";

const fixtures = fileURLToPath(new URL("../../../test/fixtures/", import.meta.url));

/** Slice z holds 100·z + 10·(y mod 8) + (x mod 8). */
const ramp = (d: number, h: number, w: number): number => 100 * d + 10 * (h % 8) + (w % 8);

/** What {@link ramp} or another function of the place is on a grid. */
function expectValues({ shape: [depth, height, width], data }: Volume, value = ramp): void {
  const expected = new Float32Array(depth * height * width);
  for (let d = 0, i = 0; d < depth; d++)
    for (let h = 0; h < height; h++) for (let w = 0; w < width; w++) expected[i++] = value(d, h, w);
  expect(Float32Array.from(data)).toEqual(expected);
}

interface Read {
  readonly volume: Volume;
  readonly told: readonly string[];
}

async function read(path: string, series?: string | number): Promise<Read> {
  const told: string[] = [];
  const volume = await readVolume(join(fixtures, path), { series, onWarning: (text) => told.push(text) });
  return { volume, told };
}

const plain = {
  spacing: [2.5, 0.8, 0.7],
  origin: [-20, -30, 5],
  direction: [
    [0, 0, 1],
    [0, 1, 0],
    [1, 0, 0],
  ],
};

describe("read as it was made", () => {
  test.each([
    ["cases/D01_same_sop_uid/ct", 8],
    ["cases/D02_enhanced_shuffled/ordered.dcm", 8],
    ["cases/D02_enhanced_shuffled/shuffled.dcm", 8],
    ["cases/D02b_enhanced_reversed/reversed.dcm", 8],
    ["cases/D05_monochrome1/plain", 6],
    ["cases/D05_monochrome1/rle", 6],
    ["cases/D08_no_preamble/no_meta", 8],
    ["cases/D08_no_preamble/raw", 8],
  ])("%s", async (path, depth) => {
    const { volume, told } = await read(path);
    expect(volume).toMatchObject({ ...plain, shape: [depth, 16, 12] });
    expectValues(volume);
    expect(told).toEqual([]);
  });

  test("sagittal", async () => {
    const { volume } = await read("cases/D02b_enhanced_reversed/sagittal.dcm");
    expect(volume).toMatchObject({ spacing: [2.5, 0.8, 0.7], origin: [-20, -30, 5] });
    expect(volume.direction.flat()).toBeAllClose([-1, 0, 0, 0, 0, -1, 0, 1, 0], { rtol: 0, atol: 1e-12 });
    expectValues(volume);
  });

  test("a slope for each frame", async () => {
    const { volume } = await read("cases/D04_enhanced_slopes/pet.dcm");
    expect(volume).toMatchObject({ ...plain, shape: [8, 16, 12] });
    expectValues(volume, (d, h, w) => ramp(d, h, w) * (0.5 + 0.25 * d));
  });

  test("a slope for each slice, compressed, to the last bit", async () => {
    const { volume } = await read("cases/D18_varying_slopes_rle/pet");
    expect(volume).toMatchObject({ ...plain, shape: [8, 16, 12] });
    const slopes = [0.37, 1.21, 2.5, 0.9, 3.3, 1.7, 0.11, 2.2];
    expectValues(volume, (d, h, w) => Math.fround(ramp(d, h, w) * slopes[d]!));
  });

  test.each(["jls", "jls_dcmtk", "jpegll", "rle"])("%s as plain", async (codec) => {
    expect((await read(`cases/D17_codecs/${codec}`)).volume).toEqual(
      (await read("cases/D17_codecs/plain")).volume,
    );
  });

  test.each(["rgb", "planar"])("%s", async (layout) => {
    const { volume } = await read(`cases/D20_rgb_series/${layout}`);
    expect(volume).toMatchObject({ ...plain, shape: [8, 16, 12], channels: 3 });
    expect(Array.from(volume.data).reduce((a, b) => a + b)).toBe(584960);
    const starts = [0, 1, 2].map((c) => [...volume.data.subarray(c * 1536, c * 1536 + 3)]);
    expect(starts).toEqual([
      [0, 1, 2],
      [255, 254, 253],
      [0, 3, 6],
    ]);
  });
});

describe("read, and told", () => {
  test("interleaved acquisitions", async () => {
    const { volume, told } = await read("cases/D11_interleaved_acquisitions/ct");
    expect(volume.shape).toEqual([10, 16, 12]);
    expect(told).toEqual([
      expect.stringMatching(/2 acquisitions, by AcquisitionNumber .* "1 at 120000", "2 at 120100"/),
    ]);
  });

  test.each([
    ["dose", 1],
    ["down", -1],
  ])("a dose: %s", async (name, up) => {
    const { volume, told } = await read(`cases/D12_rtdose/${name}.dcm`);
    expect(volume).toMatchObject({ shape: [8, 16, 12], spacing: [3, 0.8, 0.7], origin: [-20, -30, 5] });
    expect(volume.direction[0]).toBeAllClose([0, 0, up], { rtol: 0, atol: 0 });
    expectValues(volume, (d, h, w) => 100 * ramp(d, h, w));
    expect(told).toEqual([expect.stringMatching(/DoseGridScaling .* of 0\.001 is not applied/)]);
  });

  test.each([
    ["between", []],
    ["thickness_only", [expect.stringMatching(/8 frames .* 0\.3 mm apart, their thickness/)]],
  ])("frames without places: %s", async (name, expected) => {
    const { volume, told } = await read(`cases/D13_multiframe_plain/${name}.dcm`);
    expect(volume).toMatchObject({ spacing: [0.3, 0.3, 0.3], origin: [-20, -30, 5] });
    expectValues(volume, (d, h, w) => ramp(d, h, w) - 1000);
    expect(told).toEqual(expected);
  });

  test("float pixels", async () => {
    const { volume, told } = await read("cases/D19_float_pixels/map.dcm");
    expectValues(volume, (d, h, w) => Math.fround(ramp(d, h, w) / 7));
    expect(told).toEqual([expect.stringContaining("1 mm apart")]);
  });

  test("values by a table", async () => {
    const { told } = await read("cases/D22_modality_lut/ct");
    expect(told).toEqual([expect.stringMatching(/ModalityLUTSequence .* is not applied/)]);
  });
});

describe("several volumes in one series", () => {
  test.each([
    ["echoes", 2, /12 images at 6 positions.*0: EchoTime 10 ms, 6 images.*1: EchoTime 20 ms/],
    ["times_slicewise", 3, /18 images at 6 positions.* 3 volumes .*2: TemporalPositionIdentifier 3/],
  ])("%s", async (name, count, message) => {
    const path = `volumes/dicom/${name}`;
    await expect(read(path)).rejects.toMatchObject({ message: expect.stringMatching(message) as string });
    for (let time = 0; time < count; time++) {
      const { volume } = await read(path, `0:${time}`);
      expect(volume).toMatchObject({ ...plain, shape: [6, 16, 12] });
      expectValues(volume, (d, h, w) => ramp(d, h, w) + 1000 * time);
    }
  });

  test("but one image at each position is one volume, whatever echo times differ", async () => {
    const { volume, told } = await read("volumes/dicom/te_differs");
    expect(volume).toMatchObject({ ...plain, shape: [6, 16, 12] });
    expectValues(volume);
    expect(told).toEqual([]);
  });
});

test("a tilted gantry shears the grid, and voxels stay as they are", async () => {
  const { volume } = await read("volumes/dicom/tilt");
  expect(volume.direction[0].map((x) => x * volume.spacing[0])).toBeAllClose([0, 0.8, 2.5], {
    rtol: 0,
    atol: 1e-9,
  });
  expectValues(volume);
});

// dcm2niix takes the first frame of these for all, or refuses them.
test.each(["frames_rle.dcm", "frames_jls.dcm"])("compressed frames of one object: %s", async (name) => {
  const { volume, told } = await read(`volumes/dicom/${name}`);
  expect(volume).toMatchObject({ ...plain, shape: [8, 16, 12] });
  expectValues(volume);
  expect(told).toEqual([]);
});

test("32 bits without a sign", async () => {
  const { volume } = await read("volumes/dicom/u32");
  expectValues(volume, (_, h, w) => Math.fround(4e9 + 10 * (h % 8) + (w % 8)));
  expect(volume.data[1]).toBe(4_000_000_001);
});

test.each(["palette", "YBR_FULL"])("colours that are not decoded are told of: %s", async (name) => {
  const { told } = await read(`volumes/dicom/${name}`);
  expect(told).toEqual([expect.stringMatching(/codes its colours as .* is not decoded/)]);
});

describe("two times in one object", () => {
  const path = "cases/D03_enhanced_two_times/interleaved.dcm";

  test("are two volumes", async () => {
    await expect(read(path)).rejects.toMatchObject({
      kind: "input",
      code: "E_AMBIGUOUS",
      message: expect.stringMatching(
        /8 images at 4 positions, .* 2 volumes .*0: TemporalPositionIndex 1, 4 images/,
      ) as string,
    });
    await expect(read(path, "0:2")).rejects.toMatchObject({
      message: expect.stringContaining('none of them is "2"') as string,
    });
  });

  test.each([0, 1])("of which number %i can be chosen", async (time) => {
    const { volume } = await read(path, `0:${time}`);
    expect(volume).toMatchObject({ ...plain, shape: [4, 16, 12] });
    expectValues(volume, (d, h, w) => ramp(d, h, w) + 1000 * time);
  });
});

const REFUSED: [path: string, message: RegExp][] = [
  ["cases/D07_inplane_jump/ct", /40\.00 mm beside the line of the others, as ".*im003\.dcm" does/],
  ["cases/D14_seg/seg.dcm", /is a segmentation, not an image/],
  ["cases/D15_comma_decimals/ct", /im000\.dcm" .* PixelSpacing \(0028,0030\) is "0,8\\0,7"/],
  ["hostile/dicom_min/infslope", /0\.dcm" .* RescaleSlope \(0028,1053\) is "1e400"/],
  ["hostile/dicom_min/nonunit", /0\.dcm": ImageOrientationPatient \(0020,0037\) is "2\\0\\0\\0\\3\\0"/],
  ["hostile/dicom_min/skew", /0\.dcm": ImageOrientationPatient .* right angle/],
  ["hostile/dicom_min/orient3", /0\.dcm" .* ImageOrientationPatient \(0020,0037\) holds 3 numbers/],
  ["hostile/dicom_min/pos2", /0\.dcm" .* ImagePositionPatient \(0020,0032\) holds 2 numbers/],
  ["hostile/dicom_min/spacing1", /0\.dcm" .* PixelSpacing \(0028,0030\) holds 1 numbers/],
  ["hostile/dicom_min/rows", /0\.dcm" is truncated: it holds 96 bytes of pixels, not 7200000000/],
  ["hostile/dicom-1715-jpeg", /1\.dcm" is damaged/],
  ["hostile/two", /2 DICOM series.*0: MR "\\u001b\[31mred\\u001b\]0;pwn\\u0007", 3 images/],
];

test.each(REFUSED)("refuses %s", async (path, message) => {
  await expect(read(path)).rejects.toMatchObject({
    name: "AcsconvError",
    message: expect.stringMatching(message) as string,
  });
});

test.each(["jls", "jpegll", "rle"])("a compressed file that is cut off is refused: %s", async (codec) => {
  const bytes = readFileSync(join(fixtures, `cases/D17_codecs/${codec}/im002.dcm`));
  await expect(readVolume(new File([bytes.subarray(0, -300)], "cut.dcm"))).rejects.toMatchObject({
    message: expect.stringMatching(
      /^"cut\.dcm" is truncated: it ends \d+ bytes before its pixels do/,
    ) as string,
  });
});

// The decoder takes memory for what its own data claim.
test("compressed pixels of another size than the header's are refused", async () => {
  const bytes = readFileSync(join(fixtures, "hostile/dicom-1715-jpeg/0.dcm"));
  const frame = bytes.indexOf(Uint8Array.of(0xff, 0xc3, 0x00));
  bytes.writeUInt16BE(60000, frame + 5);
  await expect(readVolume(new File([bytes], "huge.dcm"))).rejects.toMatchObject({
    message: expect.stringMatching(/^"huge\.dcm" is damaged: .* claim 8 × 60000, its header 8 × 6/) as string,
  });
});

describe("folders", () => {
  const folder = mkdtempSync(join(tmpdir(), "acsconv-links-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const objects = join(fixtures, "cases/D01_same_sop_uid/ct");
  mkdirSync(join(folder, "linked"));
  for (const name of readdirSync(objects)) symlinkSync(join(objects, name), join(folder, "linked", name));
  symlinkSync(objects, join(folder, "linkdir"));
  symlinkSync(join(objects, "im000.dcm"), join(folder, "one.dcm"));
  cpSync(join(fixtures, "hostile/dicom_min/ok"), join(folder, "loop"), { recursive: true });
  symlinkSync(".", join(folder, "loop", "l"));
  symlinkSync("nowhere", join(folder, "loop", "broken"));

  test.each([
    ["linked", [8, 16, 12]],
    ["linkdir", [8, 16, 12]],
    ["one.dcm", [1, 16, 12]],
    ["loop", [3, 6, 8]],
  ])("links are followed, once: %s", async (name, shape) => {
    expect((await readVolume(join(folder, name))).shape).toEqual(shape);
  });

  test("the files that a browser's user picks are read as from the disk", async () => {
    const path = join(fixtures, "cases/D17_codecs/rle");
    const picked = readdirSync(path).map((name) => new File([readFileSync(join(path, name))], name));
    expect(await readVolume(picked.reverse())).toEqual(await readVolume(path));
  });
});

describe("acsconv predict", () => {
  const folder = mkdtempSync(join(tmpdir(), "acsconv-dicom-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const target = join(folder, "o.npz");
  /** Shows what is read: the network gives its input back. */
  const predict = (path: string, ...more: string[]): Promise<Ended> =>
    acsconv(
      "predict",
      join(fixtures, "cases/nets/id1.onnx"),
      join(fixtures, path),
      `--out=${target}`,
      ..."--output features --normalize none --blending constant --no-preview --patch 32".split(" "),
      ...more,
    );

  test.each([
    ["cases/D01_same_sop_uid/ct", [], ramp],
    ["cases/D02_enhanced_shuffled/shuffled.dcm", [], ramp],
    [
      "cases/D04_enhanced_slopes/pet.dcm",
      [],
      (d: number, h: number, w: number) => ramp(d, h, w) * (0.5 + 0.25 * d),
    ],
    [
      "cases/D03_enhanced_two_times/interleaved.dcm",
      ["--series", "0:1"],
      (d: number, h: number, w: number) => ramp(d, h, w) + 1000,
    ],
  ] as const)("%s", async (path, options, value) => {
    const { code, stderr } = await predict(path, ...options);
    expect(stderr).not.toMatch(/warning|bug/);
    expect(code).toBe(0);
    expectValues(await readVolume(target), value);
  });

  test("warnings are shown, a line each", async () => {
    const { code, stderr } = await predict("cases/D11_interleaved_acquisitions/ct");
    expect(code).toBe(0);
    expect(stderr).toMatch(/^acsconv: warning: [^\n]* mixes the slices of 2 acquisitions[^\n]*\.$/m);
  });

  test.each([
    ...REFUSED.filter(([path]) => /D07|D14|spacing1|two$|1715/.test(path)),
    ["cases/D03_enhanced_two_times/interleaved.dcm", /which make 2 volumes/] as const,
  ])("refuses %s", async (path, message) => {
    const { code, stderr } = await predict(path);
    expect(code).toBe(2);
    expect(stderr).toMatch(message);
    expect(stderr).toMatch(/^acsconv: [^\n]+\.\n$/);
  });
});
