/** @file Downloads from a server in this process: cache, resumption, checksums, and what it says when they fail. */

import { createHash } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { acsconv } from "../../test/helpers/command-line.ts";
import { pull } from "./pull.ts";

const CONTENT = Uint8Array.from({ length: 300_000 }, (_, i) => (i * 7919) % 251);
const SHA256 = createHash("sha256").update(CONTENT).digest("hex");

let server: Server;
let cache: string;
let base: string;
/** What was asked for: path and range. */
let asked: string[];
/** Answers are cut after so many bytes, one number for each download; none are left: whole. */
let cuts: number[];
let etag: string | undefined;
let hasRanges: boolean;

beforeEach(async () => {
  [asked, cuts, etag, hasRanges] = [[], [], '"one"', true];
  cache = await mkdtemp(join(tmpdir(), "acsconv-pull-"));
  server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  vi.stubEnv("HF_ENDPOINT", base);
  vi.stubEnv("ACSCONV_CACHE", cache);
});
afterEach(async () => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
  await stopServer();
  await rm(cache, { recursive: true });
});

async function stopServer(): Promise<void> {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
}

/** Of `owner/name` on the Hub. */
const HUB_FILES = ["README.md", "model.safetensors", "extra/other.pth"];

function answer({ url = "", headers }: IncomingMessage, response: ServerResponse): void {
  asked.push(`${url} ${headers.range ?? "all"}`);
  if (url.startsWith("/api/models/owner/")) {
    const files = url.includes("/many/") ? ["a.pth", "b.pth"] : url.includes("/none/") ? [] : HUB_FILES;
    response.setHeader("Content-Type", "application/json");
    response.end(JSON.stringify(files.map((path) => ({ type: "file", path, size: 1, oid: "0" }))));
    return;
  }
  if (!/\.(safetensors|pth)$/.test(url)) {
    response.writeHead(url.includes("secret") ? 401 : 404, { "X-Error-Code": "EntryNotFound" }).end("no");
    return;
  }
  const isHub = url.includes("/resolve/");
  if (isHub) response.setHeader("X-Linked-ETag", `"${url.includes("wrong") ? "0".repeat(64) : SHA256}"`);
  if (etag !== undefined) response.setHeader("ETag", etag);
  const range = hasRanges ? /^bytes=(\d+)-(\d*)$/.exec(headers.range ?? "") : null;
  const isStale = headers["if-range"] !== undefined && headers["if-range"] !== etag;
  const [start, end] =
    range && !isStale
      ? [Number(range[1]), range[2] === "" ? CONTENT.length : Number(range[2]) + 1]
      : [0, CONTENT.length];
  if (range && !isStale) {
    response.statusCode = 206;
    response.setHeader("Content-Range", `bytes ${start}-${end - 1}/${CONTENT.length}`);
  }
  response.setHeader("Content-Length", end - start);
  const cut = headers.range === "bytes=0-0" ? undefined : cuts.shift();
  if (cut === undefined) response.end(CONTENT.subarray(start, end));
  else response.write(CONTENT.subarray(start, start + cut), () => setTimeout(() => response.destroy(), 50));
}

/** Pauses between attempts take no more than 50 ms. */
function hurry(): void {
  const later = setTimeout;
  const soon = (work: () => void, ms = 0): NodeJS.Timeout => later(work, Math.min(ms, 50));
  vi.spyOn(globalThis, "setTimeout").mockImplementation(soon);
}

const downloads = (): string[] =>
  asked.filter((line) => !line.endsWith("bytes=0-0") && !line.startsWith("/api"));
const expectContent = async (path: string): Promise<void> =>
  expect(
    createHash("sha256")
      .update(await readFile(path))
      .digest("hex"),
  ).toBe(SHA256);
const partsIn = async (): Promise<string[]> =>
  (await readdir(cache, { recursive: true })).filter((name) => name.endsWith(".part"));

test("a file is downloaded once, and again when it changed", async () => {
  const seen: number[] = [];
  const source = `${base}/a/w.pth`;
  const path = await pull(source, { onProgress: (done, total) => seen.push(done, total!) });
  await expectContent(path);
  expect(path.startsWith(join(cache, "web"))).toBe(true);
  expect(seen.slice(-2)).toEqual([CONTENT.length, CONTENT.length]);
  expect(await pull(source)).toBe(path);
  expect(downloads()).toHaveLength(1);
  etag = '"two"';
  expect(await pull(source)).toBe(path);
  expect(downloads()).toHaveLength(2);
  expect(await partsIn()).toEqual([]);
});

test("a file that was changed in the cache is downloaded again", async () => {
  const path = await pull(`${base}/w.pth`);
  await writeFile(path, "short");
  await expectContent(await pull(`${base}/w.pth`));
});

test("connections that are cut are taken up where they broke", async () => {
  cuts = [100_000, 50_000];
  await expectContent(await pull(`${base}/w.pth`));
  const starts = downloads().map((line) => line.split(" ")[1]);
  expect(starts).toEqual(["all", "bytes=100000-", "bytes=150000-"]);
});

