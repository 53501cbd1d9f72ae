/** @file A data set in another thread gives the same examples, and its errors arrive. */

import { afterEach, expect, test } from "vitest";
import { uniform } from "../base/random.ts";
import { batches } from "./batches.ts";
import type { Dataset, Random } from "./dataset.ts";
import { ThreadDataset } from "./thread-dataset.ts";

const make = ({ length }: { length: number }): Dataset => {
  // Held by the data set: giving an example away must not take it from there.
  const held = Float32Array.of(1, 2);
  return {
    length,
    async get(index: number, random: Random) {
      if (index === 3)
        throw Object.assign(new Error("Scan 3 is broken."), { name: "AcsconvError", kind: "format" });
      if (index === 4) throw new Error("oops");
      // The later, the sooner it is done.
      await new Promise((resolve) => setTimeout(resolve, 20 - 5 * index));
      return {
        name: `case ${index}`,
        image: { dtype: "float32", dims: [1, 1, 1, 2], data: held.map((x) => x + random()) },
        target: { dtype: "uint8", dims: [1, 1, 2], data: Uint8Array.of(index, 10 * random()) },
      };
    },
  };
};
const module = new URL(`data:text/javascript,${encodeURIComponent(`export default ${String(make)}`)}`);

let open: ThreadDataset | undefined;
afterEach(() => open?.close());

test("examples and batches are those that it would give here, whatever order they are asked in", async () => {
  open = await ThreadDataset.open(module, { length: 3 });
  const here = make({ length: 3 });
  expect(open.length).toBe(3);
  const asked = await Promise.all([2, 0, 1, 1].map((index) => open!.at(index, 7 * index)));
  const expected = [2, 0, 1, 1].map(async (index) => here.get(index, uniform(7 * index)));
  expect(asked).toEqual(await Promise.all(expected));

  const options = { batch: 3, seed: 5 };
  const [there, local] = [open, here].map((data) => batches(data, options, { epoch: 1, batch: 0 }));
  expect((await there!.next()).value).toEqual((await local!.next()).value);
  await Promise.all([there!.return(undefined as never), local!.return(undefined as never)]);
});

test("what goes wrong there is said here, and the next example comes all the same", async () => {
  open = await ThreadDataset.open(module, { length: 5 });
  await expect(open.at(3, 0)).rejects.toMatchObject({ kind: "format", message: "Scan 3 is broken." });
  await expect(open.at(4, 0)).rejects.toMatchObject({ kind: "runtime", message: "oops" });
  expect((await open.at(1, 0)).name).toBe("case 1");
  const waiting = open.at(0, 0);
  await open.close();
  await expect(waiting).rejects.toThrow("The thread that makes the examples has ended.");
});

test("a module that cannot be loaded is an error, not a hanging run", async () => {
  await expect(ThreadDataset.open(new URL("file:///nowhere/data.js"))).rejects.toThrow(/nowhere/);
  await expect(ThreadDataset.open(new URL("data:text/javascript,export const a = 1"))).rejects.toThrow(
    /not a function/,
  );
});
