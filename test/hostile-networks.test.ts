/**
 * @file Networks that were made to do harm, or that nobody meant: each is refused in one sentence within a second, or read
 * as what ONNX Runtime reads in it, by the library and by every command that loads networks.
 */

import { cp, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { int, ints, type Graph, type Node } from "../src/graph/graph.ts";
import { floatTensor, numbersOf, type Tensor } from "../src/graph/tensor.ts";
import { lift, load, LIFT_KINDS, Model, unlift } from "../src/index.ts";
import { decodeModel } from "../src/onnx/decode.ts";
import { acsconv } from "./helpers/command-line.ts";
import { relativeDeviation } from "./helpers/compare.ts";
import { randomFloats } from "./helpers/gradients.ts";
import { evaluate } from "./helpers/graphs.ts";

const fileOf = (name: string): string =>
  fileURLToPath(new URL(`./fixtures/hostile/${name}.onnx`, import.meta.url));
const bytesOfFile = async (name: string): Promise<Uint8Array> => new Uint8Array(await readFile(fileOf(name)));

let folder: string;
beforeAll(async () => (folder = await mkdtemp(join(tmpdir(), "acsconv-hostile-"))));
afterAll(() => rm(folder, { recursive: true }));

/** How long what `work` does may take beside other tests; alone it takes some milliseconds. */
const SOON_MS = 5000;
async function soon<T>(work: () => Promise<T>): Promise<T> {
  const start = performance.now();
  const result = await work();
  expect(performance.now() - start).toBeLessThan(SOON_MS);
  return result;
}

describe.each([
  ["expand_huge", /^Expand "z" makes a constant of sizes \[1, 1, 60000, 60000\], .* at most 2147483648 /],
  ["tile_huge", /^Tile "z" makes a constant of sizes \[1, 1, 60000, 60000\], .* at most 2147483648 /],
  ["onnx-5620-misc", /^DepthToSpace "d2s": 8 features cannot be dealt out to blocks of 65536 × 65536 /],
  ["symblow", /^Mul "m\d" computes a size of more than 10000 letters /],
  ["onnx-977-unet", /^E_INPUT: ConvTranspose "u" lacks its input 1, /],
  ["onnx-5535-resize", /^E_INPUT: Mul "hw2" lacks its input 0, /],
])("%s is refused, and soon", (name, sentence) => {
  test("by the library", async () => {
    const model = await load(fileOf(name));
    await soon(async () => {
      expect(() => lift(model)).toThrow(sentence);
      await expect(model.session()).rejects.toThrow(sentence);
    });
  });

  const scan = fileURLToPath(new URL("./fixtures/ends/scan.nii.gz", import.meta.url));
  const PREDICT = (path: string): string[] => ["predict", path, scan, "-o", join(folder, "x.nii.gz")];
  test.each([
    ["lift", (path: string) => ["lift", path, "-o", join(folder, "x.onnx")]],
    ["inspect", (path: string) => ["inspect", path]],
    ["predict", PREDICT],
  ] as const)("by acsconv %s", async (_, line) => {
    const { code, stderr } = await soon(() => acsconv(...line(fileOf(name))));
    expect(code).toBe(2);
    // 2D ones are refused for that before their nodes are looked at.
    const expected = line === PREDICT ? /^acsconv: This is a 2D network/ : sentence;
    expect(stderr).toMatch(new RegExp(expected.source.replace(/^\^(?:acsconv: )?/, "^acsconv: ")));
    expect(stderr.trim().split("\n")).toHaveLength(1);
  });
});

describe("names that a terminal would obey", () => {
  // oxlint-disable-next-line no-control-regex
  const OBEYED = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e]/;
  test.each(["name_esc", "op_esc"])("%s: inspect and lift show them escaped", async (name) => {
    for (const line of [
      ["inspect", fileOf(name), "--all"],
      ["inspect", fileOf(name), "--json"],
      ["lift", fileOf(name), "-o", join(folder, "y.onnx")],
    ]) {
      const { stdout, stderr } = await acsconv(...line);
      expect(stdout + stderr).not.toMatch(OBEYED);
      expect(stdout + stderr).not.toMatch(/^acsconv: all is well/m);
    }
  });

  test("they are escaped in errors", async () => {
    const model = await load(fileOf("op_esc"));
    const message = ((): string => {
      try {
        lift(model);
        return "";
      } catch (error) {
        return (error as Error).message;
      }
    })();
    expect(message).toContain("\\u001b[31m");
    expect(message).not.toMatch(OBEYED);
    expect(message).not.toContain("\n");
  });

  test("also in a file's own name", async () => {
    const odd = join(folder, "a\u001B[2K\nacsconv: fine.onnx");
    await cp(fileOf("net3"), odd);
    const { stdout } = await acsconv("inspect", odd);
    expect(stdout.split("\n")[0]).toContain("a\\u001b[2K\\nacsconv: fine.onnx: lifted");
  });
});

