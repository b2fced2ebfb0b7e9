import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Program, type Suite, startProgram, tryAdapter, type World } from '../src/index.js';

const directory = mkdtempSync(join(tmpdir(), 'uws-trial-'));
afterAll(() => rmSync(directory, { recursive: true }));

interface Shelf extends World {
  readonly storage: { take(name: string): Promise<number>; note(name: string): number };
}

const shelf = (close = async () => {}): Shelf => ({
  storage: {
    take: async (name) => {
      if (name === 'unfinished') return new Promise<never>(() => undefined);
      if (name === 'nothing') throw new Error('It is not there.');
      return name.length;
    },
    note: (name) => name.length,
  },
  close,
});

function suiteOf(check: Suite<Shelf, never>['guarantees'][number]['check']): Suite<Shelf, never> {
  const guarantee = { id: 'shelf.takes', promise: 'It takes.', trial: 'It is asked.', check };
  return { contract: 'Shelf', capabilities: {}, guarantees: [guarantee] };
}

async function messageOf(check: Suite<Shelf, never>['guarantees'][number]['check'], close?: () => Promise<void>) {
  const { results } = await tryAdapter(suiteOf(check), { name: 'shelf', open: async () => shelf(close) });
  return String(results[0]?.error);
}

describe('a broken guarantee', () => {
  it('tells the last calls of the adapter, in the order of their answers', async () => {
    const message = await messageOf(async ({ storage }) => {
      const late = storage.take('late');
      storage.note('first');
      await storage.take('nothing').catch(() => undefined);
      await late;
      void storage.take('unfinished');
      throw new Error('It was wrong.');
    });
    expect(message.split('\n')).toEqual([
      'Error: It was wrong.',
      'The last calls:',
      "  storage.note('first') answered 5",
      "  storage.take('late') answered 4",
      "  storage.take('nothing') threw Error: It is not there.",
      "  storage.take('unfinished') has not answered",
    ]);
  });

  it('says when the world could not be closed, though the check passed', async () => {
    const close = async () => {
      throw new Error('a file is left');
    };
    expect(await messageOf(async () => {}, close)).toBe(
      'Error: The check passed, but the world could not be closed: a file is left',
    );
  });
});

describe('what a check began', () => {
  it('is ended with it when it is broken: programs, and what obeys the signal', async () => {
    writeFileSync(join(directory, 'waits.mjs'), 'setInterval(() => undefined, 1000);');
    let program: Program | undefined;
    let ended: AbortSignal | undefined;
    await messageOf(async (_, { signal }) => {
      ended = signal;
      program = await startProgram(join(directory, 'waits.mjs'), []);
      throw new Error('It was wrong.');
    });
    expect(ended?.aborted).toBe(true);
    expect(existsSync(`/proc/${program?.pid}/stat`)).toBe(false);
  });
});

/** The command with adapters of its own: it ends, and listens to, the process that it runs in. */
describe('uws-testkit as a program', () => {
  const bundle = join(directory, 'program.mjs');
  beforeAll(async () => {
    writeFileSync(join(directory, 'adapters.mjs'), 'export default globalThis.adapters;');
    const source = fileURLToPath(new URL('../src', import.meta.url));
    await build({
      stdin: {
        contents: `
          import { EventEmitter } from 'node:events';
          import { rmSync, writeFileSync } from 'node:fs';
          import { defineAdapters } from '${source}/report/define.js';
          import { run } from '${source}/report/command.js';
          const guarantee = (id, check) => ({ id, promise: 'P.', trial: 'T.', check });
          const open = async () => {
            const file = '${directory}/world-' + Math.random();
            writeFileSync(file, '');
            return { close: async () => rmSync(file) };
          };
          const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
          globalThis.adapters = defineAdapters({ contract: 'Shelf', capabilities: {}, guarantees: [
            guarantee('shelf.careless', async () => {
              setTimeout(() => new EventEmitter().emit('error', new Error('nobody listens')), 10);
              await pause(1_000);
            }),
            guarantee('shelf.careful', async () => pause(50)),
          ] }, { name: 'shelf', open });
          process.exit(await run(['${directory}/adapters.mjs', '--at-once', '1']));
        `,
        resolveDir: source,
        loader: 'ts',
      },
      outfile: bundle,
      bundle: true,
      platform: 'node',
      format: 'esm',
      logLevel: 'error',
      packages: 'external',
      alias: {
        '@user-workspaces/contract': fileURLToPath(new URL('../../contract/src/index.ts', import.meta.url)),
      },
    });
  });

  it('counts an error that nobody caught as a broken guarantee, and goes on', async () => {
    const { code, stdout } = await new Promise<{ code: unknown; stdout: string }>((resolve) => {
      execFile(process.execPath, [bundle], (error, stdout) => resolve({ code: error?.code ?? 0, stdout }));
    });
    expect(code).toBe(1);
    expect(stdout).toContain('The adapter left an error uncaught, while it was tried: nobody listens');
    expect(stdout).toContain('1 kept, 0 differ, 1 broken');
  });

  it('closes the worlds and tells what it has when it is interrupted', async () => {
    const child = spawn(process.execPath, [bundle], { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
    await once(child.stderr, 'data');
    child.kill('SIGINT');
    const [code] = await once(child, 'exit');
    expect(code).toBe(130);
    expect(output).toContain('It was interrupted.');
    expect(output).not.toContain('shelf.careful');
  });
});
