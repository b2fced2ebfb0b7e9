import { timingSafeEqual } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, lstat, open } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { SessionAddress } from '@user-workspaces/contract';
import { processesOf } from './launches.js';
import { listeningSockets, openSockets, ProcessTable } from './processes.js';
import { hasCode } from './records.js';
import type { LaunchRecord, LaunchState } from './state.js';

/** What a look for a session found. */
export type SessionState = { readonly session: SessionAddress } | { readonly sessionProblem: string };

/** Longest report that is read: a secret, a port and a path. */
const reportBytes = 4096;

/** One look at the machine, shared by all launches of one observation and taken only when one needs it. */
export class MachineView {
  private sockets: Map<number, Set<string>> | undefined;
  private table: Promise<ProcessTable> | undefined;

  listening(port: number): Set<string> {
    this.sockets ??= listeningSockets();
    return this.sockets.get(port) ?? new Set();
  }

  processes(): Promise<ProcessTable> {
    this.table ??= ProcessTable.read();
    return this.table;
  }
}

/**
 * Ports and reports of sessions. A report is the job's word only: an address is given out if the report holds the job's secret and every
 * socket that listens on the port belongs to a process of that very launch, and only as long as those same sockets listen.
 */
export class Sessions {
  private readonly verified = new Map<string, { readonly address: SessionAddress; readonly sockets: Set<string> }>();
  /** Ports assigned to or reported by launches that have not ended: given to no other. */
  private readonly ports = new Map<number, string>();

  constructor(private readonly host: string) {}

  /** A port that is free now and not promised to another launch. */
  async assignPort(launchKey: string): Promise<number> {
    for (;;) {
      const port = await freePort();
      if (this.ports.has(port)) continue;
      this.ports.set(port, launchKey);
      return port;
    }
  }

  reserve(port: number, launchKey: string): void {
    if (!this.ports.has(port)) this.ports.set(port, launchKey);
  }

  release(launchKey: string): void {
    this.verified.delete(launchKey);
    for (const [port, owner] of this.ports) if (owner === launchKey) this.ports.delete(port);
  }

  async find(state: LaunchState, record: LaunchRecord, secret: string, machine: MachineView): Promise<SessionState> {
    const known = this.verified.get(state.launchKey);
    if (known && equal(known.sockets, machine.listening(known.address.port))) return { session: known.address };
    this.verified.delete(state.launchKey);

    const report = await readReport(record, secret);
    if (typeof report === 'string') return { sessionProblem: report };
    const sockets = machine.listening(report.port);
    if (sockets.size === 0) {
      return { sessionProblem: `The session is starting: it does not listen on its port ${report.port} yet.` };
    }
    const own = openSockets(processesOf(state, await machine.processes()));
    if (![...sockets].every((socket) => own.has(socket))) {
      return { sessionProblem: `Port ${report.port}, which the session reported, belongs to another process.` };
    }
    const address = { host: this.host, port: report.port, path: report.path };
    this.verified.set(state.launchKey, { address, sockets: new Set(sockets) });
    this.reserve(report.port, state.launchKey);
    return { session: address };
  }
}

/**
 * Lends the path of the report in the job directory: a place that the job's account can fill with links, pipes and huge files while we look. Directories are
 * held open and entered by their handles; the report itself may be a link, which is not to be followed.
 */
async function withReport<T>(
  { workspacePath, jobId }: Pick<LaunchRecord, 'workspacePath' | 'jobId'>,
  work: (path: string) => Promise<T>,
): Promise<T> {
  const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW } = constants;
  const held: FileHandle[] = [];
  const enter = async (path: string): Promise<string> => {
    const handle = await open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    held.push(handle);
    return `/proc/self/fd/${handle.fd}`;
  };
  try {
    const workspace = await enter(workspacePath);
    const directory = await enter(`${workspace}/.${jobId}`);
    return await work(`${directory}/session`);
  } finally {
    for (const handle of held) await handle.close();
  }
}

/** Changes with the report, whatever lies there in its place; `undefined` while nothing does. Nothing outside the job directory is looked at. */
export async function versionOfReport(
  place: Pick<LaunchRecord, 'workspacePath' | 'jobId'>,
): Promise<string | undefined> {
  try {
    const { ino, mtimeMs } = await withReport(place, (path) => lstat(path));
    return `${ino} ${mtimeMs}`;
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR', 'ELOOP', 'EACCES', 'EPERM')) return undefined;
    throw error;
  }
}

/** Reads the report, which may be a pipe by now, or any file. */
async function readReport(record: LaunchRecord, secret: string): Promise<{ port: number; path: string } | string> {
  try {
    return await withReport(record, async (path) => {
      const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
      try {
        const status = await file.stat();
        if (!status.isFile() || status.uid !== record.uid) return 'The report of the session is not a file of the job.';
        if (status.size > reportBytes) return 'The report of the session is too long.';
        const buffer = Buffer.alloc(reportBytes);
        const { bytesRead } = await file.read(buffer, 0, reportBytes, 0);
        return parseReport(buffer.toString('utf8', 0, bytesRead), secret);
      } finally {
        await file.close();
      }
    });
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return 'The session has not reported its port yet.';
    if (hasCode(error, 'ELOOP', 'ENOTDIR')) return 'The job directory or the report of the session in it is a link.';
    if (hasCode(error, 'ENXIO', 'EACCES', 'EPERM')) return 'The report of the session cannot be read.';
    throw error;
  }
}

/** The port and path of a report, or a sentence that says what is wrong with it. */
function parseReport(text: string, secret: string): { port: number; path: string } | string {
  const [, given, portText, path] = /^(\S+) (\d{1,5}) (.+)\n$/s.exec(text) ?? [];
  if (given === undefined || path === undefined) return 'The report of the session is not "<secret> <port> <path>".';
  const [expected, actual] = [Buffer.from(secret), Buffer.from(given)];
  if (expected.length !== actual.length || !timingSafeEqual(expected, actual)) {
    return 'The report of the session does not hold the secret of this job.';
  }
  const port = Number(portText);
  if (port < 1024 || port > 65535) return 'The port that the session reported is not in 1024..65535.';
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
  if (!/^\/[^\x00-\x20\x7f?#\\]*$/.test(path))
    return 'The path that the session reported is not a plain absolute path.';
  return { port, path };
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    // Without a host: on every address, so that it is free on whichever the job chooses.
    server.listen(0, () => {
      const address = server.address();
      server.close(() => {
        if (typeof address === 'object' && address !== null) resolve(address.port);
        else reject(new Error('The kernel gave no port.'));
      });
    });
  });
}

function equal(one: ReadonlySet<string>, other: ReadonlySet<string>): boolean {
  return one.size === other.size && [...one].every((item) => other.has(item));
}
