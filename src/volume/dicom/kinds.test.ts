/** Situations in which dcm2niix alone orders, parts or decodes images amiss: series made here, of slices of 4 × 3 pixels. */

import { readFileSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { dicomFile } from "../../../test/helpers/dicom.ts";
import { readVolume } from "../read.ts";
import type { Volume } from "../volume.ts";

const [ROWS, COLUMNS] = [4, 3];
const SIZE = ROWS * COLUMNS;
const ENHANCED_MR = "1.2.840.10008.5.1.4.1.1.4.1";

/** What an image of 16 bits says, and more or other things. */
const elements = (i: number, more: object): Record<string, unknown> => ({
  SOPClassUID: "1.2.840.10008.5.1.4.1.1.4",
  SOPInstanceUID: `1.2.3.4.${i + 1}`,
  StudyInstanceUID: "1.2.3",
  SeriesInstanceUID: "1.2.3.4",
  FrameOfReferenceUID: "1.2.9",
  Modality: "MR",
  SeriesNumber: "1",
  InstanceNumber: String(i + 1),
  SamplesPerPixel: 1,
  PhotometricInterpretation: "MONOCHROME2",
  Rows: ROWS,
  Columns: COLUMNS,
  BitsAllocated: 16,
  BitsStored: 16,
  HighBit: 15,
  PixelRepresentation: 1,
  ImageOrientationPatient: ["1", "0", "0", "0", "1", "0"],
  PixelSpacing: ["0.8", "0.7"],
  ...more,
});
const position = (z: number): string[] => ["-20", "-30", String(5 + 2.5 * z)];

/** Pixel i of a slice that begins with this number. */
const ramp = (first: number): number[] => Array.from({ length: SIZE }, (_, i) => first + i);
const bytesOf = (numbers: ArrayBufferView): ArrayBuffer => numbers.buffer as ArrayBuffer;
const pixels = (first: number): object => ({ PixelData: bytesOf(Int16Array.from(ramp(first))) });

type Make = (z: number, i: number) => object;

/** A file for each image, at these positions. */
const series = (order: readonly number[], make: Make): File[] =>
  order.map(
    (z, i) =>
      new File([dicomFile(elements(i, { ImagePositionPatient: position(z), ...make(z, i) }))], `${i}.dcm`),
  );

/** One file of frames at these positions; what is said of each. */
function enhanced(order: readonly number[], first: (z: number, i: number) => number, more: Make): File[] {
  const about = elements(0, {
    SOPClassUID: ENHANCED_MR,
    NumberOfFrames: String(order.length),
    SharedFunctionalGroupsSequence: [
      {
        PlaneOrientationSequence: [{ ImageOrientationPatient: ["1", "0", "0", "0", "1", "0"] }],
        PixelMeasuresSequence: [{ PixelSpacing: ["0.8", "0.7"] }],
      },
    ],
    PerFrameFunctionalGroupsSequence: order.map((z, i) => ({
      PlanePositionSequence: [{ ImagePositionPatient: position(z) }],
      ...more(z, i),
    })),
    PixelData: bytesOf(Int16Array.from(order.flatMap((z, i) => ramp(first(z, i))))),
  });
  return [new File([dicomFile(about)], "enhanced.dcm")];
}

const read = (files: readonly File[], wanted?: string): Promise<Volume> =>
  readVolume(files, { series: wanted, onWarning: () => undefined });

/** The first voxels of the slices, where all others follow from them. */
function firsts({ data, shape: [depth] }: Volume): number[] {
  const starts = Array.from({ length: depth }, (_, d) => data[d * SIZE]!);
  expect([...data]).toEqual(starts.flatMap(ramp));
  return starts;
}

describe("two times", () => {
  const BLOCKS = [0, 1, 2, 0, 1, 2];
  const timeOf = (i: number): number => Math.floor(i / 3);

  test.each<[string, number[], Make]>([
    ["there and back", [0, 1, 2, 2, 1, 0], (_, i) => ({ AcquisitionNumber: String(timeOf(i)) })],
    ["by time alone", BLOCKS, (z, i) => ({ InstanceNumber: String(z), ContentTime: `12000${timeOf(i)}` })],
    ["by echo", BLOCKS, (z, i) => ({ InstanceNumber: String(z), EchoTime: String(5 * timeOf(i)) })],
    [
      "by kind, numbered anyhow",
      BLOCKS,
      (_, i) => ({
        InstanceNumber: String((i * 5) % 7),
        ImageType: ["ORIGINAL", "PRIMARY", "MP"[timeOf(i)]],
      }),
    ],
  ])("%s", async (_, order, make) => {
    const files = series(order, (z, i) => ({ ...pixels(100 * z + 1000 * timeOf(i)), ...make(z, i) }));
    await expect(read(files)).rejects.toMatchObject({
      code: "E_AMBIGUOUS",
      message: expect.stringMatching(/6 images at 3 positions, which make 2 volumes/) as string,
    });
    const times = [await read(files, "0:0"), await read(files, "0:1")].map(firsts);
    expect(times.sort((a, b) => a[0]! - b[0]!)).toEqual([
      [0, 100, 200],
      [1000, 1100, 1200],
    ]);
  });

  test.each<[string, (z: number, time: number) => object]>([
    ["TemporalPositionIndex", (_, time) => ({ TemporalPositionIndex: time + 1 })],
    ["DimensionIndexValues", (z, time) => ({ DimensionIndexValues: [1, time + 1, z + 1] })],
  ])("frames in any order, by %s", async (_, content) => {
    const times = [1, 0, 0, 1, 1, 0];
    const files = enhanced(
      [2, 0, 1, 1, 0, 2],
      (z, i) => 100 * z + 1000 * times[i]!,
      (z, i) => ({ FrameContentSequence: [content(z, times[i]!)] }),
    );
    expect(firsts(await read(files, "0:0"))).toEqual([0, 100, 200]);
    expect(firsts(await read(files, "0:1"))).toEqual([1000, 1100, 1200]);
  });

  test("that nothing tells apart are refused", async () => {
    const files = series(BLOCKS, (z, i) => ({ ...pixels(1000 * timeOf(i)), InstanceNumber: String(z + 1) }));
    await expect(read(files, "0:0")).rejects.toMatchObject({
      message: expect.stringMatching(/which of the 2 images at each position .* cannot be told/) as string,
    });
  });
});

test("frames go by their positions, each with its own slope", async () => {
  const slopes = [0.5, -2, 3];
  const files = enhanced(
    [2, 0, 1],
    (z) => 100 * z,
    (z) => ({
      FrameContentSequence: [{ DimensionIndexValues: [1, 1] }],
      PixelValueTransformationSequence: [{ RescaleSlope: String(slopes[z]), RescaleIntercept: "1" }],
    }),
  );
  const { data } = await read(files);
  expect([...data]).toEqual(slopes.flatMap((slope, z) => ramp(100 * z).map((stored) => slope * stored + 1)));
});

test.each(["DetectorInformationSequence", "RequestAttributesSequence", "ReferencedImageBoxSequence"])(
  "what stands in a sequence is not the image's: %s",
  async (sequence) => {
    const other = { RescaleSlope: "3", RescaleIntercept: "7", Rows: 3, Columns: 4, PixelRepresentation: 0 };
    const files = series([0, 1, 2], (z) => ({ ...pixels(100 * z - 50), [sequence]: [other] }));
    expect(firsts(await read(files))).toEqual([-50, 50, 150]);
  },
);

describe("numbers", () => {
  const unsigned = { PixelRepresentation: 0 };
  const bits = (allocated: number, stored = allocated, high = stored - 1): object => ({
    BitsAllocated: allocated,
    BitsStored: stored,
    HighBit: high,
  });
  const stored = (values: ArrayBufferView): object => ({ PixelData: bytesOf(values) });

  test.each<[string, number[], object, string]>([
    [
      "of 8 bits with a sign",
      ramp(-100),
      { ...bits(8), ...stored(Int8Array.from(ramp(-100))) },
      "Int16Array",
    ],
    [
      "of 32 bits without",
      ramp(4e9),
      { ...bits(32), ...unsigned, ...stored(Uint32Array.from(ramp(4e9))) },
      "Uint32Array",
    ],
    [
      "of 10 bits with a sign",
      ramp(-400),
      { ...bits(16, 10), ...stored(Uint16Array.from(ramp(-400), (x) => x & 0x3ff)) },
      "Int16Array",
    ],
    [
      "of 24 bits with a sign",
      ramp(-400),
      { ...bits(32, 24), ...stored(Uint32Array.from(ramp(-400), (x) => x & 0xffffff)) },
      "Int16Array",
    ],
    [
      "of 12 bits, the upper ones",
      ramp(7),
      { ...bits(16, 12, 15), ...unsigned, ...stored(Uint16Array.from(ramp(7), (x) => x << 4)) },
      "Int16Array",
    ],
    [
      "below an overlay",
      ramp(7),
      { ...bits(8, 6), ...unsigned, ...stored(Uint8Array.from(ramp(7), (x) => x | 0x80)) },
      "Uint8Array",
    ],
  ])("%s", async (_, values, make, type) => {
    const { data } = await read(series([0, 1], () => make));
    expect([...data]).toEqual([...values, ...values]);
    expect(data.constructor.name).toBe(type);
  });

  test("with a sign and without, by the header of each image", async () => {
    const files = series([0, 1], (z) =>
      z ? pixels(-400) : { ...unsigned, ...stored(Uint16Array.from(ramp(40000))) },
    );
    expect(firsts(await read(files))).toEqual([40000, -400]);
  });

  test.each<[string, object, RegExp]>([
    ["packed ones of 12 bits", bits(12), /"0\.dcm" has 12 bits per number .* 8, 16 or 32 are read/],
    [
      "pixels before other things",
      { PixelData: new ArrayBuffer(2), DataSetTrailingPadding: new ArrayBuffer(99) },
      /"0\.dcm" is truncated: it holds 2 bytes of pixels, not 24/,
    ],
    ["highest bits beyond the others", bits(16, 12, 17), /12 bits up to bit 17/],
    ["a slope of 0", { RescaleSlope: "0", RescaleIntercept: "0" }, /RescaleSlope \(0028,1053\) is 0/],
    ["colours of 16 bits", { SamplesPerPixel: 3, PhotometricInterpretation: "RGB" }, /colours of 16 bits/],
  ])("refused: %s", async (_, make, message) => {
    const files = series([0, 1], () => ({ PixelData: new ArrayBuffer(6 * SIZE), ...make }));
    await expect(read(files)).rejects.toMatchObject({ message: expect.stringMatching(message) as string });
  });
});

describe("images that are not of one volume", () => {
  test.each<[string, Make, RegExp]>([
    ["frames of reference", (z) => ({ FrameOfReferenceUID: `1.2.${z}` }), /3 frames of reference/],
    ["modalities", (z) => ({ Modality: z ? "MR" : "CT" }), /images of CT and MR/],
    ["studies", (z) => ({ StudyInstanceUID: `1.2.${z > 1 ? 1 : 2}` }), /2 DICOM series/],
    [
      "bits",
      (z) => (z ? {} : { BitsAllocated: 8, BitsStored: 8, HighBit: 7 }),
      /pixels of 8 bits and 16 bits/,
    ],
    ["gaps", (z) => ({ ImagePositionPatient: position(z === 2 ? 2.5 : z) }), /off where they would be/],
    ["mosaics", () => ({ ImageType: ["ORIGINAL", "PRIMARY", "M", "MOSAIC"] }), /mosaics/],
  ])("%s", async (_, make, message) => {
    const files = series([0, 1, 2], (z, i) => ({ ...pixels(0), ...make(z, i) }));
    await expect(read(files)).rejects.toMatchObject({ message: expect.stringMatching(message) as string });
  });
});

describe("frames without places", () => {
  const frames = (more: object): File => {
    const { ImageOrientationPatient: _, ...about } = elements(0, {
      NumberOfFrames: "4",
      PixelData: bytesOf(Int16Array.from([0, 1, 2, 3].flatMap(ramp))),
      ...more,
    });
    return new File([dicomFile(about)], "frames.dcm");
  };

  test.each<[string, object, RegExp]>([
    [
      "gated",
      { TimeSlotVector: [1, 1, 2, 2], SliceVector: [1, 2, 1, 2] },
      /are of 2 kinds, by TimeSlotVector/,
    ],
    ["views", { AngularViewVector: [1, 2, 3, 4] }, /are of 4 kinds, by AngularViewVector/],
    ["slices upside down", { SliceVector: [4, 3, 2, 1] }, /another order than that of their slices/],
  ])("refused: %s", async (_, more, message) => {
    await expect(read([frames(more)])).rejects.toMatchObject({
      message: expect.stringMatching(message) as string,
    });
  });

  test("that follow one another in time are told of", async () => {
    const told: string[] = [];
    await readVolume(frames({ FrameTime: "33" }), { onWarning: (sentence) => told.push(sentence) });
    expect(told).toEqual([
      expect.stringMatching(/follow one another in time, by FrameTime/),
      expect.stringMatching(/where its 4 frames lie: .* in the order in which they are stored/),
    ]);
  });
});

describe("compressed pixels that differ from their header", () => {
  const codecs = fileURLToPath(new URL("../../../test/fixtures/cases/D17_codecs/", import.meta.url));
  const [name] = readdirSync(`${codecs}rle`);

  /** A file, with another value of an element of group 0028. */
  function changed(codec: string, element: number, value: number): File {
    const bytes = readFileSync(`${codecs}${codec}/${name}`);
    bytes.writeUInt16LE(value, bytes.indexOf(Uint8Array.of(0x28, 0, element, element >> 8, 0x55, 0x53)) + 8);
    return new File([bytes], "odd.dcm");
  }

  const [rows, bits] = [0x0010, 0x0100];
  test.each<[string, number, number, RegExp]>([
    ["rle", rows, 60, /an RLE segment unpacks to \d+ bytes, where its header claims 1440 pixels/],
    ["rle", rows, 15, /an RLE segment unpacks to more than 360 bytes/],
    ["rle", bits, 32, /RLE pixels have 2 segments, where its header needs 4/],
    ["jpegll", bits, 32, /claim 16 bits each, its header \d+ of 32/],
    ["jls", bits, 32, /claim \d+ bits each, its header \d+ of 32/],
  ])("%s, %i: %i", async (codec, element, value, message) => {
    await expect(readVolume(changed(codec, element, value))).rejects.toMatchObject({
      message: expect.stringMatching(message) as string,
    });
  });

  test("are another codec's", async () => {
    const bytes = readFileSync(`${codecs}jls/${name}`);
    bytes.write("1.2.840.10008.1.2.4.70", bytes.indexOf("1.2.840.10008.1.2.4.8"));
    await expect(readVolume(new File([bytes], "odd.dcm"))).rejects.toMatchObject({
      message: expect.stringMatching(/claim to be JPEG-LS, its header JPEG/) as string,
    });
  });
});

test("an odd number of bytes, big endian: they stand in pairs, the last behind its filler", async () => {
  const short = (value: number): number[] => [value >> 8, value & 0xff];
  const text = (value: string): number[] => [
    ...Buffer.from(value.length % 2 ? `${value} ` : value, "latin1"),
  ];
  const element = (group: number, tag: number, vr: string, value: readonly number[]): number[] => {
    const length = vr === "OW" ? [0, 0, 0, 0, ...short(value.length)] : short(value.length);
    return [...short(group), ...short(tag), ...text(vr), ...length, ...value];
  };
  // The file's own header is little endian.
  const syntax = Buffer.from("1.2.840.10008.1.2.2\0", "latin1");
  const own = [0x02, 0, 0x10, 0, ...text("UI"), syntax.length, 0, ...syntax];
  const length = [0x02, 0, 0, 0, ...text("UL"), 4, 0, own.length, 0, 0, 0];
  const set = [
    element(0x8, 0x60, "CS", text("MR")),
    element(0x20, 0xe, "UI", text("1.2.3.4")),
    element(0x20, 0x32, "DS", text("0\\0\\0")),
    element(0x20, 0x37, "DS", text("1\\0\\0\\0\\1\\0")),
    element(0x28, 0x2, "US", short(1)),
    element(0x28, 0x4, "CS", text("MONOCHROME2")),
    element(0x28, 0x10, "US", short(3)),
    element(0x28, 0x11, "US", short(3)),
    element(0x28, 0x30, "DS", text("1\\1")),
    element(0x28, 0x100, "US", short(8)),
    element(0x28, 0x101, "US", short(8)),
    element(0x28, 0x102, "US", short(7)),
    element(0x28, 0x103, "US", short(0)),
    element(0x7fe0, 0x10, "OW", [20, 10, 40, 30, 60, 50, 80, 70, 0, 90]),
  ];
  const bytes = Uint8Array.from([
    ...new Array(128).fill(0),
    ...text("DICM"),
    ...length,
    ...own,
    ...set.flat(),
  ]);
  const volume = await readVolume(new File([bytes], "big.dcm"), { onWarning: () => undefined });
  expect([...volume.data]).toEqual([10, 20, 30, 40, 50, 60, 70, 80, 90]);
});
