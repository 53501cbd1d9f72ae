/**
 * @file One definition of a parameter: what `inspect` counts, training changes, weight files fill and initialisation
 * draws is the same, in every tiny network and every architecture; and Einsum's weights are among it.
 */

import { describe, expect, test } from "vitest";
import { encodeSafetensors } from "../src/formats/safetensors.ts";
import type { Graph } from "../src/graph/graph.ts";
import { ints, str } from "../src/graph/graph.ts";
import { elementCount, floatTensor, numbersOf, type Tensor } from "../src/graph/tensor.ts";
import { lift, Model } from "../src/model/model.ts";
import { ARCHITECTURES, architecture } from "../src/models/registry.ts";
import { initialise } from "../src/models/initialise.ts";
import { targetOf } from "../src/compile/targets/index.ts";
import { sizedForTraining, type TrainingSize } from "../src/compile/training.ts";
import { upgradeGraph } from "../src/onnx/upgrade.ts";
import { parameterSlots } from "../src/ops/parameters.ts";
import { foldConstants } from "../src/passes/fold-constants.ts";
import { dropIdentities, dropUnused } from "../src/passes/tidy.ts";
import { summarise } from "../src/report/summary.ts";
import { meanSquaredError } from "../src/train/losses.ts";
import { sgd } from "../src/train/optimisers.ts";
import { type Parameter, parametersOf, trainedParameters } from "../src/train/parameters.ts";
import { TrainingSession } from "../src/train/session.ts";
import { trainingStep } from "../src/train/step.ts";
import { loadWeights } from "../src/weights/load.ts";
import { concat, graphOf, node, value } from "./helpers/graphs.ts";
import { network, NETWORKS, random } from "./helpers/networks.ts";

function trainedOf(graph: Graph, size: TrainingSize): Parameter[] {
  const { sized } = sizedForTraining(graph, size, targetOf());
  return trainedParameters(sized, parametersOf(sized, true), undefined);
}

const file = (tensors: ReadonlyMap<string, Tensor>): Uint8Array =>
  concat(encodeSafetensors({ tensors, metadata: new Map() }));
const countOf = (tensors: Iterable<{ readonly dims: readonly number[] }>): number =>
  [...tensors].reduce((sum, { dims }) => sum + elementCount(dims), 0);
const counted = (graph: Graph): number => summarise(graph, new Map()).parameters;

/** How many numbers a weight file has to bring for all parameters to be loaded. */
async function loadable(model: Model): Promise<number> {
  const [first] = parameterSlots(model.graph);
  const one = file(new Map([[first!.name, first!.tensor]]));
  const { report } = await loadWeights(model, one, { strict: false, prefix: "" });
  return report.totalBytes / 4;
}

/** How many numbers of parameters are others after drawing with another seed, constant slots and slopes aside. */
function drawn(model: Model): { readonly changed: Set<string>; readonly known: Set<string> } {
  const [a, b] = [1, 2].map((seed) => initialise(model, { seed }).graph.initializers);
  const changed = [...a!].filter(([name, { bytes }]) => Buffer.compare(bytes, b!.get(name)!.bytes) !== 0);
  return {
    changed: new Set(changed.map(([name]) => name)),
    known: new Set(parameterSlots(model.graph).map(({ name }) => name)),
  };
}

const OPTIONS = { loss: meanSquaredError(), optimiser: sgd(), batch: 2 } as const;

/** Exports whose batch of one is baked in. */
const BATCH_OF_ONE = new Set(["deeplab", "shufflenet", "unet_interpolate"]);

describe.each(NETWORKS)("%s", (name) => {
  test("is counted, loaded and trained alike, as it comes and tidied", async () => {
    const model = await network(name);
    const graph = upgradeGraph(model.graph);
    const tidy = dropUnused(dropIdentities(foldConstants(graph)));
    const size = model.inputs[0]!.shape!.slice(2).map((n) => (typeof n === "number" ? n : 64));
    const batch = BATCH_OF_ONE.has(name) ? 1 : 2;
    const parameters = trainedOf(model.graph, { size, batch });
    const trained = countOf(parameters);
    expect(trained).toBeGreaterThan(0);
    expect({
      raw: counted(graph),
      inspected: counted(tidy),
      loaded: await loadable(model),
    }).toEqual({ raw: trained, inspected: trained, loaded: trained });
    const { changed, known } = drawn(model);
    expect(changed.size).toBeGreaterThan(0);
    for (const weight of changed) expect(known).toContain(weight);
  });
});

/** One of each family. */
const FAMILIES = [
  "resnet18",
  "vgg11_bn",
  "densenet121",
  "mobilenet_v2",
  "efficientnet_b0",
  "convnext_tiny",
  "deeplabv3plus_resnet50",
  "unet",
  "poc_unet",
  "med3d10",
  "video_resnet18",
  "models_genesis",
  "h_denseunet",
];

test.each(ARCHITECTURES.filter(({ name }) => FAMILIES.includes(name)))(
  "$name is counted and loaded alike",
  async ({ name, classes }) => {
    const model = architecture(name, { kernels: "none", ...(classes === undefined && { classes: 2 }) });
    const total = countOf(parameterSlots(model.graph).map(({ tensor }) => tensor));
    expect([counted(model.graph), await loadable(model)]).toEqual([total, total]);
  },
);

