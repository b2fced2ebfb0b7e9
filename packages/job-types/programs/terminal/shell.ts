import { accessSync, constants } from 'node:fs';
import { userInfo } from 'node:os';
import { basename } from 'node:path';
import { type IPty, spawn } from '@lydell/node-pty';
import type { WebSocket } from 'ws';
import { closeCodes, type FromPage, type FromProgram } from './protocol.js';

const maxScrollbackBytes = 256 * 1024;
/** The shell is held when the page is this far behind, and let go when it has caught up to the lower mark. */
const holdAtBytes = 512 * 1024;
const releaseAtBytes = 128 * 1024;
/** Bash greets an account that the machine has no name for with "I have no name!": then its prompt shows the name of the job's user. */
const namedPrompt = "id -un >/dev/null 2>&1 || PS1='$USER@\\h:\\w\\$ '; unset PROMPT_COMMAND";

/** What the terminal tells the server of its use: the program in some shell's foreground, and when the last key was pressed or byte written. */
export function activityOf(shells: readonly Shell[]): {
  readonly busy: string | null;
  readonly last_used_ms: number | null;
} {
  const commands = shells.map((shell) => shell.command).filter((command) => command !== undefined);
  const lastUsedMs = Math.max(0, ...shells.map((shell) => shell.lastUsedAtMs));
  return { busy: commands[0] ?? null, last_used_ms: lastUsedMs === 0 ? null : lastUsedMs };
}

/** One shell on a pseudo-terminal: outlives the connections of its page and replays what they missed. */
export class Shell {
  private readonly program = shellProgram();
  private readonly pty: IPty;
  private chunks: Buffer[] = [];
  /** Offsets of the first kept byte and of the next one. */
  private start = 0;
  private end = 0;
  private drawn = 0;
  private isHeld = false;
  private page: WebSocket | undefined;
  private ending: Extract<FromProgram, { type: 'ended' }> | undefined;
  /** When its last page left it; 0 while it has one. */
  detachedAtMs = 0;
  /** When somebody last typed into it, or something wrote to it. */
  lastUsedAtMs = Date.now();

  constructor(
    readonly id: string,
    columns: number,
    rows: number,
  ) {
    this.pty = spawn(this.program, ['-l'], {
      name: 'xterm-256color',
      cols: columns,
      rows,
      cwd: process.cwd(),
      env: { PROMPT_COMMAND: namedPrompt, ...process.env, TERM: 'xterm-256color', COLORTERM: 'truecolor' },
    });
    this.pty.onData((text) => this.take(Buffer.from(text)));
    this.pty.onExit(({ exitCode, signal }) => {
      this.ending = { type: 'ended', exitCode, signal: signal ?? 0 };
      this.send(this.ending);
    });
  }

  get hasEnded(): boolean {
    return this.ending !== undefined;
  }

  /** The program in its foreground, where that is not the shell itself. */
  get command(): string | undefined {
    if (this.hasEnded) return undefined;
    const name = basename(this.pty.process);
    return name === '' || name === basename(this.program) ? undefined : name;
  }

  get isDetached(): boolean {
    return this.page === undefined;
  }

  /** Gives this shell to a page, which has already seen the output before `seen`; an earlier page loses it. */
  attach(page: WebSocket, seen: number, columns: number, rows: number): void {
    this.page?.close(closeCodes.taken, 'opened elsewhere');
    this.page = page;
    this.detachedAtMs = 0;
    const isComplete = seen >= this.start && seen <= this.end;
    const kept = Buffer.concat(this.chunks).subarray(isComplete ? seen - this.start : this.firstLine());
    this.drawn = this.end - kept.length;
    this.send({ type: 'attached', shell: this.id, offset: this.drawn, clear: !isComplete || seen === 0 });
    if (kept.length > 0) page.send(kept);
    if (this.ending) this.send(this.ending);
    else this.resize(columns, rows);
    this.balance();

    page.on('close', () => {
      if (this.page !== page) return;
      this.page = undefined;
      this.detachedAtMs = Date.now();
      // Nobody is slow any more; the output goes on into the scroll-back.
      this.balance();
    });
  }

  handle(message: FromPage): void {
    if (message.type === 'drawn') {
      this.drawn = Math.min(message.offset, this.end);
      this.balance();
      return;
    }
    if (this.hasEnded) return;
    if (message.type === 'input') {
      this.lastUsedAtMs = Date.now();
      this.pty.write(message.data);
    } else this.resize(message.columns, message.rows);
  }

  /** Hangs up, as a terminal that is switched off does. */
  hangUp(): void {
    if (!this.hasEnded) this.pty.kill('SIGHUP');
    this.page?.close(1001, 'the job ends');
  }

  private take(bytes: Buffer): void {
    this.lastUsedAtMs = Date.now();
    this.chunks.push(bytes);
    this.end += bytes.length;
    for (let excess = this.end - this.start - maxScrollbackBytes; excess > 0; ) {
      const first = this.chunks.shift() ?? Buffer.alloc(0);
      if (first.length > excess) this.chunks.unshift(first.subarray(excess));
      const dropped = Math.min(first.length, excess);
      this.start += dropped;
      excess -= dropped;
    }
    this.page?.send(bytes);
    this.balance();
  }

  /** Where the kept output begins cleanly: after its first line break, if its beginning was dropped. */
  private firstLine(): number {
    if (this.start === 0) return 0;
    return Buffer.concat(this.chunks).indexOf('\n') + 1;
  }

  private balance(): void {
    const behind = this.page ? this.end - this.drawn : 0;
    if (!this.isHeld && behind > holdAtBytes) {
      this.isHeld = true;
      this.pty.pause();
    } else if (this.isHeld && behind < releaseAtBytes) {
      this.isHeld = false;
      this.pty.resume();
    }
  }

  private resize(columns: number, rows: number): void {
    try {
      this.pty.resize(columns, rows);
    } catch (error) {
      // The shell may have ended without our having been told yet.
      console.error('The size of a shell could not be set:', error);
    }
  }

  private send(message: FromProgram): void {
    this.page?.send(JSON.stringify(message));
  }
}

/** The account's shell, if it has one that runs; accounts of services have none. */
function shellProgram(): string {
  const own = process.env.SHELL ?? userInfo().shell ?? '';
  const candidates = [own, '/bin/bash', '/bin/sh'];
  const usable = candidates.find((path) => {
    if (!path.startsWith('/') || ['nologin', 'false', 'true', 'sync'].includes(basename(path))) return false;
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
  return usable ?? '/bin/sh';
}
