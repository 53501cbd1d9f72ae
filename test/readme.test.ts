/**
 * @file README's examples, run one by one as a reader would: with the package
 * installed, in one folder, on the files that they name.
 */

import { execFileSync, type ExecFileSyncOptions } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { transformWithOxc } from "vite";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { installInto, tsc } from "./helpers/installed.ts";
import { readmeBlocks } from "./helpers/readme.ts";

const root = fileURLToPath(new URL("../", import.meta.url));

/** What the examples call their files. */
const FILES = {
  "resnet18.onnx": "models/resnet_basic.onnx",
  "unet.onnx": "models/unet.onnx",
  "scan.nii.gz": "../../assets/t1-kmeans/imagesTr/t1.nii.gz",
  "brain/scan.nii.gz": "../../assets/t1-kmeans/imagesTr/t1.nii.gz",
  "brain/tissues.nii.gz": "../../assets/t1-kmeans/labelsTr/t1.nii.gz",
};
const BRAIN = {
  channel_names: { 0: "T1" },
  labels: { background: [1, 2, 3], CSF: 4, grey: 5, white: 6, ignore: 0 },
  training: [{ image: "scan.nii.gz", label: "tissues.nii.gz" }],
};

let folder: string;
let options: ExecFileSyncOptions & { encoding: "utf8" };
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "acsconv-readme-"));
  installInto(folder);
  for (const [name, fixture] of Object.entries(FILES))
    cpSync(join(root, "test/fixtures", fixture), join(folder, name));
  writeFileSync(join(folder, "brain/dataset.json"), JSON.stringify(BRAIN));
  const PATH = [join(folder, "node_modules/.bin"), process.env["PATH"]].join(delimiter);
  options = {
    cwd: folder,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, PATH },
  };
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function run(command: string, args: readonly string[]): string {
  try {
    return execFileSync(command, args, options);
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string };
    throw new Error(`failed:\n${stdout}${stderr}`, { cause: error });
  }
}

const blocks = readmeBlocks();

test("every block is run, or says why not", () => {
  expect(blocks.length).toBeGreaterThan(8);
  for (const { language, note, line } of blocks) {
    expect(note !== undefined || language === "ts" || language === "sh", `line ${line}`).toBe(true);
  }
});

describe("examples", () => {
  test.each(blocks.filter(({ note }) => note === undefined))(
    "$language, line $line",
    async ({ language, code, line }) => {
      if (language === "sh") {
        expect(run("bash", ["-euc", code])).not.toBe("");
      } else {
        const script = join(folder, `line${line}.mjs`);
        writeFileSync(script, (await transformWithOxc(code, `line${line}.ts`)).code);
        run("node", [script]);
      }
    },
  );

  test("results are what the text says", () => {
    expect(readFileSync(join(folder, "scan.png")).subarray(1, 4).toString()).toBe("PNG");
    expect(readFileSync(join(folder, "seg.png")).subarray(1, 4).toString()).toBe("PNG");
    expect(readFileSync(join(folder, "prepared.nrrd")).subarray(0, 4).toString()).toBe("NRRD");
    expect(readFileSync(join(folder, "run/report.html"), "utf8")).toContain("<svg");
    expect(readFileSync(join(folder, "tissues.png")).subarray(1, 4).toString()).toBe("PNG");
    expect(JSON.parse(readFileSync(join(folder, "report.json"), "utf8"))).toHaveProperty("before.parameters");
  });
});

test("TypeScript accepts them", () => {
  for (const name of ["@types", "undici-types", "vite", "rolldown"]) {
    symlinkSync(join(root, "node_modules", name), join(folder, "node_modules", name));
  }
  const files = blocks
    .filter(({ language }) => language === "ts")
    .map(({ code, line }) => {
      writeFileSync(join(folder, `line${line}.ts`), code);
      return `line${line}.ts`;
    });
  const compilerOptions = {
    module: "nodenext",
    target: "es2023",
    strict: true,
    noEmit: true,
    types: ["node"],
    skipLibCheck: true,
  };
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, files }));
  expect(run(tsc, ["-p", "tsconfig.json"])).toBe("");
});

test("the table of lift's options is complete", () => {
  const source = readFileSync(join(root, "src/lift/options.ts"), "utf8");
  const declaration = /export interface LiftOptions \{([^]*?)\n\}/.exec(source)![1]!;
  const fields = [...declaration.matchAll(/^ {2}readonly (\w+)\?:/gm)].map(([, name]) => name);
  const rows = readFileSync(join(root, "README.md"), "utf8").matchAll(/^\| `(\w+)` \|/gm);
  expect([...rows].map(([, name]) => name)).toEqual(fields);
});
