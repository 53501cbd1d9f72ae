/**
 * @file The library in a real browser, as an application's bundler delivers it:
 * vite builds the page, Chromium runs it.
 */

import { readFileSync } from "node:fs";
import { mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Browser, Page } from "playwright-core";
import { build, defaultClientConditions, preview, type InlineConfig, type PreviewServer } from "vite";
import { afterAll, beforeAll, expect, test } from "vitest";
import { samples2d } from "../../experiments/src/poc/data.ts";
import { pretrained } from "../../src/index.ts";
import { encodePng, montage } from "../../src/report/index.ts";
import { readSegmentation, readVolume } from "../../src/volume/index.ts";
import { launchChromium } from "../helpers/chromium.ts";
import { saveSeries } from "../helpers/dicom.ts";
import { readNpz } from "../helpers/npz.ts";
import { randomVolume } from "../helpers/volumes.ts";
import type { Checks } from "./page/main.ts";

declare const checks: Checks;

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

let folder: string;
let server: PreviewServer;
let browser: Browser;
let page: Page;
const complaints: string[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "acsconv-browser-"));
  const config: InlineConfig = {
    configFile: false,
    logLevel: "warn",
    root: here("./page"),
    publicDir: here("../fixtures"),
    resolve: { conditions: ["acsconv-source", ...defaultClientConditions] },
    build: { outDir: join(folder, "dist"), emptyOutDir: true, target: "esnext", chunkSizeWarningLimit: 1000 },
    preview: {
      // Threads need shared memory, which a page only gets cross-origin isolated.
      headers: {
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Embedder-Policy": "require-corp",
      },
    },
  };
  await build(config);
  server = await preview(config);
  browser = await launchChromium();
  page = await browser.newPage();
  page.on("console", (message) => {
    if (message.type() === "error") complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(error.message));
  await page.goto(server.resolvedUrls!.local[0]!);
  await page.waitForFunction(() => "checks" in globalThis);
});

afterAll(async () => {
  await browser?.close();
  await server?.close();
  await rm(folder, { recursive: true, force: true });
});

test.each([
  { name: "unet", options: { threads: 2 } },
  { name: "deeplab", options: { device: "wasm" } },
  { name: "unet", options: { device: "webgpu" } },
] as const)("$name gives PyTorch's result with $options", async ({ name, options }) => {
  const { inputs, differences } = await page.evaluate(([model, chosen]) => checks.run(model, chosen), [
    name,
    options,
  ] as const);
  expect(inputs.map((input) => input.name)).toEqual(["input"]);
  expect(differences).toHaveLength(2);
  for (const difference of differences) expect(difference).toBeLessThanOrEqual(1e-4);
});

test.each([
  { name: "unet", expected: "y3_acs", lifting: {}, device: "wasm" },
  { name: "deeplab_dynamic", expected: "y3_acs", lifting: {}, device: "wasm" },
  { name: "shufflenet", expected: "y3_acs", lifting: {}, device: "wasm" },
  { name: "convnext", expected: "y3_acs", lifting: {}, device: "wasm" },
  { name: "resnext", expected: "y3_mean", lifting: { kind: "mean-acs" }, device: "wasm" },
  { name: "mobilenet_v2", expected: "y3_i3d", lifting: { kind: "i3d" }, device: "wasm" },
  { name: "unet", expected: "y3_acs", lifting: {}, device: "webgpu" },
  { name: "resnext", expected: "y3_acs", lifting: {}, device: "webgpu" },
] as const)(
  "$name, lifted here, gives PyTorch's $expected on $device",
  async ({ name, expected, lifting, device }) => {
    const apart = await page.evaluate(
      ([model, key, how, on]) => checks.lift(model, key, how, { device: on }),
      [name, expected, lifting, device] as const,
    );
    expect(apart).toBeLessThanOrEqual(1e-4);
  },
);

test("the package's own network is found, and gives Node's result", async () => {
  const { image } = samples2d({ part: "test", seed: 4711 })(0);
  const logits = await page.evaluate((values) => checks.pretrained(values), Array.from(image));
  const model = await pretrained("poc-unet-2d");
  const { final } = await model.run({ image: { dtype: "float32", dims: [1, 1, 48, 48], data: image } });
  await model.dispose();
  expect(logits).toBeAllClose(final!.data as Float32Array, { rtol: 1e-4, atol: 1e-4 });
});

test.each([{ device: "wasm" }, { device: "webgpu" }] as const)(
  "trains as PyTorch does on $device",
  async (options) => {
    const losses = await page.evaluate((on) => checks.train(4, on), options);
    const expected = readNpz(await readFile(here("../fixtures/training.npz")))["loss"]!;
    expect(losses).toBeAllClose(expected.data.slice(0, 4), { rtol: 1e-4, atol: 0 });
  },
);

