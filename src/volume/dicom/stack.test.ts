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
    };
    const changed = change(frame, i);
    return {
      source: { ...source, name: `${i}.dcm` },
      instance: `1.2.${i}`,
      series: "1.2",
      seriesNumber: 1,
      description: "",
      modality: "CT",
      sopClass: "",
      transferSyntax: "",
      acquisition: "",
      rows: 4,
      columns: 6,
      bytesPerPixel: 2,
      unsigned32: false,
      colours: "MONOCHROME2",
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
  const { grid, frames, told } = stacked([2, 0, 3, 1].map((i) => files[i]!));
  expect(frames!.map(({ rescale: [slope] }) => slope)).toEqual([0, 1, 2, 3]);
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

test("as many images at each position are as many volumes", () => {
  const { grid, volumes } = stacked([...slices(3), ...slices(3)]);
  expect(grid.shape).toEqual([3, 4, 6]);
  expect(volumes).toBe(2);
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