test("so does the next run, unless the file changed meanwhile", async () => {
  hurry();
  cuts = [100_000, 0, 0, 0, 0, 0];
  await expect(pull(`${base}/w.pth`)).rejects.toThrow(/Cannot reach .*w\.pth: .*check the network/);
  expect(await partsIn()).toHaveLength(1);
  await expectContent(await pull(`${base}/w.pth`));
  expect(downloads().at(-1)).toBe("/w.pth bytes=100000-");
  cuts = [100_000, 0, 0, 0, 0, 0];
  etag = '"two"';
  await expect(pull(`${base}/w.pth`)).rejects.toThrow(/Cannot reach/);
  etag = '"three"';
  await expectContent(await pull(`${base}/w.pth`));
  expect(downloads().at(-1)).toBe("/w.pth all");
});

test.each([
  ["that knows no ranges", () => (hasRanges = false)],
  ["that says nothing of versions", () => (etag = undefined)],
  ["whose versions are weak", () => (etag = 'W/"one"')],
])("from a server %s a cut download begins anew", async (_, prepare) => {
  prepare();
  cuts = [100_000];
  await expectContent(await pull(`${base}/w.pth`));
  expect(await partsIn()).toEqual([]);
});

test("what is in the cache is there without the network", async () => {
  const path = await pull(`${base}/w.pth`);
  await stopServer();
  expect(await pull(`${base}/w.pth`)).toBe(path);
  await expect(pull(`${base}/w.pth`, { sha256: "0123456789" })).rejects.toThrow(/expected 0123456789/);
  await expect(pull(`${base}/other.pth`)).rejects.toThrow(
    /Cannot reach .*: ECONNREFUSED; check the network\.$/,
  );
  server = createServer(answer).listen(0);
});

describe("checksums", () => {
  test.each([
    ["given", "w.pth", { sha256: SHA256 }],
    ["given in part, in capitals", "w.pth", { sha256: SHA256.slice(0, 10).toUpperCase() }],
    ["in the name", `w-${SHA256.slice(0, 8)}.pth`, {}],
  ])("%s: right", async (_, name, options) => {
    await expectContent(await pull(`${base}/${name}`, options));
  });

  test.each([
    ["given", "w.pth", { sha256: "0".repeat(64) }],
    ["in the name", "w-00000000.pth", {}],
  ])("%s: wrong, and nothing is kept", async (_, name, options) => {
    await expect(pull(`${base}/${name}`, options)).rejects.toThrow(
      /has the SHA-256 \w{64}, expected 0+: it is damaged/,
    );
    expect((await readdir(cache, { recursive: true })).filter((name) => name.includes(".pth"))).toEqual([]);
  });
});

describe("the Hub", () => {
  test("a repository with one file of weights of the best kind", async () => {
    const path = await pull("hf:owner/name");
    await expectContent(path);
    expect(path).toBe(join(cache, "hf", "owner", "name", "main", "model.safetensors"));
    expect(asked[0]).toMatch(/^\/api\/models\/owner\/name\/tree\/main/);
  });

  test("a file of a revision", async () => {
    const path = await pull("hf:owner/name/extra/other.pth", { revision: "v1" });
    expect(path).toBe(join(cache, "hf", "owner", "name", "v1", "extra", "other.pth"));
    expect(downloads()).toEqual(["/owner/name/resolve/v1/extra/other.pth all"]);
  });

  test.each([
    ["wrong content", "hf:owner/wrong/w.pth", /expected 0{64}/],
    [
      "no such file",
      "hf:owner/name/none.txt",
      /There is no hf:owner\/name\/none\.txt: the server answers 404/,
    ],
    ["no such repository", "hf:other/name", /There is no hf:other\/name: the server answers 404/],
    ["no permission", "hf:owner/secret/w.txt", /answers 401, it needs permission/],
    ["no weights", "hf:owner/none", /has no file of weights/],
    [
      "several",
      "hf:owner/many",
      /2 files of weights; name one: hf:owner\/many\/a\.pth, hf:owner\/many\/b\.pth/,
    ],
    ["half a name", "hf:owner", /Expected hf:owner\/name/],
    ["a way out of the cache", "hf:owner/name/../../x.pth", /Expected hf:owner\/name/],
  ])("%s", async (_, source, message) => {
    await expect(pull(source)).rejects.toThrow(message);
  });
});

describe("acsconv pull", () => {
  test("prints the path", async () => {
    const { code, stdout } = await acsconv("pull", `${base}/w.pth`);
    expect(code).toBe(0);
    await expectContent(stdout.trimEnd());
  });

  test.each([
    ["no source", ["w.pth"], /Expected hf:owner\/name\/file or an https: address, got "w\.pth"/],
    ["another protocol", ["ftp://example.org/w.pth"], /Expected hf:owner/],
    ["no checksum", ["hf:owner/name", "--sha256", "xyz"], /sha256 must be 8 to 64 hexadecimal digits/],
  ])("says in one sentence what is wrong: %s", async (_, args, message) => {
    const { code, stdout, stderr } = await acsconv("pull", ...args);
    expect(stderr).toMatch(message);
    expect(stderr).toMatch(/^acsconv: [^\n]+\.\n$/);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  });
});
