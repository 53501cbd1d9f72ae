/** @file PyTorch's checkpoints, to the bit; and pickles that mean harm, which are refused and executed nowhere. */

import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import * as p from "../../../test/helpers/pickles.ts";
import { type DType, numbersOf, type Tensor, tensorOf } from "../../graph/tensor.ts";
import { readNpz } from "../npz.ts";
import { readWeights } from "../../weights/read.ts";

const folder = new URL("../../../test/fixtures/checkpoints/", import.meta.url);
const file = (name: string): Uint8Array => readFileSync(new URL(name, folder));

const { readable, refused } = JSON.parse(readFileSync(new URL("torch/expected.json", folder), "utf8")) as {
  readable: Record<string, Record<string, { dtype: DType; dims: number[]; bytes: string }>>;
  refused: Record<string, string>;
};
const plain = ({ dtype, dims, bytes }: Tensor): object => ({
  dtype,
  dims,
  bytes: Buffer.from(bytes).toString("base64"),
});

describe("what PyTorch 1.13 wrote", () => {
  test.each(Object.keys(readable))("%s is read to the bit", async (name) => {
    const { format, tensors } = await readWeights(file(`torch/${name}.pth`));
    expect(format).toBe(name.endsWith("stream") ? "pytorch-stream" : "pytorch");
    const found = [...tensors].map(([path, tensor]) => [path, plain(tensor)]);
    expect(Object.fromEntries(found)).toEqual(readable[name]);
  });

  test.each(Object.entries(refused))("%s is refused, saying %s", async (name, message) => {
    await expect(readWeights(file(`torch/${name}.pth`))).rejects.toMatchObject({
      name: "AcsconvError",
      kind: "format",
      message: expect.stringContaining(message) as string,
    });
  });

  test("what stands beside the weights is read as text", async () => {
    const { metadata } = await readWeights(file("torch/training.pth"));
    const texts = Object.fromEntries(metadata);
    expect(texts).toMatchObject({
      epoch: "17",
      best: "0.8125",
      count: "3",
      "args.lr": "0.1",
      "args.gpus": "[0, 1]",
      "args.path": "pathlib.PurePosixPath",
      when: "datetime.datetime",
      big: String(2n ** 80n),
      negative: "-129",
      nothing: "None",
      "milestones.30": "1",
      "steps.a": "[1, 2.5]",
      dtype: "torch.float16",
      size: "(2, 3)",
      "optimizer.param_groups.0.betas": "(0.9, 0.999)",
    });
  });
});

describe("the fixtures hold the expected arrays", () => {
  const expected = readNpz(file("expected.npz"));
  test.each([
    ["zip.pth", "", "pytorch"],
    ["nested_legacy.pth", "state_dict.", "pytorch-stream"],
    ["half_and_views.pth", "state_dict.", "pytorch"],
  ])("%s", async (name, prefix, format) => {
    const weights = await readWeights(file(name));
    expect(weights.format).toBe(format);
    expect(weights.tensors.size).toBe(name === "half_and_views.pth" ? 8 : 7);
    for (const [path, { dtype, dims, bytes }] of weights.tensors) {
      const full = expected.get(path.startsWith(prefix) ? path.slice(prefix.length) : path)!;
      // Half precision: the expected number, rounded.
      const rounded = dtype === full.dtype ? full : tensorOf(dtype, full.dims, numbersOf(full));
      expect({ path, dims, bytes: [...bytes] }).toEqual({ path, dims: full.dims, bytes: [...rounded.bytes] });
    }
  });
});

const numbers = new Uint8Array(Float32Array.from([1, 2, 3, 4]).buffer);
const FORMS = [
  ["a zip file", (content: Uint8Array) => p.zipCheckpoint(content, { "0": numbers })],
  [
    "a stream",
    (content: Uint8Array) =>
      p.streamCheckpoint(content, content.includes(p.PERSISTENT[0]!) ? { "0": numbers } : {}),
  ],
] as const;

