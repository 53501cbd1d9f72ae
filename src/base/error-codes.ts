/**
 * @file The codes of all errors that acsconv raises on purpose, each with its meaning: what a program can act on, where
 * the message is for people. A code keeps its meaning from version to version.
 */

/** Codes and their meanings. Those of `lift` refuse an operator, and also begin its message. */
export const ERROR_CODES = {
  // What an error has that says no more than its kind.
  E_ARGUMENT: "an argument or a tensor does not fit",
  E_FORMAT: "a file is damaged, incomplete, or not what it claims to be",
  E_GRAPH: "a model breaks ONNX's rules",
  E_IO: "a file cannot be read or written",
  E_LIFT: "a 2D network has no 3D reading",
  E_RUNTIME: "a device, a session or a thread cannot do the work",
  E_TRAIN: "a network, a loss or a state cannot be trained with",

  // Files, arguments, memory.
  E_AMBIGUOUS: "a file or a repository holds several of what is wanted: say which",
  E_CHECKSUM: "a download is not the file that was expected",
  E_DEVICE: "a device that is not there, or cannot run the model",
  E_DISK_FULL: "the disk, or a quota of it, is full",
  E_DISPOSED: "a session that was disposed of",
  E_FEED: "a tensor of another element type or shape than the network's input",
  E_LIMIT: "something is larger than the limit that the message names",
  E_MEMORY: "something does not fit into memory",
  E_MISFIT: "a file of weights is of another network",
  E_NETWORK: "a server cannot be reached or does not answer as it should",
  E_NOT_A_FILE: "a folder or a device stands where a file is wanted, or a file where a folder is",
  E_NOT_FINITE: "a loss or a gradient that is infinite or not a number",
  E_NOT_FOUND: "there is no such file, folder or address",
  E_NOT_LIFTED: "a model that acsconv did not lift",
  E_OVERWRITE: "a file that is read would be replaced",
  E_PERMISSION: "a file or a server may not be used, or a disk is read-only",
  E_STATE: "a training state of another network, optimiser or choice of frozen parameters",
  E_TOO_SMALL: "a volume of which the network's strides leave nothing",
  E_UNKNOWN_NAME: "there is nothing of that name among those that the message lists",
  E_UNSAFE: "a file asks for what reading must not do, such as running code or leaving its folder",
  E_UNSUPPORTED: "a format, or something in a file, that acsconv does not know",

  // Refusals to lift a node.
  E_ARG_SPATIAL: "the position of an extremum along a spatial axis",
  E_AUTO_PAD: "automatic padding for an unknown size",
  E_AXES: "axes that are computed",
  E_AXIS_H: "work along height but not width, which could mean either of two axes in 3D",
  E_CONCAT_SPATIAL: "tensors joined along a spatial axis",
  E_CONST_CONCAT: "a constant per pixel joined to the image: it has no values for depth",
  E_CONST_TOKENS: "a constant per position of flattened pixels: it has no values for depth",
  E_DYNAMIC_WEIGHT: "a kernel that is computed from the image",
  E_EINSUM: "an equation that mixes spatial axes or does not name them",
  E_EXPAND: "sizes that are computed",
  E_FC_SPATIAL: "a fully connected layer over pixels that the chosen `fc` cannot read",
  E_GATHER: "indices into the image that are computed",
  E_GATHER_SPATIAL: "positions picked along a spatial axis",
  E_INPUT: "a node lacks an input",
  E_LAYER_NORM: "normalisation over height merged with other axes",
  E_LAYOUT: "an image laid out otherwise than the operator needs",
  E_MATMUL_PLANE: "a matrix product over the image plane",
  E_OPERATOR: "an operator without a 3D reading; its own name, as in E_GRIDSAMPLE, begins the message",
  E_PAD: "borders that are computed",
  E_PAD_SPATIAL: "borders of a merged axis",
  E_POOL_INDICES: "a pooling operator's indices",
  E_RESHAPE: "sizes that are computed",
  E_RESIZE: "a resize without a 3D reading",
  E_ROLE_MIX: "height of one tensor against another axis of the other",
  E_SHAPE: "sizes that could not be inferred",
  E_SHAPE_VALUE: "arithmetic with the image's height as a number",
  E_SLICE: "a range that is computed",
  E_SLICE_SPATIAL: "a part of a spatial axis",
  E_SPATIAL_SPLIT: "a reshape that parts or mixes spatial axes",
  E_SPLIT_SPATIAL: "a split of a spatial axis",
  E_TILE: "a repetition without a 3D reading",
  E_TRAINING: "a network that was exported for training",
  E_UNKNOWN_OP: "an operator that acsconv has no rule for",
} as const satisfies Readonly<Record<`E_${string}`, string>>;

/** The code of an error: what went wrong, for programs. */
export type ErrorCode = keyof typeof ERROR_CODES;
