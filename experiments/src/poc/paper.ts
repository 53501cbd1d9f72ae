/**
 * @file What the authors report of the proof of concept, to stand beside what comes
 * out here. Parts of 1, where the paper prints per cent.
 *
 * @see Yang et al., arXiv:1911.10477, Table 3 and appendix B
 */

/** A row of Table 3. */
export interface PaperRow {
  /** Mean AUC of the features, without training in 3D. */
  readonly auc: number;
  readonly dice: number;
  readonly iou: number;
  /** Of the weights; the paper writes "Mb". */
  readonly megabytes: number;
}

/** Table 3, by the ids of our rows. */
export const TABLE_3: Readonly<Record<string, PaperRow>> = {
  "2.5d-r": { auc: 0.69, dice: 0.822, iou: 0.725, megabytes: 1.6 },
  "2.5d-p": { auc: 0.851, dice: 0.827, iou: 0.733, megabytes: 1.6 },
  "3d-r": { auc: 0.721, dice: 0.946, iou: 0.908, megabytes: 4.7 },
  "acs-r": { auc: 0.687, dice: 0.947, iou: 0.907, megabytes: 1.6 },
  "acs-p": { auc: 0.881, dice: 0.954, iou: 0.92, megabytes: 1.6 },
};

/** Of the 2D network (appendix B). */
export const DICE_2D = 0.9857;

/** What the authors' notebook holds as its output; it differs from their table. */
export const NOTEBOOK_AUC: Readonly<Record<string, number>> = { "acs-p": 0.8799, "acs-r": 0.7199 };
