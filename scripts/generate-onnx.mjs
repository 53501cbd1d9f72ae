/**
 * @file Makes src/onnx/onnx_pb.ts from src/onnx/onnx.proto (npm run generate). The generator repeats each field of the
 * schema in a comment above it, and cannot be told not to: those comments, and the empty lines, are dropped.
 */

import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";

const plugin = { local: "protoc-gen-es", out: "src/onnx", opt: "target=ts" };
const template = JSON.stringify({ version: "v2", plugins: [plugin] });
execFileSync("buf", ["generate", "src/onnx/onnx.proto", "--template", template], { stdio: "inherit" });

const file = new URL("../src/onnx/onnx_pb.ts", import.meta.url);
const text = readFileSync(file, "utf8");
writeFileSync(file, text.replaceAll(/^ *\/\*\*\n( *\*.*\n)*? *\*\/\n/gm, "").replaceAll(/\n{2,}/g, "\n"));
