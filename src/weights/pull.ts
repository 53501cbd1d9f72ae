/**
 * @file Files of weights from the Hugging Face Hub or any server, kept in a cache.
 *
 * A download goes to `<file>.<tag>.part` and is renamed when it is whole and its checksum is right, so what is in the
 * cache is whole. A cut connection is taken up where it broke, also by the next run. Beside each file stands what the
 * server said of it: as long as it says the same, nothing is downloaded.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9110#name-range-requests
 */

import { AcsconvError, formatError, inputError, ioError, messageOf } from "../base/errors.ts";
import { builtin, ioErrors, makeFolder, writeFiles } from "../base/files.ts";

/** Options of {@link pull}. */
export interface PullOptions {
  /** Of a repository on the Hub: a branch, a tag or a commit. Default `main`. */
  readonly revision?: string;
  /** The file's SHA-256 in hexadecimal digits, or the first of them (8 at least). */
  readonly sha256?: string;
  /** Where files are kept. Default: `ACSCONV_CACHE`, else `acsconv` in the user's cache folder. */
  readonly cache?: string;
  /** Called with the bytes that are there and those of the whole file, where the server says how many. */
  readonly onProgress?: (done: number, total: number | undefined) => void;
}

/** A file on a server. */
interface Remote {
  readonly url: string;
  readonly size: number | undefined;
  /** Changes when the file does. */
  readonly etag: string | undefined;
  /** What the content has to begin with, in hexadecimal digits of its SHA-256. */
  readonly sha256: string | undefined;
}

/** Attempts at a download that makes no progress. */
const ATTEMPTS = 5;
const PAUSE_MS = 500;

/**
 * Downloads a file unless it is in the cache already. If it is, a server that cannot be reached is no error.
 *
 * Checked against: `sha256`; the Hub's checksum of large files; eight and more digits at the end of a name, as in
 * `resnet18-f37072fd.pth`, where PyTorch has them; the size.
 *
 * @param source - `hf:owner/name/file`, `hf:owner/name` where it has one file of weights, or an `https:` address
 * @returns its path in the cache
 * @throws {@link AcsconvError} `input` for a source that is none or has no such file, `io` if it cannot be downloaded,
 *   `format` if it is not what was asked for
 *
 * @example
 * const { model } = await loadWeights(resnet18(), await pull("https://example.org/resnet18-f37072fd.pth"));
 */
export async function pull(source: string, options: PullOptions = {}): Promise<string> {
  const { sha256, cache = defaultCache() } = options;
  if (sha256 !== undefined && !/^[0-9a-f]{8,64}$/i.test(sha256))
    throw inputError(`sha256 must be 8 to 64 hexadecimal digits, got "${sha256}".`);
  const { place, locate } = source.startsWith("hf:") ? await onHub(source, options) : onServer(source);
  const path = builtin("node:path").join(cache, ...place);
  const known = await factsOf(path);
  let remote: Remote;
  try {
    remote = await locate();
  } catch (error) {
    if (known && error instanceof Unreachable) return checked(path, known.sha256, sha256);
    throw error;
  }
  const expected = (sha256 ?? remote.sha256)?.toLowerCase();
  const isSame = remote.etag !== undefined && known?.etag === remote.etag;
  if (isSame && known.size === (remote.size ?? known.size)) return checked(path, known.sha256, expected);
  await makeFolder(builtin("node:path").dirname(path));
  const part = `${path}.${tagOf(remote)}.part`;
  await download(remote, part, options.onProgress);
  const found = await sha256Of(part);
  const size = (await builtin("node:fs/promises").stat(part)).size;
  const isRight = expected === undefined || found.startsWith(expected);
  if (!isRight || (remote.size !== undefined && size !== remote.size)) {
    await builtin("node:fs/promises").rm(part, { force: true });
    throw isRight
      ? formatError(`${remote.url} has ${size} bytes where ${remote.size} were announced; try again.`, {
          code: "E_CHECKSUM",
        })
      : wrongChecksum(remote.url, expected, found);
  }
  await ioErrors("write", path, () => builtin("node:fs/promises").rename(part, path));
  const facts: Facts = { etag: remote.etag, size, sha256: found };
  const chunks = [new TextEncoder().encode(JSON.stringify(facts))];
  await writeFiles([{ path: factsPath(path), chunks }]);
  return path;
}

const wrongChecksum = (what: string, expected: string, found: string): AcsconvError =>
  formatError(
    `${what} has the SHA-256 ${found}, expected ${expected}: it is damaged or another file; do not use it.`,
    { code: "E_CHECKSUM" },
  );

function checked(path: string, found: string, expected: string | undefined): string {
  if (expected !== undefined && !found.startsWith(expected.toLowerCase()))
    throw wrongChecksum(path, expected, found);
  return path;
}

