/** @file The package as it is published: its entry points in Node, in TypeScript and in a bundler, and its command. */

import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { build, createLogger } from "vite";
import { afterAll, beforeAll, expect, test } from "vitest";
import { installInto, manifest, tsc } from "./helpers/installed.ts";

const ENTRIES = ["acsconv", "acsconv/graph", "acsconv/models", "acsconv/report", "acsconv/volume"];

const NETWORK = "assets/poc-unet-2d.onnx";
const SCAN = ["dataset.json", "imagesTr/t1.nii.gz", "labelsTr/t1.nii.gz"].map(
  (name) => `assets/t1-kmeans/${name}`,
);
const DCM2NIIX = ["LICENSE.txt", "dcm2niix.jpeg.js", "dcm2niix.jpeg.wasm"].map(
  (name) => `assets/dcm2niix/${name}`,
);

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "acsconv-package-"));
  installInto(folder);
}, 60_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const filesUnder = (path: string): string[] =>
  readdirSync(join(folder, path), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(join(folder, path), join(entry.parentPath, entry.name)).replaceAll("\\", "/"));
const write = (name: string, text: string): void => writeFileSync(join(folder, name), text);
function run(command: string, ...args: string[]): string {
  try {
    return execFileSync(command, args, { cwd: folder, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string };
    throw new Error(`${command} ${args.join(" ")} failed:\n${stdout}${stderr}`, { cause: error });
  }
}

test("it holds what users need, and nothing else", () => {
  const files = filesUnder("node_modules/acsconv");
  const outside = files.filter((path) => !path.startsWith("dist"));
  const listed = manifest.files.filter((name) => name !== "dist" && name !== "assets");
  expect(outside.sort()).toEqual(
    [
      "LICENSE",
      "README.md",
      "package.json",
      "assets/README.md",
      NETWORK,
      ...SCAN,
      ...DCM2NIIX,
      ...listed,
    ].sort(),
  );
  expect(files.filter((path) => /\.test\.|(?<!\.d)\.ts$/.test(path))).toEqual([]);
  expect(files).toContain("dist/run/ort-worker.js");
});

test.each(ENTRIES)('import "%s" in Node', async (name) => {
  write("import.mjs", `console.log(Object.keys(await import("${name}")).sort().join());`);
  const source = name.replace("acsconv", "../src") + "/index.ts";
  const expected = Object.keys((await import(/* @vite-ignore */ source)) as object).sort();
  expect(run("node", "import.mjs").trim()).toBe(expected.join());
});

test("its pretrained network is found, and lifts", () => {
  write(
    "pretrained.mjs",
    `import { lift, pretrained } from "acsconv";
const image = { dtype: "float32", dims: [1, 1, 8, 12, 16], data: new Float32Array(8 * 12 * 16) };
const model = lift(await pretrained("poc-unet-2d"));
const { final } = await model.run({ image });
console.log(final.dims.join());`,
  );
  expect(run("node", "pretrained.mjs").trim()).toBe("1,3,8,12,16");
});

test.each([
  ["nodenext", "nodenext"],
  ["preserve", "bundler"],
])("types are found with module %s, moduleResolution %s", (module, moduleResolution) => {
  write(
    "tsconfig.json",
    JSON.stringify({
      compilerOptions: { module, moduleResolution, target: "es2023", strict: true, noEmit: true, types: [] },
      files: ["user.ts"],
    }),
  );
  write(
    "user.ts",
    `
import { lift, load, type LiftOptions, type RunTensor } from "acsconv";
import { type Graph, numbersOf } from "acsconv/graph";
import { costsByKind, montage } from "acsconv/report";
import { readVolume, type Volume } from "acsconv/volume";

const options: LiftOptions = { kind: "acs", size: [8, 8, 8] };
const model = lift(await load("net.onnx"), options);
const graph: Graph = model.graph;
export const weights: Float32Array[] = [...graph.initializers.values()].map((tensor) => Float32Array.from(numbersOf(tensor)));
const scan: Volume = await readVolume("scan.nii.gz");
export const outputs: Record<string, RunTensor> = await model.run({ input: scan });
export const picture: number = montage(scan).width + costsByKind(model, [8, 8, 8]).length;
// @ts-expect-error: there is no such kind
lift(model, { kind: "4d" });
`,
  );
  expect(run(tsc, "-p", "tsconfig.json")).toBe("");
});

test("a bundler makes a browser's script of it, without complaint and without Node's modules", async () => {
  write(
    "page.mjs",
    `${ENTRIES.map((name, i) => `import * as entry${i} from "${name}";`).join("\n")}
globalThis.entries = [${ENTRIES.map((_, i) => `entry${i}`).join()}];`,
  );
  const complaints: string[] = [];
  const customLogger = createLogger("warn");
  customLogger.warn = customLogger.warnOnce = customLogger.error = (message) => void complaints.push(message);
  await build({
    configFile: false,
    root: folder,
    customLogger,
    logLevel: "warn",
    build: {
      outDir: join(folder, "bundle"),
      target: "esnext",
      chunkSizeWarningLimit: 1000,
      // How long plugins take says how busy the machine is.
      rolldownOptions: { input: join(folder, "page.mjs"), checks: { bundlerTimings: false } },
    },
  });
  expect(complaints).toEqual([]);
  const scripts = filesUnder("bundle").filter((path) => path.endsWith(".js"));
  expect(scripts.length).toBeGreaterThan(0);
  const importing = scripts.filter((script) =>
    /(import|from)\s*\(?["'`](node:|onnxruntime-node)/.test(
      readFileSync(join(folder, "bundle", script), "utf8"),
    ),
  );
  expect(importing).toEqual([]);
  const networks = filesUnder("bundle").filter((path) => path.endsWith(".onnx"));
  expect(networks).toHaveLength(1);
  const [bundled, shipped] = [join("bundle", networks[0]!), join("node_modules/acsconv", NETWORK)].map(
    (path) => readFileSync(join(folder, path)),
  );
  expect(bundled!.equals(shipped!)).toBe(true);
});

test("the command runs", () => {
  expect(run(join(folder, "node_modules/.bin/acsconv"), "--version").trim()).toBe(manifest.version);
});