describe('an input called "__proto__"', () => {
  test("is lifted and fed", async () => {
    const model = lift(await load(fileOf("io_proto")));
    const x = randomFloats([1, 1, 4, 5, 6]);
    const feeds = { ["__proto__"]: { dtype: "float32", ...x } as const };
    const result = await model.run(feeds);
    await model.dispose();
    const expected = await evaluate(model.toBytes(), { ["__proto__"]: x }).catch(() => undefined);
    expect(Object.keys(result)).toEqual(["y__proto__"]);
    expect(result["y__proto__"]!.dims).toEqual([1, 3, 4, 5, 6]);
    if (expected)
      expect(relativeDeviation(result["y__proto__"]!, expected["y__proto__"]!)).toBeLessThan(1e-6);
  });

  test("and an output of that name is refused", async () => {
    const graph = decodeModel(await bytesOfFile("io_proto"));
    const rename = (name: string): string =>
      name === "__proto__" ? "x" : name === "y__proto__" ? "__proto__" : name;
    const renamed = new Model({
      ...graph,
      inputs: graph.inputs.map((info) => ({ ...info, name: rename(info.name) })),
      outputs: graph.outputs.map((info) => ({ ...info, name: rename(info.name) })),
      nodes: graph.nodes.map((node) => ({
        ...node,
        inputs: node.inputs.map(rename),
        outputs: node.outputs.map(rename),
      })),
    });
    await expect(renamed.session()).rejects.toThrow(/^The network has an output called "__proto__", /);
  });

  test("names that every object has are no feeds", async () => {
    const model = lift(await load(fileOf("io_proto")));
    await expect(model.run({})).rejects.toThrow(/^Input "__proto__": expected .*, found nothing\.$/);
    await model.dispose();
  });
});

/** A network, and what is told while it is loaded. */
async function loaded(bytes: Uint8Array | string): Promise<{ model: Model; warnings: string[] }> {
  const warnings: string[] = [];
  const model = await load(bytes, { onWarning: (sentence) => warnings.push(sentence) });
  return { model, warnings };
}

