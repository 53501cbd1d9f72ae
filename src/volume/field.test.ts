/**
 * @file Scans as they come from the field (`test/fixtures/cases`), against what nibabel 5.4 and SimpleITK 2.5 read of them, and
 * variants of them that are written here. Constants are those programs' numbers.
 */

import { copyFileSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { deflateSync, gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { temporaryFolder } from "../../test/helpers/volumes.ts";
import { encodeNpz } from "../formats/npz.ts";
import { type Tensor, tensorOf } from "../graph/tensor.ts";
import { readVolume } from "./read.ts";
import { type Volume, plainGrid } from "./volume.ts";

const at = (path: string): string =>
  fileURLToPath(new URL(`../../test/fixtures/cases/${path}`, import.meta.url));

/** The volume and what was warned of. */
async function read(input: string | File, array?: string): Promise<{ volume: Volume; warnings: string[] }> {
  const warnings: string[] = [];
  const onWarning = (sentence: string): void => void warnings.push(sentence);
  return { volume: await readVolume(input, { onWarning, array }), warnings };
}

const refusal = async (input: string | File, array?: string): Promise<string> =>
  readVolume(input, { array, onWarning: () => undefined }).then(
    () => "read",
    (error: Error) => `${error.name} ${error.message}`,
  );

/** 100·d + 10·(h mod 8) + (w mod 8): what the scans of the cases hold where not said otherwise. */
const counted = (offset = 0): number[] =>
  Array.from({ length: 8 * 16 * 12 }, (_, i) => {
    const [d, h, w] = [Math.floor(i / 192), Math.floor(i / 12) % 16, i % 12];
    return 100 * d + 10 * (h % 8) + (w % 8) + offset;
  });

const PLACE = { shape: [8, 16, 12], spacing: [2.5, 0.8, 0.7], origin: [-20, -30, 5] } as const;
const UPRIGHT = plainGrid([1, 1, 1]).direction;

/** Tolerances are those of float32 headers. */
function expectPlace(
  volume: Volume,
  expected: Partial<Record<"shape" | "spacing" | "origin" | "direction", unknown>>,
): void {
  const place = { ...PLACE, direction: UPRIGHT, ...expected } as Pick<
    Volume,
    "shape" | "spacing" | "origin" | "direction"
  >;
  expect(volume.shape).toEqual(place.shape);
  expect(volume.spacing).toBeAllClose(place.spacing, { rtol: 1e-6, atol: 0 });
  expect(volume.origin).toBeAllClose(place.origin, { rtol: 1e-6, atol: 1e-6 });
  expect(volume.direction.flat()).toBeAllClose(place.direction.flat(), { rtol: 0, atol: 1e-6 });
}

describe("read as the reference readers do", () => {
  test.each<[string, Parameters<typeof expectPlace>[1]]>([
    ["M01_nrrd_detached/sub.nhdr", {}],
    ["M01_nrrd_detached/gz.nhdr", {}],
    ["M01_nrrd_detached/list.nhdr", {}],
    ["M01_nrrd_detached/pattern.nhdr", {}],
    ["M01_nrrd_detached/hdr/up.nhdr", {}],
    ...["float64", "int64", "uint32", "uint64"].flatMap((type): [string, object][] => [
      [`M03_itk_types/${type}.nrrd`, {}],
      [`M03_itk_types/${type}.mha`, {}],
    ]),
    ["M04_nrrd_spaces/ascii.nrrd", {}],
    [
      "M04_nrrd_spaces/lefthanded.nrrd",
      {
        direction: [
          [0, 0, -1],
          [0, 1, 0],
          [1, 0, 0],
        ],
      },
    ],
    [
      "M04_nrrd_spaces/permuted.nrrd",
      {
        direction: [
          [0, 1, 0],
          [1, 0, 0],
          [0, 0, 1],
        ],
      },
    ],
    ["M04_nrrd_spaces/ras.nrrd", {}],
    ["M04_nrrd_spaces/scanner_xyz.nrrd", {}],
    ["M04_nrrd_spaces/spacedim.nrrd", {}],
    ["M04_nrrd_spaces/spacings.nrrd", { origin: [0, 0, 0] }],
    ["N01_gz_tail/a.nii", {}],
    ["N01_gz_tail/members.nii.gz", {}],
    ["N01_gz_tail/zeros.nii.gz", {}],
    ["N04_types/uint64.nii.gz", {}],
    ["N05_units/meter.nii.gz", {}],
    ["N05_units/micron.nii.gz", {}],
    ["F01_paths/store/h.mhd", {}],
    ["F01_paths/store/km1.mha", {}],
    ["F01_paths/store/kn1.nrrd", {}],
    ["F01_paths/store/kn1.nii.gz", {}],
    ...["big", "fortran", "i8", "rank5", "u8"].map((name): [string, object] => [
      `P01_numpy/${name}.npy`,
      { spacing: [1, 1, 1], origin: [0, 0, 0] },
    ]),
    ["P01_numpy/with_text.npz", { spacing: [1, 1, 1], origin: [0, 0, 0] }],
    ["P01_numpy/with_object.npz", { spacing: [1, 1, 1], origin: [0, 0, 0] }],
  ])("%s", async (path, place) => {
    const { volume, warnings } = await read(at(path));
    expect(volume.channels).toBe(1);
    expect([...volume.data]).toEqual(counted());
    expectPlace(volume, place);
    expect(warnings).toEqual([]);
  });

  test.each([
    ["M03_itk_types/vec.mha", { spacing: [1, 1, 1], origin: [0, 0, 0] }],
    ["M03_itk_types/vec.nrrd", { spacing: [1, 1, 1], origin: [0, 0, 0] }],
    ["M03_itk_types/time.mha", { spacing: [1, 1, 1], origin: [0, 0, 0] }],
    ["M03_itk_types/time.nrrd", { spacing: [1, 1, 1], origin: [0, 0, 0] }],
    ["M04_nrrd_spaces/listfirst.nrrd", {}],
    ["M04_nrrd_spaces/listlast.nrrd", {}],
    ["M04_nrrd_spaces/lpst.nrrd", {}],
  ])("%s, of two channels", async (path, place) => {
    const { volume } = await read(at(path));
    expect(volume.channels).toBe(2);
    expect([...volume.data]).toEqual([...counted(), ...counted(1000)]);
    expectPlace(volume, place);
  });

  test("signed bytes, bool, float16, vectors, colours", async () => {
    for (const end of ["mha", "nrrd"]) {
      const { data } = (await read(at(`M03_itk_types/int8.${end}`))).volume;
      expect(data).toBeInstanceOf(Int8Array);
      expect([...data]).toEqual(counted().map((x) => x % 100));
    }
    const bool = (await read(at("P01_numpy/bool.npy"))).volume.data;
    expect(bool).toBeInstanceOf(Uint8Array);
    expect(new Set(bool)).toEqual(new Set([0, 1]));
    const halves = (await read(at("P01_numpy/f2.npy"))).volume.data;
    expect([...halves]).toEqual(counted().map((x) => x / 8));
    const vector = (await read(at("N08_intent_vector/vec.nii.gz"))).volume;
    expect([...vector.data]).toEqual([...counted(), ...counted(1000), ...counted(2000)]);
    const rgba = (await read(at("N04_types/rgba.nii.gz"))).volume;
    expect(rgba.channels).toBe(4);
    expectPlace(rgba, {});
  });
});

describe("read, and what is odd is said", () => {
  test.each<[string, RegExp, Parameters<typeof expectPlace>[1]]>([
    ["cases/N01_gz_tail/garbage.nii.gz", /has 16 bytes behind its end that are not part of the scan/, {}],
    ["cases/N07_dim_zero/dim4zero.nii", /sizes are 12 × 16 × 8 × 0: zeros are read as 1/, {}],
    [
      "cases/N06_pixdim_zero/qform.nii",
      /has spacing 0, 0, 0 along 3 of its axes: 1 is taken/,
      { spacing: [1, 1, 1] },
    ],
    [
      "cases/N06_pixdim_zero/none.nii",
      /has spacing 0, 0, 0/,
      {
        spacing: [1, 1, 1],
        origin: [-5.5, 7.5, -3.5],
        direction: [
          [0, 0, 1],
          [0, -1, 0],
          [1, 0, 0],
        ],
      },
    ],
    [
      "cases/P01_numpy/xyz_spacing.npz",
      /`spacing` but no `direction`: read as 0\.7 × 0\.8 × 2\.5 mm along D, H, W/,
      { spacing: [0.7, 0.8, 2.5] },
    ],
  ])("%s", async (path, says, place) => {
    const { volume, warnings } = await read(at(`../${path}`));
    expect([...volume.data]).toEqual(counted());
    expectPlace(volume, place);
    expect(warnings).toEqual([expect.stringMatching(says)]);
  });

  test("a .npz with nibabel's affine, or with geometry of other shapes", async () => {
    const voxels = tensorOf("int16", [2, 3, 4], [...Array(24).keys()]);
    const npz = (more: Readonly<Record<string, Tensor>>): File =>
      new File(encodeNpz(new Map(Object.entries({ data: voxels, ...more }))) as BlobPart[], "a.npz");
    // i to the right, j to the front, k up: nibabel's own order of the array's axes.
    const affine = [0.7, 0, 0, 20, 0, 0.8, 0, 30, 0, 0, 2.5, 5, 0, 0, 0, 1];
    const { volume, warnings } = await read(npz({ affine: tensorOf("float64", [4, 4], affine) }));
    expect([...volume.data]).toEqual([...Array(24).keys()]);
    expectPlace(volume, {
      shape: [2, 3, 4],
      spacing: [0.7, 0.8, 2.5],
      direction: [
        [-1, 0, 0],
        [0, -1, 0],
        [0, 0, 1],
      ],
    });
    expect(warnings).toEqual([
      `"a.npz" has an \`affine\`: taken for nibabel's, from the array's own axes to RAS; read as 0.7 × 0.8 × 2.5 mm along D, H, W, the array's own axes.`,
    ]);
    const odd = await read(npz({ spacing: tensorOf("float64", [4], [1, 2, 3, 4]) }));
    expect(odd.volume.spacing).toEqual([1, 1, 1]);
    expect(odd.warnings).toEqual([
      `"a.npz" has spacing (float64 [4]), which is not used: expected spacing [3], origin [3] and direction [3, 3], or affine [4, 4].`,
    ]);
    const projective = tensorOf("float64", [4, 4], affine.with(12, 1));
    expect(await refusal(npz({ affine: projective }))).toMatch(/should be finite and end in \[0, 0, 0, 1\]/);
  });

  test.each([
    ["sing.nii", /broken orientation \(sform 0 0 0 0; .*its spacing, with the origin in the middle is taken/],
    ["nii-350-foreign-n2.nii", /broken orientation \(sform 3\.482e-310 .*its qform is taken/],
  ])("%s", async (name, says) => {
    const { volume, warnings } = await read(at(`../hostile/${name}`));
    expect(warnings).toEqual([expect.stringMatching(says)]);
    expect(volume.direction.flat().every(Number.isFinite)).toBe(true);
  });

  test("what follows gzip data, however much was read before it, from a path and from a File", async () => {
    const header = readFileSync(at("N01_gz_tail/a.nii")).subarray(0, 352);
    header.writeInt16LE(2000, 46);
    const voxels = new Uint8Array(2 * 12 * 16 * 2000).map((_, i) => i % 251);
    const bytes = Buffer.concat([gzipSync(Buffer.concat([header, voxels])), Buffer.from("<html>")]);
    const path = join(temporaryFolder(), "a.nii.gz");
    writeFileSync(path, bytes);
    for (const input of [path, new File([bytes], "a.nii.gz")]) {
      const { volume, warnings } = await read(input);
      expect(Buffer.from(volume.data.buffer).equals(voxels)).toBe(true);
      expect(warnings).toEqual([expect.stringMatching(/has 6 bytes behind its end/)]);
    }
    expect((await read(at("N01_gz_tail/big_zeros.nii.gz"))).warnings).toEqual([]);
  });

  test("a wrong checksum is no tail", async () => {
    const bytes = gzipSync(readFileSync(at("N01_gz_tail/a.nii")));
    bytes[bytes.length - 6]! ^= 1;
    expect(await refusal(new File([bytes], "a.nii.gz"))).toMatch(/is damaged: its compressed data/);
    expect(await refusal(new File([bytes, "junk"], "a.nii.gz"))).toMatch(/is damaged: its compressed data/);
  });
});

test.each([
  ["N02_pairs/pair.hdr", /half of a scan in two files, \.hdr and \.img: make one \.nii\.gz/],
  ["N02_pairs/pair.img", /half of a scan in two files/],
  ["N02_pairs/spm.hdr", /half of a scan in two files/],
  ["N02_pairs/fs.mgz", /FreeSurfer's format: .*mri_convert/],
  ["N03_vox_offset_zero/zero.nii", /voxels begin at byte 0; .*vox_offset should be 352/],
  ["N04_types/bool.nii.gz", /is empty/],
  ["N04_types/complex.nii.gz", /holds complex numbers: save their magnitude/],
  ["M04_nrrd_spaces/bz2.nrrd", /encoded as "bzip2", .*save it with gzip/],
  [
    "P01_numpy/image_label.npz",
    /image \(int16 \[8, 16, 12\]\), label \(uint8 \[8, 16, 12\]\): .*--array NAME/,
  ],
])("%s is refused in one sentence", async (path, says) => {
  for (const input of [at(path), new File([readFileSync(at(path))], path.replace(/.*\//, ""))]) {
    const said = await refusal(input);
    expect(said).toMatch(says);
    expect(said).toMatch(/^AcsconvError [^\n]*\.$/);
  }
});

test("links to files, and into folders", async () => {
  const folder = temporaryFolder();
  const paths = {
    "scan.mha": "km1.mha",
    "scan.nrrd": "kn1.nrrd",
    "scan.nii.gz": "kn1.nii.gz",
    "h.mhd": "h.mhd",
  };
  for (const [link, file] of Object.entries(paths))
    symlinkSync(at(`F01_paths/store/${file}`), join(folder, link));
  symlinkSync(at("F01_paths/store"), join(folder, "linked"));
  for (const path of [...Object.keys(paths), "linked/h.mhd", "linked/kn1.nrrd"])
    expect([...(await read(join(folder, path))).volume.data]).toEqual(counted());
  // Voxels beside the link, not beside what it leads to.
  mkdirSync(join(folder, "apart"));
  copyFileSync(at("F01_paths/store/h.mhd"), join(folder, "apart", "header.mhd"));
  symlinkSync(join(folder, "apart", "header.mhd"), join(folder, "here.mhd"));
  symlinkSync(at("F01_paths/store/h.raw"), join(folder, "h.raw"));
  expect([...(await read(join(folder, "here.mhd"))).volume.data]).toEqual(counted());
  expect(await refusal(join(folder, "apart", "header.mhd"))).toMatch(
    /Cannot read ".*h\.raw": there is no such file/,
  );
});

test("a header whose voxels are elsewhere, in a browser", async () => {
  for (const name of ["F01_paths/store/h.mhd", "M01_nrrd_detached/sub.nhdr"])
    expect(await refusal(new File([readFileSync(at(name))], name.replace(/.*\//, "")))).toMatch(
      /keeps its voxels in another file, ".*", which cannot be opened here: save both as one file/,
    );
});

/** 2 × 3 × 4 voxels of 100·d + 10·h + w, little-endian. */
const small = Int16Array.from(
  { length: 24 },
  (_, i) => 100 * Math.floor(i / 6) + 10 * (Math.floor(i / 2) % 3) + (i % 2),
);
const raw = Buffer.from(small.buffer);
const bigEndian = Buffer.from(raw).swap16();
const hundredths = Buffer.from(Int16Array.from(small, (x) => x + 1000).buffer);
const SMALL = { shape: [4, 3, 2] };

describe("NRRD", () => {
  const LPS = "space: left-posterior-superior";
  const DIRECTIONS = "space directions: (0.7,0,0) (0,0.8,0) (0,0,2.5)";
  const ORIGIN = "space origin: (-20,-30,5)";
  const KIND = ["type: short", "dimension: 3", "sizes: 2 3 4", "endian: little"];
  const nrrd = (fields: readonly string[], data: Uint8Array, name = "a.nrrd"): File =>
    new File([`NRRD0005\n${fields.join("\n")}\n\n`, new Uint8Array(data)], name);
  const plain = (...more: string[]): readonly string[] => [
    ...KIND,
    "encoding: raw",
    LPS,
    DIRECTIONS,
    ORIGIN,
    ...more,
  ];

  test.each<[string, readonly string[], Uint8Array]>([
    ["as it is", plain(), raw],
    ["long after its end", plain(), Buffer.concat([raw, Buffer.from("xx")])],
    ["comments and keys", plain("foo:=bar: baz", "# comment"), raw],
    ["byte skip", plain("byte skip: 5"), Buffer.concat([Buffer.from("JUNKJ"), raw])],
    ["byte skip from the end", plain("byte skip: -1"), Buffer.concat([Buffer.from("JUNKJUNK"), raw])],
    ["line skip", plain("line skip: 2", "byte skip: 3"), Buffer.concat([Buffer.from("one\ntwo\nABC"), raw])],
    ["measurement frame", plain("measurement frame: (0,1,0) (1,0,0) (0,0,1)"), raw],
    ["big-endian", plain().map((line) => (line === "endian: little" ? "endian: big" : line)), bigEndian],
    ["gzip", [...KIND, "encoding: gz", LPS, DIRECTIONS, ORIGIN], gzipSync(raw)],
    [
      "gzip, bytes skipped",
      [...KIND, "encoding: gzip", "byte skip: 3", LPS, DIRECTIONS, ORIGIN],
      gzipSync(Buffer.concat([Buffer.from("ABC"), raw])),
    ],
    [
      "gzip after a line",
      [...KIND, "encoding: gzip", "line skip: 1", LPS, DIRECTIONS, ORIGIN],
      Buffer.concat([Buffer.from("line\n"), gzipSync(raw)]),
    ],
    [
      "hexadecimal",
      [...KIND, "encoding: hex", LPS, DIRECTIONS, ORIGIN],
      Buffer.from(raw.toString("hex").replace(/(.{40})/g, "$1\n")),
    ],
    ["text", [...KIND, "encoding: txt", LPS, DIRECTIONS, ORIGIN], Buffer.from([...small].join("\n"))],
    [
      "other case",
      [
        "Type: Short",
        "Dimension: 3",
        "Sizes: 2  3   4",
        "Endian: Little",
        "Encoding: Raw",
        "Space: LPS",
        "space directions: (0.7, 0, 0) (0, 0.8, 0) (0, 0, 2.5)",
        "space origin: ( -20 , -30 , 5 )",
      ],
      raw,
    ],
  ])("%s", async (_, fields, data) => {
    const { volume, warnings } = await read(nrrd(fields, data));
    expect(volume.data).toEqual(small);
    expectPlace(volume, SMALL);
    expect(warnings).toEqual([]);
  });

  test("lines that end as on Windows", async () => {
    const file = new File([`NRRD0005\r\n${plain().join("\r\n")}\r\n\r\n`, raw], "a.nrrd");
    expect((await read(file)).volume.data).toEqual(small);
  });

  test.each<[string, readonly number[], unknown]>([
    [
      "RAS",
      [20, 30, 5],
      [
        [0, 0, 1],
        [0, -1, 0],
        [-1, 0, 0],
      ],
    ],
    [
      "left-anterior-superior",
      [-20, 30, 5],
      [
        [0, 0, 1],
        [0, -1, 0],
        [1, 0, 0],
      ],
    ],
    ["3D-left-handed", [-20, -30, 5], UPRIGHT],
    ["scanner-xyz", [-20, -30, 5], UPRIGHT],
  ])("in the space %s", async (space, origin, direction) => {
    const { volume } = await read(
      nrrd([...KIND, "encoding: raw", `space: ${space}`, DIRECTIONS, ORIGIN], raw),
    );
    expectPlace(volume, { ...SMALL, origin, direction });
  });

  test("sheared, in RAS", async () => {
    const fields = [
      ...KIND,
      "encoding: raw",
      "space: RAS",
      "space directions: (0.7,0.1,0) (0,0.8,0.2) (0.3,0,2.5)",
      ORIGIN,
    ];
    const { volume } = await read(nrrd(fields, raw));
    expect(volume.spacing).toBeAllClose([2.51794, 0.82462, Math.SQRT1_2], { rtol: 1e-5, atol: 0 });
    expect(volume.direction.flat()).toBeAllClose(
      [-0.1191, 0, 0.9929, 0, -0.9701, 0.2425, -0.9899, -0.1414, 0],
      { rtol: 0, atol: 1e-4 },
    );
  });

  test.each<[string, string[], readonly number[], readonly number[]]>([
    ["spacings alone", ["spacings: 0.7 0.8 2.5"], [2.5, 0.8, 0.7], [0, 0, 0]],
    ["axis mins", ["spacings: 0.7 0.8 2.5", "axis mins: -1 -2 -3"], [2.5, 0.8, 0.7], [-0.65, -1.6, -1.75]],
    [
      "axis mins of nodes",
      ["spacings: 0.7 0.8 2.5", "axis mins: -1 -2 -3", "centerings: node node node"],
      [2.5, 0.8, 0.7],
      [-1, -2, -3],
    ],
    ["thicknesses", ["thicknesses: 0.7 0.8 2.5"], [1, 1, 1], [0, 0, 0]],
    ["an origin alone", [LPS, ORIGIN], [1, 1, 1], [-20, -30, 5]],
  ])("%s", async (_, fields, spacing, origin) => {
    const { volume } = await read(nrrd([...KIND, "encoding: raw", ...fields], raw));
    expectPlace(volume, { ...SMALL, spacing, origin });
  });

  test("components first, in the middle, last; with and without kinds", async () => {
    const interleaved = Buffer.alloc(96);
    small.forEach((x, i) => {
      interleaved.writeInt16LE(x, 4 * i);
      interleaved.writeInt16LE(x + 1000, 4 * i + 2);
    });
    const slices = Buffer.concat(
      [0, 1, 2, 3].flatMap((d) => [
        raw.subarray(12 * d, 12 * d + 12),
        hundredths.subarray(12 * d, 12 * d + 12),
      ]),
    );
    const [w, h, d] = ["(0.7,0,0)", "(0,0.8,0)", "(0,0,2.5)"];
    for (const [sizes, directions, kinds, data] of [
      ["2 2 3 4", `none ${w} ${h} ${d}`, "vector domain domain domain", interleaved],
      ["2 2 3 4", `none ${w} ${h} ${d}`, undefined, interleaved],
      ["2 3 2 4", `${w} ${h} none ${d}`, "domain domain list domain", slices],
      ["2 3 4 2", `${w} ${h} ${d} none`, "space space space list", Buffer.concat([raw, hundredths])],
      ["2 3 4 2", `${w} ${h} ${d} none`, undefined, Buffer.concat([raw, hundredths])],
    ] as const) {
      const fields = [
        "type: short",
        "dimension: 4",
        `sizes: ${sizes}`,
        "endian: little",
        "encoding: raw",
        LPS,
        `space directions: ${directions}`,
        ORIGIN,
      ];
      const { volume } = await read(nrrd(kinds ? [...fields, `kinds: ${kinds}`] : fields, data));
      expect(volume.channels).toBe(2);
      expect([...volume.data]).toEqual([...small, ...small.map((x) => x + 1000)]);
      expectPlace(volume, SMALL);
    }
  });

  test("units other than millimetres are read as ITK reads them, with a warning", async () => {
    for (const [fields, unit] of [
      [plain('space units: "cm" "cm" "cm"'), "cm"],
      [[...KIND, "encoding: raw", "spacings: 0.7 0.8 2.5", 'units: "um" "um" "um"'], "um"],
    ] as const) {
      const { volume, warnings } = await read(nrrd(fields, raw));
      expect(volume.spacing).toEqual([2.5, 0.8, 0.7]);
      expect(warnings).toEqual([expect.stringContaining(`lengths are in ${unit}: they are read as mm`)]);
    }
    expect((await read(nrrd(plain('space units: "mm" "mm" "mm"'), raw))).warnings).toEqual([]);
  });

  test("voxels in files of their own", async () => {
    const folder = temporaryFolder();
    for (let i = 0; i < 4; i++) {
      writeFileSync(join(folder, `s${i}.raw`), raw.subarray(12 * i, 12 * i + 12));
      writeFileSync(join(folder, `s${i}.raw.gz`), gzipSync(raw.subarray(12 * i, 12 * i + 12)));
    }
    writeFileSync(join(folder, "all.raw"), raw);
    const header = (name: string, text: string): string => {
      writeFileSync(join(folder, name), `NRRD0005\n${text}`);
      return join(folder, name);
    };
    const gzipped = [...KIND, "encoding: gzip", LPS, DIRECTIONS, ORIGIN].join("\n");
    for (const path of [
      header("one.nhdr", `${plain("datafile: ./all.raw").join("\n")}\n\n`),
      header("one.nrrd", `${plain("data file: all.raw").join("\n")}\n`),
      header("list.nhdr", `${plain("data file: LIST").join("\n")}\ns0.raw\ns1.raw\ns2.raw\ns3.raw`),
      header("list3.nhdr", `${plain("data file: LIST 3").join("\n")}\nall.raw\n`),
      header("gz.nhdr", `${gzipped}\ndata file: LIST 2\ns0.raw.gz\ns1.raw.gz\ns2.raw.gz\ns3.raw.gz\n`),
      header("count.nhdr", `${plain("data file: s%d.raw 0 3 1").join("\n")}\n`),
    ])
      expect((await read(path)).volume.data).toEqual(small);
    const down = (await read(header("down.nhdr", `${plain("data file: s%01d.raw 3 0 -1 2").join("\n")}\n`)))
      .volume;
    expect([...down.data]).toEqual([3, 2, 1, 0].flatMap((d) => [...small.subarray(6 * d, 6 * d + 6)]));
    expect(
      await refusal(header("few.nhdr", `${plain("data file: LIST").join("\n")}\ns0.raw\ns1.raw\ns2.raw\n`)),
    ).toMatch(/names 3 files, where its sizes 2 × 3 × 4 take 4/);
  });

  test("the voxels' file has a name in UTF-8, or in Latin-1", async () => {
    const folder = temporaryFolder();
    for (const name of ["über ÃŸ.raw", "é.raw"]) writeFileSync(join(folder, name), raw);
    const header = `NRRD0005\n${plain("data file: ").join("\n")}`;
    writeFileSync(join(folder, "utf8.nhdr"), `${header}über ÃŸ.raw\n`);
    writeFileSync(join(folder, "latin1.nhdr"), Buffer.from(`${header}é.raw\n`, "latin1"));
    for (const name of ["utf8.nhdr", "latin1.nhdr"])
      expect((await read(join(folder, name))).volume.data).toEqual(small);
  });

  test("infinity in letters", async () => {
    const words = Buffer.from(`inf -Infinity nan -NaN ${"1.5 ".repeat(20)}`);
    const { volume } = await read(
      nrrd(["type: float", "dimension: 3", "sizes: 2 3 4", "encoding: ascii"], words),
    );
    expect([...volume.data.subarray(0, 5)]).toEqual([Infinity, -Infinity, NaN, NaN, 1.5]);
  });

  test.each<[string, readonly string[], Uint8Array, RegExp]>([
    ["cut", plain(), raw.subarray(1), /is truncated: 48 bytes of voxels are promised, more than the 47/],
    [
      "gzip of less",
      [...KIND, "encoding: gzip"],
      gzipSync(raw.subarray(1)),
      /is truncated: it ends 1 bytes before/,
    ],
    [
      "text of less",
      [...KIND, "encoding: ascii"],
      Buffer.from(`${[...small].slice(1).join(" ")}         `),
      /voxel 24 of 24 is missing/,
    ],
    ["words", [...KIND, "encoding: ascii"], Buffer.from("one ".repeat(24)), /voxel 1 of 24 is "one"/],
    [
      "no order of bytes",
      plain().filter((line) => !line.startsWith("endian")),
      raw,
      /should say "endian: little"/,
    ],
    ["sizes twice", plain("sizes: 4 3 2"), raw, /says "sizes" twice/],
    [
      "complex",
      [
        "type: float",
        "dimension: 4",
        "sizes: 2 2 3 4",
        "endian: little",
        "encoding: raw",
        "kinds: complex domain domain domain",
      ],
      Buffer.alloc(192),
      /complex numbers/,
    ],
    [
      "five axes",
      ["type: short", "dimension: 5", "sizes: 2 3 4 1 1", "endian: little", "encoding: raw"],
      raw,
      /has 5 axes in space and time/,
    ],
    [
      "an axis of no length",
      [...KIND, "encoding: raw", LPS, "space directions: (0.7,0,0) (0,0,0) (0,0,2.5)"],
      raw,
      /steps along its axes are \(0, 0, 2\.5\) \(0, 0, 0\)/,
    ],
    [
      "an axis without direction",
      [...KIND, "encoding: raw", LPS, "space directions: (0.7,0,0) (nan,nan,nan) (0,0,2.5)"],
      raw,
      /has 2 axes in space/,
    ],
    [
      "an unknown space",
      [...KIND, "encoding: raw", "space: MNI", DIRECTIONS],
      raw,
      /lies in the space "mni"/,
    ],
    [
      "blocks",
      ["type: block", "dimension: 3", "sizes: 2 3 4", "encoding: raw"],
      raw,
      /elements of type "block"/,
    ],
  ])("is refused: %s", async (_, fields, data, says) => {
    expect(await refusal(nrrd(fields, data))).toMatch(says);
  });
});

describe("MetaImage", () => {
  const KIND = ["ObjectType = Image", "NDims = 3", "DimSize = 2 3 4", "ElementType = MET_SHORT"];
  const GRID = ["Offset = -20 -30 5", "ElementSpacing = 0.7 0.8 2.5"];
  const meta = (fields: readonly string[], data: Uint8Array, voxels = "LOCAL"): File =>
    new File([`${[...fields, `ElementDataFile = ${voxels}`].join("\n")}\n`, new Uint8Array(data)], "a.mha");
  const TURNED = [
    [0, 0, 1],
    [-1, 0, 0],
    [0, 1, 0],
  ];

  test.each<[string, readonly string[], Uint8Array, object?]>([
    ["as it is", [...KIND, ...GRID], raw],
    ["in Local", [...KIND, ...GRID], raw],
    [
      "an anatomical orientation, which is only a name",
      [...KIND, ...GRID, "AnatomicalOrientation = ASL"],
      raw,
    ],
    [
      "a matrix",
      [...KIND, ...GRID, "TransformMatrix = 0 1 0 -1 0 0 0 0 1", "CenterOfRotation = 5 6 7"],
      raw,
      { direction: TURNED },
    ],
    ["Orientation", [...KIND, ...GRID, "Orientation = 0 1 0 -1 0 0 0 0 1"], raw, { direction: TURNED }],
    ["ElementSize", [...KIND, "Position = -20 -30 5", "ElementSize = 0.7 0.8 2.5"], raw],
    [
      "both spacings",
      [...KIND, "Origin = -20 -30 5", "ElementSize = 1 1 1", "ElementSpacing = 0.7 0.8 2.5"],
      raw,
    ],
    [
      "a negative spacing",
      [...KIND, "Offset = -20 -30 5", "ElementSpacing = -0.7 0.8 2.5"],
      raw,
      {
        direction: [
          [0, 0, 1],
          [0, 1, 0],
          [-1, 0, 0],
        ],
      },
    ],
    ["big-endian", [...KIND, ...GRID, "BinaryDataByteOrderMSB = True"], bigEndian],
    ["big-endian elements", [...KIND, ...GRID, "ElementByteOrderMSB = True"], bigEndian],
    ["compressed", [...KIND, ...GRID, "CompressedData = True", "CompressedDataSize = 7"], deflateSync(raw)],
    ["compressed to an unsaid size", [...KIND, ...GRID, "CompressedData = True"], deflateSync(raw)],
    ["text", [...KIND, ...GRID, "BinaryData = False"], Buffer.from([...small].join(" "))],
    [
      "behind a header of any size",
      [...KIND, ...GRID, "HeaderSize = -1"],
      Buffer.concat([Buffer.from("JUNK"), raw]),
    ],
    ["equal signs without spaces", [...KIND, ...GRID].map((line) => line.replace(" = ", "=")), raw],
    [
      "a function that is not applied, as ITK does not",
      [...KIND, ...GRID, "ElementToIntensityFunctionSlope = 2"],
      raw,
    ],
  ])("%s", async (_, fields, data, place = {}) => {
    const { volume, warnings } = await read(meta(fields, data, _ === "in Local" ? "Local" : "LOCAL"));
    expect(volume.data).toEqual(small);
    expectPlace(volume, { ...SMALL, ...place });
    expect(warnings).toEqual([]);
  });

  test("nothing but sizes; time; channels; two dimensions; centimetres", async () => {
    expectPlace((await read(meta(KIND, raw))).volume, { ...SMALL, spacing: [1, 1, 1], origin: [0, 0, 0] });
    const time = await read(
      meta(
        [
          "NDims = 4",
          "DimSize = 2 3 4 2",
          "ElementType = MET_SHORT",
          "ElementSpacing = 0.7 0.8 2.5 3",
          "Offset = -20 -30 5 0",
        ],
        Buffer.concat([raw, hundredths]),
      ),
    );
    expect([...time.volume.data]).toEqual([...small, ...small.map((x) => x + 1000)]);
    expectPlace(time.volume, SMALL);
    const pairs = Buffer.alloc(96);
    small.forEach((x, i) => {
      pairs.writeInt16LE(x, 4 * i);
      pairs.writeInt16LE(x + 1000, 4 * i + 2);
    });
    for (const type of ["MET_SHORT", "MET_SHORT_ARRAY"]) {
      const { volume } = await read(
        meta(
          ["NDims = 3", "DimSize = 2 3 4", `ElementType = ${type}`, ...GRID, "ElementNumberOfChannels = 2"],
          pairs,
        ),
      );
      expect([...volume.data]).toEqual([...small, ...small.map((x) => x + 1000)]);
    }
    const flat = await read(
      meta(["NDims = 2", "DimSize = 6 4", "ElementType = MET_SHORT", "ElementSpacing = 0.7 0.8"], raw),
    );
    expectPlace(flat.volume, { shape: [1, 4, 6], spacing: [1, 0.8, 0.7], origin: [0, 0, 0] });
    const { warnings } = await read(meta([...KIND, ...GRID, "DistanceUnits = cm"], raw));
    expect(warnings).toEqual([expect.stringMatching(/lengths are in cm: they are read as mm/)]);
  });

  test("every type", async () => {
    for (const [name, Type] of [
      ["CHAR", Int8Array],
      ["UCHAR", Uint8Array],
      ["USHORT", Uint16Array],
      ["INT", Int32Array],
      ["UINT", Uint32Array],
      ["LONG", Int32Array],
      ["ULONG", Uint32Array],
      ["FLOAT", Float32Array],
      ["DOUBLE", Float64Array],
    ] as const) {
      const values = Type.from([...small].map((x) => x % 100));
      const fields = ["NDims = 3", "DimSize = 2 3 4", `ElementType = MET_${name}`];
      expect([...(await read(meta(fields, new Uint8Array(values.buffer)))).volume.data]).toEqual([...values]);
    }
  });

  test("voxels in files of their own", async () => {
    const folder = temporaryFolder();
    for (let i = 0; i < 4; i++) writeFileSync(join(folder, `s${i}.raw`), raw.subarray(12 * i, 12 * i + 12));
    writeFileSync(join(folder, "headed.raw"), Buffer.concat([Buffer.from("0123456789"), raw]));
    writeFileSync(join(folder, "a.zraw"), deflateSync(raw));
    for (const [i, [voxels, ...fields]] of [
      ["headed.raw", "HeaderSize = 10"],
      ["headed.raw", "HeaderSize = -1"],
      ["a.zraw", "CompressedData = True"],
      ["s%d.raw 0 3 1"],
      ["LIST\ns0.raw\ns1.raw\ns2.raw\ns3.raw"],
      ["LIST 2\ns0.raw\ns1.raw\ns2.raw\ns3.raw"],
      ["LIST 2D\ns0.raw\ns1.raw\ns2.raw\ns3.raw"],
      ["LIST 3\nheaded.raw", "HeaderSize = -1"],
    ].entries()) {
      const path = join(folder, `${i}.mhd`);
      writeFileSync(path, `${[...KIND, ...GRID, ...fields, `ElementDataFile = ${voxels}`].join("\n")}\n`);
      expect((await read(path)).volume.data).toEqual(small);
    }
    // More and fewer files than slices, which divide the voxels as well.
    for (const [i, voxels] of ["s%d.raw 0 7 1", "s%d.raw 0 1 1", "LIST\ns0.raw\ns1.raw"].entries()) {
      const path = join(folder, `wrong${i}.mhd`);
      writeFileSync(path, `${[...KIND, ...GRID, `ElementDataFile = ${voxels}`].join("\n")}\n`);
      expect(await refusal(path)).toMatch(/names [28] files, where its sizes 2 × 3 × 4 take 4\.$/);
    }
  });

  test("of two orders of bytes, the one that ITK goes by", async () => {
    const fields = [...KIND, ...GRID, "BinaryDataByteOrderMSB = False", "ElementByteOrderMSB = True"];
    expect((await read(meta(fields, raw))).volume.data).toEqual(small);
  });

  test.each<[string, readonly string[], Uint8Array, RegExp]>([
    ["cut", [...KIND, ...GRID], raw.subarray(1), /is truncated: 48 bytes of voxels are promised/],
    [
      "gzip, where zlib is wanted",
      [...KIND, "CompressedData = True"],
      gzipSync(raw),
      /compressed data cannot be expanded/,
    ],
    [
      "a spacing that is no number",
      [...KIND, "ElementSpacing = nan 0.8 2.5"],
      raw,
      /ElementSpacing should be 3 numbers/,
    ],
    ["a spacing of 0", [...KIND, "ElementSpacing = 0 0.8 2.5"], raw, /steps along its axes/],
    ["a singular matrix", [...KIND, "TransformMatrix = 1 0 0 1 0 0 0 0 1"], raw, /three independent axes/],
    ["a header without sizes", ["NDims = 3", "ElementType = MET_SHORT"], raw, /its sizes are undefined/],
    [
      "an unknown type",
      ["NDims = 3", "DimSize = 2 3 4", "ElementType = MET_STRING"],
      raw,
      /type "MET_STRING"/,
    ],
  ])("is refused: %s", async (_, fields, data, says) => {
    expect(await refusal(meta(fields, data))).toMatch(says);
  });
});
