import { createServer } from 'node:net';
import type { SessionAddress } from '@user-workspaces/contract';
import { readReport } from '@user-workspaces/launch';
import { processesOf } from './launches.js';
import { listeningSockets, openSockets, ProcessTable } from './processes.js';
import type { LaunchRecord, LaunchState } from './state.js';

/** What a look for a session found. */
export type SessionState =
  | { readonly session: SessionAddress }
  | { readonly sessionProblem: string; readonly sessionTaken?: true };

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

    const report = await readReport(record, record.uid, secret);
    if (typeof report === 'string') return { sessionProblem: report };
    const sockets = machine.listening(report.port);
    if (sockets.size === 0) {
      return { sessionProblem: `The session is starting: it does not listen on its port ${report.port} yet.` };
    }
    const own = openSockets(processesOf(state, await machine.processes()));
    if (![...sockets].every((socket) => own.has(socket))) {
      const sessionProblem = `Port ${report.port}, which the session reported, belongs to another process.`;
      return { sessionProblem, sessionTaken: true };
    }
    const address = { host: this.host, port: report.port, path: report.path };
    this.verified.set(state.launchKey, { address, sockets: new Set(sockets) });
    this.reserve(report.port, state.launchKey);
    return { session: address };
  }
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
