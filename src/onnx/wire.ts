/**
 * @file Protobuf below the level of messages: fields that our schema does not
 * name, and what the library throws on bytes that are not protobuf.
 *
 * @see https://protobuf.dev/programming-guides/encoding/
 */

import type { DescMessage, UnknownField } from "@bufbuild/protobuf";
import { BinaryReader, BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { formatError, messageOf } from "../base/errors.ts";

/** Zero or more protobuf fields, encoded. */
export type Fields = Uint8Array;

/** Runs a parser of foreign bytes; what it throws becomes one sentence. */
export function parsed<T>(what: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw formatError(
      `Expected an ONNX model, but ${what} cannot be parsed (${messageOf(error)}); ` +
        `the file is damaged, incomplete or something else.`,
      { cause: error },
    );
  }
}

/** How many fields a message and the messages in it have, without making objects of them. */
export function countFields(schema: DescMessage, bytes: Uint8Array, limit: number, depth: number): number {
  const reader = new BinaryReader(bytes);
  let count = 0;
  const visit = (message: DescMessage, end: number, level: number): void => {
    while (reader.pos < end && count <= limit) {
      const [no, wireType] = reader.tag();
      count += 1;
      const inner = message.fields.find((field) => field.number === no)?.message;
      if (inner === undefined || wireType !== WireType.LengthDelimited || level === depth) {
        reader.skip(wireType, no);
      } else {
        const length = reader.uint32();
        visit(inner, reader.pos + length, level + 1);
      }
    }
  };
  visit(schema, bytes.length, 1);
  return count;
}

/** A message as the library hands it over: fields its schema does not name are under `$unknown`. */
interface WithUnknown {
  readonly $unknown?: readonly UnknownField[] | undefined;
}

/** The unknown fields of a message, encoded again; those numbered in `except` are left out. */
export function unknownFields(message: WithUnknown, except: readonly number[] = []): Fields {
  const writer = new BinaryWriter();
  for (const { no, wireType, data } of message.$unknown ?? []) {
    if (!except.includes(no)) writer.tag(no, wireType).raw(data);
  }
  return writer.finish();
}

/** What the unknown fields numbered `no` hold: of length-delimited ones the content, of others the value. */
export function unknownPayloads(message: WithUnknown, no: number): Uint8Array[] {
  return (message.$unknown ?? [])
    .filter((field) => field.no === no)
    .map(({ wireType, data }) =>
      wireType === WireType.LengthDelimited ? new BinaryReader(data).bytes() : data,
    );
}
