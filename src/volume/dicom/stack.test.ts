import { describe, expect, test } from "vitest";
import { openSource } from "../../base/byte-source.ts";
import { type Vec3, add, scale } from "../vec3.ts";
import type { DicomFile, Frame } from "./headers.ts";
import { stackImages } from "./stack.ts";

const source = { ...(await openSource(new Uint8Array(0))), name: "a file" };

type Change = Partial<Omit<DicomFile, "frames">> & Partial<Frame>;

/** Slices 3 mm apart along a tilted normal, a file each. */
const slices = (count: number, change: (frame: Frame, i: number) => Change = () => ({})): DicomFile[] =>
  Array.from({ length: count }, (_, i) => {
    const frame: Frame = {
      position: [1, 2 - 1.8 * i, 3 + 2.4 * i],
      orientation: [
        [1, 0, 0],
        [0, 0.8, 0.6],
      ],
      pixelSpacing: [0.5, 0.7],
      rescale: [1, 0],
      facts: {},
    };
    const changed = change(frame, i);
    return {
      source: { ...source, name: `${i}.dcm` },
      instance: `1.2.${i}`,
      study: "1",
      series: "1.2",
      instanceNumber: i + 1,
      frameOfReference: "1.3",
      seriesNumber: 1,
      description: "",
      modality: "CT",
      sopClass: "",
      transferSyntax: "",
      acquisition: "",
      rows: 4,
      columns: 6,
      format: {
        element: "PixelData",
        samples: 1,
        colours: "MONOCHROME2",
        planar: false,
        allocated: 16,
        stored: 16,
        highBit: 15,
        signed: true,
      },
      isMosaic: false,
      framesPlaced: false,
      hasLut: false,
      pixelOffset: 0,
      step: { mm: 5, from: "SliceThickness" },
      ...changed,
      frames: [{ ...frame, ...changed }],
    };
  });

const moved = (frame: Frame, by: Vec3): Change => ({ position: add(frame.position!, by) });

/** Stacks images; with what was told meanwhile. */
function stacked(files: readonly DicomFile[]): ReturnType<typeof stackImages> & { told: string[] } {
  const told: string[] = [];
  return { ...stackImages(files, "S", (sentence) => told.push(sentence)), told };
}

test("sorts by position, not by name", () => {
  const files = slices(4, (_, i) => ({ rescale: [i, 0] }));
  const { grid, volumes, told } = stacked([2, 0, 3, 1].map((i) => files[i]!));
  expect(volumes[0]!.images.map(({ frame }) => frame.rescale[0])).toEqual([0, 1, 2, 3]);
  expect(grid.shape).toEqual([4, 4, 6]);
  expect(grid.spacing).toBeAllClose([3, 0.5, 0.7], { rtol: 1e-12, atol: 0 });
  expect(grid.origin).toEqual([1, 2, 3]);
  expect(grid.direction.flat()).toBeAllClose([0, -0.6, 0.8, 0, 0.8, 0.6, 1, 0, 0], { rtol: 0, atol: 1e-12 });
  expect(told).toEqual([]);
});

test("a tilted gantry shears the grid", () => {
  const { grid, told } = stacked(slices(4, (frame, i) => moved(frame, scale(frame.orientation![1], i))));
  expect(scale(grid.direction[0], grid.spacing[0])).toBeAllClose([0, -1, 3], { rtol: 0, atol: 1e-12 });
  expect(told).toEqual([]);
});

test("one slice is as thick as it says", () => {
  expect(stacked(slices(1)).grid.spacing).toEqual([5, 0.5, 0.7]);
});

describe("images at one position are told apart", () => {
  /** Two times of three slices, by the number of a time and that of its slice. */
  const times = (change: (time: number, z: number) => Change): DicomFile[] =>
    [0, 1].flatMap((time) => slices(3, (_, z) => ({ rescale: [10 * time + z, 0], ...change(time, z) })));
  const volumesOf = (files: readonly DicomFile[]): [label: string, values: number[]][] =>
    stacked(files).volumes.map(({ label, images }) => [label, images.map(({ frame }) => frame.rescale[0])]);
  const two = (first: string, second: string): unknown => [
    [first, [0, 1, 2]],
    [second, [10, 11, 12]],
  ];

  test("by what they say, in the order of its numbers", () => {
    const facts = (time: number): Change => ({
      facts: { EchoTime: String(20 - 12 * time) },
      instanceNumber: 1,
    });
    expect(volumesOf(times(facts))).toEqual([
      ["EchoTime 8 ms", [10, 11, 12]],
      ["EchoTime 20 ms", [0, 1, 2]],
    ]);
    expect(stacked(times(facts)).grid.shape).toEqual([3, 4, 6]);
  });

  test("by the surest, whatever others say", () => {
    const facts = (time: number, z: number): Change => ({
      facts: {
        TemporalPositionIndex: String(time + 1),
        AcquisitionNumber: String((time + z) % 2),
        ContentTime: `${z}`,
      },
    });
    expect(volumesOf(times(facts))).toEqual(two("TemporalPositionIndex 1", "TemporalPositionIndex 2"));
  });

  test("by two facts together", () => {
    const files = [0, 1].flatMap((echo) =>
      times((time) => ({
        facts: { EchoTime: String(echo), AcquisitionNumber: String(time) },
        instanceNumber: 1,
      })),
    );
    expect(volumesOf(files).map(([label]) => label)).toEqual([
      "EchoTime 0 ms, AcquisitionNumber 0",
      "EchoTime 0 ms, AcquisitionNumber 1",
      "EchoTime 1 ms, AcquisitionNumber 0",
      "EchoTime 1 ms, AcquisitionNumber 1",
    ]);
  });

  test.each<[string, (time: number, z: number) => number]>([
    ["volume by volume", (time, z) => 3 * time + z],
    ["position by position", (time, z) => 2 * z + time],
    ["there and back", (time, z) => (time === 0 ? z : 5 - z)],
  ])("by numbers that go %s", (_, number) => {
    expect(volumesOf(times((time, z) => ({ instanceNumber: number(time, z) })))).toEqual(
      two("1 of 2 by InstanceNumber", "2 of 2 by InstanceNumber"),
    );
  });

  test.each<[string, (time: number, z: number) => Change]>([
    ["by nothing", () => ({ instanceNumber: 1 })],
    ["by numbers of slices alone", (_, z) => ({ instanceNumber: z + 1 })],
    ["by numbers in no order", (time, z) => ({ instanceNumber: [0, 3, 1, 2, 5, 4][3 * time + z]! })],
    [
      "at some positions only",
      (time, z) => ({ instanceNumber: 1, facts: { EchoTime: z > 0 ? String(time) : "0" } }),
    ],
  ])("and refused where they are told %s", (_, change) => {
    expect(() => stacked(times(change))).toThrow(
      /^S holds 6 images at 3 positions, and which of the 2 images at each position belong together cannot be told/,
    );
  });
});