test("vectors that a file stores once are as many parameters as there are layers", async () => {
  const shared = graphOf(
    [
      node("Constant", [], ["w1"], {
        value: { kind: "tensor", value: floatTensor([2, 2, 1, 1], [1, 2, 3, 4]) },
      }),
      node("Conv", ["x", "w1", "zeros"], ["a"]),
      node("Identity", ["w2"], ["w3"]),
      node("Conv", ["a", "w2", "zeros"], ["b"]),
      node("Conv", ["b", "w3", "zeros"], ["y"]),
    ],
    {
      inputs: [value("x", [1, 2, 4, 4])],
      outputs: [value("y", [1, 2, 4, 4])],
      initializers: { w2: floatTensor([2, 2, 1, 1], [1, 0, 0, 1]), zeros: floatTensor([2], [0, 0]) },
    },
  );
  const model = new Model(shared);
  const parameters = trainedOf(shared, { size: [4, 4], batch: 1 });
  const names = ["w1", "zeros", "w2", "zeros@2", "w3", "zeros@3"];
  expect(parameters.map(({ name }) => name)).toEqual(names);
  expect(parameterSlots(shared).map(({ name }) => name)).toEqual(names);
  expect([counted(shared), await loadable(model)]).toEqual([18, 18]);
  const biases = names.filter((name) => name.startsWith("zeros"));
  const values = biases.map((name, i) => [name, floatTensor([2], [i + 1, i + 1])] as const);
  const loaded = await loadWeights(model, file(new Map(values)), { strict: false });
  const bias = loaded.model.graph.nodes.map(({ inputs }) => loaded.model.graph.initializers.get(inputs[2]!)!);
  expect(bias.map((tensor) => numbersOf(tensor)[0])).toEqual([1, 2, 3]);
});

describe("Einsum's weights", () => {
  /** 3 → 8 channels by a convolution, 8 → 5 by an Einsum. */
  const model = new Model(
    graphOf(
      [
        node("Conv", ["x", "w"], ["c"], { pads: ints([1, 1, 1, 1]) }),
        node("Einsum", ["c", "mix"], ["y"], { equation: str("nchw,oc->nohw") }),
      ],
      {
        inputs: [value("x", [2, 3, 8, 8])],
        outputs: [value("y", [2, 5, 8, 8])],
        initializers: {
          w: floatTensor([8, 3, 3, 3], random([8, 3, 3, 3]).data),
          mix: floatTensor([5, 8], random([5, 8]).data),
        },
      },
    ),
  );
  const mix = ({ graph }: Model): Tensor => graph.initializers.get("mix")!;

  test("are counted, and its multiply-adds", () => {
    const { layers } = summarise(model.graph, new Map());
    expect(layers[1]).toMatchObject({ op: "Einsum", parameters: 40, multiplyAdds: 2 * 8 * 5 * 64 });
  });

  test("are drawn in ±1/√(what an output sums over)", () => {
    const values = numbersOf(mix(initialise(model, { seed: 4 })));
    expect(Math.max(...values.map(Math.abs))).toBeLessThanOrEqual(1 / Math.sqrt(8));
    expect(Math.max(...values.map(Math.abs))).toBeGreaterThan(0.9 / Math.sqrt(8));
  });

  test("are loaded", async () => {
    const weights = new Map([["mix", floatTensor([5, 8], new Float32Array(40).fill(3))]]);
    const loaded = await loadWeights(model, file(weights), { strict: false });
    expect(new Set(numbersOf(mix(loaded.model)))).toEqual(new Set([3]));
    expect(loaded.report.totalBytes).toBe(4 * (8 * 27 + 40));
  });

  test.each(["2D", "3D"])("are trained in %s", async (dimensions) => {
    const graph = dimensions === "2D" ? model.graph : lift(model).graph;
    const size = dimensions === "2D" ? [8, 8] : [4, 8, 8];
    const step = trainingStep(graph, { ...OPTIONS, size });
    expect(step.parameters.map(({ name }) => name)).toContain("mix");
    const session = await TrainingSession.open(step);
    const [image, target] = [step.image, step.target].map(({ dims }) => ({
      dtype: "float32" as const,
      ...random([...dims]),
    }));
    await session.run({ image: image!, target: target! }, { learningRate: 0.1, seed: 0 });
    const after = numbersOf(session.state.get("mix")!);
    await session.dispose();
    const before = numbersOf(mix(model));
    expect(after.filter((number, i) => Math.abs(number - before[i]!) > 1e-6)).toHaveLength(40);
  });

  test("an operand that nothing is summed over is a parameter only beside others", () => {
    const scaled = (first: string): string[] =>
      parameterSlots(
        graphOf(
          [
            ...(first === "x" ? [] : [node("Conv", ["x", "w"], [first])]),
            node("Einsum", [first, "gate"], ["y"], { equation: str("nchw,c->nchw") }),
          ],
          { initializers: { w: floatTensor([2, 2, 1, 1], [1, 2, 3, 4]), gate: floatTensor([2], [1, 2]) } },
        ),
      ).map(({ name }) => name);
    expect(scaled("x")).toEqual([]);
    expect(scaled("c")).toEqual(["w", "gate"]);
  });
});
