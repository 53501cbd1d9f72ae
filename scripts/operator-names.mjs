/**
 * @file Counts names of operators outside `src/ops` and `src/onnx`. What the code knows about an operator stands in
 * its record; elsewhere passes ask for slots, costs and traits, and write with the algebra. `npm test` runs this;
 * `node scripts/operator-names.mjs` prints what it finds.
 */

import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

/**
 * Files (or folders, with a slash) that may name operators, and why.
 *
 * @type {Readonly<Record<string, string>>}
 */
export const EXCEPTIONS = {
  "src/models/layers.ts": "the builder of networks writes ONNX layer by layer, as a user would",
  "src/compile/targets/": "what a device lacks and fuses is said by ONNX's names",
  "src/compile/recompute.ts": "copies are fenced off by nodes that ONNX Runtime cannot see through",
  "src/passes/merge-axes.ts": "writes a convolution over merged axes",
  "src/weights/pull.ts": "Range is a header of HTTP",
  "src/lift/writer.ts": "writes the Reshape and Cast that lifted values need",
};

/**
 * Names in the table of operators, internal ones included.
 *
 * @returns {ReadonlySet<string>}
 */
export function operatorNames() {
  const read = (/** @type {string} */ file) => readFileSync(join(ROOT, "src/ops", file), "utf8");
  const table = read("index.ts");
  const onnx = table.slice(table.indexOf("export const onnxOps"), table.indexOf("} satisfies"));
  const listed = [...onnx.matchAll(/^ {2}([A-Z]\w*)[,:]/gm)].map(([, name]) => name);
  const refused = [...read("refused.ts").matchAll(/^export const ([A-Z]\w*)/gm)].map(([, name]) => name);
  const internal = /export const liftedOps = \{([^}]*)\}/.exec(table)?.[1].match(/\w+/g) ?? [];
  return new Set([...listed, ...refused, ...internal, "FusedMatMul"]);
}

/** Comments, then strings; a string's text is in one of the groups. */
const TOKENS =
  /\/\*[\s\S]*?\*\/|\/\/[^\n]*|"((?:[^"\\\n]|\\.)*)"|'((?:[^'\\\n]|\\.)*)'|`((?:[^`\\]|\\[\s\S])*)`/g;

/**
 * Names of operators in a source, as whole strings or keys of objects.
 *
 * @param {string} text
 * @param {ReadonlySet<string>} names
 * @returns {{ line: number, name: string }[]}
 */
export function namesIn(text, names) {
  const found = [];
  const lineOf = (index) => text.slice(0, index).split("\n").length;
  const code = text.replaceAll(TOKENS, (token, double, single, template, index) => {
    const content = double ?? single ?? template;
    if (content !== undefined) {
      // `com.microsoft:FusedMatMul`, and `${DOMAIN}:FusedMatMul` in templates.
      const name = content.slice(content.lastIndexOf(":") + 1);
      if (names.has(name)) found.push({ line: lineOf(index), name });
    }
    return token.replaceAll(/[^\n]/g, " ");
  });
  for (const match of code.matchAll(/(?<=[{,]\s*)([A-Z]\w*)(?=\s*:)/g))
    if (names.has(match[1])) found.push({ line: lineOf(match.index), name: match[1] });
  return found;
}

/**
 * Sources outside `src/ops` and `src/onnx` that name operators.
 *
 * @returns {{ file: string, hits: { line: number, name: string }[], reason: string | undefined }[]}
 */
export function filesWithNames() {
  const names = operatorNames();
  const files = readdirSync(join(ROOT, "src"), { recursive: true, encoding: "utf8" })
    .map((file) => relative(ROOT, join(ROOT, "src", file)).replaceAll("\\", "/"))
    .filter((file) => /\.(ts|js)$/.test(file) && !file.endsWith(".test.ts"))
    .filter((file) => !/^src\/(ops|onnx)\//.test(file));
  return files.sort().flatMap((file) => {
    const hits = namesIn(readFileSync(join(ROOT, file), "utf8"), names);
    const exception = Object.keys(EXCEPTIONS).find((path) =>
      path.endsWith("/") ? file.startsWith(path) : file === path,
    );
    return hits.length === 0 ? [] : [{ file, hits, reason: exception && EXCEPTIONS[exception] }];
  });
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const found = filesWithNames();
  for (const { file, hits, reason } of found) {
    const list = hits.map(({ line, name }) => `${line}:${name}`).join(" ");
    console.log(`${reason ? "  " : "! "}${file} (${hits.length}) ${list}${reason ? `: ${reason}` : ""}`);
  }
  process.exitCode = found.every(({ reason }) => reason) ? 0 : 1;
}
