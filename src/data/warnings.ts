/** @file Warnings about cases that are read again and again: each is told once, and one of many cases in one sentence. */

/** As a warning names the case that it is about. */
export const ofCase = (name: string, sentence: string): string => `Case "${name}": ${sentence}`;

/** As many are told in full. */
const MOST = 1;

/** Passes each sentence on once. */
export class Warnings {
  readonly #onWarning: (sentence: string) => void;
  readonly #told = new Set<string>();

  constructor(onWarning: (sentence: string) => void) {
    this.#onWarning = onWarning;
  }

  readonly tell = (sentence: string): void => {
    if (this.#told.has(sentence)) return;
    this.#told.add(sentence);
    this.#onWarning(sentence);
  };

  /** Many sentences of one kind as one: how many there are, and the first; none of them is told later. */
  tellTogether(sentences: readonly string[]): void {
    if (sentences.length <= MOST) return sentences.forEach(this.tell);
    this.#onWarning(`${sentences[0]!.replace(/\.$/, "")} (and ${sentences.length - 1} more such warnings).`);
    for (const sentence of sentences) this.#told.add(sentence);
  }
}
