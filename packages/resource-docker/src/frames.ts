import type { Readable } from 'node:stream';

const headerBytes = 8;

/**
 * The payloads of the engine's multiplexed stream: each piece has a head of eight bytes, of which the first names the stream and the last four the length.
 * Payloads are passed on as they come, so that at most one piece of the connection is in memory.
 */
export async function* payloads(stream: Readable): AsyncGenerator<Buffer> {
  let head = Buffer.alloc(0);
  let left = 0;
  for await (const piece of stream) {
    let rest: Buffer = piece;
    while (rest.length > 0) {
      if (left === 0) {
        const wanted = headerBytes - head.length;
        head = Buffer.concat([head, rest.subarray(0, wanted)]);
        rest = rest.subarray(wanted);
        if (head.length < headerBytes) break;
        left = head.readUInt32BE(4);
        head = Buffer.alloc(0);
        continue;
      }
      const payload = rest.subarray(0, left);
      left -= payload.length;
      rest = rest.subarray(payload.length);
      yield payload;
    }
  }
}
