import { decode } from "fast-png";
import { describe, expect, test } from "vitest";
import { AcsconvError } from "../base/errors.ts";
import { type Volume, plainGrid, withData } from "../volume/volume.ts";
import { heatColour, labelColour } from "./colours.ts";
import { type RgbImage, blankImage, encodePng } from "./image.ts";
import { grid, middleOfLabels, montage } from "./montage.ts";

const SHAPE = [10, 20, 40] as const;
const at = (d: number, h: number, w: number): number => (d * 20 + h) * 40 + w;

/** 40 mm × 40 mm × 40 mm of grey that rises with w; D upwards, H to the back, W to the left. */
function ramp(): Volume {
  const data = new Float32Array(10 * 20 * 40);
  for (let i = 0; i < data.length; i++) data[i] = i % 40;
  return withData(plainGrid(SHAPE, [4, 2, 1]), data);
}

function labelled(...voxels: readonly [d: number, h: number, w: number, label: number][]): Volume {
  const data = new Uint8Array(10 * 20 * 40);
  for (const [d, h, w, label] of voxels) data[at(d, h, w)] = label;
  return withData(plainGrid(SHAPE, [4, 2, 1]), data);
}

const pixel = ({ width, data }: RgbImage, x: number, y: number): number[] => [
  ...data.subarray(3 * (y * width + x), 3 * (y * width + x) + 3),
];

/** Left edges of the three planes at `size` 160: each is 160 pixels wide, with 6 between. */
const [AXIAL, CORONAL, SAGITTAL] = [0, 166, 332];

describe("montage", () => {
  test("shows the planes in true proportions", () => {
    // 17 pixels of caption
    expect(montage(ramp(), { size: 160 })).toMatchObject({ width: 3 * 160 + 2 * 6, height: 160 + 17 });
    const flat = withData(plainGrid([10, 20, 40], [1, 1, 1]), ramp().data);
    // axial 40 × 20, coronal 40 × 10 and sagittal 20 × 10 mm
    expect(montage(flat, { size: 160 })).toMatchObject({ width: 160 + 6 + 160 + 6 + 80, height: 80 + 17 });
  });

  test("draws the intensities of the 1st to the 99th percentile from black to white", () => {
    const image = montage(ramp(), { size: 160 });
    // The middle of voxel w is pixel 4w + 1.5; the percentiles are 0 and 39.
    for (const w of [3, 20, 36]) {
      const [red, green, blue] = pixel(image, AXIAL + 4 * w + 1, 30);
      expect(Math.abs(red! - (255 * w) / 39)).toBeLessThan(2);
      expect([green, blue]).toEqual([red, red]);
    }
    expect(pixel(image, AXIAL, 100)).toEqual([0, 0, 0]);
  });

  test("draws values in viridis when asked", () => {
    const image = montage(ramp(), { size: 160, colours: "values" });
    expect(pixel(image, AXIAL + 159, 20)).toEqual([253, 231, 37]);
    expect(pixel(image, AXIAL, 20)).toEqual([68, 1, 84]);
  });

  test("blends a label's colour into its voxel, in all three planes, and nowhere else", () => {
    const [d, h, w] = [7, 4, 30];
    const image = montage(ramp(), { size: 160, overlay: { kind: "labels", volume: labelled([d, h, w, 2]) } });
    const grey = Math.round((255 * w) / 39);
    const mixed = labelColour(2).map((channel) => grey + (channel - grey) * 0.55);
    // Voxels are 4 pixels wide (W), 8 (H) and 16 (D); the head is up, so D runs against y.
    const centres = [
      [AXIAL + 4 * w + 2, 8 * h + 4],
      [CORONAL + 4 * w + 2, 16 * (9 - d) + 8],
      [SAGITTAL + 8 * h + 4, 16 * (9 - d) + 8],
    ] as const;
    for (const [x, y] of centres) {
      expect(pixel(image, x, y)).toBeAllClose(mixed, { rtol: 0, atol: 4 });
      const [red, green, blue] = pixel(image, x, y + 20);
      expect([green, blue]).toEqual([red, red]);
    }
  });

  test("lays values over it, the more opaque the higher", () => {
    const values = { ...ramp(), data: new Float32Array(8000).fill(0.5) };
    const black = { ...ramp(), data: new Float32Array(8000) };
    const overlay = { kind: "values", volume: values, range: [0, 1] } as const;
    const image = montage(black, { size: 160, overlay });
    // Half of 0.55 of viridis' middle
    const expected = [33, 145, 140].map((channel) => 0.275 * channel);
    expect(pixel(image, AXIAL + 30, 30)).toBeAllClose(expected, { rtol: 0, atol: 1 });
  });

  test("looks from the feet: whatever the array's order, right is left and front is up", () => {
    const { data } = labelled([2, 3, 35, 1]);
    const turned: Volume = {
      ...withData(plainGrid(SHAPE, [4, 2, 1]), data),
      // D to the feet, H to the front, W to the right
      direction: [
        [0, 0, -1],
        [0, -1, 0],
        [-1, 0, 0],
      ],
    };
    const grey = { ...turned, data: ramp().data };
    const image = montage(grey, { size: 160, overlay: { kind: "labels", volume: turned } });
    const isColoured = (x: number, y: number): boolean => new Set(pixel(image, x, y)).size > 1;
    expect(isColoured(AXIAL + 4 * (39 - 35) + 2, 8 * (19 - 3) + 4)).toBe(true);
    expect(isColoured(CORONAL + 4 * (39 - 35) + 2, 16 * 2 + 8)).toBe(true);
    expect(isColoured(AXIAL + 4 * 35 + 2, 8 * 3 + 4)).toBe(false);
  });

  test("refuses an overlay of another shape and a voxel outside", () => {
    const small = withData(plainGrid([1, 1, 1]), new Uint8Array(1));
    expect(() => montage(ramp(), { overlay: { kind: "labels", volume: small } })).toThrow(
      new AcsconvError("input", "An overlay needs the volume's shape [10, 20, 40], not [1, 1, 1]."),
    );
    expect(() => montage(ramp(), { at: [10, 0, 0] })).toThrow(/Voxel \[10, 0, 0\] lies outside/);
  });

  test("survives constant volumes, NaN and single voxels", () => {
    const one = withData(plainGrid([1, 1, 1]), Float32Array.of(NaN));
    expect(pixel(montage(one, { size: 32 }), 0, 0)).toEqual([0, 0, 0]);
  });
});

