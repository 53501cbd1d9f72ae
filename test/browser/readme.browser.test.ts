/**
 * @file README's application for browsers, file by file, with the package
 * installed: in vite's development server and as vite builds it.
 */

import { cpSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Browser } from "playwright-core";
import { build, createServer, preview, type InlineConfig } from "vite";
import { afterAll, beforeAll, expect, test } from "vitest";
import { lift, load, predictVolume } from "../../src/index.ts";
import { encodePng, montage } from "../../src/report/index.ts";
import { encodeNifti, readVolume } from "../../src/volume/index.ts";
import { launchChromium } from "../helpers/chromium.ts";
import { installInto } from "../helpers/installed.ts";
import { readmeFile } from "../helpers/readme.ts";

const fixture = (path: string): string => fileURLToPath(new URL(`../fixtures/${path}`, import.meta.url));
const modules = fileURLToPath(new URL("../../node_modules", import.meta.url));
const NETWORK = fixture("models/unet.onnx");
const SCAN = fixture("t1-kmeans/KmeansTest_T1RawSkullStrip.nii.gz");

const PAGE = `<!doctype html><link rel="icon" href="data:," /><script type="module">
import { segment } from "./main.ts";
const file = async (name) => new File([await (await fetch("/" + name)).arrayBuffer()], name);
const bytes = async (blob) => Array.from(new Uint8Array(await blob.arrayBuffer()));
globalThis.segmented = async () => {
  const { labels, picture } = await segment(await file("unet.onnx"), [await file("scan.nii.gz")]);
  return { labels: await bytes(labels), picture: await bytes(picture), isolated: crossOriginIsolated };
};
</script>`;

let folder: string;
let browser: Browser;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "acsconv-page-"));
  installInto(folder);
  symlinkSync(join(modules, "vite"), join(folder, "node_modules/vite"));
  for (const name of ["main.ts", "worker.ts", "vite.config.ts"])
    writeFileSync(join(folder, name), readmeFile(name));
  writeFileSync(join(folder, "index.html"), PAGE);
  cpSync(NETWORK, join(folder, "public/unet.onnx"));
  cpSync(SCAN, join(folder, "public/scan.nii.gz"));
  browser = await launchChromium();
});
afterAll(async () => {
  await browser?.close();
  rmSync(folder, { recursive: true, force: true });
});

async function open(how: "dev" | "build"): Promise<{ url: string; close: () => Promise<void> }> {
  if (how === "build") await build({ root: folder, logLevel: "warn" });
  // Its dependencies are links to ours, which the server would not follow by itself.
  const options: InlineConfig = {
    root: folder,
    logLevel: "warn",
    server: { fs: { allow: [folder, modules] } },
  };
  const server =
    how === "dev" ? await (await createServer(options)).listen() : await preview({ root: folder });
  return { url: server.resolvedUrls!.local[0]!, close: () => server.close() };
}

test.each(["dev", "build"] as const)("vite %s", async (how) => {
  const server = await open(how);
  try {
    const page = await browser.newPage();
    const complaints: string[] = [];
    page.on("pageerror", (error) => complaints.push(error.message));
    await page.goto(server.url);
    await page.waitForFunction(() => "segmented" in globalThis);
    const { labels, picture, isolated } = await page.evaluate(() =>
      (
        globalThis as unknown as {
          segmented: () => Promise<{ labels: number[]; picture: number[]; isolated: boolean }>;
        }
      ).segmented(),
    );
    await page.close();
    expect(complaints).toEqual([]);
    expect(isolated).toBe(true);

    const model = lift(await load(NETWORK));
    const session = await model.session();
    const scan = await readVolume(SCAN);
    const expected = await predictVolume(session, scan, { patch: [32, 32, 32] });
    await session.dispose();
    const header = encodeNifti(expected)[0]!.length;
    // Two classes may tie within rounding.
    const differing = expected.data.filter((label, i) => label !== labels[header + i]).length;
    expect(labels.length).toBe(header + expected.data.length);
    expect(differing / expected.data.length).toBeLessThan(1e-4);
    expect(new Set(expected.data).size).toBeGreaterThan(1);
    const drawn = encodePng(montage(scan, { overlay: { kind: "labels", volume: expected } }));
    expect(Uint8Array.from(picture).subarray(0, 24)).toEqual(drawn.subarray(0, 24)); // signature and size
  } finally {
    await server.close();
  }
});