describe.each(FORMS)("in %s", (_, made) => {
  const read = async (...code: readonly p.Code[]): Promise<Record<string, Tensor>> =>
    Object.fromEntries((await readWeights(made(p.pickle(...code)))).tensors);

  test("tensors are views of the file", async () => {
    const bytes = made(p.pickle(p.tensor([2, 2], [2, 1])));
    const { tensors } = await readWeights(bytes);
    expect(numbersOf(tensors.get("tensor")!)).toEqual(Float32Array.of(1, 2, 3, 4));
    expect(tensors.get("tensor")!.bytes.buffer).toBe(bytes.buffer);
  });

  test("newer and older PyTorch's tensors", async () => {
    const untyped = p.storage(16, { type: "UntypedStorage", module: "torch.storage" });
    const dtype = p.global("torch", "uint32");
    const [dims, strides, offset] = [p.ints(2), p.ints(2), p.int(1)];
    const v3 = p.call(
      "torch._utils",
      "_rebuild_tensor_v3",
      untyped,
      offset,
      dims,
      strides,
      p.NONE,
      p.NONE,
      dtype,
    );
    const v1 = p.call("torch._utils", "_rebuild_tensor", p.storage(4), offset, dims, strides);
    const parameter = p.call("torch.nn.parameter", "Parameter", v1);
    const pairs = [...p.EMPTY_LIST, ...p.MARK, ...p.tuple(p.text("w"), v1), ...p.APPENDS];
    const python2 = p.call("collections", "OrderedDict", pairs);
    // One storage cannot have two types in a stream.
    const entries: [string, p.Code][] = [
      ["parameter", parameter],
      ["python2", python2],
    ];
    const found = await read(p.dict(...entries));
    expect(numbersOf(found["parameter"]!)).toEqual(Float32Array.of(2, 4));
    expect(numbersOf(found["python2.w"]!)).toEqual(Float32Array.of(2, 4));
    const { tensors } = await readWeights(p.zipCheckpoint(p.pickle(v3), { "0": numbers }));
    expect(tensors.get("tensor")).toMatchObject({ dtype: "uint32", dims: [2] });
    expect(numbersOf(tensors.get("tensor")!)).toEqual(
      new Uint32Array(numbers.buffer).filter((_, i) => i % 2 === 1),
    );
  });

  const hostile: [string, readonly p.Code[], string | RegExp][] = [
    [
      "os.system",
      [p.call("os", "system", p.text("touch executed"))],
      'asks for the Python object "os.system"',
    ],
    ["eval", [p.call("builtins", "eval", p.text("1"))], '"builtins.eval"'],
    ["getattr", [p.call("builtins", "getattr", p.NONE, p.text("x"))], '"builtins.getattr"'],
    ["a constructor of JavaScript", [p.global("constructor", "prototype")], '"constructor.prototype"'],
    ["a name with an escape sequence", [p.global("os", "\u001B[31m")], String.raw`"os.\u001b[31m"`],
    ["a long name", [p.global("a", "b".repeat(5000))], "has a name without an end"],
    ["a name inside a name", [p.global("torch._utils", "_rebuild_tensor_v2.__globals__")], "__globals__"],
    ["a call of data", [p.int(1), p.EMPTY_TUPLE, p.REDUCE], "calls something that is no function"],
    ["a call of a type", [p.call("torch", "float32")], "calls torch.float32, which is no function"],
    ["an extension", [[0x82, 1]], "has the pickle opcode 0x82 at byte"],
    ["an instance of protocol 0", [p.MARK, [0x69, 0x61, 10, 0x62, 10]], "opcode 0x69"],
    ["a later protocol", [[0x80, 9]], "protocol 9"],
    ["an empty stack", [[0x61]], "takes what is not there"],
    ["a mark that is not there", [p.NONE, p.TUPLE], "takes what is not there"],
    ["what a mark hides", [p.NONE, p.MARK, p.put(0)], "takes what is not there"],
    ["an empty memo", [p.get(2 ** 32 - 1)], "remembers nothing as 4294967295"],
    ["a text without end", [[0x58, 0xff, 0xff, 0xff, 0xff]], "wants 4294967295 bytes"],
    ["bytes without end", [[0x8e, 0, 0, 0, 0, 0, 0, 0, 0x7f]], /wants \d+ bytes/],
    ["a frame without end", [[0x95, 0, 0, 0, 0, 0, 0, 0, 0x7f]], "more than are left"],
    ["an endless whole number", [[0x8b, 0, 0, 0, 0x10]], "has a whole number of 268435456 bytes"],
    ["a dict of uneven items", [p.EMPTY_DICT, p.MARK, p.NONE, [0x75]], "fills something that is no dict"],
    ["a dict that is none", [p.NONE, p.NONE, p.NONE, p.SETITEM], "fills something that is no dict"],
    ["a list that is none", [p.NONE, p.NONE, [0x61]], "fills something that is no list"],
    ["sizes without strides", [p.tensor([4], [])], "lacks a storage, an offset, sizes or strides"],
    ["a tensor of no storage", [p.tensor([4], [1], { of: p.NONE })], "lacks a storage"],
    [
      "too many elements",
      [p.tensor([5], [1])],
      "tensor [5] with strides [1] from 0 goes beyond its storage of 4",
    ],
    ["a wide stride", [p.tensor([2], [4])], "goes beyond its storage"],
    ["a far offset", [p.tensor([1], [1], { offset: 4 })], "goes beyond its storage"],
    [
      "sizes that overflow",
      [p.tensor([2 ** 52, 2 ** 52, 2 ** 52], [2 ** 52, 1, 1])],
      "goes beyond its storage",
    ],
    ["one element, endlessly", [p.tensor([2 ** 50], [0])], "would expand to more than"],
    ["too many axes", [p.tensor(Array<number>(65).fill(1), Array<number>(65).fill(1))], "lacks a storage"],
    [
      "a storage that is not there",
      [p.tensor([1], [1], { of: p.storage(4, { key: "9" }) })],
      /no entry .*9"|storage "0" that is not used/,
    ],
    [
      "a storage smaller than it says",
      [p.tensor([9], [1], { of: p.storage(9) })],
      "where 9 elements of float32",
    ],
    [
      "a storage of no type",
      [p.tensor([1], [1], { of: p.storage(4, { type: "Size" }) })],
      "is no tensor's elements",
    ],
    ["an id that is none", [p.NONE, p.PERSISTENT], "is stored outside of its pickle"],
    [
      "an array of Python objects' code",
      [p.call("numpy.core.multiarray", "_reconstruct"), p.NONE, p.BUILD],
      "lacks sizes",
    ],
    ["a list of itself", [p.EMPTY_LIST, p.put(0), p.get(0), [0x61]], "nests its values more than 50 deep"],
    ["a dict of itself", [p.EMPTY_DICT, p.put(0), p.text("a"), p.get(0), p.SETITEM], "nests its values"],
    [
      "two tensors of one name",
      [p.dict(["a.b", p.tensor([1], [1])], ["a", p.dict(["b", p.tensor([1], [1])])])],
      'two tensors named "a.b"',
    ],
    ["an endless name", [p.dict(["x".repeat(600), p.tensor([1], [1])])], "longer than 500 letters"],
  ];
  test.each(hostile)("%s is refused", async (_name, code, message) => {
    await expect(read(...code)).rejects.toMatchObject({ name: "AcsconvError", kind: "format" });
    await expect(read(...code)).rejects.toThrow(message);
  });
});

