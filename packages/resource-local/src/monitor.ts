import { type FSWatcher, watch } from 'node:fs';
import { hasCode, versionOfReport } from '@user-workspaces/launch';
import { readOomKills } from './cgroups.js';
import { type Launches, processesOf } from './launches.js';
import { cutLog } from './logs.js';
import { isAlive, memoryBytes, ProcessTable } from './processes.js';
import type { Records } from './records.js';
import type { LaunchRecord, LaunchState } from './state.js';

const tickMs = 1000;
const reportPollMs = 250;
const logTicks = 5;

/** What the monitor needs to know about a living launch. */
interface Watched {
  state: LaunchState;
  ticks: number;
  isLogBeingCut: boolean;
  /** Why its log could not be cut the last time. */
  logProblem: string | undefined;
}

/**
 * Looks after living launches while the server runs: passes on what supervisors signal, notices supervisors that died, ends launches that
 * outgrew their memory where the kernel does not end them whole, and keeps logs from filling the disk.
 */
export class Monitor {
  private readonly living = new Map<string, Watched>();
  private readonly awaited = new Map<string, { readonly record: LaunchRecord; seen: string }>();
  private readonly listeners = new Set<(launchKeys: readonly string[]) => void>();
  private readonly watcher: FSWatcher | undefined;
  private tickTimer: NodeJS.Timeout | undefined;
  private reportTimer: NodeJS.Timeout | undefined;
  private pending = new Set<string>();
  private failure: string | undefined;
  private closed = false;

  constructor(
    private readonly records: Records,
    private readonly launches: Launches,
    private readonly ended: (launchKey: string) => void,
  ) {
    try {
      this.watcher = watch(records.changes, { persistent: false }, (_event, name) => {
        if (name !== null) this.signal(name);
      });
      this.watcher.on('error', () => this.watcher?.close());
    } catch (error) {
      // No watch is left in the kernel: starts and ends are then noticed by the tick.
      if (!hasCode(error, 'ENOSPC', 'EMFILE')) throw error;
    }
    this.scheduleTick();
  }

  /** A sentence about what went wrong last, for the health check. */
  get problem(): string | undefined {
    return this.failure ?? [...this.living.values()].find(({ logProblem }) => logProblem !== undefined)?.logProblem;
  }

  /** Looks after a launch from now on. */
  add(state: LaunchState): void {
    const known = this.living.get(state.launchKey);
    if (known) known.state = state;
    else this.living.set(state.launchKey, { state, ticks: 0, isLogBeingCut: false, logProblem: undefined });
  }

  remove(launchKey: string): void {
    this.awaited.delete(launchKey);
    this.living.delete(launchKey);
    this.ended(launchKey);
  }

  /** Looks at short intervals whether the session of a launch has reported, until it is found or the launch ends. */
  awaitReport(state: LaunchState): void {
    const { record, launchKey } = state;
    if (!record || this.awaited.has(launchKey) || this.closed) return;
    this.awaited.set(launchKey, { record, seen: '' });
    this.scheduleReports();
  }

  reportFound(launchKey: string): void {
    this.awaited.delete(launchKey);
  }

  subscribe(listener: (launchKeys: readonly string[]) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  close(): void {
    this.closed = true;
    this.watcher?.close();
    clearTimeout(this.tickTimer);
    clearTimeout(this.reportTimer);
    this.listeners.clear();
  }

  private signal(launchKey: string): void {
    if (this.pending.size === 0) {
      // What comes at once is told at once.
      setTimeout(() => {
        const launchKeys = [...this.pending];
        this.pending = new Set();
        for (const listener of this.listeners) listener(launchKeys);
      }, 5).unref();
    }
    this.pending.add(launchKey);
  }

  private scheduleTick(): void {
    this.tickTimer = setTimeout(() => {
      this.failure = undefined;
      this.tick()
        .catch((error: unknown) => this.report('Jobs cannot be looked after', error))
        .finally(() => {
          if (!this.closed) this.scheduleTick();
        });
    }, tickMs).unref();
  }

  private async tick(): Promise<void> {
    const hungry: LaunchState[] = [];
    for (const [launchKey, watched] of this.living) {
      try {
        if (await this.lookAfter(launchKey, watched)) hungry.push(watched.state);
      } catch (error) {
        // The others must still be looked after; this one's observation says what is wrong with it.
        this.report(`The job with launch key ${launchKey} cannot be looked after`, error);
      }
    }
    if (hungry.length === 0) return;
    const table = await ProcessTable.read();
    for (const state of hungry) {
      const limitBytes = (state.record?.memoryMb ?? 0) * 1024 * 1024;
      if (memoryBytes(processesOf(state, table), limitBytes) > limitBytes) {
        await this.launches.end(state, 'memory_limit');
      }
    }
  }

  /** True when the launch has a memory limit that only we can see to. */
  private async lookAfter(launchKey: string, watched: Watched): Promise<boolean> {
    watched.ticks += 1;
    if (!watched.state.started) {
      const state = await this.records.read(launchKey);
      if (!state) {
        this.remove(launchKey);
        return false;
      }
      if (state.started) this.signal(launchKey);
      watched.state = state;
    }
    const { record, supervisor } = watched.state;
    // With a supervisor's end, however it came about, there is something to observe.
    if (supervisor && !isAlive(supervisor)) {
      this.remove(launchKey);
      this.signal(launchKey);
      return false;
    }
    if (watched.ticks % logTicks === 0 && !watched.isLogBeingCut) void this.boundLog(launchKey, watched);
    if (!record || record.memoryMb === null) return false;
    if (record.oomFile === null) return true;
    // A group of the first version loses one process only.
    if ((readOomKills(record.oomFile) ?? 0) > 0) await this.launches.end(watched.state, 'memory_limit');
    return false;
  }

  /** Not waited for: its job may keep the log from being opened for a while. */
  private async boundLog(launchKey: string, watched: Watched): Promise<void> {
    watched.isLogBeingCut = true;
    try {
      await cutLog(this.records, launchKey);
      watched.logProblem = undefined;
    } catch (error) {
      watched.logProblem = sentence(`The log of the job with launch key ${launchKey} cannot be cut`, error);
    } finally {
      watched.isLogBeingCut = false;
    }
  }

  private report(what: string, error: unknown): void {
    this.failure = sentence(what, error);
  }

  private scheduleReports(): void {
    if (this.reportTimer !== undefined) return;
    this.reportTimer = setTimeout(() => {
      this.reportTimer = undefined;
      void this.lookForReports().finally(() => {
        if (this.awaited.size > 0 && !this.closed) this.scheduleReports();
      });
    }, reportPollMs).unref();
  }

  /** Only whether something new is there: what it is worth is found by the observation. */
  private async lookForReports(): Promise<void> {
    const second = Math.floor(Date.now() / 1000);
    for (const [launchKey, report] of this.awaited) {
      const version = await versionOfReport(report.record).catch((error: unknown) => {
        this.report(`The session of the job with launch key ${launchKey} cannot be looked for`, error);
        return undefined;
      });
      if (version === undefined) continue;
      // A report that could not be verified is looked at again each second: the port may just not have been open yet.
      const seen = `${version} ${second}`;
      if (seen === report.seen) continue;
      report.seen = seen;
      this.signal(launchKey);
    }
  }
}

function sentence(what: string, error: unknown): string {
  return `${what}: ${error instanceof Error ? error.message : String(error)}.`;
}
