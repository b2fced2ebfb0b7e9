import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { FrameTracker } from '../../src/proxy/frames.js';

function frame(opcode: number, length: number, { fin = true, masked = false } = {}): Buffer {
  const size =
    length < 126
      ? [length]
      : length < 65_536
        ? [126, length >> 8, length & 255]
        : [127, 0, 0, 0, 0, length >>> 24, (length >> 16) & 255, (length >> 8) & 255, length & 255];
  const [first = 0, ...others] = size;
  const head = Buffer.from([(fin ? 0x80 : 0) | opcode, first | (masked ? 0x80 : 0), ...others]);
  return Buffer.concat([head, masked ? randomBytes(4) : Buffer.alloc(0), randomBytes(length)]);
}

test('boundaries are found wherever the bytes are cut', () => {
  const frames = [0, 1, 125, 126, 127, 4_000, 65_535, 65_536, 70_000].flatMap((length) => [
    frame(1, length, { fin: false }),
    frame(0, length, { masked: true }),
    frame(9, length % 126),
  ]);
  const bytes = Buffer.concat(frames);
  const ends = new Set<number>();
  let end = 0;
  for (const { length } of frames) {
    end += length;
    ends.add(end);
  }
  for (const step of [1, 2, 3, 7, 1_000, 65_537, bytes.length]) {
    const tracker = new FrameTracker();
    const found: number[] = [];
    const wrong: number[] = [];
    for (let at = 0; at < bytes.length; at += step) {
      const { boundary } = tracker.advance(bytes.subarray(at, at + step));
      if (boundary >= 0) found.push(at + boundary);
      if (tracker.atBoundary !== ends.has(Math.min(at + step, bytes.length))) wrong.push(at + step);
    }
    expect(wrong).toEqual([]);
    expect(found.every((offset) => ends.has(offset))).toBe(true);
    expect(found.at(-1)).toBe(bytes.length);
    if (step === 1) expect(found).toEqual([...ends]);
  }
});

test('only data frames count as data, and nothing may follow a close', () => {
  const tracker = new FrameTracker();
  expect(tracker.advance(frame(9, 5)).data).toBe(false);
  expect(tracker.advance(frame(10, 0, { masked: true })).data).toBe(false);
  expect(tracker.advance(frame(2, 0)).data).toBe(true);
  const long = frame(1, 500);
  tracker.advance(long.subarray(0, 100));
  expect(tracker.advance(long.subarray(100, 200)).data).toBe(true);
  tracker.advance(long.subarray(200));
  expect(tracker.closing).toBe(false);
  tracker.advance(frame(8, 2));
  expect(tracker.closing).toBe(true);
});

test('a length that no frame has means that no boundary is known any more', () => {
  const tracker = new FrameTracker();
  tracker.advance(Buffer.from([0x82, 127, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]));
  expect(tracker.atBoundary).toBe(false);
  expect(tracker.advance(Buffer.alloc(1_000)).boundary).toBe(-1);
});