describe("a lifted file whose graph and metadata do not agree", () => {
  const x = randomFloats([1, 1, 6, 7, 8]);
  /** What ONNX Runtime computes from the file is what we compute. */
  async function expectTruth(bytes: Uint8Array, model: Model): Promise<void> {
    const { y } = await evaluate(bytes, { x });
    const ours = await model.run({ x: { dtype: "float32", ...x } });
    await model.dispose();
    expect(relativeDeviation(ours["y"]!, y!)).toBeLessThan(1e-6);
  }

  test.each(["twoface", "edit_concat"])("%s is a plain 3D network, with a warning", async (name) => {
    const bytes = await bytesOfFile(name);
    const { model, warnings } = await loaded(bytes);
    expect(model.lifted).toBeUndefined();
    expect(warnings).toEqual([
      expect.stringMatching(/^The model's metadata describes another network than /),
    ]);
    await expectTruth(bytes, model);
    const { code, stdout, stderr } = await acsconv("inspect", fileOf(name));
    expect(code).toBe(0);
    expect(stderr).toMatch(/^acsconv: warning: The model's metadata describes another network than .*\.\n$/);
    expect(stdout).toContain("ONNX opset 18");
  });

  const edited = (change: (graph: Graph) => Graph) => async (): Promise<Uint8Array> =>
    new Model(change(decodeModel(await bytesOfFile("net3")))).toBytes();
  const nodeAt =
    (output: string, change: (node: Node) => Node) =>
    (graph: Graph): Graph => ({
      ...graph,
      nodes: graph.nodes.map((node) => (node.outputs[0] === output ? change(node) : node)),
    });
  const constant =
    (name: string, tensor: Tensor) =>
    (graph: Graph): Graph => ({ ...graph, initializers: new Map([...graph.initializers, [name, tensor]]) });
  const metadata =
    (change: (stored: Record<string, unknown>) => void) =>
    (graph: Graph): Graph => {
      const stored = JSON.parse(graph.metadata.get("acsconv")!) as Record<string, unknown>;
      change(stored);
      return { ...graph, metadata: new Map([["acsconv", JSON.stringify(stored)]]) };
    };
  const sliceTo = (graph: Graph): Graph =>
    constant("const_1", {
      ...graph.initializers.get("const_1")!,
      bytes: Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0),
    })(graph);

  test.each([
    ["an operator", nodeAt("r", (node) => ({ ...node, op: "Sigmoid" }))],
    [
      "an attribute of a convolution",
      nodeAt("c/Conv", (n) => ({
        ...n,
        attrs: { ...n.attrs, dilations: ints([1, 2, 2]), pads: ints([0, 2, 2, 0, 2, 2]) },
      })),
    ],
    [
      "an attribute of an operator that was not lowered",
      nodeAt("bn", (n) => ({ ...n, attrs: { epsilon: { kind: "float", value: 1 } } })),
    ],
    [
      "the axis of a Concat",
      nodeAt("c", (n) => ({ ...n, attrs: { axis: int(1) }, inputs: n.inputs.toReversed() })),
    ],
    ["a constant that cuts a kernel", sliceTo],
    ["what is read", nodeAt("r", (n) => ({ ...n, inputs: ["c"] }))],
    [
      "the size of the input",
      (g: Graph): Graph => ({ ...g, inputs: [{ ...g.inputs[0]!, shape: [1, 1, 6, 7, 8] }] }),
    ],
    ["lowered nodes in the metadata", metadata((s) => (s["lowered"] = []))],
    ["nonsense for nodes", metadata((s) => (s["lowered"] = [{ was: [{}], became: ["c"] }, 3, null]))],
    ["another kind in the options", metadata((s) => (s["options"] = { kind: "2.5d" }))],
    ["another 2D network", metadata((s) => (s["source"] = "AAAA"))],
  ] as const)("%s: another network, so the graph counts", async (_, change) => {
    const bytes = await edited(change)().catch((error: unknown) => error);
    expect(bytes).toBeInstanceOf(Uint8Array);
    const { model, warnings } = await loaded(bytes as Uint8Array);
    expect(warnings).toHaveLength(1);
    expect(model.lifted).toBeUndefined();
    const runs = await evaluate(bytes as Uint8Array, { x }).then(
      () => true,
      () => false,
    );
    if (runs) await expectTruth(bytes as Uint8Array, model);
  });

  test("weights that were changed in place are the network's, in 3D and in 2D", async () => {
    const w = floatTensor([6, 1, 3, 3], randomFloats([6, 1, 3, 3], 5).data);
    const bytes = await edited(constant("w", w))();
    const { model, warnings } = await loaded(bytes);
    expect(warnings).toEqual([]);
    expect(model.lifted).toBeDefined();
    await expectTruth(bytes, model);
    expect(numbersOf(unlift(model).graph.initializers.get("w")!)).toEqual(numbersOf(w));
  });

  test("other names of helpers, and another order of nodes, are no other network", async () => {
    const rename = (name: string): string => (name.startsWith("const") ? `renamed/${name}` : name);
    const change = (graph: Graph): Graph => ({
      ...graph,
      initializers: new Map(
        [...graph.initializers].map(([name, tensor]) => [rename(name), tensor] as const).reverse(),
      ),
      nodes: graph.nodes.map((node) => ({ ...node, name: `${node.name}!`, inputs: node.inputs.map(rename) })),
    });
    const { model, warnings } = await loaded(await edited(change)());
    expect(warnings).toEqual([]);
    expect(model.lifted).toBeDefined();
  });

  test.each(LIFT_KINDS)("what we save as %s stays lifted, saved again, too", async (kind) => {
    const source = unlift(await load(fileOf("net3")));
    const once = await loaded(lift(source, { kind }).toBytes());
    const twice = await loaded(once.model.toBytes());
    expect([...once.warnings, ...twice.warnings]).toEqual([]);
    expect(twice.model.lifted?.options.kind).toBe(kind);
  });
});