describe("what can be read but is odd is told", () => {
  test("small differences between gaps", () => {
    const { grid, told } = stacked(slices(5, (frame, i) => (i === 2 ? moved(frame, [0, -0.06, 0.08]) : {})));
    expect(grid.spacing[0]).toBeCloseTo(3, 9);
    expect(told).toEqual(["S has slices 2.900 to 3.100 mm apart: it is read as if they were evenly spaced."]);
  });

  test("a slice a little beside the others", () => {
    const { told } = stacked(slices(5, (frame, i) => (i === 2 ? moved(frame, [0.1, 0, 0]) : {})));
    expect(told).toEqual([
      'S has slices that lie 0.10 mm beside the line of the others, as "2.dcm" does: it is read as if they were in line.',
    ]);
  });

  test("slices of one acquisition between those of another; not such as follow one another", () => {
    const { told } = stacked(slices(6, (_, i) => ({ acquisition: String(i % 2) })));
    expect(told).toEqual([expect.stringContaining("mixes the slices of 2 acquisitions")]);
    expect(stacked(slices(6, (_, i) => ({ acquisition: String(i > 2) }))).told).toEqual([]);
    expect(stacked(slices(6, (_, i) => ({ acquisition: String(i) }))).told).toEqual([]);
  });
});

const mixed: [name: string, slices: DicomFile[], says: RegExp][] = [
  [
    "every third slice missing",
    [0, 2, 3, 5, 6, 8].map((i) => slices(9)[i]!),
    /slices 3\.000 to 6\.000 mm apart, up to 1\.20 mm off .*: some are missing/,
  ],
  ["frames of reference", slices(3, (_, i) => ({ frameOfReference: `1.${i > 1}` })), /2 frames of reference/],
  ["mosaics", slices(2, () => ({ isMosaic: true })), /mosaics.*"0\.dcm": convert it/],
  [
    "kinds of pixels",
    slices(2, (_, i) => ({ format: { ...slices(1)[0]!.format, colours: `MONOCHROME${i + 1}` } })),
    /images in MONOCHROME1 and MONOCHROME2/,
  ],
  ["a missing slice", slices(6).filter((_, i) => i !== 2), /gap of 6\.00 mm .* 3\.00 mm apart: about 1 /],
  ["a volume and a part of it", [...slices(3), ...slices(2)], /5 images at 3 positions/],
  ["sizes", slices(3, (_, i) => ({ rows: i + 4 })), /6×4 and 6×5 and 6×6 pixels/],
  [
    "orientations",
    slices(3, (_, i) =>
      i === 1
        ? {
            orientation: [
              [0, 1, 0],
              [0, 0, 1],
            ],
          }
        : {},
    ),
    /mixes orientations .*1 of its 3/,
  ],
  ["pixel spacings", slices(3, (_, i) => ({ pixelSpacing: [0.5 + i, 0.7] })), /pixel spacings: 2 of its 3/],
  ["no positions", slices(3, () => ({ position: undefined })), /without position/],
  [
    "some slices beside the others",
    slices(8, (frame, i) => (i > 2 && i < 6 ? moved(frame, [40, 0, 0]) : {})),
    /lie 40\.00 mm beside the line of the others, as "3\.dcm"/,
  ],
  [
    "the last slices beside the first",
    slices(8, (frame, i) => (i > 4 ? moved(frame, [4, 0, 0]) : {})),
    /mm beside the line of the others/,
  ],
  [
    "slices more beside than above",
    slices(2, (frame, i) => moved(frame, [9 * i, 0, 0])),
    /9\.00 mm beside one/,
  ],
  [
    "cosines that are none",
    slices(2, () => ({
      orientation: [
        [2, 0, 0],
        [0, 0.8, 0.6],
      ],
    })),
    /"0\.dcm": ImageOrientationPatient \(0020,0037\) is "2\\0\\0\\0\\0\.8\\0\.6"/,
  ],
];
test.each(mixed)("refuses %s", (_, slices, says) => {
  expect(() => stacked(slices)).toThrow(
    expect.objectContaining({ kind: "format", message: expect.stringMatching(says) as string }),
  );
});
