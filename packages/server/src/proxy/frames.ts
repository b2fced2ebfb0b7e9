/** Ping and close as a server sends them: unmasked (RFC 6455, 5.1). The payload tells our pings from an application's. */
export const pingFrame = Buffer.from([0x89, 3, 0x75, 0x77, 0x73]);
/** 1001, going away. */
export const closeFrame = Buffer.from([0x88, 2, 0x03, 0xe9]);

/**
 * Follows the frames of one direction of a WebSocket (RFC 6455, 5.2) without holding or changing a byte, so that a control frame can be put
 * between two of them. Control frames may stand between the fragments of a message, so only frames matter here.
 */
export class FrameTracker {
  /** Bytes of mask and payload of the present frame still to come; meaningful once its header is complete. */
  #left = 0;
  /** Header bytes of the present frame seen so far; 0 between frames. */
  #headerBytes = 0;
  #headerLength = 2;
  #opcode = 0;
  #length = 0;
  #masked = false;
  #lost = false;
  #closing = false;

  /** Nothing of a frame is pending: here another one may be put. */
  get atBoundary(): boolean {
    return this.#headerBytes === 0 && this.#left === 0 && !this.#lost;
  }

  /** A close frame began; nothing may follow it. */
  get closing(): boolean {
    return this.#closing;
  }

  /**
   * Takes the next bytes. `boundary` is the offset behind the last frame that ends in them, or -1; `data` tells whether any of them belong to a
   * data frame, in contrast to pings and pongs.
   */
  advance(chunk: Uint8Array): { readonly boundary: number; readonly data: boolean } {
    let boundary = -1;
    let data = false;
    let at = 0;
    while (at < chunk.length && !this.#lost) {
      if (this.#left > 0) {
        const taken = Math.min(this.#left, chunk.length - at);
        this.#left -= taken;
        at += taken;
        data ||= this.#opcode < 8;
      } else {
        this.#header(chunk[at] ?? 0);
        at += 1;
        if (this.#headerBytes > 0) continue;
        data ||= this.#opcode < 8;
      }
      if (this.atBoundary) boundary = at;
    }
    return { boundary, data: data || this.#lost };
  }

  #header(byte: number): void {
    const position = this.#headerBytes;
    this.#headerBytes += 1;
    if (position === 0) {
      this.#opcode = byte & 0x0f;
      this.#closing ||= this.#opcode === 8;
      return;
    }
    if (position === 1) {
      const short = byte & 0x7f;
      this.#masked = byte > 0x7f;
      this.#headerLength = short === 126 ? 4 : short === 127 ? 10 : 2;
      this.#length = short < 126 ? short : 0;
    } else {
      this.#length = this.#length * 256 + byte;
    }
    if (this.#headerBytes < this.#headerLength) return;
    this.#headerBytes = 0;
    this.#left = this.#length + (this.#masked ? 4 : 0);
    // Longer than any real frame: the bytes still flow, but where frames end is not known any more.
    this.#lost = !Number.isSafeInteger(this.#left);
  }
}
