/**
 * @file The package as users have it: built, packed by npm, and unpacked into a
 * project of its own, beside the packages it declares and no others.
 */

import { execFileSync } from "node:child_process";
import { chmodSync, cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** TypeScript's compiler, for projects that have none of their own. */
export const tsc = join(root, "node_modules/.bin/tsc");

interface Manifest {
  readonly version: string;
  readonly files: readonly string[];
  readonly bin: { readonly acsconv: string };
  readonly dependencies: Readonly<Record<string, string>>;
}
export const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as Manifest;

/** Makes `folder` a project that has acsconv installed. */
export function installInto(folder: string): void {
  const source = join(folder, "packed");
  mkdirSync(source, { recursive: true });
  const run = (command: string, args: readonly string[], cwd: string): string =>
    execFileSync(command, args, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  // Types are checked by the type check.
  run(tsc, ["-p", "tsconfig.build.json", "--noCheck", "--outDir", join(source, "dist")], root);
  for (const file of ["package.json", "README.md", "LICENSE", ...manifest.files]) {
    if (file !== "dist") cpSync(join(root, file), join(source, file), { recursive: true });
  }
  const [tarball] = JSON.parse(run("npm", ["pack", "--ignore-scripts", "--json"], source)) as [
    { filename: string },
  ];

  writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module" }));
  const modules = join(folder, "node_modules");
  const target = join(modules, "acsconv");
  mkdirSync(target, { recursive: true });
  run("tar", ["-xzf", join(source, tarball.filename), "-C", target, "--strip-components=1"], folder);
  for (const name of Object.keys(manifest.dependencies))
    link(join(root, "node_modules", name), join(modules, name));
  const command = join(target, manifest.bin.acsconv);
  chmodSync(command, 0o755);
  link(command, join(modules, ".bin/acsconv"));
}

function link(target: string, path: string): void {
  mkdirSync(dirname(path), { recursive: true });
  symlinkSync(target, path);
}
