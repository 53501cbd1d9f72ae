/** @file Reads files in a process of its own, and says for each what came of it and what it took, in lines of JSON. */

import { readFileSync } from "node:fs";
import { readVolume } from "../../src/volume/read.ts";

export interface Taken {
  readonly path: string;
  readonly message: string;
  readonly seconds: number;
  /** What the most memory that the process ever held has grown by, in MB. */
  readonly megabytes: number;
}

/** The most memory that this process has held, in MB. */
const peak = (): number =>
  Number(/VmHWM:\s*(\d+) kB/.exec(readFileSync("/proc/self/status", "utf8"))![1]) / 1024;

for (const path of process.argv.slice(2)) {
  const [before, start] = [peak(), performance.now()];
  const message = await readVolume(path, { onWarning: () => undefined }).then(
    ({ shape }) => `read [${shape.join(", ")}]`,
    (error: Error) => `${error.name}: ${error.message}`,
  );
  const taken: Taken = {
    path,
    message,
    seconds: (performance.now() - start) / 1000,
    megabytes: peak() - before,
  };
  process.stdout.write(`${JSON.stringify(taken)}\n`);
}
