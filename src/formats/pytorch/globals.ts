/**
 * @file The names that a checkpoint may use, and what each stands for here. A name that is not in this
 * list ends reading: the list is what makes reading safe, so what is in it only ever makes data.
 *
 * Beside PyTorch's own it has what published checkpoints keep next to their weights: options, numbers
 * and arrays of NumPy, dates, paths, settings of training frameworks.
 */

import { type DType, dtypeBy, DTYPES } from "../../base/dtypes.ts";
import { elementCount, numbersOf } from "../../graph/tensor.ts";
import type { Fail } from "../foreign.ts";
import {
  encoded,
  isBytes,
  isSize,
  itemsOf,
  LatinBytes,
  lengthOf,
  Named,
  NumpyArray,
  NumpyType,
  PyDict,
  PyList,
  PyObject,
  PyTuple,
  sizesOf,
  Storage,
  TensorView,
  textOf,
  type Value,
} from "./values.ts";

export type Persistent = (id: Value) => Value;
/** Makes a value of arguments, as the Python function of that name would. */
type Constructor = (args: readonly Value[], fail: Fail) => Value;

/** The element type of `torch.float32`, if it is one. */
const elementTypeOf = (name: string): DType | undefined => {
  const [, torch] = /^torch\.(\w+)$/.exec(name) ?? [];
  return torch === undefined ? undefined : dtypeBy("torch", torch);
};

/** The element type of `torch.FloatStorage`, if it is one; storages without a type hold bytes. */
const storageType = (name: string): DType | undefined => {
  const [, kind] = /^torch\.(\w+)Storage$/.exec(name) ?? [];
  if (kind === undefined || kind === "Untyped") return UNTYPED.includes(name) ? "uint8" : undefined;
  return dtypeBy("storage", kind);
};
const UNTYPED = ["torch.UntypedStorage", "torch.storage.UntypedStorage", "torch.storage._UntypedStorage"];

/** Classes of which nothing but the name is kept, also not of their objects. */
const OPAQUE: ReadonlySet<string> = new Set([
  ...within("torch", "Tensor"),
  ...within("numpy", "ndarray"),
  ...within("datetime", "date datetime time timedelta timezone"),
  ...within("pathlib", "Path PosixPath PurePosixPath PureWindowsPath WindowsPath"),
  ...within("pathlib._local", "PosixPath WindowsPath"),
  ...within("typing", "Any"),
  ...within("uuid", "UUID"),
  ...within("pytorch_lightning.callbacks.early_stopping", "EarlyStopping"),
  ...within("pytorch_lightning.callbacks.lr_monitor", "LearningRateMonitor"),
  ...within("pytorch_lightning.callbacks.model_checkpoint", "ModelCheckpoint"),
  ...within("omegaconf.base", "ContainerMetadata Metadata"),
  ...within("omegaconf.dictconfig", "DictConfig"),
  ...within("omegaconf.listconfig", "ListConfig"),
  ...within("omegaconf.nodes", "AnyNode"),
]);

/** The full names of a module's members. */
function within(module: string, names: string): string[] {
  return names.split(" ").map((name) => `${module}.${name}`);
}

/** Python 2 gives the pairs of an OrderedDict as an argument, `Counter` gives its dict. */
const dictOf: Constructor = ([base]) => {
  const dict = new PyDict();
  dict.base = base ?? null;
  return dict;
};
const emptyDict: Constructor = () => new PyDict();
const emptyObject: Constructor = () => new PyObject();
const tupleOf: Constructor = ([items]) => new PyTuple(itemsOf(items) ?? []);
/** What a list is made of is not changed any more: it can be shared. */
const listOf: Constructor = ([items]) => new PyList(items instanceof PyList ? items.items : []);
const firstOf: Constructor = (args, fail) =>
  args[0] ?? fail("is damaged: an argument is missing in its pickle");

/** (storage, offset, sizes, strides, requires_grad, hooks[, dtype]) */
function tensorOf([storage, offset, sizes, strides, , , type]: readonly Value[], fail: Fail): TensorView {
  const dims = sizesOf(sizes);
  const steps = sizesOf(strides);
  if (!(storage instanceof Storage) || !isSize(offset) || !dims || dims.length !== steps?.length)
    return fail("is damaged: a tensor in it lacks a storage, an offset, sizes or strides");
  const dtype = type instanceof Named ? elementTypeOf(type.name) : undefined;
  const view = { storage, dtype: dtype ?? storage.dtype, dims, strides: steps, offset };
  return checked({ ...view, bigEndian: false }, fail);
}

