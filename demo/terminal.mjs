// @ts-check
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

const LABEL_WIDTH = 34;

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
  const line = () => {
    const seconds = ((performance.now() - start) / 1000).toFixed(1);
    return `${label.padEnd(LABEL_WIDTH)}${seconds} s  ${progress}`;
  };
  const redraw = () => process.stdout.write(`\r${line()}`);
  const ticks = process.stdout.isTTY ? setInterval(redraw, 100) : undefined;
  const result = await work((done, total) => {
    progress = `${done}/${total}`;
  });
  clearInterval(ticks);
  progress = " ".repeat(progress.length);
  say((ticks ? "\r" : "") + line().trimEnd() + (ticks ? progress : ""));
  return result;
}
