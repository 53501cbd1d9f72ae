/**
 * One benchmark case on our side: lift, check the result against PyTorch's, time.
 *
 *   node bench/ours.mjs FOLDER CASE REPEATS     prints one JSON line
 */

import { readFileSync } from "node:fs";
import { lift, load } from "acsconv";
import { numbersOf } from "acsconv/graph";
import { sizesFor, summarise } from "acsconv/report";
import { readNpy } from "acsconv/volume";
import { deviationOf } from "./shared.mjs";

const [folder, name, repeats] = process.argv.slice(2);
const read = (suffix) => readNpy(new Uint8Array(readFileSync(`${folder}/${name}.${suffix}.npy`)), name);
const [x, y] = [read("x3"), read("y3")];

const model = lift(await load(`${folder}/${name}.onnx`), { kind: "acs" });
const session = await model.session({ size: x.dims.slice(2) });
const input = model.inputs[0].name;
const seconds = [];
let output;
for (let i = 0; i <= Number(repeats); i++) {
  // Given away, as `predict` does with its windows; PyTorch's tensor crosses no thread either.
  const data = Float32Array.from(numbersOf(x));
  const start = performance.now();
  const feeds = { [input]: { dtype: "float32", dims: x.dims, data } };
  output = Object.values(await session.run(feeds, { transfer: true }))[0];
  if (i > 0) seconds.push((performance.now() - start) / 1000);
}
await session.dispose();

const rssMB = process.resourceUsage().maxRSS / 1024;
console.log(
  JSON.stringify({
    seconds,
    rssMB,
    deviation: deviationOf(output.data, numbersOf(y)),
    multiplyAdds: multiplyAdds(),
  }),
);

/** As acs runs them, by the summary that `acsconv inspect` prints. */
function multiplyAdds() {
  return summarise(model.graph, sizesFor(model.graph, x.dims.slice(2))).multiplyAdds;
}
