import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';

/** A process told apart from later ones with the same number by its start time, in the kernel's ticks since boot. */
export interface ProcessId {
  readonly pid: number;
  readonly startTime: string;
}

export interface ProcessStat extends ProcessId {
  readonly parent: number;
  readonly state: string;
}

/** One file of `/proc/<pid>`; `undefined` when the process is gone or not ours to ask. */
function readOf(pid: number, file: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return undefined;
  }
}

export function readStat(pid: number): ProcessStat | undefined {
  const text = readOf(pid, 'stat');
  if (text === undefined) return undefined;
  // The program's name, in parentheses, may itself hold spaces and parentheses.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [state, parent, startTime] = [fields[0], fields[1], fields[19]];
  if (state === undefined || parent === undefined || startTime === undefined) return undefined;
  return { pid, startTime, parent: Number(parent), state };
}

/** A zombie counts as dead: it does nothing any more. */
export function isAlive(process: ProcessId): boolean {
  const stat = readStat(process.pid);
  return stat !== undefined && stat.startTime === process.startTime && stat.state !== 'Z' && stat.state !== 'X';
}

/** Sends a signal to exactly this process; false when it is gone. */
export function signal(target: ProcessId, name: NodeJS.Signals): boolean {
  if (!isAlive(target)) return false;
  try {
    process.kill(target.pid, name);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ESRCH') return false;
    throw error;
  }
}

/** One look at all processes of the machine. */
export class ProcessTable {
  private constructor(private readonly byParent: ReadonlyMap<number, readonly ProcessStat[]>) {}

  static async read(): Promise<ProcessTable> {
    const byParent = new Map<number, ProcessStat[]>();
    let seen = 0;
    for (const pid of allPids()) {
      // Reading is synchronous because that is several times cheaper; on a crowded machine others get their turn.
      if (++seen % 500 === 0) await setImmediate();
      const stat = readStat(pid);
      if (!stat || stat.state === 'Z') continue;
      const siblings = byParent.get(stat.parent);
      if (siblings) siblings.push(stat);
      else byParent.set(stat.parent, [stat]);
    }
    return new ProcessTable(byParent);
  }

  /** Everything below a process. The first process of a namespace takes in its orphans, so below it is the whole namespace, nested ones included. */
  descendants(ancestor: ProcessId): ProcessStat[] {
    const found: ProcessStat[] = [];
    const open = [ancestor.pid];
    for (let pid = open.pop(); pid !== undefined; pid = open.pop()) {
      for (const child of this.byParent.get(pid) ?? []) {
        found.push(child);
        open.push(child.pid);
      }
    }
    return found;
  }

  /** Every process that has this `NAME=value` in its environment. */
  marked(variable: string): ProcessStat[] {
    const needle = `\0${variable}\0`;
    return [...this.byParent.values()].flat().filter(({ pid }) => `\0${readOf(pid, 'environ') ?? ''}`.includes(needle));
  }
}

/** Processes whose command line has all these words in it. */
export function withArguments(...words: readonly string[]): ProcessId[] {
  return allPids()
    .filter((pid) => {
      const commandLine = readOf(pid, 'cmdline') ?? '';
      return words.every((word) => commandLine.includes(word));
    })
    .map(readStat)
    .filter((stat) => stat !== undefined);
}

function allPids(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

/**
 * Memory of some processes together, in bytes. Only if the quick sum, which counts shared pages once per process, is above
 * `worthALookBytes`, the exact one is taken: it costs the kernel a walk over the page tables.
 */
export function memoryBytes(processes: readonly ProcessId[], worthALookBytes: number): number {
  const kilobytes = (pid: number, file: string, pattern: RegExp) => pattern.exec(readOf(pid, file) ?? '')?.[1];
  const resident = processes.map(({ pid }) => Number(kilobytes(pid, 'status', /^VmRSS:\s+(\d+) kB$/m) ?? 0));
  const total = (figures: readonly number[]) => figures.reduce((sum, figure) => sum + figure, 0) * 1024;
  if (total(resident) <= worthALookBytes) return total(resident);
  return total(
    processes.map(({ pid }, index) =>
      Number(kilobytes(pid, 'smaps_rollup', /^Pss:\s+(\d+) kB$/m) ?? resident[index] ?? 0),
    ),
  );
}

/** Inode numbers of the sockets that listen for TCP connections, by port, on any address of this machine. */
export function listeningSockets(): Map<number, Set<string>> {
  const byPort = new Map<number, Set<string>>();
  for (const file of ['net/tcp', 'net/tcp6']) {
    for (const line of (readOf(process.pid, file) ?? '').split('\n').slice(1)) {
      const fields = line.trim().split(/\s+/);
      const [local, state, inode] = [fields[1], fields[3], fields[9]];
      if (state !== '0A' || local === undefined || inode === undefined) continue;
      const port = Number.parseInt(local.slice(local.lastIndexOf(':') + 1), 16);
      byPort.set(port, (byPort.get(port) ?? new Set()).add(inode));
    }
  }
  return byPort;
}

/** Inode numbers of the sockets that these processes hold open. */
export function openSockets(processes: readonly ProcessId[]): Set<string> {
  const inodes = new Set<string>();
  for (const { pid } of processes) {
    for (const descriptor of descriptorsOf(pid)) {
      const match = /^socket:\[(\d+)\]$/.exec(descriptor);
      if (match?.[1] !== undefined) inodes.add(match[1]);
    }
  }
  return inodes;
}

function descriptorsOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).map((name) => {
      try {
        return readlinkSync(`/proc/${pid}/fd/${name}`);
      } catch {
        return ''; // Closed in between.
      }
    });
  } catch {
    return []; // Ended in between, or not ours: then none of its sockets counts as the launch's.
  }
}
