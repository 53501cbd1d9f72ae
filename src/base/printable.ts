/**
 * @file Text from files, as it can be shown: names of tensors, operators, classes, series and files may hold characters
 * that move a terminal's cursor, colour it, or turn a line around, and so make it say what nobody said.
 */

/**
 * Control characters (C0, DEL, C1), line and paragraph separators, and the marks that change the direction of text
 * (Unicode's "Bidi_Control"); halves of characters, which no encoder takes.
 */
const UNSHOWN = /\p{Cc}|\p{Cs}|\p{Zl}|\p{Zp}|\p{Bidi_Control}|\uFEFF/gu;

const SHORT: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/** One line in which such characters are written as JSON writes them: `\n`, `\u001b`. */
export const printable = (text: string): string =>
  text.replaceAll(
    UNSHOWN,
    (character) => SHORT[character] ?? `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );

/** The same, for text of which the lines are ours. */
export const printableLines = (text: string): string => text.split("\n").map(printable).join("\n");
