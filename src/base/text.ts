/** @file Text files as people's editors write them. */

/** What begins a text in UTF-16. */
const MARKS = [
  { bytes: [0xff, 0xfe], encoding: "utf-16le" },
  { bytes: [0xfe, 0xff], encoding: "utf-16be" },
] as const;

/** Text of a file: UTF-8, or UTF-16 where a byte order mark says so (Windows writes both); the mark is left out. */
export function decodeText(bytes: Uint8Array): string {
  const marked = MARKS.find((mark) => mark.bytes.every((byte, i) => bytes[i] === byte));
  return new TextDecoder(marked?.encoding).decode(bytes);
}
