import { readdirSync, readFileSync } from "node:fs";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { concat, graphOf, node, value } from "../../test/helpers/graphs.ts";
import { AcsconvError } from "../base/errors.ts";
import { addDims, symbol } from "../graph/dim.ts";
import { floats, int, ints, str, type Graph } from "../graph/graph.ts";
import { floatTensor, int64Tensor, numbersOf, tensorOf, type DType } from "../graph/tensor.ts";
import { decodeModel } from "./decode.ts";
import { encodeModel } from "./encode.ts";
import { upgradeGraph } from "./upgrade.ts";

const MODELS = new URL("../../test/fixtures/models/", import.meta.url);
const models = readdirSync(MODELS).filter((name) => name.endsWith(".onnx"));

const again = (graph: Graph): Graph => decodeModel(concat(encodeModel(graph)));
const field = (no: number, ...content: Uint8Array[]): Uint8Array =>
  new BinaryWriter().tag(no, WireType.LengthDelimited).bytes(concat(content)).finish();
const varint = (no: number, n: number): Uint8Array =>
  new BinaryWriter().tag(no, WireType.Varint).int64(n).finish();
const text = (no: number, s: string): Uint8Array => field(no, Buffer.from(s));

/** A model with the fields of a graph, IR version 8, opset 18. */
const modelOf = (...graph: Uint8Array[]): Uint8Array =>
  concat([varint(1, 8), field(7, ...graph), field(8, varint(2, 18))]);
/** An initialiser "w" with one field of data. */
const initializer = (dtype: number, dims: number[], ...data: Uint8Array[]): Uint8Array =>
  field(5, ...dims.map((dim) => varint(1, dim)), varint(2, dtype), text(8, "w"), ...data);

/** The one sentence with which bytes are refused. */
function refusalOf(bytes: Uint8Array): AcsconvError {
  try {
    decodeModel(bytes);
  } catch (error) {
    if (error instanceof AcsconvError) {
      expect(error.message).toMatch(/^[A-Z][^\n]*\.$/);
      return error;
    }
    throw error;
  }
  return expect.fail("expected a refusal");
}

test.each(models)("%s is the same after writing", (name) => {
  const bytes = new Uint8Array(readFileSync(new URL(name, MODELS)));
  const graph = decodeModel(bytes);
  expect(graph.nodes.length).toBeGreaterThan(0);
  expect(again(graph)).toEqual(graph);
});

test("raw weights are views of the file, in and out", () => {
  const weights = floatTensor([100, 1000], new Float32Array(100_000).fill(0.5));
  const bytes = concat(
    encodeModel(graphOf([node("MatMul", ["x", "w"], ["y"])], { initializers: { w: weights } })),
  );
  const tensor = decodeModel(bytes).initializers.get("w")!;
  expect(tensor.bytes.buffer).toBe(bytes.buffer);
  expect(encodeModel(decodeModel(bytes)).some((chunk) => chunk === tensor.bytes)).toBe(false);
  expect(encodeModel(decodeModel(bytes)).some((chunk) => chunk.buffer === bytes.buffer)).toBe(true);
});

