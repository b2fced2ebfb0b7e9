import type { RawAnswer } from './handler.js';

/** A JSON answer that is too large for one text, as what takes the place of it in memory: the same bytes in pieces, each of which is let go once it is sent. */
export class LargeAnswer {
  readonly #pieces: Uint8Array[] = [];
  #bytes = 0;

  get isEmpty(): boolean {
    return this.#pieces.length === 0;
  }

  add(text: string): void {
    const piece = Buffer.from(text);
    this.#pieces.push(piece);
    this.#bytes += piece.length;
  }

  /** What it says. */
  read(): unknown {
    return JSON.parse(Buffer.concat(this.#pieces).toString());
  }

  /** For sending; it can be read once. */
  raw(): RawAnswer {
    const headers = { 'Content-Type': 'application/json; charset=utf-8', 'Content-Length': String(this.#bytes) };
    return { status: 200, headers, body: this.#takePieces() };
  }

  async *#takePieces(): AsyncGenerator<Uint8Array, void, undefined> {
    for (let piece = this.#pieces.shift(); piece; piece = this.#pieces.shift()) yield piece;
  }
}
