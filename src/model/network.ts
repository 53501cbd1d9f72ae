/** @file What a network wants to be fed for a volume: its one input, the output that is used, and window sizes. */

import { AcsconvError } from "../base/errors.ts";
import type { Graph } from "../graph/graph.ts";
import type { Session } from "../run/session.ts";
import type { Vec3 } from "../volume/vec3.ts";

export interface Network {
  /** Name of the input [N, C, D, H, W]. */
  readonly input: string;
  /** Name of the first output with three spatial axes. */
  readonly output: string;
  readonly channels: number;
  /** Sizes the model fixes; undefined where it leaves them open. */
  readonly batch: number | undefined;
  readonly size: readonly (number | undefined)[];
}

/**
 * @param channels - those of the volume; a single one may feed several of the network
 * @throws {@link AcsconvError} `input` if the model is no 3D network for such a volume
 */
export function networkOf(session: Pick<Session, "inputs" | "outputs">, channels: number): Network {
  const [input, ...more] = session.inputs;
  if (!input || more.length > 0) {
    const found =
      session.inputs.length === 0 ? "none" : session.inputs.map(({ name }) => `"${name}"`).join(", ");
    throw new AcsconvError(
      "input",
      `Prediction needs a model with one input, the image; this one has ${found}.`,
    );
  }
  const sizes = `"${input.name}" is [${input.dims.map((dim) => dim || "?").join(", ")}]`;
  if (input.dims.length === 4) {
    throw new AcsconvError(
      "input",
      `This is a 2D network (${sizes}): lift it first, as with "acsconv lift".`,
    );
  }
  if (input.dims.length !== 5) {
    throw new AcsconvError("input", `Prediction needs an input [N, C, D, H, W], but ${sizes}.`);
  }
  // A session may not know an output's rank; running it will tell.
  const output = session.outputs.find(({ dims }) => dims.length === 5 || dims.length === 0);
  if (!output) {
    throw new AcsconvError(
      "input",
      `Prediction needs an output with a score for every voxel, [N, K, D, H, W]; this model gives ` +
        `${session.outputs.map(({ name, dims }) => `"${name}" [${dims.join(", ")}]`).join(", ")}.`,
    );
  }
  const [batch, own, ...size] = input.dims.map((dim) => (typeof dim === "number" ? dim : undefined));
  if (own !== undefined && own !== channels && channels !== 1) {
    throw new AcsconvError("input", `The network takes ${own} channels, but the volume has ${channels}.`);
  }
  return { input: input.name, output: output.name, channels: own ?? channels, batch, size };
}

/** Windows that fit common networks (five halvings) and memories, where neither the model nor the user says. */
const GRANULARITY = 32;
const LARGEST = 96;

/**
 * The window [D, H, W]: what the model fixes, else what the user wants, else the
 * volume's size rounded up to 32 voxels, at most 96.
 *
 * @throws {@link AcsconvError} `input` if the user wants another size than the model takes
 */
export function choosePatch(network: Network, shape: Vec3, wanted?: Vec3): Vec3 {
  const patch = shape.map((size, axis) => {
    const suitable = Math.min(Math.ceil(size / GRANULARITY) * GRANULARITY, LARGEST);
    return network.size[axis] ?? wanted?.[axis] ?? suitable;
  }) as unknown as Vec3;
  if (wanted?.some((size, axis) => size !== patch[axis])) {
    throw new AcsconvError(
      "input",
      `The model takes windows of [${network.size.map((size) => size ?? "any").join(", ")}] voxels, not [${wanted.join(", ")}]; ` +
        "lift it again without a size to leave them open.",
    );
  }
  return patch;
}

/** Operators after which scores are probabilities. */
const ACTIVATIONS = new Set(["Sigmoid", "HardSigmoid", "Softmax"]);

/** Whether the network's output comes out of a sigmoid or softmax, so that none is to follow. */
export function endsInActivation(graph: Graph, output = graph.outputs[0]?.name): boolean {
  const last = graph.nodes.find((node) => output !== undefined && node.outputs.includes(output));
  return last !== undefined && ACTIVATIONS.has(last.op);
}
