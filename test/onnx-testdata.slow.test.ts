/**
 * @file ONNX's own conformance models (Debian: libonnx-testdata): each is read, written and read again,
 * and still gives its reference outputs in ONNX Runtime, as it is and upgraded to operator set 18,
 * wherever the original does; and what inference says of any value, inner ones too, is so. Set ONNX_TESTDATA to a folder of `<group>/<model>/model.onnx` elsewhere.
 */

import { fork, type ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { fromBinary } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { AcsconvError, messageOf } from "../src/base/errors.ts";
import { evaluateDim } from "../src/graph/dim.ts";
import { opsetOf, type Graph } from "../src/graph/graph.ts";
import { numbersOf, type Tensor } from "../src/graph/tensor.ts";
import { decodeModel } from "../src/onnx/decode.ts";
import { decodeTensor } from "../src/onnx/decode-tensor.ts";
import { encodeModel } from "../src/onnx/encode.ts";
import { TensorProtoSchema } from "../src/onnx/onnx_pb.ts";
import { upgradeGraph } from "../src/onnx/upgrade.ts";
import { inferTypes } from "../src/ops/infer.ts";
import type { Known } from "../src/ops/rule.ts";

const FOLDER = process.env.ONNX_TESTDATA ?? "/usr/share/libonnx-testdata/data";
/** Those of ONNX's own backend tests. */
const RTOL = 1e-3;
const ATOL = 1e-7;
const PROCESSES = 2;

interface Value {
  readonly name: string;
  readonly type: string;
  readonly data: Uint8Array | string[];
  readonly dims: readonly number[];
}
type Answer = { readonly outputs: Value[] } | { readonly error: string };

/** Larger graphs are run for their outputs only. */
const TRANSPARENT_NODES = 120;

/** A process that runs models, replaced when one of them crashes it. */
class Runner {
  #child: ChildProcess | undefined;

  run(model: Uint8Array, feeds: readonly Value[]): Promise<Answer> {
    this.#child ??= fork(join(import.meta.dirname, "ort-child.mjs"), {
      serialization: "advanced",
      stdio: "ignore",
    });
    const child = this.#child;
    return new Promise((resolve) => {
      const finish = (answer: Answer): void => {
        child.removeAllListeners();
        resolve(answer);
      };
      child.once("message", (answer: Answer) => finish(answer));
      child.once("exit", (code, signal) => {
        this.#child = undefined;
        finish({ error: `ONNX Runtime crashed (${signal ?? code})` });
      });
      child.send({ model, feeds });
    });
  }

  stop(): void {
    this.#child?.kill();
  }
}

const concat = (chunks: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(chunks));

const toValue = (name: string, { dtype, dims, bytes, strings }: Tensor): Value => ({
  name,
  type: dtype,
  dims,
  data: strings ? strings.map((text) => Buffer.from(text).toString()) : bytes,
});

async function readTensors(folder: string, kind: "input" | "output"): Promise<Tensor[]> {
  const count = (await readdir(folder)).filter((file) => file.startsWith(`${kind}_`)).length;
  const files = Array.from({ length: count }, (_, i) => join(folder, `${kind}_${i}.pb`));
  return Promise.all(
    files.map(async (file) =>
      decodeTensor(fromBinary(TensorProtoSchema, new Uint8Array(await readFile(file))), file),
    ),
  );
}

/** Why an answer is not the reference, or undefined if it is. */
function difference(answer: Answer, expected: readonly Tensor[]): string | undefined {
  if ("error" in answer) return answer.error;
  for (const [i, reference] of expected.entries()) {
    const output = answer.outputs[i];
    if (!output || output.type !== reference.dtype)
      return `output ${i} is ${output?.type}, not ${reference.dtype}`;
    if (!isDeepStrictEqual([...output.dims], [...reference.dims]))
      return `output ${i} is of [${output.dims.join()}]`;
    if (reference.strings) {
      if (!isDeepStrictEqual(output.data, toValue("", reference).data))
        return `output ${i} has other strings`;
      continue;
    }
    const tensor = { dtype: output.type, dims: output.dims, bytes: output.data as Uint8Array };
    const actual = numbersOf(tensor);
    const wrong = numbersOf(reference).findIndex(
      (e, at) =>
        !Object.is(actual[at], e) &&
        actual[at] !== e &&
        !(Math.abs(actual[at]! - e) <= ATOL + RTOL * Math.abs(e)),
    );
    if (wrong >= 0) return `output ${i} differs at ${wrong}`;
  }
  return undefined;
}

