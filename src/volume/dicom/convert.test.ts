import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { openSource } from "../../base/byte-source.ts";
import { convert } from "./convert.ts";
import type { DicomFile } from "./headers.ts";
import type { Image } from "./parts.ts";

test.each(["dcm2niix.jpeg.js", "dcm2niix.jpeg.wasm"])("assets hold the package's own %s", (name) => {
  const file = (folder: string): Buffer =>
    readFileSync(new URL(`../../../${folder}/${name}`, import.meta.url));
  expect(file("assets/dcm2niix").equals(file("node_modules/@niivue/dcm2niix/dist"))).toBe(true);
});

/** An image of so many pixels, all of them in the file or not. */
async function imageOf(rows: number, bytes: Uint8Array): Promise<Image> {
  const frame = { rescale: [1, 0], facts: {} } as const;
  const file = {
    source: await openSource(bytes),
    transferSyntax: "1.2.840.10008.1.2.1",
    rows,
    columns: 2 ** 15,
    format: {
      element: "PixelData",
      samples: 1,
      colours: "",
      planar: false,
      allocated: 16,
      stored: 16,
      highBit: 15,
      signed: false,
    },
    frames: [frame],
    pixelOffset: 12,
  } as unknown as DicomFile;
  return { file, frame, index: 0 };
}

test("more pixels than WebAssembly's memory holds are refused before anything is read", async () => {
  const image = await imageOf(2 ** 15, new Uint8Array(0));
  await expect(convert([image], "A series")).rejects.toMatchObject({
    code: "E_LIMIT",
    message: expect.stringMatching(/^A series is 2\.0 GiB of pixels, more than the 1 GiB/) as string,
  });
});

test("what a conversion that fails leaves is not the exit code of this process", async () => {
  const before = process.exitCode;
  await expect(convert([], "A series")).rejects.toThrow(/makes no image/);
  expect(process.exitCode).toBe(before);
});
