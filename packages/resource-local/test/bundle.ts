import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import type { ChildOrder } from './child.js';

const packageDirectory = fileURLToPath(new URL('..', import.meta.url));

export interface ChildResult {
  readonly signal: string | null;
  readonly answer?: unknown;
  readonly steps: readonly string[];
}

/** Makes `child.ts` runnable by node, beside the supervisor's scripts. */
export async function bundleChild() {
  const directory = await mkdtemp(`${packageDirectory}.child-`);
  const outfile = `${directory}/child.mjs`;
  await build({
    entryPoints: [fileURLToPath(new URL('child.ts', import.meta.url))],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    logLevel: 'error',
    alias: Object.fromEntries(
      ['contract', 'launch'].map((name) => [
        `@user-workspaces/${name}`,
        fileURLToPath(new URL(`../../${name}/src/index.ts`, import.meta.url)),
      ]),
    ),
  });
  return {
    /** @param given What the shell gives it open, such as `50>>file`. */
    run(order: ChildOrder, given = ''): Promise<ChildResult> {
      return new Promise((resolve, reject) => {
        const command = `exec ${given}; exec "$0" "$@"`;
        execFile('bash', ['-c', command, process.execPath, outfile, JSON.stringify(order)], (error, stdout, stderr) => {
          if (error?.signal) resolve({ signal: error.signal, steps: [] });
          else if (error) reject(new Error(stderr));
          else resolve({ signal: null, ...JSON.parse(stdout) });
        });
      });
    },
    remove: () => rm(directory, { recursive: true }),
  };
}