function defaultCache(): string {
  const paths = builtin("node:path");
  const { env, platform } = process;
  if (env["ACSCONV_CACHE"]) return env["ACSCONV_CACHE"];
  const home = builtin("node:os").homedir();
  const usual =
    platform === "win32"
      ? (env["LOCALAPPDATA"] ?? paths.join(home, "AppData", "Local"))
      : platform === "darwin"
        ? paths.join(home, "Library", "Caches")
        : paths.join(home, ".cache");
  return paths.join(env["XDG_CACHE_HOME"] || usual, "acsconv");
}

interface Facts {
  readonly etag?: string | undefined;
  readonly size: number;
  readonly sha256: string;
}

const factsPath = (path: string): string => `${path}.json`;

/** What is known of a file in the cache, unless it has changed since it was put there. */
async function factsOf(path: string): Promise<Facts | undefined> {
  const { readFile, stat } = builtin("node:fs/promises");
  try {
    const facts = JSON.parse(await readFile(factsPath(path), "utf8")) as Facts;
    return (await stat(path)).size === facts.size ? facts : undefined;
  } catch {
    return undefined;
  }
}

/** A file to find: its place in the cache, and what the server says of it. */
interface Target {
  readonly place: readonly string[];
  readonly locate: () => Promise<Remote>;
}

/** A server that cannot be reached, as opposed to one that says no. */
class Unreachable extends AcsconvError {
  constructor(url: string, cause: unknown) {
    const { cause: inner } = cause as { cause?: { code?: string; message?: string } };
    super(
      "io",
      `Cannot reach ${url}: ${inner?.code ?? inner?.message ?? messageOf(cause)}; check the network.`,
      { cause, code: "E_NETWORK" },
    );
  }
}

/** `fetch`, whose failure is {@link Unreachable}. */
const reach: typeof fetch = async (url, init) => {
  try {
    return await fetch(url, init);
  } catch (error) {
    throw new Unreachable(url instanceof Request ? url.url : String(url), error);
  }
};

/** The bytes as they are: those of a compressed answer cannot be counted. */
const IDENTITY = { "Accept-Encoding": "identity" };

/** A checksum at the end of a name, as in `resnet18-f37072fd.pth`. */
const NAMED_CHECKSUM = /-([0-9a-f]{8,64})\.[a-z]+$/;

