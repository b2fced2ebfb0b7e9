import { mkdirSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type DatabaseTask, type Program, startProgram } from '@user-workspaces/testkit';
import { build } from 'esbuild';
import { afterAll } from 'vitest';
import type { SqlDatabaseOptions } from '../../src/index.js';

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
let built: Promise<string> | undefined;

afterAll(async () => {
  if (built) rmSync(await built, { force: true });
});

/** Starts another process on the same database, running the sources under test. */
export async function startChild(task: DatabaseTask, options: SqlDatabaseOptions, times: number): Promise<Program> {
  built ??= buildChild();
  return startProgram(await built, [task, JSON.stringify(options), String(times)]);
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
    alias: {
      '@user-workspaces/contract': here('../../../contract/src/index.ts'),
      '@user-workspaces/testkit': here('../../../testkit/src/index.ts'),
    },
    external: ['knex', 'libsql'],
    logLevel: 'error',
  });
  return outfile;
}
