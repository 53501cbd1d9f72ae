/** @file The public surface: what each entry point exports, and that every export says what it is. */

import { existsSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";

const root = new URL("../", import.meta.url);
const { exports } = JSON.parse(readFileSync(new URL("package.json", root), "utf8")) as {
  exports: Record<string, { types: string; default: string } | string>;
};

interface Export {
  readonly name: string;
  readonly isType: boolean;
  readonly file: URL;
}

/** Entry points only re-export, by name. */
function exportsOf(entry: URL): Export[] {
  const text = readFileSync(entry, "utf8").replace(/^\/\*\*[^]*?\*\/\n/, "");
  const lists = [...text.matchAll(/export (type )?\{([^}]*)\} from "([^"]+)";\n/g)];
  expect(text.replaceAll(/export (type )?\{[^}]*\} from "[^"]+";\n/g, "").trim()).toBe("");
  return lists.flatMap(([, allTypes, names, from]) =>
    names!
      .split(",")
      .map((name) => name.trim())
      .filter((name) => name !== "")
      .map((name) => ({
        name: name.replace(/^type /, ""),
        isType: allTypes !== undefined || name.startsWith("type "),
        file: new URL(from!, entry),
      })),
  );
}

const entries = Object.entries(exports).flatMap(([path, target]) =>
  typeof target === "string"
    ? []
    : [
        {
          path,
          target,
          source: new URL(target.default.replace("./dist/", "src/").replace(/\.js$/, ".ts"), root),
        },
      ],
);

