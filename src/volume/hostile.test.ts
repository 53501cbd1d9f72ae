/** @file Files that claim more than they hold: read in a process of its own, whose memory and time are measured. */

import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { deflateSync, gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import type { Taken } from "../../test/helpers/read-child.ts";
import { temporaryFolder } from "../../test/helpers/volumes.ts";
import { deflated, npyOf, zipOf } from "../../test/helpers/zip-bombs.ts";

const CHILD = fileURLToPath(new URL("../../test/helpers/read-child.ts", import.meta.url));
const fixture = (name: string): string =>
  fileURLToPath(new URL(`../../test/fixtures/hostile/${name}`, import.meta.url));

const MEGABYTE = 2 ** 20;

/** A NIfTI-1 header of these sizes, and float64 voxels from `offset` on. */
function nifti(sizes: readonly number[], offset = 352): Buffer {
  const header = Buffer.alloc(352);
  header.writeInt32LE(348, 0);
  [sizes.length, ...sizes].forEach((size, i) => header.writeInt16LE(size, 40 + 2 * i));
  header.writeInt16LE(64, 70);
  [1, 1, 1, 1].forEach((mm, i) => header.writeFloatLE(mm, 76 + 4 * i));
  header.writeFloatLE(offset, 108);
  header.write("n+1", 344, "latin1");
  return header;
}

/** A NIfTI-2 header likewise. */
function nifti2(sizes: readonly bigint[], offset = 544n): Buffer {
  const header = Buffer.alloc(544);
  header.writeInt32LE(540, 0);
  header.write("n+2\0\r\n\x1a\n", 4, "latin1");
  header.writeInt16LE(64, 12);
  [BigInt(sizes.length), ...sizes].forEach((size, i) => header.writeBigInt64LE(size, 16 + 8 * i));
  header.writeBigInt64LE(offset, 168);
  return header;
}

const nrrd = (fields: string, data: Uint8Array = new Uint8Array(0)): Buffer =>
  Buffer.concat([Buffer.from(`NRRD0005\ntype: uchar\n${fields}\n\n`), data]);
const meta = (fields: string, data: Uint8Array = new Uint8Array(0)): Buffer =>
  Buffer.concat([
    Buffer.from(`NDims = 3\nElementType = MET_UCHAR\n${fields}\nElementDataFile = LOCAL\n`),
    data,
  ]);

const zeros = new Uint8Array(96 * MEGABYTE);
const bomb = gzipSync(zeros);
const noise = new Uint8Array(2 * MEGABYTE);
for (let i = 0, x = 1; i < noise.length; i++) {
  x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
  noise[i] = x >>> 24;
}
const big = "dimension: 3\nsizes: 1000 1000 1500";

/** What is read of each. Those that can be read hold 100 MB more than is wanted. */
const FILES: Readonly<Record<string, readonly [content: Uint8Array, says: RegExp]>> = {
  "sizes.nii": [nifti([32767, 32767, 32767]), /truncated: its header promises \d+ bytes/],
  "times.nii": [nifti([32767, 32767, 32767, 32767, 32767, 32767, 32767]), /truncated/],
  "far.nii": [nifti([2, 2, 2], 2e9), /truncated/],
  "farther.nii": [nifti([2, 2, 2], 3e38), /voxels begin at byte 3/],
  "before.nii": [nifti([2, 2, 2], -1000), /voxels begin at byte -1000/],
  "infinite.nii": [nifti([2, 2, 2], Infinity), /voxels begin at byte Infinity/],
  "wide.nii": [nifti2([2n ** 40n, 2n ** 40n, 4n]), /truncated/],
  "negative.nii": [nifti2([-1n, 2n ** 62n, 4n]), /sizes are/],
  "far2.nii": [nifti2([2n, 2n, 2n], 2n ** 60n), /voxels begin at byte/],
  "claims.nii.gz": [gzipSync(nifti([1000, 1000, 1000])), /truncated: its header promises 8000000000 bytes/],
  "noise.nii.gz": [gzipSync(Buffer.concat([nifti([500, 500, 800]), noise])), /truncated: it ends/],
  "garbled.nii.gz": [Buffer.concat([gzipSync(nifti([500, 500, 800])), noise]), /truncated|damaged/],
  "far.nii.gz": [gzipSync(Buffer.concat([nifti([2, 2, 2], 2 ** 30), noise])), /truncated/],
  "bomb.nii.gz": [Buffer.concat([gzipSync(nifti([2, 2, 2])), bomb]), /^read \[2, 2, 2\]/],
  "sizes.nrrd": [nrrd(`${big}\nencoding: raw`), /truncated: 1500000000 bytes of voxels are promised/],
  "more.nrrd": [
    nrrd(`dimension: 3\nsizes: ${"9".repeat(15)} ${"9".repeat(15)} 9\nencoding: raw`),
    /claims to hold/,
  ],
  "most.nrrd": [nrrd("dimension: 3\nsizes: 1e300 1e300 1e300\nencoding: raw"), /sizes/],
  "sizes-gz.nrrd": [nrrd(`${big}\nencoding: gzip`, gzipSync(noise.subarray(0, 1000))), /truncated/],
  "noise-gz.nrrd": [nrrd(`${big}\nencoding: gzip`, gzipSync(noise)), /truncated: it ends/],
  "garbled-gz.nrrd": [nrrd(`${big}\nencoding: gzip`, noise), /damaged/],
  "bomb.nrrd": [nrrd("dimension: 3\nsizes: 2 2 2\nencoding: gzip", bomb), /^read \[2, 2, 2\]/],
  "skip-bomb.nrrd": [
    nrrd("dimension: 3\nsizes: 2 2 2\nencoding: gzip\nbyte skip: 9000000000", bomb),
    /truncated/,
  ],
  "text.nrrd": [nrrd(`${big}\nencoding: ascii`, Buffer.from("1 2 3")), /truncated/],
  "hex.nrrd": [nrrd(`${big}\nencoding: hex`, Buffer.from("0a0b")), /truncated/],
  "files.nhdr": [
    nrrd(`${big}\nencoding: raw\ndata file: s%d.raw 0 999999999 1`),
    /numbered from 0 to 999999999/,
  ],
  "width.nhdr": [nrrd(`${big}\nencoding: raw\ndata file: s%999999999d.raw 0 1499 1`), /no such file/],
  "list.nhdr": [nrrd(`${big}\nencoding: raw\ndata file: LIST\nx.raw\n`), /names 1 files/],
  "device.nhdr": [nrrd(`${big}\nencoding: raw\ndata file: /dev/zero`), /no regular file/],
  "lines.nrrd": [
    nrrd(`dimension: 3\nsizes: 2 2 2\nencoding: raw\nline skip: 1000000000`, zeros.subarray(0, 64)),
    /lines are to be skipped/,
  ],
  "endless.nrrd": [Buffer.from(`NRRD0005\n${"#".repeat(3 * MEGABYTE)}`), /header of more than 1 MB/],
  "sizes.mha": [meta("DimSize = 1000 1000 1500"), /truncated/],
  "more.mha": [meta("DimSize = 1e9 1e9 1e9"), /claims to hold/],
  "channels.mha": [meta("DimSize = 2 2 2\nElementNumberOfChannels = 1000000000"), /truncated/],
  "sizes-z.mha": [
    meta("CompressedData = True\nDimSize = 1000 1000 1500", deflateSync(noise)),
    /truncated: it ends/,
  ],
  "bomb.mha": [meta("CompressedData = True\nDimSize = 2 2 2", deflateSync(zeros)), /^read/],
  "endless.mha": [
    Buffer.from(`NDims = 3\nComment = ${" ".repeat(3 * MEGABYTE)}`),
    /header of more than 1 MB/,
  ],
  "sizes.npy": [npyOf([2000, 2000, 2000], 10), /truncated/],
  "more.npy": [npyOf([99999999999, 99999999999, 2], 10), /truncated/],
  "sizes.npz": [zipOf({ "data.npy": deflated(npyOf([2000, 2000, 2000], 10)) }), /truncated/],
  "claims.npz": [
    zipOf({ "data.npy": { packed: deflated(npyOf([2000, 1000, 2000], 10)).packed, size: 4_000_000_128 } }),
    /cannot come of/,
  ],
  "lies.npz": [
    zipOf({
      "data.npy": {
        packed: Buffer.concat([deflated(npyOf([1000, 1000, 1500], 10)).packed, noise]),
        size: 1_500_000_128,
      },
    }),
    /unpacks to/,
  ],
  "beside.npz": [
    zipOf({
      "data.npy": deflated(npyOf([2, 2, 2], 8)),
      "b.npy": deflated(npyOf([zeros.length], zeros.length)),
    }),
    /^read/,
  ],
  "behind.npz": [zipOf({ "data.npy": deflated(npyOf([2, 2, 2], zeros.length)) }), /^read/],
  "overlap.npz": [
    zipOf(
      Object.fromEntries(
        Array.from({ length: 5000 }, (_, i) => [
          `a${i}.npy`,
          { ...deflated(npyOf([4096], 4096)), isSame: i > 0 },
        ]),
      ),
    ),
    /entries overlap/,
  ],
  "many.npz": [
    zipOf(
      Object.fromEntries(
        Array.from({ length: 12_000 }, (_, i) => [`a${i}.npy`, { packed: noise.subarray(0, 1), size: 1 }]),
      ),
    ),
    /limit is 10000/,
  ],
};

test("no reader takes memory for what a header claims", { timeout: 60_000 }, async () => {
  const folder = temporaryFolder();
  const says = new Map(Object.entries(FILES).map(([name, [, pattern]]) => [join(folder, name), pattern]));
  for (const [name, [content]] of Object.entries(FILES)) writeFileSync(join(folder, name), content);
  says.set(fixture("big.mha"), /truncated: 1500000000 bytes/).set(fixture("big.nrrd"), /is damaged/);
  const warmUp = join(folder, "sizes.nii");
  const flags = ["--conditions=acsconv-source", "--import", "jiti/register", CHILD, warmUp, ...says.keys()];
  const { stdout } = await promisify(execFile)(process.execPath, flags, { maxBuffer: 2 ** 24 });
  const taken = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Taken);
  // The first read pays for loading the readers.
  for (const { path, message, seconds, megabytes } of taken.slice(1)) {
    expect.soft(message, path).toMatch(says.get(path)!);
    expect.soft(seconds, `${path}: seconds`).toBeLessThan(2);
    expect.soft(megabytes, `${path}: MB`).toBeLessThan(60);
  }
  expect(taken).toHaveLength(says.size + 1);
});
