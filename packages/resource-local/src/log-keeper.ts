import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { logCap } from './logs.js';
import { inPlaceOf, supervisorPath } from './system.js';

const keeperScript = fileURLToPath(new URL('../supervisor/keep-logs.sh', import.meta.url));

/** The process that bounds the logs of running jobs once this one has ended, however it ends. */
export class LogKeeper {
  #child: ChildProcess | undefined;
  readonly #recordsDirectory: string;
  readonly #sh: string;

  readonly #inherited: readonly number[];

  /** @param inherited Open descriptors of this process that the keeper must not hold open. */
  constructor(recordsDirectory: string, sh: string, inherited: readonly number[]) {
    this.#recordsDirectory = recordsDirectory;
    this.#sh = sh;
    this.#inherited = inherited;
  }

  /** Called when there is a job whose log has to be bounded. */
  start(): void {
    if (this.#child) return;
    const nothing = openSync('/dev/null', 'r+');
    const child = spawn(this.#sh, [keeperScript, String(logCap.maxBytes), String(logCap.keepBytes)], {
      cwd: this.#recordsDirectory,
      env: { PATH: supervisorPath },
      // A session of its own: neither Ctrl-C nor the end of the server reaches it.
      detached: true,
      stdio: ['pipe', nothing, nothing, ...inPlaceOf(this.#inherited, nothing)],
    });
    closeSync(nothing);
    this.#child = child;
    // One that could not be started, or was ended by somebody, is started again for the next job.
    const forget = (): void => {
      if (this.#child === child) this.#child = undefined;
    };
    child.once('error', forget);
    child.once('exit', forget);
    child.unref();
    if (child.stdin instanceof Socket) child.stdin.unref();
    child.stdin?.on('error', () => {});
  }

  /** From now on the logs are its. */
  handOver(): void {
    this.#child?.stdin?.destroy();
    this.#child = undefined;
  }
}