describe("typed data", () => {
  const packed = (no: number, write: (writer: BinaryWriter) => BinaryWriter): Uint8Array =>
    field(no, write(new BinaryWriter()).finish());
  const int32s = (...values: number[]): Uint8Array =>
    packed(5, (writer) => values.reduce((w, n) => w.int32(n), writer));

  test.each<[DType, number, number[], Uint8Array]>([
    ["float32", 1, [1.5, -2], packed(4, (w) => w.float(1.5).float(-2))],
    ["float64", 11, [0.1, -2], packed(10, (w) => w.double(0.1).double(-2))],
    ["int64", 7, [-5, 2 ** 40], packed(7, (w) => w.int64(-5).int64(2 ** 40))],
    ["uint64", 13, [5, 2 ** 40], packed(11, (w) => w.uint64(5).uint64(2 ** 40))],
    ["uint32", 12, [5, 2 ** 32 - 1], packed(11, (w) => w.uint64(5).uint64(2 ** 32 - 1))],
    ["int32", 6, [-5, 7], int32s(-5, 7)],
    ["int16", 5, [-300, 7], int32s(-300, 7)],
    ["uint16", 4, [65535, 7], int32s(65535, 7)],
    ["int8", 3, [-5, 7], int32s(-5, 7)],
    ["uint8", 2, [255, 7], int32s(255, 7)],
    ["bool", 9, [1, 0], int32s(1, 0)],
    ["float16", 10, [1.5, -2], int32s(0x3e00, 0xc000)],
    ["bfloat16", 16, [1.5, -2], int32s(0x3fc0, 0xc000)],
  ])("%s", (dtype, code, values, data) => {
    const { initializers } = decodeModel(modelOf(initializer(code, [2], data)));
    expect(initializers.get("w")?.dtype).toBe(dtype);
    expect([...numbersOf(initializers.get("w")!)]).toEqual(values);
  });

  test("one element per field, as old writers did", () => {
    const one = (n: number): Uint8Array => new BinaryWriter().tag(4, WireType.Bit32).float(n).finish();
    const { initializers } = decodeModel(modelOf(initializer(1, [3], one(1), one(2), one(3))));
    expect([...numbersOf(initializers.get("w")!)]).toEqual([1, 2, 3]);
  });

  test("int4 is two to a byte", () => {
    const { initializers } = decodeModel(modelOf(initializer(22, [3], int32s(0x21, 0x03))));
    expect([...initializers.get("w")!.bytes]).toEqual([0x21, 0x03]);
  });

  test("strings", () => {
    const graph = decodeModel(modelOf(initializer(8, [2], text(6, "a"), text(6, "ö"))));
    expect(graph.initializers.get("w")?.strings?.map((s) => Buffer.from(s).toString())).toEqual(["a", "ö"]);
    expect(again(graph)).toEqual(graph);
  });
});

describe("what we do not interpret survives", () => {
  const doc = "kept as it is";
  const carried: [string, Uint8Array][] = [
    ["doc string of the model", concat([text(6, doc), modelOf()])],
    ["functions", concat([field(25, text(1, doc)), modelOf()])],
    ["doc string of the graph", modelOf(text(10, doc))],
    ["quantisation annotations", modelOf(field(14, text(1, doc)))],
    ["metadata of a node", modelOf(field(1, text(2, "y"), text(4, "Op"), field(9, text(1, doc))))],
    ["metadata of an initialiser", modelOf(initializer(1, [0], field(16, text(1, doc))))],
    ["a sequence's type", modelOf(field(11, text(1, "s"), field(2, field(4, text(6, doc)))))],
    ["a field of the future", modelOf(field(99, Buffer.from(doc)))],
    [
      "an attribute that refers to a function's",
      modelOf(field(1, text(2, "y"), text(4, "Op"), field(5, text(1, "a"), text(21, doc)))),
    ],
    [
      "an attribute of bytes that are no text",
      modelOf(
        field(
          1,
          text(2, "y"),
          text(4, "Op"),
          field(5, text(1, "a"), field(4, Buffer.of(255), Buffer.from(doc))),
        ),
      ),
    ],
  ];
  test.each(carried)("%s", (_, bytes) => {
    const graph = decodeModel(bytes);
    const written = concat(encodeModel(graph));
    expect(Buffer.from(written).includes(doc)).toBe(true);
    expect(decodeModel(written)).toEqual(graph);
  });

  test("integers that no double holds", () => {
    const bytes = modelOf(
      field(
        1,
        text(2, "y"),
        text(4, "Op"),
        field(
          5,
          text(1, "a"),
          new BinaryWriter()
            .tag(3, 0)
            .int64(2n ** 62n + 1n)
            .finish(),
        ),
      ),
    );
    expect(decodeModel(bytes).nodes[0]?.attrs.a?.kind).toBe("opaque");
    expect(again(decodeModel(bytes))).toEqual(decodeModel(bytes));
  });
});

