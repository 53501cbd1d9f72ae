/** @file Bytes as text, in Node and in browsers alike. */

/** Bytes go through a string, in pieces that fit the arguments of a call. */
const PIECE = 0x8000;

/** The chunks, one after the other, as base64. */
export function toBase64(...chunks: readonly Uint8Array[]): string {
  let binary = "";
  for (const chunk of chunks) {
    for (let at = 0; at < chunk.length; at += PIECE)
      binary += String.fromCharCode(...chunk.subarray(at, at + PIECE));
  }
  return btoa(binary);
}

/** The bytes behind a base64 text. */
export const fromBase64 = (text: string): Uint8Array =>
  Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
