/** @file Which numbers of an experiment land where: protocols, seeds, classes, cost, and what the paper says of them. */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { madeUp, type MadeUp } from "../../test/poc-results.ts";
import { PAPER } from "./config.ts";
import { findingsOf, verdictOf } from "./findings.ts";
import { TABLE_3 } from "./paper.ts";
import { readResults } from "./results.ts";
import { resultsJson, tableOf, tableText } from "./table.ts";
import { budgetText, commandOf, isFinished } from "./words.ts";

const near = { rtol: 1e-12, atol: 0 };
const rowOf = (made: MadeUp, id: string) => tableOf(madeUp(made)).rows.find((row) => row.id === id)!;

/** A training whose honest Dice rises while the published one is best in the middle. */
const RUN = {
  epochs: [
    { dice: 0.1, published: 0.3 },
    { dice: 0.2, published: 0.9 },
    { dice: 0.4, published: 0.6 },
  ],
  nearest: 0.7,
  linear: 0.8,
};

describe("protocols", () => {
  const config = { epochs: 3 };

  test("as published is the best epoch and `nearest`, honest the last one and `linear`", () => {
    const { published, honest, paper } = rowOf({ config, runs: { "acs-p": [RUN] } }, "acs-p");
    expect([published.auc!.mean, published.dice!.mean, published.iou!.mean]).toBeAllClose(
      [0.7, 0.9, 0.45],
      near,
    );
    expect([honest.auc!.mean, honest.dice!.mean, honest.iou!.mean]).toBeAllClose([0.8, 0.4, 0.2], near);
    expect(published.standing).toEqual([{ seed: 0, done: 3, epoch: 2 }]);
    expect(honest.standing).toEqual([{ seed: 0, done: 3, epoch: 3 }]);
    expect(paper).toBe(TABLE_3["acs-p"]);
  });

  test("the 3D network's are of two trainings", () => {
    const runs = { "3d-r": [RUN], "3d-r-default": [{ ...RUN, epochs: [{ dice: 0.5, published: 0.95 }] }] };
    const { published, honest } = rowOf({ config, runs }, "3d-r");
    expect(published.dice!.mean).toBe(0.9);
    expect(honest.dice!.mean).toBe(0.5);
    expect(honest.standing).toEqual([{ seed: 0, done: 1, epoch: 1 }]);
  });

  test("epochs that were not tested, and what is not finite, are no numbers", () => {
    const run = { epochs: [{ dice: NaN, published: NaN }, { dice: 0.2, published: 0.4 }, {}] };
    const { published, honest } = rowOf({ config, runs: { "acs-p": [run] } }, "acs-p");
    expect(honest.dice!.mean).toBe(0.2);
    expect(honest.standing).toEqual([{ seed: 0, done: 3, epoch: 2 }]);
    expect(published.dice!.mean).toBe(0.4);
    const nothing = rowOf(
      { config, runs: { "acs-p": [{ epochs: [{ dice: NaN, published: NaN }] }] } },
      "acs-p",
    );
    expect(nothing.honest.dice).toBeUndefined();
    expect(nothing.published.standing).toEqual([{ seed: 0, done: 1 }]);
  });

  test("over seeds: mean, and the sample's standard deviation of two or more", () => {
    const seeds = [3, 5, 8];
    const run = (dice: number) => ({ epochs: [{ dice, published: 1 - dice }] });
    const two = rowOf(
      { config: { seeds }, runs: { "acs-p": [run(0.9), { epochs: [] }, run(0.8)] } },
      "acs-p",
    );
    expect(two.honest.dice!.perSeed).toEqual([0.9, null, 0.8]);
    expect([two.honest.dice!.mean, two.honest.dice!.std!]).toBeAllClose([0.85, Math.hypot(0.05, 0.05)], near);
    expect([two.published.dice!.mean, two.published.dice!.std!]).toBeAllClose(
      [0.15, Math.hypot(0.05, 0.05)],
      {
        rtol: 1e-9,
        atol: 0,
      },
    );
    const one = rowOf({ config: { seeds }, runs: { "acs-p": [run(0.9)] } }, "acs-p");
    expect(one.honest.dice).toEqual({ perSeed: [0.9, null, null], mean: 0.9 });
  });

  test("classes are those of the honest epoch; the 2D network has its own", () => {
    const { classes, pretraining } = tableOf(
      madeUp({ config, runs: { "acs-p": [RUN] }, pretraining: { epochs: [{ dice: 0.6, published: 0.7 }] } }),
    );
    const { dice, iou } = classes.find(({ label }) => label === "ACS UNet p.")!;
    expect(Object.keys(dice)).toEqual(["cone", "pyramid", "cube", "cylinder", "ball"]);
    expect(dice["ball"]!.mean).toBeCloseTo(0.4 + 0.04, 12);
    expect(iou["cone"]!.mean).toBeCloseTo(0.2, 12);
    expect(Object.keys(pretraining.dice)).toEqual(["square", "circle"]);
    expect([pretraining.published.dice!.mean, pretraining.honest.dice!.mean]).toEqual([0.7, 0.6]);
    expect(pretraining.paper.dice).toBe(0.9857);
  });

  test("cost: means over seeds, the most memory, every machine once; size in the table", () => {
    const facts = { parameters: 389_286, bytes: 1_557_144, secondsPerStep: 4, secondsPerExample: 1, peakBytes: 2e9, machine: "A" }; // prettier-ignore
    const more = { ...facts, secondsPerStep: 6, secondsPerExample: 2, peakBytes: 3e9, machine: "B" };
    const made = {
      config: { seeds: [0, 1] },
      runs: {
        "acs-p": [
          { epochs: [], facts },
          { epochs: [], facts: more },
        ],
      },
    };
    const { costs } = tableOf(madeUp(made));
    expect(costs).toEqual([
      { label: "ACS UNet p.", secondsPerStep: 5, secondsPerExample: 1.5, peakBytes: 3e9, parameters: 389_286, bytes: 1_557_144, machines: ["A", "B"] },
    ]); // prettier-ignore
    expect(rowOf(made, "acs-p").bytes).toBe(1_557_144);
    expect(rowOf(made, "acs-r").bytes).toBeUndefined();
  });
});

