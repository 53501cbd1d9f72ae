/** @file README's examples are well typed, and each is run somewhere; running them is a slow test. */

import { readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { tsc } from "./helpers/installed.ts";
import { readmeFolder } from "./helpers/readme-folder.ts";
import { readmeBlocks } from "./helpers/readme.ts";

const root = fileURLToPath(new URL("../", import.meta.url));
const blocks = readmeBlocks();

test("every block is run, or says why not", () => {
  expect(blocks.length).toBeGreaterThan(8);
  for (const { language, note, line } of blocks) {
    expect(note !== undefined || language === "ts" || language === "sh", `line ${line}`).toBe(true);
  }
});

test("TypeScript accepts them", () => {
  const { folder, run, remove } = readmeFolder();
  onTestFinished(remove);
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
