/**
 * @file The entries of a zip archive, stored ones in place. PyTorch and NumPy store tensors without
 * compression, so that a checkpoint of gigabytes is read without being copied.
 *
 * @see https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT
 */

import { Inflate } from "fflate";
import { AcsconvError, messageOf } from "../base/errors.ts";
import { allocate } from "../base/memory.ts";
import { crc32 } from "./crc32.ts";
import { type Budget, DEFLATE_MAX_RATIO, decodeText, type Fail } from "./foreign.ts";

/** More than any checkpoint has. */
const MAX_ENTRIES = 200_000;
const DIRECTORY_END = 0x06054b50;
const DIRECTORY_END_BYTES = 22;
const DIRECTORY_END_64 = 0x06064b50;
const LOCATOR_64 = 0x07064b50;
const LOCATOR_64_BYTES = 20;
const ENTRY = 0x02014b50;
const ENTRY_BYTES = 46;
const LOCAL = 0x04034b50;
const LOCAL_BYTES = 30;
/** A number in 32 bits that stands for one in 64 bits elsewhere. */
const ELSEWHERE = 0xffffffff;
/** The field that holds numbers of 64 bits. */
const WIDE_FIELD = 1;
const STORED = 0;
const DEFLATED = 8;
/** Compressed bytes given to the decompressor at once: they can become a thousand times as many. */
const INFLATE_STEP = 4096;
/** Compressed bytes that may come to nothing: what follows the end of an entry does, and costs much time. */
const MAX_IDLE = 4 * INFLATE_STEP;
/** The same where only the beginning is wanted, such as a header. */
const FIRST_STEP = 64;

/** An entry: where it lies, and how. */
interface Entry {
  readonly method: number;
  readonly encrypted: boolean;
  readonly packed: number;
  readonly size: number;
  /** Of what it unpacks to. */
  readonly checksum: number;
  /** Where its local header begins. */
  readonly at: number;
}

/** An archive's entries, read when they are asked for. */
export class ZipArchive {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #entries: ReadonlyMap<string, Entry>;
  readonly #budget: Budget | undefined;
  readonly #fail: Fail;

