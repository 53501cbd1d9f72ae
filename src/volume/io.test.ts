import { mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gunzipSync, gzipSync } from "node:zlib";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { anyGrid, oblique, randomVolume, temporaryFolder } from "../../test/helpers/volumes.ts";
import { rasAffine } from "./geometry.ts";
import { encodeNifti } from "./nifti.ts";
import { orientationOf } from "./reorient.ts";
import { readVolume } from "./read.ts";
import { type Grid, VOXEL_TYPES, type Volume, type VoxelType, plainGrid } from "./volume.ts";
import { writeVolume } from "./write.ts";

const TYPES = Object.keys(VOXEL_TYPES) as VoxelType[];

const t1 = fileURLToPath(new URL("../../assets/t1-kmeans/imagesTr/t1.nii.gz", import.meta.url));

/** `relative`: what the file's own precision may cost. */
function expectSameGrid(actual: Grid, expected: Grid, relative: number): void {
  expect(actual.shape).toEqual(expected.shape);
  expect(actual.spacing).toBeAllClose(expected.spacing, { rtol: relative, atol: 0 });
  expect(actual.origin).toBeAllClose(expected.origin, { rtol: relative, atol: relative });
  expect(actual.direction.flat()).toBeAllClose(expected.direction.flat(), { rtol: 0, atol: relative });
}

/** NIfTI keeps its geometry in float32, the others in (printed) doubles. */
const FORMATS = [
  { suffix: ".nii", relative: 1e-6 },
  { suffix: ".nii.gz", relative: 1e-6 },
  { suffix: ".nrrd", relative: 1e-12 },
  { suffix: ".npz", relative: 0 },
];

describe.each(FORMATS)("written as $suffix and read again", ({ suffix, relative }) => {
  test.each(TYPES)("%s, 1 and 3 channels", async (type) => {
    for (const channels of [1, 3]) {
      const path = join(temporaryFolder(), `scan.v1${suffix}`);
      const volume = randomVolume(type, oblique, channels);
      await writeVolume(volume, path);
      const again = await readVolume(path);
      expect(again.channels).toBe(channels);
      expect(again.data).toEqual(volume.data);
      expectSameGrid(again, volume, relative);
    }
  });

  test("sheared, as a tilted gantry makes it", async () => {
    const sheared: Grid = {
      ...oblique,
      direction: [
        [0, -0.28, 0.96],
        [0, 1, 0],
        [1, 0, 0],
      ],
    };
    const path = join(temporaryFolder(), `scan${suffix}`);
    const volume = randomVolume("int16", sheared);
    await writeVolume(volume, path);
    const again = await readVolume(path);
    expect(again.data).toEqual(volume.data);
    expectSameGrid(again, volume, relative);
  });
});

test(".npy keeps the voxels alone", async () => {
  const path = join(temporaryFolder(), "scan.npy");
  const volume = randomVolume("float32", oblique, 2);
  await writeVolume(volume, path);
  const again = await readVolume(path);
  expect(again.data).toEqual(volume.data);
  expectSameGrid(again, plainGrid(oblique.shape), 0);
});

test("the qform we write says the same as the sform, for any rotation", async () => {
  await fc.assert(
    fc.asyncProperty(anyGrid, fc.boolean(), async (grid, mirrored) => {
      const [d, h, w] = grid.direction;
      const placed: Grid = mirrored ? { ...grid, direction: [h, d, w] } : grid;
      const volume = randomVolume("uint8", placed);
      const parts = encodeNifti(volume);
      new DataView(parts[0]!.buffer).setInt16(254, 0, true); // sform_code: none
      const again = await readVolume(new File(parts, "scan.nii"));
      expect(again.data).toEqual(volume.data);
      // Near half turns a quaternion in float32 is no better than this.
      expectSameGrid(again, placed, 1e-3);
    }),
    { seed: 8, numRuns: 200 },
  );
});

test("MetaImage, with its voxels inside and beside", async () => {
  const folder = temporaryFolder();
  const header = (file: string): string =>
    [
      "ObjectType = Image",
      "NDims = 3",
      "BinaryData = True",
      "BinaryDataByteOrderMSB = False",
      "CompressedData = False",
      "TransformMatrix = 0 1 0 -1 0 0 0 0 1", // one line per axis: W to the back, H to the right
      "Offset = 10 20 30",
      "ElementSpacing = 0.5 1.5 4",
      "DimSize = 3 2 2",
      "ElementType = MET_SHORT",
      `ElementDataFile = ${file}\n`,
    ].join("\n");
  const values = Int16Array.from({ length: 12 }, (_, i) => 100 * i - 500);
  const bytes = Buffer.from(values.buffer);
  writeFileSync(join(folder, "in.mha"), Buffer.concat([Buffer.from(header("LOCAL")), bytes]));
  writeFileSync(join(folder, "beside.mhd"), header("beside.raw"));
  writeFileSync(join(folder, "beside.raw"), bytes);
  for (const name of ["in.mha", "beside.mhd"]) {
    const volume = await readVolume(join(folder, name));
    expect(volume.data).toEqual(values);
    expect(orientationOf(volume)).toBe("PRS");
    const direction = [
      [0, 0, 1],
      [-1, 0, 0],
      [0, 1, 0],
    ] as const;
    expectSameGrid(
      volume,
      { shape: [2, 2, 3], spacing: [4, 1.5, 0.5], origin: [10, 20, 30], direction },
      1e-12,
    );
  }
});

