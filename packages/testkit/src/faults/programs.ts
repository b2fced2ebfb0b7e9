import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { atEndOfTrial } from '../trial.js';

/** Another process, for tests that need two, or one that can be killed. */
export interface Program {
  readonly pid: number;
  /** The lines that it has printed so far. */
  lines(): readonly string[];
  /** Resolves when it has printed so many lines. @throws Error when it ends before. */
  printed(count: number): Promise<void>;
  /** Ends it with KILL, in the middle of whatever it does, and waits for its end. */
  kill(): Promise<void>;
  /** Resolves when it has ended by itself. @throws Error when it ended badly. */
  finished(): Promise<void>;
}

/** Starts a Node program. It inherits the error output; `test` shows what it says. In a trial it ends with it at the latest. */
export async function startProgram(module: string | URL, parameters: readonly string[]): Promise<Program> {
  const path = typeof module === 'string' ? module : fileURLToPath(module);
  const child = spawn(process.execPath, [path, ...parameters], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child, 'spawn');
  const { pid } = child;
  if (pid === undefined) throw new Error(`${path} has no process id.`);
  let output = '';
  let wake = (): void => undefined;
  const ended = new Promise<void>((resolve) => {
    child.once('close', () => {
      resolve();
      wake();
    });
  });
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    wake();
  });
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL');
    await ended;
  };
  atEndOfTrial(kill);
  const isOver = (): boolean => child.exitCode !== null || child.signalCode !== null;
  const lines = (): string[] => output.split('\n').slice(0, -1);
  return {
    pid,
    lines,
    async printed(count) {
      while (lines().length < count) {
        if (isOver()) throw new Error(`${path} ended with ${child.exitCode ?? child.signalCode} before line ${count}.`);
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
    kill,
    async finished() {
      await ended;
      if (child.exitCode !== 0) throw new Error(`${path} ended with ${child.exitCode ?? child.signalCode}.`);
    },
  };
}