class Counts {
  parsed = 0;
  written = 0;
  run = 0;
  upgraded = 0;
  rescued = 0;
  /** Models whose outputs all have shapes known to the last size; values seen, and those of known shapes. */
  readonly inferred = { complete: 0, values: 0, known: 0 };
  /** Models with outputs whose sizes are not known, by their operators. */
  readonly open = new Map<string, string[]>();
  readonly excluded = new Map<string, string[]>();
  readonly failures: string[] = [];

  notInferred(model: string, { nodes }: Graph): void {
    const ops = [...new Set(nodes.map(({ op }) => op))].slice(0, 4).join(" ");
    this.open.set(ops, [...(this.open.get(ops) ?? []), model]);
  }

  exclude(model: string, why: string): void {
    const reason = why.replaceAll(/\d+|'[^']*'|\([^)]*\)/g, "…").slice(0, 90);
    this.excluded.set(reason, [...(this.excluded.get(reason) ?? []), model]);
  }
}

/** Every tensor of the graph as an output; types are ONNX Runtime's to find. */
function transparent(graph: Graph, types: ReadonlyMap<string, Known>): Graph {
  const declared = new Set(graph.outputs.map(({ name }) => name));
  const inner = graph.nodes.flatMap(({ outputs }) =>
    outputs.filter((name) => name && !declared.has(name) && types.get(name)?.dtype !== undefined),
  );
  return { ...graph, outputs: [...graph.outputs, ...inner.map((name) => ({ name }))] };
}

/** What inference claims of values (with the input's sizes put in for symbols) and what is not so. */
function falseClaims(
  types: ReadonlyMap<string, Known>,
  sizes: ReadonlyMap<string, number>,
  values: readonly Value[],
) {
  const wrong: string[] = [];
  let complete = 0;
  for (const { name, type, dims, data } of values) {
    const known = types.get(name);
    const shape = known?.shape?.map((dim) => evaluateDim(dim, sizes));
    if (shape?.every((n) => n !== undefined)) complete += 1;
    if (known?.dtype !== undefined && known.dtype !== type)
      wrong.push(`${name} is ${type}, not ${known.dtype}`);
    const agrees =
      !shape || (shape.length === dims.length && shape.every((n, i) => n === undefined || n === dims[i]));
    if (!agrees) wrong.push(`${name} is of [${dims.join()}], not [${shape.join()}]`);
    const elements = known?.value && Array.from(known.value.data, (dim) => evaluateDim(dim, sizes));
    if (!elements?.every((e) => e !== undefined) || !(data instanceof Uint8Array)) continue;
    const actual = numbersOf({ dtype: type as Tensor["dtype"], dims, bytes: data });
    const off = elements.findIndex((e, at) => {
      const a = actual[at]!;
      return !(Object.is(a, e) || a === e || Math.abs(a - e) <= ATOL + RTOL * Math.abs(e));
    });
    if (off >= 0 || elements.length !== actual.length)
      wrong.push(`${name} has other elements: ${actual[off]}, not ${elements[off]}`);
  }
  return { complete, wrong };
}

/** Integers and scalars that the tests feed (axes, sizes, pads …), as the constants that they are in networks. */
function withSettings(graph: Graph, feeds: readonly Tensor[]): Graph {
  const small = (tensor: Tensor | undefined): boolean =>
    tensor !== undefined && tensor.dims.length <= 1 && tensor.bytes.length <= 512 && !tensor.strings;
  const settings = graph.inputs.flatMap(({ name }, i) =>
    small(feeds[i]) ? [[name, feeds[i]!] as const] : [],
  );
  const fed = new Set(settings.map(([name]) => name));
  return {
    ...graph,
    inputs: graph.inputs.filter(({ name }) => !fed.has(name)),
    initializers: new Map([...graph.initializers, ...settings]),
  };
}

/** Holds inference to what ONNX Runtime computes. */
async function checkInference(
  name: string,
  graph: Graph,
  tensors: readonly Tensor[],
  runner: Runner,
  counts: Counts,
): Promise<void> {
  const feeds = tensors.map((tensor, i) => toValue(graph.inputs[i]!.name, tensor));
  const sizes = new Map<string, number>();
  graph.inputs.forEach(({ shape }, i) => {
    shape?.forEach((dim, axis) => {
      if (typeof dim !== "number" && tensors[i]) sizes.set(dim.key, tensors[i].dims[axis]!);
    });
  });
  const types = inferTypes(graph);
  const whole = graph.nodes.length <= TRANSPARENT_NODES ? transparent(graph, types) : graph;
  let answer = await runner.run(concat(encodeModel(whole)), feeds);
  if ("error" in answer) answer = await runner.run(concat(encodeModel(graph)), feeds);
  if ("error" in answer) return;
  const outputs = new Set(graph.outputs.map((output) => output.name));
  const [own, all] = [answer.outputs.filter((value) => outputs.has(value.name)), answer.outputs];
  const better = inferTypes(withSettings(graph, tensors));
  for (const known of [types, better]) {
    counts.failures.push(
      ...falseClaims(known, sizes, all).wrong.map((claim) => `${name}: inferred: ${claim}`),
    );
  }
  counts.inferred.values += all.length;
  counts.inferred.known += falseClaims(better, sizes, all).complete;
  if (falseClaims(better, sizes, own).complete === own.length) counts.inferred.complete += 1;
  else counts.notInferred(name, graph);
}