  /** @param budget - bounds what is unpacked in all; without one each entry is bounded by its packed size */
  constructor(bytes: Uint8Array, budget: Budget | undefined, fail: Fail) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#budget = budget;
    this.#fail = fail;
    this.#entries = this.#directory();
  }

  get names(): readonly string[] {
    return [...this.#entries.keys()];
  }

  /** How many bytes an entry says it unpacks to. */
  sizeOf(name: string): number | undefined {
    return this.#entries.get(name)?.size;
  }

  /**
   * The content of an entry, or its first `most` bytes: no more is unpacked. Stored ones are part of the archive's bytes.
   */
  read(name: string, most = Infinity): Uint8Array | undefined {
    const entry = this.#entries.get(name);
    if (!entry) return undefined;
    const { method, encrypted, packed, size, at } = entry;
    if (encrypted) this.#fail(`has an encrypted entry, ${JSON.stringify(name)}`, "E_UNSUPPORTED");
    this.#require(at, LOCAL_BYTES);
    if (this.#view.getUint32(at, true) !== LOCAL)
      this.#fail("is damaged: an entry is not where it should be");
    const start =
      at + LOCAL_BYTES + this.#view.getUint16(at + 26, true) + this.#view.getUint16(at + 28, true);
    this.#require(start, packed);
    const content = this.#bytes.subarray(start, start + packed);
    if (method === STORED && packed === size) return content.subarray(0, Math.min(size, most));
    return method === DEFLATED
      ? this.#inflate(name, content, size, Math.min(size, most))
      : this.#fail(
          `has an entry ${JSON.stringify(name)} in a compression that is not known (${method})`,
          "E_UNSUPPORTED",
        );
  }

  /** Holds what was read of an entry against its checksum, if it is all of it. */
  check(name: string, content: Uint8Array): void {
    const entry = this.#entries.get(name);
    if (entry?.size === content.length && entry.checksum !== crc32(content))
      this.#fail(`is damaged: the checksum of its entry ${JSON.stringify(name)} is wrong`);
  }

  #inflate(name: string, packed: Uint8Array, size: number, wanted: number): Uint8Array {
    const wrong = (found: string): never =>
      this.#fail(`is damaged: its entry ${JSON.stringify(name)} of ${size} bytes ${found}`);
    if (size > DEFLATE_MAX_RATIO * packed.length) wrong(`cannot come of ${packed.length} packed ones`);
    this.#budget?.take(wanted);
    const content = allocate(() => new Uint8Array(wanted), wanted, `The array ${JSON.stringify(name)}`);
    let [end, idle] = [0, 0];
    const inflate = new Inflate((chunk) => {
      if (end + chunk.length > size) wrong("unpacks to more");
      const part = chunk.subarray(0, Math.max(0, wanted - end));
      content.set(part, end);
      end += chunk.length;
    });
    const stride = wanted < size && wanted < INFLATE_STEP * 4 ? FIRST_STEP : INFLATE_STEP;
    for (let at = 0; at === 0 || (at < packed.length && (wanted === size || end < wanted)); at += stride) {
      const step = packed.subarray(at, at + stride);
      const isLast = at + stride >= packed.length;
      const before = end;
      try {
        inflate.push(step, isLast);
      } catch (error) {
        // fflate throws errors of its own.
        if (error instanceof Error && !(error instanceof AcsconvError) && "code" in error)
          this.#fail(
            `is damaged: its entry ${JSON.stringify(name)} cannot be unpacked (${messageOf(error)})`,
          );
        throw error;
      }
      idle = end === before ? idle + step.length : 0;
      if (idle > MAX_IDLE) wrong(`unpacks to ${end}`);
    }
    return end === size || (wanted < size && end >= wanted) ? content : wrong(`unpacks to ${end}`);
  }

  #require(at: number, count: number): void {
    if (!(at + count <= this.#bytes.length))
      this.#fail(`is truncated: ${count} bytes at byte ${at} of the archive are not there`);
  }

  #uint64(at: number): number {
    this.#require(at, 8);
    return Number(this.#view.getBigUint64(at, true));
  }

  /** Where the list of entries begins, how many there are, and how many bytes lie before the archive. */
  #directoryPlace(): { start: number; count: number; before: number } {
    const view = this.#view;
    // A comment of up to 65,535 bytes may follow.
    const first = Math.max(0, this.#bytes.length - DIRECTORY_END_BYTES - 0xffff);
    let end = this.#bytes.length - DIRECTORY_END_BYTES;
    while (end >= first && view.getUint32(end, true) !== DIRECTORY_END) end--;
    if (end < first) this.#fail("is truncated: the list of entries at the end of a zip archive is missing");
    const told = view.getUint32(end + 16, true);
    const start = end - view.getUint32(end + 12, true);
    // A program that unpacks itself comes before its archive, and places are counted from there.
    const before = told < start ? start - told : 0;
    const place = { start: told + before, count: view.getUint16(end + 10, true), before };
    const locator = end - LOCATOR_64_BYTES;
    if (locator < 0 || view.getUint32(locator, true) !== LOCATOR_64) return place;
    const end64 = this.#uint64(locator + 8);
    this.#require(end64, 56);
    if (view.getUint32(end64, true) !== DIRECTORY_END_64) return place;
    return { start: this.#uint64(end64 + 48), count: this.#uint64(end64 + 32), before: 0 };
  }

  #directory(): Map<string, Entry> {
    const { start, count, before } = this.#directoryPlace();
    if (count > MAX_ENTRIES) this.#fail(`claims to have ${count} entries; the limit is ${MAX_ENTRIES}`);
    const entries = new Map<string, Entry>();
    let packedBytes = 0;
    const view = this.#view;
    for (let i = 0, at = start; i < count; i++) {
      this.#require(at, ENTRY_BYTES);
      if (view.getUint32(at, true) !== ENTRY) this.#fail("is damaged: its list of entries is broken");
      const [nameLength, extraLength, commentLength] = [28, 30, 32].map((o) => view.getUint16(at + o, true));
      const extra = at + ENTRY_BYTES + nameLength!;
      this.#require(extra, extraLength! + commentLength!);
      const [size, packed, local] = this.#sizes(at, extra, extraLength!);
      entries.set(decodeText(this.#bytes.subarray(at + ENTRY_BYTES, extra)), {
        method: view.getUint16(at + 10, true),
        encrypted: (view.getUint16(at + 8, true) & 1) === 1,
        packed: packed!,
        size: size!,
        checksum: view.getUint32(at + 16, true),
        at: local! + before,
      });
      packedBytes += packed!;
      at = extra + extraLength! + commentLength!;
    }
    // Bombs let many entries unpack the same bytes.
    if (packedBytes > this.#bytes.length)
      this.#fail(
        `is damaged: its entries overlap, with ${packedBytes} bytes in ${this.#bytes.length}`,
        "E_UNSAFE",
      );
    return entries;
  }

  /** Size, packed size and place of an entry: in 32 bits, or those that do not fit, in turn, in a field of their own. */
  #sizes(entry: number, extra: number, extraLength: number): number[] {
    let wide = extra;
    const end = extra + extraLength;
    while (wide + 4 <= end && this.#view.getUint16(wide, true) !== WIDE_FIELD)
      wide += 4 + this.#view.getUint16(wide + 2, true);
    wide += 4;
    return [24, 20, 42].map((at) => {
      const narrow = this.#view.getUint32(entry + at, true);
      if (narrow !== ELSEWHERE || wide + 8 > end) return narrow;
      wide += 8;
      return this.#uint64(wide - 8);
    });
  }
}