const read = async (...code: readonly p.Code[]): Promise<Record<string, Tensor>> =>
  Object.fromEntries((await readWeights(p.zipCheckpoint(p.pickle(...code)))).tensors);

test("an object of objects, each twice in the next, unfolds only so far", async () => {
  const levels = Array.from({ length: 40 }, (_, i) => [
    ...p.EMPTY_LIST,
    ...p.MARK,
    ...p.get(i),
    ...p.get(i),
    ...p.APPENDS,
    ...p.put(i + 1),
  ]);
  const laughs = [p.tensor([1], [1]), p.put(0), ...levels];
  await expect(read(...laughs)).rejects.toThrow("has more than 100000 tensors");
  const numbersOnly = [p.EMPTY_LIST, p.put(0), ...levels];
  await expect(read(...numbersOnly)).rejects.toThrow("unfolds to more than 3000000 values");
});

test("copies of one large text are one text", async () => {
  const large = p.text("é".repeat(10_000));
  const encode = [...p.global("_codecs", "encode"), ...p.tuple(p.get(0), p.text("latin1")), ...p.REDUCE];
  const copies = Array.from({ length: 1000 }, () => encode).flat();
  const code = [large, p.put(0), p.EMPTY_LIST, p.MARK, copies, p.APPENDS];
  expect(await read(...code)).toEqual({});
});

test("a pickle without end ends", async () => {
  const code = new Uint8Array(3_100_000).fill(p.NONE[0]!);
  await expect(readWeights(p.zipCheckpoint(code))).rejects.toThrow(
    "has a pickle of more than 3000000 operations",
  );
});
