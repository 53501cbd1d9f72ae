/**
 * @file A run as a file: everything that the steps to come depend on, so that a run that goes on from it is the run
 * that was never stopped, to the bit.
 *
 * One safetensors file. Tensors: parameters, optimiser state, running statistics, the number of updates. Metadata:
 * where the run stands, and what it has to agree with. Random numbers need no state, because each is drawn from the
 * seed and the position. Weights keep their 2D names, so any reader of safetensors takes them from a checkpoint.
 */

import { formatError, trainError } from "../base/errors.ts";
import { builtin, writeFiles } from "../base/files.ts";
import type { Graph } from "../graph/graph.ts";
import type { Tensor } from "../graph/tensor.ts";
import { encodeSafetensors, readSafetensors } from "../formats/safetensors.ts";
import type { Best } from "./events.ts";

/** Where a run stands. */
export interface Progress {
  /** Epochs that are done. */
  readonly epoch: number;
  /** Steps of the epoch after them that are done; all of them before its evaluation. */
  readonly batch: number;
  /** Sum of the losses of these steps. */
  readonly lossSum: number;
  readonly best?: Best;
}

/** What decides over the steps to come, by name; plain data. */
export type Settings = Readonly<Record<string, unknown>>;

export interface Checkpoint {
  readonly progress: Progress;
  readonly settings: Settings;
  /** Of {@link networkFingerprint}. */
  readonly network: string;
  /** Of the training session. */
  readonly state: ReadonlyMap<string, Tensor>;
}

/** Marks our checkpoints among safetensors files, and the form of their metadata. */
const FORMAT = "acsconv-checkpoint-1";

/** Writes checkpoints, all of them or none. What was there before stays until they are on the disk. */
export function writeCheckpoints(paths: readonly string[], checkpoint: Checkpoint): Promise<void> {
  const { progress, settings, network, state } = checkpoint;
  const metadata = new Map([
    ["format", FORMAT],
    ["network", network],
    ["progress", JSON.stringify(progress)],
    ["settings", JSON.stringify(settings)],
  ]);
  const chunks = encodeSafetensors({ tensors: state, metadata });
  return writeFiles(paths.map((path) => ({ path, chunks })));
}

/** Reads a checkpoint. */
export async function readCheckpoint(path: string): Promise<Checkpoint> {
  const { tensors: state, metadata } = await readSafetensors(path);
  const format = metadata.get("format");
  if (format !== FORMAT) {
    const found = format?.startsWith("acsconv-checkpoint-")
      ? "is a checkpoint of another version of acsconv: go on with that version"
      : "is a safetensors file, but no checkpoint of acsconv";
    throw formatError(`"${path}" ${found}.`);
  }
  try {
    const progress = JSON.parse(metadata.get("progress")!) as Progress;
    const settings = JSON.parse(metadata.get("settings")!) as Settings;
    const { epoch, batch, lossSum } = progress;
    if ([epoch, batch, lossSum].every(Number.isFinite))
      return { progress, settings, network: metadata.get("network") ?? "", state };
  } catch {
    // Said below.
  }
  throw formatError(`"${path}" is damaged: its metadata does not say where the run stands.`);
}

/** Makes sure that a run can go on from a checkpoint. */
export function checkAgreement(
  checkpoint: Checkpoint,
  run: Pick<Checkpoint, "network" | "settings" | "state">,
  path: string,
): void {
  const fail = (what: string): never => {
    throw trainError(`"${path}" is a checkpoint of another ${what}.`);
  };
  const describe = (tensor: Tensor | undefined): string =>
    tensor ? `is ${tensor.dtype} [${tensor.dims.join(", ")}]` : "is missing";
  for (const name of new Set([...run.state.keys(), ...checkpoint.state.keys()])) {
    const [there, here] = [checkpoint, run].map(({ state }) => describe(state.get(name)));
    if (there !== here) fail(`network or optimiser: "${name}" ${there} there and ${here} here`);
  }
  if (checkpoint.network !== run.network)
    fail("network: its weights have the same names and sizes, but its layers or frozen weights differ");
  for (const name of new Set([...Object.keys(run.settings), ...Object.keys(checkpoint.settings)])) {
    const [there, here] = [checkpoint, run].map(
      ({ settings }) => JSON.stringify(settings[name]) ?? "not set",
    );
    if (there !== here)
      fail(`run: "${name}" was ${there} there and is ${here} here; go on with the same, or begin anew`);
  }
}

/**
 * A digest of what a checkpoint does not hold of a network: its layers, and the weights that are not trained.
 *
 * @param state - the tensors that a checkpoint holds
 */
export function networkFingerprint(network: Graph, state: ReadonlyMap<string, Tensor>): string {
  const hash = builtin("node:crypto").createHash("sha256");
  const plain = (_: string, value: unknown): unknown =>
    value instanceof Uint8Array ? Buffer.from(value).toString("base64") : value;
  for (const { op, domain, inputs, outputs, attrs } of network.nodes) {
    const sorted = Object.entries(attrs).sort(([a], [b]) => (a < b ? -1 : 1));
    hash.update(JSON.stringify([op, domain, inputs, outputs, sorted], plain));
  }
  for (const [name, { dtype, dims, bytes }] of [...network.initializers].sort(([a], [b]) =>
    a < b ? -1 : 1,
  )) {
    hash.update(JSON.stringify([name, dtype, dims]));
    if (!state.has(name)) hash.update(bytes);
  }
  return hash.digest("hex");
}

/** Removes what a killed process has left of a file that it was writing. */
export async function removeUnfinished(path: string): Promise<void> {
  const { readdir, rm } = builtin("node:fs/promises");
  const paths = builtin("node:path");
  const folder = paths.dirname(path);
  const start = `${paths.basename(path)}.`;
  for (const name of await readdir(folder))
    if (name.startsWith(start) && name.endsWith(".tmp")) await rm(paths.join(folder, name), { force: true });
}
