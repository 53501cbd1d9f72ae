/** @file What the demo says, and how long things take. */

import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const CLI = fileURLToPath(new URL("dist/cli/main.js", import.meta.resolve("acsconv/package.json")));

/** @param {string} line */
export const say = (line) => console.log(line);

/** @param {string} heading */
export const title = (heading) =>
  say(process.stdout.isTTY ? `\n\u001B[1m${heading}\u001B[0m` : `\n${heading}`);

/**
 * A command to paste.
 *
 * @param {readonly string[]} words - of `acsconv`
 */
export const quote = (words) => say(`$ npx acsconv ${words.join(" ")}`);

/**
 * Says a command and runs it; ends the demo if it fails.
 *
 * @param {readonly string[]} words - of `acsconv`
 */
export function run(words) {
  quote(words);
  const { status } = spawnSync(process.execPath, [CLI, ...words], { stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
}

/**
 * A table: first column to the left, the others to the right.
 *
 * @param {readonly (readonly string[])[]} rows - of equal length
 */
export function table(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  for (const [first, ...others] of rows) {
    const cells = others.map((cell, i) => cell.padStart(widths[i + 1]));
    say([first.padEnd(widths[0]), ...cells].join("   "));
  }
}

/** So that times stand under one another. */
const LABEL_WIDTH = 24;

/**
 * Says how long work takes; on a terminal also while it lasts, and how far it is.
 *
 * @template T
 * @param {string} label
 * @param {(tell: (done: number, total: number) => void) => Promise<T>} work
 */
export async function timed(label, work) {
  const start = performance.now();
  let progress = "";
  const line = () => `${label.padEnd(LABEL_WIDTH)}  ${((performance.now() - start) / 1000).toFixed(1)} s`;
  const redraw = () => process.stdout.write(`\r${line()}  ${progress}`);
  const ticks = process.stdout.isTTY ? setInterval(redraw, 100) : undefined;
  const result = await work((done, total) => {
    progress = `${done}/${total}`;
  });
  clearInterval(ticks);
  say(ticks ? `\r\u001B[K${line()}` : line());
  return result;
}
