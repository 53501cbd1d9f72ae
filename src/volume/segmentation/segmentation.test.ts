import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import dicomParser, { type DataSet } from "dicom-parser";
import { describe, expect, test } from "vitest";
import { dicomFile, illegal, saveEnhanced, saveSeries } from "../../../test/helpers/dicom.ts";
import { oblique, randomVolume, temporaryFolder } from "../../../test/helpers/volumes.ts";
import { readVolume } from "../read.ts";
import { orientationOf, reorient } from "../reorient.ts";
import { type Grid, type Volume, plainGrid, voxelCount, withData } from "../volume.ts";
import { encodeDicom } from "./encode.ts";
import { isSegmentation, readSegmentation } from "./read.ts";
import { type SegmentationOptions, encodeSegmentation, writeSegmentation } from "./write.ts";

const D14 = fileURLToPath(new URL("../../../test/fixtures/cases/D14_seg/seg.dcm", import.meta.url));

const scan = randomVolume("int16");
/** Labels 0 to 3, of which the first slice has none. */
const labelsOn = (grid: Grid, value = (i: number): number => (i * 7) % 4): Volume => {
  const plane = grid.shape[1] * grid.shape[2];
  const data = Uint8Array.from({ length: voxelCount(grid) }, (_, i) => (i < plane ? 0 : value(i)));
  return withData(grid, data);
};
const labels = labelsOn(oblique);