describe("in words", () => {
  const done = (epochs: number) => ({
    epochs: Array.from({ length: epochs }, () => ({ dice: 0.5, published: 0.5 })),
  });
  const all = (epochs: number) =>
    Object.fromEntries(
      ["2.5d-r", "2.5d-p", "3d-r", "3d-r-default", "acs-r", "acs-p"].map((id) => [id, [done(epochs)]]),
    );

  test("the budget, and what is not finished", () => {
    const config = { epochs: 10, testEvery: 5, volumes: 300 };
    const finished = madeUp({ config, runs: all(10), pretraining: done(10) });
    expect(budgetText(finished)).toBe(
      "10 of the paper's 50 epochs, the paper's 10,000 2D images, 300 training volumes (the paper: 100), " +
        "the paper's 200 test volumes, seed 0, tested every 5 epochs",
    );
    expect(isFinished(finished)).toBe(true);
    const going = madeUp({
      config,
      runs: { ...all(10), "acs-p": [done(3)], "3d-r": [] },
      pretraining: done(10),
    });
    expect(isFinished(going)).toBe(false);
    expect(budgetText(going)).toMatch(
      /\. Not finished: 3D UNet r\. \(kaiming weights\) \(not begun\), ACS UNet p\. \(3 of 10 epochs\)$/,
    );
  });

  test("the command names what is not as in the paper", () => {
    expect(commandOf(PAPER)).toBe("npm run experiment -- poc -o poc");
    expect(commandOf({ ...PAPER, epochs: 5, seeds: [0, 1], testVolumes: 20 })).toBe(
      "npm run experiment -- poc -o poc \\\n  --epochs 5 \\\n  --seeds 0,1 \\\n  --test-volumes 20",
    );
  });

  test("the terminal's table keeps protocols apart", () => {
    const text = tableText(madeUp({ config: { epochs: 4 }, runs: { "acs-p": [RUN] } }));
    const [published, honest] = text.split("Honest: ");
    expect(published).toMatch(/^ACS UNet p\. +70\.0 +90\.0 +45\.0 +2 \(of 3 so far\) +88\.1 +95\.4 +92\.0$/m);
    expect(honest).toMatch(/^ACS UNet p\. +80\.0 +40\.0 +20\.0 +3 of 4$/m);
    expect(published).toMatch(/^ACS UNet r\. +– +– +– +– +68\.7/m);
  });
});

