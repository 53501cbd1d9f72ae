/**
 * @file Networks in which an input, an attribute or a constant is not what its operator takes: whatever it is, they are
 * read and lifted, or refused by an error of ours.
 */

import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { AcsconvError } from "../src/base/errors.ts";
import { integer, uniform } from "../src/base/random.ts";
import type { Attr, Graph, Node } from "../src/graph/graph.ts";
import { elementCount, tensorOf } from "../src/graph/tensor.ts";
import { lift, LIFT_KINDS, load, Model } from "../src/index.ts";
import { encodeBytes } from "../src/onnx/encode.ts";
import { decodeModel } from "../src/onnx/decode.ts";
import { simplify } from "../src/passes/simplify.ts";
import { sizesFor } from "../src/report/lift-report.ts";
import { summarise } from "../src/report/summary.ts";
import { THOROUGH } from "./helpers/networks.ts";

const GRAPHS: readonly Graph[] = ["fixtures/models", "fixtures/wild", "fixtures/ends/2d"].flatMap((path) => {
  const folder = new URL(`./${path}/`, import.meta.url);
  return readdirSync(folder)
    .filter((name) => name.endsWith(".onnx"))
    .map((name) => decodeModel(new Uint8Array(readFileSync(new URL(name, folder)))));
});

const EXTREMES = [0, -1, 1, 2, 3, 5, 7, -5, 4096, 65536, 1e6, 2 ** 31, 2 ** 53 - 1, -(2 ** 40)];
const SHAPES = [undefined, [], [1], [1, 1, 1, 1], [0, 3, 8, 8], [1, 3, 0, 8], [1, 3, 1e9, 1e9]];

/** The graph with one thing changed. */
function mutated(graph: Graph, random: () => number): Graph {
  const pick = <T>(items: readonly T[]): T => items[integer(random, 0, items.length - 1)]!;
  const extremes = (count: number): number[] => Array.from({ length: count }, () => pick(EXTREMES));
  const at = integer(random, 0, graph.nodes.length - 1);
  const node = graph.nodes[at]!;
  const changed = (change: Partial<Node>): Graph => ({
    ...graph,
    nodes: graph.nodes.with(at, { ...node, ...change }),
  });
  const names = Object.keys(node.attrs);
  const key = names.length > 0 ? pick(names) : "axis";
  const withAttr = (attr: Attr): Graph => changed({ attrs: { ...node.attrs, [key]: attr } });
  const place = integer(random, 0, Math.max(0, node.inputs.length - 1));
  const values = [
    ...graph.initializers.keys(),
    ...graph.nodes.slice(0, at).flatMap(({ outputs }) => outputs),
  ];
  const small = [...graph.initializers].filter(([, { dims }]) => dims.length <= 1);
  const ways: readonly (() => Graph)[] = [
    () => (node.inputs.length > 0 ? changed({ inputs: node.inputs.with(place, "") }) : graph),
    () => changed({ inputs: node.inputs.slice(0, place) }),
    () => changed({ attrs: Object.fromEntries(Object.entries(node.attrs).filter(([name]) => name !== key)) }),
    () => withAttr({ kind: "ints", value: extremes(integer(random, 0, 5)) }),
    () => withAttr({ kind: "int", value: pick(EXTREMES) }),
    () => withAttr({ kind: "float", value: pick(EXTREMES) }),
    () => withAttr({ kind: "string", value: "zzz" }),
    () =>
      values.length > 0 && node.inputs.length > 0
        ? changed({ inputs: node.inputs.with(place, pick(values)) })
        : graph,
    () => {
      if (small.length === 0) return graph;
      const [name, { dtype }] = pick(small);
      const dims = pick([[], [0], [1], [2], [4], [1, 1]]);
      const tensor = tensorOf(dtype, dims, extremes(elementCount(dims)));
      return { ...graph, initializers: new Map([...graph.initializers, [name, tensor]]) };
    },
    () => {
      const { shape: _, ...input } = graph.inputs[0]!;
      const shape = pick(SHAPES);
      return { ...graph, inputs: [shape ? { ...input, shape } : input] };
    },
  ];
  return pick(ways)();
}

/** Inspects, lifts, saves and reads again. */
async function use(graph: Graph, kind: (typeof LIFT_KINDS)[number]): Promise<void> {
  const model = new Model(decodeModel(encodeBytes(graph)));
  const lifted = ((): Model | undefined => {
    try {
      summarise(simplify(model.graph), sizesFor(model.graph, [8, 16, 16]));
      return lift(model, { kind });
    } catch (error) {
      if (error instanceof AcsconvError) return undefined;
      throw error;
    }
  })();
  if (lifted) await load(lifted.toBytes(), { onWarning: () => undefined });
}

test("networks with a fault are used or refused", { timeout: 600_000 }, async () => {
  const count = THOROUGH ? 5000 : 120;
  for (let seed = 0; seed < count; seed++) {
    const random = uniform(seed);
    const original = GRAPHS[integer(random, 0, GRAPHS.length - 1)]!;
    const graph = mutated(random() < 0.5 ? mutated(original, random) : original, random);
    const kind = LIFT_KINDS[seed % LIFT_KINDS.length]!;
    const start = performance.now();
    await use(graph, kind).catch((error: unknown) => {
      throw new Error(`seed ${seed}`, { cause: error });
    });
    expect(performance.now() - start, `seed ${seed}`).toBeLessThan(10_000);
  }
});