/** A view all of whose elements are in its storage. */
function checked(view: ConstructorParameters<typeof TensorView>[0], fail: Fail): TensorView {
  const { storage, dims, strides, offset, dtype } = view;
  const last = dims.reduce((sum, size, axis) => sum + (size - 1) * strides[axis]!, offset);
  const end = dims.includes(0) ? 0 : (last + 1) * (DTYPES[dtype].bits / 8);
  if (!(end <= storage.byteLength))
    fail(
      `is damaged: a tensor [${dims.join(", ")}] with strides [${strides.join(", ")}] from ${offset} goes beyond its storage of ${storage.count} elements`,
    );
  return new TensorView(view);
}

/** (function, type, arguments, state): tensors of a subclass, or with attributes of their own. */
const tensorOfType: Constructor = ([rebuild, , args], fail) => {
  if (!(rebuild instanceof Named) || !rebuild.name.startsWith("torch._utils."))
    return fail("is damaged: a tensor of a subclass is not made of a tensor");
  return call(rebuild, itemsOf(args) ?? [], fail);
};

const bytesOfText: Constructor = ([text, encoding], fail) => {
  if (typeof text !== "string" || !["latin1", "latin-1"].includes(textOf(encoding) ?? ""))
    return fail("is damaged: bytes in it are not written as latin1");
  return new LatinBytes(text);
};

const numpyType: Constructor = ([code], fail) =>
  new NumpyType(textOf(code) ?? fail("is damaged: an element type of NumPy has no name"));

const dtypeOf = ({ code }: NumpyType): DType | undefined => dtypeBy("numpy", code);

/** (type, bytes): a number where it is one, otherwise a name. */
const numpyScalar: Constructor = ([type, bytes]) => {
  const dtype = type instanceof NumpyType && !type.bigEndian ? dtypeOf(type) : undefined;
  const width = dtype && !dtype.startsWith("complex") ? DTYPES[dtype].bits / 8 : undefined;
  if (!dtype || !isBytes(bytes) || lengthOf(bytes) !== width) return new Named("numpy.generic");
  return numbersOf({ dtype, dims: [], bytes: encoded(bytes) })[0]!;
};

/** (bytes, type, sizes, order) of arrays since protocol 5. */
const numpyFromBuffer: Constructor = ([bytes, type, sizes, order], fail) => {
  const array = new NumpyArray();
  setArray(array, [1, sizes ?? null, type ?? null, textOf(order) === "F", bytes ?? null], fail);
  return array;
};

/** (version, sizes, type, Fortran order, bytes) */
function setArray(array: NumpyArray, state: readonly Value[], fail: Fail): void {
  const [, sizes, type, fortran, bytes] = state;
  const dims = sizesOf(sizes);
  if (!(type instanceof NumpyType) || !dims)
    return fail("is damaged: an array of NumPy in it lacks sizes or a type");
  const dtype = dtypeOf(type);
  if (!dtype || !isBytes(bytes)) return;
  const strides = dims.map((_, axis) =>
    elementCount(fortran === true ? dims.slice(0, axis) : dims.slice(axis + 1)),
  );
  const count = Math.floor(lengthOf(bytes) / (DTYPES[dtype].bits / 8));
  const storage = new Storage("", dtype, count, 0, bytes);
  array.view = checked({ storage, dtype, dims, strides, offset: 0, bigEndian: type.bigEndian }, fail);
}

