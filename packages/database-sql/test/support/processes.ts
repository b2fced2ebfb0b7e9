import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { afterAll } from 'vitest';
import type { SqlDatabaseOptions } from '../../src/index.js';
import type { ChildTask } from './child.js';

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
let built: Promise<string> | undefined;

afterAll(async () => {
  if (built) rmSync(await built, { force: true });
});

/** Starts another process on the same database, running the sources under test. */
export async function startChild(task: ChildTask, options: SqlDatabaseOptions, times = 0): Promise<ChildProcess> {
  built ??= buildChild();
  return spawn(process.execPath, [await built, task, JSON.stringify(options), String(times)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

/** Resolves when the process has ended well. */
export async function finished(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  if (child.exitCode !== 0) throw new Error(`The other process ended with ${child.exitCode ?? child.signalCode}.`);
}

async function buildChild(): Promise<string> {
  // Below node_modules, where it is ignored and still finds the drivers.
  const directory = here('../../node_modules/.test-build');
  mkdirSync(directory, { recursive: true });
  const outfile = `${directory}/child-${process.pid}.mjs`;
  await build({
    entryPoints: [here('./child.ts')],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    alias: { '@user-workspaces/contract': here('../../../contract/src/index.ts') },
    external: ['knex', 'libsql'],
    logLevel: 'error',
  });
  return outfile;
}
