/** @file Numbers as the demo writes them, and what they say, whichever way they come out. */

/** A difference of mAUC that is large, and one that is none. */
const [LARGE, NONE] = [0.05, 0.005];
/** Other random weights change the Dice by about so much. */
const CHANCE = 0.03;

/**
 * @param {Readonly<Record<"acs" | "flat" | "random", number>>} auc - mAUC of ACS pretrained, 2.5D pretrained, ACS random
 */
export const aucFinding = ({ acs, flat, random }) =>
  `What was learnt in 2D, read in three planes, shows shapes ` +
  `${compared(acs, random)} random weights do, and ${compared(acs, flat)} slice by slice.`;

/**
 * @param {number} one
 * @param {number} other
 */
function compared(one, other) {
  const difference = Math.abs(one - other);
  if (difference < NONE) return "no better or worse than";
  return `${difference > LARGE ? "much" : "a little"} ${one > other ? "better" : "worse"} than`;
}

/**
 * @param {number} pretrained - Dice, mean of the classes
 * @param {number} random
 */
export function diceFinding(pretrained, random) {
  const points = (100 * Math.abs(pretrained - random)).toFixed(0);
  if (pretrained - random > CHANCE)
    return `With the same few examples and steps, the pretrained network is ahead by ${points} points of Dice.`;
  if (random - pretrained > CHANCE)
    return `This time pretraining did not help: the network from random weights is ahead by ${points} points of Dice.`;
  return "This time there is no clear difference between the two.";
}

/** @param {number} part - of 1 */
export const percent = (part) => `${(100 * part).toFixed(1)} %`;

/** @param {number} count */
export const number = (count) => count.toLocaleString("en");