const concatenated = (parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(parts.flatMap((part) => [...part]));
const save = async (volume: Volume, options: SegmentationOptions): Promise<string> => {
  const path = join(temporaryFolder(), "seg.dcm");
  writeFileSync(path, concatenated(await encodeSegmentation(volume, options)));
  return path;
};
const parsed = (path: string): DataSet => dicomParser.parseDicom(readFileSync(path));
const items = (set: DataSet | undefined, tag: string): DataSet[] =>
  (set?.elements[tag]?.items ?? []).map(({ dataSet }) => dataSet!);
const inner = (set: DataSet | undefined, ...tags: string[]): DataSet | undefined =>
  tags.reduce<DataSet | undefined>((from, tag) => items(from, tag)[0], set);

const PER_FRAME = "x52009230";
const DERIVATION = "x00089124";
const SOURCE = "x00082112";

describe("written and read back", () => {
  test("labels on an oblique series", async () => {
    const source = temporaryFolder();
    saveSeries(source, scan);
    const path = await save(labels, { source });
    const read = await readSegmentation(path, oblique);
    expect(read.data).toEqual(labels.data);
    expect(read).toMatchObject({ shape: oblique.shape, channels: 1 });
    expect(read.segments).toEqual([1, 2, 3].map((number) => ({ number, label: `label ${number}` })));
    expect(await isSegmentation(path)).toBe(true);
  });

  test("by writeSegmentation, and never over one of the images", async () => {
    const source = temporaryFolder();
    const [first] = saveSeries(source, scan);
    const path = join(temporaryFolder(), "seg.dcm");
    await writeSegmentation(labels, path, { source });
    expect((await readSegmentation(path, oblique)).data).toEqual(labels.data);
    await expect(writeSegmentation(labels, first!, { source })).rejects.toMatchObject({
      code: "E_OVERWRITE",
    });
  });

  test("axes that are turned against the images' are the same place", async () => {
    const source = temporaryFolder();
    saveSeries(source, scan);
    for (const code of ["RAS", "SPL", "ILA"]) {
      const turned = reorient(labels, code);
      const path = await save(turned, { source });
      expect((await readSegmentation(path, turned)).data).toEqual(turned.data);
      const back = await readSegmentation(path, oblique);
      expect(back.data).toEqual(reorient(turned, orientationOf(oblique)).data);
      expect(back.data).toEqual(labels.data);
    }
  });

  test("of the files of a series, as a browser has them", async () => {
    const paths = saveSeries(temporaryFolder(), scan);
    const source = paths.map((path) => new File([readFileSync(path)], path.split("/").at(-1)!));
    const path = await save(labels, { source });
    const file = new File([readFileSync(path)], "seg.dcm");
    expect((await readSegmentation(file, oblique)).data).toEqual(labels.data);
  });

  test("masks that overlap are segments that overlap", async () => {
    const source = temporaryFolder();
    saveSeries(source, scan);
    const one = Uint8Array.from(labels.data, (label) => (label > 0 ? 1 : 0));
    const two = Uint8Array.from(labels.data, (label) => (label === 2 ? 1 : 0));
    const masks = withData(oblique, Uint8Array.from([...one, ...two]), 2);
    const segments = [
      { value: 1, name: "whole" },
      { value: 2, name: "core" },
    ];
    const path = await save(masks, { source, segments });
    expect(parsed(path).string("x00620013")).toBe("YES");
    await expect(readSegmentation(path, oblique)).rejects.toMatchObject({
      kind: "format",
      message: expect.stringMatching(
        /segments 1 \("whole"\) and 2 \("core"\) overlap, as in voxel/,
      ) as string,
    });
    await expect(encodeSegmentation(masks, { source, segments: segments.slice(1) })).rejects.toThrow(
      /a segment for each of the 2 masks, not 1/,
    );
  });

  test("nothing found is one empty frame", async () => {
    const source = temporaryFolder();
    saveSeries(source, scan);
    const empty = labelsOn(oblique, () => 0);
    const path = await save(empty, { source, segments: [{ value: 4, name: "liver" }] });
    expect(parsed(path).intString("x00280008")).toBe(1);
    const read = await readSegmentation(path, oblique);
    expect(read.data).toEqual(empty.data);
    expect(read.segments).toEqual([{ number: 1, label: "liver" }]);
  });
});

describe("what a segmentation says", () => {
  test("of its images, its patient and itself", async () => {
    const source = temporaryFolder();
    saveSeries(source, scan);
    const segments = [
      { value: 1, name: "liver", colour: [230, 159, 0] as const },
      { value: 3, name: "Kidney_left" },
      { value: 2, name: "Zyste\\ärgerlich" },
    ];
    const path = await save(labels, { source, segments, algorithm: "net.onnx" });
    const set = parsed(path);
    const text = (from: DataSet | undefined, tag: string): string => {
      const element = from?.elements[tag];
      const bytes =
        element && from.byteArray.subarray(element.dataOffset, element.dataOffset + element.length);
      return new TextDecoder().decode(bytes).replace(/[\0 ]+$/, "");
    };
    expect(text(set, "x00100010")).toBe("Müller^Jörg");
    expect(
      ["x00100020", "x00100030", "x00080020", "x00080050", "x0020000d", "x00200052"].map((tag) =>
        text(set, tag),
      ),
    ).toEqual(["P-1", "19700203", "20260102", "A7", "1.2.3.1", "1.2.3.3"]);
    expect(text(set, "x0020000e")).toMatch(/^2\.25\.\d{30,39}$/);
    expect(text(set, "x00080018")).not.toBe(text(set, "x0020000e"));
    expect(text(set, "x00620013")).toBe("NO");

    const described = items(set, "x00620002");
    expect(described.map((item) => text(item, "x00620005"))).toEqual([
      "liver",
      "Kidney_left",
      "Zyste ärgerlich",
    ]);
    expect(described.map((item) => item.uint16("x00620004"))).toEqual([1, 2, 3]);
    const codes = (tag: string): string[] =>
      described.map((item) => {
        const code = inner(item, tag);
        return `${text(code, "x00080102")} ${text(code, "x00080100")} ${text(code, "x00080104")}`;
      });
    expect(codes("x0062000f")).toEqual(["SCT 10200004 Liver", "SCT 64033007 Kidney", "SCT 85756007 Tissue"]);
    expect(codes("x00620003")[0]).toBe("SCT 91723000 Anatomical Structure");
    expect(text(inner(described[1], "x0062000f", "x00620011"), "x00080104")).toBe("Left");
    expect(described.map((item) => text(item, "x00620009"))).toEqual(Array(3).fill("net.onnx"));
    expect(described[0]!.elements["x0062000d"]!.length).toBe(6);
    expect(described[1]!.elements["x0062000d"]).toBeUndefined();

    // Slices 2 and 3 of each segment: the first slice has no labels, and so no frames.
    const frames = items(set, PER_FRAME);
    const ofFrame = frames.map((frame) => [
      inner(frame, "x0062000a")!.uint16("x0062000b"),
      inner(frame, DERIVATION, SOURCE)!.string("x00081155"),
      inner(frame, "x00209111")!.uint32("x00209157", 1),
    ]);
    expect(ofFrame).toEqual([1, 2, 3].flatMap((segment) => [2, 3].map((d) => [segment, `1.2.3.4.${d}`, d])));
    const [, height, width] = oblique.shape;
    expect([set.uint16("x00280010"), set.uint16("x00280011")]).toEqual([height, width]);
    const series = inner(set, "x00081115")!;
    expect(series.string("x0020000e")).toBe("1.2.3.2");
    expect(items(series, "x0008114a").map((item) => item.string("x00081155"))).toEqual(
      [1, 2, 3].map((d) => `1.2.3.4.${d}`),
    );
  });

  test("of the patient what the standard allows, in its form, and no more", async () => {
    const source = temporaryFolder();
    const changes = {
      PatientBirthDate: "19700203",
      PatientName: `${"Ä".repeat(64)}=山田^太郎=${"B".repeat(64)}`,
      PatientAge: "044Y",
      StudyTime: "101112.5",
      LossyImageCompression: "01",
      LossyImageCompressionRatio: "12.5",
      LossyImageCompressionMethod: "ISO_15444_1",
    };
    const paths = saveSeries(source, scan, changes);
    // Of the same lengths, so that they can be put in without encoding anew.
    for (const path of paths) {
      const bytes = readFileSync(path);
      for (const [from, to] of [
        ["19700203", "1970-2-3"],
        ["101112.5", "10:11:12"],
        ["044Y", "44 Y"],
      ] as const)
        bytes.write(to, bytes.indexOf(from), "latin1");
      writeFileSync(path, bytes);
    }
    const told: string[] = [];
    const path = await save(labels, { source, onWarning: (sentence) => told.push(sentence) });
    const set = parsed(path);
    expect(set.string("x00080030")).toBe("101112");
    expect(set.elements["x00100030"]!.length).toBe(0);
    expect(set.elements["x00101010"]).toBeUndefined();
    expect(["x00282110", "x00282112", "x00282114"].map((tag) => set.string(tag))).toEqual([
      "01",
      "12.5",
      "ISO_15444_1",
    ]);
    const { dataOffset, length } = set.elements["x00100010"]!;
    expect(new TextDecoder().decode(set.byteArray.subarray(dataOffset, dataOffset + length)).trim()).toBe(
      changes.PatientName,
    );
    expect(told).toEqual([
      expect.stringMatching(
        /has a value of PatientBirthDate that is against the standard, "1970-2-3": the segmentation goes/,
      ),
      expect.stringMatching(/has a value of PatientAge that is against the standard, "44 Y"/),
    ]);
  });

  test.each([
    ["PatientBirthDate", "01.02.1990", undefined],
    ["PatientBirthDate", "19900230", undefined],
    ["StudyDate", "2020-01-02", "20200102"],
    ["StudyTime", "25:00", undefined],
    ["StudyTime", "1:02", undefined],
    ["AccessionNumber", "A".repeat(17), undefined],
    ["PatientID", "P".repeat(65), undefined],
    ["PatientID", "P-1\\P-2", undefined],
    ["PatientName", "N".repeat(65), undefined],
    ["PatientName", "a^b^c^d^e^f", undefined],
    ["PatientName", "a=b=c=d", undefined],
    ["PatientSex", "MALE", undefined],
    ["PatientAge", "00045Y", undefined],
    ["PatientWeight", "80 kg", undefined],
    ["PatientSize", "1.7512345678901234", undefined],
    ["StudyID", "S\u0001", undefined],
  ] as const)("%s %j is written as %j, or left out and told", async (keyword, value, written) => {
    const source = temporaryFolder();
    saveSeries(source, scan, illegal({ [keyword]: value }));
    const told: string[] = [];
    const set = parsed(await save(labels, { source, onWarning: (sentence) => told.push(sentence) }));
    const texts = Object.values(set.elements).map(({ tag, vr }) => (vr === "SQ" ? "" : set.string(tag)));
    expect(texts.includes(written ?? value)).toBe(written !== undefined);
    const says = new RegExp(`has a value of ${keyword} that is against the standard, .* goes without it`);
    expect(told).toEqual(written === undefined ? [expect.stringMatching(says)] : []);
  });

  test("of an unknown character set all but the texts that would need it", async () => {
    const source = temporaryFolder();
    const changes = { PatientID: "Ä", PatientBirthDate: "19700204" };
    const paths = saveSeries(source, scan, changes);
    for (const path of paths) {
      const bytes = readFileSync(path);
      bytes.write("FOO       ", bytes.indexOf("ISO_IR 192"), "latin1");
      writeFileSync(path, bytes);
    }
    const told: string[] = [];
    const set = parsed(await save(labels, { source, onWarning: (sentence) => told.push(sentence) }));
    expect(told).toEqual(
      ["PatientName", "PatientID"].map(
        (keyword) =>
          expect.stringMatching(
            new RegExp(`has a value of ${keyword} that is no text in its character set, FOO: `),
          ) as string,
      ),
    );
    expect(["x00100020", "x00100030", "x0020000d", "x00081030"].map((tag) => set.string(tag))).toEqual([
      undefined,
      "19700204",
      "1.2.3.1",
      "Abdomen",
    ]);
  });

  test("only the images of the volume that was chosen, of several", async () => {
    const source = temporaryFolder();
    for (const echo of [1, 2]) {
      const paths = saveSeries(join(source, String(echo)), scan, { EchoTime: String(10 * echo) });
      for (const path of paths) {
        const bytes = readFileSync(path);
        bytes.write(`1.2.${echo}.4.`, bytes.lastIndexOf("1.2.3.4."), "latin1");
        writeFileSync(path, bytes);
      }
    }
    for (const [series, echoes] of [
      ["0:0", [1]],
      ["0:1", [2]],
      ["0", [1, 2]],
    ] as const) {
      const set = parsed(await save(labels, { source, series }));
      const [first] = items(set, PER_FRAME);
      const images = items(inner(first, DERIVATION), SOURCE).map((item) => item.string("x00081155"));
      expect(images).toEqual(echoes.map((echo) => `1.2.${echo}.4.2`));
      expect(items(inner(set, "x00081115"), "x0008114a")).toHaveLength(3 * echoes.length);
    }
    await expect(encodeSegmentation(labels, { source, series: "0:2" })).rejects.toThrow(
      /make 2 volumes .*; none of them is "2"/,
    );
  });

  test("frames of an image of several are named by their number there", async () => {
    const source = saveEnhanced(temporaryFolder(), scan);
    const path = await save(labels, { source });
    const set = parsed(path);
    const references = items(set, PER_FRAME).map((frame) => {
      const image = inner(frame, DERIVATION, SOURCE)!;
      return [image.string("x00081155"), image.intString("x00081160")];
    });
    // Stored from the last slice to the first: slices 2 and 3 are frames 2 and 1.
    expect(references.slice(0, 2)).toEqual([
      ["1.2.3.5", 2],
      ["1.2.3.5", 1],
    ]);
    expect(items(inner(set, "x00081115"), "x0008114a")).toHaveLength(1);
    expect((await readSegmentation(path, oblique)).data).toEqual(labels.data);
  });
});

describe("refused", () => {
  const source = (): string => {
    const folder = temporaryFolder();
    saveSeries(folder, scan);
    return folder;
  };
  const expectRefused = async (volume: Volume, options: SegmentationOptions, says: RegExp): Promise<void> => {
    await expect(encodeSegmentation(volume, options)).rejects.toMatchObject({
      kind: "input",
      message: expect.stringMatching(says) as string,
    });
  };

  test("labels elsewhere than the images, telling where both are", async () => {
    const moved = { ...labels, origin: [-12.5, 33.25, 8.5] as const };
    await expectRefused(
      moved,
      { source: source() },
      /No image of DICOM series "thin" .* from \[-12\.5, 33\.25, 8\.5\] mm .* from \[-12\.5, 33\.25, 8\] mm/,
    );
    const finer = labelsOn({ ...oblique, spacing: [1.25, 1.25, 0.75], shape: [5, 4, 5] });
    await expectRefused(
      finer,
      { source: source() },
      /Slice 2 of the volume's 5 is no image of DICOM series "thin"/,
    );
    const smaller = labelsOn({ ...oblique, shape: [3, 4, 4] });
    await expectRefused(smaller, { source: source() }, /No image/);
  });

  test.each([
    ["StudyInstanceUID", `1.2.${"3".repeat(61)}`, /\(0020,000d\) .* of 65 characters: /],
    ["FrameOfReferenceUID", `1.2.${"3".repeat(61)}`, /\(0020,0052\) .* of 65 characters: /],
    ["SeriesInstanceUID", `1.2.${"3".repeat(61)}`, /\(0020,000e\) .* of 65 characters: /],
    ["SOPInstanceUID", "abc", /\(0008,0018\) that is no UID, "abc": /],
  ])("a %s that cannot be repeated, naming its file", async (keyword, value, says) => {
    const folder = temporaryFolder();
    saveSeries(folder, scan, illegal({ [keyword]: value }));
    await expect(encodeSegmentation(labels, { source: folder })).rejects.toMatchObject({
      kind: "format",
      message: expect.stringMatching(new RegExp(`[1-4]\\.dcm" has a ${keyword} ${says.source}`)) as string,
    });
  });

  test("what dcmjs does not take, in one sentence", async () => {
    await expect(encodeDicom({ PatientName: "N".repeat(65) }, new Uint8Array())).rejects.toMatchObject({
      kind: "input",
      message: expect.stringMatching(
        /^The DICOM segmentation would hold what its encoder does not take \(.* vr: PN.*\): correct/,
      ) as string,
    });
  });

  test("a source that is no DICOM, labels without a segment, and two segments of one label", async () => {
    const nifti = join(temporaryFolder(), "scan.nii.gz");
    writeFileSync(nifti, "");
    await expectRefused(labels, { source: nifti }, /refers to the DICOM images .*scan\.nii\.gz" is none/);
    await expectRefused(
      labels,
      { source: source(), segments: [{ value: 1, name: "a" }] },
      /the label [23] in \d+ voxels, but the segments are 1 /,
    );
    const twice = [1, 2, 3, 3].map((value) => ({ value, name: "a" }));
    await expectRefused(labels, { source: source(), segments: twice }, /Two segments have the label 3/);
  });
});

describe("of images from the field", () => {
  const cases = fileURLToPath(new URL("../../../test/fixtures/cases/", import.meta.url));

  test.each([
    ["D01_same_sop_uid/ct", [/has 8 images under 1 SOPInstanceUIDs/]],
    ["D02_enhanced_shuffled/shuffled.dcm", []],
    ["D02b_enhanced_reversed/sagittal.dcm", []],
    ["D08_no_preamble/raw", []],
    ["D12_rtdose/down.dcm", []],
  ])("%s, read and labelled", async (name, warnings) => {
    const source = join(cases, name);
    const told: string[] = [];
    const volume = await readVolume(source, { onWarning: () => undefined });
    const marked = withData(
      volume,
      Uint8Array.from(volume.data, (_, i) => (i * 5) % 3),
    );
    const path = await save(marked, { source, onWarning: (sentence) => told.push(sentence) });
    expect((await readSegmentation(path, volume)).data).toEqual(marked.data);
    expect(told).toEqual(warnings.map((says) => expect.stringMatching(says) as string));
  });

  test("that do not say where they lie", async () => {
    const source = join(cases, "D13_multiframe_plain/between.dcm");
    const volume = await readVolume(source, { onWarning: () => undefined });
    const marked = withData(volume, new Uint8Array(volume.data.length));
    await expect(encodeSegmentation(marked, { source })).rejects.toThrow(
      /does not say where its images lie, which a segmentation of it has to repeat: write \.nii\.gz/,
    );
  });
});

const PLACED = {
  PlaneOrientationSequence: [{ ImageOrientationPatient: ["1", "0", "0", "0", "1", "0"] }],
  PixelMeasuresSequence: [{ PixelSpacing: ["1", "1"] }],
};

/** An 8-bit segmentation of two frames of 2 × 2 pixels. */
function eightBit(changes: object, pixels: readonly number[]): string {
  const path = join(temporaryFolder(), "seg.dcm");
  const frame = (z: number): object => ({
    PlanePositionSequence: [{ ImagePositionPatient: ["0", "0", String(z)] }],
    SegmentIdentificationSequence: [{ ReferencedSegmentNumber: 3 }],
  });
  const elements = {
    SOPClassUID: "1.2.840.10008.5.1.4.1.1.66.4",
    SOPInstanceUID: "1.2.3",
    SegmentationType: "FRACTIONAL",
    MaximumFractionalValue: 200,
    Rows: 2,
    Columns: 2,
    NumberOfFrames: "2",
    BitsAllocated: 8,
    SegmentSequence: [{ SegmentNumber: 3, SegmentLabel: "x" }],
    SharedFunctionalGroupsSequence: [PLACED],
    PerFrameFunctionalGroupsSequence: [frame(2), frame(0)],
    PixelData: Uint8Array.from(pixels).buffer,
    ...changes,
  };
  writeFileSync(path, dicomFile(elements));
  return path;
}

describe("others' segmentations", () => {
  const grid = plainGrid([3, 2, 2]);

  test("two segments at five positions", async () => {
    const place: Grid = { ...plainGrid([8, 16, 16], [2.5, 0.8, 0.7]), origin: [-20, -30, 5] };
    const { data, segments } = await readSegmentation(D14, place);
    expect(segments).toEqual([
      { number: 1, label: "s1" },
      { number: 2, label: "s2" },
    ]);
    const counts = Array.from({ length: 8 }, (_, d) =>
      [1, 2].map((label) => data.subarray(d * 256, (d + 1) * 256).filter((x) => x === label).length),
    );
    expect(counts).toEqual([
      [16, 0],
      [16, 16],
      [16, 16],
      [16, 16],
      [0, 16],
      [0, 0],
      [0, 0],
      [0, 0],
    ]);
    // Rows 4 to 7 and 8 to 11, columns 2 to 5.
    expect([data[256 + 4 * 16 + 2], data[256 + 8 * 16 + 5], data[256 + 8 * 16 + 6]]).toEqual([1, 2, 0]);
    const told: string[] = [];
    const near = { ...place, origin: [-20, -30.02, 5] as const };
    const nearby = await readSegmentation(D14, near, { onWarning: (sentence) => told.push(sentence) });
    expect(nearby.data).toEqual(data);
    expect(told).toEqual([expect.stringMatching(/up to 0\.025 of a voxel off the image's grid/)]);
    await expect(readSegmentation(D14, { ...place, shape: [8, 16, 12] })).rejects.toThrow(
      /does not lie on its image's grid: its frame 1 has 16 × 16 pixels of 0\.8 × 0\.7 mm .* \[8, 16, 12\] voxels/,
    );
    await expect(readSegmentation(D14, { ...place, spacing: [2.5, 0.8, 0.8] })).rejects.toThrow(
      /2\.5 × 0\.8 × 0\.8 mm/,
    );
    await expect(readSegmentation(D14, { ...place, origin: [-20, -30, 6.25] })).rejects.toThrow(
      /from \[-20, -30, 5\] mm .* from \[-20, -30, 6\.25\] mm/,
    );
  });

  test("fractions count from one half on, with a warning", async () => {
    const told: string[] = [];
    const path = eightBit({}, [99, 100, 0, 0, 0, 0, 0, 200]);
    const { data } = await readSegmentation(path, grid, { onWarning: (sentence) => told.push(sentence) });
    expect([...data]).toEqual([0, 0, 0, 3, 0, 0, 0, 0, 0, 3, 0, 0]);
    expect(told).toEqual([expect.stringMatching(/holds fractions: .* from one half on/)]);
  });

  test("label maps, also wide ones", async () => {
    const described = (...numbers: readonly number[]): object => ({
      SOPClassUID: "1.2.840.10008.5.1.4.1.1.66.7",
      SegmentationType: "LABELMAP",
      SegmentSequence: numbers.map((SegmentNumber) => ({ SegmentNumber, SegmentLabel: "x" })),
    });
    const path = eightBit(described(1, 2, 9), [0, 1, 2, 0, 9, 0, 0, 0]);
    expect([...(await readSegmentation(path, grid)).data]).toEqual([9, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 0]);
    const wide = { ...described(1, 300), BitsAllocated: 16 };
    const words = [...new Uint8Array(Uint16Array.of(0, 300, 0, 0, 0, 0, 0, 1).buffer)];
    expect([...(await readSegmentation(eightBit(wide, words), grid)).data]).toEqual([
      0, 0, 0, 1, 0, 0, 0, 0, 0, 300, 0, 0,
    ]);
  });

  test("big-endian ones, their bits in bytes or in words", async () => {
    const place: Grid = { ...plainGrid([8, 16, 16], [2.5, 0.8, 0.7]), origin: [-20, -30, 5] };
    const { data } = await readSegmentation(D14, place);
    // dcmtk's dcmconv +tb
    const bytes = readFileSync(D14.replace("seg.dcm", "big-endian.dcm"));
    const path = join(temporaryFolder(), "seg.dcm");
    writeFileSync(path, bytes);
    expect((await readSegmentation(path, place)).data).toEqual(data);
    const at = bytes.indexOf(Uint8Array.of(0x7f, 0xe0, 0x00, 0x10));
    bytes.write("OW", at + 4, "latin1");
    bytes.subarray(at + 12).swap16();
    writeFileSync(path, bytes);
    expect((await readSegmentation(path, place)).data).toEqual(data);
  });

  test("of other images are told, where the images are DICOM", async () => {
    const source = temporaryFolder();
    saveSeries(source, scan);
    const other = temporaryFolder();
    const changes = { PatientID: "P-2", FrameOfReferenceUID: "1.2.3.4", SeriesInstanceUID: "1.2.3.9" };
    saveSeries(other, scan, { ...changes, StudyInstanceUID: "1.2.3.8" });
    const path = await save(labels, { source });
    const told: string[] = [];
    const onWarning = (sentence: string): void => void told.push(sentence);
    for (const images of [source, join(path, ".."), other])
      expect((await readSegmentation(path, oblique, { images, onWarning })).data).toEqual(labels.data);
    expect(told).toEqual([
      `"${path}" is by its header not of "${other}": its PatientID (0010,0020) is "P-1", not "P-2"; its StudyInstanceUID (0020,000d) is "1.2.3.1", not "1.2.3.8"; its FrameOfReferenceUID (0020,0052) is "1.2.3.3", not "1.2.3.4"; it refers to series "1.2.3.2", not "1.2.3.9"; it is taken because its frames lie on the same grid.`,
    ]);
  });

  test("a name in an unknown character set is none, with a warning", async () => {
    const told: string[] = [];
    const SegmentSequence = [{ SegmentNumber: 3, SegmentLabel: "é" }];
    const path = eightBit({ SpecificCharacterSet: "FOO", SegmentSequence }, Array(8).fill(0));
    const { segments } = await readSegmentation(path, grid, { onWarning: (text) => told.push(text) });
    expect(segments).toEqual([{ number: 3, label: "" }]);
    expect(told[0]).toMatch(/has a SegmentLabel of segment 3 that is no text in its character set, FOO:/);
  });

  test("damaged, compressed or of unknown kind", async () => {
    const expectDamaged = async (path: string, message: RegExp): Promise<void> => {
      await expect(readSegmentation(path, grid)).rejects.toMatchObject({
        kind: "format",
        message: expect.stringMatching(message) as string,
      });
    };
    await expectDamaged(eightBit({}, [1, 2, 3]), /truncated|claims/);
    await expectDamaged(
      eightBit({ SegmentationType: "SURFACE" }, Array(8).fill(0)),
      /type SURFACE with 8 bits/,
    );
    await expectDamaged(
      eightBit({ SOPClassUID: "1.2.840.10008.5.1.4.1.1.2" }, Array(8).fill(0)),
      /no DICOM segmentation/,
    );
    const bytes = readFileSync(D14);
    const at = bytes.indexOf("1.2.840.10008.1.2.1\0");
    bytes.write("1.2.840.10008.1.2.5\0", at, "latin1");
    const path = join(temporaryFolder(), "rle.dcm");
    writeFileSync(path, bytes);
    await expect(readSegmentation(path, grid)).rejects.toThrow(
      /compressed segmentation .*1\.2\.5\): decompress it first/,
    );
    const unplaced = eightBit({ SharedFunctionalGroupsSequence: [{}] }, Array(8).fill(0));
    await expectDamaged(unplaced, /does not say where its frame 1 lies/);
    const unnamed = eightBit({ PerFrameFunctionalGroupsSequence: [{}, {}] }, Array(8).fill(0));
    await expectDamaged(unnamed, /names no segment for frame 1/);
    const SegmentSequence = [{ SegmentNumber: 2, SegmentLabel: "liver" }];
    await expectDamaged(
      eightBit({ SegmentSequence }, Array(8).fill(0)),
      /SegmentSequence \(0062,0002\) does not describe segment 3, which frame 1 holds, but only 2\.$/,
    );
    const map = {
      SOPClassUID: "1.2.840.10008.5.1.4.1.1.66.7",
      SegmentationType: "LABELMAP",
      SegmentSequence,
    };
    await expectDamaged(
      eightBit(map, [0, 2, 0, 0, 2, 0, 5, 0]),
      /does not describe segment 5, which frame 2 holds, but only 2\.$/,
    );
  });
});
