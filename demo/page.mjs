/** @file The demo's report: what was done, what came out, and how it looks. */

import { reportPage } from "acsconv/report/page";
import { percent } from "./words.mjs";

/** @import { ReportGallery } from "acsconv/report/page" */

/** @typedef {readonly (readonly string[])[]} Rows */

/**
 * @param {object} found
 * @param {readonly string[]} found.facts
 * @param {number} found.dice2d - of the 2D network
 * @param {{ readonly rows: Rows, readonly words: string }} found.auc
 * @param {object} found.training
 * @param {number} found.training.volumes
 * @param {number} found.training.shapes
 * @param {readonly (readonly { x: number, y: number }[])[]} found.training.rounds - loss of p. and r., of each round
 * @param {{ readonly volumes: number, readonly rows: Rows, readonly words: string }} found.dice
 * @param {readonly string[]} found.labels
 * @param {readonly ReportGallery[]} found.galleries
 * @returns the text of an HTML file
 */
export function page({ facts, dice2d, auc, training, dice, labels, galleries }) {
  const [p, r] = training.rounds;
  return reportPage({
    title: "A 2D network, lifted to 3D",
    facts,
    sections: [
      {
        title: "What was done",
        text: [
          `A network that was trained on noisy 2D images finds squares and circles; on new ones its Dice, the overlap ` +
            `with what is there, is ${percent(dice2d)}. ACS convolutions read its very weights in three dimensions: a third ` +
            `of each layer's channels in each of the three planes.`,
          `Then it was fine-tuned on ${training.shapes} shapes from ${training.volumes} noisy volumes, in ${p.length} rounds, to ` +
            `tell cones, pyramids, cubes, cylinders and balls apart (p.). Beside it, the same network from random ` +
            `weights had the same training (r.).`,
        ],
      },
      {
        title: "Before any training in 3D",
        text: [
          "How well each of its 32 feature maps tells shapes from background: the mean area under their ROC curves " +
            `(mAUC), where 0.5 is guessing and 1 is perfect. ${auc.words}`,
        ],
        tables: [{ columns: [{ title: "" }, { title: "mAUC", isNumber: true }], rows: auc.rows }],
      },
      {
        title: "Fine-tuning",
        text: [`Dice on ${dice.volumes} volumes that neither network has seen. ${dice.words}`],
        charts: [
          {
            title: "Loss (soft Dice), mean of each round",
            xLabel: "round",
            lines: [
              { label: "pretrained (p.)", points: p },
              { label: "random (r.)", points: r },
            ],
          },
        ],
        tables: [
          {
            columns: [{ title: "Dice" }, { title: "p.", isNumber: true }, { title: "r.", isNumber: true }],
            rows: dice.rows,
          },
        ],
      },
      { title: "What they see", labels, galleries },
    ],
  });
}
