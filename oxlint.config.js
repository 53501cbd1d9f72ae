/**
 * @file Typed linting, and the layout as a rule: folders stand in the order of the pipeline and
 * imports only point to earlier ones. The public face (index.ts, cli/) and tests may import all.
 */

import { defineConfig } from "oxlint";

const PIPELINE = [
  "base",
  "graph",
  "formats",
  "ops",
  "onnx",
  "passes",
  "lift",
  "grad",
  "compile",
  "run",
  "volume",
  "metrics",
  "model",
  "weights",
  "models",
  "data",
  "report",
  "train",
  "index",
  "cli",
];

/** The files of a stage by how deep they lie, and the way from there to other stages. */
const levels = (stage) => [
  { files: `src/${stage}.ts`, root: "\\./" },
  { files: `src/${stage}/*.ts`, root: "\\.\\./" },
  { files: `src/${stage}/*/*.ts`, root: "\\.\\./\\.\\./" },
];

/** What each stage may not import: every later one. */
const importDirection = PIPELINE.slice(0, PIPELINE.indexOf("index")).flatMap((stage, i) =>
  levels(stage).map(({ files, root }) => ({
    files: [files],
    rules: {
      "no-restricted-imports": [
        "error",
        {
          patterns: [
            {
              regex: `^${root}(${PIPELINE.slice(i + 1).join("|")})(/|\\.ts$)`,
              message: `"${stage}" comes earlier in the pipeline: ${PIPELINE.join(" → ")}.`,
            },
          ],
        },
      ],
    },
  })),
);

/** The experiments are users like any other. */
const publicOnly = {
  files: ["experiments/src/**/*.ts"],
  rules: {
    "no-restricted-imports": [
      "error",
      {
        patterns: [
          {
            regex: "^(\\.\\./)+(src|dist|test|demo)/|^#|^acsconv/(lift|model|ops)$",
            message:
              "Experiments import from acsconv's public entry points only; what these lack becomes public, or goes.",
          },
        ],
      },
    ],
  },
};

export default defineConfig({
  options: { typeAware: true },
  plugins: ["typescript", "unicorn", "oxc", "import", "promise", "vitest"],
  categories: { correctness: "error", suspicious: "error" },
  ignorePatterns: ["dist", "build", "assets", "src/onnx/onnx_pb.ts"],
  rules: {
    "typescript/no-explicit-any": "error",
    "typescript/no-floating-promises": "error",
    "typescript/no-misused-promises": "error",
    "typescript/only-throw-error": "error",
    "typescript/switch-exhaustiveness-check": ["error", { considerDefaultExhaustiveForUnions: true }],
    "typescript/no-deprecated": "error",
    "import/no-cycle": ["error", { ignoreTypes: false }],

    // tsc holds functions to their return types.
    "typescript/consistent-return": "off",
    // Tables and validated values are narrowed with `as`; what is forbidden is `any`.
    "typescript/no-unsafe-type-assertion": "off",
    // Numerical code: `new Array<number>(n)` and sorting or reversing fresh arrays in place are what is meant.
    "unicorn/no-new-array": "off",
    "unicorn/no-array-sort": "off",
    "unicorn/no-array-reverse": "off",
    "eslint/no-shadow": "off",
    // A small helper may stand beside the only code that uses it.
    "unicorn/consistent-function-scoping": "off",
    // Knows no conditions that are fixed for a loop but not for its function.
    "eslint/no-unmodified-loop-condition": "off",
    // Einsum equations and orientations are spread into letters; they are ASCII.
    "typescript/no-misused-spread": "off",
    // fast-check is imported as `fc`, as its documentation does.
    "import/no-named-as-default-member": "off",
    // Tables of cases decide what a test expects; fast-check's `assert` and helpers named expect… expect too.
    "vitest/no-conditional-expect": "off",
    // The second argument is the message.
    "vitest/valid-expect": ["error", { maxArgs: 2 }],
    "vitest/expect-expect": ["error", { assertFunctionNames: ["expect", "expect*", "fc.assert"] }],
  },
  overrides: [
    ...importDirection,
    publicOnly,
    { files: ["**/*.test.ts"], rules: { "no-restricted-imports": "off" } },
  ],
});
