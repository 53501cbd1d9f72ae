/**
 * @file The stages of the proof of concept: the 2D network, then for every 3D network what its features are
 * worth before training, and its training.
 */

import { existsSync } from "node:fs";
import { join } from "node:path";
import { type Model, load } from "acsconv";
import { makeFolder, writeJson } from "../files.ts";
import { type Stage, trainingStage } from "../stages.ts";
import { DATA_SEED, type PocConfig } from "./config.ts";
import { samples3d } from "./data.ts";
import { meanAuc } from "./features.ts";
import { type FeatureResult, PRETRAINING, folders, labelOf, rowsOf, runName } from "./results.ts";
import { type Run, networkOf, runsOf } from "./runs.ts";
import { pretraining, training } from "./train.ts";

/** Of the folder `out`, in the order in which they have to run. */
export function stagesOf(out: string, config: PocConfig): Stage[] {
  const runs = runsOf(rowsOf(config));
  const seeded = runs.flatMap((run) => config.seeds.map((seed) => ({ run, seed })));
  const first = trainingStage(
    out,
    { name: PRETRAINING, title: "2D UNet", testExamples: config.testImages },
    (folder) => pretraining(config, folder),
  );
  return [
    first,
    ...seeded.map(({ run, seed }) => featureStage(out, config, run, seed)),
    ...seeded.map(({ run, seed }) =>
      trainingStage(
        out,
        { name: runName(run.id, seed), title: titleOf(run, seed), testExamples: config.testVolumes },
        async (folder) => training(config, networkOf(run, seed, await pretrainedIn(out)), seed, folder),
      ),
    ),
  ];
}

const titleOf = (run: Run, seed: number): string => `${labelOf(run)}, seed ${seed}`;

const pretrainedIn = (out: string): Promise<Model> => load(join(folders.pretraining(out), "model.onnx"));

function featureStage(out: string, config: PocConfig, run: Run, seed: number): Stage {
  const folder = folders.run(out, run.id, seed);
  const path = join(folder, "features.json");
  return {
    name: `${runName(run.id, seed)}/features`,
    title: `mAUC without training: ${titleOf(run, seed)}`,
    isDone: existsSync(path),
    isTraining: false,
    async work({ signal, onProgress }) {
      makeFolder(folder);
      const source = await pretrainedIn(out);
      const samples = samples3d({ part: "test", seed: DATA_SEED, rotate: config.rotate });
      const measure = async (interpolation: "nearest" | "linear", half: 0 | 1) => {
        const network = networkOf(run, seed, source, { output: "features", interpolation });
        return meanAuc(network, samples, config.testVolumes, {
          signal,
          onProgress: (done, total) => onProgress(half * total + done, 2 * total),
        });
      };
      const nearest = await measure("nearest", 0);
      writeJson(path, { nearest, linear: await measure("linear", 1) } satisfies FeatureResult);
    },
  };
}
