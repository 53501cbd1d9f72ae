/**
 * @file Makes what test/zoo.slow.test.ts and test/gradients.slow.test.ts compare with: networks exported, lifted and
 * differentiated by PyTorch (`oracle/`).
 *
 *   node scripts/zoo.mjs          the networks of CI: every family of operators, 3 GB
 *   node scripts/zoo.mjs --all    all of them: 12 GB
 *
 * Once: they are kept under node_modules/.cache until the scripts that made them change. With ZOO set to a folder of
 * exports nothing is made. PYTHON names an interpreter with PyTorch; by default Debian's.
 */

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const oracle = join(root, "oracle");
const cache = join(root, "node_modules/.cache/acsconv");
const python = process.env.PYTHON ?? "/usr/bin/python3";

/** Small enough for both operator sets, each static and dynamic. */
const SMALL =
  `resnet18 densenet121 mobilenet_v2 mobilenet_v3_large shufflenet_v2_x1_0 squeezenet1_1 googlenet mnasnet1_0
  efficientnet_b0 regnet_y_400mf lraspp_mobilenet_v3_large deeplabv3_mobilenet_v3_large poc_unet unet_convtranspose_k2s2
  unet_convtranspose_k3s2p1op1 unet_convtranspose_k4s2p1 unet_upsample_bilinear unet_interpolate_bilinear
  unet_interpolate_align_corners unet_interpolate_nearest unet_interpolate_bicubic unet_pad unet_crop group_norm
  instance_norm pixel_shuffle pixel_unshuffle prelu non_local local_response_norm coord_constant layer_norm_chw
  coordinate_attention coord_ramp`.split(/\s+/);
/** What only larger networks have: flattened heads, LayerNormalization, kernels 1×7, wide groups, windows. */
const LARGE = ["alexnet", "convnext_tiny", "inception_v3", "resnext50_32x4d", "swin_t"];

/** What the exports depend on. */
const SOURCES = ["acs", "export_zoo", "functional3d", "lift_zoo", "nets", "weights"];

/** What the gradients depend on. */
const GRADIENT_SOURCES = ["acs", "functional3d", "grad_modules", "grad_zoo", "nets", "weights"];

const cached = (name, sources) => {
  const hash = createHash("sha256");
  for (const file of sources) hash.update(readFileSync(join(oracle, `${file}.py`)));
  return join(cache, `${name}-${hash.digest("hex").slice(0, 12)}`);
};

/** Where the exports are. */
export const zooFolder = () => process.env.ZOO ?? cached("zoo", SOURCES);

/** Where the gradients are. */
export const gradientsFolder = () =>
  process.env.ZOO ? join(process.env.ZOO, "gradients") : cached("gradients", GRADIENT_SOURCES);

/** The manifest's entries, none where nothing has been exported. */
export function zooEntries() {
  const path = join(zooFolder(), "manifest.json");
  return existsSync(path) ? JSON.parse(readFileSync(path, "utf8")) : [];
}

function make(all) {
  const [folder, gradients] = [zooFolder(), gradientsFolder()];
  mkdirSync(folder, { recursive: true });
  for (const other of readdirSync(cache)) {
    if (![folder, gradients].includes(join(cache, other))) rmSync(join(cache, other), { recursive: true });
  }
  const run = (script, args, out = folder) =>
    execFileSync(python, [join(oracle, script), "--out", out, ...args], { stdio: "inherit" });
  if (!existsSync(join(gradients, "manifest.json"))) run("grad_zoo.py", [], gradients);
  const missing = (names) => {
    const there = new Map(zooEntries().map((entry) => [entry.name, entry]));
    const lifted = (name) => !there.get(name).liftable || existsSync(join(folder, `${name}.3d.npz`));
    return names.filter((name) => !there.has(name) || !lifted(name));
  };
  for (const [names, ...options] of [[SMALL], [LARGE, "--opset", "17"]]) {
    const wanted = missing(names);
    if (wanted.length === 0 || all) continue;
    run("export_zoo.py", ["--only", ...wanted, ...options]);
    run("lift_zoo.py", ["--only", ...wanted]);
  }
  if (all) for (const script of ["export_zoo.py", "lift_zoo.py"]) run(script, []);
}

if (process.argv[1] === fileURLToPath(import.meta.url) && !process.env.ZOO)
  make(process.argv.includes("--all"));
