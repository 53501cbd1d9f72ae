/** @file Codes of errors: one table, in which each has its meaning, and nothing that is never raised. */

import { readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ERROR_CODES } from "./error-codes.ts";
import { AcsconvError, type ErrorKind } from "./errors.ts";
import { checkApart, isFolder, writeFiles } from "./files.ts";
import { unknownName } from "./names.ts";
import { openSource } from "./byte-source.ts";

const root = new URL("../", import.meta.url);

test("the codes that sources name are those of the table", () => {
  const named = readdirSync(root, { recursive: true, encoding: "utf8" })
    .filter((file) => /\.(ts|js)$/.test(file) && !/\.test\.ts$|error-codes\.ts$/.test(file))
    .flatMap((file) => [...readFileSync(new URL(file, root), "utf8").matchAll(/"(E_[A-Z0-9_]+)"/g)])
    .map(([, code]) => code!);
  expect([...new Set(named)].toSorted()).toEqual(Object.keys(ERROR_CODES).toSorted());
});

test("an error that names no code has that of its kind", () => {
  const kinds: ErrorKind[] = ["format", "graph", "lift", "train", "input", "io", "runtime"];
  const codes = kinds.map((kind) => new AcsconvError(kind, "no").code);
  expect(codes).toEqual(["E_FORMAT", "E_GRAPH", "E_LIFT", "E_TRAIN", "E_ARGUMENT", "E_IO", "E_RUNTIME"]);
  expect(new AcsconvError("io", "no", { code: "E_DISK_FULL" }).code).toBe("E_DISK_FULL");
});

test("programs can tell what went wrong with a file", async () => {
  const missing = join(tmpdir(), "acsconv-no-such-folder", "file");
  await expect(openSource(missing)).rejects.toMatchObject({ kind: "io", code: "E_NOT_FOUND" });
  await expect(isFolder(missing)).rejects.toMatchObject({ code: "E_NOT_FOUND" });
  await expect(writeFiles([{ path: missing, chunks: [] }])).rejects.toMatchObject({ code: "E_NOT_FOUND" });
  await expect(openSource(tmpdir())).rejects.toMatchObject({ code: "E_NOT_A_FILE" });
  await expect(checkApart([missing, missing])).rejects.toMatchObject({ code: "E_OVERWRITE" });
  expect(unknownName("metric", "dise", ["dice"])).toMatchObject({ kind: "input", code: "E_UNKNOWN_NAME" });
});
