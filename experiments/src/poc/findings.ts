/**
 * @file What the paper says of its table, held against numbers: its own, and ours
 * by each protocol.
 *
 *   Dice   ACS p. > ACS r. ≈ 3D r. ≫ 2.5D
 *   mAUC   p. ≫ r., and ACS p. > 2.5D p.
 */

import type { ProtocolName, Scores, TableRow } from "./scores.ts";

/** From here on a difference is a large one. */
export const LARGE = 0.05;
/** Below, two numbers are about equal. */
export const SMALL = 0.01;

type Relation = "above" | "far above" | "about equal to";

interface Claim {
  readonly measure: "auc" | "dice";
  readonly first: string;
  readonly relation: Relation;
  readonly second: string;
}

const CLAIMS: readonly Claim[] = [
  { measure: "dice", first: "acs-p", relation: "above", second: "acs-r" },
  { measure: "dice", first: "acs-r", relation: "about equal to", second: "3d-r" },
  { measure: "dice", first: "3d-r", relation: "far above", second: "2.5d-p" },
  { measure: "dice", first: "acs-r", relation: "far above", second: "2.5d-p" },
  { measure: "auc", first: "acs-p", relation: "far above", second: "acs-r" },
  { measure: "auc", first: "2.5d-p", relation: "far above", second: "2.5d-r" },
  { measure: "auc", first: "acs-p", relation: "above", second: "2.5d-p" },
];

/** A claim, and two numbers that it is held against. */
export interface Comparison {
  readonly first: number;
  readonly second: number;
  readonly holds: boolean;
  /** Of how many seeds it holds, where there are several. */
  readonly seeds?: { readonly holding: number; readonly all: number };
}

/** What is missing is not known yet. */
export interface Finding {
  /** "Dice: ACS UNet p. above ACS UNet r." */
  readonly claim: string;
  readonly paper: Comparison;
  readonly published?: Comparison;
  readonly honest?: Comparison;
}

const HOLDS: Readonly<Record<Relation, (difference: number) => boolean>> = {
  above: (difference) => difference > 0,
  "far above": (difference) => difference >= LARGE,
  "about equal to": (difference) => Math.abs(difference) < SMALL,
};

/** Whether two rows were trained for as long, so that their overlaps can be compared. */
const isEven = (a: Scores, b: Scores): boolean =>
  a.standing.every(({ done }, i) => done === b.standing[i]!.done);

/** The claims about rows that the experiment has. */
export function findingsOf(rows: readonly TableRow[]): Finding[] {
  return CLAIMS.flatMap(({ measure, first, relation, second }) => {
    const [a, b] = [first, second].map((id) => rows.find((row) => row.id === id));
    if (!a?.paper || !b?.paper) return [];
    const compare = (x: number, y: number): Comparison => ({
      first: x,
      second: y,
      holds: HOLDS[relation](x - y),
    });
    const ours = (protocol: ProtocolName): Comparison | undefined => {
      const [x, y] = [a[protocol][measure], b[protocol][measure]];
      if (!x || !y || (measure === "dice" && !isEven(a[protocol], b[protocol]))) return undefined;
      const pairs = x.perSeed.flatMap((value, i) => {
        const other = y.perSeed[i] ?? null;
        return value === null || other === null ? [] : [compare(value, other)];
      });
      const holding = pairs.filter(({ holds }) => holds).length;
      return {
        ...compare(x.mean, y.mean),
        ...(pairs.length > 1 && { seeds: { holding, all: pairs.length } }),
      };
    };
    const [published, honest] = [ours("published"), ours("honest")];
    return [
      {
        claim: `${measure === "auc" ? "mAUC" : "Dice"}: ${a.label} ${relation} ${b.label}`,
        paper: compare(a.paper[measure], b.paper[measure]),
        ...(published && { published }),
        ...(honest && { honest }),
      },
    ];
  });
}

/** "5 of 7 come out, 1 does not, 1 cannot be said yet" */
export function verdictOf(findings: readonly Finding[], protocol: ProtocolName): string {
  const known = findings.flatMap((finding) => finding[protocol] ?? []);
  const holding = known.filter(({ holds }) => holds).length;
  const [failing, open] = [known.length - holding, findings.length - known.length];
  if (known.length === 0) return "nothing is known yet";
  if (holding === findings.length) return `all ${holding} come out`;
  return [
    `${holding} of ${findings.length} come out`,
    ...(failing > 0 ? [`${failing} do${failing === 1 ? "es" : ""} not`] : []),
    ...(open > 0 ? [`${open} cannot be said yet`] : []),
  ].join(", ");
}
