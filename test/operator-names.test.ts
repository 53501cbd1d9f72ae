/** @file What the code knows about operators stands in their records: no other file names them, but for exceptions. */

import { expect, test } from "vitest";
import { EXCEPTIONS, filesWithNames, namesIn, operatorNames } from "../scripts/operator-names.mjs";
import { liftedOps, onnxOps } from "../src/ops/index.ts";

test("names are those of the table", () => {
  const table = [...Object.keys(onnxOps), ...Object.keys(liftedOps), "FusedMatMul"];
  expect([...operatorNames()].sort()).toEqual(table.sort());
});

test("strings and keys count, comments and longer texts do not", () => {
  const source = `
    // "Conv"
    const a = node.op === "Conv"; /* 'Gemm' */
    const table = { Gemm: [1], "MatMul": [0], other: \`\${domain}:FusedMatMul\` };
    const text = "not from a Conv";`;
  expect(namesIn(source, operatorNames())).toEqual([
    { line: 3, name: "Conv" },
    { line: 4, name: "MatMul" },
    { line: 4, name: "FusedMatMul" },
    { line: 4, name: "Gemm" },
  ]);
});

test("operators are named in src/ops and src/onnx alone, but for exceptions with a reason", () => {
  const found = filesWithNames();
  const others = found.filter(({ reason }) => reason === undefined);
  expect(others.map(({ file, hits }) => `${file}: ${hits.map(({ name }) => name).join(", ")}`)).toEqual([]);
  const used = (path: string): boolean =>
    found.some(({ file }) => (path.endsWith("/") ? file.startsWith(path) : file === path));
  // An exception that nobody needs goes.
  expect(Object.keys(EXCEPTIONS).filter((path) => !used(path))).toEqual([]);
});