test("a scan is read and drawn as in Node", async () => {
  const path = "t1-kmeans/KmeansTest_T1RawSkullStrip.nii.gz";
  const { grid, channels, sum, png } = await page.evaluate((file) => checks.draw(file), path);
  const volume = await readVolume(here(`../fixtures/${path}`));
  expect(volume).toMatchObject(grid);
  expect(channels).toBe(1);
  expect(sum).toBe(Array.from(volume.data).reduce((total, value) => total + value));
  expect(Uint8Array.from(png)).toEqual(encodePng(montage(volume)));
});

test("a DICOM segmentation is written and read as in Node", async () => {
  const scan = randomVolume("int16");
  const files = saveSeries(join(folder, "ct"), scan).map((path) => [...readFileSync(path)]);
  const labels = Array.from(scan.data, (_, i) => i % 2);
  const { shape, spacing, origin, direction } = scan;
  const grid = { shape, spacing, origin, direction };
  const made = await page.evaluate(([...given]) => checks.segmentation(...given), [
    grid,
    labels,
    files,
  ] as const);
  expect(made.labels).toEqual(labels);
  const path = join(folder, "seg.dcm");
  await writeFile(path, Uint8Array.from(made.bytes));
  expect(Array.from((await readSegmentation(path, scan)).data)).toEqual(labels);
});

test.each(["D17_codecs/jls", "D18_varying_slopes_rle/pet", "D11_interleaved_acquisitions/ct", "D12_rtdose"])(
  "a DICOM folder is read as in Node: %s",
  async (name) => {
    const folder = here(`../fixtures/cases/${name}`);
    // The first only of two that lie side by side.
    const files = (await readdir(folder)).sort().slice(0, name === "D12_rtdose" ? 1 : undefined);
    const paths = files.map((file) => `cases/${name}/${file}`);
    const { volume, told } = await page.evaluate((picked) => checks.dicom(picked), paths.toReversed());
    const expected: string[] = [];
    const options = { onWarning: (sentence: string) => expected.push(sentence) };
    const { data, ...grid } = await readVolume(files.length > 1 ? folder : join(folder, files[0]!), options);
    expect(volume).toEqual({ ...grid, data: Array.from(data) });
    expect(told).toHaveLength(expected.length);
  },
);

test.each([
  ["cases/M03_itk_types/int64.mha"],
  ["cases/M04_nrrd_spaces/permuted.nrrd"],
  ["cases/M01_nrrd_detached/sub.nhdr"],
  ["cases/P01_numpy/with_text.npz"],
  ["cases/N01_gz_tail/members.nii.gz"],
  ["cases/N01_gz_tail/zeros.nii.gz"],
  ["cases/N01_gz_tail/garbage.nii.gz"],
  ["hostile/big.mha"],
  ["hostile/sing.nii"],
])("%s is the same as in Node", async (path) => {
  const content = await readFile(here(`../fixtures/${path}`));
  // Not served, because servers unpack what ends in .gz.
  const name = basename(path);
  const found = await page.evaluate(([bytes, file]) => checks.read(bytes, file), [
    [...content],
    name,
  ] as const);
  const warnings: string[] = [];
  const onWarning = (sentence: string): void => void warnings.push(sentence);
  const expected = await readVolume(new File([content], name), { onWarning }).then(
    ({ shape, data }) => ({ shape: [...shape], data: [...data], warnings }),
    (error: unknown) => ({ error: String(error), warnings }),
  );
  expect(found).toEqual(expected);
});

test.each([
  {
    url: "models/unet.onnx",
    options: {},
    message: /Input "input": expected float32 \[1, 1, 16, 16\], found float32 \[1\]/,
  },
  { url: "index.html", options: {}, message: /ONNX Runtime cannot load the model on cpu: .*[^.]\.$/ },
  {
    url: "models/unet.onnx",
    options: { device: "cuda" },
    message: /Device "cuda" cannot be used here: .*wasm and webgpu/,
  },
] as const)("$url with $options fails with a sentence", async ({ url, options, message }) => {
  const failure = await page.evaluate(([model, chosen]) => checks.failure(model, chosen), [
    url,
    options,
  ] as const);
  expect(failure).toMatch(message);
});

test("two threads are the page's and one worker", async () => {
  expect(await page.evaluate(() => checks.isolated())).toBe(true);
  expect(page.workers()).toHaveLength(1);
});

test("nothing was reported to the console", () => {
  expect(complaints).toEqual([]);
});
