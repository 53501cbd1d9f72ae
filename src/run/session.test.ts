import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readNpz } from "../../test/helpers/npz.ts";
import { AcsconvError } from "../base/errors.ts";
import { createSession, type Session } from "./session.ts";
import type { RunTensor, RunTensors } from "./tensor.ts";

const fixture = (name: string): string =>
  fileURLToPath(new URL(`../../test/fixtures/models/${name}`, import.meta.url));

const image = (dims: readonly number[]): RunTensor<"float32"> => ({
  dtype: "float32",
  dims,
  data: Float32Array.from({ length: dims.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(i)),
});

let session: Session;
beforeAll(async () => {
  session = await createSession(await readFile(fixture("unet_interpolate_dynamic.onnx")));
});
afterAll(() => session.dispose());

describe("a session", () => {
  test("says what the model takes and gives", () => {
    expect(session.inputs).toEqual([{ name: "input", dtype: "float32", dims: ["N", 1, "H", "W"] }]);
    expect(session.outputs.map(({ name, dtype }) => [name, dtype])).toEqual([["output", "float32"]]);
  });

  test.each(["unet", "resnet_basic", "convnext", "deeplab", "squeeze_excite_grouped"])(
    "%s gives PyTorch's result, from a path and from bytes",
    async (name) => {
      const { x2, y2 } = readNpz(await readFile(fixture(`${name}.npz`)));
      const bytes = await readFile(fixture(`${name}.onnx`));
      const copy = Uint8Array.from(bytes);
      for (const model of [fixture(`${name}.onnx`), bytes]) {
        const loaded = await createSession(model);
        const { output } = await loaded.run({ input: x2! });
        await loaded.dispose();
        const scale = Math.max(...y2!.data.map(Math.abs));
        expect(output!.dims).toEqual(y2!.dims);
        expect(output!.data as Float32Array).toBeAllClose(y2!.data, { rtol: 0, atol: 1e-5 * scale });
      }
      expect(copy.every((byte, i) => byte === bytes[i])).toBe(true);
    },
  );

  test("leaves the event loop free while it computes", async () => {
    let ticks = 0;
    const timer = setInterval(() => ticks++, 1);
    await session.run({ input: image([1, 1, 1024, 1024]) });
    clearInterval(timer);
    // About 200 ms; on this thread it would be two ticks.
    expect(ticks).toBeGreaterThan(10);
  });

  test("keeps the process alive only while it computes", async () => {
    const ports = (): number =>
      process.getActiveResourcesInfo().filter((name) => name === "MessagePort").length;
    const idle = ports();
    const running = session.run({ input: image([1, 1, 512, 512]) });
    await new Promise((resolve) => setImmediate(resolve));
    expect(ports()).toBe(idle + 1);
    await running;
    expect(ports()).toBe(idle);
  });

  test("does what is asked for together one after the other, with the values of the moment of asking", async () => {
    const input = image([1, 1, 16, 16]);
    const first = session.run({ input });
    input.data.fill(0);
    const [a, b, c] = await Promise.all([
      first,
      session.run({ input }),
      session.run({ input: image([1, 1, 16, 16]) }),
    ]);
    expect(a).toEqual(c);
    expect(a).not.toEqual(b);
  });

  test("detaches an array only if it is given away", async () => {
    const kept = image([1, 1, 16, 16]);
    await session.run({ input: kept });
    expect(kept.data.length).toBe(256);
    const given = image([1, 1, 16, 16]);
    await session.run({ input: given }, { transfer: true });
    expect(given.data.length).toBe(0);
  });

  test("takes a view of a larger or shared buffer", async () => {
    const dims = [1, 1, 16, 16];
    const expected = await session.run({ input: image(dims) });
    const view = new Float32Array(300).subarray(20, 276);
    view.set(image(dims).data);
    const shared = new Float32Array(new SharedArrayBuffer(1024));
    shared.set(view);
    for (const data of [view, shared]) {
      for (const transfer of [false, true]) {
        expect(await session.run({ input: { dtype: "float32", dims, data } }, { transfer })).toEqual(
          expected,
        );
      }
    }
  });

  test("drops a waiting run when it is aborted", async () => {
    const abort = new AbortController();
    const first = session.run({ input: image([1, 1, 256, 256]) });
    const second = session.run({ input: image([1, 1, 16, 16]) }, { signal: abort.signal });
    abort.abort(new Error("enough"));
    await expect(second).rejects.toThrow("enough");
    expect((await first)["output"]!.dims).toEqual([1, 3, 256, 256]);
  });
});

describe("feeds are checked before the run", () => {
  const expected = 'Input "input": expected float32 [N, 1, H, W], found';
  test.each<{ feeds: RunTensors; message: string }>([
    { feeds: {}, message: `${expected} nothing.` },
    { feeds: { x: image([1, 1, 8, 8]) }, message: 'The model has no input "x"; it has "input".' },
    {
      feeds: { input: image([1, 3, 8, 8]) },
      message: `${expected} float32 [1, 3, 8, 8], which differs on axis 1.`,
    },
    {
      feeds: { input: image([1, 1, 8, 8, 8]) },
      message: `${expected} float32 [1, 1, 8, 8, 8], of 5 axes instead of 4.`,
    },
    {
      feeds: { input: { ...image([1, 1, 8, 8]), dims: [1, 1, 8, 9] } },
      message: `${expected} float32 [1, 1, 8, 9] with 64 elements.`,
    },
    {
      feeds: { input: { dtype: "uint8", dims: [1, 1, 8, 8], data: new Uint8Array(64) } },
      message: `${expected} uint8 [1, 1, 8, 8].`,
    },
    {
      // What plain JavaScript may pass.
      feeds: { input: { dtype: "float32", dims: [1, 1, 8, 8], data: new Float64Array(64) as never } },
      message: `${expected} float32 with its elements in a Float64Array.`,
    },
  ])("$message", async ({ feeds, message }) => {
    await expect(session.run(feeds)).rejects.toMatchObject({
      kind: "input",
      code: expect.stringMatching(/^E_(FEED|UNKNOWN_NAME)$/),
      message,
    });
  });

  test("an output the model does not have", async () => {
    const running = session.run({ input: image([1, 1, 8, 8]) }, { fetch: ["logits"] });
    await expect(running).rejects.toThrow('Cannot fetch "logits": the model\'s outputs are "output".');
  });
});

describe("what goes wrong is one sentence of kind runtime", () => {
  test.each<{ why: string; open: () => Promise<unknown>; message: RegExp }>([
    {
      why: "bytes that are no model",
      open: () => createSession(new Uint8Array(64)),
      message: /^ONNX Runtime cannot load the model: .*[^.]\.$/,
    },
    {
      why: "a path that leads nowhere",
      open: () => createSession(fixture("absent.onnx")),
      message: /^ONNX Runtime cannot load the model: .*absent\.onnx.*[^.]\.$/,
    },
    {
      why: "a device of another system",
      open: () => createSession(fixture("unet.onnx"), { device: "wasm" }),
      message:
        /^Device "wasm" cannot be used here: ONNX Runtime brings cpu.* on this system; wasm is for browsers: use cpu\.$/,
    },
    {
      why: "sizes that the network cannot take",
      open: () => session.run({ input: image([1, 1, 0, 0]) }),
      message: /^ONNX Runtime failed on cpu: [^\n]*[^.]\.$/,
    },
  ])("$why", async ({ open, message }) => {
    const error: unknown = await open().catch((e: unknown) => e);
    expect(error).toBeInstanceOf(AcsconvError);
    expect(error).toMatchObject({ kind: "runtime", message: expect.stringMatching(message) as string });
  });

  test("a session that is disposed, which finishes what was asked for and may be disposed again", async () => {
    const disposed = await createSession(fixture("unet.onnx"));
    const input = image([1, 1, 16, 16]);
    const running = disposed.run({ input });
    await Promise.all([disposed.dispose(), disposed.dispose()]);
    expect((await running)["output"]!.dims).toEqual([1, 3, 16, 16]);
    await expect(disposed.run({ input })).rejects.toEqual(
      new AcsconvError("runtime", "This session is disposed: create another one.", { code: "E_DISPOSED" }),
    );
  });
});