function onServer(source: string): Target {
  const url = URL.canParse(source) ? new URL(source) : undefined;
  if (!url || !["https:", "http:"].includes(url.protocol))
    throw inputError(`Expected hf:owner/name/file or an https: address, got "${source}".`);
  const steps = url.pathname
    .split("/")
    .filter((step) => step !== "")
    .map(encodeURIComponent);
  const name = steps.pop();
  if (name === undefined) throw inputError(`${source} names no file; give its whole address.`);
  const query = url.search && `${textHash(url.search)}-`;
  return {
    place: ["web", encodeURIComponent(url.host), ...steps, `${query}${name}`],
    async locate() {
      // One byte: servers that know ranges say how many there are.
      const response = await reach(url, { headers: { ...IDENTITY, Range: "bytes=0-0" } });
      await response.body?.cancel();
      if (!response.ok) throw refused(source, response.status);
      const all = response.headers.get(response.status === 206 ? "Content-Range" : "Content-Length");
      const size = all === null ? NaN : Number(all.replace(/^.*\//, ""));
      return {
        url: url.href,
        size: Number.isFinite(size) ? size : undefined,
        etag: response.headers.get("ETag") ?? undefined,
        sha256: NAMED_CHECKSUM.exec(name)?.[1],
      };
    },
  };
}

function refused(what: string, status: number): AcsconvError {
  const answer = `the server answers ${status}`;
  if (status === 404 || status === 410) {
    const code = "E_NOT_FOUND";
    return inputError(`There is no ${what}: ${answer}; check the name.`, { code });
  }
  const [why, code] = [401, 403].includes(status)
    ? ([", it needs permission", "E_PERMISSION"] as const)
    : (["", "E_NETWORK"] as const);
  return ioError(`Cannot download ${what}: ${answer}${why}.`, { code });
}

/** Endings of files of weights, the best first. */
const ENDINGS = [".safetensors", ".pth", ".pt", ".bin", ".ckpt", ".npz", ".onnx"];

async function onHub(source: string, { revision = "main" }: PullOptions): Promise<Target> {
  const steps = source.slice("hf:".length).split("/");
  const [owner, name, ...path] = steps;
  if (owner === undefined || name === undefined || steps.some((step) => !/^[\w.-]*[\w-][\w.-]*$/.test(step)))
    throw inputError(`Expected hf:owner/name or hf:owner/name/file, got "${source}".`);
  const { fileDownloadInfo, HubApiError, listFiles } = await import("@huggingface/hub");
  // The Hub's own tools go by it, too: mirrors.
  const hubUrl = process.env["HF_ENDPOINT"];
  const common = { repo: `${owner}/${name}`, revision, fetch: reach, ...(hubUrl && { hubUrl }) };
  const asked = async <T>(what: string, work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw error instanceof HubApiError ? refused(what, error.statusCode) : error;
    }
  };
  const weights = async (): Promise<string> => {
    const files: string[] = [];
    for await (const { path, type } of listFiles(common)) if (type === "file") files.push(path);
    const byEnding = ENDINGS.map((ending) => files.filter((file) => file.endsWith(ending)));
    const best = byEnding.find((found) => found.length > 0) ?? [];
    if (best.length === 1) return best[0]!;
    throw inputError(
      best.length === 0
        ? `${source} has no file of weights; name one of its files as in ${source}/weights.pth.`
        : `${source} has ${best.length} files of weights; name one: ${best.map((file) => `${source}/${file}`).join(", ")}.`,
      { code: best.length === 0 ? "E_NOT_FOUND" : "E_AMBIGUOUS" },
    );
  };
  const file = path.length > 0 ? path.join("/") : await asked(source, weights);
  return {
    place: ["hf", owner, name, encodeURIComponent(revision), ...file.split("/")],
    async locate() {
      const what = `hf:${owner}/${name}/${file}`;
      const info = await asked(what, () => fileDownloadInfo({ ...common, path: file }));
      if (!info) throw refused(what, 404);
      const etag = info.etag.replaceAll('"', "");
      return { url: info.url, size: info.size, etag, sha256: /^[0-9a-f]{64}$/.test(etag) ? etag : undefined };
    },
  };
}

/** Whether the server says enough of the file to continue a part of it. */
const isResumable = ({ etag, size }: Remote): boolean =>
  size !== undefined && etag !== undefined && !etag.startsWith("W/");

/** Ends the name of a part, so that only a part of the same content is continued. */
const tagOf = (remote: Remote): string =>
  isResumable(remote) ? textHash(`${remote.etag} ${remote.size}`) : builtin("node:crypto").randomUUID();

const textHash = (text: string): string =>
  builtin("node:crypto").createHash("sha256").update(text).digest("hex").slice(0, 12);

/** Continues a part from where it ends. Only attempts that bring no bytes count as failures. */
async function download(remote: Remote, part: string, onProgress: PullOptions["onProgress"]): Promise<void> {
  const { rm, stat } = builtin("node:fs/promises");
  const sizeOf = async (): Promise<number> => (await stat(part).catch(() => undefined))?.size ?? 0;
  for (let failures = 0; ;) {
    const start = await sizeOf();
    if (remote.size !== undefined && start >= remote.size) return;
    try {
      await transfer(remote, part, start, onProgress);
      return;
    } catch (error) {
      if (!isResumable(remote)) await rm(part, { force: true });
      failures = (await sizeOf()) > start ? 0 : failures + 1;
      if (!(error instanceof Unreachable) || failures >= ATTEMPTS) throw error;
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS * failures));
    }
  }
}

async function transfer(
  { url, size, etag }: Remote,
  part: string,
  start: number,
  onProgress: PullOptions["onProgress"],
): Promise<void> {
  // The Hub's tag is not that of the server it redirects to, so only a quoted one, from the server itself, is sent.
  const headers = {
    ...IDENTITY,
    ...(start > 0 && { Range: `bytes=${start}-` }),
    ...(start > 0 && etag?.startsWith('"') && { "If-Range": etag }),
  };
  const response = await reach(url, { headers });
  if (!response.ok || !response.body) throw refused(url, response.status);
  const isRest = response.status === 206;
  let done = isRest ? start : 0;
  const handle = await ioErrors("write", part, () =>
    builtin("node:fs/promises").open(part, isRest ? "a" : "w"),
  );
  try {
    const chunks = response.body[Symbol.asyncIterator]();
    for (;;) {
      const next = await chunks.next().catch((error: unknown) => {
        throw new Unreachable(url, error);
      });
      if (next.done) break;
      await ioErrors("write", part, () => handle.writeFile(next.value as Uint8Array));
      done += (next.value as Uint8Array).length;
      onProgress?.(done, size);
    }
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function sha256Of(path: string): Promise<string> {
  const hash = builtin("node:crypto").createHash("sha256");
  return ioErrors("read", path, async () => {
    for await (const chunk of builtin("node:fs").createReadStream(path)) hash.update(chunk as Uint8Array);
    return hash.digest("hex");
  });
}
