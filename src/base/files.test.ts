import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { checkWritable, makeFolder, unfinishedFiles, writeFiles } from "./files.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "acsconv-files-"));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

const text = (words: string): Uint8Array => new TextEncoder().encode(words);

test("makeFolder makes those above it, and says what is in the way", async () => {
  await makeFolder(join(folder, "a/b"));
  await makeFolder(join(folder, "a/b"));
  expect(await readdir(join(folder, "a"))).toEqual(["b"]);
  await writeFile(join(folder, "file"), "");
  await expect(makeFolder(join(folder, "file/x"))).rejects.toThrow(
    `Cannot write "${join(folder, "file")}": it is there already, as a file.`,
  );
});

describe("writeFiles", () => {
  test("writes the chunks of every file, over what was there", async () => {
    const [a, b] = [join(folder, "a"), join(folder, "b")];
    await writeFile(a, "a long old text");
    await writeFiles([
      { path: a, chunks: [text("new "), text("a")] },
      { path: b, chunks: [text("new b")] },
    ]);
    expect(await readFile(a, "utf8")).toBe("new a");
    expect(await readFile(b, "utf8")).toBe("new b");
    expect(await readdir(folder)).toEqual(["a", "b"]);
  });

  test("leaves everything as it was if one of them fails, on the way too", async () => {
    const path = join(folder, "a");
    await writeFile(path, "old");
    async function* failing(): AsyncGenerator<Uint8Array> {
      yield text("new");
      await Promise.resolve();
      expect(unfinishedFiles.size).toBe(1);
      throw Object.assign(new Error("write"), { code: "ENOSPC" });
    }
    await expect(writeFiles([{ path, chunks: failing() }])).rejects.toThrow(
      `Cannot write "${path}": the disk is full.`,
    );
    const nowhere = join(folder, "missing", "b");
    await expect(
      writeFiles([
        { path, chunks: [text("new")] },
        { path: nowhere, chunks: [] },
      ]),
    ).rejects.toThrow(`Cannot write "${nowhere}": there is no such file or folder.`);
    expect(await readFile(path, "utf8")).toBe("old");
    expect(await readdir(folder)).toEqual(["a"]);
    expect(unfinishedFiles.size).toBe(0);
  });
});

test("checkWritable refuses folders and missing ones, and leaves nothing behind", async () => {
  await mkdir(join(folder, "sub"));
  await checkWritable(join(folder, "new"));
  await expect(checkWritable(join(folder, "sub"))).rejects.toThrow(/it is a folder; name a file/);
  await expect(checkWritable(join(folder, "none", "x"))).rejects.toThrow(/no such file or folder/);
  expect(await readdir(folder)).toEqual(["sub"]);
});
