/**
 * @file A machine for Python's pickles, as small as checkpoints allow. A pickle is a program: opcodes
 * push values on a stack, keep them in a memo and call functions by name. Here
 *
 * - only opcodes that Python's picklers write from protocol 2 on are known;
 * - functions are those of `globals.ts`, which build data; any other name ends reading;
 * - an operation makes at most one value, and texts and bytes are no longer than they stand in the file,
 *   so that memory is bounded by the file. Values are shared, never copied.
 *
 * @see https://github.com/python/cpython/blob/v3.13.0/Lib/pickletools.py
 */

import { decodeText, type Fail } from "../foreign.ts";
import { build, call, globalValue, type Persistent } from "./globals.ts";
import { PyDict, PyList, PyTuple, textOf, type Value } from "./values.ts";

/** A checkpoint of 20,000 tensors with what Adam keeps of them takes 2.4 million. */
const MAX_OPERATIONS = 3_000_000;
/** Whole numbers of checkpoints have 8 bytes, states of random generators more. */
const MAX_INTEGER_BYTES = 1024;
/** Python's names are shorter. */
const MAX_NAME_BYTES = 1000;
const HIGHEST_PROTOCOL = 5;

/** Where a pickle comes from, and what it may refer to outside of itself. */
export interface PickleContext {
  readonly fail: Fail;
  /** What a persistent id stands for: a storage. */
  readonly persistent: Persistent;
}

/** Reads the pickle that begins at `start`. */
export function unpickle(
  bytes: Uint8Array,
  start: number,
  context: PickleContext,
): { readonly value: Value; readonly end: number } {
  const machine = new Machine(bytes, start, context);
  for (let operations = 0; operations < MAX_OPERATIONS; operations++) {
    const at = machine.at;
    const code = machine.byte();
    if (code === STOP) return { value: machine.pop(), end: machine.at };
    const operation = OPCODES.get(code);
    if (!operation) {
      const shown = code.toString(16).padStart(2, "0");
      return context.fail(`has the pickle opcode 0x${shown} at byte ${at}, which no checkpoint needs`);
    }
    operation(machine);
  }
  return context.fail(`has a pickle of more than ${MAX_OPERATIONS} operations`);
}

const STOP = 0x2e;

class Machine {
  at: number;
  readonly context: PickleContext;
  readonly memo = new Map<number, Value>();
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #stack: Value[] = [];
  /** How high the stack was at each mark. */
  readonly #marks: number[] = [];