test("attributes, sizes, names and metadata", () => {
  const height = symbol("H");
  const body = {
    ...graphOf([node("Neg", ["x"], ["z"])], { inputs: [], outputs: [value("z")] }),
    opsets: new Map(),
  };
  const graph: Graph = {
    ...graphOf(
      [
        node("Op", ["x", "", "w"], ["y"], {
          i: int(-1),
          end: ints([0, 2 ** 63]),
          f: { kind: "float", value: Infinity },
          fs: floats([0.5]),
          s: str("mö"),
          ss: { kind: "strings", value: ["a", ""] },
          t: { kind: "tensor", value: int64Tensor([1, 2]) },
          g: { kind: "graph", value: body },
          none: ints([]),
        }),
      ],
      {
        inputs: [{ name: "x", dtype: "float32", shape: [1, symbol("?x_1"), height] }],
        outputs: [value("y"), { name: "w" }],
        initializers: { w: tensorOf("float16", [2, 0], []) },
      },
    ),
    valueInfos: new Map([["y", { name: "y", dtype: "int8", shape: [] }]]),
    metadata: new Map([["key", "value"]]),
  };
  const { carried: _, ...read } = again(graph);
  const { carried: _body, ...readBody } = (read.nodes[0]!.attrs.g as { value: Graph }).value;
  expect({ ...read, nodes: [] }).toEqual({ ...graph, nodes: [] });
  expect({ ...read.nodes[0]!.attrs, g: readBody }).toEqual({ ...graph.nodes[0]!.attrs, g: body });
});

test("sizes that a file leaves open are each their own", () => {
  const dims = (...dim: Uint8Array[]): Uint8Array =>
    modelOf(
      field(11, text(1, "x"), field(2, field(1, varint(1, 1), field(2, ...dim.map((d) => field(1, d)))))),
    );
  const graph = decodeModel(dims(varint(1, -1), text(2, "?"), text(2, ""), new Uint8Array(0), text(2, "N")));
  expect(graph.inputs[0]?.shape?.map(String)).toEqual(["?x_0", "?x_1", "?x_2", "?x_3", "N"]);
});

test("an expression is written as text, and an expression of unknown sizes is left open", () => {
  const shape = [addDims(symbol("H"), 1), addDims(symbol("?x_1"), 1)];
  const graph = again(graphOf([], { inputs: [{ name: "x", shape }], outputs: [] }));
  expect(graph.inputs[0]?.shape?.map(String)).toEqual(["H + 1", "?x_1"]);
});

test("old files list initialisers as inputs, and so do we when writing one", () => {
  const parts = [
    field(11, text(1, "x")),
    field(11, text(1, "w")),
    initializer(1, [1], field(9, new Uint8Array(4))),
  ];
  const bytes = concat([varint(1, 3), field(7, ...parts), field(8, varint(2, 7))]);
  const graph = decodeModel(bytes);
  expect(graph.inputs.map(({ name }) => name)).toEqual(["x"]);
  const written = Buffer.from(concat(encodeModel(graph)));
  const input = Buffer.from(text(1, "w"));
  expect(written.includes(input)).toBe(true);
  expect(decodeModel(written)).toEqual(graph);
});

test("nodes out of order are sorted, also by what their subgraphs read", () => {
  const body = graphOf([node("Neg", ["b"], ["n"])], { inputs: [], outputs: [value("n")] });
  const shuffled = graphOf([
    node("If", ["a"], ["y"], { then_branch: { kind: "graph", value: body } }),
    node("B", ["a"], ["b"]),
    node("A", ["x"], ["a"]),
  ]);
  expect(again(shuffled).nodes.map(({ op }) => op)).toEqual(["A", "B", "If"]);
});