/** What users can rely on: a change here is a change for them, and goes into CHANGELOG.md. */
const SURFACE: Readonly<Record<string, { values: string[]; types: string[] }>> = {
  ".": {
    values: [
      "AcsconvError",
      "ERROR_CODES",
      "LIFT_KINDS",
      "Model",
      "createSession",
      "defineConfig",
      "lift",
      "load",
      "predictVolume",
      "pretrained",
      "unlift",
    ],
    types: [
      "CaseResult",
      "CasesOptions",
      "CasesResult",
      "Device",
      "ErrorCode",
      "ErrorKind",
      "LabelledCase",
      "LiftKind",
      "LiftOptions",
      "LoadOptions",
      "ModelSource",
      "NodeReport",
      "Normalization",
      "PredictOptions",
      "PredictionKind",
      "PretrainedName",
      "RunOptions",
      "RunTensor",
      "RunTensors",
      "Scores",
      "Session",
      "SessionOptions",
      "Task",
      "TaskClasses",
      "TrainConfig",
      "View",
    ],
  },
  "./data": {
    values: [
      "CACHE_BYTES",
      "CaseStore",
      "HALVES",
      "IGNORED",
      "cropToRegion",
      "inTurn",
      "integer",
      "mapDataset",
      "normal",
      "openFolder",
      "patches",
      "randomCentreCrop",
      "randomFlip",
      "randomIntensity",
      "randomNoise",
      "randomRot90",
      "randomScale",
      "readCase",
      "seedFor",
      "shuffled",
      "sometimes",
      "splitCases",
      "uniform",
      "wholeScans",
    ],
    types: [
      "ArrayNames",
      "CaseFiles",
      "CaseOptions",
      "DataFolder",
      "Dataset",
      "Example",
      "Jitter",
      "LabelTable",
      "LabelledScan",
      "PatchOptions",
      "Random",
      "Range",
      "Region",
      "Split",
      "Transform",
    ],
  },
  "./graph": {
    values: [
      "SymbolicDim",
      "elementCount",
      "evaluateDim",
      "float",
      "floatAttr",
      "floatTensor",
      "floats",
      "int",
      "int64Tensor",
      "intAttr",
      "ints",
      "intsAttr",
      "nodeLabel",
      "numbersOf",
      "opsetOf",
      "str",
      "stringAttr",
      "symbol",
      "symbolsOf",
      "tensorAttr",
      "tensorOf",
    ],
    types: ["Attr", "Attrs", "DType", "Dim", "Graph", "Node", "Numbers", "Tensor", "ValueInfo", "ValueType"],
  },
  "./metrics": {
    values: [
      "METRIC_NAMES",
      "accuracy",
      "areaUnderCurve",
      "confusionMatrix",
      "createMetric",
      "dice",
      "dicePerCase",
      "iou",
      "rocAuc",
    ],
    types: [
      "ClassOptions",
      "DicePerCaseOptions",
      "ForegroundOptions",
      "Metric",
      "Prediction",
      "RocAucOptions",
      "Scores",
    ],
  },
  "./models": {
    values: [
      "ARCHITECTURES",
      "architecture",
      "classificationHead",
      "convnextBase",
      "convnextLarge",
      "convnextSmall",
      "convnextTiny",
      "deeplabV3PlusResnet101",
      "deeplabV3PlusResnet50",
      "deeplabV3Resnet101",
      "deeplabV3Resnet50",
      "densenet121",
      "densenet121Fcn",
      "densenet161",
      "densenet169",
      "densenet201",
      "denseunet2d",
      "efficientnetB0",
      "fcnResnet101",
      "fcnResnet50",
      "hDenseunet",
      "initialise",
      "med3d10",
      "med3d101",
      "med3d152",
      "med3d18",
      "med3d200",
      "med3d34",
      "med3d50",
      "mobilenetV2",
      "modelsGenesis",
      "pocUnet",
      "pretrained",
      "resnet101",
      "resnet152",
      "resnet18",
      "resnet18Fcn",
      "resnet34",
      "resnet50",
      "resnext101_32x8d",
      "resnext50_32x4d",
      "segmentationHead",
      "tapsOf",
      "unet",
      "vgg11",
      "vgg11Bn",
      "vgg13",
      "vgg13Bn",
      "vgg16",
      "vgg16Bn",
      "vgg16BnFcn",
      "vgg19",
      "vgg19Bn",
      "videoResnet101",
      "videoResnet152",
      "videoResnet18",
      "videoResnet200",
      "videoResnet34",
      "videoResnet50",
      "wideResnet101_2",
      "wideResnet50_2",
    ],
    types: [
      "Architecture",
      "ArchitectureOptions",
      "ClassificationHeadOptions",
      "ClassifierOptions",
      "DenseDesign",
      "DenseUnet2dOptions",
      "DensenetOptions",
      "FcnOptions",
      "HDenseunetOptions",
      "Initialisation",
      "InitialiseOptions",
      "Interpolation",
      "Med3dOptions",
      "ModelsGenesisOptions",
      "NetworkOptions",
      "PocUnetOptions",
      "PretrainedName",
      "ResnetOptions",
      "ResnetStrides",
      "SegmentationHeadOptions",
      "SegmenterOptions",
      "Stem",
      "UnetOptions",
      "VggOptions",
      "VideoResnetOptions",
    ],
  },
  "./report": {
    values: [
      "costsByKind",
      "encodePng",
      "formatTable",
      "greys",
      "grid",
      "heat",
      "labelPaint",
      "liftReport",
      "middleOfLabels",
      "montage",
      "renderLabels",
      "sizesFor",
      "sliceIndices",
      "slicePicture",
      "summarise",
    ],
    types: [
      "Elements",
      "KindCost",
      "LayerSummary",
      "LiftReport",
      "MontageOptions",
      "NetworkSummary",
      "NodeCost",
      "Overlay",
      "Rgb",
      "RgbImage",
      "Slice",
    ],
  },
  "./report/page": {
    values: ["reportPage"],
    types: ["Column", "ReportChart", "ReportGallery", "ReportPage", "ReportSection", "ReportTable"],
  },
  "./train": {
    values: [
      "Trainer",
      "TrainingSession",
      "adam",
      "adamW",
      "binaryCrossEntropy",
      "crossEntropy",
      "dice",
      "diceCrossEntropy",
      "evaluate",
      "focal",
      "learningRateFactor",
      "meanSquaredError",
      "parametersOf",
      "planTraining",
      "readLog",
      "replaceHead",
      "sgd",
      "train",
      "trainLog",
      "trainingStep",
    ],
    types: [
      "AdamOptions",
      "Best",
      "CaseSet",
      "CaseSets",
      "ClassOptions",
      "CrossEntropyOptions",
      "DiceOptions",
      "EvaluateOptions",
      "Feed",
      "FitOptions",
      "FitResult",
      "FocalOptions",
      "Loss",
      "Metrics",
      "Optimiser",
      "Parameter",
      "ParameterGroup",
      "PlanOptions",
      "RunConfig",
      "RunFolder",
      "Schedule",
      "SgdOptions",
      "StepOptions",
      "StepResult",
      "StepSettings",
      "TrainEvent",
      "TrainOptions",
      "TrainPlan",
      "TrainResult",
      "TrainerOptions",
      "TrainingBatch",
      "TrainingStep",
    ],
  },
  "./volume": {
    values: [
      "canReadVolume",
      "canWriteVolume",
      "checkVolume",
      "countNonFinite",
      "cropTo",
      "encodeNifti",
      "encodeNpz",
      "encodeNrrd",
      "encodeSegmentation",
      "gridWithSpacing",
      "indexOf",
      "isSegmentation",
      "orientationOf",
      "padTo",
      "plainGrid",
      "pointOf",
      "rasAffine",
      "readChannels",
      "readNpy",
      "readNpz",
      "readSegmentation",
      "readVolume",
      "reorient",
      "resample",
      "resampleLike",
      "sameGrid",
      "subgrid",
      "window",
      "withData",
      "writeSegmentation",
      "writeVolume",
      "zscore",
    ],
    types: [
      "Grid",
      "Interpolation",
      "Mat3",
      "ReadOptions",
      "ReadSegment",
      "Segment",
      "SegmentationOptions",
      "SegmentedVolume",
      "Vec3",
      "Volume",
      "VoxelType",
      "Voxels",
      "ZScoreOptions",
    ],
  },
  "./weights": {
    values: ["loadWeights", "pull", "readWeights", "transferred"],
    types: [
      "LoadReport",
      "LoadWeightsOptions",
      "Mismatch",
      "NameMap",
      "NameMapName",
      "NamePattern",
      "PullOptions",
      "Transfer",
      "WeightFile",
      "WeightFormat",
      "WeightSource",
    ],
  },
};

test("package.json names every entry point", () => {
  expect(entries.map(({ path }) => path).sort()).toEqual(Object.keys(SURFACE).sort());
  for (const { target, source } of entries) {
    expect(existsSync(source)).toBe(true);
    expect(target.types).toBe(target.default.replace(/\.js$/, ".d.ts"));
  }
});

describe.each(entries)("$path", ({ path, source }) => {
  const all = exportsOf(source);
  const namesOf = (isType: boolean): string[] =>
    all
      .filter((found) => found.isType === isType)
      .map(({ name }) => name)
      .sort();

  test("exports what is listed here", async () => {
    expect({ values: namesOf(false), types: namesOf(true) }).toEqual(SURFACE[path]);
    expect(Object.keys((await import(source.href)) as object).sort()).toEqual(namesOf(false));
  });

  test.each(all)("$name has a docstring", ({ name, file }) => {
    const declaration = `export (async |abstract )*(const|function|class|interface|type) ${name}\\b`;
    expect(readFileSync(file, "utf8")).toMatch(new RegExp(`\\*/\\n${declaration}`));
  });
});