  constructor(bytes: Uint8Array, start: number, context: PickleContext) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.at = start;
    this.context = context;
  }

  /** Goes on by `count` bytes, if there are so many; returns where they begin. */
  #skip(count: number): number {
    const left = this.#bytes.length - this.at;
    if (count > left)
      this.context.fail(
        `is truncated: a pickle wants ${count} bytes at byte ${this.at}, and ${left} are left`,
      );
    this.at += count;
    return this.at - count;
  }

  /** The next `count` bytes, in place. */
  take(count: number): Uint8Array {
    const from = this.#skip(count);
    return this.#bytes.subarray(from, from + count);
  }

  byte(): number {
    return this.#bytes[this.#skip(1)]!;
  }
  uint16(): number {
    return this.#view.getUint16(this.#skip(2), true);
  }
  uint32(): number {
    return this.#view.getUint32(this.#skip(4), true);
  }
  int32(): number {
    return this.#view.getInt32(this.#skip(4), true);
  }
  uint64(): number {
    return Number(this.#view.getBigUint64(this.#skip(8), true));
  }
  double(): number {
    return this.#view.getFloat64(this.#skip(8), false);
  }

  /** Two's complement, little-endian, of any length. */
  integer(length: number): number | bigint {
    if (length > MAX_INTEGER_BYTES) this.context.fail(`has a whole number of ${length} bytes`);
    const digits = Array.from(this.take(length), (byte) => byte.toString(16).padStart(2, "0"));
    if (length === 0) return 0;
    const value = BigInt.asIntN(8 * length, BigInt(`0x${digits.reverse().join("")}`));
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : value;
  }

  /** Up to the end of the line. */
  line(): string {
    const end = this.#bytes.subarray(this.at, this.at + MAX_NAME_BYTES + 1).indexOf(0x0a);
    if (end < 0) this.context.fail(`has a name without an end at byte ${this.at}`);
    const text = decodeText(this.take(end));
    this.at += 1;
    return text;
  }

  push(value: Value): void {
    this.#stack.push(value);
  }

  pop(): Value {
    const bottom = this.#marks.at(-1) ?? 0;
    if (this.#stack.length <= bottom) this.#empty();
    return this.#stack.pop()!;
  }

  top(): Value {
    const value = this.pop();
    this.push(value);
    return value;
  }

  mark(): void {
    this.#marks.push(this.#stack.length);
  }

  popToMark(): Value[] {
    const mark = this.#marks.pop();
    return mark === undefined ? this.#empty() : this.#stack.splice(mark);
  }

  #empty(): never {
    return this.context.fail(`is damaged: its pickle takes what is not there, before byte ${this.at}`);
  }

  recall(index: number): void {
    const value = this.memo.get(index);
    this.push(
      value === undefined
        ? this.context.fail(`is damaged: its pickle remembers nothing as ${index}, before byte ${this.at}`)
        : value,
    );
  }

  popText(): string {
    return (
      textOf(this.pop()) ?? this.context.fail(`is damaged: a name in it is no text, before byte ${this.at}`)
    );
  }

  /** Puts items into the list on top, or keys and values in turn into the dict. */
  fill(what: "dict" | "list", items: readonly Value[]): void {
    const target = this.top();
    const Kind = what === "dict" ? PyDict : PyList;
    if (!(target instanceof Kind) || (Kind === PyDict && items.length % 2 !== 0))
      this.context.fail(`is damaged: its pickle fills something that is no ${what}, before byte ${this.at}`);
    else for (const item of items) target.items.push(item);
  }

  tuple(count: number): void {
    const items = Array.from({ length: count }, () => this.pop());
    this.push(new PyTuple(items.reverse()));
  }

  /** Calls the global on top with the arguments given, by our own function of that name. */
  apply(args: Value): void {
    const items =
      args instanceof PyTuple ? args.items : this.context.fail("is damaged: arguments are no tuple");
    this.push(call(this.pop(), items, this.context.fail));
  }

  frame(length: number): void {
    if (length > this.#bytes.length - this.at)
      this.context.fail(`is truncated: a part of its pickle has ${length} bytes, more than are left`);
  }
}

type Operation = (machine: Machine) => void;

/** Named as in Python's pickletools. */
const OPCODES: ReadonlyMap<number, Operation> = new Map<number, Operation>([
  /* PROTO            */ [0x80, checkProtocol],
  /* FRAME            */ [0x95, (m) => m.frame(m.uint64())],
  /* NONE             */ [0x4e, (m) => m.push(null)],
  /* NEWTRUE          */ [0x88, (m) => m.push(true)],
  /* NEWFALSE         */ [0x89, (m) => m.push(false)],
  /* BININT           */ [0x4a, (m) => m.push(m.int32())],
  /* BININT1          */ [0x4b, (m) => m.push(m.byte())],
  /* BININT2          */ [0x4d, (m) => m.push(m.uint16())],
  /* LONG1            */ [0x8a, (m) => m.push(m.integer(m.byte()))],
  /* LONG4            */ [0x8b, (m) => m.push(m.integer(m.uint32()))],
  /* BINFLOAT         */ [0x47, (m) => m.push(m.double())],
  /* BINUNICODE       */ [0x58, (m) => m.push(decodeText(m.take(m.uint32())))],
  /* SHORT_BINUNICODE */ [0x8c, (m) => m.push(decodeText(m.take(m.byte())))],
  /* BINUNICODE8      */ [0x8d, (m) => m.push(decodeText(m.take(m.uint64())))],
  /* SHORT_BINSTRING  */ [0x55, (m) => m.push(m.take(m.byte()))],
  /* BINSTRING        */ [0x54, (m) => m.push(m.take(m.uint32()))],
  /* SHORT_BINBYTES   */ [0x43, (m) => m.push(m.take(m.byte()))],
  /* BINBYTES         */ [0x42, (m) => m.push(m.take(m.uint32()))],
  /* BINBYTES8        */ [0x8e, (m) => m.push(m.take(m.uint64()))],
  /* BYTEARRAY8       */ [0x96, (m) => m.push(m.take(m.uint64()))],
  /* EMPTY_TUPLE      */ [0x29, (m) => m.tuple(0)],
  /* TUPLE1           */ [0x85, (m) => m.tuple(1)],
  /* TUPLE2           */ [0x86, (m) => m.tuple(2)],
  /* TUPLE3           */ [0x87, (m) => m.tuple(3)],
  /* MARK             */ [0x28, (m) => m.mark()],
  /* TUPLE            */ [0x74, (m) => m.push(new PyTuple(m.popToMark()))],
  /* EMPTY_LIST       */ [0x5d, (m) => m.push(new PyList())],
  /* APPEND           */ [0x61, (m) => m.fill("list", [m.pop()])],
  /* APPENDS          */ [0x65, (m) => m.fill("list", m.popToMark())],
  /* EMPTY_SET        */ [0x8f, (m) => m.push(new PyList())],
  /* ADDITEMS         */ [0x90, (m) => m.fill("list", m.popToMark())],
  /* FROZENSET        */ [0x91, (m) => m.push(new PyTuple(m.popToMark()))],
  /* EMPTY_DICT       */ [0x7d, (m) => m.push(new PyDict())],
  /* SETITEM          */ [0x73, setItem],
  /* SETITEMS         */ [0x75, (m) => m.fill("dict", m.popToMark())],
  /* BINPUT           */ [0x71, (m) => void m.memo.set(m.byte(), m.top())],
  /* LONG_BINPUT      */ [0x72, (m) => void m.memo.set(m.uint32(), m.top())],
  /* MEMOIZE          */ [0x94, (m) => void m.memo.set(m.memo.size, m.top())],
  /* BINGET           */ [0x68, (m) => m.recall(m.byte())],
  /* LONG_BINGET      */ [0x6a, (m) => m.recall(m.uint32())],
  /* GLOBAL           */ [0x63, (m) => m.push(globalValue(m.line(), m.line(), m.context.fail))],
  /* STACK_GLOBAL     */ [0x93, stackGlobal],
  /* REDUCE           */ [0x52, (m) => m.apply(m.pop())],
  /* NEWOBJ           */ [0x81, (m) => m.apply(m.pop())],
  /* BUILD            */ [0x62, setState],
  /* BINPERSID        */ [0x51, (m) => m.push(m.context.persistent(m.pop()))],
]);

function checkProtocol(machine: Machine): void {
  const protocol = machine.byte();
  if (protocol > HIGHEST_PROTOCOL)
    machine.context.fail(`has a pickle of protocol ${protocol}; known are those up to ${HIGHEST_PROTOCOL}`);
}

function setItem(machine: Machine): void {
  const value = machine.pop();
  const key = machine.pop();
  machine.fill("dict", [key, value]);
}

function stackGlobal(machine: Machine): void {
  const name = machine.popText();
  const module = machine.popText();
  machine.push(globalValue(module, name, machine.context.fail));
}

function setState(machine: Machine): void {
  const state = machine.pop();
  build(machine.top(), state, machine.context.fail);
}