test("a chain of 20,000 nodes backwards", () => {
  const nodes = Array.from({ length: 20_000 }, (_, i) =>
    node("Neg", [i === 0 ? "x" : `v${i - 1}`], [`v${i}`]),
  );
  const graph = graphOf(nodes.toReversed(), { outputs: [value("v19999")] });
  expect(again(graph).nodes.map(({ outputs }) => outputs[0])).toEqual(nodes.map(({ outputs }) => outputs[0]));
});

describe("refusals", () => {
  const bytesOf = (graph: Graph): Uint8Array => concat(encodeModel(graph));
  const raw = (length: number): Uint8Array => field(9, new Uint8Array(length));
  const external = (location: string, more: Record<string, string> = {}): Uint8Array =>
    modelOf(
      initializer(
        1,
        [1],
        varint(14, 1),
        ...Object.entries({ location, ...more }).map(([key, value]) =>
          field(13, text(1, key), text(2, value)),
        ),
      ),
    );

  test.each<[string, Uint8Array, AcsconvError["kind"], RegExp]>([
    ["no bytes", new Uint8Array(0), "format", /no graph/],
    ["text", Buffer.from("<!DOCTYPE html><html></html>"), "format", /cannot be parsed|no graph/],
    ["no operator set", concat([varint(1, 8), field(7)]), "format", /opset_import/],
    ["a huge tensor", modelOf(initializer(1, [2 ** 31, 2 ** 31], raw(4))), "format", /no tensor can have/],
    [
      "a large tensor without bytes",
      modelOf(initializer(1, [2 ** 30])),
      "format",
      /takes 4294967296 bytes, but the file has 0/,
    ],
    [
      "a huge size behind a zero",
      modelOf(initializer(1, [0, 2 ** 52, 2 ** 52])),
      "format",
      /no tensor can have/,
    ],
    ["a negative size", modelOf(initializer(1, [-1], raw(4))), "format", /\[-1\]/],
    [
      "too many bytes",
      modelOf(initializer(1, [1], raw(8))),
      "format",
      /"w".* takes 4 bytes, but the file has 8/,
    ],
    [
      "too few varints",
      modelOf(initializer(7, [3], field(7, Buffer.of(1, 2)))),
      "format",
      /takes 24 bytes, but the file has 16/,
    ],
    [
      "an overlong varint",
      modelOf(initializer(7, [1], field(7, Buffer.alloc(99, 255), Buffer.of(1)))),
      "format",
      /cannot be parsed/,
    ],
    ["an unknown element type", modelOf(initializer(77, [1], raw(4))), "format", /element type 77/],
    [
      "many axes",
      modelOf(
        initializer(
          1,
          Array.from({ length: 65 }, () => 1),
          raw(4),
        ),
      ),
      "format",
      /65 axes/,
    ],
    ["a segment", modelOf(initializer(1, [1], field(3), raw(4))), "format", /segment/],
    ["external data by bytes", external("w.bin"), "io", /from its path/],
    ["external data by an absolute path", external("/etc/passwd"), "format", /inside the model's folder/],
    ["external data by a drive", external("C:\\w.bin"), "format", /inside the model's folder/],
    ["external data above", external("a/../../w.bin"), "format", /inside the model's folder/],
    ["external data above, on Windows", external("a\\..\\..\\w.bin"), "format", /inside the model's folder/],
    ["external data nowhere", external(""), "format", /inside the model's folder/],
    ["external data at a negative offset", external("w.bin", { offset: "-4" }), "format", /from -4/],
    [
      "external data of another length",
      external("w.bin", { length: "400000000000" }),
      "format",
      /takes 4 bytes/,
    ],
    [
      "two initialisers of one name",
      modelOf(initializer(1, [0]), initializer(1, [0])),
      "graph",
      /two initialisers named "w"/,
    ],
    [
      "two producers",
      bytesOf(graphOf([node("A", ["x"], ["y"]), node("B", ["x"], ["y"])])),
      "graph",
      /"y" has two; the second is B "y"/,
    ],
    ["an input that a node makes", bytesOf(graphOf([node("A", ["x"], ["x"])])), "graph", /"x" has two/],
    [
      "a cycle",
      bytesOf(graphOf([node("A", ["x", "b"], ["y"]), node("B", ["y"], ["b"])])),
      "graph",
      /cycle: B "b"/,
    ],
    ["a node that feeds itself", bytesOf(graphOf([node("A", ["y"], ["y"])])), "graph", /cycle: A "y"/],
    [
      "a missing initialiser",
      bytesOf(graphOf([node("Conv", ["x", "w"], ["y"])])),
      "graph",
      /Conv "y" reads "w"/,
    ],
    ["an output that nothing makes", bytesOf(graphOf([])), "graph", /output "y"/],
    [
      "a subgraph that reads nothing known",
      bytesOf(
        graphOf([
          node("If", ["x"], ["y"], {
            g: { kind: "graph", value: graphOf([node("A", ["q"], ["y2"])], { inputs: [], outputs: [] }) },
          }),
        ]),
      ),
      "graph",
      /reads "q"/,
    ],
    ["a damaged sparse initialiser", modelOf(field(15, Buffer.of(255))), "format", /cannot be parsed/],
    [
      "two versions of one operator set",
      concat([varint(1, 8), field(7), field(8, varint(2, 18)), field(8, text(1, "ai.onnx"), varint(2, 17))]),
      "graph",
      /versions 18 and 17/,
    ],
  ])("%s", (_, bytes, kind, message) => {
    const error = refusalOf(bytes);
    expect(error.message).toMatch(message);
    expect(error.kind).toBe(kind);
  });

  test("subgraphs without end", () => {
    let graph = graphOf([], { inputs: [], outputs: [] });
    for (let i = 0; i < 200; i++) {
      graph = graphOf([node("If", [], [], { g: { kind: "graph", value: graph } })], {
        inputs: [],
        outputs: [],
      });
    }
    expect(refusalOf(bytesOf(graph)).message).toMatch(/recursion depth/);
  });

  test("a file that is all fields", () => {
    const nodes = new Uint8Array(12_000_000).map((_, i) =>
      i % 2 === 0 ? (1 << 3) | WireType.LengthDelimited : 0,
    );
    expect(refusalOf(modelOf(nodes)).message).toMatch(/more than 5000000 fields/);
  });

  test("every truncation of a model", () => {
    const bytes = bytesOf(
      graphOf([node("Conv", ["x", "w"], ["y"])], { initializers: { w: floatTensor([2], [1, 2]) } }),
    );
    for (let length = 0; length < bytes.length; length++) {
      expect(refusalOf(bytes.subarray(0, length))).toBeInstanceOf(AcsconvError);
    }
  });

  test("damaged bytes are refused or read, and never anything else", { timeout: 30_000 }, () => {
    const seed = new Uint8Array(readFileSync(new URL("squeeze_excite_grouped.onnx", MODELS)));
    const change = fc.record({ at: fc.nat(seed.length - 1), byte: fc.nat(255), cut: fc.nat(20) });
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 8 }), (changes) => {
        const bytes = seed.slice(0, changes[0]!.cut === 0 ? changes[0]!.at : undefined);
        for (const { at, byte } of changes) bytes[at] = byte;
        const start = performance.now();
        try {
          encodeModel(upgradeGraph({ ...decodeModel(bytes), opsets: new Map([["", 1]]) }));
        } catch (error) {
          if (!(error instanceof AcsconvError)) throw error;
        }
        expect(performance.now() - start).toBeLessThan(1000);
      }),
      { numRuns: 1000, seed: 1 },
    );
  });
});