describe("middleOfLabels", () => {
  test("is a labelled voxel even where the centre of mass is none", () => {
    expect(middleOfLabels(labelled([0, 0, 0, 1], [0, 0, 10, 1], [0, 0, 38, 1]))).toEqual([0, 0, 10]);
    expect(middleOfLabels(labelled())).toBeUndefined();
  });
});

describe("grid", () => {
  test("sets images in rows under their titles", () => {
    const white = { ...blankImage(20, 10), data: new Uint8Array(600).fill(255) };
    const sheet = grid([white, white, white], 2, ["ab", "", "c"]);
    // 6 pixels round each image, 13 + 2·6 above it
    expect(sheet).toMatchObject({ width: 6 + 2 * 26, height: 6 + 2 * (10 + 25 + 6) });
    const second = [6 + 26, 6 + 25] as const;
    expect(pixel(sheet, ...second)).toEqual([255, 255, 255]);
    expect(pixel(sheet, second[0] - 1, second[1])).toEqual([0, 0, 0]);
    expect(pixel(sheet, 6, 6 + 41 + 25)).toEqual([255, 255, 255]);
    const inTitle = sheet.data.subarray(0, 3 * sheet.width * 31).filter((byte) => byte === 255).length;
    expect(inTitle).toBeGreaterThan(30);
  });
});

describe("pictures", () => {
  test("are written as PNG", () => {
    const image = montage(ramp(), { size: 40 });
    const { width, height, channels, data } = decode(encodePng(image));
    expect({ width, height, channels }).toEqual({ width: image.width, height: image.height, channels: 3 });
    expect(data).toEqual(image.data);
  });

  test("have colours between viridis' control points, and one for each of 21 labels", () => {
    expect(heatColour(0.5)).toEqual([33, 145, 140]);
    expect(heatColour(2)).toEqual([253, 231, 37]);
    expect(new Set(Array.from({ length: 21 }, (_, i) => labelColour(i + 1).join())).size).toBe(21);
  });
});
