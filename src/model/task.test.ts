/** @file A task goes with its network through files and everything that makes one network of another. */

import { describe, expect, test } from "vitest";
import { evaluate } from "../../test/helpers/graphs.ts";
import { network, random } from "../../test/helpers/networks.ts";
import { decodeModel } from "../onnx/decode.ts";
import { replaceHead } from "../train/head.ts";
import { lift, load, Model, unlift } from "./model.ts";
import type { Task } from "./task.ts";

const TASK: Task = {
  scores: "logits",
  classes: { names: ["background", "liver", "tumour"], values: [0, 1, 4] },
  channels: ["CT"],
  patch: [32, 64, 64],
  preparation: { spacing: [2.5, 0.8, 0.8], orientation: "LPS", window: [-160, 240], normalize: "none" },
};

/** The file as any other program may have changed it. */
const withText = (model: Model, text: string): Model =>
  new Model({ ...model.graph, metadata: new Map([["acsconv.task", text]]) });

describe("a task", () => {
  test("stays through saving, lifting, unlifting, other weights and plain 3D files", async () => {
    const flat = (await network("unet_train")).withTask(TASK);
    const lifted = lift(flat);
    const plain = new Model(decodeModel(lifted.toBytes())); // as if it were somebody else's 3D network
    const models = [flat, lifted, unlift(lifted), lift(lifted, { kind: "i3d" }), plain];
    for (const model of [...models, lifted.withWeights(new Map())]) {
      expect(model.task).toEqual(TASK);
      expect((await load(model.toBytes())).task).toEqual(TASK);
    }
    const late = lift(await network("unet_train")).withTask(TASK);
    expect(unlift(late).task).toEqual(TASK);
    expect(unlift(await load(late.toBytes())).task).toEqual(TASK);
    expect((await load(late.withTask(undefined).toBytes())).task).toBeUndefined();
  });

  test("leaves the file one that any runtime runs, with the same numbers", async () => {
    const model = lift(await network("unet_train"));
    const name = model.inputs[0]!.name;
    const x = random([1, model.inputs[0]!.shape![1] as number, 16, 16, 16]);
    const [a, b] = await Promise.all(
      [model, model.withTask(TASK)].map((one) => evaluate(one.toBytes(), { [name]: x })),
    );
    expect(b).toEqual(a);
  });

  test("loses its classes with the head that told them apart", async () => {
    const { classes: _, scores: __, ...rest } = TASK;
    const flat = (await network("unet_train")).withTask(TASK);
    expect(replaceHead(flat, 5).task).toEqual(rest);
    expect(replaceHead(lift(flat), 5).task).toEqual(rest);
    expect(replaceHead(lift(await network("unet_train")), 5).task).toBeUndefined();
  });

  test.each([
    ["no JSON", "{", /is no valid JSON/],
    ["another version", '{"version":0}', /should be an object of version 1/],
    ["a list", "[]", /should be an object of version 1/],
    ["a newer version", '{"version":2}', /has version 2, of a newer acsconv: update acsconv\.$/],
    ["unknown scores", '{"version":1,"scores":"odds"}', /logits, probabilities, .* as "scores", not "odds"/],
    ["a spacing of zero", '{"version":1,"preparation":{"spacing":[1,0,1]}}', /as "preparation\.spacing"/],
    ["a patch of parts", '{"version":1,"patch":[1.5,2,2]}', /three whole numbers .* as "patch"/],
    [
      "values that repeat",
      '{"version":1,"classes":{"names":["a","b"],"values":[1,1]}}',
      /as "classes\.values", not \[1,1\]/,
    ],
    [
      "fewer values than names",
      '{"version":1,"classes":{"names":["a","b"],"values":[1]}}',
      /a value for each name/,
    ],
    ["a novel", `{"version":1,"channels":["${"x".repeat(2 ** 20)}"]}`, /has 10\d+ characters/],
  ])("that is broken is told, not believed: %s", async (_, text, message) => {
    const model = withText(await network("unet_train"), text);
    expect(() => model.task).toThrow(message);
    await expect(load(model.toBytes())).resolves.toBeInstanceOf(Model);
  });

  test("that is none is not written either, and what nobody knows is left out", async () => {
    const model = await network("unet_train");
    expect(() => model.withTask({ patch: [0, 1, 1] })).toThrow(/^The task should have three whole/);
    expect(model.withTask({ preparation: { orientation: "lps" } }).task?.preparation?.orientation).toBe(
      "lps",
    );
    expect(withText(model, '{"version":1,"colour":"red","patch":[1,2,3]}').task).toEqual({
      patch: [1, 2, 3],
    });
  });
});
