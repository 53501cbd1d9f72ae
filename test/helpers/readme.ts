/** @file README's blocks of code, for the tests that run them. */

import { readFileSync } from "node:fs";

export interface Block {
  readonly language: string;
  readonly code: string;
  /** Why it is not run as it stands, or what runs it: the comment above the block. */
  readonly note: string | undefined;
  /** The line of the file that it begins on. */
  readonly line: number;
}

/** All blocks that name their language. */
export function readmeBlocks(): Block[] {
  const text = readFileSync(new URL("../../README.md", import.meta.url), "utf8");
  return [...text.matchAll(/(?:<!-- ((?:not )?run[^]*?) -->\n\n)?```(\w+)\n([^]*?)```/g)].map((match) => ({
    language: match[2]!,
    code: match[3]!,
    note: match[1],
    line: text.slice(0, match.index).split("\n").length,
  }));
}

/** The block that a note gives this file name. */
export function readmeFile(name: string): string {
  const block = readmeBlocks().find(({ note }) => note?.endsWith(`: ${name}`));
  if (!block) throw new Error(`README.md has no block for ${name}.`);
  return block.code;
}
