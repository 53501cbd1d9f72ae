import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { convert } from "./convert.ts";

test.each(["dcm2niix.jpeg.js", "dcm2niix.jpeg.wasm"])("assets hold the package's own %s", (name) => {
  const file = (folder: string): Buffer =>
    readFileSync(new URL(`../../../${folder}/${name}`, import.meta.url));
  expect(file("assets/dcm2niix").equals(file("node_modules/@niivue/dcm2niix/dist"))).toBe(true);
});

test("more pixels than WebAssembly's memory holds are refused before anything is read", async () => {
  await expect(convert([], 2 ** 31, { volumes: 1, asStored: false }, "A series")).rejects.toMatchObject({
    code: "E_LIMIT",
    message: expect.stringMatching(/^A series is 2\.0 GiB of pixels, more than the 1 GiB/) as string,
  });
});

test("what a conversion that fails leaves is not the exit code of this process", async () => {
  const before = process.exitCode;
  await expect(convert([], 0, { volumes: 1, asStored: false }, "A series")).rejects.toThrow(/makes no image/);
  expect(process.exitCode).toBe(before);
});