async function check(path: string, runner: Runner, counts: Counts): Promise<void> {
  const name = dirname(path).slice(FOLDER.length + 1);
  const bytes = new Uint8Array(await readFile(path));
  const graph = decodeModel(bytes);
  counts.parsed += 1;
  const written = concat(encodeModel(graph));
  if (isDeepStrictEqual(decodeModel(written), graph)) counts.written += 1;
  else counts.failures.push(`${name}: reads differently after writing`);

  let upgraded: Graph | undefined;
  try {
    upgraded = upgradeGraph(graph);
  } catch (error) {
    if (!(error instanceof AcsconvError)) throw error;
    counts.exclude(name, messageOf(error));
  }

  const data = join(dirname(path), "test_data_set_0");
  if (!existsSync(data)) return counts.exclude(name, "no reference data");
  if ([...graph.inputs, ...graph.outputs].some(({ dtype }) => dtype === undefined)) {
    return counts.exclude(name, "inputs or outputs that are no tensors");
  }
  const expected = await readTensors(data, "output");
  const tensors = await readTensors(data, "input");
  const feeds = tensors.map((tensor, i) => toValue(graph.inputs[i]!.name, tensor));
  const runs = async (model: Uint8Array): Promise<string | undefined> =>
    difference(await runner.run(model, feeds), expected);
  const newer = upgraded && (await runs(concat(encodeModel(upgraded))));
  if (upgraded) await checkInference(name, upgraded, tensors, runner, counts);

  const original = await runs(bytes);
  if (original !== undefined) {
    // ONNX Runtime has few kernels for operator set 6, but has them for what we make of it.
    const rescued = upgraded !== undefined && newer === undefined;
    if (rescued) counts.rescued += 1;
    return counts.exclude(name, `${rescued ? "right once upgraded, but " : ""}original: ${original}`);
  }

  const ours = await runs(written);
  if (ours === undefined) counts.run += 1;
  else counts.failures.push(`${name}: written again: ${ours}`);

  if (upgraded && newer === undefined) counts.upgraded += 1;
  else if (upgraded) counts.failures.push(`${name}: upgraded from ${opsetOf(graph)}: ${newer}`);
}

test(
  "every model of libonnx-testdata survives reading, writing and upgrading",
  { timeout: 600_000 },
  async () => {
    if (!existsSync(FOLDER)) {
      expect.fail(`No test data at ${FOLDER}: install Debian's libonnx-testdata or set ONNX_TESTDATA.`);
    }
    const files = await readdir(FOLDER, { recursive: true });
    const queue = files.filter((file) => file.endsWith("model.onnx")).map((file) => join(FOLDER, file));
    const total = queue.length;
    expect(total).toBeGreaterThan(1000);
    const counts = new Counts();
    const work = async (): Promise<void> => {
      const runner = new Runner();
      for (let path = queue.pop(); path !== undefined; path = queue.pop()) {
        try {
          await check(path, runner, counts);
        } catch (error) {
          counts.failures.push(`${path}: ${messageOf(error)}`);
        }
      }
      runner.stop();
    };
    await Promise.all(Array.from({ length: PROCESSES }, work));

    console.log(
      `${counts.parsed} parsed, ${counts.written} written, ${counts.run} run equal, ` +
        `${counts.upgraded} run equal after upgradeGraph (and ${counts.rescued} that do not run before), of ${total}`,
    );
    const { complete, values, known } = counts.inferred;
    console.log(
      `inferred: every output's shape of ${complete} models, ${known} of ${values} values; not: ` +
        [...counts.open].map(([ops, models]) => `${ops} (${models.length}: ${models[0]})`).join(", "),
    );
    for (const [reason, models] of [...counts.excluded].sort(([, a], [, b]) => b.length - a.length)) {
      console.log(
        `excluded ${models.length}: ${reason} (${models.slice(0, 3).join(", ")}${models.length > 3 ? " …" : ""})`,
      );
    }
    expect(counts.failures).toEqual([]);
    expect([counts.parsed, counts.written]).toEqual([total, total]);
    // The original runs and is right for most; fewer would mean that this test has stopped testing.
    expect(counts.run).toBeGreaterThan(800);
  },
);
