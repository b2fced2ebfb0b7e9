import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

let collect: (() => void) | undefined;

/** Collects garbage now, in any process: what is left afterwards is held by somebody. */
export function collectGarbage(): void {
  if (!collect) {
    setFlagsFromString('--expose-gc');
    const gc: unknown = runInNewContext('gc');
    if (typeof gc !== 'function')
      throw new Error('This version of Node does not let go of garbage when it is asked to.');
    collect = () => void Reflect.apply(gc, undefined, []);
  }
  collect();
}

/** Bytes that this process holds, garbage left out: objects and buffers. */
export function heldBytes(): number {
  collectGarbage();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}