test("a real scan: geometry and voxels as nibabel reads them", async () => {
  const scan = await readVolume(t1);
  expect(scan.data).toBeInstanceOf(Int16Array);
  expect(scan.shape).toEqual([62, 128, 128]);
  expect(scan.spacing).toEqual([3, 2, 2]);
  expect(orientationOf(scan)).toBe("LSA");
  expect(rasAffine(scan)).toEqual([
    [-2, 0, 0, 0],
    [0, 0, 3, -254],
    [0, 2, 0, 0],
  ]);
  expect(Array.from(scan.data).reduce((a, b) => a + b, 0)).toBe(19533798);
  expect(scan.data[(30 * 128 + 50) * 128 + 40]).toBe(114);
});

describe("what cannot be read is one sentence", () => {
  const nifti = (volume: Volume = randomVolume("int16")): Buffer => Buffer.concat(encodeNifti(volume));
  const patched = (offset: number, ...values: number[]): Buffer => {
    const bytes = nifti();
    values.forEach((value, i) => bytes.writeInt16LE(value, offset + 2 * i));
    return bytes;
  };
  const cases: [name: string, bytes: Uint8Array, kind: string, says: RegExp][] = [
    ["empty.nii", new Uint8Array(0), "format", /is empty/],
    ["garbage.nii", Buffer.alloc(600, "no"), "format", /not a NIfTI file/],
    ["short.nii", nifti().subarray(0, 200), "format", /truncated/],
    ["cut.nii", nifti().subarray(0, 400), "format", /truncated: its header promises 120 bytes/],
    [
      "cut.nii.gz",
      gzipSync(nifti(randomVolume("int32", { ...oblique, shape: [9, 9, 9] }))).subarray(0, 900),
      "format",
      /damaged|truncated/,
    ],
    [
      "garbage.nii.gz",
      Buffer.concat([Buffer.from([0x1f, 0x8b, 8, 0]), Buffer.alloc(60, 7)]),
      "format",
      /damaged/,
    ],
    ["huge.nii", patched(42, 30000, 30000, 30000), "format", /promises 54000000000000 bytes/],
    ["bomb.nii.gz", gzipSync(patched(42, 30000, 30000, 30000)), "format", /promises 54000000000000 bytes/],
    ["negative.nii", patched(42, -4), "format", /its sizes are -4 × 4 × 3/],
    ["rank.nii", patched(40, 9), "format", /9 dimensions/],
    ["complex.nii", patched(70, 32), "format", /complex numbers/],
    ["text.nrrd", Buffer.from("hello"), "format", /text\.nrrd/],
    ["text.mha", Buffer.from("hello"), "format", /text\.mha/],
    ["cut.npy", Buffer.from("\x93NUMPY", "latin1"), "format", /not a NumPy file/],
    ["cut.npz", Buffer.from("PK\x03\x04", "latin1"), "format", /is truncated: the list of entries/],
    ["notes.txt", Buffer.from("hello"), "format", /notes\.txt/],
  ];
  test.each(cases)("%s", async (name, bytes, kind, says) => {
    const path = join(temporaryFolder(), name);
    writeFileSync(path, bytes);
    const sentence = expect.stringMatching(says) as string;
    await expect(readVolume(path)).rejects.toMatchObject({ name: "AcsconvError", kind, message: sentence });
    await expect(readVolume(path)).rejects.toMatchObject({
      message: expect.stringMatching(/^[^\n]*\.$/) as string,
    });
  });

  test("a file that is not there", async () => {
    const path = join(temporaryFolder(), "missing.nii.gz");
    await expect(readVolume(path)).rejects.toMatchObject({
      kind: "io",
      message: `Cannot read "${path}": there is no such file or folder.`,
    });
  });
});

describe("writing", () => {
  test("leaves only the file, compressed if its name says so", async () => {
    const folder = temporaryFolder();
    await writeVolume(randomVolume("uint8"), join(folder, "a.nii.gz"));
    expect(readdirSync(folder)).toEqual(["a.nii.gz"]);
    expect(gunzipSync(readFileSync(join(folder, "a.nii.gz")))).toHaveLength(352 + 60);
  });

  test("where it fails, nothing is left and the old file stays", async () => {
    const folder = temporaryFolder();
    const target = join(folder, "a.nii");
    mkdirSync(target); // a rename onto a folder fails after all has been written
    await expect(writeVolume(randomVolume("uint8"), target)).rejects.toMatchObject({ kind: "io" });
    expect(readdirSync(folder)).toEqual(["a.nii"]);
    await expect(writeVolume(randomVolume("uint8"), join(folder, "no", "b.nii"))).rejects.toMatchObject({
      kind: "io",
      message: expect.stringContaining(join(folder, "no", "b.nii")) as string,
    });
  });

  test("refuses names and volumes that do not fit", async () => {
    const folder = temporaryFolder();
    const volume = randomVolume("uint8");
    const refused = async (bad: Volume, name: string, says: RegExp): Promise<void> => {
      const message = expect.stringMatching(says) as string;
      await expect(writeVolume(bad, join(folder, name))).rejects.toMatchObject({ kind: "input", message });
    };
    await refused(volume, "a.png", /should end in \.nii/);
    await refused(volume, "a.dcm", /without the DICOM images .* by writeSegmentation/);
    await refused({ ...volume, data: new Uint8Array(3) }, "a.nii", /needs 60 voxels, not 3/);
    await refused({ ...volume, spacing: [1, 0, 1] }, "a.nii", /positive spacing/);
    await refused(
      {
        ...volume,
        direction: [
          [1, 0, 0],
          [1, 0, 0],
          [0, 0, 1],
        ],
      },
      "a.nii",
      /three independent axes/,
    );
    await refused(randomVolume("uint8", plainGrid([1, 1, 40000])), "a.nii", /at most 32767/);
    expect(readdirSync(folder)).toEqual([]);
  });
});