describe("what the paper says", () => {
  /** Trainings that end with these Dice and mAUC, by both protocols. */
  const results = (
    values: Readonly<Record<string, readonly (readonly [dice: number, auc: number])[]>>,
    seeds = [0],
  ) =>
    madeUp({
      config: { epochs: 1, seeds },
      runs: Object.fromEntries(
        Object.entries(values).map(([id, runs]) => [
          id,
          runs.map(([dice, auc]) => ({ epochs: [{ dice, published: dice }], nearest: auc, linear: auc })),
        ]),
      ),
    });
  const asThePaper = {
    "2.5d-r": [[0.822, 0.69]],
    "2.5d-p": [[0.827, 0.851]],
    "3d-r": [[0.946, 0.721]],
    "3d-r-default": [[0.946, 0.721]],
    "acs-r": [[0.947, 0.687]],
    "acs-p": [[0.954, 0.881]],
  } as const;
  const found = (values: Parameters<typeof results>[0], seeds?: number[]) =>
    findingsOf(tableOf(results(values, seeds)).rows);

  test("the paper's own numbers bear it out, and so do ours when they are the same", () => {
    const findings = found(asThePaper);
    expect(findings.map(({ paper }) => paper.holds)).toEqual(Array(7).fill(true));
    expect(verdictOf(findings, "published")).toBe("all 7 come out");
    expect(verdictOf(findings, "honest")).toBe("all 7 come out");
  });

  test("another order is said", () => {
    const findings = found({ ...asThePaper, "acs-p": [[0.94, 0.881]], "3d-r-default": [[0.8, 0.7]] });
    const holds = (claim: string) => findings.find((finding) => finding.claim === claim)!;
    expect(holds("Dice: ACS UNet p. above ACS UNet r.").honest!.holds).toBe(false);
    // The 3D network of the honest protocol is another one.
    expect(holds("Dice: ACS UNet r. about equal to 3D UNet r.").honest!.holds).toBe(false);
    expect(holds("Dice: ACS UNet r. about equal to 3D UNet r.").published!.holds).toBe(true);
    expect(holds("mAUC: ACS UNet p. far above ACS UNet r.").honest!.holds).toBe(true);
    expect(verdictOf(findings, "honest")).toBe("4 of 7 come out, 3 do not");
    expect(verdictOf(findings, "published")).toBe("6 of 7 come out, 1 does not");
  });

  test("what is not known is not claimed", () => {
    const findings = found({ "acs-p": asThePaper["acs-p"], "acs-r": asThePaper["acs-r"] });
    expect(verdictOf(findings, "honest")).toBe("2 of 7 come out, 5 cannot be said yet");
    expect(verdictOf(found({}), "honest")).toBe("nothing is known yet");
    // One of them has been trained for longer.
    const epoch = { dice: 0.9, published: 0.9 };
    const uneven = { "acs-p": [{ epochs: [epoch, epoch] }], "acs-r": [{ epochs: [epoch] }] };
    const [first] = findingsOf(tableOf(madeUp({ runs: uneven })).rows);
    expect(first).toMatchObject({ claim: "Dice: ACS UNet p. above ACS UNet r.", paper: { holds: true } });
    expect(first).not.toHaveProperty("honest");
    const some = madeUp({ config: { models: ["acs-p", "mean-acs-p"] }, runs: {} });
    expect(findingsOf(tableOf(some).rows)).toEqual([]);
  });

  test("seeds are counted one by one", () => {
    const seeds = { ...asThePaper, "acs-r": [[0.9, 0.6], [0.9, 0.6]], "acs-p": [[0.89, 0.9], [0.93, 0.9]] } as const; // prettier-ignore
    const [first] = found(seeds, [0, 1]);
    expect(first!.honest).toMatchObject({ holds: true, seeds: { holding: 1, all: 2 } });
  });
});

test("results.json holds tables, findings and what they were made from", () => {
  const json = JSON.parse(JSON.stringify(resultsJson(madeUp({ runs: { "acs-p": [RUN] } })))) as Record<
    string,
    unknown
  >;
  expect(Object.keys(json)).toEqual([
    "table",
    "findings",
    "notebookAuc",
    "config",
    "pretraining",
    "trainings",
  ]);
});

test("a folder that has just been begun reads as an experiment without numbers", () => {
  const out = mkdtempSync(join(tmpdir(), "acsconv-poc-"));
  try {
    mkdirSync(join(out, "acs-p/seed-0"), { recursive: true });
    const epoch = { type: "epoch", epoch: 1, step: 2, loss: 0.5, metrics: {}, best: true, seconds: 1 };
    const tested = { ...epoch, epoch: 2, metrics: { dice: 0.25 } };
    writeFileSync(
      join(out, "acs-p/seed-0/log.jsonl"),
      `${JSON.stringify(epoch)}\n${JSON.stringify(tested)}\n{"type`,
    );
    const { pretraining, trainings } = readResults(out, PAPER);
    expect(pretraining).toEqual({ seed: 0, epochs: [] });
    expect(trainings.map(({ id, label }) => [id, label])).toEqual([
      ["2.5d-r", "2.5D UNet r."],
      ["2.5d-p", "2.5D UNet p."],
      ["3d-r", "3D UNet r. (kaiming weights)"],
      ["3d-r-default", "3D UNet r. (default weights)"],
      ["acs-r", "ACS UNet r."],
      ["acs-p", "ACS UNet p."],
    ]);
    expect(trainings.at(-1)!.runs).toEqual([
      { seed: 0, epochs: [{ epoch: 1, loss: 0.5 }, { epoch: 2, loss: 0.5, metrics: { dice: 0.25 } }] },
    ]); // prettier-ignore
  } finally {
    rmSync(out, { recursive: true });
  }
});
