/**
 * @file Literals of Python, as NumPy writes them into the headers of its files: dictionaries, tuples, lists, texts, whole
 * numbers, True, False and None.
 */

/** What a literal stands for; tuples and lists are both arrays. */
export type Literal = string | number | boolean | null | readonly Literal[] | ReadonlyMap<string, Literal>;

const TOKEN =
  /\s*(?:([-+]?\d+)L?(?![\w.])|(True|False|None)\b|[bu]?'((?:[^'\\]|\\.)*)'|[bu]?"((?:[^"\\]|\\.)*)"|([{}()[\]:,]))/y;
const WORDS: Readonly<Record<string, Literal>> = { True: true, False: false, None: null };
const CLOSING: Readonly<Record<string, string>> = { "{": "}", "(": ")", "[": "]" };
/** Deeper ones are nobody's. */
const MAX_DEPTH = 32;

/** @returns undefined for what is no such literal */
export function parseLiteral(text: string): Literal | undefined {
  try {
    const reader = new LiteralReader(text);
    const value = reader.value(0);
    return reader.isAtEnd ? value : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

class LiteralReader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  get isAtEnd(): boolean {
    return /^[\s\0]*$/.test(this.#text.slice(this.#at));
  }

  value(depth: number): Literal {
    const token = this.#next();
    if (!("sign" in token)) return token.value;
    const closing = CLOSING[token.sign];
    if (closing === undefined || depth > MAX_DEPTH) throw new SyntaxError();
    return closing === "}" ? this.#dictionary(depth) : this.#list(closing, depth);
  }

  #dictionary(depth: number): ReadonlyMap<string, Literal> {
    const entries = new Map<string, Literal>();
    while (!this.#takes("}")) {
      const key = this.value(depth + 1);
      if (typeof key !== "string" || entries.has(key) || !this.#takes(":")) throw new SyntaxError();
      entries.set(key, this.value(depth + 1));
      if (!this.#takes(",") && !this.#comes("}")) throw new SyntaxError();
    }
    return entries;
  }

  #list(closing: string, depth: number): readonly Literal[] {
    const items: Literal[] = [];
    while (!this.#takes(closing)) {
      items.push(this.value(depth + 1));
      if (!this.#takes(",") && !this.#comes(closing)) throw new SyntaxError();
    }
    return items;
  }

  #comes(sign: string): boolean {
    const before = this.#at;
    const isThere = this.#takes(sign);
    this.#at = before;
    return isThere;
  }

  #takes(sign: string): boolean {
    const before = this.#at;
    const token = this.#next();
    if ("sign" in token && token.sign === sign) return true;
    this.#at = before;
    return false;
  }

  #next(): { readonly sign: string } | { readonly value: Literal } {
    TOKEN.lastIndex = this.#at;
    const found = TOKEN.exec(this.#text);
    if (!found) throw new SyntaxError();
    this.#at = TOKEN.lastIndex;
    const [, digits, word, single, double, sign] = found;
    if (sign !== undefined) return { sign };
    if (digits !== undefined) return { value: Number(digits) };
    return { value: word === undefined ? (single ?? double)! : WORDS[word]! };
  }
}