const CONSTRUCTORS: Readonly<Record<string, Constructor>> = {
  "torch._utils._rebuild_tensor": tensorOf,
  "torch._utils._rebuild_tensor_v2": (args, fail) => tensorOf(args.slice(0, 4), fail),
  "torch._utils._rebuild_tensor_v3": tensorOf,
  "torch._utils._rebuild_parameter": firstOf,
  "torch._utils._rebuild_parameter_with_state": firstOf,
  "torch._tensor._rebuild_from_type_v2": tensorOfType,
  "torch.nn.parameter.Parameter": firstOf,
  "torch.nn.parameter.Buffer": firstOf,
  "torch.Size": tupleOf,
  "torch.device": firstOf,
  "collections.OrderedDict": dictOf,
  "collections.defaultdict": emptyDict,
  "collections.Counter": dictOf,
  "collections.deque": listOf,
  "_codecs.encode": bytesOfText,
  "numpy.dtype": numpyType,
  ...Object.fromEntries(
    ["numpy.core", "numpy._core"].flatMap((core) => [
      [`${core}.multiarray.scalar`, numpyScalar],
      [`${core}.multiarray._reconstruct`, () => new NumpyArray()],
      [`${core}.numeric._frombuffer`, numpyFromBuffer],
    ]),
  ),
  ...Object.fromEntries(
    ["builtins", "__builtin__"].flatMap((module) => [
      [`${module}.dict`, dictOf],
      [`${module}.list`, listOf],
      [`${module}.set`, listOf],
      [`${module}.frozenset`, listOf],
      [`${module}.tuple`, tupleOf],
      [`${module}.bytearray`, firstOf],
      ...within(module, "bool bytes complex float int long object range slice str unicode").map((name) => [
        name,
        () => new Named(name),
      ]),
    ]),
  ),
  // Objects that are their fields, and dicts by other names.
  "argparse.Namespace": emptyObject,
  "types.SimpleNamespace": emptyObject,
  "easydict.EasyDict": emptyDict,
  "yacs.config.CfgNode": emptyDict,
  "pytorch_lightning.utilities.parsing.AttributeDict": emptyDict,
  "lightning.pytorch.utilities.parsing.AttributeDict": emptyDict,
  "lightning_fabric.utilities.data.AttributeDict": emptyDict,
  "lightning.fabric.utilities.data.AttributeDict": emptyDict,
};

/** The longest name that a message repeats. */
const MAX_SHOWN = 100;

/** What a name stands for: nothing yet, it has to be called. Unknown ones end reading. */
export function globalValue(module: string, name: string, fail: Fail): Named {
  const full = `${module}.${name}`;
  const known = Object.hasOwn(CONSTRUCTORS, full) || OPAQUE.has(full);
  if (known || (elementTypeOf(full) ?? storageType(full)) !== undefined) return new Named(full);
  const shown = full.length > MAX_SHOWN ? `${full.slice(0, MAX_SHOWN)}…` : full;
  return fail(
    `asks for the Python object ${JSON.stringify(shown)}, but only weights and plain data are read: save those alone, with torch.save(model.state_dict(), …)`,
    "E_UNSAFE",
  );
}

/** What the function or class of that name makes of arguments. */
export function call(callee: Value, args: readonly Value[], fail: Fail): Value {
  if (!(callee instanceof Named)) return fail("is damaged: its pickle calls something that is no function");
  if (Object.hasOwn(CONSTRUCTORS, callee.name)) return CONSTRUCTORS[callee.name]!(args, fail);
  if (OPAQUE.has(callee.name)) return callee;
  return fail(`is damaged: its pickle calls ${callee.name}, which is no function`);
}

/** Gives an object its state, as `__setstate__` would. What is no field of a known kind is left out. */
export function build(target: Value, state: Value, fail: Fail): void {
  if (target instanceof NumpyArray) setArray(target, itemsOf(state) ?? [], fail);
  else if (target instanceof PyObject) target.base = state;
  else if (target instanceof NumpyType) target.bigEndian = textOf(itemsOf(state)?.[1]) === ">";
}

/** ("storage", type, key, device, count[, (view's key, offset, count)]): the device does not matter here. */
export function storageOf(id: Value, fail: Fail): Storage {
  const [kind, type, key, , count, view] = itemsOf(id) ?? [];
  const dtype = type instanceof Named ? storageType(type.name) : undefined;
  const name = textOf(key);
  if (textOf(kind) !== "storage" || !dtype || name === undefined || !isSize(count))
    return fail("is damaged: something in it is stored outside of its pickle and is no tensor's elements");
  const part = itemsOf(view);
  if (!part) return new Storage(name, dtype, count);
  const [, offset, size] = part;
  if (!isSize(offset) || !isSize(size) || offset + size > count)
    return fail(`is damaged: a part of its storage ${JSON.stringify(name)} lies outside of it`);
  return new Storage(name, dtype, size, offset);
}
