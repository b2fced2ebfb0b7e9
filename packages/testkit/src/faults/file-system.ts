import { AsyncLocalStorage } from 'node:async_hooks';
import fs from 'node:fs';
import { open } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import type { StepSource } from './crash.js';

const changingCalls = [
  'appendFile',
  'chmod',
  'chown',
  'copyFile',
  'cp',
  'lchown',
  'link',
  'mkdir',
  'mkdtemp',
  'open',
  'rename',
  'rm',
  'rmdir',
  'symlink',
  'truncate',
  'unlink',
  'utimes',
  'writeFile',
] as const;
const changingHandleCalls = [
  'appendFile',
  'chmod',
  'chown',
  'datasync',
  'sync',
  'truncate',
  'utimes',
  'write',
  'writeFile',
  'writev',
] as const;

const observers = new AsyncLocalStorage<(name: string) => void>();
let users = 0;
let restore: (() => void) | undefined;

/**
 * For adapters that work on local files through `node:fs` or `node:fs/promises` and report no steps: each call that changes
 * files is a step, named as the function; an `open` is one if it may make or empty a file. Only calls that the work makes are seen, so that other work of the process, other tests
 * included, goes on undisturbed. A file's `write` counts however it was opened; streams and callback functions are not seen.
 */
export const fileSystemSteps: StepSource = {
  async run(onStep, work) {
    users += 1;
    restore ??= await watchCalls();
    try {
      return await observers.run(onStep, work);
    } finally {
      users -= 1;
      if (users === 0) {
        restore?.();
        restore = undefined;
      }
    }
  },
};

let watching: Promise<() => void> | undefined;

/** Replaces the functions by some that tell the observer of the work that calls them. */
function watchCalls(): Promise<() => void> {
  watching ??= (async () => {
    const undo: (() => void)[] = [];
    const probe = await open('/dev/null');
    const handle: unknown = Object.getPrototypeOf(probe);
    await probe.close();
    for (const name of changingCalls) {
      undo.push(replace(fs.promises, name, true));
      if (Reflect.has(fs, `${name}Sync`)) undo.push(replace(fs, `${name}Sync`, false));
    }
    undo.push(replace(fs, 'writeSync', false));
    for (const name of changingHandleCalls) undo.push(replace(handle, name, true));
    syncBuiltinESMExports();
    return () => {
      for (const one of undo) one();
      syncBuiltinESMExports();
      watching = undefined;
    };
  })();
  return watching;
}

function replace(owner: unknown, name: string, isAsynchronous: boolean): () => void {
  if (typeof owner !== 'object' || owner === null) throw new TypeError(`Nothing has ${name}.`);
  const original: unknown = Reflect.get(owner, name);
  if (typeof original !== 'function') throw new TypeError(`This version of Node has no ${name}.`);
  const observed = isAsynchronous
    ? async function (this: unknown, ...parameters: unknown[]): Promise<unknown> {
        if (isChange(name, parameters)) observers.getStore()?.(name);
        return Reflect.apply(original, this, parameters);
      }
    : function (this: unknown, ...parameters: unknown[]): unknown {
        if (isChange(name, parameters)) observers.getStore()?.(name);
        return Reflect.apply(original, this, parameters);
      };
  Reflect.set(owner, name, observed);
  return () => void Reflect.set(owner, name, original);
}

/** An `open` for reading, or of a file that must exist, leaves everything as it is: a crash there is one at the step before. */
function isChange(name: string, [, flags = 'r']: readonly unknown[]): boolean {
  if (name !== 'open' && name !== 'openSync') return true;
  if (typeof flags === 'number') return (flags & (fs.constants.O_CREAT | fs.constants.O_TRUNC)) !== 0;
  return typeof flags !== 'string' || !flags.includes('r');
}
