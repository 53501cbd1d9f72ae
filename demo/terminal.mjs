/** @file How the demo speaks: headings, tables, and work that shows how far it is. */

/** @param {string} line */
export const say = (line) => console.log(line);

/** @param {string} heading */
export const title = (heading) =>
  say(process.stdout.isTTY ? `\n\u001B[1m${heading}\u001B[0m` : `\n${heading}`);

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
const LABEL_WIDTH = 36;
/** Letters of a bar. */
const BAR = 20;
/** Where there is no terminal to draw on, long work says so many times how far it is. */
const REPORTS = 8;

/**
 * Says how long work takes, and how far it is: on a terminal all the time, in a pipe now and then.
 *
 * @template T
 * @param {string} label
 * @param {(tell: (done: number, total: number, note?: string) => void) => Promise<T>} work
 */
export async function timed(label, work) {
  const { stdout } = process;
  const start = performance.now();
  const seconds = () => `${((performance.now() - start) / 1000).toFixed(1)} s`.padStart(7);
  let progress = "";
  let reports = 0;
  const redraw = () => stdout.write(`\r\u001B[K${label.padEnd(LABEL_WIDTH)}${seconds()}   ${progress}`);
  const ticks = stdout.isTTY ? setInterval(redraw, 100) : undefined;
  try {
    const result = await work((done, total, note = "") => {
      const full = Math.round((BAR * done) / total);
      progress = `${"█".repeat(full)}${"░".repeat(BAR - full)} ${done}/${total}  ${note}`;
      const reached = Math.floor((REPORTS * done) / total);
      if (!stdout.isTTY && note !== "" && reached > reports) say(`  ${done}/${total}  ${note}`);
      reports = reached;
    });
    if (ticks) stdout.write("\r\u001B[K");
    say(`${label.padEnd(LABEL_WIDTH)}${seconds()}`);
    return result;
  } finally {
    clearInterval(ticks);
  }
}
